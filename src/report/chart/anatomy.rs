//! The anatomy of an outage: for each service how busy it was, how many requests waited, how many of
//! the calls to it failed and which breakers were open, as strips above each other on one time axis.

use super::Sketch;
use super::bands::Bands;
use super::canvas::{self, Anchor, Canvas, Letters, Stroke};
use super::font::{fit, width};
use super::frame::{Axis, FOOT, Frame, HEAD, head, letters, time_name};
use super::graph::{Graph, Part};
use super::latency::{subtitle, total};
use super::scale::Scale;
use super::steps;
use super::theme::{GRID, HEIGHT, INK, LABEL, MARGIN, PALETTE, SOFT, WIDTH, for_letters};
use crate::Error;
use crate::units::three_digits;
use plotters::style::RGBColor;
use study::record::{RunRecord, ServiceSeries};

/// Services that have room.
const MOST: usize = 8;
/// Of a strip.
const LOWEST: f64 = 22.0;
const TALLEST: f64 = 84.0;
/// A service is full when so many of its workers are busy over a whole window.
const FULL: f64 = 0.8;
/// Between two strips, and between two services.
const GAP: f64 = 5.0;
const GROUP_GAP: f64 = 14.0;
/// Of the services' names.
const WIDEST_NAME: f64 = 210.0;
/// Of the strips' names and of what they reach.
const SMALL: f64 = 17.0;
/// At the right.
const PEAKS: f64 = 118.0;

/// A figure of a service over time.
struct Strip {
    what: &'static str,
    color: RGBColor,
    values: Vec<f64>,
    /// A part of it, drawn over it.
    part: Option<Vec<f64>>,
    /// What the strip's full height stands for.
    most: f64,
    /// What the highest value is, for people.
    peak: String,
}

/// A service, or all users.
struct Patient {
    name: String,
    strips: Vec<Strip>,
    /// How bad it was; the worst get the room.
    ill: f64,
    /// Nothing failed or waited, and it was never full.
    is_sound: bool,
}

/// Nothing where no service did anything.
pub(super) fn draw(record: &RunRecord) -> Result<Option<Sketch>, Error> {
    let graph = Graph::of(record);
    let (patients, more) = patients(record, &graph);
    if patients.is_empty() {
        return Ok(None);
    }
    let title = match graph.parts.iter().any(|part| highest(&part.failing) > 0.0) {
        true => format!("Anatomy of an outage: {}", record.model),
        false => format!("Services of {} over time", record.model),
    };
    let more = match more {
        0 => String::new(),
        1 => " · 1 more service, less affected".to_owned(),
        n => format!(" · {n} more services, less affected"),
    };
    let mut strips = patients.iter().flat_map(|p| &p.strips);
    let wasted = match strips.any(|strip| strip.part.is_some()) {
        true => " · dark: for callers who had given up",
        false => "",
    };
    let subtitle = format!("{}{wasted}{more}", subtitle("", record));
    let x = Axis::time(total(&record.series));
    let names = patients.iter().map(|p| width(&p.name, LABEL));
    let names = names.fold(0.0, f64::max).min(WIDEST_NAME);
    let strips = patients.iter().flat_map(|p| &p.strips);
    let whats = strips
        .map(|strip| width(strip.what, SMALL))
        .fold(0.0, f64::max);
    let left = MARGIN + names + 24.0 + whats + 12.0;
    let right = WIDTH - MARGIN - PEAKS;
    let svg = canvas::draw(|canvas| {
        head(canvas, &title, &subtitle)?;
        let scale = x.scale((left, right));
        let bands = Bands::of(&record.series, &scale, left, right);
        // No name of a y axis stands above the frame here.
        let top = HEAD - 30.0 + bands.height();
        let bottom = HEIGHT - FOOT;
        let tall = height(&patients, bottom - top);
        let end = top + used(&patients, tall);
        bands.draw(canvas, top, end)?;
        let sheet = Sheet {
            left,
            right,
            x: scale,
            window: record.series.window_s,
        };
        let mut y = top;
        for patient in &patients {
            sheet.patient(canvas, patient, y, tall)?;
            y += patient.strips.len() as f64 * (tall + GAP) - GAP + GROUP_GAP;
        }
        let frame = sheet.frame(1.0, end - 1.0, end);
        frame.x_ticks(canvas, &x, LABEL)?;
        time_name(canvas, &x.name, left, right)
    })?;
    Ok(Some(Sketch { title, svg }))
}

/// Users first, then the worst hit, and how many services are left out.
fn patients(record: &RunRecord, graph: &Graph<'_>) -> (Vec<Patient>, usize) {
    let failing = graph.parts.iter().map(|part| highest(&part.failing));
    let failing = failing.fold(0.01, f64::max);
    let mut services: Vec<Patient> = record
        .series
        .services
        .iter()
        .filter_map(|(name, series)| {
            let of = |part: &&Part<'_>| !part.is_workload && part.name == name;
            let part = graph.parts.iter().find(of);
            Some(patient(name, series, part, failing)).filter(|p| !p.strips.is_empty())
        })
        .collect();
    services.sort_by(|a, b| b.ill.total_cmp(&a.ill).then(a.name.cmp(&b.name)));
    let all = services.len();
    // Who has nothing to tell of the outage is left out, unless there was none.
    if services.iter().any(|service| !service.is_sound) {
        services.retain(|service| !service.is_sound);
    }
    let mut patients: Vec<Patient> = graph
        .parts
        .iter()
        .filter(|part| part.is_workload)
        .filter_map(|part| {
            let strips = vec![errors(&part.failing, failing)?];
            let name = part.name.to_owned();
            let ill = mean(&part.failing);
            Some(Patient {
                name,
                strips,
                ill,
                is_sound: false,
            })
        })
        .collect();
    patients.sort_by(|a, b| b.ill.total_cmp(&a.ill));
    patients.truncate(2);
    let users = patients.len();
    let room = HEIGHT - HEAD - FOOT - 60.0;
    for service in services.into_iter().take(MOST) {
        patients.push(service);
        if used(&patients, LOWEST) > room {
            patients.pop();
            break;
        }
    }
    if patients.len() == users {
        patients.clear();
    }
    let shown = patients.len().saturating_sub(users);
    (patients, all - shown)
}

fn patient(name: &str, series: &ServiceSeries, part: Option<&Part<'_>>, failing: f64) -> Patient {
    let busy = Strip {
        what: "workers busy",
        color: PALETTE[0],
        most: highest(&series.utilization).max(1.0),
        peak: format!("{:.0} %", highest(&series.utilization) * 100.0),
        part: (highest(&series.wasted) >= 0.01).then(|| series.wasted.clone()),
        values: series.utilization.clone(),
    };
    let queue = highest(&series.queue_length);
    let waiting = Strip {
        what: "requests waiting",
        color: PALETTE[4],
        most: queue,
        peak: three_digits(queue),
        part: None,
        values: series.queue_length.clone(),
    };
    let open = part.map_or(&[][..], |part| &part.open);
    let breakers = Strip {
        what: "breakers open",
        color: PALETTE[3],
        most: highest(open).max(1.0),
        peak: format!("{:.1}", highest(open)),
        part: None,
        values: open.to_vec(),
    };
    let errors = part.and_then(|part| errors(&part.failing, failing));
    let ill = part.map_or(0.0, |part| mean(&part.failing)) * 2.0
        + mean(&series.utilization) * 0.2
        + mean(&series.wasted)
        + (series
            .utilization
            .iter()
            .filter(|busy| **busy > 0.95)
            .count() as f64
            / series.utilization.len().max(1) as f64);
    let mut strips = Vec::new();
    let full = highest(&busy.values) >= FULL;
    if highest(&busy.values) >= 0.01 {
        strips.push(busy);
    }
    // Less than one on average over a window is no queue to speak of.
    if queue >= 1.0 {
        strips.push(waiting);
    }
    strips.extend(errors);
    if highest(&breakers.values) > 0.0 {
        strips.push(breakers);
    }
    let is_sound = !full && strips.iter().all(|strip| strip.what == "workers busy");
    Patient {
        name: name.to_owned(),
        strips,
        ill,
        is_sound,
    }
}

/// All on the scale of the worst; none where less than one in a thousand failed.
fn errors(failing: &[f64], most: f64) -> Option<Strip> {
    let peak = highest(failing);
    (peak >= 0.001).then(|| Strip {
        what: "calls failing",
        color: PALETTE[1],
        most,
        peak: match peak * 100.0 {
            percent if percent < 10.0 => format!("{percent:.1} %"),
            percent => format!("{percent:.0} %"),
        },
        part: None,
        values: failing.to_vec(),
    })
}

fn highest(values: &[f64]) -> f64 {
    let finite = values.iter().copied().filter(|v| v.is_finite());
    finite.fold(0.0, f64::max)
}

fn mean(values: &[f64]) -> f64 {
    let finite = values.iter().copied().filter(|v| v.is_finite());
    finite.sum::<f64>() / values.len().max(1) as f64
}

/// Of a strip, so that all have room.
fn height(patients: &[Patient], room: f64) -> f64 {
    let strips: usize = patients.iter().map(|p| p.strips.len()).sum();
    let gaps = used(patients, 0.0);
    ((room - gaps) / strips as f64).min(TALLEST)
}

/// What strips of a height take, with the gaps between them.
fn used(patients: &[Patient], tall: f64) -> f64 {
    let of = |patient: &Patient| patient.strips.len() as f64 * (tall + GAP) - GAP + GROUP_GAP;
    patients.iter().map(of).sum::<f64>() - GROUP_GAP
}

struct Sheet {
    left: f64,
    right: f64,
    x: Scale,
    window: f64,
}

impl Sheet {
    fn frame(&self, most: f64, top: f64, bottom: f64) -> Frame {
        Frame {
            x: self.x,
            y: Scale::linear((0.0, most), (bottom, top)),
            left: self.left,
            right: self.right,
            top,
            bottom,
        }
    }

    fn patient(
        &self,
        canvas: &Canvas<'_>,
        patient: &Patient,
        top: f64,
        tall: f64,
    ) -> Result<(), Error> {
        let size = LABEL.min(tall);
        let bold = Letters {
            bold: true,
            ..letters(INK, size, Anchor::Start)
        };
        let name = fit(&patient.name, size * 1.04, WIDEST_NAME);
        canvas.text((MARGIN, top + tall / 2.0), &name, bold)?;
        for (row, strip) in patient.strips.iter().enumerate() {
            let top = top + row as f64 * (tall + GAP);
            let frame = self.frame(strip.most, top, top + tall);
            let middle = top + tall / 2.0;
            let what = letters(for_letters(strip.color), SMALL, Anchor::End);
            canvas.text((self.left - 12.0, middle), strip.what, what)?;
            steps::fill(
                canvas,
                &frame,
                (None, &strip.values),
                self.window,
                (strip.color, 0.75),
            )?;
            if let Some(part) = &strip.part {
                steps::fill(canvas, &frame, (None, part), self.window, (INK, 0.7))?;
            }
            let floor = Stroke {
                color: GRID,
                alpha: 1.0,
                width: 1.5,
            };
            let ends = [(self.left, frame.bottom), (self.right, frame.bottom)];
            canvas.line(&ends, floor)?;
            let soft = letters(SOFT, SMALL, Anchor::Start);
            canvas.text(
                (self.right + 12.0, middle),
                &format!("peak {}", strip.peak),
                soft,
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::checkout;

    #[test]
    fn the_worst_hit_come_first_and_strips_that_say_nothing_are_left_out() {
        let record = checkout();
        let (patients, more) = patients(&record, &Graph::of(&record));
        let names: Vec<&str> = patients.iter().map(|p| p.name.as_str()).collect();
        // All are as busy as each other here; the calls to them fail for as long, and differ in share.
        assert_eq!(
            names,
            [
                "shoppers",
                "admins",
                "payment",
                "order",
                "gateway",
                "inventory"
            ]
        );
        assert_eq!(more, 0);
        let strips = |at: usize| patients[at].strips.iter().map(|s| s.what);
        assert!(strips(0).eq(["calls failing"]));
        assert!(strips(2).eq(["workers busy", "requests waiting", "calls failing"]));
        assert!(strips(3).eq([
            "workers busy",
            "requests waiting",
            "calls failing",
            "breakers open"
        ]));
        assert!(strips(5).eq(["workers busy", "requests waiting"]));
    }

    #[test]
    fn strips_share_the_room_they_have() {
        let record = checkout();
        let (patients, _) = patients(&record, &Graph::of(&record));
        let tall = height(&patients, 600.0);
        assert!(tall >= LOWEST);
        assert!((used(&patients, tall) - 600.0).abs() < 1e-9);
    }
}

//! The latency by percentile, as HDR histograms are shown: each nine takes as much room as the one
//! before it, so that the tail is as well seen as the median. A step upwards is a cause of its own.

use super::Sketch;
use super::axes;
use super::beside::{Corner, Cross, Curve, label};
use super::canvas::{self, Stroke};
use super::cast::{cast, of_whom, remark};
use super::ccdf::{LEAST, curve, marks, places};
use super::frame::{Axis, frame, head};
use crate::Error;
use study::record::RunRecord;

pub(super) fn draw(record: &RunRecord) -> Result<Sketch, Error> {
    let actors = cast(record);
    let curves: Vec<Vec<(f64, f64)>> = actors
        .iter()
        .map(|a| by_percentile(&a.series.ccdf))
        .collect();
    let marks = marks(record);
    let title = format!("Latency by percentile {}", of_whom(&actors));
    let latencies = curves.iter().flatten().map(|point| point.1);
    let y = axes::latency(latencies.chain(marks.iter().map(|mark| mark.latency)));
    let ranks = curves.iter().flatten().map(|point| point.0);
    let x = axis(ranks.chain(marks.iter().map(|mark| rank(mark.share))));

    let svg = canvas::draw(|canvas| {
        let subtitle = format!(
            "{} · this share of the answers was no slower, after the warm-up{}",
            record.model,
            remark(&actors)
        );
        head(canvas, &title, &subtitle)?;
        let frame = frame(canvas, &x, &y, &[], None)?;
        let place = |(rank, latency)| (frame.x.place(rank), frame.y.place(latency));
        let mut lines = Vec::new();
        for (actor, curve) in actors.iter().zip(&curves) {
            let line = places(curve, place);
            let stroke = Stroke {
                color: actor.color,
                alpha: 1.0,
                width: if actor.named { 3.0 } else { 1.5 },
            };
            canvas.line(&line, stroke)?;
            lines.push(Curve {
                name: actor.named.then_some(actor.name),
                color: actor.color,
                line,
            });
        }
        if lines.iter().all(|curve| curve.line.is_empty()) {
            frame.message(canvas, "no request succeeded")?;
        }
        let crosses: Vec<Cross> = marks
            .iter()
            .map(|mark| Cross {
                at: place((rank(mark.share), mark.latency)),
                text: mark.text.clone(),
            })
            .collect();
        // A rising line leaves the upper left empty.
        label(canvas, &frame, &lines, &crosses, Corner::Left)
    })?;
    Ok(Sketch { title, svg })
}

/// Where a percentile stands on the axis: 1 for all, 10 for the slowest tenth, 100 for the slowest
/// hundredth.
fn rank(share_slower: f64) -> f64 {
    1.0 / share_slower.max(LEAST)
}

/// Rank and latency, both rising. The slowest of all has no percentile below 100 % and is left out.
fn by_percentile(ccdf: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let measured: Vec<(f64, f64)> = ccdf
        .iter()
        .copied()
        .filter(|(_, share)| *share >= LEAST)
        .collect();
    curve(&measured)
        .into_iter()
        .map(|(latency, share)| (rank(share), latency))
        .collect()
}

fn axis(ranks: impl Iterator<Item = f64>) -> Axis {
    let most = ranks.fold(100.0, f64::max);
    let decades = (most.log10() - 1e-9).ceil().clamp(2.0, 5.0) as i32;
    let mut ticks = vec![(1.0, "0 %".to_owned()), (2.0, "50 %".to_owned())];
    ticks.extend((1..=decades).map(|nines| {
        let text = match nines {
            1 => "90 %".to_owned(),
            2 => "99 %".to_owned(),
            n => format!("99.{} %", "9".repeat(n as usize - 2)),
        };
        (10f64.powi(nines), text)
    }));
    Axis {
        name: "share of the answers, each nine as wide as the last".into(),
        range: (1.0, 10f64.powi(decades)),
        log: true,
        ticks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_nine_takes_the_same_room() {
        let points = by_percentile(&[(1.0, 0.5), (2.0, 0.1), (3.0, 0.01), (4.0, 0.0)]);
        let ranks: Vec<f64> = points.iter().map(|p| p.0.round()).collect();
        assert_eq!(ranks, [1.0, 2.0, 10.0, 100.0]);
        assert_eq!(points.last().unwrap().1, 3.0);
        let axis = axis(ranks.into_iter());
        let texts: Vec<&str> = axis.ticks.iter().map(|tick| tick.1.as_str()).collect();
        assert_eq!(texts, ["0 %", "50 %", "90 %", "99 %"]);
    }
}

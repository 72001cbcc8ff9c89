//! The anatomy of an outage: what users lost, and a strip of what each service did, all on one axis of
//! time.

use crate::html::plot::{Axis, Band, Curve, Kind, Plot, Plots};
use crate::html::show::Show;
use crate::share::availability;
use maud::{Markup, html};
use study::record::{EdgeSeries, RunRecord, Series, ServiceSeries, WorkloadSeries};

/// Charts that share the axis of time are read and zoomed together.
const TIME: &str = "time";
/// So many services' strips are.
const MOST_LANES: usize = 12;
/// So many calls in a window are too few for a share of them.
const FEW_CALLS: f64 = 5.0;
/// Colours, in order.
const INKS: [&str; 6] = ["s0", "s1", "s2", "s3", "s4", "s5"];

/// Whether there is anything to be drawn.
pub(super) fn is_there(record: &RunRecord) -> bool {
    windows(&record.series) > 0
}

fn windows(series: &Series) -> usize {
    let workloads = series.workloads.values().map(|w| w.issued.len());
    let services = series.services.values().map(|s| s.arrivals.len());
    workloads.chain(services).max().unwrap_or(0)
}

fn time_axis(series: &Series) -> Axis {
    Axis::linear(Show::Seconds, 0.0, windows(series) as f64 * series.window_s)
}

fn bands(series: &Series) -> Vec<Band> {
    let warmup = Band {
        label: "warm-up".into(),
        from: 0.0,
        to: series.warmup_s,
        class: "warmup",
    };
    let spans = |spans: &[study::record::FaultSpan], class: &'static str| -> Vec<Band> {
        let bands = spans.iter().map(|span| Band {
            label: span.label.clone(),
            from: span.from_s,
            to: span.to_s,
            class,
        });
        bands.collect()
    };
    let warmup = (series.warmup_s > 0.0).then_some(warmup).into_iter();
    warmup
        .chain(spans(&series.faults, "fault"))
        .chain(spans(&series.leaderless, "leaderless"))
        .collect()
}

pub(super) fn plot(series: &Series, title: impl Into<String>, y: Axis, curves: Vec<Curve>) -> Plot {
    Plot {
        title: title.into(),
        about: String::new(),
        group: TIME,
        window: series.window_s,
        x: time_axis(series),
        y,
        curves,
        bands: bands(series),
        rules: Vec::new(),
        lane: false,
    }
}

/// The anatomy of an outage: what users lost, then what each service did at that time, from those whom
/// users call to those behind.
pub(super) fn anatomy(record: &RunRecord, order: &[&str], plots: &mut Plots) -> Markup {
    let series = &record.series;
    let mut names: Vec<&str> = Vec::new();
    for name in order
        .iter()
        .filter(|name| series.services.contains_key(**name))
    {
        // A store may be called as a service is.
        if !names.contains(name) {
            names.push(name);
        }
    }
    let mut lanes: Vec<(&str, f64, Plot)> = names
        .iter()
        .map(|name| (*name, trouble(series, name), lane(series, name)))
        .collect();
    // The worst are unfolded, all in the order of calls.
    let mut worst: Vec<f64> = lanes.iter().map(|(_, trouble, _)| *trouble).collect();
    worst.sort_by(|a, b| b.total_cmp(a));
    let least = worst
        .get(MOST_LANES.min(worst.len().max(1)) - 1)
        .copied()
        .unwrap_or(0.0);
    let mut shown: Vec<Plot> = Vec::new();
    let mut folded: Vec<Plot> = Vec::new();
    for (_, trouble, plot) in lanes.drain(..) {
        let room = shown.len() < MOST_LANES;
        if room && trouble >= least {
            shown.push(plot)
        } else {
            folded.push(plot)
        }
    }
    html! {
        p.about { "Every strip has the same axis of time: read a moment from top to bottom. Shaded: faults, changes and the warm-up. Drag over a chart to zoom, double-click to zoom out, click a name to hide a curve." }
        (plots.draw(&lost(record)))
        @if let Some(plot) = attempts(record) { (plots.draw(&plot)) }
        h3 { "Services, from those whom users call to those behind" }
        @for plot in &shown { (plots.draw(plot)) }
        @if !folded.is_empty() {
            details {
                summary { "the other " (folded.len()) " services" }
                @for plot in &folded { (plots.draw(plot)) }
            }
        }
    }
}

/// The share of each workload's requests that failed, of those that lost any, the worst first.
fn lost(record: &RunRecord) -> Plot {
    let series = &record.series;
    let failed = |workload: &WorkloadSeries| -> f64 {
        let rates = workload.failed.values().flatten();
        rates.copied().sum()
    };
    let all = series.workloads.iter();
    let mut all: Vec<(f64, &String, &WorkloadSeries)> = all
        .map(|(name, workload)| (failed(workload), name, workload))
        .collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let whole = all.len();
    if all.iter().any(|(failed, ..)| *failed > 0.0) {
        all.retain(|(failed, ..)| *failed > 0.0);
    }
    let well = match whole - all.len() {
        0 => String::new(),
        1 => "; one workload lost none".to_owned(),
        n => format!("; {n} workloads lost none"),
    };
    let mut curves: Vec<Curve> = (all.iter().enumerate())
        .map(|(at, (_, name, workload))| {
            let lost = availability(workload).into_iter().map(|share| 1.0 - share);
            let ink = INKS.get(at).copied().unwrap_or("sx");
            Curve::new(name.as_str(), ink, Kind::Line, lost.collect())
        })
        .collect();
    // The worst lies on top.
    curves.reverse();
    let y = Axis::from_zero(Show::Share, values(&curves));
    let y = Axis {
        high: y.high.clamp(0.001, 1.04),
        ..y
    };
    Plot {
        about: format!("of those that ended in a window{well}"),
        ..plot(series, "Requests that failed", y, curves)
    }
}

pub(super) fn values(curves: &[Curve]) -> impl Iterator<Item = f64> {
    curves.iter().flat_map(|curve| curve.y.iter().copied())
}

/// How bad a service ever was; only good for an order.
fn trouble(series: &Series, name: &str) -> f64 {
    let service = &series.services[name];
    let most = |values: &[f64]| {
        values
            .iter()
            .copied()
            .filter(|v| v.is_finite())
            .fold(0.0, f64::max)
    };
    let open = breakers(series, name).map_or(0.0, |open| most(&open));
    let failed = failed_calls(series, name).map_or(0.0, |failed| most(&failed));
    most(&service.utilization) + 2.0 * failed + open.min(1.0) + refused(service)
}

fn refused(service: &ServiceSeries) -> f64 {
    let (all, refused): (f64, f64) = (service.arrivals.iter().sum(), service.refused.iter().sum());
    if all > 0.0 {
        (refused / all).min(1.0)
    } else {
        0.0
    }
}

/// Breakers that are open towards a service, all callers together.
fn breakers(series: &Series, name: &str) -> Option<Vec<f64>> {
    let edges = series.breakers.iter();
    let to = edges.filter(|(edge, _)| target(edge) == Some(name));
    to.map(|(_, open)| open.clone())
        .reduce(|a, b| a.iter().zip(&b).map(|(a, b)| a + b).collect())
}

/// The service that an edge, `caller->service.endpoint`, leads to.
fn target(edge: &str) -> Option<&str> {
    let (_, rest) = edge.split_once("->")?;
    rest.rsplit_once('.').map(|(service, _)| service)
}

fn lane(series: &Series, name: &str) -> Plot {
    let service = &series.services[name];
    let mut curves = vec![Curve::new(
        "busy",
        "s0",
        Kind::Area,
        service.utilization.clone(),
    )];
    let most = service.queue_length.iter().copied().fold(0.0, f64::max);
    if most > 0.05 {
        let name = format!("queue, at most {}", Show::Count.text(most));
        let mut queue = Curve::new(name, "s2", Kind::Line, service.queue_length.clone());
        queue.factor = Some(1.0 / most);
        queue.show = Some(Show::Count);
        curves.push(queue);
    }
    if service.wasted.iter().any(|v| *v > 0.001) {
        curves.push(Curve::new(
            "busy in vain",
            "s3",
            Kind::Area,
            service.wasted.clone(),
        ));
    }
    if let Some(failed) = failed_calls(series, name).filter(|f| f.iter().any(|v| *v > 0.0)) {
        curves.push(Curve::new("calls failed", "s1", Kind::Line, failed));
    }
    if let Some(open) = breakers(series, name).filter(|open| open.iter().any(|v| *v > 0.005)) {
        let mut flag = Curve::new("breakers open", "s5", Kind::Flag, open);
        flag.show = Some(Show::Count);
        curves.push(flag);
    }
    if !service.instances.is_empty() {
        let most = service.instances.iter().copied().fold(1.0, f64::max);
        let name = format!("instances, at most {}", Show::Count.text(most));
        let mut instances = Curve::new(name, "s3", Kind::Dash, service.instances.clone());
        instances.factor = Some(1.0 / most);
        instances.show = Some(Show::Count);
        curves.push(instances);
    }
    let y = Axis {
        fixed: true,
        ..Axis::linear(Show::Share, 0.0, 1.0)
    };
    Plot {
        lane: true,
        ..plot(series, name, y, curves)
    }
}

/// The share of calls to a service that failed, of those that ended in a window.
fn failed_calls(series: &Series, name: &str) -> Option<Vec<f64>> {
    let edges = series
        .edges
        .iter()
        .filter(|(edge, _)| target(edge) == Some(name));
    let edges: Vec<&EdgeSeries> = edges.map(|(_, edge)| edge).collect();
    let windows = edges.first()?.calls.len();
    // Nothing is known of a window in which no call ended.
    let share = |at: usize| {
        let good: f64 = edges.iter().filter_map(|edge| edge.succeeded.get(at)).sum();
        let failed = edges.iter().flat_map(|edge| edge.failed.values());
        let failed: f64 = failed.filter_map(|rates| rates.get(at)).sum();
        failed / (good + failed)
    };
    Some((0..windows).map(share).collect())
}

/// Attempts for each call, of the edges that send most attempts more than they have calls; none where
/// nothing is repeated.
fn attempts(record: &RunRecord) -> Option<Plot> {
    let series = &record.series;
    // Fewer calls than this in a window say nothing of how often a call is tried.
    let least = FEW_CALLS / (series.window_s * f64::from(record.replications.max(1)));
    let mut repeated: Vec<(f64, &String, Vec<f64>)> = series
        .edges
        .iter()
        .map(|(name, edge)| {
            let pairs = edge.attempts.iter().zip(&edge.calls);
            let each = pairs.map(|(attempts, calls)| match *calls >= least {
                true => attempts / calls,
                false => f64::NAN,
            });
            let attempts: f64 = edge.attempts.iter().sum();
            let calls: f64 = edge.calls.iter().sum();
            (attempts - calls * 1.001, name, each.collect())
        })
        .filter(|(more, ..)| *more > 0.0)
        .collect();
    repeated.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let curves: Vec<Curve> = (repeated.into_iter().zip(INKS))
        .map(|((_, name, each), ink)| Curve::new(name.as_str(), ink, Kind::Line, each))
        .collect();
    if curves.is_empty() {
        return None;
    }
    let y = Axis::from_zero(Show::Count, values(&curves));
    Some(Plot {
        about: "attempts for each call: above 1, retries and hedges add load".into(),
        ..plot(series, "Retries", y, curves)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_names_its_target() {
        assert_eq!(target("a.b->pay.charge"), Some("pay"));
        assert_eq!(target("nonsense"), None);
    }
}

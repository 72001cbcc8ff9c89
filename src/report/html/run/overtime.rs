//! A run over time: for each workload what its users saw, and for each service a strip of what it did,
//! all on one axis.

use crate::html::plot::{Axis, Band, Curve, Kind, Plot, Plots, Rule};
use crate::html::show::Show;
use crate::html::topology::Place;
use crate::share::{availability, floor};
use maud::{Markup, html};
use study::record::{Objective, RunRecord, Series, ServiceSeries, WorkloadSeries};

/// Charts that share the axis of time are read and zoomed together.
const TIME: &str = "time";
/// So many workloads are shown unfolded.
const MOST_WORKLOADS: usize = 4;
/// So many services' strips are.
const MOST_LANES: usize = 12;
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

/// The colour of a kind of failure, the same everywhere.
pub(super) fn ink_of(kind: &str) -> &'static str {
    match kind {
        "timeout" => "s1",
        "rejected" => "s5",
        "unavailable" => "s3",
        "error" => "s4",
        "aborted" => "sk",
        _ => "sx",
    }
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

fn plot(series: &Series, title: impl Into<String>, y: Axis, curves: Vec<Curve>) -> Plot {
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
pub(super) fn anatomy(record: &RunRecord, places: &[Place], order: &[usize], plots: &mut Plots) -> Markup {
    let series = &record.series;
    let names = order.iter().map(|at| places[*at].name.as_str());
    let names: Vec<&str> = names.filter(|name| series.services.contains_key(*name)).collect();
    let mut lanes: Vec<(&str, f64, Plot)> = names
        .iter()
        .map(|name| (*name, trouble(series, name), lane(series, name)))
        .collect();
    // The worst are unfolded, all in the order of calls.
    let mut worst: Vec<f64> = lanes.iter().map(|(_, trouble, _)| *trouble).collect();
    worst.sort_by(|a, b| b.total_cmp(a));
    let least = worst.get(MOST_LANES.min(worst.len().max(1)) - 1).copied().unwrap_or(0.0);
    let mut shown: Vec<Plot> = Vec::new();
    let mut folded: Vec<Plot> = Vec::new();
    for (_, trouble, plot) in lanes.drain(..) {
        let room = shown.len() < MOST_LANES;
        if room && trouble >= least { shown.push(plot) } else { folded.push(plot) }
    }
    html! {
        p.about { "Every strip has the same axis of time: read a moment from top to bottom. Shaded: faults, changes and the warm-up. Drag over a chart to zoom, double-click to zoom out, click a name to hide a curve." }
        (plots.draw(&lost(record)))
        @if let Some(plot) = attempts(series) { (plots.draw(&plot)) }
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

/// The share of each workload's requests that failed.
fn lost(record: &RunRecord) -> Plot {
    let series = &record.series;
    let curves: Vec<Curve> = series
        .workloads
        .iter()
        .enumerate()
        .map(|(at, (name, workload))| {
            let lost = availability(workload).into_iter().map(|share| 1.0 - share);
            let ink = INKS.get(at).copied().unwrap_or("sx");
            Curve::new(name.as_str(), ink, Kind::Line, lost.collect())
        })
        .collect();
    let y = Axis::from_zero(Show::Share, values(&curves));
    let y = Axis { high: y.high.clamp(0.001, 1.0), ..y };
    Plot {
        about: "of those that ended in a window".into(),
        ..plot(series, "Requests that failed", y, curves)
    }
}

fn values(curves: &[Curve]) -> impl Iterator<Item = f64> {
    curves.iter().flat_map(|curve| curve.y.iter().copied())
}

/// How bad a service ever was; only good for an order.
fn trouble(series: &Series, name: &str) -> f64 {
    let service = &series.services[name];
    let most = |values: &[f64]| values.iter().copied().filter(|v| v.is_finite()).fold(0.0, f64::max);
    let open = breakers(series, name).map_or(0.0, |open| most(&open));
    let failed = failed_calls(series, name).map_or(0.0, |failed| most(&failed));
    most(&service.utilization) + 2.0 * failed + open.min(1.0) + refused(service)
}

fn refused(service: &ServiceSeries) -> f64 {
    let (all, refused): (f64, f64) = (service.arrivals.iter().sum(), service.refused.iter().sum());
    if all > 0.0 { (refused / all).min(1.0) } else { 0.0 }
}

/// Breakers that are open towards a service, all callers together.
fn breakers(series: &Series, name: &str) -> Option<Vec<f64>> {
    let edges = series.breakers.iter();
    let to = edges.filter(|(edge, _)| target(edge) == Some(name));
    to.map(|(_, open)| open.clone()).reduce(|a, b| a.iter().zip(&b).map(|(a, b)| a + b).collect())
}

/// The service that an edge, `caller->service.endpoint`, leads to.
fn target(edge: &str) -> Option<&str> {
    let (_, rest) = edge.split_once("->")?;
    rest.rsplit_once('.').map(|(service, _)| service)
}

fn lane(series: &Series, name: &str) -> Plot {
    let service = &series.services[name];
    let mut curves = vec![Curve::new("busy", "s0", Kind::Area, service.utilization.clone())];
    let most = service.queue_length.iter().copied().fold(0.0, f64::max);
    if most > 0.05 {
        let name = format!("queue, at most {}", Show::Count.text(most));
        let mut queue = Curve::new(name, "s2", Kind::Line, service.queue_length.clone());
        queue.factor = Some(1.0 / most);
        queue.show = Some(Show::Count);
        curves.push(queue);
    }
    if let Some(failed) = failed_calls(series, name).filter(|f| f.iter().any(|v| *v > 0.0)) {
        curves.push(Curve::new("calls failed", "s1", Kind::Area, failed));
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

/// The share of calls to a service that failed, in each window.
fn failed_calls(_series: &Series, _name: &str) -> Option<Vec<f64>> {
    None
}

/// Attempts for each call, of the edges that repeat most.
fn attempts(_series: &Series) -> Option<Plot> {
    None
}

/// Four charts for each workload, the worst first.
pub(super) fn workloads(record: &RunRecord, plots: &mut Plots) -> Markup {
    let mut names: Vec<&String> = record.series.workloads.keys().collect();
    let bad = |name: &String| {
        let workload = record.workloads.get(name);
        workload.and_then(|w| w.availability.mean).unwrap_or(1.0)
    };
    names.sort_by(|a, b| bad(a).total_cmp(&bad(b)).then(a.cmp(b)));
    let folded = names.split_off(names.len().min(MOST_WORKLOADS));
    html! {
        @for name in names { h3 { (name) } (workload(record, name, plots)) }
        @for name in folded { details { summary { (name) } (workload(record, name, plots)) } }
    }
}

fn workload(record: &RunRecord, name: &str, plots: &mut Plots) -> Markup {
    let workload = &record.series.workloads[name];
    let objectives: Vec<&Objective> = record.slo.iter().filter(|o| o.workload == name).collect();
    let charts = [
        available(&record.series, workload, &objectives),
        ended(&record.series, workload),
        latency(&record.series, workload, &objectives),
    ];
    html! {
        div.pair {
            @for chart in &charts { (plots.draw(chart)) }
            @if let Some(chart) = percentiles(workload, &objectives) { (plots.draw(&chart)) }
        }
    }
}

fn available(series: &Series, workload: &WorkloadSeries, objectives: &[&Objective]) -> Plot {
    let shares = availability(workload);
    let targets = objectives.iter().filter(|o| o.objective == "availability");
    let rules: Vec<Rule> = targets
        .map(|o| Rule {
            label: format!("objective ≥ {}", Show::Share.text(o.target)),
            y: o.target,
        })
        .collect();
    let least = shares.iter().copied().filter(|v| v.is_finite());
    let least = least.chain(rules.iter().map(|rule| rule.y)).fold(1.0, f64::min);
    let low = floor(least);
    let y = Axis::linear(Show::Share, low, 1.0 + (1.0 - low) * 0.02);
    let curve = Curve::new("succeeded", "s2", Kind::Line, shares);
    Plot {
        rules,
        ..plot(series, "Availability", y, vec![curve])
    }
}

fn ended(series: &Series, workload: &WorkloadSeries) -> Plot {
    let whole = workload.goodput.iter().zip(&workload.degraded).map(|(all, part)| all - part);
    let mut curves = vec![Curve::new("succeeded", "s2", Kind::Stack, whole.collect())];
    if workload.degraded.iter().any(|rate| *rate > 0.0) {
        curves.push(Curve::new("degraded", "s0", Kind::Stack, workload.degraded.clone()));
    }
    for (kind, rates) in &workload.failed {
        curves.push(Curve::new(&**kind, ink_of(kind), Kind::Stack, rates.clone()));
    }
    let ended = (0..workload.goodput.len()).map(|at| {
        let failed = workload.failed.values().filter_map(|rates| rates.get(at));
        workload.goodput[at] + failed.sum::<f64>()
    });
    let y = Axis::from_zero(Show::Rate, ended.chain(workload.issued.iter().copied()));
    curves.push(Curve::new("issued", "sk", Kind::Dash, workload.issued.clone()));
    Plot {
        about: "per second, by how they ended".into(),
        ..plot(series, "Requests", y, curves)
    }
}

fn latency(series: &Series, workload: &WorkloadSeries, objectives: &[&Objective]) -> Plot {
    let curves = vec![
        Curve::new("p50", "s0", Kind::Line, workload.p50_ms.clone()),
        Curve::new("p99", "s1", Kind::Line, workload.p99_ms.clone()),
    ];
    let targets = objectives.iter().filter_map(|o| Some((o, o.objective.strip_prefix("latency.")?)));
    let rules: Vec<Rule> = targets
        .map(|(o, what)| Rule {
            label: format!("objective {} ≤ {}", what.replace('_', "."), Show::Milliseconds.text(o.target)),
            y: o.target,
        })
        .collect();
    let all = values(&curves).chain(rules.iter().map(|rule| rule.y));
    let y = Axis::of_latencies(all.collect::<Vec<_>>().into_iter());
    Plot {
        about: "of successes, per window".into(),
        rules,
        ..plot(series, "Latency", y, curves)
    }
}

/// Latency by percentile, each nine as wide as the one before.
fn percentiles(workload: &WorkloadSeries, objectives: &[&Objective]) -> Option<Plot> {
    let points = workload.ccdf.iter().filter(|(_, share)| *share > 0.0);
    let (x, y): (Vec<f64>, Vec<f64>) = points.map(|(ms, share)| (1.0 / share, *ms)).unzip();
    let last = x.last().copied().filter(|last| *last > 1.0)?;
    let mut curve = Curve::new("latency", "s0", Kind::Line, y);
    curve.x = Some(x);
    let mut curves = vec![curve];
    for objective in objectives {
        let Some(nines) = objective.objective.strip_prefix("latency.p").and_then(nines) else {
            continue;
        };
        let label = format!("objective ≤ {}", Show::Milliseconds.text(objective.target));
        let mut dot = Curve::new(label, "s1", Kind::Dots, vec![objective.target]);
        dot.x = Some(vec![nines]);
        curves.push(dot);
    }
    let y = Axis::of_latencies(values(&curves).collect::<Vec<_>>().into_iter());
    Some(Plot {
        title: "Latency by percentile".into(),
        about: "of all successes after the warm-up".into(),
        group: "",
        window: 1.0,
        x: Axis::log(Show::Quantile, 1.0, last),
        y,
        curves,
        bands: Vec::new(),
        rules: Vec::new(),
        lane: false,
    })
}

/// Of `99_9`, 1000.
fn nines(quantile: &str) -> Option<f64> {
    let share: f64 = quantile.replace('_', ".").parse().ok()?;
    (share < 100.0).then(|| 100.0 / (100.0 - share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_names_its_target_and_an_objective_its_nines() {
        assert_eq!(target("a.b->pay.charge"), Some("pay"));
        assert_eq!(target("nonsense"), None);
        assert_eq!(nines("99").map(f64::round), Some(100.0));
        assert_eq!(nines("99_9").map(f64::round), Some(1000.0));
        assert_eq!(nines("50").map(f64::round), Some(2.0));
    }
}

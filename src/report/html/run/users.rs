//! What users saw: for each workload its availability, its requests and failures, and its latency, over
//! time and as a distribution.

use super::overtime::{plot, values};
use crate::html::plot::{Axis, Curve, Kind, Plot, Plots, Ribbon, Rule};
use crate::html::show::Show;
use crate::share::{availability, floor};
use maud::{Markup, html};
use study::record::{Objective, RunRecord, Series, WorkloadSeries};

/// So many workloads are shown unfolded.
const MOST: usize = 4;
/// Bars of a distribution.
const BARS: usize = 48;

/// The colour of a kind of failure, the same everywhere.
fn ink_of(kind: &str) -> &'static str {
    match kind {
        "timeout" => "s1",
        "rejected" => "s5",
        "unavailable" => "s3",
        "error" => "s4",
        "aborted" => "sk",
        _ => "sx",
    }
}

/// Charts of each workload, the worst first.
pub(super) fn workloads(record: &RunRecord, plots: &mut Plots) -> Markup {
    let mut names: Vec<&String> = record.series.workloads.keys().collect();
    let bad = |name: &String| {
        let workload = record.workloads.get(name);
        workload.and_then(|w| w.availability.mean).unwrap_or(1.0)
    };
    names.sort_by(|a, b| bad(a).total_cmp(&bad(b)).then(a.cmp(b)));
    let folded = names.split_off(names.len().min(MOST));
    html! {
        @for name in names { h3 { (name) } (workload(record, name, plots)) }
        @for name in folded { details { summary { (name) } (workload(record, name, plots)) } }
    }
}

fn workload(record: &RunRecord, name: &str, plots: &mut Plots) -> Markup {
    let series = &record.series;
    let workload = &series.workloads[name];
    let objectives: Vec<&Objective> = record.slo.iter().filter(|o| o.workload == name).collect();
    let charts = [
        Some(available(series, workload, &objectives)),
        Some(ended(series, workload)),
        failures(series, workload),
        under_way(series, name),
        Some(latency(series, workload, &objectives)),
        against_rate(workload),
        percentiles(workload, &objectives),
        distribution(workload),
    ];
    html! { div.pair { @for chart in charts.iter().flatten() { (plots.draw(chart)) } } }
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
    let least = least
        .chain(rules.iter().map(|rule| rule.y))
        .fold(1.0, f64::min);
    let low = floor(least);
    let y = Axis::linear(Show::Share, low, 1.0 + (1.0 - low) * 0.02);
    let curve = Curve::new("succeeded", "s2", Kind::Line, shares);
    Plot {
        about: "of requests that ended in a window".into(),
        rules,
        ..plot(series, "Availability", y, vec![curve])
    }
}

fn ended(series: &Series, workload: &WorkloadSeries) -> Plot {
    let whole = workload
        .goodput
        .iter()
        .zip(&workload.degraded)
        .map(|(all, part)| all - part);
    let mut curves = vec![Curve::new("succeeded", "s2", Kind::Stack, whole.collect())];
    if workload.degraded.iter().any(|rate| *rate > 0.0) {
        curves.push(Curve::new(
            "degraded",
            "s0",
            Kind::Stack,
            workload.degraded.clone(),
        ));
    }
    let failed = failed(workload);
    if failed.iter().any(|rate| *rate > 0.0) {
        curves.push(Curve::new("failed", "s1", Kind::Stack, failed.clone()));
    }
    let ended = workload
        .goodput
        .iter()
        .zip(&failed)
        .map(|(good, failed)| good + failed);
    let y = Axis::from_zero(Show::Rate, ended.chain(workload.issued.iter().copied()));
    curves.push(Curve::new(
        "issued",
        "sk",
        Kind::Dash,
        workload.issued.clone(),
    ));
    Plot {
        about: "per second, by how they ended".into(),
        ..plot(series, "Requests", y, curves)
    }
}

/// All kinds together, per second.
fn failed(workload: &WorkloadSeries) -> Vec<f64> {
    let at = |window: usize| {
        let kinds = workload
            .failed
            .values()
            .filter_map(|rates| rates.get(window));
        kinds.sum::<f64>()
    };
    (0..workload.goodput.len()).map(at).collect()
}

fn failures(series: &Series, workload: &WorkloadSeries) -> Option<Plot> {
    let kinds = workload
        .failed
        .iter()
        .filter(|(_, rates)| rates.iter().any(|rate| *rate > 0.0));
    let curves: Vec<Curve> = kinds
        .map(|(kind, rates)| Curve::new(&**kind, ink_of(kind), Kind::Stack, rates.clone()))
        .collect();
    let y = Axis::from_zero(Show::Rate, failed(workload).into_iter());
    (!curves.is_empty()).then(|| Plot {
        about: "per second, by kind".into(),
        ..plot(series, "Failures", y, curves)
    })
}

/// How many requests are waited for at once: of a closed workload, no more than it has users.
fn under_way(series: &Series, name: &str) -> Option<Plot> {
    let mut edges = series.edges.iter();
    let own = |edge: &str| {
        edge.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with("->"))
    };
    let (_, edge) = edges.find(|(edge, _)| own(edge))?;
    let curve = Curve::new("under way", "s3", Kind::Area, edge.in_flight.clone());
    let y = Axis::from_zero(Show::Count, edge.in_flight.iter().copied());
    Some(Plot {
        about: "waited for at once, mean of a window".into(),
        ..plot(series, "Concurrent requests", y, vec![curve])
    })
}

fn latency(series: &Series, workload: &WorkloadSeries, objectives: &[&Objective]) -> Plot {
    let line = |name: &str, ink, kind, y: &Vec<f64>| Curve::new(name, ink, kind, y.clone());
    let mut p99 = line("p99", "s1", Kind::Line, &workload.p99_ms);
    let halves = workload.p99_ms.iter().zip(&workload.p99_half_ms);
    let ends = |way: f64| halves.clone().map(|(p99, half)| p99 + way * half).collect();
    let (low, high): (Vec<f64>, Vec<f64>) = (ends(-1.0), ends(1.0));
    if high.iter().any(|end| end.is_finite()) {
        p99.ribbon = Some(Ribbon { low, high });
    }
    let curves = vec![
        line("p50", "s0", Kind::Line, &workload.p50_ms),
        line("p90", "s4", Kind::Line, &workload.p90_ms),
        line("p95", "s2", Kind::Line, &workload.p95_ms),
        p99,
        line("p99.9", "s3", Kind::Dash, &workload.p99_9_ms),
    ];
    let targets = objectives
        .iter()
        .filter_map(|o| Some((o, o.objective.strip_prefix("latency.")?)));
    let rules: Vec<Rule> = targets
        .map(|(o, what)| Rule {
            label: format!(
                "objective {} ≤ {}",
                what.replace('_', "."),
                Show::Milliseconds.text(o.target)
            ),
            y: o.target,
        })
        .collect();
    let all = values(&curves).chain(rules.iter().map(|rule| rule.y));
    let y = Axis::of_latencies(all.collect::<Vec<_>>().into_iter());
    Plot {
        about: "of successes, per window; the ribbon is p99's 95 % interval".into(),
        rules,
        ..plot(series, "Latency", y, curves)
    }
}

/// Whether it is the load that makes answers slow: a point for each window after the warm-up.
fn against_rate(workload: &WorkloadSeries) -> Option<Plot> {
    let dots = |name: &str, ink, y: &[f64]| {
        let mut curve = Curve::new(name, ink, Kind::Dots, y.to_vec());
        curve.x = Some(workload.issued.clone());
        curve
    };
    let curves = vec![
        dots("p50", "s0", &workload.p50_ms),
        dots("p99", "s1", &workload.p99_ms),
    ];
    let most = workload.issued.iter().copied().fold(0.0, f64::max);
    let any = values(&curves).any(f64::is_finite);
    (any && most > 0.0).then(|| Plot {
        about: "issued per second, a point for each window".into(),
        group: "",
        x: Axis::linear(Show::Rate, 0.0, most * 1.05),
        y: Axis::of_latencies(values(&curves).collect::<Vec<_>>().into_iter()),
        bands: Vec::new(),
        ..plot(
            &Series::default(),
            "Latency against load",
            Axis::linear(Show::Rate, 0.0, 1.0),
            curves,
        )
    })
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
        let Some(nines) = objective
            .objective
            .strip_prefix("latency.p")
            .and_then(nines)
        else {
            continue;
        };
        let label = format!("objective ≤ {}", Show::Milliseconds.text(objective.target));
        let mut dot = Curve::new(label, "s1", Kind::Dots, vec![objective.target]);
        dot.x = Some(vec![nines]);
        curves.push(dot);
    }
    let y = Axis::of_latencies(values(&curves).collect::<Vec<_>>().into_iter());
    Some(Plot {
        about: "of all successes after the warm-up".into(),
        group: "",
        x: Axis::log(Show::Quantile, 1.0, last),
        ..plot(&Series::default(), "Latency by percentile", y, curves)
    })
}

/// Of `99_9`, 1000.
fn nines(quantile: &str) -> Option<f64> {
    let share: f64 = quantile.replace('_', ".").parse().ok()?;
    (share < 100.0).then(|| 100.0 / (100.0 - share))
}

/// The share of successes between latencies that are as far apart by factor.
fn distribution(workload: &WorkloadSeries) -> Option<Plot> {
    let (low, _) = workload.ccdf.first()?;
    let (high, _) = workload.ccdf.last()?;
    let (low, high) = (low.max(1e-6), *high);
    if high <= low * 1.01 {
        return None;
    }
    let step = (high / low).ln() / BARS as f64;
    let edge = |bar: usize| low * (step * bar as f64).exp();
    let mut before = 1.0;
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for bar in 0..BARS {
        let slower = if bar + 1 == BARS {
            0.0
        } else {
            slower(&workload.ccdf, edge(bar + 1))
        };
        x.push((edge(bar) * edge(bar + 1)).sqrt());
        y.push((before - slower).max(0.0));
        before = slower;
    }
    let mut curve = Curve::new("share", "s0", Kind::Area, y);
    curve.x = Some(x);
    let y = Axis::from_zero(Show::Share, values(std::slice::from_ref(&curve)));
    let about = format!(
        "share of successes by latency, each step {:.0} % longer",
        (step.exp() - 1.0) * 100.0
    );
    Some(Plot {
        about,
        group: "",
        x: Axis::log(Show::Milliseconds, low, high),
        ..plot(
            &Series::default(),
            "Distribution of latency",
            y,
            vec![curve],
        )
    })
}

/// The share that is slower, by the points of the distribution.
fn slower(ccdf: &[(f64, f64)], than: f64) -> f64 {
    let at = ccdf.partition_point(|(ms, _)| *ms <= than);
    let before = at.checked_sub(1).map_or((0.0, 1.0), |at| ccdf[at]);
    let Some(after) = ccdf.get(at) else {
        return before.1;
    };
    let way = (than - before.0) / (after.0 - before.0).max(f64::MIN_POSITIVE);
    before.1 + (after.1 - before.1) * way
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objective_has_its_nines() {
        assert_eq!(nines("99").map(f64::round), Some(100.0));
        assert_eq!(nines("99_9").map(f64::round), Some(1000.0));
        assert_eq!(nines("50").map(f64::round), Some(2.0));
    }

    #[test]
    fn a_distribution_has_every_success_once() {
        // Half take 1 ms, half between 1 and 100.
        let workload = WorkloadSeries {
            ccdf: vec![(1.0, 0.5), (10.0, 0.25), (100.0, 0.0)],
            ..WorkloadSeries::default()
        };
        let plot = distribution(&workload).unwrap();
        let sum: f64 = plot.curves[0].y.iter().sum();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
        assert!((slower(&workload.ccdf, 55.0) - 0.125).abs() < 1e-12);
        assert_eq!(slower(&workload.ccdf, 0.0), 1.0);
        assert_eq!(slower(&workload.ccdf, 1e9), 0.0);
    }
}

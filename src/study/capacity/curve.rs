//! What the tested loads say together: the curve, the point where the margin crosses zero, the knee.

use super::Tested;
use super::judge::{Goals, Judgement};
use super::record::{Goal, GoalRecord, Latencies, LoadRecord, Span};
use crate::metrics::{Metric, find_metric};
use crate::record::Estimate;

/// Where the margin of the objective that is worst off crosses zero between two loads that were
/// tried: on the straight line between the last load above zero and the next one below.
pub(super) fn crossing(tested: &[Tested], low: f64, high: f64) -> f64 {
    let inside = tested.iter().filter(|one| (low..=high).contains(&one.load));
    let margins: Vec<(f64, f64)> = inside
        .map(|one| (one.load, worst(&one.judgement)))
        .collect();
    let falls = margins
        .windows(2)
        .rfind(|pair| pair[0].1 >= 0.0 && pair[1].1 < 0.0);
    match falls {
        Some(&[(a, above), (b, below)]) if below.is_finite() => {
            a + (b - a) * above / (above - below)
        }
        // Nothing was answered at the higher load: what lies between, nobody knows.
        Some(&[(a, _), (b, _)]) => f64::midpoint(a, b),
        _ => f64::midpoint(low, high),
    }
}

fn worst(judgement: &Judgement) -> f64 {
    judgement
        .margins
        .iter()
        .copied()
        .fold(f64::INFINITY, f64::min)
}

/// The objectives that are missed in a judgement, the worst first; the worst where none is by itself.
pub(super) fn over(goals: &Goals, judgement: &Judgement) -> Vec<Goal> {
    let mut missed: Vec<(f64, &Goal)> = (judgement.margins.iter().copied())
        .zip(goals.all())
        .filter(|(margin, _)| *margin < 0.0)
        .collect();
    missed.sort_by(|a, b| a.0.total_cmp(&b.0));
    missed.into_iter().map(|(_, goal)| goal.clone()).collect()
}

/// One load for the record.
pub(super) fn recorded(
    tested: &Tested,
    workload: &str,
    metrics: &[Metric],
    goals: &Goals,
) -> LoadRecord {
    let of = |what: &str| {
        let metric = find_metric(metrics, &format!("{workload}.{what}"));
        metric.map_or_else(
            || Estimate::of(&Default::default(), crate::Unit::Count),
            |at| {
                let values = tested.trials.iter().filter_map(|trial| trial.values[at]);
                Estimate::of(&values.collect(), metrics[at].unit)
            },
        )
    };
    let objectives = (goals.all().zip(goals.values(&tested.trials)))
        .zip(&tested.judgement.each)
        .map(|((goal, values), verdict)| GoalRecord {
            value: Estimate::of(&values, goal.unit),
            verdict: *verdict,
        });
    LoadRecord {
        load: tested.load,
        replications: tested.trials.len() as u32,
        searched: tested.searched,
        verdict: tested.judgement.verdict,
        cut: tested.trials.iter().find_map(|trial| trial.cut.clone()),
        throughput: of("throughput"),
        availability: of("availability"),
        latency_ms: Latencies {
            mean: of("latency.mean"),
            p50: of("latency.p50"),
            p99: of("latency.p99"),
        },
        objectives: objectives.collect(),
    }
}

/// The load with the most throughput for its latency (L. Kleinrock, "Power and deterministic rules of
/// thumb for probabilistic problems in computer communications", ICC 1979: power, throughput over mean
/// delay, is highest at the knee, where a ray from the origin touches the curve). It lies between the
/// loads on both sides of the best one; `None` where the best is the lowest or the highest that was
/// tried.
pub(super) fn knee(loads: &[LoadRecord]) -> Option<Span> {
    let power = |one: &LoadRecord| Some(one.throughput.mean? / one.latency_ms.mean.mean?);
    let powers: Vec<(f64, f64)> = loads
        .iter()
        .filter_map(|one| Some((one.load, power(one).filter(|p| p.is_finite())?)))
        .collect();
    let best = (0..powers.len()).max_by(|a, b| powers[*a].1.total_cmp(&powers[*b].1))?;
    let below = powers.get(best.checked_sub(1)?)?;
    let above = powers.get(best + 1)?;
    Some(Span {
        value: powers[best].0,
        low: below.0,
        high: above.0,
    })
}

//! Whether a load meets the objectives, and how sure that is.
//!
//! It refuses to know where loads come from. An objective is judged by Student's interval of its mean
//! over replications: met or missed when the whole interval lies on one side of the target, else not
//! decided. A load meets its objectives when each of them does at the level that a single one is
//! asked for (an intersection-union test: R. L. Berger, "Multiparameter hypothesis testing and
//! acceptance sampling", Technometrics 24, 1982); it misses them when one does at the level shared
//! among all (Bonferroni).

use super::record::Goal;
use crate::metrics::{Metric, Unit, find_metric};
use crate::trial::Trial;
use model::Model;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::{Interval, Summary};

/// Whether something is met.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// For sure.
    Met,
    /// Missed, for sure.
    Missed,
    /// Too close to say.
    Unclear,
}

impl Verdict {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::Unclear => "unclear",
        }
    }
}

/// The objectives of a model, each with the place of its figure among those of a trial.
#[derive(Clone, Debug)]
pub(super) struct Goals(Vec<(Goal, usize)>);

/// The judgement of one load.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Judgement {
    pub(super) verdict: Verdict,
    /// By objective.
    pub(super) each: Vec<Verdict>,
    /// By objective: how far the mean is on the good side, as a share of what the target leaves;
    /// minus infinity where a replication measured nothing.
    pub(super) margins: Vec<f64>,
}

impl Goals {
    /// Every objective of every workload.
    pub(super) fn of(model: &Model, metrics: &[Metric]) -> Self {
        let mut goals = Vec::new();
        for workload in model.workloads.iter().map(|workload| &workload.name) {
            let mut add = |objective: &str, target, unit| {
                if let Some(at) = find_metric(metrics, &format!("{workload}.{objective}")) {
                    let goal = Goal {
                        objective: objective.to_owned(),
                        workload: workload.clone(),
                        target,
                        unit,
                    };
                    goals.push((goal, at));
                }
            };
            if let Some(target) = model.slo.availability {
                add("availability", target, Unit::Ratio);
            }
            for (quantile, limit) in &model.slo.latency {
                let objective = format!("latency.{}", quantile.name());
                add(&objective, limit.as_millis_f64(), Unit::Milliseconds);
            }
        }
        Self(goals)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Goal> {
        self.0.iter().map(|(goal, _)| goal)
    }

    /// What the replications measured of each objective.
    pub(super) fn values<'t>(&'t self, trials: &'t [Trial]) -> impl Iterator<Item = Summary> + 't {
        self.0.iter().map(move |(_, at)| {
            let values = trials.iter().filter_map(|trial| trial.values[*at]);
            values.collect()
        })
    }

    /// The load that these trials ran under, so that a wrong verdict has at most this probability.
    pub(super) fn judge(&self, trials: &[Trial], error: f64) -> Judgement {
        let cut = trials.iter().any(|trial| trial.cut.is_some());
        let missing = |at: usize| trials.iter().any(|trial| trial.values[at].is_none());
        let shared = error / self.0.len().max(1) as f64;
        let (mut each, mut margins, mut missed) = (Vec::new(), Vec::new(), cut);
        for ((goal, at), values) in self.0.iter().zip(self.values(trials)) {
            if missing(*at) {
                each.push(Verdict::Missed);
                margins.push(f64::NEG_INFINITY);
                missed = true;
                continue;
            }
            each.push(side(goal, &values, error));
            missed |= side(goal, &values, shared) == Verdict::Missed;
            margins.push(margin(goal, values.mean().unwrap_or(f64::NAN)));
        }
        let verdict = if missed {
            Verdict::Missed
        } else if each.iter().all(|verdict| *verdict == Verdict::Met) {
            Verdict::Met
        } else {
            Verdict::Unclear
        };
        Judgement {
            verdict,
            each,
            margins,
        }
    }
}

/// On which side of its target a mean lies, wrongly with at most this probability.
fn side(goal: &Goal, values: &Summary, error: f64) -> Verdict {
    let Some(Interval { low, high }) = values.interval(1.0 - 2.0 * error) else {
        return Verdict::Unclear;
    };
    match (margin(goal, low) >= 0.0, margin(goal, high) >= 0.0) {
        (true, true) => Verdict::Met,
        (false, false) => Verdict::Missed,
        _ => Verdict::Unclear,
    }
}

/// Above zero where a value is better than the target: 1 for no latency at all, or no failure.
fn margin(goal: &Goal, value: f64) -> f64 {
    match goal.unit {
        Unit::Ratio if goal.target < 1.0 => (value - goal.target) / (1.0 - goal.target),
        Unit::Ratio => value - goal.target,
        _ => 1.0 - value / goal.target,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goal(objective: &str, target: f64, unit: Unit) -> Goal {
        Goal {
            objective: objective.into(),
            workload: "users".into(),
            target,
            unit,
        }
    }

    fn goals() -> Goals {
        Goals(vec![
            (goal("availability", 0.99, Unit::Ratio), 0),
            (goal("latency.p99", 50.0, Unit::Milliseconds), 1),
        ])
    }

    fn trials(values: &[[Option<f64>; 2]]) -> Vec<Trial> {
        let trial = |(number, values): (usize, &[Option<f64>; 2])| Trial {
            replication: number as u32,
            values: values.to_vec(),
            events: 1,
            fingerprint: 0,
            cut: None,
            violations: Vec::new(),
            within: None,
        };
        values.iter().enumerate().map(trial).collect()
    }

    fn judged(values: &[(f64, f64)]) -> (Verdict, Vec<Verdict>) {
        let values: Vec<_> = values.iter().map(|(a, l)| [Some(*a), Some(*l)]).collect();
        let judgement = goals().judge(&trials(&values), 0.025);
        (judgement.verdict, judgement.each)
    }

    #[test]
    fn all_are_to_be_met_and_one_is_enough_to_miss() {
        use Verdict::{Met, Missed, Unclear};
        assert_eq!(judged(&[(1.0, 30.0), (1.0, 31.0)]), (Met, vec![Met, Met]));
        let late = judged(&[(1.0, 70.0), (1.0, 70.1)]);
        assert_eq!(late, (Missed, vec![Met, Missed]));
        // Mean 49, half-width 12.7 · 1: 36 … 62.
        let close = judged(&[(1.0, 48.0), (1.0, 50.0)]);
        assert_eq!(close, (Unclear, vec![Met, Unclear]));
        assert_eq!(
            judged(&[(1.0, 30.0)]).0,
            Unclear,
            "one says nothing of its spread"
        );
    }

    /// One objective is missed at 5 %, but not at the half of it that two are to share.
    #[test]
    fn a_miss_must_be_sure_among_all() {
        // Mean 50.5, s/√n = 0.1: t = 5, and one-sided 5 % and 2.5 % of one degree of freedom are
        // 6.314 and 12.706.
        let values = trials(&[[Some(1.0), Some(50.4)], [Some(1.0), Some(50.6)]]);
        let at = |error| goals().judge(&values, error).verdict;
        assert_eq!(at(0.2), Verdict::Missed);
        assert_eq!(at(0.1), Verdict::Unclear);
        assert_eq!(goals().judge(&values, 0.1).each[1], Verdict::Missed);
    }

    #[test]
    fn who_measures_nothing_or_eats_the_machine_meets_nothing() {
        let none = goals().judge(&trials(&[[Some(1.0), None], [Some(1.0), Some(1.0)]]), 0.025);
        assert_eq!(none.verdict, Verdict::Missed);
        assert_eq!(none.margins[1], f64::NEG_INFINITY);
        let mut cut = trials(&[[Some(1.0), Some(1.0)]; 2]);
        cut[1].cut = Some("too many in flight".into());
        assert_eq!(goals().judge(&cut, 0.025).verdict, Verdict::Missed);
    }

    #[test]
    fn margins_are_shares_of_what_the_target_leaves() {
        let found = goals().judge(&trials(&[[Some(0.995), Some(40.0)]; 2]), 0.025);
        assert!((found.margins[0] - 0.5).abs() < 1e-9, "{found:?}");
        assert!((found.margins[1] - 0.2).abs() < 1e-9, "{found:?}");
    }
}

//! Replications to the record of a run: sums, estimates, objectives.
//!
//! Replications come in their order, whichever thread made them, so that floating-point sums have
//! the same bytes. It refuses to know how they were made.

use crate::discovery::{DiscoveryMeasured, can_crash, kind};
use crate::figures::{Figures, LatencyFigures, Pooled, millis, per};
use crate::groups::{GroupCounts, GroupTimes};
use crate::metrics::Places;
use crate::record::{
    CallRecord, Detection, DiscoveryRecord, Estimate, GroupRecord, InstancesRecord, LatencyRecord,
    Objective, QueueLength, ServiceRecord, Spans, Staleness, Wait, WorkloadRecord,
};
use crate::recorder::EdgeMeasured;
use crate::windows::ServiceTotals;
use clock::Duration;
use cluster::TransactionStep;
use model::{LatencyQuantile, Model};
use policy::Outcome;
use stats::{Histogram, Interval, Summary};
use std::collections::BTreeMap;

/// The level of every interval.
const CONFIDENCE: f64 = 0.95;

/// What all replications of a model say, in order.
pub(crate) struct Combined<'a> {
    pub(crate) model: &'a Model,
    /// `caller->service.endpoint`, by edge.
    pub(crate) edges: &'a [String],
    /// By number of the step.
    pub(crate) transactions: &'a [TransactionStep],
    pub(crate) replications: &'a [Figures],
    pub(crate) pooled: &'a Pooled,
    pub(crate) window: Duration,
    pub(crate) warmup: Duration,
}

impl Combined<'_> {
    pub(crate) fn workloads(&self) -> BTreeMap<String, WorkloadRecord> {
        let workloads = self.model.workloads.iter().enumerate();
        workloads
            .map(|(w, workload)| (workload.name.clone(), self.workload(w)))
            .collect()
    }

    fn workload(&self, w: usize) -> WorkloadRecord {
        let call = self.call(w);
        WorkloadRecord {
            issued: call.calls,
            succeeded: call.succeeded,
            degraded: call.degraded,
            in_flight: call.in_flight,
            failed: call.failed,
            availability: self.estimate(Range::Ratio, |r| r.edges[w].availability()),
            throughput: self.estimate(Range::NotNegative, |r| {
                per(r.edges[w].succeeded() as f64, r.seconds)
            }),
            latency_ms: self.latency_record(|r| r.latencies[w]),
        }
    }

    /// The estimates of latencies that each replication may have.
    pub(crate) fn latency_record(
        &self,
        of: impl Fn(&Figures) -> Option<LatencyFigures>,
    ) -> LatencyRecord {
        let latency = |figure: fn(LatencyFigures) -> f64| {
            self.estimate(Range::NotNegative, |r| of(r).map(figure))
        };
        LatencyRecord {
            mean: latency(|l| l.mean),
            p50: latency(|l| l.quantiles[0]),
            p90: latency(|l| l.quantiles[1]),
            p95: latency(|l| l.quantiles[2]),
            p99: latency(|l| l.quantiles[3]),
            p99_9: latency(|l| l.quantiles[4]),
            max: latency(|l| l.max),
        }
    }

    pub(crate) fn calls(&self) -> BTreeMap<String, CallRecord> {
        let edges = self.edges.iter().enumerate();
        edges
            .map(|(edge, name)| (name.clone(), self.call(edge)))
            .collect()
    }

    fn call(&self, edge: usize) -> CallRecord {
        let mut sum = EdgeMeasured::default();
        for replication in self.replications {
            let one = &replication.edges[edge];
            sum.calls += one.calls;
            sum.attempts += one.attempts;
            sum.sent_to_dead += one.sent_to_dead;
            for (total, count) in sum.ended.iter_mut().zip(one.ended) {
                *total += count;
            }
        }
        let failures = Outcome::FAILURES
            .into_iter()
            .map(|kind| (kind.name().into(), sum.ended[kind as usize]));
        CallRecord {
            calls: sum.calls,
            attempts: sum.attempts,
            sent_to_dead: can_crash(self.model).then_some(sum.sent_to_dead),
            amplification: per(sum.attempts as f64, sum.calls as f64),
            succeeded: sum.succeeded(),
            degraded: sum.ended[Outcome::Degraded as usize],
            // A world that ends a call twice is reported as a violation; here it must not panic.
            in_flight: sum.calls.saturating_sub(sum.ended.iter().sum()),
            failed: failures.filter(|(_, count)| *count > 0).collect(),
        }
    }

    pub(crate) fn services(&self) -> BTreeMap<String, ServiceRecord> {
        let services = self.model.services.iter().enumerate();
        services
            .map(|(s, service)| (service.name.clone(), self.service(s)))
            .collect()
    }

    fn service(&self, s: usize) -> ServiceRecord {
        let service = &self.model.services[s];
        let places = Places::of(self.model, s);
        let sum = |count: fn(&ServiceTotals) -> u64| {
            self.replications
                .iter()
                .map(|r| count(&r.services[s].totals))
                .sum()
        };
        let wait = |i: usize| {
            self.estimate(Range::NotNegative, |r| {
                r.services[s].wait.map(|wait| wait[i])
            })
        };
        ServiceRecord {
            utilization: self.estimate(Range::Ratio, |r| {
                places.busy_share(&r.services[s].totals, r.seconds)
            }),
            arrivals: sum(|t| t.arrived),
            completed: sum(|t| t.completed),
            refused: sum(|t| t.refused),
            skipped: service.degrade.map(|_| sum(|t| t.skipped)),
            ejections: service.outlier_ejection.map(|_| sum(|t| t.ejections)),
            instances: service.autoscale.map(|_| InstancesRecord {
                mean: self.estimate(Range::NotNegative, |r| {
                    per(r.services[s].totals.instances as f64 / 1e9, r.seconds)
                }),
                max: self.estimate(Range::NotNegative, |r| {
                    (r.seconds > 0.0).then_some(r.services[s].max_instances as f64)
                }),
                scaled_up: sum(|t| t.scaled_up),
                scaled_down: sum(|t| t.scaled_down),
            }),
            queue_length: QueueLength {
                mean: self.estimate(Range::NotNegative, |r| {
                    per(r.services[s].totals.queue as f64 / 1e9, r.seconds)
                }),
                max: self.estimate(Range::NotNegative, |r| {
                    (r.seconds > 0.0).then_some(r.services[s].max_queue as f64)
                }),
            },
            wait_ms: Wait {
                mean: wait(0),
                p99: wait(1),
            },
            wasted: self.estimate(Range::Ratio, |r| r.services[s].wasted),
        }
    }

    pub(crate) fn groups(&self) -> BTreeMap<String, GroupRecord> {
        let groups = self.pooled.groups.iter().enumerate();
        groups
            .map(|(number, times)| self.group(number, times))
            .collect()
    }

    fn group(&self, number: usize, times: &GroupTimes) -> (String, GroupRecord) {
        let mut sum = GroupCounts::default();
        for replication in self.replications {
            sum.add(&replication.groups[number].counts);
        }
        let service = self.replications.first();
        let service = service.map_or(0, |first| first.groups[number].service);
        let service = &self.model.services[service];
        let at = |times: &Histogram, share| times.quantile(share).map(millis);
        let GroupTimes {
            leaderless,
            staleness,
        } = times;
        let record = GroupRecord {
            protocol: service
                .replication
                .as_ref()
                .map_or("", |replication| replication.protocol.name())
                .into(),
            elections: sum.elections,
            split_votes: sum.split_votes,
            leaderless_ms: Spans {
                count: leaderless.count(),
                mean: leaderless.mean().map(|ns| ns / 1e6),
                p50: at(leaderless, 0.5),
                p90: at(leaderless, 0.9),
                p99: at(leaderless, 0.99),
                max: leaderless.max().map(millis),
                total: sum.leaderless as f64 / 1e6,
            },
            buffered: sum.buffered,
            refused: sum.refused,
            stale_reads: sum.stale_reads,
            staleness_ms: Staleness {
                mean: staleness.mean().map(|ns| ns / 1e6),
                p99: at(staleness, 0.99),
                max: staleness.max().map(millis),
            },
            messages: sum.messages,
            forced_writes: sum.forced_writes,
            acknowledged: sum.acknowledged,
        };
        (service.name.clone(), record)
    }

    /// Of the services whose callers do not simply know all instances.
    pub(crate) fn discovery(&self) -> BTreeMap<String, DiscoveryRecord> {
        let services = self.model.services.iter().enumerate();
        let discovered = services.filter_map(|(s, service)| {
            let kind = kind(&service.discovery)?;
            let sum = |count: fn(&DiscoveryMeasured) -> u64| {
                let counts = self.replications.iter().map(|r| count(&r.discovery[s]));
                counts.sum()
            };
            let figure = |value: fn(&DiscoveryMeasured) -> Option<f64>| {
                self.estimate(Range::NotNegative, |r| value(&r.discovery[s]))
            };
            let record = DiscoveryRecord {
                kind: kind.into(),
                known: self.estimate(Range::NotNegative, |r| {
                    r.discovery[s].known(service.most_instances(), r.seconds)
                }),
                down_detected_ms: Detection {
                    count: sum(|d| d.detected),
                    mean: figure(DiscoveryMeasured::mean_detection),
                    max: figure(DiscoveryMeasured::slowest_detection),
                },
                false_positives: sum(|d| d.false_positives),
                messages: sum(|d| d.messages),
            };
            Some((service.name.clone(), record))
        });
        discovered.collect()
    }

    /// Over the replications that have the figure.
    pub(crate) fn estimate(
        &self,
        range: Range,
        figure: impl Fn(&Figures) -> Option<f64>,
    ) -> Estimate {
        estimate(range, self.replications.iter().filter_map(figure))
    }

    pub(crate) fn objectives(
        &self,
        workloads: &BTreeMap<String, WorkloadRecord>,
    ) -> Vec<Objective> {
        let slo = &self.model.slo;
        let mut objectives = Vec::new();
        for name in self.model.workloads.iter().map(|workload| &workload.name) {
            let workload = &workloads[name];
            if let Some(target) = slo.availability {
                let side = |value: f64| value >= target;
                objectives.push(objective(
                    "availability",
                    name,
                    target,
                    workload.availability,
                    side,
                ));
            }
            for (quantile, limit) in &slo.latency {
                let latency = &workload.latency_ms;
                let measured = match quantile {
                    LatencyQuantile::P50 => latency.p50,
                    LatencyQuantile::P90 => latency.p90,
                    LatencyQuantile::P95 => latency.p95,
                    LatencyQuantile::P99 => latency.p99,
                    LatencyQuantile::P99_9 => latency.p99_9,
                };
                let target = limit.as_millis_f64();
                let what = format!("latency.{}", quantile.name());
                objectives.push(objective(&what, name, target, measured, |value| {
                    value <= target
                }));
            }
        }
        objectives
    }
}

/// Where a figure can lie at all; an interval is cut to it.
#[derive(Clone, Copy)]
pub(crate) enum Range {
    NotNegative,
    Ratio,
}

fn estimate(range: Range, values: impl Iterator<Item = f64>) -> Estimate {
    let summary: Summary = values.collect();
    let ends = summary
        .interval(CONFIDENCE)
        .map(|Interval { low, high }| match range {
            Range::NotNegative => (low.max(0.0), high),
            Range::Ratio => (low.max(0.0), high.min(1.0)),
        });
    Estimate {
        mean: summary.mean(),
        low: ends.map(|(low, _)| low),
        high: ends.map(|(_, high)| high),
    }
}

/// `good` says whether a value is on the right side of the target.
fn objective(
    what: &str,
    workload: &str,
    target: f64,
    measured: Estimate,
    good: impl Fn(f64) -> bool,
) -> Objective {
    let ends = measured.low.zip(measured.high);
    Objective {
        objective: what.to_owned(),
        workload: workload.to_owned(),
        target,
        value: measured.mean,
        met: measured.mean.is_some_and(&good),
        confidence: match ends.map(|(low, high)| (good(low), good(high))) {
            None => "unknown",
            Some((true, true)) => "yes",
            Some((false, false)) => "no",
            Some(_) => "unclear",
        }
        .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Estimate {
        estimate(Range::Ratio, values.iter().copied())
    }

    #[test]
    fn estimates_by_hand() {
        // Mean 0.5, s² = 0.01, half-width 4.30265 × 0.1/√3 = 0.248414.
        let found = of(&[0.4, 0.5, 0.6]);
        assert!((found.mean.unwrap() - 0.5).abs() < 1e-12);
        assert!((found.low.unwrap() - 0.251586).abs() < 1e-6);
        assert!((found.high.unwrap() - 0.748414).abs() < 1e-6);
        assert_eq!(
            of(&[0.9]),
            Estimate {
                mean: Some(0.9),
                low: None,
                high: None
            }
        );
        assert_eq!(
            of(&[]),
            Estimate {
                mean: None,
                low: None,
                high: None
            }
        );
    }

    #[test]
    fn no_interval_leaves_what_is_possible() {
        // Mean 0.75, half-width 12.7062 × 0.25 > 3.
        let found = of(&[0.5, 1.0]);
        assert_eq!((found.low, found.high), (Some(0.0), Some(1.0)));
        let times = estimate(Range::NotNegative, [1.0, 9.0].into_iter());
        assert_eq!(times.low, Some(0.0));
        assert!(times.high.unwrap() > 50.0);
    }

    #[test]
    fn an_objective_is_met_by_its_mean_and_sure_by_its_interval() {
        let confidence = |measured: Estimate| {
            let found = objective("availability", "w", 0.99, measured, |value| value >= 0.99);
            (found.met, found.confidence.into_owned())
        };
        let measured = |mean, low, high| Estimate {
            mean: Some(mean),
            low: Some(low),
            high: Some(high),
        };
        assert_eq!(
            confidence(measured(0.995, 0.991, 0.999)),
            (true, "yes".into())
        );
        assert_eq!(
            confidence(measured(0.995, 0.98, 1.0)),
            (true, "unclear".into())
        );
        assert_eq!(
            confidence(measured(0.985, 0.98, 0.991)),
            (false, "unclear".into())
        );
        assert_eq!(confidence(measured(0.9, 0.89, 0.91)), (false, "no".into()));
        assert_eq!(confidence(of(&[1.0])), (true, "unknown".into()));
        assert_eq!(confidence(of(&[])), (false, "unknown".into()));
    }
}

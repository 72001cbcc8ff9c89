//! The windows and distributions of a run, as rates and averages for charts.

use crate::combine::Combined;
use crate::faults;
use crate::figures::millis;
use crate::metrics::Places;
use crate::queues::QueueTotals;
use crate::record::{EdgeSeries, FaultSpan, QueueSeries, Series, ServiceSeries, WorkloadSeries};
use crate::windows::{EdgeWindow, P99, ServiceTotals, WorkloadWindow};
use policy::Outcome;

/// Points of a latency curve.
const CCDF_POINTS: usize = 200;

impl Combined<'_> {
    pub(crate) fn series(&self) -> Series {
        let windows = &self.pooled.windows;
        let seconds: Vec<f64> = windows.covered.iter().map(|ns| *ns as f64 / 1e9).collect();
        let workloads = self
            .model
            .workloads
            .iter()
            .enumerate()
            .map(|(w, workload)| {
                let ccdf = self.pooled.latencies[w].ccdf(CCDF_POINTS);
                (
                    workload.name.clone(),
                    WorkloadSeries {
                        ccdf: ccdf
                            .into_iter()
                            .map(|(ns, share)| (millis(ns), share))
                            .collect(),
                        ..workload_series(&windows.workloads[w], &seconds)
                    },
                )
            });
        let services = self.model.services.iter().enumerate().map(|(s, service)| {
            let series = service_series(&windows.services[s], &seconds, Places::of(self.model, s));
            (service.name.clone(), series)
        });
        let queues = self.model.queues.iter().zip(&windows.queues);
        let queues = queues.map(|(queue, rows)| (queue.name.clone(), queue_series(rows, &seconds)));
        let edges = self.edges.iter().zip(&windows.edges);
        let edges = edges.map(|(name, rows)| (name.clone(), edge_series(rows, &seconds)));
        let breakers = windows.breakers.iter().map(|(edge, open)| {
            let mean = open
                .iter()
                .zip(&seconds)
                .map(|(area, s)| *area as f64 / 1e9 / s)
                .collect();
            (self.edges[*edge].clone(), mean)
        });
        let faults = self
            .replications
            .first()
            .into_iter()
            .flat_map(|first| &first.faults);
        let groups = self.replications.first().into_iter();
        let leaderless = groups.flat_map(|first| &first.groups).flat_map(|group| {
            let name = &self.model.services[group.service].name;
            group.spans.iter().map(move |(from, to)| FaultSpan {
                label: format!("{name} leaderless"),
                from_s: from.as_secs_f64(),
                to_s: to.as_secs_f64(),
            })
        });
        let end = self
            .replications
            .first()
            .map_or(0.0, |first| self.warmup.as_secs_f64() + first.seconds);
        Series {
            window_s: self.window.as_secs_f64(),
            warmup_s: self.warmup.as_secs_f64(),
            workloads: workloads.collect(),
            services: services.collect(),
            queues: queues.collect(),
            edges: edges.collect(),
            breakers: breakers.collect(),
            faults: faults
                .map(|(fault, from, to)| FaultSpan {
                    label: faults::label(self.model, &self.model.faults[*fault]),
                    from_s: from.as_secs_f64(),
                    to_s: to.as_secs_f64(),
                })
                .chain(self.changes_over_time(end))
                .collect(),
            leaderless: leaderless.collect(),
        }
    }
}

fn workload_series(rows: &[WorkloadWindow], seconds: &[f64]) -> WorkloadSeries {
    let rates = |count: &dyn Fn(&WorkloadWindow) -> u64| -> Vec<f64> {
        rows.iter()
            .zip(seconds)
            .map(|(row, s)| count(row) as f64 / s)
            .collect()
    };
    let quantile = |place: usize| -> Vec<f64> {
        rows.iter()
            .map(|row| row.quantiles[place] as f64 / 1e6 / f64::from(row.measured))
            .collect()
    };
    let p99_half_ms = rows.iter().map(|row| {
        row.p99_half_width()
            .map_or(f64::NAN, |half_width| half_width / 1e6)
    });
    let kinds = Outcome::FAILURES.into_iter();
    let occurred = kinds.filter(|kind| rows.iter().any(|row| row.ended[*kind as usize] > 0));
    WorkloadSeries {
        issued: rates(&|row| row.issued),
        goodput: rates(&|row| {
            row.ended[Outcome::Success as usize] + row.ended[Outcome::Degraded as usize]
        }),
        degraded: rates(&|row| row.ended[Outcome::Degraded as usize]),
        failed: occurred
            .map(|kind| (kind.name().into(), rates(&|row| row.ended[kind as usize])))
            .collect(),
        p50_ms: quantile(0),
        p90_ms: quantile(1),
        p95_ms: quantile(2),
        p99_ms: quantile(P99),
        p99_9_ms: quantile(4),
        p99_half_ms: p99_half_ms.collect(),
        ccdf: Vec::new(),
    }
}

fn service_series(rows: &[ServiceTotals], seconds: &[f64], places: Places) -> ServiceSeries {
    let over_time = |value: &dyn Fn(&ServiceTotals) -> f64| -> Vec<f64> {
        rows.iter()
            .zip(seconds)
            .map(|(row, s)| value(row) / s)
            .collect()
    };
    let share_of_workers = |time: fn(&ServiceTotals) -> u128| -> Vec<f64> {
        let shares = rows.iter().zip(seconds);
        let shares = shares.map(|(row, s)| places.share(time(row), row, *s));
        shares.map(|share| share.unwrap_or(0.0)).collect()
    };
    ServiceSeries {
        arrivals: over_time(&|row| row.arrived as f64),
        completed: over_time(&|row| row.completed as f64),
        refused: over_time(&|row| row.refused as f64),
        queue_length: over_time(&|row| row.queue as f64 / 1e9),
        utilization: share_of_workers(|row| row.busy),
        wasted: share_of_workers(|row| row.wasted),
        instances: match places {
            Places::All(_) => Vec::new(),
            Places::Each(_) => over_time(&|row| row.instances as f64 / 1e9),
        },
    }
}

fn edge_series(rows: &[EdgeWindow], seconds: &[f64]) -> EdgeSeries {
    let rates = |count: &dyn Fn(&EdgeWindow) -> u64| -> Vec<f64> {
        let rows = rows.iter().zip(seconds);
        rows.map(|(row, s)| count(row) as f64 / s).collect()
    };
    let kinds = Outcome::FAILURES.into_iter();
    let occurred = kinds.filter(|kind| rows.iter().any(|row| row.ended[*kind as usize] > 0));
    EdgeSeries {
        calls: rates(&|row| row.started),
        attempts: rates(&|row| row.attempts),
        succeeded: rates(&|row| {
            row.ended[Outcome::Success as usize] + row.ended[Outcome::Degraded as usize]
        }),
        failed: occurred
            .map(|kind| (kind.name().into(), rates(&|row| row.ended[kind as usize])))
            .collect(),
        in_flight: (rows.iter().zip(seconds))
            .map(|(row, s)| row.in_flight as f64 / 1e9 / s)
            .collect(),
    }
}

fn queue_series(rows: &[QueueTotals], seconds: &[f64]) -> QueueSeries {
    let over_time = |value: fn(&QueueTotals) -> f64| -> Vec<f64> {
        let rows = rows.iter().zip(seconds);
        rows.map(|(row, s)| value(row) / s).collect()
    };
    QueueSeries {
        published: over_time(|row| row.published as f64),
        acknowledged: over_time(|row| row.acknowledged as f64),
        refused: over_time(|row| row.refused as f64),
        depth: over_time(|row| row.depth as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn rates_and_quantiles_of_windows() {
        let rows = [
            WorkloadWindow {
                issued: 6,
                ended: [3, 1, 2, 0, 0, 0, 0, 0],
                quantiles: [4_000_000, 5_000_000, 5_500_000, 6_000_000, 7_000_000],
                // Of 2 ms and 4 ms.
                p99_squares: 20_000_000_000_000,
                measured: 2,
            },
            WorkloadWindow::default(),
        ];
        // Two replications of half a second each.
        let series = workload_series(&rows, &[1.0, 1.0]);
        assert_eq!(
            (series.issued[0], series.goodput[0], series.degraded[0]),
            (6.0, 4.0, 1.0)
        );
        assert_eq!(
            series.failed,
            BTreeMap::from([("timeout".into(), vec![2.0, 0.0])])
        );
        assert_eq!((series.p50_ms[0], series.p99_ms[0]), (2.0, 3.0));
        assert_eq!((series.p95_ms[0], series.p99_9_ms[0]), (2.75, 3.5));
        // t(0.975, 1) = 12.7062 times half of their distance.
        assert!((series.p99_half_ms[0] - 12.7062).abs() < 1e-4);
        assert!(series.p50_ms[1].is_nan(), "nothing succeeded");
        let rows = [ServiceTotals {
            arrived: 4,
            completed: 2,
            refused: 1,
            queue: 6_000_000_000,
            busy: 3_000_000_000,
            ..ServiceTotals::default()
        }];
        let series = service_series(&rows, &[2.0], Places::All(3.0));
        assert_eq!(
            (series.arrivals[0], series.completed[0], series.refused[0]),
            (2.0, 1.0, 0.5)
        );
        assert_eq!((series.queue_length[0], series.utilization[0]), (3.0, 0.5));
        assert!(series.instances.is_empty());
        // Two instances of three workers each for the first half, one for the second.
        let rows = [ServiceTotals {
            busy: 3_000_000_000,
            instances: 3_000_000_000,
            ..ServiceTotals::default()
        }];
        let series = service_series(&rows, &[2.0], Places::Each(3.0));
        assert_eq!(
            (series.instances[0], series.utilization[0]),
            (1.5, 1.0 / 3.0)
        );
    }
}

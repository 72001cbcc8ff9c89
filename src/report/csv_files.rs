//! Results as tidy tables: one figure per row, or one window and subject per row. Numbers keep
//! every digit; what was not measured is an empty cell.
//!
//! `summary.csv`: `scope,name,metric,mean,low,high,unit,method`, with scope `workload`, `service`,
//! `call` or `discovery`. Counts are sums over replications and have no interval; `method` says how an
//! interval was had: over `replications`, or within one by `batch_means`.
//!
//! `transactions.csv`: the same columns, with scope `transaction`; only where the model has any.
//!
//! `queues.csv`: the same, with scope `queue`; only where the model has any.
//!
//! `timeseries.csv`: `time_s,scope,name,rate,goodput,degraded,failed_KIND…,p50_ms,p90_ms,p95_ms,p99_ms,p99_9_ms,
//! queue_length,utilization,breakers_open`, and `instances` where a service is autoscaled, where `time_s` is the start of the window and rates
//! are per second. For a service, `rate` counts arrivals, `goodput` answers, and
//! `failed_rejected` refusals; for a queue, messages taken in, acknowledged and refused, and
//! `queue_length` those in it; for a call, only `breakers_open` is filled.

mod deployments;
mod groups;

pub use deployments::deployments;
pub use groups::groups;

use crate::{Error, interval};
use std::collections::{BTreeMap, BTreeSet};
use study::record::{Estimate, LatencyRecord, OrdersRecord, RunRecord, Series, Word};

/// The kinds that have a column in every file, so that the files of two runs can be joined; others
/// follow when they occur.
const KINDS: [&str; 5] = ["timeout", "rejected", "unavailable", "error", "aborted"];

/// `summary.csv`.
///
/// # Errors
/// When the table cannot be formed, which is a defect of this crate.
pub fn summary(record: &RunRecord) -> Result<Vec<u8>, Error> {
    let mut table = Summary::new(record)?;
    if let Some(orders) = &record.orders {
        self::orders(&mut table, orders)?;
    }
    for (name, w) in &record.workloads {
        let mut subject = table.subject("workload", name);
        subject.count("issued", w.issued)?;
        subject.count("succeeded", w.succeeded)?;
        subject.count("degraded", w.degraded)?;
        subject.count("in_flight", w.in_flight)?;
        subject.failures(&w.failed)?;
        subject.figure("availability", &w.availability, "ratio")?;
        subject.figure("throughput", &w.throughput, "1/s")?;
        for (metric, estimate) in quantiles(&w.latency_ms) {
            subject.figure(metric, estimate, "ms")?;
        }
    }
    for (name, s) in &record.services {
        let mut subject = table.subject("service", name);
        subject.figure("utilization", &s.utilization, "ratio")?;
        subject.count("arrivals", s.arrivals)?;
        subject.count("completed", s.completed)?;
        subject.count("refused", s.refused)?;
        if let Some(skipped) = s.skipped {
            subject.count("skipped", skipped)?;
        }
        if let Some(ejections) = s.ejections {
            subject.count("ejections", ejections)?;
        }
        if let Some(instances) = &s.instances {
            subject.figure("instances.mean", &instances.mean, "instances")?;
            subject.figure("instances.max", &instances.max, "instances")?;
            subject.count("scaled_up", instances.scaled_up)?;
            subject.count("scaled_down", instances.scaled_down)?;
        }
        subject.figure("queue_length.mean", &s.queue_length.mean, "requests")?;
        subject.figure("queue_length.max", &s.queue_length.max, "requests")?;
        subject.figure("wait.mean", &s.wait_ms.mean, "ms")?;
        subject.figure("wait.p99", &s.wait_ms.p99, "ms")?;
        subject.figure("wasted", &s.wasted, "ratio")?;
    }
    for (name, c) in &record.calls {
        let mut subject = table.subject("call", name);
        subject.count("calls", c.calls)?;
        subject.count("attempts", c.attempts)?;
        if let Some(dead) = c.sent_to_dead {
            subject.count("sent_to_dead", dead)?;
        }
        let amplification = Estimate {
            mean: c.amplification,
            low: None,
            high: None,
        };
        subject.figure("amplification", &amplification, "ratio")?;
        subject.count("succeeded", c.succeeded)?;
        subject.count("degraded", c.degraded)?;
        subject.count("in_flight", c.in_flight)?;
        subject.failures(&c.failed)?;
    }
    for (name, s) in &record.stores {
        let mut subject = table.subject("store", name);
        subject.count("reads", s.reads)?;
        subject.count("stale_reads", s.stale_reads)?;
    }
    for (name, d) in &record.discovery {
        let mut subject = table.subject("discovery", name);
        subject.figure("known", &d.known, "instances")?;
        subject.count("down_detected", d.down_detected_ms.count)?;
        subject.figure("down_detected.mean", &d.down_detected_ms.mean, "ms")?;
        subject.figure("down_detected.max", &d.down_detected_ms.max, "ms")?;
        subject.count("false_positives", d.false_positives)?;
        subject.count("messages", d.messages)?;
    }
    finish(table.writer)
}

/// `transactions.csv`.
///
/// # Errors
/// When the table cannot be formed, which is a defect of this crate.
pub fn transactions(record: &RunRecord) -> Result<Vec<u8>, Error> {
    let mut table = Summary::new(record)?;
    for (name, t) in &record.transactions {
        let mut subject = table.subject("transaction", name);
        subject.count("started", t.started)?;
        subject.count("committed", t.committed)?;
        subject.count("aborted", t.aborted)?;
        subject.count("lost", t.lost)?;
        subject.count("in_flight", t.in_flight)?;
        subject.figure("commit_rate", &t.commit_rate, "ratio")?;
        for (metric, estimate) in quantiles(&t.latency_ms) {
            subject.figure(metric, estimate, "ms")?;
        }
        subject.count("in_doubt", t.in_doubt)?;
        subject.figure("in_doubt.mean", &t.in_doubt_ms.mean, "ms")?;
        subject.figure("in_doubt.p99", &t.in_doubt_ms.p99, "ms")?;
        subject.figure("in_doubt.max", &t.in_doubt_ms.max, "ms")?;
        subject.figure("lock.mean", &t.lock_ms.mean, "ms")?;
        subject.figure("lock.p99", &t.lock_ms.p99, "ms")?;
        subject.count("messages", t.messages)?;
        subject.count("forced_writes", t.forced_writes)?;
        if let Some(compensations) = t.compensations {
            subject.count("compensations", compensations)?;
        }
        if let Some(anomalies) = t.anomalies {
            subject.count("anomalies", anomalies)?;
        }
    }
    finish(table.writer)
}

/// The states of orders, in `summary.csv`.
fn orders(summary: &mut Summary<'_>, orders: &OrdersRecord) -> Result<(), Error> {
    let mut subject = summary.subject("orders", &orders.workload);
    for (metric, n) in [
        ("placed", orders.placed),
        ("confirmed", orders.confirmed),
        ("unacknowledged", orders.unacknowledged),
        ("duplicated", orders.duplicated),
        ("corrupt", orders.corrupt),
        ("lost", orders.lost),
        ("stuck", orders.stuck),
        ("compensated", orders.compensated),
        ("refused", orders.refused),
        ("open", orders.open),
    ] {
        subject.count(metric, n)?;
    }
    Ok(())
}

/// `queues.csv`.
///
/// # Errors
/// When the table cannot be formed, which is a defect of this crate.
pub fn queues(record: &RunRecord) -> Result<Vec<u8>, Error> {
    let mut table = Summary::new(record)?;
    for (name, q) in &record.queues {
        let mut subject = table.subject("queue", name);
        for (metric, n) in [
            ("published", q.published),
            ("refused", q.refused),
            ("delivered", q.delivered),
            ("acknowledged", q.acknowledged),
            ("redelivered", q.redelivered),
            ("duplicates", q.duplicates),
            ("recognized", q.recognized),
            ("dead_lettered", q.dead_lettered),
            ("dropped", q.dropped),
            ("replayed", q.replayed),
            ("in_queue", q.in_queue),
        ] {
            subject.count(metric, n)?;
        }
        subject.figure("depth.mean", &q.depth.mean, "messages")?;
        subject.figure("depth.max", &q.depth.max, "messages")?;
        subject.figure("depth.end", &q.depth.end, "messages")?;
        for (metric, estimate) in quantiles(&q.time_ms) {
            let metric = metric.replace("latency", "time");
            subject.figure(&metric, estimate, "ms")?;
        }
    }
    finish(table.writer)
}

/// `timeseries.csv`.
///
/// # Errors
/// When the table cannot be formed, which is a defect of this crate.
pub fn timeseries(record: &RunRecord) -> Result<Vec<u8>, Error> {
    let series = &record.series;
    let kinds = kinds(series);
    // Rows of whatever has no number of instances end with an empty cell.
    let scaled = series.services.values().any(|s| !s.instances.is_empty());
    let last = |instances: String| scaled.then_some(instances);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = kinds.iter().map(|kind| format!("failed_{kind}"));
    writer.write_record(
        ["time_s", "scope", "name", "rate", "goodput", "degraded"]
            .map(str::to_owned)
            .into_iter()
            .chain(failed)
            .chain(
                [
                    "p50_ms",
                    "p90_ms",
                    "p95_ms",
                    "p99_ms",
                    "p99_9_ms",
                    "queue_length",
                    "utilization",
                    "breakers_open",
                ]
                .map(str::to_owned),
            )
            .chain(last("instances".to_owned())),
    )?;
    let windows = windows(series);
    for window in 0..windows {
        // To the nanosecond: 0.3, not 0.30000000000000004.
        let time = ((window as f64 * series.window_s * 1e9).round() / 1e9).to_string();
        let at = |values: &[f64]| values.get(window).copied().map_or(String::new(), number);
        for (name, w) in &series.workloads {
            let failed = kinds
                .iter()
                .map(|kind| w.failed.get(*kind).map_or("0".to_owned(), |v| at(v)));
            writer.write_record(
                [time.clone(), "workload".into(), name.clone()]
                    .into_iter()
                    .chain([at(&w.issued), at(&w.goodput), at(&w.degraded)])
                    .chain(failed)
                    .chain([&w.p50_ms, &w.p90_ms, &w.p95_ms, &w.p99_ms, &w.p99_9_ms].map(|q| at(q)))
                    .chain(std::iter::repeat_n(String::new(), 3))
                    .chain(last(String::new())),
            )?;
        }
        for (name, s) in &series.services {
            let failed = kinds.iter().map(|kind| match *kind {
                "rejected" => at(&s.refused),
                _ => String::new(),
            });
            writer.write_record(
                [time.clone(), "service".into(), name.clone()]
                    .into_iter()
                    .chain([at(&s.arrivals), at(&s.completed), String::new()])
                    .chain(failed)
                    .chain(std::iter::repeat_n(String::new(), 5))
                    .chain([at(&s.queue_length), at(&s.utilization), String::new()])
                    .chain(last(at(&s.instances))),
            )?;
        }
        for (name, q) in &series.queues {
            let failed = kinds.iter().map(|kind| match *kind {
                "rejected" => at(&q.refused),
                _ => String::new(),
            });
            writer.write_record(
                [time.clone(), "queue".into(), name.clone()]
                    .into_iter()
                    .chain([at(&q.published), at(&q.acknowledged), String::new()])
                    .chain(failed)
                    .chain(std::iter::repeat_n(String::new(), 5))
                    .chain([at(&q.depth), String::new(), String::new()])
                    .chain(last(String::new())),
            )?;
        }
        for (name, open) in &series.breakers {
            let blanks = 3 + kinds.len() + 7;
            writer.write_record(
                [time.clone(), "call".into(), name.clone()]
                    .into_iter()
                    .chain(std::iter::repeat_n(String::new(), blanks))
                    .chain([at(open)])
                    .chain(last(String::new())),
            )?;
        }
    }
    finish(writer)
}

struct Summary<'r> {
    writer: csv::Writer<Vec<u8>>,
    record: &'r RunRecord,
}

impl<'r> Summary<'r> {
    fn new(record: &'r RunRecord) -> Result<Self, Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record([
            "scope", "name", "metric", "mean", "low", "high", "unit", "method",
        ])?;
        Ok(Self { writer, record })
    }

    fn subject<'a>(&'a mut self, scope: &'static str, name: &'a str) -> Subject<'a> {
        Subject {
            writer: &mut self.writer,
            record: self.record,
            scope,
            name,
        }
    }
}

struct Subject<'a> {
    writer: &'a mut csv::Writer<Vec<u8>>,
    record: &'a RunRecord,
    scope: &'static str,
    name: &'a str,
}

impl Subject<'_> {
    fn row(&mut self, metric: &str, values: [String; 3], unit: &str) -> Result<(), Error> {
        let [mean, low, high] = values;
        let method = match low.is_empty() && high.is_empty() {
            true => "",
            false => interval::method(self.record),
        };
        self.writer.write_record([
            self.scope, self.name, metric, &mean, &low, &high, unit, method,
        ])?;
        Ok(())
    }

    /// As experiments name it: `shoppers.latency.p99`, `services.order.utilization`.
    fn name_of(&self, metric: &str) -> String {
        match self.scope {
            "workload" => format!("{}.{metric}", self.name),
            scope => format!("{scope}s.{}.{metric}", self.name),
        }
    }

    fn count(&mut self, metric: &str, n: u64) -> Result<(), Error> {
        self.row(
            metric,
            [n.to_string(), String::new(), String::new()],
            "count",
        )
    }

    fn failures(&mut self, failed: &BTreeMap<Word, u64>) -> Result<(), Error> {
        self.count("failed", failed.values().sum())?;
        for (kind, n) in failed {
            self.count(&format!("failed.{kind}"), *n)?;
        }
        Ok(())
    }

    fn figure(&mut self, metric: &str, estimate: &Estimate, unit: &str) -> Result<(), Error> {
        let cell = |value: Option<f64>| value.map_or(String::new(), number);
        let estimate = interval::sure(self.record, &self.name_of(metric), estimate);
        self.row(
            metric,
            [cell(estimate.mean), cell(estimate.low), cell(estimate.high)],
            unit,
        )
    }
}

fn quantiles(latency: &LatencyRecord) -> [(&'static str, &Estimate); 7] {
    [
        ("latency.mean", &latency.mean),
        ("latency.p50", &latency.p50),
        ("latency.p90", &latency.p90),
        ("latency.p95", &latency.p95),
        ("latency.p99", &latency.p99),
        ("latency.p99_9", &latency.p99_9),
        ("latency.max", &latency.max),
    ]
}

fn kinds(series: &Series) -> Vec<&str> {
    let seen: BTreeSet<&str> = series
        .workloads
        .values()
        .flat_map(|w| w.failed.keys().map(|kind| &**kind))
        .collect();
    let others = seen.iter().copied().filter(|kind| !KINDS.contains(kind));
    KINDS.into_iter().chain(others).collect()
}

fn windows(series: &Series) -> usize {
    let workloads = series.workloads.values().map(|w| w.issued.len());
    let services = series.services.values().map(|s| s.arrivals.len());
    let breakers = series.breakers.values().map(Vec::len);
    workloads.chain(services).chain(breakers).max().unwrap_or(0)
}

fn number(value: f64) -> String {
    if value.is_finite() {
        value.to_string()
    } else {
        String::new()
    }
}

fn finish(writer: csv::Writer<Vec<u8>>) -> Result<Vec<u8>, Error> {
    writer
        .into_inner()
        .map_err(|error| Error::Csv(error.into_error().into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{checkout, empty};
    use study::record::{WithinEstimate, WithinRunRecord};

    fn rows(bytes: &[u8]) -> Vec<Vec<String>> {
        csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(bytes)
            .records()
            .map(|row| row.unwrap().iter().map(str::to_owned).collect())
            .collect()
    }

    #[test]
    fn a_figure_has_one_row_with_its_interval_and_unit() {
        let mut record = checkout();
        let shoppers = record.workloads.get_mut("shoppers").unwrap();
        shoppers.latency_ms.p99 = Estimate {
            mean: Some(236.25),
            low: Some(230.5),
            high: None,
        };
        let rows = rows(&summary(&record).unwrap());
        assert_eq!(
            rows[0].join(","),
            "scope,name,metric,mean,low,high,unit,method"
        );
        let find = |scope: &str, name: &str, metric: &str| {
            let mut found = rows.iter().filter(|r| r[..3] == [scope, name, metric]);
            let row = found.next().unwrap()[3..].join(",");
            assert_eq!(found.next(), None);
            row
        };
        assert_eq!(
            find("workload", "shoppers", "latency.p99"),
            "236.25,230.5,,ms,replications"
        );
        assert_eq!(find("workload", "shoppers", "in_flight"), "3,,,count,");
        assert_eq!(find("service", "order", "refused"), "1204,,,count,");
        assert_eq!(
            find("call", "gateway->order.create", "failed.timeout"),
            "7204,,,count,"
        );
        assert_eq!(
            find("call", "gateway->order.create", "amplification"),
            "1.12,,,ratio,"
        );
    }

    #[test]
    fn one_replication_has_the_interval_within_it() {
        let mut record = checkout();
        record.replications = 1;
        let figure = |low, high, reliable| WithinEstimate {
            value: 40.0,
            low,
            high,
            reliable,
        };
        record.within_run = Some(WithinRunRecord {
            method: "batch_means".into(),
            batches: 30,
            batch_s: 2.0,
            metrics: BTreeMap::from([
                ("shoppers.latency.p50".to_owned(), figure(38.0, 42.0, true)),
                ("shoppers.latency.p90".to_owned(), figure(38.0, 42.0, false)),
                (
                    "services.order.utilization".to_owned(),
                    figure(0.5, 0.7, true),
                ),
            ]),
        });
        let alone = Estimate {
            mean: Some(40.0),
            low: None,
            high: None,
        };
        let shoppers = record.workloads.get_mut("shoppers").unwrap();
        (shoppers.latency_ms.p50, shoppers.latency_ms.p90) = (alone, alone);
        record.services.get_mut("order").unwrap().utilization = alone;
        let rows = rows(&summary(&record).unwrap());
        let find = |name: &str, metric: &str| {
            let row = rows.iter().find(|r| r[1..3] == [name, metric]);
            row.unwrap()[3..].join(",")
        };
        assert_eq!(find("shoppers", "latency.p50"), "40,38,42,ms,batch_means");
        assert_eq!(find("shoppers", "latency.p90"), "40,,,ms,");
        assert_eq!(find("order", "utilization"), "40,0.5,0.7,ratio,batch_means");
    }

    #[test]
    fn transactions_have_a_table_of_their_own() {
        let rows = rows(&transactions(&checkout()).unwrap());
        assert_eq!(
            rows[0].join(","),
            "scope,name,metric,mean,low,high,unit,method"
        );
        let find = |metric: &str| {
            let wanted = ["transaction", "order.create", metric];
            let row = rows.iter().find(|row| row[..3] == wanted);
            row.unwrap()[3..].join(",")
        };
        assert_eq!(find("aborted"), "150,,,count,");
        assert_eq!(find("in_doubt.max"), "9000,8000,10000,ms,replications");
        assert_eq!(find("compensations"), "12,,,count,");
    }

    #[test]
    fn a_window_has_a_row_per_subject() {
        let mut record = checkout();
        record.series.window_s = 0.1;
        let shoppers = record.series.workloads.get_mut("shoppers").unwrap();
        shoppers.issued[3] = 201.5;
        shoppers.goodput[3] = 200.0;
        shoppers.degraded[3] = 0.0;
        for values in shoppers.failed.values_mut() {
            values[3] = 0.75;
        }
        shoppers.p50_ms[3] = 40.0;
        shoppers.p90_ms[3] = 50.0;
        shoppers.p95_ms[3] = 60.0;
        shoppers.p99_9_ms[3] = 90.0;
        shoppers.p99_ms[3] = f64::NAN;
        let rows = rows(&timeseries(&record).unwrap());
        assert_eq!(
            rows[0].join(","),
            "time_s,scope,name,rate,goodput,degraded,failed_timeout,failed_rejected,\
             failed_unavailable,failed_error,failed_aborted,p50_ms,p90_ms,p95_ms,p99_ms,\
             p99_9_ms,queue_length,utilization,breakers_open"
        );
        // Two workloads, four services, one edge with a breaker.
        assert_eq!(rows.len(), 1 + 600 * 7);
        let find = |scope: &str, name: &str| {
            let row = rows.iter().find(|r| r[..3] == ["0.3", scope, name]);
            row.unwrap()[3..].join(",")
        };
        assert_eq!(
            find("workload", "shoppers"),
            "201.5,200,0,0.75,0.75,0,0,0,40,50,60,,90,,,"
        );
        assert_eq!(find("service", "order"), "220,219,,,1,,,,,,,,,2.5,0.64,");
        assert_eq!(find("call", "gateway->order.create"), ",,,,,,,,,,,,,,,0.25");
    }

    #[test]
    fn a_run_without_measurements_has_headings_alone() {
        assert_eq!(rows(&summary(&empty()).unwrap()).len(), 1);
        assert_eq!(rows(&timeseries(&empty()).unwrap()).len(), 1);
    }
}

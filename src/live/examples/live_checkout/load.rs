//! Customers who come at random and do not wait for each other, and what became of them.

use crate::shop::{Ask, Shop};
use clock::Duration;
use engine::{Keyed, Sampler};
use std::sync::Arc;
use study::record::WorkloadRecord;
use tokio::time::{Instant, sleep_until};
use tower::ServiceExt;

/// Counts, and latencies in milliseconds; of a simulation, the means over its replications.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) issued: f64,
    pub(crate) succeeded: f64,
    pub(crate) failed: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
}

impl Tally {
    /// The figures of a simulated workload.
    pub(crate) fn of_record(record: &WorkloadRecord, replications: u32) -> Self {
        let each = |count: u64| count as f64 / f64::from(replications.max(1));
        let ms = |estimate: &study::record::Estimate| estimate.mean.unwrap_or(f64::NAN);
        Self {
            issued: each(record.issued),
            succeeded: each(record.succeeded),
            failed: each(record.failed.values().sum()),
            p50: ms(&record.latency_ms.p50),
            p90: ms(&record.latency_ms.p90),
            p99: ms(&record.latency_ms.p99),
        }
    }

    /// Names and figures, in the order in which they are shown.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String)> {
        let available = 100.0 * self.succeeded / (self.succeeded + self.failed);
        vec![
            ("requests", format!("{:.0}", self.issued)),
            ("available", format!("{available:.1} %")),
            ("p50", format!("{:.0} ms", self.p50)),
            ("p90", format!("{:.0} ms", self.p90)),
            ("p99", format!("{:.0} ms", self.p99)),
        ]
    }
}

/// Sends a customer after exponential times, for so long, and waits until all are answered.
pub(crate) async fn customers(shop: &Arc<Shop>, rate: u32, during: Duration) -> Tally {
    let gap = Sampler::Exponential {
        mean: 1e9 / f64::from(rate),
    };
    let mut bits = Keyed::new(shop.model.run.seed);
    let start = Instant::now();
    let (mut at, mut asked) = (Duration::ZERO, Vec::new());
    loop {
        at = at.saturating_add(gap.sample(&mut bits));
        if at > during {
            break;
        }
        sleep_until(start + at.into()).await;
        let workload = &shop.model.workloads[0];
        let service = shop.client(workload.target.service, workload.policy);
        let answer = service.oneshot(Ask::of(workload.target.endpoint));
        asked.push(tokio::spawn(async move {
            let since = Instant::now();
            let ok = answer.await.is_ok_and(|status| status.is_success());
            ok.then(|| since.elapsed().as_secs_f64() * 1e3)
        }));
    }
    let mut tally = Tally {
        issued: asked.len() as f64,
        ..Tally::default()
    };
    let mut latencies = Vec::new();
    for answer in asked {
        match answer.await {
            Ok(Some(ms)) => latencies.push(ms),
            _ => tally.failed += 1.0,
        }
    }
    latencies.sort_by(f64::total_cmp);
    let quantile = |q: f64| {
        let rank = (q * latencies.len() as f64).ceil() as usize;
        latencies.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
    };
    tally.succeeded = latencies.len() as f64;
    (tally.p50, tally.p90, tally.p99) = (quantile(0.5), quantile(0.9), quantile(0.99));
    tally
}

//! Records made by hand, for this crate's tests.

use std::collections::BTreeMap;
use study::record::*;

pub(crate) fn within(mean: f64, half: f64) -> Estimate {
    Estimate {
        mean: Some(mean),
        low: Some(mean - half),
        high: Some(mean + half),
    }
}

fn latency(p50: f64, p99: f64) -> LatencyRecord {
    LatencyRecord {
        mean: within(p50 * 1.3, p50 * 0.01),
        p50: within(p50, p50 * 0.004),
        p90: within(p50 * 2.1, p50 * 0.04),
        p95: within(p50 * 3.0, p50 * 0.05),
        p99: within(p99, p99 * 0.03),
        p99_9: within(p99 * 2.2, p99 * 0.12),
        max: within(p99 * 4.0, p99),
    }
}

/// Noise in -1..1 that is the same each time.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1u32 << 30) - 1.0
    }
}

fn workload_series(rate: f64, p50: f64, p99: f64, seed: u64) -> WorkloadSeries {
    let mut noise = Noise(seed);
    let mut w = WorkloadSeries::default();
    let (mut timeouts, mut rejected) = (Vec::new(), Vec::new());
    for second in 0..600 {
        let issued = rate * (1.0 + 0.06 * noise.next());
        let slow = (120..160).contains(&second);
        let crash = (300..322).contains(&second);
        let lost: f64 = match (slow, crash) {
            (true, _) => 0.06 + 0.02 * noise.next(),
            (_, true) => 0.015 + 0.01 * noise.next(),
            _ => (0.0004 * noise.next()).max(0.0),
        };
        let stretch: f64 = if slow {
            7.5
        } else if crash {
            1.6
        } else {
            1.0
        };
        w.issued.push(issued);
        w.goodput.push(issued * (1.0 - lost));
        w.degraded.push(if slow { issued * 0.1 } else { 0.0 });
        timeouts.push(issued * lost * 0.7);
        rejected.push(issued * lost * 0.3);
        w.p50_ms
            .push(p50 * stretch.sqrt() * (1.0 + 0.05 * noise.next()));
        let p99 = p99 * stretch * (1.0 + 0.15 * noise.next());
        w.p90_ms.push(p99 * 0.5);
        w.p95_ms.push(p99 * 0.7);
        w.p99_ms.push(p99);
        w.p99_9_ms.push(p99 * 1.6);
        w.p99_half_ms.push(p99 * 0.1);
    }
    w.failed = BTreeMap::from([("timeout".into(), timeouts), ("rejected".into(), rejected)]);
    // A lognormal body with a slow two per cent.
    let mut share: f64 = 1.0;
    let mut at = p50 * 0.3;
    while share > 3e-6 {
        let z = (at / p50).ln() / 0.55;
        let upper = 0.5 * (-0.717 * z.abs() - 0.416 * z * z).exp();
        let body = if z > 0.0 { upper } else { 1.0 - upper };
        let tail = 0.02 * (-(at / (p99 * 1.4))).exp();
        share = (0.98 * body + tail).min(share);
        w.ccdf.push((at, share.min(1.0)));
        at *= 1.02;
    }
    w.ccdf.push((at, 0.0));
    w
}

fn workload(rate: f64, p50: f64, p99: f64) -> WorkloadRecord {
    let issued = (rate * 570.0 * 8.0) as u64;
    let failed = BTreeMap::from([
        ("timeout".into(), issued / 200),
        ("rejected".into(), issued / 900),
    ]);
    let lost: u64 = failed.values().sum();
    WorkloadRecord {
        issued,
        succeeded: issued - lost - 3,
        degraded: issued / 150,
        in_flight: 3,
        failed,
        availability: within(0.9934, 0.0004),
        throughput: within(rate * 0.993, rate * 0.002),
        latency_ms: latency(p50, p99),
    }
}

fn service(utilization: f64, refused: u64) -> ServiceRecord {
    ServiceRecord {
        utilization: within(utilization, 0.004),
        arrivals: 941_002,
        completed: 940_120,
        refused,
        skipped: None,
        ejections: None,
        instances: None,
        queue_length: QueueLength {
            mean: within(utilization * 3.1, 0.1),
            max: within(utilization * 256.0, 9.0),
        },
        wait_ms: Wait {
            mean: within(utilization * 4.0, 0.2),
            p99: within(utilization * 71.0, 2.0),
        },
        wasted: within(utilization / 20.0, 0.001),
    }
}

fn call(calls: u64, attempts: u64, timeouts: u64) -> CallRecord {
    CallRecord {
        calls,
        attempts,
        sent_to_dead: None,
        amplification: Some(attempts as f64 / calls as f64),
        succeeded: calls - timeouts,
        degraded: timeouts / 2,
        in_flight: 0,
        failed: BTreeMap::from([("timeout".into(), timeouts)]),
    }
}

fn transaction() -> TransactionRecord {
    TransactionRecord {
        protocol: "saga".into(),
        started: 91_200,
        committed: 91_000,
        aborted: 150,
        lost: 30,
        in_flight: 20,
        commit_rate: within(0.9983, 0.0002),
        latency_ms: latency(31.0, 190.0),
        in_doubt: 3,
        in_doubt_ms: InDoubtRecord {
            mean: within(6.0, 0.5),
            p99: within(1200.0, 90.0),
            max: within(9000.0, 1000.0),
        },
        lock_ms: LockRecord {
            mean: within(24.0, 1.0),
            p99: within(1300.0, 80.0),
        },
        messages: 730_112,
        forced_writes: 455_000,
        compensations: Some(12),
        anomalies: Some(2),
    }
}

fn fault(label: &str, from_s: f64, to_s: f64) -> FaultSpan {
    FaultSpan {
        label: label.into(),
        from_s,
        to_s,
    }
}

/// A shop over ten minutes, with a slow payment service and a crashed node.
pub(crate) fn checkout() -> RunRecord {
    let rates = [
        ("admins", 20.0, 19.0, 88.0),
        ("shoppers", 200.0, 41.0, 236.0),
    ];
    let objective =
        |objective: &str, workload: &str, target, value, met, confidence: &str| Objective {
            objective: objective.into(),
            workload: workload.into(),
            target,
            value: Some(value),
            met,
            confidence: confidence.to_owned().into(),
        };
    let mut record = RunRecord {
        model: "checkout".into(),
        seed: 7,
        replications: 8,
        simulated_s: 600.0,
        warmup_s: 30.0,
        events: 12_345_678,
        wall_s: 4.211,
        fingerprint: "9f86d081884c7d65".into(),
        stopped: None,
        warnings: Vec::new(),
        within_run: None,
        slo: vec![
            objective("availability", "admins", 0.999, 0.99934, true, "unclear"),
            objective("availability", "shoppers", 0.999, 0.9934, false, "no"),
            objective("latency.p99", "admins", 400.0, 88.0, true, "yes"),
            objective("latency.p99", "shoppers", 400.0, 236.0, true, "yes"),
        ],
        workloads: BTreeMap::new(),
        services: BTreeMap::from([
            ("gateway".into(), service(0.213, 0)),
            ("inventory".into(), service(0.311, 0)),
            ("order".into(), service(0.642, 1_204)),
            ("payment".into(), service(0.911, 12)),
        ]),
        calls: BTreeMap::from([
            (
                "gateway->order.create".into(),
                call(912_000, 1_021_440, 7_204),
            ),
            (
                "order->inventory.reserve".into(),
                call(1_000_000, 1_000_000, 0),
            ),
            (
                "order->payment.charge".into(),
                call(1_000_000, 1_090_000, 0),
            ),
        ]),
        transactions: BTreeMap::from([("order.create".into(), transaction())]),
        metrics: BTreeMap::new(),
        groups: BTreeMap::new(),
        deployments: Vec::new(),
        discovery: BTreeMap::new(),
        stores: BTreeMap::new(),
        orders: None,
        queues: BTreeMap::new(),
        violations: Vec::new(),
        topology: shop(),
        causes: Causes::default(),
        series: Series {
            window_s: 1.0,
            warmup_s: 30.0,
            faults: vec![
                fault("payment slow x8", 120.0, 150.0),
                fault("a-1 crashed", 300.0, 320.0),
            ],
            ..Series::default()
        },
    };
    for (seed, (name, rate, p50, p99)) in rates.into_iter().enumerate() {
        record
            .workloads
            .insert(name.into(), workload(rate, p50, p99));
        record.series.workloads.insert(
            name.into(),
            workload_series(rate, p50, p99, seed as u64 + 1),
        );
    }
    for name in record.services.keys() {
        record.series.services.insert(
            name.clone(),
            ServiceSeries {
                arrivals: vec![220.0; 600],
                completed: vec![219.0; 600],
                refused: vec![1.0; 600],
                queue_length: vec![2.5; 600],
                utilization: vec![0.64; 600],
                wasted: vec![0.01; 600],
                instances: Vec::new(),
            },
        );
    }
    record
        .series
        .breakers
        .insert("gateway->order.create".into(), vec![0.25; 600]);
    // From the slow payment service upwards: each fails a little later and a little less.
    for (name, share, from, to) in [
        ("order->payment.charge", 0.4, 120, 150),
        ("gateway->order.create", 0.3, 123, 154),
        ("admins->gateway.check", 0.01, 125, 156),
        ("shoppers->gateway.buy", 0.2, 125, 156),
        ("order->inventory.reserve", 0.0, 0, 0),
    ] {
        record
            .series
            .edges
            .insert(name.into(), edge_series(share, from, to));
    }
    record
}

/// A hundred calls a second, of which a share fails from one window to another.
fn edge_series(share: f64, from: usize, to: usize) -> EdgeSeries {
    let mut failed = vec![0.0; 600];
    failed[from..to].fill(100.0 * share);
    let succeeded = failed.iter().map(|failed| 100.0 - failed);
    EdgeSeries {
        calls: vec![100.0; 600],
        attempts: vec![100.0; 600],
        succeeded: succeeded.collect(),
        failed: BTreeMap::from([("timeout".into(), failed)]),
        in_flight: vec![4.0; 600],
    }
}

fn shop() -> Topology {
    let node = |name: &str, kind| Node {
        name: name.into(),
        kind,
        count: 2,
    };
    let call = |from, to, edge: &str| Link {
        from,
        to,
        kind: LinkKind::Call,
        edges: vec![edge.into()],
    };
    Topology {
        nodes: vec![
            node("admins", NodeKind::Workload),
            node("shoppers", NodeKind::Workload),
            node("gateway", NodeKind::Service),
            node("order", NodeKind::Service),
            node("payment", NodeKind::Service),
            node("inventory", NodeKind::Service),
        ],
        links: vec![
            call(0, 2, "admins->gateway.check"),
            call(1, 2, "shoppers->gateway.buy"),
            call(2, 3, "gateway->order.create"),
            call(3, 4, "order->payment.charge"),
            call(3, 5, "order->inventory.reserve"),
        ],
    }
}

/// With as many workloads as asked, their names long.
pub(crate) fn crowded(workloads: usize) -> RunRecord {
    let mut record = checkout();
    record.workloads.clear();
    record.series.workloads.clear();
    for i in 0..workloads {
        let name = format!("customers-of-the-region-number-{i:02}-who-come-by-mobile-phone");
        let p50 = 10.0 + 9.0 * i as f64;
        record.workloads.insert(
            name.clone(),
            workload(200.0 / (i + 1) as f64, p50, p50 * 6.0),
        );
        let rate = 200.0 / (i + 1) as f64;
        record
            .series
            .workloads
            .insert(name, workload_series(rate, p50, p50 * 6.0, i as u64 + 1));
    }
    record
}

/// A run that measured nothing.
pub(crate) fn empty() -> RunRecord {
    RunRecord {
        replications: 1,
        slo: Vec::new(),
        workloads: BTreeMap::new(),
        services: BTreeMap::new(),
        calls: BTreeMap::new(),
        transactions: BTreeMap::new(),
        series: Series::default(),
        topology: Topology::default(),
        ..checkout()
    }
}

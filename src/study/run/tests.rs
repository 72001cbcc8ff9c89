use super::*;
use crate::record::Estimate;
use crate::{testing, to_json};
use clock::Duration;
use model::Run;
use proptest::prelude::*;

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// One service of one worker, and one workload that calls it; ten seconds, one of them warm-up.
fn one_server(arrivals: &str, compute: &str) -> Model {
    testing::model(&format!(
        "
name: one-server
run: {{duration: 10s, warmup: 1s}}
services: {{server: {{endpoints: {{get: [{{compute: {compute}}}]}}}}}}
workloads: {{users: {{target: server.get, arrivals: {arrivals}}}}}
"
    ))
}

/// M/M/1: service rate 1 per ms, `load` arrivals per ms.
fn mm1(load: f64) -> Model {
    one_server(
        &format!("{{poisson: {{rate: {}/s}}}}", 1000.0 * load),
        "{exponential: {mean: 1ms}}",
    )
}

/// A front that calls the server with a timeout and retries, so that calls fail, are sent again
/// and are abandoned.
fn storm(timeout: Duration, attempts: u32, load: f64) -> Model {
    testing::model(&format!(
        "
name: storm
run: {{duration: 10s, warmup: 1s}}
policies:
  impatient:
    - retry: {{attempts: {attempts}, backoff: 1ms, jitter: full}}
    - timeout: {timeout}
services:
  front:
    workers: 4
    threading: async
    endpoints: {{get: [{{compute: {{exponential: {{mean: 200us}}}}}}, {{call: server.get, policy: impatient}}]}}
  server:
    queue: {{capacity: 50}}
    endpoints: {{get: [{{compute: {{exponential: {{mean: 1ms}}}}}}]}}
workloads:
  users: {{target: front.get, arrivals: {{poisson: {{rate: {}/s}}}}}}
",
        1000.0 * load
    ))
}

fn run(model: &Model) -> RunRecord {
    super::run(model, &Options::default(), &Progress::new()).unwrap()
}

fn near(estimate: Estimate, value: f64, tolerance: f64) {
    let mean = estimate.mean.unwrap();
    assert!(
        (mean / value - 1.0).abs() <= tolerance,
        "{mean} is not within {tolerance} of {value}"
    );
}

#[test]
fn an_even_stream_by_hand() {
    // Every 10 ms a request of 4 ms: nobody waits.
    let model = one_server("{deterministic: {rate: 100/s}}", "4ms");
    let record = run(&model);
    let users = &record.workloads["users"];
    assert!(
        (900..=901).contains(&users.issued),
        "{} issued in 9 s",
        users.issued
    );
    assert_eq!(users.succeeded + users.in_flight, users.issued);
    assert_eq!(users.latency_ms.mean.mean, Some(4.0));
    assert_eq!(users.latency_ms.max.mean, Some(4.0));
    near(users.latency_ms.p99, 4.0, 0.001);
    near(users.throughput, 100.0, 0.002);
    assert_eq!(
        users.availability,
        Estimate {
            mean: Some(1.0),
            low: None,
            high: None
        }
    );
    let server = &record.services["server"];
    near(server.utilization, 0.4, 0.002);
    assert_eq!(server.wait_ms.mean.mean, Some(0.0));
    assert_eq!(
        (server.queue_length.mean.mean, server.wasted.mean),
        (Some(0.0), Some(0.0))
    );
    assert_eq!(record.calls["users->server.get"].amplification, Some(1.0));
    assert_eq!((record.simulated_s, record.warmup_s), (10.0, 1.0));
    assert_eq!(record.violations, []);
    // 240 windows at most: 50 ms each, of five requests.
    let series = &record.series;
    assert_eq!(
        (series.window_s, series.workloads["users"].issued.len()),
        (0.05, 200)
    );
    assert_eq!(series.workloads["users"].goodput[100], 100.0);
    assert!((series.services["server"].utilization[100] - 0.4).abs() < 1e-9);
}

#[test]
fn one_queue_meets_its_closed_form() {
    // Time in the system is exponential with rate 1 - 0.5 per ms (Kleinrock 1975, 3.2).
    let model = testing::model(
        "
name: mm1
run: {duration: 101s, warmup: 1s, replications: 8}
slo: {availability: 99%, latency: {p50: 10ms, p99: 1ms}}
services: {server: {endpoints: {get: [{compute: {exponential: {mean: 1ms}}}]}}}
workloads: {users: {target: server.get, arrivals: {poisson: {rate: 500/s}}}}
",
    );
    let record = run(&model);
    let latency = record.workloads["users"].latency_ms.clone();
    near(latency.mean, 2.0, 0.02);
    near(latency.p50, 2.0 * std::f64::consts::LN_2, 0.02);
    near(latency.p99, 2.0 * 100f64.ln(), 0.03);
    near(record.services["server"].utilization, 0.5, 0.01);
    near(record.services["server"].queue_length.mean, 0.5, 0.03);
    near(record.services["server"].wait_ms.mean, 1.0, 0.03);
    let (low, high) = (latency.mean.low.unwrap(), latency.mean.high.unwrap());
    assert!(
        low < 2.0 && 2.0 < high && high - low < 0.1,
        "interval {low}..{high}"
    );
    let verdicts: Vec<_> = record
        .slo
        .iter()
        .map(|o| (o.objective.as_str(), o.met, &*o.confidence))
        .collect();
    let expected = [
        ("availability", true, "yes"),
        ("latency.p50", true, "yes"),
        ("latency.p99", false, "no"),
    ];
    assert_eq!(verdicts, expected);
}

#[test]
fn the_record_does_not_depend_on_threads() {
    let mut model = storm(Duration::from_millis(3), 3, 0.7);
    model.run.replications = 9;
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let record = pool.install(|| RunRecord {
            wall_s: 0.0,
            ..run(&model)
        });
        // Not equal to itself where nothing succeeded in a window.
        (to_json(&record), format!("{:?}", record.series))
    };
    let one = on(1);
    assert!(one == on(2) && one == on(8));
}

#[test]
fn seeds_and_replications_differ() {
    let model = mm1(0.5);
    let fingerprint = |seed, replications| {
        let options = Options {
            seed: Some(seed),
            replications: Some(replications),
            ..Options::default()
        };
        super::run(&model, &options, &Progress::new())
            .unwrap()
            .fingerprint
    };
    assert_eq!(fingerprint(1, 1), run(&model).fingerprint);
    assert_ne!(fingerprint(1, 1), fingerprint(2, 1));
    assert_ne!(fingerprint(1, 2), fingerprint(1, 1));
}

#[test]
fn a_warm_up_is_found_and_shared() {
    // Every 2 ms a request; ten seconds of slow answers, then even ones.
    let model = testing::model(
        "
name: slow-start
run: {duration: 60s, warmup: auto, replications: 3}
services: {server: {endpoints: {get: [{compute: 1ms}]}}}
workloads: {users: {target: server.get, arrivals: {deterministic: {rate: 500/s}}}}
faults: [{at: 0s, for: 10s, slow: {service: server, factor: 1.8}}]
",
    );
    let record = run(&model);
    assert!(
        (9.99..10.1).contains(&record.warmup_s),
        "cut at {} s",
        record.warmup_s
    );
    assert_eq!(record.warnings, [] as [String; 0]);
    assert_eq!(record.workloads["users"].latency_ms.max.mean, Some(1.0));
    let fault = &record.series.faults[0];
    assert_eq!(
        (fault.label.as_str(), fault.from_s, fault.to_s),
        ("server slow x1.8", 0.0, 10.0)
    );
}

#[test]
fn a_run_that_never_settles_says_so() {
    let mut model = mm1(2.0);
    model.run.warmup = model::Warmup::Auto;
    let record = run(&model);
    assert_eq!(record.warmup_s, 5.0);
    assert!(
        record.warnings[0].contains("`users` had not settled"),
        "{:?}",
        record.warnings
    );
}

#[test]
fn a_limit_is_named_and_what_was_measured_counts() {
    let mut model = mm1(2.0);
    model.run.warmup = model::Warmup::Fixed(Duration::ZERO);
    let options = Options {
        limits: Limits {
            in_flight: 1000,
            ..Limits::default()
        },
        ..Options::default()
    };
    let record = super::run(&model, &options, &Progress::new()).unwrap();
    assert!(record.stopped.unwrap().contains("1000"));
    let users = &record.workloads["users"];
    assert!(
        users.succeeded > 0 && (900..=1001).contains(&users.in_flight),
        "{users:?}"
    );
    assert_eq!(record.violations, []);
}

#[test]
fn a_stop_keeps_what_there_is() {
    let stopped_when = |model: &Model, enough: &(dyn Fn(&Progress) -> bool + Sync)| {
        let progress = Progress::new();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(2)
            .build()
            .unwrap();
        let watch = || {
            while !enough(&progress) {
                std::thread::yield_now();
            }
            progress.stop();
        };
        let study = || super::run(model, &Options::default(), &progress).unwrap();
        pool.join(study, watch).0
    };
    let mut model = mm1(0.5);
    model.run = Run {
        duration: secs(1_000_000),
        warmup: model::Warmup::Fixed(Duration::ZERO),
        ..model.run
    };
    let partial = stopped_when(&model, &|progress| progress.simulated() > Duration::ZERO);
    assert!(
        partial
            .stopped
            .unwrap()
            .contains("of its first replication")
    );
    assert!(partial.simulated_s < 1_000_000.0 && partial.workloads["users"].succeeded > 0);
    assert_eq!((partial.replications, partial.violations.len()), (1, 0));

    model.run = Run {
        duration: secs(1),
        replications: 1_000_000,
        ..model.run
    };
    let some = stopped_when(&model, &|progress| progress.finished() >= 3);
    assert!((3..1_000_000).contains(&some.replications));
    assert_eq!(some.simulated_s, 1.0);
    assert!(some.stopped.unwrap().ends_with("of 1000000 replications"));
    // Only finished ones: 500 requests each, as many in the windows.
    let issued = some.series.workloads["users"].issued.iter().sum::<f64>() * some.series.window_s;
    let mean = some.workloads["users"].issued as f64 / f64::from(some.replications);
    assert!(
        (issued - mean).abs() < 1e-6,
        "{issued} in windows, {mean} in all"
    );

    let progress = Progress::new();
    progress.stop();
    let nothing = super::run(&model, &Options::default(), &progress);
    assert!(matches!(nothing, Err(StudyError::Stopped)));
}

#[test]
fn the_fingerprint_of_a_chain_is_fnv() {
    // FNV-1a of the empty string goes on with "foobar\0\0": by the definition, byte by byte.
    let word = u64::from_le_bytes(*b"foobar\0\0");
    let foobar = 0x8594_4171_f739_67e8_u64;
    let prime = 0x0000_0100_0000_01b3_u64;
    // 0x85944171f73967e8 is the published FNV-1a of "foobar"; two zero bytes multiply twice.
    let expected = foobar.wrapping_mul(prime).wrapping_mul(prime);
    assert_eq!(chain(0xcbf2_9ce4_8422_2325, word), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn every_call_is_accounted_for(
        seed in any::<u64>(),
        timeout_us in 100..10_000u64,
        attempts in 1..5u32,
        load in 0.1..1.5f64,
        warmup_ms in 0..3000u64,
    ) {
        let mut model = storm(Duration::from_nanos(timeout_us * 1000), attempts, load);
        model.run = Run {
            duration: secs(3),
            warmup: model::Warmup::Fixed(Duration::from_millis(warmup_ms)),
            seed,
            replications: 2,
        };
        let record = run(&model);
        prop_assert_eq!(&record.violations, &[]);
        for (edge, call) in &record.calls {
            let failed: u64 = call.failed.values().sum();
            prop_assert_eq!(call.calls, call.succeeded + failed + call.in_flight, "{}", edge);
            prop_assert!(call.degraded <= call.succeeded);
        }
        let users = &record.workloads["users"];
        prop_assert_eq!(users.issued, record.calls["users->front.get"].calls);
        for service in record.services.values() {
            for ratio in [service.utilization, service.wasted] {
                prop_assert!(ratio.mean.is_none_or(|r| (0.0..=1.0).contains(&r)), "{:?}", ratio);
            }
        }
        let storm = &record.calls["front->server.get"];
        prop_assert!(storm.amplification.is_none_or(|a| a <= f64::from(attempts)));
    }
}

#[test]
fn what_was_skipped_and_left_out_is_counted_where_it_can_be() {
    // Who waits for the first request degrades the front for the rest of the run. Of two instances
    // that always fail, one is left out at once, and never two.
    let record = run(&testing::model(
        "
name: counts
run: {duration: 10s, warmup: 1s}
services:
  front:
    degrade: {queue_length: 0, recover_after: 1h}
    endpoints: {get: [{compute: 10ms}, {call: back.get, optional: true}]}
  back:
    instances: 2
    outlier_ejection: {consecutive: 1}
    endpoints: {get: [{fail: 1}]}
workloads:
  before: {target: front.get, batch: {size: 3, at: 0s}}
  after: {target: front.get, batch: {size: 5, at: 2s}}
  other: {target: back.get, batch: {size: 7, at: 3s}}
",
    ));
    let (front, back) = (&record.services["front"], &record.services["back"]);
    assert_eq!((front.skipped, front.ejections), (Some(5), None));
    assert_eq!((back.skipped, back.ejections), (None, Some(1)));
    assert_eq!(record.workloads["after"].degraded, 5);
    let text = to_json(&record);
    assert_eq!(text.matches("\"skipped\"").count(), 1);
    assert_eq!(text.matches("\"ejections\"").count(), 1);
}

#[test]
fn one_steady_replication_has_intervals_within_it() {
    let model = testing::model(
        "
name: mm1
run: {duration: 401s, warmup: 1s}
services: {server: {endpoints: {get: [{compute: {exponential: {mean: 1ms}}}]}}}
workloads: {users: {target: server.get, arrivals: {poisson: {rate: 500/s}}}}
",
    );
    let record = run(&model);
    assert_eq!(record.warnings, [] as [String; 0]);
    let users = &record.workloads["users"];
    assert_eq!(
        users.latency_ms.mean.low, None,
        "not an interval over replications"
    );
    let within = record.within_run.as_ref().unwrap();
    assert!((20..40).contains(&within.batches));
    let mean = within.metrics["users.latency.mean"];
    assert_eq!(Some(mean.value), users.latency_ms.mean.mean);
    // Idle and busy times alternate: with means i = 2 and b = 1/(1 - 0.5) = 2 ms and variances 4 and
    // (1 + 0.5)/(1 - 0.5)³ = 12, the variance of the busy share over T is
    // (i²·12 + b²·4)/(i + b)³/T = 1/T (Takács 1959), and half of the interval t · √(1/400 000), with
    // t = 2.06. Of some 25 batches its own error is 15 %.
    let busy = within.metrics["services.server.utilization"];
    let half = (busy.high - busy.low) / 2.0;
    assert!((0.6..1.4).contains(&(half / 0.003_26)), "{half}");
    assert!(mean.reliable && mean.low < 2.05 && mean.high > 1.95);
    for figure in ["users.latency.p99", "services.server.utilization"] {
        let seen = within.metrics[figure];
        assert!(
            seen.low < seen.value && seen.value < seen.high,
            "{figure}: {seen:?}"
        );
        assert_eq!(Some(seen.value), record.metrics[figure].mean);
    }
    assert!(!within.metrics.contains_key("users.latency.max"));
    let two = Options {
        replications: Some(2),
        ..Options::default()
    };
    let several = super::run(&model, &two, &Progress::new()).unwrap();
    assert_eq!(several.within_run, None);
}

#[test]
fn a_run_that_is_too_short_for_an_interval_says_so() {
    let record = run(&mm1(0.97));
    assert!(
        record.warnings[0].contains("too short for an interval of the latency of workload `users`"),
        "{:?}",
        record.warnings
    );
    let within = record.within_run.unwrap();
    assert!(!within.metrics["users.latency.mean"].reliable);
}

#[test]
fn what_changes_at_a_set_time_has_no_interval_within_a_run() {
    for change in [
        "faults: [{at: 3s, for: 1s, slow: {service: server, factor: 2}}]",
        "workloads: {users: {target: server.get, arrivals: {poisson: {rate: [{at: 0s, rate: 9/s}, {at: 5s, rate: 99/s}]}}}}",
    ] {
        let steady = "workloads: {users: {target: server.get, arrivals: {poisson: {rate: 99/s}}}}";
        let workload = if change.starts_with("faults") {
            steady
        } else {
            ""
        };
        let model = testing::model(&format!(
            "
name: changing
run: {{duration: 10s}}
services: {{server: {{endpoints: {{get: [{{compute: 1ms}}]}}}}}}
{workload}
{change}
"
        ));
        let record = run(&model);
        assert_eq!((record.within_run, record.warnings), (None, vec![]));
    }
}

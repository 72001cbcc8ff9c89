//! Models of which the cause is known beforehand: the explanation must name it, and every failed request
//! must be counted once.

use super::*;
use crate::record::RunRecord;
use crate::{Options, Progress, run, testing};

/// Runs a model of 60 s without warm-up and explains it.
fn explained(rest: &str) -> (RunRecord, Explanation) {
    let text = format!("name: test\nrun: {{duration: 60s, warmup: 0s, seed: 1}}\n{rest}");
    let record = run(
        &testing::model(&text),
        &Options::default(),
        &Progress::new(),
    )
    .unwrap();
    let explanation = explain(&record);
    adds_up(&record, &explanation);
    (record, explanation)
}

/// Every failed request is in exactly one burst or in the background, in one chain, and has one root.
fn adds_up(record: &RunRecord, it: &Explanation) {
    let failed: u64 = (record.workloads.values())
        .flat_map(|workload| workload.failed.values())
        .sum();
    let in_bursts: u64 = it.bursts.iter().map(|burst| burst.failed).sum();
    assert_eq!(in_bursts + it.background.failed, failed);
    for burst in &it.bursts {
        let chains: u64 = burst.chains.iter().map(|chain| chain.failed).sum();
        let roots: u64 = burst.roots.iter().map(|root| root.failed).sum();
        let workloads: u64 = burst.workloads.values().map(|w| w.failed).sum();
        let kinds: u64 = (burst.workloads.values())
            .flat_map(|w| w.kinds.values())
            .sum();
        assert_eq!([chains, roots, workloads, kinds], [burst.failed; 4]);
        assert!(burst.failed <= burst.requests);
        assert!(burst.roots.iter().all(|root| root.direct <= root.failed));
        let rungs = burst.ladder.iter();
        assert!(
            rungs
                .into_iter()
                .all(|rung| rung.failed <= burst.roots[0].failed)
        );
    }
    let background: u64 = it.background.roots.iter().map(|root| root.failed).sum();
    assert_eq!(background, it.background.failed);
}

/// The only burst, with a root of this kind and name to which at least this share goes back.
#[track_caller]
fn rooted(it: &Explanation, kind: RootKind, label: &str, share: f64) -> Burst {
    let [burst] = &it.bursts[..] else {
        panic!("{} bursts: {:#?}", it.bursts.len(), it.bursts);
    };
    let root = &burst.roots[0];
    let all: Vec<_> = burst.roots.iter().map(|r| (&r.label, r.failed)).collect();
    assert_eq!((root.kind, root.label.as_str()), (kind, label), "{all:?}");
    let of = root.failed as f64 / burst.failed as f64;
    assert!(of >= share, "{of} of the failures: {all:?}");
    burst.clone()
}

/// Where the ladder leads, from the root on.
fn way(burst: &Burst) -> Vec<&str> {
    burst.ladder.iter().map(|rung| rung.at.as_str()).collect()
}

const SHOP: &str = "
policies: {wait: [{timeout: 100ms}]}
services:
  front: {workers: 500, threading: async, endpoints: {get: [{call: back.get, policy: wait}]}}
  back: {workers: 10, endpoints: {get: [{compute: {exponential: {mean: 5ms}}}]}}
workloads:
  users: {target: front.get, arrivals: {poisson: {rate: 200/s}}}
";

fn shop(faults: &str) -> (RunRecord, Explanation) {
    explained(&format!("{SHOP}faults: [{faults}]\n"))
}

#[test]
fn a_quiet_run_has_nothing_to_explain() {
    let (_, it) = explained(SHOP);
    assert!(it.bursts.is_empty() && it.background.failed == 0);
    assert!(it.background.requests > 11_000);
}

#[test]
fn a_slow_service_is_the_root_of_what_waits_for_it() {
    // 10 workers of 60 ms each serve 166/s of 200/s: a queue grows.
    let (_, it) = shop("{at: 20s, for: 10s, slow: {service: back, factor: 12}}");
    let burst = rooted(&it, RootKind::Fault, "back slow x12", 0.99);
    let root = &burst.roots[0];
    assert_eq!((root.from_s, root.to_s), (Some(20.0), Some(30.0)));
    assert!(root.direct * 10 > root.failed * 9);
    assert!(
        burst.root_to_user_s.unwrap() > 0.05,
        "nobody gives up before 100 ms"
    );
    assert_eq!(way(&burst).last(), Some(&"users"));
    assert!(burst.end.recovered && burst.end.after_root_s.unwrap() < 5.0);
    let hit: Vec<_> = burst.blast.iter().map(|hit| hit.name.as_str()).collect();
    assert_eq!(hit, ["back", "front", "users"]);
}

#[test]
fn workers_that_wait_for_a_slow_service_are_on_the_way_and_not_the_root() {
    let (_, it) = explained(
        "
policies: {wait: [{timeout: 200ms}], patient: [{timeout: 5s}]}
services:
  front: {workers: 500, threading: async, endpoints: {get: [{call: middle.get, policy: wait}]}}
  middle: {workers: 8, endpoints: {get: [{compute: 1ms}, {call: back.get, policy: patient}]}}
  back: {workers: 100, endpoints: {get: [{compute: 10ms}]}}
workloads:
  users: {target: front.get, arrivals: {poisson: {rate: 200/s}}}
faults: [{at: 20s, for: 10s, slow: {service: back, factor: 15}}]
",
    );
    let burst = rooted(&it, RootKind::Fault, "back slow x15", 0.99);
    let expected = [
        "back",
        "middle->back.get",
        "middle",
        "middle",
        "front->middle.get",
        "users",
    ];
    assert_eq!(way(&burst), expected);
    assert!(
        burst.ladder[2]
            .words
            .ends_with("for callers who had given up")
    );
    let exhausted = &burst.ladder[3];
    assert_eq!(exhausted.words, "workers of middle exhausted");
    // All but 1 ms of 151 ms.
    let note = exhausted.note.as_deref().unwrap();
    assert!(
        note.ends_with("99 % of them waiting for back.get"),
        "{note}"
    );
}

#[test]
fn a_crash_is_the_root_of_refused_connections() {
    let (record, it) = shop("{at: 20s, for: 10s, crash: {service: back}}");
    let burst = rooted(&it, RootKind::Fault, "back crash", 1.0);
    assert_eq!(burst.roots[0].direct, burst.failed);
    let unavailable = record.calls["front->back.get"].failed["unavailable"];
    assert_eq!(burst.failed, unavailable);
    assert_eq!(way(&burst), ["back", "front->back.get", "users"]);
    assert!(burst.root_to_user_s.unwrap() < 0.1);
}

#[test]
fn instances_that_are_gone_are_the_root_of_what_the_rest_can_not_do() {
    let (_, it) = explained(
        "
policies: {wait: [{timeout: 100ms}]}
services:
  front: {workers: 500, threading: async, endpoints: {get: [{call: back.get, policy: wait}]}}
  back:
    instances: 4
    workers: 1
    balancer: round_robin
    discovery: {health_check: {interval: 50ms, timeout: 50ms}}
    endpoints: {get: [{compute: 15ms}]}
workloads:
  users: {target: front.get, arrivals: {poisson: {rate: 150/s}}}
faults:
  - {at: 20s, for: 10s, crash: {instance: back-1}}
  - {at: 20s, for: 10s, crash: {instance: back-2}}
",
    );
    let burst = rooted(&it, RootKind::Fault, "back-1 crash", 0.9);
    assert!(way(&burst).contains(&"back"));
}

#[test]
fn a_partition_is_the_root_of_lost_messages() {
    let (_, it) = shop("{at: 20s, for: 10s, partition: {groups: [[front], [back]]}}");
    let burst = rooted(&it, RootKind::Fault, "front | back partition", 1.0);
    assert_eq!(way(&burst), ["front->back.get", "users"]);
}

#[test]
fn loss_is_the_root_of_lost_messages() {
    let (_, it) = shop("{at: 20s, for: 10s, loss: {to: back, ratio: 30%}}");
    rooted(&it, RootKind::Fault, "to back loss 30%", 1.0);
}

#[test]
fn latency_is_the_root_of_late_messages() {
    let (_, it) = shop("{at: 20s, for: 10s, latency: {to: back, add: 300ms}}");
    rooted(&it, RootKind::Fault, "to back latency +300ms", 0.98);
}

#[test]
fn a_pause_is_the_root_of_silence() {
    let (_, it) = shop("{at: 20s, for: 10s, pause: {service: back}}");
    let burst = rooted(&it, RootKind::Fault, "back pause", 0.9);
    assert_eq!(way(&burst)[0], "back");
}

#[test]
fn errors_are_the_root_of_failed_handlers() {
    let (_, it) = shop("{at: 20s, for: 10s, errors: {service: back, ratio: 40%}}");
    let burst = rooted(&it, RootKind::Fault, "back errors 40%", 1.0);
    let share = burst.failed as f64 / burst.requests as f64;
    assert!((0.35..0.45).contains(&share), "{share}");
}

#[test]
fn retries_are_counted_where_a_burst_is_worst() {
    let (_, it) = explained(
        "
policies: {again: [{retry: {attempts: 3}}]}
services:
  front: {workers: 500, threading: async, endpoints: {get: [{call: back.get, policy: again}]}}
  back: {workers: 10, endpoints: {get: [{compute: 1ms}]}}
workloads:
  users: {target: front.get, arrivals: {poisson: {rate: 200/s}}}
faults: [{at: 20s, for: 10s, crash: {service: back}}]
",
    );
    let burst = rooted(&it, RootKind::Fault, "back crash", 1.0);
    // Of each request's four attempts, two are retries.
    let retries = burst.peak.retries.unwrap();
    assert!((retries - 0.5).abs() < 0.01, "{retries}");
    let tried = burst.ladder.iter().find_map(|rung| rung.note.as_deref());
    assert_eq!(tried, Some("each call tried 3.00 times"));
}

#[test]
fn a_surge_is_the_root_of_an_overload() {
    // 10 workers of 5 ms serve 2000/s.
    let (_, it) = shop("{at: 20s, for: 10s, surge: {workload: users, factor: 15}}");
    let burst = rooted(&it, RootKind::Surge, "users surge x15", 1.0);
    assert_eq!(
        (burst.roots[0].from_s, burst.roots[0].to_s),
        (Some(20.0), Some(30.0))
    );
    assert!(way(&burst).contains(&"back"));
}

#[test]
fn too_little_capacity_is_a_root_where_nothing_happens() {
    let (_, it) = explained(
        &SHOP
            .replace("workers: 10", "workers: 1")
            .replace("mean: 5ms", "mean: 8ms"),
    );
    let burst = rooted(&it, RootKind::Capacity, "too little capacity at back", 1.0);
    // One worker of 8 ms serves 125/s.
    let note = burst.roots[0].note.as_deref().unwrap();
    assert!(note.contains("/s, 12"), "{note}");
    assert!(!burst.end.recovered);
}

#[test]
fn behind_an_open_breaker_stands_what_opened_it() {
    let (record, it) = explained(
        "
policies:
  careful:
    - circuit_breaker: {window: {count: 20}, failure_rate: 50%, minimum_calls: 10, open_for: 3s, half_open_calls: 2}
services:
  front: {workers: 500, threading: async, endpoints: {get: [{call: back.get, policy: careful}]}}
  back: {workers: 10, endpoints: {get: [{compute: 1ms}]}}
workloads:
  users: {target: front.get, arrivals: {poisson: {rate: 200/s}}}
faults: [{at: 20s, for: 10s, errors: {service: back, ratio: 100%}}]
",
    );
    let burst = rooted(&it, RootKind::Fault, "back errors 100%", 1.0);
    let rejected = record.calls["front->back.get"].failed["rejected"];
    let breaker = burst
        .ladder
        .iter()
        .find(|rung| rung.words.contains("circuit breaker"));
    assert_eq!(breaker.unwrap().failed, rejected);
    assert!(rejected * 10 > burst.failed * 9, "nearly all are refused");
}

#[test]
fn a_limit_is_a_root() {
    let (_, it) = explained(
        "
policies: {few: [{rate_limit: {token_bucket: {rate: 100/s, burst: 10}}}]}
services:
  front: {workers: 500, threading: async, endpoints: {get: [{call: back.get, policy: few}]}}
  back: {workers: 10, endpoints: {get: [{compute: 1ms}]}}
workloads:
  users: {target: front.get, arrivals: {poisson: {rate: 200/s}}}
",
    );
    rooted(&it, RootKind::Limit, "rate limit of front to back.get", 1.0);
}

#[test]
fn a_full_bulkhead_leads_to_what_its_calls_wait_for() {
    let (_, it) = explained(
        "
policies: {apart: [{bulkhead: {max_concurrent: 9}}]}
services:
  front: {workers: 500, threading: async, endpoints: {get: [{call: back.get, policy: apart}]}}
  back: {workers: 100, endpoints: {get: [{compute: 4ms}]}}
workloads:
  users: {target: front.get, arrivals: {poisson: {rate: 200/s}}}
faults: [{at: 20s, for: 10s, slow: {service: back, factor: 20}}]
",
    );
    let burst = rooted(&it, RootKind::Fault, "back slow x20", 0.9);
    assert!(
        burst.ladder[1]
            .words
            .starts_with("bulkhead of front refuses"),
        "{:?}",
        burst.ladder
    );
}

#[test]
fn a_bad_configuration_is_the_root_of_what_it_makes_fail() {
    let (_, it) = explained(
        "
policies: {wait: [{timeout: 100ms}]}
services:
  front: {workers: 500, threading: async, endpoints: {get: [{call: back.get, policy: wait}]}}
  back: {workers: 10, endpoints: {get: [{compute: {exponential: {mean: 5ms}}}]}}
workloads:
  users: {target: front.get, arrivals: {poisson: {rate: 200/s}}}
config:
  propagation: {watch: {latency: 1ms}}
faults: [{at: 20s, for: 10s, config: {set: {policies.wait.timeout: 2ms}}}]
",
    );
    let [burst] = &it.bursts[..] else {
        panic!("{:#?}", it.bursts)
    };
    assert_eq!(burst.roots[0].kind, RootKind::Config, "{:?}", burst.roots);
    assert_eq!(burst.roots[0].from_s, Some(20.0));
}

#[test]
fn a_bad_version_is_the_root_of_what_it_makes_fail() {
    let (_, it) = explained(
        "
services:
  front: {workers: 500, threading: async, endpoints: {get: [{call: back.get}]}}
  back: {instances: 2, workers: 10, endpoints: {get: [{compute: 5ms}]}}
workloads:
  users: {target: front.get, arrivals: {poisson: {rate: 100/s}}}
deployments:
  - {service: back, at: 20s, strategy: {rolling: {batch: 1, pause: 2s}}, change: {errors: 50%}, rollback: {mode: none}}
",
    );
    let burst = rooted(&it, RootKind::Deployment, "back version 1", 0.95);
    assert_eq!(burst.roots[0].from_s, Some(20.0));
}

#[test]
fn a_lost_leader_is_the_root_of_what_waits_for_one() {
    let (_, it) = explained(
        "
policies: {wait: [{timeout: 300ms}]}
stores: {books: {owner: back}}
services:
  front: {workers: 500, threading: async, endpoints: {get: [{call: back.post, policy: wait}]}}
  back:
    instances: 3
    workers: 32
    replication:
      protocol: raft
      heartbeat: 100ms
      election_timeout: {uniform: {low: 3s, high: 5s}}
      force: 1ms
      send: 20us
      failover_buffer: {capacity: 2000, wait: 1s}
    endpoints: {post: [{write: books.entries}]}
workloads:
  users: {target: front.get, keys: {count: 100}, arrivals: {poisson: {rate: 200/s}}}
faults: [{at: 20s, for: 20s, crash: {leader: back}}]
",
    );
    // Nobody leads at the beginning either.
    let burst = it.bursts.last().unwrap();
    let root = &burst.roots[0];
    assert_eq!(
        (root.kind, root.label.as_str()),
        (RootKind::Fault, "back leader crash")
    );
    assert_eq!(burst.roots[0].from_s, Some(20.0));
}

#[test]
fn a_full_queue_is_a_root() {
    let (_, it) = explained(
        "
services:
  front: {workers: 500, endpoints: {get: [{publish: jobs}]}}
  back: {workers: 1, endpoints: {do: [{compute: 20ms}]}}
queues:
  jobs: {consumer: back.do, capacity: 100, when_full: refuse, producer: {retries: 0}}
workloads:
  users: {target: front.get, arrivals: {poisson: {rate: 100/s}}}
",
    );
    rooted(&it, RootKind::QueueFull, "jobs takes no more messages", 1.0);
}

#[test]
fn a_storm_that_stays_goes_back_to_what_began_it() {
    let (_, it) = explained(
        "
policies: {client: [{retry: {attempts: 3}}, {timeout: 500ms}]}
services: {db: {endpoints: {query: [{compute: {exponential: {mean: 4ms}}}]}}}
workloads: {users: {target: db.query, policy: client, arrivals: {poisson: {rate: 180/s}}}}
faults: [{at: 10s, for: 5s, pause: {service: db}}]
",
    );
    let burst = rooted(&it, RootKind::Fault, "db pause", 0.95);
    let root = &burst.roots[0];
    assert!(
        root.direct < root.failed,
        "most fail of what it left behind"
    );
    assert!(!burst.end.recovered && burst.end.after_root_s.unwrap() > 40.0);
    // Three attempts for each request, and nobody waits for what is done.
    assert!(burst.peak.retries.unwrap() > 0.6, "{:?}", burst.peak);
    assert!(burst.peak.wasted.unwrap() > 0.9, "{:?}", burst.peak);
}

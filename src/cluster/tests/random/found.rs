//! What random models have found, each as the smallest model that showed it.

use super::LIMITS;
use super::check::{check, read};
use clock::Instant;
use stormglass_cluster::{Limits, Reason, World};

/// `run` and `name` go without saying.
fn holds_within(text: &str, limits: &Limits) -> Reason {
    let text = format!("run: {{duration: 1s, seed: 1}}\n{text}");
    let loaded = read(&text).expect("it can be read");
    check(&loaded.model, limits).unwrap_or_else(|wrong| panic!("{wrong}\n{text}"))
}

fn holds(text: &str) {
    assert_eq!(holds_within(text, &LIMITS), Reason::Finished);
}

/// A worker that becomes free looks at the queue, and may find there another strand of the very
/// request that goes on: one that waited too long, and ends the request.
#[test]
fn a_request_ends_by_a_branch_of_its_own_that_waited_too_long() {
    for queue in ["fifo", "{codel: {target: 1ms, interval: 1ms}}"] {
        holds(&format!(
            "
policies: {{short: [timeout: 2500us]}}
services:
  s:
    threading: async
    queue: {{discipline: {queue}}}
    abandoned: drop_queued
    endpoints:
      e:
        - parallel: [[compute: 1ms, compute: 2ms], [compute: 1ms, compute: 1ms], []]
          require: 1
        - compute: 1ms
        - compute: 1ms
workloads:
  one: {{target: s.e, policy: short, batch: {{size: 1}}}}
  many: {{target: s.e, arrivals: {{deterministic: {{rate: 100/s}}}}}}
"
        ));
    }
}

/// Stopping a strand that computes frees a worker, which must not go to the next strand of the
/// request that is being stopped.
#[test]
fn a_request_that_is_stopped_gets_none_of_its_workers_back() {
    holds(
        "
policies: {short: [timeout: 1ms]}
services:
  s:
    threading: async
    abandoned: cancel
    endpoints:
      e:
        - parallel: [[{parallel: [[compute: 1ms, compute: 1ms]]}, compute: 1ms], [], []]
          require: 1
        - compute: 1ms
workloads: {w: {target: s.e, policy: short, arrivals: {deterministic: {rate: 100/s}}}}
",
    );
}

/// The slot of a branch that met a full queue was never used again.
#[test]
fn a_branch_that_is_refused_leaves_nothing_behind() {
    let few = Limits {
        in_flight: 20,
        ..LIMITS
    };
    let reason = holds_within(
        "
services:
  s:
    threading: async
    queue: {capacity: 0}
    endpoints: {e: [{parallel: [[compute: 1ms], [compute: 1ms]]}]}
workloads:
  first: {target: s.e, arrivals: {deterministic: {rate: 900/s}}}
  second: {target: s.e, arrivals: {deterministic: {rate: 800/s}}}
",
        &few,
    );
    assert_eq!(reason, Reason::Finished);
}

/// A branch that nobody listens to met a full queue, and the request was answered twice.
#[test]
fn a_request_that_has_been_answered_is_not_refused() {
    holds(
        "
network: {within_zone: {latency: 1ms}}
services:
  s:
    threading: async
    queue: {capacity: 1}
    endpoints:
      e: [{wait: 1ms}, {parallel: [[compute: 1ms, compute: 9ms], [], [compute: 1ms, compute: 1ms]], require: 1}]
workloads: {w: {target: s.e, arrivals: {deterministic: {rate: 400/s}}}}
",
    );
}

/// A job on shared cores kept the number of the event that brought its request, and was taken for
/// one that ends by an event of its own when its instance paused or became slow.
#[test]
fn jobs_on_shared_cores_have_no_event_of_their_own() {
    holds(
        "
network: {within_zone: {latency: 1ms}}
services:
  s:
    workers: 2
    scheduling: processor_sharing
    endpoints: {e: [compute: 20ms]}
workloads: {w: {target: s.e, arrivals: {deterministic: {rate: 100/s}}}}
faults:
  - {at: 15ms, for: 10ms, pause: {service: s}}
  - {at: 55ms, for: 10ms, slow: {service: s, factor: 3}}
",
    );
}

/// Calls of a crashed caller count as over, also when a limit stops the run before they are
/// cleared away, and the last step that is allowed may be that of an event or of what follows it.
#[test]
fn a_limit_may_stop_a_run_between_an_event_and_what_follows_from_it() {
    for steps_at_one_instant in 1..60 {
        let few = Limits {
            steps_at_one_instant,
            ..LIMITS
        };
        holds_within(
            "
services:
  a: {workers: 9, endpoints: {e: [call: b.e]}}
  b: {workers: 9, abandoned: cancel, endpoints: {e: [compute: 5ms]}}
workloads: {w: {target: a.e, batch: {size: 5}}}
faults: [{at: 1ms, for: 1ms, crash: {service: a}}]
",
            &few,
        );
    }
}

/// Requests that were cancelled in a queue stayed there until their turn came, which for the oldest
/// of an overloaded stack is never.
#[test]
fn the_cancelled_do_not_pile_up_in_a_queue() {
    let few = Limits {
        in_flight: 300,
        ..LIMITS
    };
    for discipline in ["fifo", "lifo", "priority", "adaptive_lifo", "{codel: {}}"] {
        let reason = holds_within(
            &format!(
                "
policies: {{short: [timeout: 20ms]}}
services:
  s: {{queue: {{discipline: {discipline}}}, abandoned: cancel, endpoints: {{e: [compute: 10ms]}}}}
workloads: {{w: {{target: s.e, policy: short, arrivals: {{deterministic: {{rate: 2000/s}}}}}}}}
"
            ),
            &few,
        );
        assert_eq!(reason, Reason::Finished, "{discipline}");
    }
}

/// Calls that wait in their policy count as in flight, though nothing is under way.
#[test]
fn calls_that_wait_in_their_policy_are_bounded_too() {
    let few = Limits {
        in_flight: 100,
        ..LIMITS
    };
    let reason = holds_within(
        "
policies: {queue: [rate_limit: {token_bucket: {rate: 1/h}, max_wait: 1000h}]}
services: {s: {endpoints: {e: []}}}
workloads: {w: {target: s.e, policy: queue, batch: {size: 1000}}}
",
        &few,
    );
    assert!(
        matches!(&reason, Reason::Limit(why) if why.contains("100 requests or calls in flight")),
        "{reason:?}"
    );
}

/// Also when nobody looks at the clock.
#[test]
fn the_number_of_events_is_bounded() {
    let loaded = read(
        "
run: {duration: 1s}
services: {s: {endpoints: {e: [compute: 1ms]}}}
workloads: {w: {target: s.e, arrivals: {deterministic: {rate: 100/s}}}}
",
    )
    .expect("it can be read");
    let few = Limits {
        events: 7,
        ..LIMITS
    };
    let mut world = World::new(&loaded.model, 1, 0);
    let ended = world.run(&mut (), Instant::NEVER, &few);
    assert_eq!(ended.events, 7);
    assert!(matches!(ended.reason, Reason::Limit(_)), "{ended:?}");
}

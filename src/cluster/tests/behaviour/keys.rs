//! Keys of requests: who comes again, and what is kept for each.

use crate::log::run;
use policy::Outcome::{Rejected, Success};

/// Requests at the same instant to three instances that take one each, through a gateway.
fn refused(balancer: &str, keys: &str) -> usize {
    let log = run(&format!(
        "
services:
  web: {{workers: 9, endpoints: {{e: [call: s.e]}}}}
  s:
    instances: 3
    queue: {{capacity: 0}}
    balancer: {balancer}
    endpoints: {{e: [compute: 10ms]}}
workloads: {{w: {{target: web.e, {keys} AT(0 0 0 0 0 0 0 0 0)}}}}
"
    ));
    log.refused("s").len()
}

#[test]
fn the_same_key_goes_to_the_same_instance_also_on_behalf_of_others() {
    for balancer in ["{consistent_hash: {}}", "{maglev: {}}"] {
        assert_eq!(refused(balancer, "keys: {count: 1},"), 8);
        // Nine of many keys meet all three instances but for one time in twelve; the seed is good.
        assert_eq!(refused(balancer, "keys: {count: 1000000},"), 6);
        // A workload without keys has those of the balancer.
        assert_eq!(refused(balancer, ""), 6);
    }
    assert_eq!(refused("{consistent_hash: {keys: 1}}", ""), 8);
    // Where there are keys, the balancer's own number says nothing.
    assert_eq!(
        refused("{consistent_hash: {keys: 1}}", "keys: {count: 1000000},"),
        6
    );
}

#[test]
fn an_attempt_again_has_the_same_key() {
    // Each of fifty instances lets one request in; the others meet the same instance again.
    let refused = |keys: &str| {
        let log = run(&format!(
            "
policies: {{again: [{{retry: {{attempts: 5, retry_on: [error, rejected]}}}}]}}
services:
  s:
    instances: 50
    balancer: {{consistent_hash: {{}}}}
    admission: [{{rate_limit: {{token_bucket: {{rate: 1/h}}}}}}]
    endpoints: {{e: [{{compute: 1ms}}, {{fail: 1}}]}}
workloads: {{w: {{target: s.e, policy: again, {keys} AT(0)}}}}
"
        ));
        assert_eq!(log.attempts("w->s.e").len(), 5);
        log.refused("s").len()
    };
    assert_eq!(refused("keys: {count: 1000, zipf: 1},"), 4);
    assert!(refused("") < 4);
}

#[test]
fn a_limit_for_each_key_lets_each_in_once() {
    let log = run("
services:
  s:
    workers: 99
    admission: [{rate_limit: {token_bucket: {rate: 1/h}, keys: 4}}]
    endpoints: {e: [compute: 1ms]}
workloads:
  many: {target: s.e, keys: {count: 4}, batch: {size: 200, at: 0s}}
  one: {target: s.e, batch: {size: 20, at: 5s}}
");
    // One of four is not among two hundred once in 10^24 times.
    assert_eq!(log.count("many->s.e", Success), 4);
    assert_eq!(log.count("one->s.e", Rejected), 20);
}

#[test]
fn a_policys_limit_is_for_each_key_too() {
    let log = run("
policies: {p: [{rate_limit: {token_bucket: {rate: 1/h}, keys: 4}}]}
services: {s: {workers: 99, endpoints: {e: [compute: 1ms]}}}
workloads: {many: {target: s.e, policy: p, keys: {count: 4}, batch: {size: 200, at: 0s}}}
");
    assert_eq!(log.count("many->s.e", Success), 4);
}

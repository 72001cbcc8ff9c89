//! What the rules compute with, against sums done by hand.

use super::answer::Answers;
use super::flow::Flow;
use super::graph::Graph;
use crate::{Model, read};

fn model(rest: &str) -> Model {
    match read(rest, "model.yaml", &(), &[]) {
        Ok(loaded) => loaded.model,
        Err(report) => panic!("{report}"),
    }
}

/// A model of one service `s` with an endpoint `e`, beside others.
fn endpoints(endpoints: &str) -> Model {
    model(&format!(
        "services: {{s: {{threading: async, workers: 9, endpoints: {{{endpoints}}}}}}}\n\
         policies: {{thrice: [{{retry: {{attempts: 3}}}}], \
                     budgeted: [{{retry: {{attempts: 3, budget: {{ratio: 20%}}}}}}], \
                     mended: [{{fallback: {{}}}}], \
                     short: [{{timeout: 2ms}}], \
                     hedged: [{{hedge: {{attempts: 3, delay: 2ms}}}}]}}\n\
         workloads: {{w: {{target: s.e, arrivals: {{poisson: {{rate: 10/s}}}}}}}}"
    ))
}

#[track_caller]
fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-6 * b.abs(), "{a}, expected {b}");
}

/// The mean and the least milliseconds, and the probability of success, of endpoint `e`.
fn answer(steps: &str) -> (f64, f64, f64) {
    let model = endpoints(&format!(
        "e: [{steps}], bad: [{{fail: 50%}}], slow: [{{compute: 5ms}}]"
    ));
    let graph = Graph::new(&model);
    let answer = Answers::new(&graph).of[0];
    (answer.typical / 1e6, answer.least / 1e6, answer.ok)
}

#[track_caller]
fn takes(steps: &str, mean: f64, least: f64, ok: f64) {
    let found = answer(steps);
    close(found.0, mean);
    close(found.1, least);
    close(found.2, ok);
}

const EXP: &str = "{compute: {exponential: {mean: 6ms}}}";

#[test]
fn steps_add_up() {
    takes(
        "{compute: 1ms}, {wait: {uniform: {low: 2ms, high: 4ms}}}",
        4.0,
        3.0,
        1.0,
    );
    takes(
        "{repeat: {times: 3, steps: [{compute: 2ms}]}}",
        6.0,
        6.0,
        1.0,
    );
    takes(
        "{repeat: {times: 0, steps: [{compute: 2ms}]}}, {compute: 1ms}",
        1.0,
        1.0,
        1.0,
    );
    takes(
        "{choose: [{weight: 3, steps: [{compute: 1ms}]}, {weight: 1, steps: [{compute: 5ms}]}, \
          {weight: 0, steps: []}]}",
        2.0,
        1.0,
        1.0,
    );
}

#[test]
fn a_failure_ends_the_handler() {
    takes(
        "{compute: 1ms}, {fail: 20%}, {compute: 10ms}",
        9.0,
        1.0,
        0.8,
    );
    // Rounds are made until one fails: 1 + 1/2 + 1/4 of them.
    takes(
        "{repeat: {times: 3, steps: [{compute: 4ms}, {fail: 50%}]}}",
        7.0,
        4.0,
        0.125,
    );
    // Two of three must succeed, each does with 1/2.
    takes(
        "{parallel: [[{fail: 50%}], [{fail: 50%}], [{fail: 50%}]], require: 2}",
        0.0,
        0.0,
        0.5,
    );
}

#[test]
fn the_last_branch_counts_or_the_one_that_is_needed() {
    let three = format!("[[{EXP}], [{EXP}], [{EXP}]]");
    // The maximum is at least the greatest mean; the first of three exponentials, 1/3 of it; the
    // second (1/3 + 1/2) of it.
    takes(&format!("{{parallel: {three}}}"), 6.0, 0.0, 1.0);
    takes(&format!("{{parallel: {three}, require: 1}}"), 2.0, 0.0, 1.0);
    takes(&format!("{{parallel: {three}, require: 2}}"), 5.0, 0.0, 1.0);
    // Constants have no chance to be quicker.
    takes(
        "{parallel: [[{compute: 1ms}], [{compute: 3ms}], [{compute: 7ms}]], require: 2}",
        3.0,
        3.0,
        1.0,
    );
}

#[test]
fn policies_bound_and_repeat() {
    takes("{call: s.slow}", 5.0, 5.0, 1.0);
    takes("{call: s.slow, policy: short}", 2.0, 2.0, 1.0);
    takes(
        "{call: s.bad, policy: thrice}, {compute: 8ms}",
        7.0,
        0.0,
        0.875,
    );
    // A fifth of a retry for each call.
    takes(
        "{call: s.bad, policy: budgeted}, {compute: 10ms}",
        6.0,
        0.0,
        0.6,
    );
    takes(
        "{call: s.bad, policy: mended}, {compute: 8ms}",
        8.0,
        8.0,
        1.0,
    );
}

#[test]
fn a_handler_can_do_without_what_is_optional() {
    // It fails half of the time, and what comes after it is done all the same.
    takes(
        "{call: s.bad, optional: true}, {compute: 8ms}",
        8.0,
        8.0,
        1.0,
    );
    // It may be skipped.
    takes("{call: s.slow, optional: true}", 5.0, 0.0, 1.0);
}

#[test]
fn copies_fail_together() {
    // Three copies of a coin; the first success is the answer.
    takes(
        "{call: s.bad, policy: hedged}, {compute: 8ms}",
        7.0,
        0.0,
        0.875,
    );
}

#[test]
fn a_circle_that_ends_has_a_mean() {
    // Two rounds on average, 10000 on average; the least is one round.
    takes(
        "{compute: 1ms}, {choose: [{weight: 1, steps: [{call: s.e}]}, {weight: 1, steps: []}]}",
        2.0,
        1.0,
        1.0,
    );
    let rare =
        "{compute: 1us}, {choose: [{weight: 999, steps: [{call: s.e}]}, {weight: 1, steps: []}]}";
    takes(rare, 1.0, 0.001, 1.0);
}

#[test]
fn a_circle_that_does_not_end_takes_for_ever() {
    for weight in [1, 2] {
        let steps = format!(
            "{{compute: 1ms}}, {{choose: [{{weight: {weight}, steps: [{{call: s.e}}, {{call: s.e}}]}}, \
             {{weight: 1, steps: []}}]}}"
        );
        assert_eq!(answer(&steps).0, f64::INFINITY, "{weight}");
    }
}

#[test]
fn the_network_takes_at_least_its_shortest_link() {
    let text = |links: &str| {
        format!(
            "zones: {{x: {{}}, y: {{}}}}\n\
             network: {{within_zone: {{latency: 3ms}}, between_zones: {{latency: 4ms}}, links: [{links}]}}\n\
             services: {{a: {{endpoints: {{e: [{{call: b.e}}, {{call: a.f}}], f: []}}}}, b: {{endpoints: {{e: []}}}}}}\n\
             workloads: {{w: {{target: a.e, arrivals: {{poisson: {{rate: 10/s}}}}}}}}"
        )
    };
    let took = |links: &str| {
        let model = model(&text(links));
        let graph = Graph::new(&model);
        let answers = Answers::new(&graph);
        // What the workload sees beyond the handler itself is always within a zone.
        close(answers.attempt[0].typical - answers.of[0].typical, 6e6);
        answers.of[0].typical / 1e6
    };
    close(took(""), 6.0);
    close(took("{from: a, to: b, latency: 10ms}"), 13.0);
    close(
        took("{from: a, to: b, latency: 10ms}, {from: b, to: a, latency: 20ms}"),
        30.0,
    );
    close(took("{from: x, to: y, latency: 1ms}"), 2.0);
    close(took("{from: x, to: y, latency: 9ms}"), 6.0);
    // The later of two equals, and the closer of two.
    close(
        took("{from: a, to: b, latency: 10ms}, {from: a, to: b, latency: 2ms}"),
        5.0,
    );
    close(
        took("{from: x, to: b, latency: 1ms}, {from: a, to: b, latency: 10ms}"),
        13.0,
    );
}

/// The rates to the endpoints, in their order, and the utilization of the services.
fn flow(model: &Model) -> (Vec<f64>, Vec<f64>) {
    let graph = Graph::new(model);
    let answers = Answers::new(&graph);
    let flow = Flow::new(&graph, &answers);
    (
        flow.rates.clone(),
        flow.use_of.iter().map(|share| share.most()).collect(),
    )
}

#[track_caller]
fn all_close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).for_each(|(a, b)| close(*a, *b));
}

#[test]
fn rates_follow_the_calls() {
    let steps = "{repeat: {times: 2, steps: [{call: s.f}]}}, {parallel: [[{call: s.f}], [{call: s.g}]]}, \
                 {choose: [{weight: 1, steps: [{call: s.g}]}, {weight: 3, steps: []}]}, {fail: 50%}, {call: s.h}";
    let (rates, _) = flow(&endpoints(&format!("e: [{steps}], f: [], g: [], h: []")));
    all_close(&rates, &[10.0, 30.0, 12.5, 5.0]);
}

#[test]
fn retries_of_what_fails_by_itself_are_counted() {
    let bad = "bad: [{fail: 50%}]";
    let calls = |policy: &str| {
        let model = endpoints(&format!("e: [{{call: s.bad, policy: {policy}}}], {bad}"));
        flow(&model).0[1]
    };
    close(calls("thrice"), 17.5);
    close(calls("budgeted"), 12.0);
    close(calls("mended"), 10.0);
}

#[test]
fn copies_that_are_sure_to_be_sent_are_counted() {
    // b takes 20 ms: a second copy goes at 8 ms and a third at 16 ms; none later than the answer.
    let calls = |delay: &str| {
        let layer = format!("{{hedge: {{attempts: 5, delay: {delay}}}}}");
        pair(&layer, "workers: 100", "workers: 100").0[1]
    };
    close(calls("8ms"), 600.0);
    close(calls("20ms"), 200.0);
    close(calls("0s"), 1000.0);
    close(calls("{quantile: 90%, initial: 1s}"), 220.0);
    close(calls("on_failure"), 200.0);
    let budget = "{hedge: {attempts: 5, delay: 0s, budget: {ratio: 10%}}}";
    close(pair(budget, "workers: 100", "workers: 100").0[1], 220.0);
}

#[test]
fn a_circle_multiplies_rates() {
    let circle = "e: [{choose: [{weight: 3, steps: [{call: s.e}]}, {weight: 1, steps: []}]}]";
    all_close(&flow(&endpoints(circle)).0, &[40.0]);
}

/// A caller `a` with two instances, and `b`, with something between them and 100 requests a second.
fn pair(layer: &str, a: &str, b: &str) -> (Vec<f64>, Vec<f64>) {
    flow(&model(&format!(
        "policies: {{p: [{layer}]}}\n\
             services: {{\
             a: {{instances: 2, {a}, endpoints: {{e: [{{compute: 10ms}}, {{call: b.e, policy: p}}, {{call: b.e, policy: p}}]}}}}, \
             b: {{instances: 4, {b}, endpoints: {{e: [{{compute: 5ms}}, {{wait: 15ms}}]}}}}}}\n\
             workloads: {{w: {{target: a.e, arrivals: {{poisson: {{rate: 100/s}}}}}}}}"
    )))
}

#[test]
fn a_worker_is_held_or_not() {
    let (rates, used) = pair("{fallback: {}}", "workers: 10", "workers: 2");
    all_close(&rates, &[100.0, 200.0]);
    // 100 x (10 + 2 x 20) ms of 20 workers, 200 x 20 ms of 8.
    all_close(&used, &[0.25, 0.5]);
    let (_, used) = pair(
        "{fallback: {}}",
        "workers: 10, threading: async",
        "workers: 2, threading: async",
    );
    all_close(&used, &[0.05, 0.125]);
    let shared = "scheduling: processor_sharing, cores: 2";
    let (_, used) = pair(
        "{fallback: {}}",
        &format!("workers: 50, threading: async, {shared}"),
        &format!("workers: 2, {shared}"),
    );
    all_close(&used, &[0.25, 0.5]);
    // The caller waits no longer than its timeout.
    let (_, used) = pair("{timeout: 5ms}", "workers: 10", "workers: 2");
    all_close(&used, &[0.1, 0.5]);
}

#[test]
fn limits_hold_requests_back() {
    let free = "workers: 100";
    let limited = |scope: &str| {
        let layer = format!("{{rate_limit: {{token_bucket: {{rate: 15/s}}, scope: {scope}}}}}");
        pair(&layer, free, free).0[1]
    };
    // Both calls share the bucket of their instance; there are two of these.
    close(limited("service"), 30.0);
    close(limited("instance"), 120.0);
    let rate = |limit: &str| pair(&format!("{{rate_limit: {{{limit}}}}}"), free, free).0[1];
    close(rate("gcra: {rate: 15/s}"), 30.0);
    close(rate("fixed_window: {limit: 30, window: 2s}"), 30.0);
    close(rate("sliding_window: {limit: 30, window: 2s}"), 30.0);
    close(rate("cycles: {limit: 3, period: 200ms}"), 30.0);
    close(rate("leaky_bucket: {rate: 15/s, capacity: 9}"), 30.0);
    // Nobody has keys, so that all share one state.
    close(rate("gcra: {rate: 15/s}, keys: 4"), 30.0);
    // At most twenty at a time for 20 ms each are no bound, one is.
    close(
        pair("{concurrency_limit: {fixed: 1}}", free, free).0[1],
        100.0,
    );
    close(
        pair("{concurrency_limit: {vegas: {}}}", free, free).0[1],
        200.0,
    );
    // Two at a time for 20 ms each.
    close(
        pair("{bulkhead: {max_concurrent: 1}}", free, free).0[1],
        100.0,
    );
    close(
        pair("{bulkhead: {max_concurrent: 9}}", free, free).0[1],
        200.0,
    );
}

#[test]
fn a_service_passes_on_what_it_can_do() {
    // 100 x 10 ms of 2 x 1 workers is 0.5, of blocking ones 2.5: two fifths get through.
    let (rates, used) = pair("{fallback: {}}", "workers: 1", "workers: 2");
    all_close(&used, &[2.5, 0.2]);
    all_close(&rates, &[100.0, 80.0]);
}

#[test]
fn admission_holds_requests_back() {
    let keyed = |admission: &str, keys: &str| {
        let model = model(&format!(
            "services: {{\
             a: {{instances: 2, workers: 9, admission: {{rate_limit: {{{admission}}}}}, endpoints: {{e: [{{call: b.e}}]}}}}, \
             b: {{workers: 9, endpoints: {{e: []}}}}}}\n\
             workloads: {{w: {{target: a.e, {keys}arrivals: {{poisson: {{rate: 100/s}}}}}}}}"
        ));
        flow(&model).0
    };
    // Each of the two instances lets ten a second in, for each of three of the four keys.
    all_close(&keyed("gcra: {rate: 10/s}", ""), &[100.0, 20.0]);
    let keys = "keys: {count: 4}, ";
    all_close(&keyed("gcra: {rate: 10/s}, keys: 3", keys), &[100.0, 60.0]);
    all_close(&keyed("gcra: {rate: 10/s}, keys: 9", keys), &[100.0, 80.0]);
    all_close(&keyed("gcra: {rate: 99/s}", keys), &[100.0, 100.0]);
}

#[test]
fn workloads_at_their_peak() {
    let offered = |source: &str| {
        let model = model(&format!(
            "run: {{duration: 10m}}\n\
             services: {{s: {{endpoints: {{e: []}}}}}}\n\
             workloads: {{w: {{target: s.e, {source}}}}}"
        ));
        super::flow::offered(&model.workloads[0].source, model.run.duration)
    };
    let rate = |source: &str| offered(&format!("arrivals: {source}")).expect("a rate");
    close(rate("{deterministic: {rate: 30/min}}"), 0.5);
    close(rate("{renewal: {uniform: {low: 0s, high: 1s}}}"), 2.0);
    close(
        rate(
            "{poisson: {rate: [{at: 0s, rate: 5/s}, {at: 5m, rate: 8/s}, {at: 10m, rate: 99/s}]}}",
        ),
        8.0,
    );
    close(
        rate("{mmpp: {states: [{rate: 10/s, hold: 1s}, {rate: 0/s, hold: 4s}]}}"),
        2.0,
    );
    assert_eq!(offered("closed: {users: 3}"), None);
    assert_eq!(offered("batch: {size: 3, at: 1s}"), None);
}

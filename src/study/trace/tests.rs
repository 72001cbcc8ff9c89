use super::record::{Chosen, Kind, Span, Trace, Traces};
use super::{TraceOptions, trace};
use crate::{Options, Progress, run, testing};
use std::collections::BTreeSet;

const FEW: TraceOptions = TraceOptions {
    slowest: 2,
    failed: 2,
    replication: 0,
    workload: None,
};

fn traces(text: &str) -> Traces {
    traces_of(text, &FEW)
}

fn traces_of(text: &str, options: &TraceOptions) -> Traces {
    let found = trace(&testing::model(text), options, &Progress::new()).unwrap();
    found.traces.iter().for_each(sound);
    found
}

/// What is true of every trace.
pub(crate) fn sound(trace: &Trace) {
    let spans = &trace.spans;
    let root = &spans[0];
    assert_eq!(
        (root.parent, root.start_ns, root.length_ns()),
        (None, trace.start_ns, trace.latency_ns)
    );
    let spent: u64 = trace.spent.iter().map(|spent| spent.ns).sum();
    assert_eq!(spent, trace.latency_ns, "what was spent is the latency");
    let ids: BTreeSet<&str> = spans.iter().map(|span| &*span.id).collect();
    assert_eq!(ids.len(), spans.len(), "identities are unique");
    for (index, span) in spans.iter().enumerate() {
        assert!(span.start_ns <= span.end_ns, "{span:?}");
        let Some(parent) = span.parent else {
            assert_eq!(index, 0, "only the request has no parent: {span:?}");
            continue;
        };
        assert!((parent as usize) < index, "parents come first");
        let above = &spans[parent as usize];
        assert!(above.start_ns <= span.start_ns, "{span:?} in {above:?}");
        assert_eq!(span.outlives_parent, span.end_ns > above.end_ns);
        assert!(
            !span.outlives_parent || span.kind.may_outlive(),
            "{span:?} in {above:?}"
        );
        let within: &[Kind] = match span.kind {
            Kind::Serve => &[Kind::Attempt],
            Kind::Consume => &[Kind::Publish],
            Kind::Participate => &[Kind::Transaction],
            Kind::Rest => &[Kind::Call],
            Kind::Network => &[Kind::Attempt],
            Kind::Leader => &[Kind::Attempt, Kind::Serve],
            Kind::Attempt => &[
                Kind::Call,
                Kind::Serve,
                Kind::Branch,
                Kind::Consume,
                Kind::Participate,
            ],
            _ => &[Kind::Serve, Kind::Branch, Kind::Consume, Kind::Participate],
        };
        assert!(within.contains(&above.kind), "{span:?} in {above:?}");
        assert_eq!(
            span.link.is_some(),
            span.kind == Kind::Consume,
            "what is asynchronous is linked"
        );
    }
    for (index, above) in spans.iter().enumerate() {
        in_turn(above, spans, index);
    }
}

/// What one line of execution does, it does one after the other.
fn in_turn(above: &Span, spans: &[Span], index: usize) {
    let below = spans.iter().filter(|s| s.parent == Some(index as u32));
    let alone = |span: &&Span| match above.kind {
        // Copies of a hedge are out together.
        Kind::Call => !below.clone().any(|span| span.hedge),
        Kind::Transaction | Kind::Publish => false,
        _ => span.kind != Kind::Branch,
    };
    let mut steps: Vec<&Span> = below.clone().filter(alone).collect();
    steps.sort_by_key(|span| (span.start_ns, span.end_ns));
    for pair in steps.windows(2) {
        let in_time = pair[0].end_ns <= pair[1].start_ns || pair[0].outlives_parent;
        assert!(in_time, "{:?} and {:?} in {above:?}", pair[0], pair[1]);
    }
}

fn kinds(trace: &Trace) -> Vec<(Kind, u64, u64)> {
    let ms = |ns: u64| ns / 1_000_000;
    let spans = trace.spans.iter();
    spans
        .map(|s| {
            let from = s.start_ns - trace.start_ns;
            (s.kind, ms(from), ms(from + s.length_ns()))
        })
        .collect()
}

#[test]
fn every_part_of_a_simple_request_is_there() {
    // Two arrive at once: the second waits for the first one's 10 ms.
    let found = traces(
        "
run: {duration: 10s}
network: {within_zone: {latency: 1ms}}
services:
  front: {workers: 9, endpoints: {get: [{wait: 2ms}, {call: back.get}]}}
  back: {workers: 1, endpoints: {get: [{compute: 10ms}]}}
workloads: {w: {target: front.get, batch: {at: 1s, size: 2}}}
",
    );
    let slowest = &found.traces[0];
    assert_eq!((slowest.number, slowest.chosen), (2, Chosen::Slowest));
    use Kind::{Attempt, Network, Queue, Serve, Wait, Work};
    // 1 + 2 + (1 + 10 + 10 + 1) + 1.
    assert_eq!(
        kinds(slowest),
        [
            (Attempt, 0, 26),
            (Network, 0, 1),
            (Serve, 1, 25),
            (Wait, 1, 3),
            (Attempt, 3, 25),
            (Network, 3, 4),
            (Serve, 4, 24),
            (Queue, 4, 14),
            (Work, 14, 24),
            (Network, 24, 25),
            (Network, 25, 26),
        ]
    );
    let spent: Vec<_> = slowest.spent.iter().map(|s| (s.on, &*s.place)).collect();
    let ms: Vec<u64> = slowest.spent.iter().map(|s| s.ns / 1_000_000).collect();
    assert_eq!(
        spent,
        [
            (Queue, "back"),
            (Work, "back"),
            (Network, ""),
            (Wait, "front")
        ]
    );
    assert_eq!(ms, [10, 10, 4, 2]);
    assert_eq!(found.workloads["w"].succeeded, 2);
}

#[test]
fn retries_and_hedges_are_attempts_beside_each_other() {
    let found = traces(
        "
run: {duration: 10s}
policies:
  again: [{retry: {attempts: 3, backoff: 5ms}}, {timeout: 20ms}]
  twice: [{hedge: {attempts: 2, delay: 30ms}}]
services:
  slow: {workers: 9, endpoints: {get: [{compute: 100ms}]}}
workloads:
  patient: {target: slow.get, policy: twice, batch: {at: 1s, size: 1}}
  hasty: {target: slow.get, policy: again, batch: {at: 1s, size: 1}}
",
    );
    let [hedged, failed] = &found.traces[..] else {
        panic!("one was answered, one was not");
    };
    let of = |trace: &Trace, kind| -> Vec<(u32, u64, u64, Option<String>, bool)> {
        let spans = trace.spans.iter().filter(|span| span.kind == kind);
        spans
            .map(|s| {
                assert_eq!(s.parent, Some(0));
                let from = (s.start_ns - trace.start_ns) / 1_000_000;
                let number = s.attempt.unwrap_or_default();
                let to = from + s.length_ns() / 1_000_000;
                (number, from, to, s.outcome.clone(), s.hedge)
            })
            .collect()
    };
    let word = |word: &str| Some(word.to_owned());
    assert_eq!(
        of(hedged, Kind::Attempt),
        [
            (0, 0, 100, word("success"), false),
            (1, 30, 100, word("cancelled"), true)
        ]
    );
    assert_eq!(
        of(failed, Kind::Attempt),
        [
            (0, 0, 20, word("timeout"), false),
            (1, 25, 45, word("timeout"), false),
            (2, 50, 70, word("timeout"), false)
        ]
    );
    let rests = of(failed, Kind::Rest);
    assert_eq!(
        rests.iter().map(|r| (r.1, r.2)).collect::<Vec<_>>(),
        [(20, 25), (45, 50)]
    );
    // The handlers go on for nobody.
    let served = failed.spans.iter().filter(|s| s.kind == Kind::Serve);
    assert!(served.clone().all(|s| s.outlives_parent && !s.unfinished));
    assert_eq!(served.count(), 3);
}

#[test]
fn a_breaker_that_turns_a_call_back_is_named() {
    let found = traces(
        "
run: {duration: 10s}
policies:
  guarded: [{circuit_breaker: {window: {consecutive: 2}, open_for: 1h}}]
services:
  bad: {workers: 9, endpoints: {get: [{fail: 100%}]}}
workloads:
  w: {target: bad.get, policy: guarded, arrivals: {deterministic: {rate: 1/s}}}
",
    );
    let refused = found.traces.iter().find(|t| t.outcome == "rejected");
    let root = &refused.expect("of each kind there is one").spans[0];
    assert_eq!(root.refused_by.as_deref(), Some("circuit_breaker"));
    assert_eq!((root.kind, root.length_ns()), (Kind::Call, 0));
    let failed = found.traces.iter().find(|t| t.outcome == "error");
    assert_eq!(
        failed.unwrap().spans.len(),
        2,
        "an attempt, and its handler"
    );
}

#[test]
fn branches_are_parallel_and_what_held_the_answer_up_is_the_longest() {
    let found = traces(
        "
run: {duration: 10s}
services:
  front:
    workers: 9
    threading: async
    endpoints:
      get:
        - parallel: [[{call: a.get}], [{call: b.get}, {wait: 1ms}]]
        - repeat: {times: 2, steps: [{call: a.get}]}
  a: {workers: 9, endpoints: {get: [{compute: 10ms}]}}
  b: {workers: 9, endpoints: {get: [{compute: 30ms}]}}
workloads: {w: {target: front.get, batch: {at: 1s, size: 1}}}
",
    );
    let spent = &found.traces[0].spent;
    let told: Vec<_> = spent
        .iter()
        .map(|s| (&*s.place, s.ns / 1_000_000))
        .collect();
    assert_eq!(told, [("b", 30), ("a", 20), ("front", 1)]);
}

#[test]
fn a_message_leads_to_its_consumer() {
    let found = traces(
        "
run: {duration: 10s}
queues: {mails: {consumer: mail.send}}
services:
  shop: {workers: 9, endpoints: {buy: [{compute: 5ms}, {publish: mails}]}}
  mail: {workers: 9, endpoints: {send: [{wait: 300ms}]}}
workloads: {w: {target: shop.buy, batch: {at: 1s, size: 1}}}
",
    );
    let trace = &found.traces[0];
    let consumer = trace.spans.iter().find(|s| s.kind == Kind::Consume);
    let consumer = consumer.expect("the message was consumed");
    assert!(consumer.outlives_parent);
    assert_eq!(
        (&*consumer.name, consumer.length_ns() / 1_000_000),
        ("mail.send", 300)
    );
    let producer = &trace.spans[consumer.link.unwrap() as usize];
    assert_eq!(producer.kind, Kind::Publish);
    assert_eq!(producer.message, consumer.message);
    assert!(trace.latency_ns < 300_000_000, "nobody waits for the mail");
}

#[test]
fn the_slowest_is_as_slow_as_a_run_says_and_began_after_warm_up() {
    let text = "
run: {duration: 60s, warmup: 20s, seed: 5}
services: {s: {workers: 1, endpoints: {e: [{compute: {exponential: {mean: 8ms}}}]}}}
workloads: {w: {target: s.e, arrivals: {poisson: {rate: 100/s}}}}
";
    let found = traces(text);
    let record = run(&testing::model(text), &Options::default(), &Progress::new()).unwrap();
    assert_eq!(found.fingerprint, record.fingerprint);
    let max = record.workloads["w"].latency_ms.max.mean.unwrap();
    let slowest = found.traces[0].latency_ns as f64 / 1e6;
    assert!((slowest - max).abs() <= 1e-6 * max, "{slowest} and {max}");
    assert_eq!(
        found.workloads["w"].succeeded,
        record.workloads["w"].succeeded
    );
    assert!(found.traces.iter().all(|t| t.start_ns >= 20_000_000_000));
    assert!(found.traces[0].latency_ns >= found.traces[1].latency_ns);
}

#[test]
fn a_workload_may_be_chosen_and_a_wrong_one_is_named() {
    let text = "
run: {duration: 10s}
services: {s: {endpoints: {e: []}}}
workloads:
  one: {target: s.e, arrivals: {deterministic: {rate: 1/s}}}
  two: {target: s.e, arrivals: {deterministic: {rate: 1/s}}}
";
    let only = |name: &str| TraceOptions {
        workload: Some(name.to_owned()),
        ..FEW
    };
    let found = traces_of(text, &only("two"));
    assert!(found.traces.iter().all(|trace| trace.workload == "two"));
    assert_eq!(found.workloads.keys().collect::<Vec<_>>(), ["two"]);
    let error = trace(&testing::model(text), &only("tow"), &Progress::new()).unwrap_err();
    assert!(error.to_string().contains("did you mean `two`?"), "{error}");
}

#[test]
fn a_trace_is_named_by_its_request_whatever_the_policy() {
    let text = |attempts| {
        format!(
            "
run: {{duration: 10s}}
policies: {{p: [{{retry: {{attempts: {attempts}, backoff: 1ms}}}}]}}
services: {{s: {{endpoints: {{e: [{{fail: 100%}}]}}}}}}
workloads: {{w: {{target: s.e, policy: p, batch: {{at: 1s, size: 1}}}}}}
"
        )
    };
    let (one, two) = (traces(&text(1)), traces(&text(2)));
    assert_eq!(one.traces[0].id, two.traces[0].id);
    assert_ne!(one.traces[0].spans.len(), two.traces[0].spans.len());
}

#[test]
fn json_keeps_to_its_schema() {
    let text = "
run: {duration: 10s}
policies: {p: [{retry: {attempts: 2, backoff: 1ms}}, {timeout: 5ms}]}
queues: {mails: {consumer: mail.send}}
services:
  shop: {workers: 9, endpoints: {buy: [{publish: mails}, {call: slow.get, policy: p}]}}
  slow: {workers: 9, endpoints: {get: [{wait: 4ms}, {wait: {exponential: {mean: 1ms}}}]}}
  mail: {workers: 9, endpoints: {send: []}}
workloads: {w: {target: shop.buy, arrivals: {deterministic: {rate: 10/s}}}}
";
    let found = traces(text);
    let told = found.traces.iter().map(|trace| &*trace.outcome);
    assert_eq!(
        told.collect::<BTreeSet<_>>(),
        BTreeSet::from(["success", "error"])
    );
    let value = |text: &str| serde_json::from_str(text).unwrap();
    let json = value(&crate::traces_to_json(&found));
    crate::json::conforms_to(&json, &value(&crate::trace_schema()));
}

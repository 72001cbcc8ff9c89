//! Both drivers on the same trace.

use crate::policies;
use crate::trace::Trace;
use crate::{bare, under_tokio};
use clock::{Duration, Instant};
use policy::config::{LayerConfig, PolicyConfig};
use policy::{Action, Attempt};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use std::cell::Cell;

/// What a driver did, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub(crate) entries: Vec<Entry>,
    /// How often two things happened in one millisecond; only the bare driver knows.
    pub(crate) ties: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) at: Instant,
    pub(crate) call: u64,
    pub(crate) what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    /// To send, to cancel, or to finish.
    Decided(Action),
    /// The callee was called, on this instance.
    Sent(Attempt, u32),
}

impl Log {
    pub(crate) fn entry(&mut self, at: Instant, call: u64, what: What) {
        self.entries.push(Entry { at, call, what });
    }
}

const MS: Duration = Duration::from_millis(1);
const EXACT: Duration = Duration::from_nanos(1);

fn trace() -> impl Strategy<Value = Trace> {
    (any::<u64>(), 20u64..60, 1u32..4, 2_000u64..30_000, 0u64..5).prop_map(
        |(seed, calls, instances, gap, failing)| Trace {
            seed,
            calls,
            instances,
            gap,
            failing,
            leaving: true,
        },
    )
}

/// Compares both drivers on so many traces, each with a policy of its own.
fn compare(cases: u32, tick: Duration, layers: impl Strategy<Value = Vec<LayerConfig>>) {
    let (tied, decisions) = (Cell::new(0), Cell::new(0));
    check(cases, layers, |trace, config| {
        let bare = bare::replay(&trace, config, tick);
        if bare.ties > 0 {
            tied.set(tied.get() + 1);
            return Ok(());
        }
        decisions.set(decisions.get() + bare.entries.len());
        same(&bare, &under_tokio::replay(&trace, config))
    });
    assert!(decisions.get() > 50 * cases as usize, "little was decided");
    // Of the traces of independent times, one in two hundred has a tie.
    let tied = tied.get();
    assert!(tied * 10 < cases, "{tied} of {cases} traces have ties");
}

fn check(
    cases: u32,
    layers: impl Strategy<Value = Vec<LayerConfig>>,
    test: impl Fn(Trace, &PolicyConfig) -> Result<(), TestCaseError>,
) {
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&(trace(), layers), |(trace, layers)| {
        test(trace, &PolicyConfig { layers })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn same(bare: &Log, tower: &Log) -> Result<(), TestCaseError> {
    let (bare, tower) = (&bare.entries, &tower.entries);
    let differs = (0..bare.len().max(tower.len())).find(|&n| bare.get(n) != tower.get(n));
    let Some(n) = differs else {
        return Ok(());
    };
    let near = |log: &[Entry]| format!("{:#?}", &log[n.min(log.len())..(n + 3).min(log.len())]);
    let (bare, tower) = (near(bare), near(tower));
    Err(TestCaseError::fail(format!(
        "entry {n} differs\nbare: {bare}\ntower: {tower}"
    )))
}

fn one(layer: impl Strategy<Value = LayerConfig>) -> impl Strategy<Value = Vec<LayerConfig>> {
    layer.prop_map(|layer| vec![layer])
}

macro_rules! every_policy {
    ($($name:ident: $layer:expr;)*) => { $(
        #[test]
        fn $name() {
            compare(200, MS, one($layer));
        }
    )* };
}

every_policy! {
    a_fallback: policies::fallback();
    a_retry: policies::retry();
    a_retry_of_another_stack: policies::preset_retry();
    a_breaker: policies::breaker();
    a_breaker_of_another_stack: policies::preset_breaker();
    a_rate_limit: policies::rate_limit();
    a_bulkhead: policies::bulkhead();
    a_concurrency_limit: policies::concurrency_limit();
    a_client_throttle: policies::client_throttle();
    a_timeout: policies::timeout();
    a_hedge: policies::hedge();
    a_layer_of_somebody_else: policies::custom();
    a_layer_of_another_crate: policies::third_party();
}

#[test]
fn any_stack_of_them() {
    compare(
        500,
        MS,
        proptest::collection::vec(policies::any_layer(), 2..6),
    );
}

#[test]
fn any_stack_with_a_hedge() {
    compare(500, MS, policies::hedged_stack());
}

/// Nothing is rounded where every span is a whole number of milliseconds.
#[test]
fn exact_timers_where_spans_are_whole_milliseconds() {
    compare(
        200,
        EXACT,
        proptest::collection::vec(policies::whole_milliseconds(), 2..5),
    );
}

/// Calls that wait for the same window all go at its beginning, in no order that is promised; nobody
/// leaves, and then the order changes nothing.
#[test]
fn calls_that_wait_for_the_same_window() {
    check(200, one(policies::shared_windows()), |trace, config| {
        let trace = Trace {
            leaving: false,
            ..trace
        };
        let ordered = |mut log: Log| {
            log.entries.sort_by_key(|entry| (entry.at, entry.call));
            log
        };
        let bare = ordered(bare::replay(&trace, config, MS));
        same(&bare, &ordered(under_tokio::replay(&trace, config)))
    });
}

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
        },
    )
}

/// Compares both drivers on so many traces, each with a policy of its own.
fn compare(cases: u32, tick: Duration, layers: impl Strategy<Value = Vec<LayerConfig>>) {
    let (tied, decisions) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&(trace(), layers), |(trace, layers)| {
        let config = PolicyConfig { layers };
        let bare = bare::replay(&trace, &config, tick);
        if bare.ties > 0 {
            tied.set(tied.get() + 1);
            return Ok(());
        }
        let tower = under_tokio::replay(&trace, &config);
        decisions.set(decisions.get() + bare.entries.len());
        let differs = (0..bare.entries.len().max(tower.entries.len()))
            .find(|&n| bare.entries.get(n) != tower.entries.get(n));
        match differs {
            None => Ok(()),
            Some(n) => {
                let near = |log: &Log| {
                    format!("{:#?}", log.entries.get(n..(n + 3).min(log.entries.len())))
                };
                Err(TestCaseError::fail(format!(
                    "entry {n} differs\nbare: {}\ntower: {}",
                    near(&bare),
                    near(&tower)
                )))
            }
        }
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    assert!(decisions.get() > 50 * cases as usize, "little was decided");
    // Of the traces of independent times, one in two hundred has a tie.
    assert!(
        tied.get() * 4 < cases,
        "{} of {cases} traces have ties",
        tied.get()
    );
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
    a_breaker: policies::breaker();
    a_rate_limit: policies::rate_limit();
    a_bulkhead: policies::bulkhead();
    a_timeout: policies::timeout();
    a_layer_of_somebody_else: policies::custom();
}

#[test]
fn any_stack_of_them() {
    compare(500, MS, proptest::collection::vec(policies::any(), 2..6));
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

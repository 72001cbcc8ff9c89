//! Random small models of everything that the language has, run with every checker listening.

mod check;
mod found;
mod generator;
mod inert;
mod ledger;
mod ways;

use check::{check, read};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use stormglass_cluster::Limits;

/// Enough for most of the models, which last two seconds at most.
const LIMITS: Limits = Limits {
    in_flight: 2_000,
    steps_at_one_instant: 20_000,
    events: 50_000,
};

fn holds(bytes: &[u8], limits: &Limits) -> Result<(), TestCaseError> {
    let text = generator::model(bytes);
    let loaded = read(&text).map_err(TestCaseError::fail)?;
    // A panic, too, is to be told with the model that leads to it.
    let checked = std::panic::catch_unwind(|| check(&loaded.model, limits));
    let wrong = match checked {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(wrong)) => wrong,
        Err(_) => "it panicked".into(),
    };
    Err(TestCaseError::fail(format!("{wrong}\n{text}")))
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 10_000,
        ..ProptestConfig::with_cases(200)
    })]

    #[test]
    fn calls_end_once_and_the_books_balance(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        holds(&bytes, &LIMITS)?;
    }

    #[test]
    fn limits_stop_a_run_wherever_it_is(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        in_flight in 1usize..60,
        steps_at_one_instant in 1u64..200,
        events in 1u64..2_000,
    ) {
        holds(&bytes, &Limits { in_flight, steps_at_one_instant, events })?;
    }
}

#[test]
fn no_bytes_make_the_smallest_model() {
    let model = read(&generator::model(&[])).expect("it is valid").model;
    assert_eq!((model.services.len(), model.workloads.len()), (1, 1));
    assert!(model.policies.is_empty() && model.faults.is_empty());
    holds(&[], &LIMITS).expect("the smallest model runs");
}

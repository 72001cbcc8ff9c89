use super::*;
use clock::Duration;
use proptest::prelude::*;

const ALL: Instant = Instant::ZERO;

fn ratio(ratio: f64, min_per_second: f64) -> RetryBudget {
    let ttl = Duration::from_secs(10);
    RetryBudget::new(config::RetryBudget::Ratio {
        ratio,
        min_per_second,
        ttl,
    })
}

fn at(s: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(s)
}

/// One retry after an error, by a call that holds nothing.
fn withdraw(budget: &mut RetryBudget, now: Instant) -> bool {
    budget.withdraw(now, Some(Outcome::Error), &mut Drawn::default())
}

#[test]
fn five_calls_pay_for_one_retry_at_a_fifth() {
    let mut budget = ratio(0.2, 0.0);
    assert!(!withdraw(&mut budget, at(0)));
    for _ in 0..5 {
        assert!(!withdraw(&mut budget, at(0)));
        budget.call_started(at(0));
    }
    assert!(withdraw(&mut budget, at(0)));
    assert!(!withdraw(&mut budget, at(0)));
}

#[test]
fn deposits_expire() {
    let mut budget = ratio(1.0, 0.0);
    budget.call_started(at(0));
    assert_eq!(budget.balance(at(9)), 1.0);
    assert_eq!(budget.balance(at(10)), 0.0);
    assert!(!withdraw(&mut budget, at(10)));
}

#[test]
fn the_reserve_is_there_without_calls_and_comes_back() {
    let mut budget = ratio(0.0, 0.5);
    assert_eq!((0..9).filter(|_| withdraw(&mut budget, at(0))).count(), 5);
    assert!(!withdraw(&mut budget, at(9)));
    assert_eq!((0..9).filter(|_| withdraw(&mut budget, at(10))).count(), 5);
}

#[test]
fn tokens_start_full_and_successes_pay_back_up_to_the_capacity() {
    let mut budget = RetryBudget::new(config::RetryBudget::Tokens {
        capacity: 12.0,
        cost: 5.0,
        refund: 1.0,
        deposit: 0.0,
    });
    let success = |budget: &mut RetryBudget| budget.call_ended(Outcome::Success, Drawn::default());
    success(&mut budget);
    assert_eq!(budget.balance(ALL), 12.0);
    assert!(withdraw(&mut budget, ALL) && withdraw(&mut budget, ALL));
    assert!(!withdraw(&mut budget, ALL));
    assert_eq!(budget.balance(ALL), 2.0);
    (0..3).for_each(|_| success(&mut budget));
    assert!(withdraw(&mut budget, ALL));
    assert_eq!(budget.balance(ALL), 0.0);
}

fn aws(capacity: f64) -> RetryBudget {
    RetryBudget::new(config::RetryBudget::Aws {
        capacity,
        cost: 5.0,
        timeout_cost: 10.0,
        throttled_cost: 3.0,
    })
}

#[test]
fn the_aws_quota_charges_by_failure_and_gives_back_what_the_last_retry_took() {
    let mut budget = aws(100.0);
    let mut drawn = Drawn::default();
    for (failure, left) in [
        (Some(Outcome::Error), 95.0),
        (Some(Outcome::Timeout), 85.0),
        (Some(Outcome::Rejected), 82.0),
        (None, 77.0),
        (Some(Outcome::Timeout), 67.0),
    ] {
        assert!(budget.withdraw(ALL, failure, &mut drawn));
        assert_eq!(budget.balance(ALL), left);
    }
    budget.call_ended(Outcome::Success, drawn);
    assert_eq!(budget.balance(ALL), 77.0);
    // Without a retry: one.
    budget.call_ended(Outcome::Success, Drawn::default());
    assert_eq!(budget.balance(ALL), 78.0);
    budget.call_ended(Outcome::Error, drawn);
    assert_eq!(budget.balance(ALL), 78.0);
}

#[test]
fn a_refusal_of_the_aws_quota_leaves_what_was_paid_before() {
    let mut budget = aws(12.0);
    let mut drawn = Drawn::default();
    assert!(budget.withdraw(ALL, Some(Outcome::Error), &mut drawn));
    assert!(!budget.withdraw(ALL, Some(Outcome::Timeout), &mut drawn));
    assert_eq!(budget.balance(ALL), 7.0);
    budget.call_ended(Outcome::Degraded, drawn);
    assert_eq!(budget.balance(ALL), 12.0);
}

/// Ten tokens, a tenth for a success: five failures use up the upper half, and after them ten
/// successes are worth a failure, exactly.
#[test]
fn grpc_stops_at_half_and_counts_exactly() {
    let mut budget = RetryBudget::new(config::RetryBudget::Grpc {
        max_tokens: 10.0,
        token_ratio: 0.1,
    });
    for failures in 1..=5 {
        budget.attempt_failed(Instant::ZERO);
        assert_eq!(withdraw(&mut budget, ALL), failures < 5);
    }
    budget.attempt_failed(Instant::ZERO);
    for successes in 1..=11 {
        budget.call_ended(Outcome::Success, Drawn::default());
        assert_eq!(withdraw(&mut budget, ALL), successes == 11, "{successes}");
    }
}

fn envoy(share: f64, min_concurrency: u32) -> RetryBudget {
    RetryBudget::new(config::RetryBudget::Envoy {
        share,
        min_concurrency,
    })
}

#[test]
fn envoy_frees_a_place_when_the_retry_fails_or_the_call_ends() {
    let mut budget = envoy(0.0, 1);
    let mut drawn = [Drawn::default(); 2];
    drawn.iter().for_each(|_| budget.call_started(ALL));
    let error = Some(Outcome::Error);
    assert!(budget.withdraw(ALL, error, &mut drawn[0]));
    assert!(!budget.withdraw(ALL, error, &mut drawn[1]));
    // The first one's retry has failed, too: its place is free for its next one.
    assert!(budget.withdraw(ALL, error, &mut drawn[0]));
    budget.call_ended(Outcome::Error, drawn[0]);
    assert!(budget.withdraw(ALL, error, &mut drawn[1]));
    budget.call_given_up(drawn[1]);
    assert!(budget.is_idle());
}

#[test]
fn envoy_takes_its_share_of_the_calls_that_do_not_back_off() {
    let mut budget = envoy(0.5, 0);
    let mut drawn = Drawn::default();
    (0..4).for_each(|_| budget.call_started(ALL));
    assert_eq!(budget.balance(ALL), 2.0);
    budget.pause(&mut drawn);
    budget.pause(&mut drawn);
    assert_eq!(budget.balance(ALL), 1.0);
    budget.resume(&mut drawn);
    assert_eq!(budget.balance(ALL), 2.0);
    budget.pause(&mut drawn);
    budget.call_given_up(drawn);
    assert_eq!(budget.balance(ALL), 1.0);
}

/// A word about one of the calls that are there.
#[derive(Clone, Copy, Debug)]
enum Word {
    Start,
    Fail(Outcome),
    Resume,
    End(Outcome),
    GiveUp,
}

fn word() -> impl Strategy<Value = Word> {
    let outcome = (0usize..8).prop_map(|n| Outcome::ALL[n]);
    prop_oneof![
        Just(Word::Start),
        outcome.clone().prop_map(Word::Fail),
        outcome.clone().prop_map(Word::Fail),
        Just(Word::Resume),
        outcome.prop_map(Word::End),
        Just(Word::GiveUp),
    ]
}

/// Drives a budget by words about random calls, and tells a checker after each withdrawal:
/// `(calls in flight and not backing off, retries in flight before it, granted)`. At the end every
/// call goes away.
fn drive(
    budget: &mut RetryBudget,
    words: &[(Word, usize)],
    mut check: impl FnMut(&mut RetryBudget, u64, u64, bool),
) {
    #[derive(Clone, Copy, Default)]
    struct Call {
        drawn: Drawn,
        retrying: bool,
        paused: bool,
    }
    let mut calls: Vec<Call> = Vec::new();
    for &(word, which) in words {
        if matches!(word, Word::Start) {
            budget.call_started(ALL);
            calls.push(Call::default());
            continue;
        }
        if calls.is_empty() {
            continue;
        }
        let which = which % calls.len();
        match word {
            Word::Fail(failure) if !calls[which].paused => {
                calls[which].retrying = false;
                let active = calls.iter().filter(|call| !call.paused).count() as u64;
                let retries = calls.iter().filter(|call| call.retrying).count() as u64;
                let call = &mut calls[which];
                budget.attempt_failed(Instant::ZERO);
                let granted = budget.withdraw(ALL, Some(failure), &mut call.drawn);
                call.retrying = granted;
                if granted {
                    budget.pause(&mut call.drawn);
                    call.paused = true;
                }
                check(budget, active, retries, granted);
            }
            Word::Resume => {
                budget.resume(&mut calls[which].drawn);
                calls[which].paused = false;
            }
            Word::End(outcome) => budget.call_ended(outcome, calls.swap_remove(which).drawn),
            Word::GiveUp => budget.call_given_up(calls.swap_remove(which).drawn),
            Word::Fail(_) | Word::Start => {}
        }
    }
    calls
        .iter()
        .for_each(|call| budget.call_given_up(call.drawn));
}

proptest! {
    /// However calls and failures are spread: at most one ratio of a retry for each call, and
    /// one reserve for each time-to-live that began.
    #[test]
    fn amplification_is_bounded(
        share in 0.0..1.0f64,
        min_per_second in 0.0..2.0f64,
        bursts in prop::collection::vec((0u64..4_000, 0u32..20, 0u32..20), 1..80),
    ) {
        let mut budget = ratio(share, min_per_second);
        let (mut now, mut calls, mut retries) = (Instant::ZERO, 0, 0);
        for (pause, more, wanted) in bursts {
            now += Duration::from_millis(pause);
            for _ in 0..more {
                budget.call_started(now);
            }
            calls += more;
            retries += (0..wanted).filter(|_| withdraw(&mut budget, now)).count();
        }
        let lifetimes = (now.as_nanos() / 10_000_000_000 + 1) as f64;
        let most = share * f64::from(calls) + lifetimes * min_per_second * 10.0;
        prop_assert!(retries as f64 <= most + 1e-3, "{retries} of {most}");
    }

    /// Retries in flight never exceed what the calls in flight allow, a retry is refused only then,
    /// and in the end nothing is drawn.
    #[test]
    fn envoy_grants_exactly_its_concurrency(
        share in 0.0..1.0f64,
        min_concurrency in 0u32..4,
        words in prop::collection::vec((word(), 0usize..32), 1..200),
    ) {
        let mut budget = envoy(share, min_concurrency);
        drive(&mut budget, &words, |_, active, retries, granted| {
            let most = ((share * active as f64).floor() as u64).max(u64::from(min_concurrency));
            assert_eq!(granted, retries < most, "{retries} of {most}");
        });
        prop_assert!(budget.is_idle());
    }

    /// Neither overdrawn nor overfull, and no more retries than the capacity, what successes without
    /// one pay in, and what comes back.
    #[test]
    fn the_aws_quota_stays_between_nothing_and_its_capacity(
        capacity in 0u32..60,
        words in prop::collection::vec((word(), 0usize..32), 1..200),
    ) {
        let mut budget = aws(f64::from(capacity));
        let mut granted = 0u32;
        drive(&mut budget, &words, |budget, _, _, more| {
            granted += u32::from(more);
            assert!((0.0..=f64::from(capacity)).contains(&budget.balance(ALL)));
        });
        let ends = words.iter().filter(|(word, _)| matches!(word, Word::End(_))).count() as u32;
        // The cheapest retry costs 3, and an end pays back 10 at the most.
        prop_assert!(granted * 3 <= capacity + ends * 10);
    }

    /// Between nothing and the most; and each run of failures without a success is granted at most
    /// half of the tokens.
    #[test]
    fn grpc_grants_half_of_its_tokens_to_failures_in_a_row(
        max_tokens in 1u32..20,
        token_ratio in 0.001..2.0f64,
        words in prop::collection::vec((word(), 0usize..32), 1..200),
        failures in 1u32..40,
    ) {
        let most = f64::from(max_tokens);
        let config = config::RetryBudget::Grpc { max_tokens: most, token_ratio };
        let mut budget = RetryBudget::new(config);
        drive(&mut budget, &words, |budget, _, _, granted| {
            let tokens = budget.balance(ALL);
            assert!((0.0..=most).contains(&tokens));
            assert_eq!(granted, tokens > most / 2.0);
        });
        let granted = (0..failures)
            .filter(|_| {
                budget.attempt_failed(Instant::ZERO);
                withdraw(&mut budget, ALL)
            })
            .count();
        prop_assert!(granted as f64 <= most / 2.0);
    }
}

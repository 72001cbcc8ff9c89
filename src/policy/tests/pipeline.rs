//! Whole calls through pipelines, told step by step.

use clock::{Duration, Instant};
use stormglass_policy::config::*;
use stormglass_policy::{Action, Actions, Env, Frame, Outcome, Pipeline};

/// Draws that a test can foresee.
#[derive(Default)]
struct Fixed {
    random: u64,
    target: u32,
    asked: u32,
}

impl Env for Fixed {
    fn random(&mut self) -> u64 {
        self.random
    }
    fn sample(&mut self, source: u32) -> Duration {
        Duration::from_millis(u64::from(source))
    }
    fn target(&mut self) -> u32 {
        self.asked += 1;
        self.target
    }
}

/// One pipeline and its calls; every word answers the actions that it led to.
struct Scene {
    pipeline: Pipeline,
    env: Fixed,
    calls: Vec<Vec<Frame>>,
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn at(n: u64) -> Instant {
    Instant::ZERO + ms(n)
}

impl Scene {
    fn new(layers: Vec<LayerConfig>) -> Self {
        let pipeline = Pipeline::new(&PolicyConfig { layers }, 3);
        Self {
            pipeline,
            env: Fixed::default(),
            calls: Vec::new(),
        }
    }

    /// Starts a call; calls are numbered from 0.
    fn start(&mut self, t: u64) -> Vec<Action> {
        self.calls
            .push(vec![Frame::default(); self.pipeline.frames()]);
        let token = self.calls.len() - 1;
        let mut out = Actions::new();
        let call = &mut self.calls[token];
        self.pipeline
            .start(at(t), token as u32, call, &mut self.env, &mut out);
        out.iter().collect()
    }

    fn end(&mut self, t: u64, token: u32, attempt: u8, outcome: Outcome) -> Vec<Action> {
        let mut out = Actions::new();
        let call = &mut self.calls[token as usize];
        let env = &mut self.env;
        self.pipeline
            .on_attempt_end(at(t), token, call, attempt, outcome, env, &mut out);
        out.iter().collect()
    }

    fn fire(&mut self, t: u64, token: u32, timer: u8) -> Vec<Action> {
        let mut out = Actions::new();
        let call = &mut self.calls[token as usize];
        self.pipeline
            .on_timer(at(t), token, call, timer, &mut self.env, &mut out);
        out.iter().collect()
    }
}

fn retry(attempts: u32, backoff: Duration) -> LayerConfig {
    LayerConfig::Retry(RetryConfig {
        attempts,
        backoff: Backoff::Constant(backoff),
        jitter: Jitter::None,
        retry_on: default_retry_on(),
        budget: None,
        ..RetryConfig::default()
    })
}

fn timeout(n: u64) -> LayerConfig {
    LayerConfig::Timeout(Span::Constant(ms(n)))
}

use Action::*;

#[test]
fn without_layers_a_call_is_its_only_attempt() {
    let mut s = Scene::new(vec![]);
    assert_eq!(s.start(0), [Send(0)]);
    assert_eq!(s.end(5, 0, 0, Outcome::Error), [Finish(Outcome::Error)]);
}

#[test]
fn a_timeout_is_cancelled_by_an_answer_and_cancels_the_attempt_otherwise() {
    let mut s = Scene::new(vec![timeout(10)]);
    assert_eq!(s.start(0), [SetTimer(0, at(10)), Send(0)]);
    assert_eq!(
        s.end(9, 0, 0, Outcome::Success),
        [CancelTimer(0), Finish(Outcome::Success)]
    );
    assert_eq!(s.start(20), [SetTimer(0, at(30)), Send(0)]);
    assert_eq!(s.fire(30, 1, 0), [Cancel(0), Finish(Outcome::Timeout)]);
}

#[test]
fn a_retry_waits_and_sends_the_next_attempt_inside_a_fresh_timeout() {
    let mut s = Scene::new(vec![retry(3, ms(50)), timeout(10)]);
    assert_eq!(s.start(0), [SetTimer(1, at(10)), Send(0)]);
    assert_eq!(s.fire(10, 0, 1), [Cancel(0), SetTimer(0, at(60))]);
    assert_eq!(s.fire(60, 0, 0), [SetTimer(1, at(70)), Send(1)]);
    assert_eq!(
        s.end(61, 0, 1, Outcome::Error),
        [CancelTimer(1), SetTimer(0, at(111))]
    );
    assert_eq!(s.fire(111, 0, 0), [SetTimer(1, at(121)), Send(2)]);
    assert_eq!(
        s.end(112, 0, 2, Outcome::Error),
        [CancelTimer(1), Finish(Outcome::Error)]
    );
}

#[test]
fn an_outer_timeout_ends_a_retry_between_its_attempts() {
    let mut s = Scene::new(vec![timeout(30), retry(3, ms(50))]);
    assert_eq!(s.start(0), [SetTimer(0, at(30)), Send(0)]);
    assert_eq!(s.end(1, 0, 0, Outcome::Error), [SetTimer(1, at(51))]);
    assert_eq!(s.fire(30, 0, 0), [CancelTimer(1), Finish(Outcome::Timeout)]);
}

#[test]
fn a_retry_without_backoff_goes_down_at_once() {
    let mut s = Scene::new(vec![retry(2, ms(0))]);
    assert_eq!(s.start(0), [Send(0)]);
    assert_eq!(s.end(1, 0, 0, Outcome::Unavailable), [Send(1)]);
    assert_eq!(s.end(2, 0, 1, Outcome::Success), [Finish(Outcome::Success)]);
}

/// How the call ended, if it did.
fn finish(actions: &[Action]) -> Option<Outcome> {
    match actions.last() {
        Some(Finish(outcome)) => Some(*outcome),
        _ => None,
    }
}

fn breaker(half_open_calls: u32, scope: Scope) -> LayerConfig {
    LayerConfig::CircuitBreaker(BreakerConfig {
        window: Window::Count(2),
        failure_rate: 0.5,
        minimum_calls: 2,
        slow_call: None,
        open_for: ms(100),
        half_open_calls,
        scope,
        ..BreakerConfig::default()
    })
}

fn bulkhead(max_concurrent: u32, queue: u32, max_wait: Option<Duration>) -> LayerConfig {
    let scope = Scope::Service;
    LayerConfig::Bulkhead(BulkheadConfig {
        max_concurrent,
        queue,
        max_wait,
        scope,
    })
}

#[test]
fn a_fallback_answers_for_the_failures_in_its_set() {
    let on = [Outcome::Error].into_iter().collect();
    let mut s = Scene::new(vec![LayerConfig::Fallback(FallbackConfig { on })]);
    for (token, (inside, outside)) in [
        (Outcome::Error, Outcome::Degraded),
        (Outcome::Timeout, Outcome::Timeout),
        (Outcome::Success, Outcome::Success),
    ]
    .into_iter()
    .enumerate()
    {
        s.start(0);
        assert_eq!(s.end(1, token as u32, 0, inside), [Finish(outside)]);
    }
}

#[test]
fn an_open_breaker_refuses_and_a_probe_closes_it() {
    let mut s = Scene::new(vec![breaker(1, Scope::Service)]);
    s.start(0);
    s.start(0);
    s.end(1, 0, 0, Outcome::Error);
    assert_eq!(s.pipeline.breaker_state(), Some((0, 0)));
    s.end(1, 1, 0, Outcome::Success);
    assert_eq!(s.pipeline.breaker_state(), Some((1, 0)));
    assert_eq!(s.start(101), [Finish(Outcome::Rejected)]);
    assert_eq!(s.start(102), [Send(0)]);
    assert_eq!(s.pipeline.breaker_state(), Some((0, 1)));
    assert_eq!(s.start(102), [Finish(Outcome::Rejected)]);
    s.end(103, 3, 0, Outcome::Success);
    assert_eq!(s.pipeline.breaker_state(), Some((0, 0)));
}

#[test]
fn a_timeout_around_a_breaker_gives_the_probe_back_unrecorded() {
    let mut s = Scene::new(vec![timeout(10), breaker(1, Scope::Service)]);
    for token in 0..2 {
        s.start(0);
        s.end(1, token, 0, Outcome::Error);
    }
    assert_eq!(s.start(200), [SetTimer(0, at(210)), Send(0)]);
    assert_eq!(s.fire(210, 2, 0), [Cancel(0), Finish(Outcome::Timeout)]);
    // Still half-open, and the probe can be made again.
    assert_eq!(s.pipeline.breaker_state(), Some((0, 1)));
    assert_eq!(s.start(211), [SetTimer(0, at(221)), Send(0)]);
}

#[test]
fn a_timeout_inside_a_breaker_counts_as_a_failure() {
    let mut s = Scene::new(vec![breaker(1, Scope::Service), timeout(10)]);
    for token in 0..2 {
        s.start(0);
        s.fire(10, token, 1);
    }
    assert_eq!(s.pipeline.breaker_state(), Some((1, 0)));
}

#[test]
fn each_attempt_asks_once_for_its_target_when_a_layer_keeps_a_state_for_each() {
    let layers = vec![
        retry(3, ms(0)),
        breaker(1, Scope::Instance),
        breaker(1, Scope::Instance),
    ];
    let mut s = Scene::new(layers);
    s.env.target = 1;
    s.start(0);
    assert_eq!(s.env.asked, 1);
    s.end(1, 0, 0, Outcome::Error);
    assert_eq!(s.env.asked, 2);
    s.end(2, 0, 1, Outcome::Error);
    // Both breakers of instance 1 are open now: the third run is refused, that is its end.
    assert_eq!(s.pipeline.breaker_state(), Some((2, 0)));
    assert_eq!(s.env.asked, 3);
    s.env.target = 2;
    assert_eq!(s.start(3), [Send(0)]);
}

#[test]
fn a_run_that_was_refused_leaves_its_target_to_itself() {
    let again = LayerConfig::Retry(RetryConfig {
        attempts: 2,
        backoff: Backoff::Constant(ms(5)),
        jitter: Jitter::None,
        retry_on: [Outcome::Rejected].into_iter().collect(),
        budget: None,
        ..RetryConfig::default()
    });
    let mut s = Scene::new(vec![again, breaker(1, Scope::Instance)]);
    for token in 0..2 {
        s.start(0);
        s.end(1, token, 0, Outcome::Error);
    }
    // Instance 0 is refused now; the next run may find another one.
    assert_eq!(s.start(2), [SetTimer(0, at(7))]);
    s.env.target = 1;
    assert_eq!(s.fire(7, 2, 0), [Send(0)]);
    assert_eq!(s.env.asked, 4);
}

#[test]
fn with_nobody_to_send_to_the_layers_of_instances_let_pass() {
    let limits = BulkheadConfig {
        max_concurrent: 1,
        queue: 0,
        max_wait: None,
        scope: Scope::Instance,
    };
    let mut s = Scene::new(vec![
        breaker(1, Scope::Instance),
        LayerConfig::Bulkhead(limits),
    ]);
    s.env.target = u32::MAX;
    for token in 0..5 {
        assert_eq!(s.start(0), [Send(0)]);
        let end = Outcome::Unavailable;
        assert_eq!(s.end(0, token, 0, end), [Finish(end)]);
    }
    assert_eq!(s.pipeline.breaker_state(), Some((0, 0)));
}

#[test]
fn a_bulkhead_hands_its_place_to_the_first_that_waits() {
    let mut s = Scene::new(vec![bulkhead(1, 1, Some(ms(10)))]);
    assert_eq!(s.start(0), [Send(0)]);
    assert_eq!(s.start(0), [SetTimer(0, at(10))]);
    assert_eq!(s.start(0), [Finish(Outcome::Rejected)]);
    assert_eq!(
        s.end(5, 0, 0, Outcome::Success),
        [Wake(1), Finish(Outcome::Success)]
    );
    // Nobody slips in before the one that was woken.
    assert_eq!(s.start(5), [SetTimer(0, at(15))]);
    let mut out = Actions::new();
    s.pipeline
        .on_wake(at(5), 1, &mut s.calls[1], &mut s.env, &mut out);
    assert_eq!(out.as_slice(), [CancelTimer(0), Send(0)]);
    assert_eq!(s.fire(15, 3, 0), [Finish(Outcome::Rejected)]);
}

#[test]
fn one_that_is_abandoned_between_its_wake_and_its_turn_passes_the_place_on() {
    let mut s = Scene::new(vec![bulkhead(1, 2, None)]);
    for _ in 0..3 {
        s.start(0);
    }
    assert_eq!(
        s.end(1, 0, 0, Outcome::Success),
        [Wake(1), Finish(Outcome::Success)]
    );
    let mut out = Actions::new();
    s.pipeline.abandon(at(1), 1, &mut s.calls[1], &mut out);
    assert_eq!(out.as_slice(), [Wake(2)]);
}

#[test]
fn a_rate_limit_lets_a_call_wait_for_its_token_or_refuses_it() {
    let mut s = Scene::new(vec![LayerConfig::RateLimit(RateLimitConfig {
        algorithm: RateAlgorithm::TokenBucket {
            rate: 100.0,
            burst: 1.0,
        },
        max_wait: ms(15),
        scope: Scope::Service,
        keys: None,
    })]);
    assert_eq!(s.start(0), [Send(0)]);
    assert_eq!(s.start(0), [SetTimer(0, at(10))]);
    assert_eq!(s.start(0), [Finish(Outcome::Rejected)]);
    assert_eq!(s.fire(10, 1, 0), [Send(0)]);
    // The turn of one who goes away is the next one's.
    assert_eq!(s.start(10), [SetTimer(0, at(20))]);
    let mut out = Actions::new();
    s.pipeline.abandon(at(11), 3, &mut s.calls[3], &mut out);
    assert_eq!(out.as_slice(), [CancelTimer(0)]);
    assert_eq!(s.start(15), [SetTimer(0, at(20))]);
}

#[test]
fn the_budget_of_a_retry_bounds_it_over_all_calls() {
    let budget = RetryBudget::Tokens {
        capacity: 2.0,
        cost: 1.0,
        refund: 0.5,
        deposit: 0.0,
    };
    let mut s = Scene::new(vec![LayerConfig::Retry(RetryConfig {
        attempts: 2,
        backoff: Backoff::Constant(ms(0)),
        jitter: Jitter::None,
        retry_on: default_retry_on(),
        budget: Some(budget),
        ..RetryConfig::default()
    })]);
    for token in 0..4 {
        s.start(0);
        let retried = s.end(1, token, 0, Outcome::Error) == [Send(1)];
        assert_eq!(retried, token < 2);
        if retried {
            s.end(2, token, 1, Outcome::Error);
        }
    }
}

#[test]
fn what_is_refused_is_not_retried_unless_asked_for() {
    let mut s = Scene::new(vec![retry(3, ms(0)), bulkhead(1, 0, None)]);
    s.start(0);
    assert_eq!(s.start(0), [Finish(Outcome::Rejected)]);
}

#[test]
fn retries_in_retries_stop_where_attempts_have_no_more_numbers() {
    let mut s = Scene::new(vec![retry(40, ms(0)), retry(40, ms(0))]);
    s.start(0);
    let mut sent = 1u32;
    let end = loop {
        let actions = s.end(1, 0, (sent - 1) as u8, Outcome::Error);
        if let Some(end) = finish(&actions) {
            break end;
        }
        assert_eq!(actions, [Send(sent as u8)]);
        sent += 1;
    };
    assert_eq!((sent, end), (256, Outcome::Error));
}

#[test]
fn a_call_that_is_always_refused_ends() {
    let all = Outcome::FAILURES.into_iter().collect();
    let config = |attempts| RetryConfig {
        attempts,
        backoff: Backoff::Constant(ms(0)),
        jitter: Jitter::None,
        retry_on: all,
        budget: None,
        ..RetryConfig::default()
    };
    let mut s = Scene::new(vec![
        LayerConfig::Retry(config(u32::MAX)),
        LayerConfig::Retry(config(u32::MAX)),
        bulkhead(1, 0, None),
    ]);
    s.start(0);
    assert_eq!(s.start(0), [Finish(Outcome::Rejected)]);
}

#[test]
fn an_answer_or_a_timer_that_comes_too_late_is_nothing() {
    let mut s = Scene::new(vec![retry(3, ms(50)), timeout(10)]);
    s.start(0);
    s.fire(10, 0, 1);
    assert_eq!(s.end(11, 0, 0, Outcome::Success), []);
    assert_eq!(s.fire(11, 0, 1), []);
    assert_eq!(s.fire(11, 0, 9), []);
}

#[test]
fn timers_say_whose_they_are() {
    let sampled = LayerConfig::Timeout(Span::Sampled(7));
    let mut s = Scene::new(vec![timeout(10), sampled, retry(2, ms(1))]);
    assert_eq!(s.pipeline.is_constant_timeout(0), Some(ms(10)));
    assert_eq!(s.pipeline.is_constant_timeout(1), None);
    assert_eq!(s.pipeline.is_constant_timeout(2), None);
    assert_eq!(s.pipeline.layer_name(2), Some("retry"));
    assert_eq!(s.pipeline.layer_name(3), None);
    assert_eq!(
        s.start(0),
        [SetTimer(0, at(10)), SetTimer(1, at(7)), Send(0)]
    );
}

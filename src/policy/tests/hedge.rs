//! Whole calls through pipelines with a hedge, told step by step.

use clock::{Duration, Instant};
use proptest::prelude::*;
use stormglass_policy::config::*;
use stormglass_policy::{Action, Actions, Env, Frame, Outcome, Pipeline, Pushback};

use Action::*;
use Outcome::{Aborted, Error, Rejected, Success, Timeout, Unavailable};

/// What a test says beforehand.
#[derive(Default)]
struct Fixed {
    pushback: Pushback,
    /// How often it was asked for.
    asked: u32,
    /// The next targets; 0 when there are no more.
    targets: Vec<u32>,
}

impl Env for Fixed {
    fn random(&mut self) -> u64 {
        0
    }
    fn sample(&mut self, _source: u32) -> Duration {
        Duration::ZERO
    }
    fn target(&mut self) -> u32 {
        if self.targets.is_empty() {
            return 0;
        }
        self.targets.remove(0)
    }
    fn pushback(&mut self) -> Pushback {
        self.asked += 1;
        self.pushback
    }
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn at(n: u64) -> Instant {
    Instant::ZERO + ms(n)
}

/// One pipeline and its calls; every word answers the actions that it led to. Times are
/// milliseconds; calls are numbered from 0.
struct Scene {
    pipeline: Pipeline,
    env: Fixed,
    calls: Vec<Vec<Frame>>,
}

impl Scene {
    fn new(layers: impl Into<Vec<LayerConfig>>) -> Self {
        let layers = layers.into();
        Self {
            pipeline: Pipeline::new(&PolicyConfig { layers }, 3),
            env: Fixed::default(),
            calls: Vec::new(),
        }
    }

    fn start(&mut self, t: u64) -> Vec<Action> {
        let call = vec![Frame::default(); self.pipeline.frames()];
        self.calls.push(call);
        let (token, mut out) = (self.calls.len() - 1, Actions::new());
        let call = &mut self.calls[token];
        let env = &mut self.env;
        self.pipeline
            .start(at(t), token as u32, call, env, &mut out);
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

    /// The same, with what the server said.
    fn pushed_back(&mut self, t: u64, attempt: u8, pushback: Pushback) -> Vec<Action> {
        self.env.pushback = pushback;
        let actions = self.end(t, 0, attempt, Unavailable);
        self.env.pushback = Pushback::None;
        actions
    }

    fn fire(&mut self, t: u64, token: u32, timer: u8) -> Vec<Action> {
        let mut out = Actions::new();
        let call = &mut self.calls[token as usize];
        self.pipeline
            .on_timer(at(t), token, call, timer, &mut self.env, &mut out);
        out.iter().collect()
    }

    fn wake(&mut self, t: u64, token: u32) -> Vec<Action> {
        let mut out = Actions::new();
        let call = &mut self.calls[token as usize];
        self.pipeline
            .on_wake(at(t), token, call, &mut self.env, &mut out);
        out.iter().collect()
    }

    fn abandon(&mut self, t: u64, token: u32) -> Vec<Action> {
        let mut out = Actions::new();
        let call = &mut self.calls[token as usize];
        self.pipeline.abandon(at(t), token, call, &mut out);
        out.iter().collect()
    }
}

/// Hedges on `unavailable` and `error`; the last failure is the answer.
fn config(attempts: u32, delay: HedgeDelay) -> HedgeConfig {
    HedgeConfig {
        attempts,
        delay,
        hedge_on: [Unavailable, Error].into_iter().collect(),
        all_failed: AllFailed::Last,
        heed_pushback: true,
        budget: None,
    }
}

fn hedge(attempts: u32, delay: u64) -> LayerConfig {
    LayerConfig::Hedge(config(attempts, HedgeDelay::After(ms(delay))))
}

fn timeout(n: u64) -> LayerConfig {
    LayerConfig::Timeout(Span::Constant(ms(n)))
}

fn retry(attempts: u32, backoff: u64) -> LayerConfig {
    LayerConfig::Retry(RetryConfig {
        attempts,
        backoff: Backoff::Constant(ms(backoff)),
        ..RetryConfig::default()
    })
}

fn bulkhead(max_concurrent: u32, queue: u32, scope: Scope) -> LayerConfig {
    LayerConfig::Bulkhead(BulkheadConfig {
        max_concurrent,
        queue,
        max_wait: None,
        scope,
    })
}

#[test]
fn an_answer_in_time_needs_no_second_copy() {
    let mut s = Scene::new([hedge(2, 10)]);
    assert_eq!(s.start(0), [SetTimer(0, at(10)), Send(0)]);
    assert_eq!(s.end(9, 0, 0, Success), [CancelTimer(0), Finish(Success)]);
    // One that is out without a timer ends by itself.
    assert_eq!(s.start(20), [SetTimer(0, at(30)), Send(0)]);
    assert_eq!(s.end(21, 1, 0, Timeout), [CancelTimer(0), Finish(Timeout)]);
}

#[test]
fn copies_follow_each_other_after_the_delay_and_the_first_success_cancels_the_rest() {
    let mut s = Scene::new([hedge(3, 10)]);
    assert_eq!(s.start(0), [SetTimer(0, at(10)), Send(0)]);
    assert_eq!(s.fire(10, 0, 0), [SetTimer(0, at(20)), Send(1)]);
    assert_eq!(s.fire(20, 0, 0), [Send(2)]);
    assert_eq!(
        s.end(25, 0, 1, Success),
        [Cancel(0), Cancel(2), Finish(Success)]
    );
    assert_eq!(s.end(26, 0, 0, Success), [], "it was cancelled");
}

#[test]
fn a_delay_of_zero_sends_all_at_once() {
    let mut s = Scene::new([hedge(3, 0)]);
    assert_eq!(s.start(0), [Send(0), Send(1), Send(2)]);
    assert_eq!(s.end(1, 0, 1, Unavailable), []);
    assert_eq!(s.end(2, 0, 2, Success), [Cancel(0), Finish(Success)]);
}

#[test]
fn without_a_delay_only_a_failure_sends_the_next_copy() {
    let mut s = Scene::new([LayerConfig::Hedge(config(3, HedgeDelay::OnFailure))]);
    assert_eq!(s.start(0), [Send(0)]);
    assert_eq!(s.end(70, 0, 0, Error), [Send(1)]);
    assert_eq!(s.end(90, 0, 1, Error), [Send(2)]);
    assert_eq!(s.end(95, 0, 2, Unavailable), [Finish(Unavailable)]);
}

#[test]
fn a_failure_sends_the_next_copy_at_once_and_the_delay_begins_anew() {
    let mut s = Scene::new([hedge(3, 10)]);
    assert_eq!(s.start(0), [SetTimer(0, at(10)), Send(0)]);
    assert_eq!(
        s.end(4, 0, 0, Error),
        [CancelTimer(0), SetTimer(0, at(14)), Send(1)]
    );
    assert_eq!(s.fire(14, 0, 0), [Send(2)]);
    assert_eq!(s.end(15, 0, 1, Error), [], "the third may still answer");
    assert_eq!(s.end(16, 0, 2, Success), [Finish(Success)]);
}

#[test]
fn any_other_failure_is_the_answer_at_once() {
    let mut s = Scene::new([hedge(3, 10)]);
    s.start(0);
    s.fire(10, 0, 0);
    assert_eq!(
        s.end(12, 0, 1, Aborted),
        [CancelTimer(0), Cancel(0), Finish(Aborted)]
    );
}

#[test]
fn when_all_have_failed_the_last_or_the_first_one_answers() {
    for (all_failed, answer) in [(AllFailed::Last, Error), (AllFailed::First, Unavailable)] {
        let mut s = Scene::new([LayerConfig::Hedge(HedgeConfig {
            all_failed,
            ..config(3, HedgeDelay::After(ms(10)))
        })]);
        s.start(0);
        s.fire(10, 0, 0);
        s.fire(20, 0, 0);
        assert_eq!(s.end(21, 0, 1, Error), []);
        assert_eq!(s.end(22, 0, 0, Unavailable), []);
        assert_eq!(s.end(23, 0, 2, Error), [Finish(answer)]);
    }
}

#[test]
fn a_server_says_when_the_next_copy_is_sent() {
    let mut s = Scene::new([hedge(3, 10)]);
    s.start(0);
    assert_eq!(
        s.pushed_back(4, 0, Pushback::After(ms(30))),
        [CancelTimer(0), SetTimer(0, at(34))]
    );
    assert_eq!(s.fire(34, 0, 0), [SetTimer(0, at(44)), Send(1)]);
    assert_eq!(
        s.pushed_back(36, 1, Pushback::After(ms(0))),
        [CancelTimer(0), Send(2)]
    );
    // There is none that could be sent later.
    assert_eq!(
        s.pushed_back(37, 2, Pushback::After(ms(30))),
        [Finish(Unavailable)]
    );
}

#[test]
fn after_never_no_copy_follows() {
    let mut s = Scene::new([hedge(4, 10)]);
    s.start(0);
    s.fire(10, 0, 0);
    assert_eq!(s.pushed_back(12, 0, Pushback::Never), [CancelTimer(0)]);
    assert_eq!(s.end(13, 0, 1, Error), [Finish(Error)]);
    // Polly knows nothing of it.
    let mut s = Scene::new([LayerConfig::Hedge(HedgeConfig::polly())]);
    s.start(0);
    assert_eq!(
        s.pushed_back(1, 0, Pushback::Never),
        [CancelTimer(0), Send(1)]
    );
}

#[test]
fn a_budget_bounds_the_copies_of_all_calls() {
    let budget = Some(RetryBudget::Tokens {
        capacity: 2.0,
        cost: 1.0,
        refund: 0.0,
        deposit: 0.0,
    });
    let mut s = Scene::new([LayerConfig::Hedge(HedgeConfig {
        budget,
        ..config(3, HedgeDelay::After(ms(10)))
    })]);
    s.start(0);
    assert_eq!(s.fire(10, 0, 0), [SetTimer(0, at(20)), Send(1)]);
    s.start(11);
    assert_eq!(
        s.end(12, 1, 0, Error),
        [CancelTimer(0), SetTimer(0, at(22)), Send(1)]
    );
    // Nothing is left: who has something out waits for that, others fail.
    assert_eq!(s.fire(20, 0, 0), []);
    assert_eq!(s.end(21, 0, 0, Error), []);
    assert_eq!(s.end(22, 0, 1, Success), [Finish(Success)]);
    s.start(30);
    assert_eq!(s.end(31, 2, 0, Error), [CancelTimer(0), Finish(Error)]);
}

#[test]
fn grpc_throttles_hedges_as_it_does_retries() {
    let budget = Some(RetryBudget::Grpc {
        max_tokens: 4.0,
        token_ratio: 0.5,
    });
    let mut s = Scene::new([LayerConfig::Hedge(HedgeConfig {
        attempts: 4,
        delay: HedgeDelay::After(ms(500)),
        hedge_on: [Error].into_iter().collect(),
        budget,
        ..HedgeConfig::grpc()
    })]);
    s.start(0);
    s.fire(500, 0, 0);
    // 3 of 4 tokens are above the half, 2 are not: the other copy is waited for.
    let next = [CancelTimer(0), SetTimer(0, at(1_010)), Send(2)];
    assert_eq!(s.end(510, 0, 0, Error), next);
    assert_eq!(s.end(520, 0, 1, Error), [CancelTimer(0)]);
    assert_eq!(s.end(530, 0, 2, Success), [Finish(Success)]);
    // The success has given back half a token.
    s.start(600);
    assert_eq!(s.fire(1_100, 1, 0), [SetTimer(0, at(1_600)), Send(1)]);
}

#[test]
fn each_copy_has_the_layers_inside_for_itself() {
    let mut s = Scene::new([timeout(100), hedge(2, 10), retry(2, 5), timeout(20)]);
    // Slots: timeout 0, hedge 1, copies from 2 and 5 on, with a retry and a timeout each.
    assert_eq!(s.pipeline.slots(), 8);
    let names = (0..8).map(|slot| s.pipeline.layer_name(slot));
    let expected = [
        Some("timeout"),
        Some("hedge"),
        None,
        Some("retry"),
        Some("timeout"),
        None,
        Some("retry"),
        Some("timeout"),
    ];
    assert_eq!(names.collect::<Vec<_>>(), expected);
    assert_eq!(s.pipeline.layer_name(8), None);
    assert_eq!(s.pipeline.is_constant_timeout(0), Some(ms(100)));
    assert_eq!(s.pipeline.is_constant_timeout(7), Some(ms(20)));
    let start = [
        SetTimer(0, at(100)),
        SetTimer(1, at(10)),
        SetTimer(4, at(20)),
        Send(0),
    ];
    assert_eq!(s.start(0), start);
    assert_eq!(s.fire(10, 0, 1), [SetTimer(7, at(30)), Send(1)]);
    assert_eq!(s.fire(20, 0, 4), [Cancel(0), SetTimer(3, at(25))]);
    assert_eq!(s.fire(25, 0, 3), [SetTimer(4, at(45)), Send(2)]);
    assert_eq!(
        s.end(28, 0, 1, Success),
        [
            CancelTimer(7),
            Cancel(2),
            CancelTimer(4),
            CancelTimer(0),
            Finish(Success)
        ]
    );
}

#[test]
fn a_timeout_outside_gives_up_all_copies() {
    let mut s = Scene::new([timeout(15), hedge(3, 10), retry(2, 50)]);
    s.start(0);
    s.fire(10, 0, 1);
    assert_eq!(s.end(12, 0, 0, Error), [SetTimer(3, at(62))]);
    assert_eq!(
        s.fire(15, 0, 0),
        [CancelTimer(3), Cancel(1), CancelTimer(1), Finish(Timeout)]
    );
}

#[test]
fn one_that_goes_away_leaves_nothing_out() {
    let mut s = Scene::new([hedge(3, 10), timeout(20)]);
    s.start(0);
    s.fire(10, 0, 0);
    assert_eq!(
        s.abandon(11, 0),
        [
            Cancel(0),
            CancelTimer(2),
            Cancel(1),
            CancelTimer(4),
            CancelTimer(0)
        ]
    );
}

#[test]
fn a_retry_outside_runs_all_copies_anew() {
    let mut s = Scene::new([retry(2, 5), hedge(2, 10)]);
    assert_eq!(s.start(0), [SetTimer(1, at(10)), Send(0)]);
    assert_eq!(s.fire(10, 0, 1), [Send(1)]);
    assert_eq!(s.end(11, 0, 0, Error), []);
    assert_eq!(s.end(12, 0, 1, Error), [SetTimer(0, at(17))]);
    assert_eq!(s.fire(17, 0, 0), [SetTimer(1, at(27)), Send(2)]);
    assert_eq!(s.fire(27, 0, 1), [Send(3)]);
    assert_eq!(s.end(28, 0, 3, Success), [Cancel(2), Finish(Success)]);
}

#[test]
fn a_copy_that_is_refused_inside_sends_the_next_one_only_where_that_is_asked_for() {
    let mut s = Scene::new([hedge(2, 10), bulkhead(1, 0, Scope::Service)]);
    s.start(0);
    assert_eq!(s.fire(10, 0, 0), [Cancel(0), Finish(Rejected)]);
    let mut s = Scene::new([
        LayerConfig::Hedge(HedgeConfig {
            hedge_on: [Rejected].into_iter().collect(),
            ..config(2, HedgeDelay::After(ms(10)))
        }),
        bulkhead(1, 0, Scope::Service),
    ]);
    s.start(0);
    assert_eq!(s.fire(10, 0, 0), [], "the first copy is still out");
    assert_eq!(s.end(12, 0, 0, Success), [Finish(Success)]);
}

#[test]
fn a_refusal_is_no_answer_of_the_server() {
    let mut s = Scene::new([
        LayerConfig::Hedge(HedgeConfig {
            hedge_on: Outcome::FAILURES.into_iter().collect(),
            ..config(3, HedgeDelay::OnFailure)
        }),
        bulkhead(1, 0, Scope::Instance),
    ]);
    s.start(0);
    s.env.targets = vec![1, 0, 2];
    s.start(0);
    // The second copy of the second call meets the first call: a refusal, and no word of a server.
    assert_eq!(s.end(1, 1, 0, Error), [Send(1)]);
    assert_eq!(s.env.asked, 1);
    assert_eq!(s.pipeline.target(&s.calls[1], 1), Some(2));
}

#[test]
fn a_copy_of_the_next_run_knows_nothing_of_the_run_before() {
    let mut s = Scene::new([
        retry(2, 5),
        LayerConfig::Hedge(HedgeConfig {
            hedge_on: Outcome::FAILURES.into_iter().collect(),
            ..config(2, HedgeDelay::OnFailure)
        }),
        bulkhead(1, 0, Scope::Instance),
    ]);
    s.start(0);
    s.env.targets = vec![1, 2, 0, 2];
    assert_eq!(s.start(0), [Send(0)]);
    assert_eq!(s.end(1, 1, 0, Error), [Send(1)]);
    assert_eq!(s.end(2, 1, 1, Error), [SetTimer(0, at(7))]);
    // Its first copy meets the first call at instance 0, and no server has said anything.
    assert_eq!(s.fire(7, 1, 0), [Send(2)]);
    assert_eq!(s.pipeline.target(&s.calls[1], 2), Some(2));
    assert_eq!(s.env.asked, 2);
}

#[test]
fn a_copy_takes_the_place_that_another_one_of_its_call_gives_back() {
    let mut s = Scene::new([hedge(3, 10), bulkhead(1, 3, Scope::Service)]);
    assert_eq!(s.start(0), [SetTimer(0, at(10)), Send(0)]);
    assert_eq!(s.fire(10, 0, 0), [SetTimer(0, at(20))]);
    assert_eq!(s.end(15, 0, 0, Error), [Wake(0), CancelTimer(0)]);
    assert_eq!(s.wake(15, 0), [Send(1)]);
}

#[test]
fn each_copy_has_a_target_of_its_own_which_it_keeps_while_it_waits() {
    let mut s = Scene::new([hedge(2, 10), bulkhead(1, 3, Scope::Instance)]);
    s.env.targets = vec![1, 2, 2];
    assert_eq!(s.start(0), [SetTimer(0, at(10)), Send(0)]);
    assert_eq!(s.start(0), [SetTimer(0, at(10)), Send(0)]);
    assert_eq!(s.fire(10, 0, 0), [], "instance 2 is taken");
    assert_eq!(
        s.end(11, 1, 0, Success),
        [Wake(0), CancelTimer(0), Finish(Success)]
    );
    assert_eq!(s.wake(11, 0), [Send(1)]);
    assert_eq!(s.pipeline.target(&s.calls[0], 0), Some(1));
    assert_eq!(s.pipeline.target(&s.calls[0], 1), Some(2));
    assert_eq!(s.pipeline.target(&s.calls[0], 2), None, "it is not out");
}

#[test]
fn the_delay_follows_the_latencies_of_late() {
    let quantile = HedgeDelay::Quantile {
        quantile: 0.9,
        initial: ms(50),
    };
    let mut s = Scene::new([LayerConfig::Hedge(config(2, quantile))]);
    for token in 0..100 {
        assert_eq!(s.start(0)[0], SetTimer(0, at(50)));
        let latency = if token < 90 { 4 } else { 40 };
        s.end(latency, token, 0, Success);
    }
    let [SetTimer(0, fires), Send(0)] = s.start(100)[..] else {
        panic!("a timer and an attempt");
    };
    let delay = fires.since(at(100)).as_nanos();
    assert!(delay.abs_diff(4_000_000) <= 4_000_000 / 32, "{delay}");
}

#[test]
fn where_attempts_have_no_more_numbers_no_more_copies_are_sent() {
    let mut s = Scene::new([
        retry(200, 0),
        LayerConfig::Hedge(config(3, HedgeDelay::OnFailure)),
    ]);
    s.start(0);
    let mut sent = 1;
    while s.end(1, 0, (sent - 1) as u8, Error) == [Send(sent as u8)] {
        sent += 1;
    }
    assert_eq!(sent, 256);
}

#[test]
fn slots_are_counted_before_a_pipeline_is_made() {
    let slots = |layers: &[LayerConfig]| {
        let layers = layers.to_vec();
        PolicyConfig { layers }.slots()
    };
    assert_eq!(slots(&[]), Some(0));
    assert_eq!(slots(&[timeout(1), hedge(3, 1), timeout(1)]), Some(8));
    assert_eq!(slots(&[hedge(2, 1), hedge(2, 1)]), None);
    let mut layers = vec![hedge(16, 1)];
    layers.resize(15, timeout(1));
    assert_eq!(slots(&layers), Some(1 + 16 * 15));
    layers.resize(16, timeout(1));
    assert_eq!(slots(&layers), None);
}

proptest! {
    /// However answers fall, a hedge sends at most its copies, and over all calls at most as many
    /// further ones as the budget has tokens.
    #[test]
    fn copies_are_bounded_by_attempts_and_by_the_budget(
        attempts in 1u32..6,
        capacity in 0u32..12,
        delay in 0u64..4,
        calls in prop::collection::vec(prop::collection::vec((0usize..8, 0u64..6), 0..12), 1..12),
    ) {
        let budget = RetryBudget::Tokens { capacity: capacity.into(), cost: 1.0, refund: 0.0, deposit: 0.0 };
        let mut s = Scene::new([LayerConfig::Hedge(HedgeConfig {
            budget: Some(budget),
            ..config(attempts, HedgeDelay::After(ms(delay)))
        })]);
        let (mut now, mut further) = (0, 0);
        for (token, words) in calls.into_iter().enumerate() {
            let token = token as u32;
            let mut actions = s.start(now);
            let (mut sent, mut timer) = (0, None);
            let mut words = words.into_iter();
            loop {
                for action in &actions {
                    match action {
                        Send(_) => sent += 1,
                        SetTimer(_, at) => timer = Some(*at),
                        CancelTimer(_) => timer = None,
                        _ => {}
                    }
                }
                let Some((outcome, pause)) = words.next() else { break };
                now += pause;
                actions = match timer {
                    Some(due) if due <= at(now) => {
                        timer = None;
                        s.fire(now, token, 0)
                    }
                    _ => s.end(now, token, (outcome % 3) as u8, Outcome::ALL[outcome]),
                };
                if matches!(actions.last(), Some(Finish(_))) {
                    break;
                }
            }
            prop_assert!((1..=attempts).contains(&sent));
            further += sent - 1;
        }
        prop_assert!(further <= capacity);
    }
}

//! Retries through the pipeline: what a server's word, an exhausted budget and throttling lead to.

use clock::{Duration, Instant};
use stormglass_policy::config::{self, *};
use stormglass_policy::{Action, Actions, Env, Frame, Outcome, Pipeline, Pushback};

/// Draws the highest number, and says what the server is to say.
struct Fixed(Pushback);

impl Env for Fixed {
    fn random(&mut self) -> u64 {
        u64::MAX
    }
    fn sample(&mut self, source: u32) -> Duration {
        Duration::from_millis(u64::from(source))
    }
    fn target(&mut self) -> u32 {
        0
    }
    fn pushback(&mut self) -> Pushback {
        self.0
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
        Self {
            pipeline: Pipeline::new(&PolicyConfig { layers }, 1),
            env: Fixed(Pushback::None),
            calls: Vec::new(),
        }
    }

    fn of(retry: RetryConfig) -> Self {
        Self::new(vec![LayerConfig::Retry(retry)])
    }

    /// Starts a call; calls are numbered from 0.
    fn start(&mut self, t: u64) -> Vec<Action> {
        let frames = vec![Frame::default(); self.pipeline.frames()];
        self.calls.push(frames);
        let token = self.calls.len() - 1;
        let (call, mut out) = (&mut self.calls[token], Actions::new());
        self.pipeline
            .start(at(t), token as u32, call, &mut self.env, &mut out);
        out.iter().collect()
    }

    fn end(&mut self, t: u64, token: u32, attempt: u8, outcome: Outcome) -> Vec<Action> {
        let (call, mut out) = (&mut self.calls[token as usize], Actions::new());
        let env = &mut self.env;
        self.pipeline
            .on_attempt_end(at(t), token, call, attempt, outcome, env, &mut out);
        out.iter().collect()
    }

    fn fire(&mut self, t: u64, token: u32) -> Vec<Action> {
        let (call, mut out) = (&mut self.calls[token as usize], Actions::new());
        self.pipeline
            .on_timer(at(t), token, call, 0, &mut self.env, &mut out);
        out.iter().collect()
    }

    fn abandon(&mut self, t: u64, token: u32) -> Vec<Action> {
        let (call, mut out) = (&mut self.calls[token as usize], Actions::new());
        self.pipeline.abandon(at(t), token, call, &mut out);
        out.iter().collect()
    }
}

use Action::*;
use Outcome::*;

/// Doubling from 100 ms, without jitter.
fn doubling(attempts: u32) -> RetryConfig {
    RetryConfig {
        attempts,
        backoff: Backoff::Exponential {
            initial: ms(100),
            factor: 2.0,
            max: ms(10_000),
        },
        ..RetryConfig::default()
    }
}

/// gRFC A6: a server's delay replaces the back-off, which then begins anew.
#[test]
fn a_pushback_replaces_the_delay_and_starts_the_backoff_anew() {
    let mut s = Scene::of(RetryConfig {
        heed: Heed::Replace,
        ..doubling(9)
    });
    s.start(0);
    assert_eq!(s.end(0, 0, 0, Error), [SetTimer(0, at(100))]);
    s.fire(100, 0);
    assert_eq!(s.end(100, 0, 1, Error), [SetTimer(0, at(300))]);
    s.fire(300, 0);
    s.env.0 = Pushback::After(ms(7));
    assert_eq!(s.end(300, 0, 2, Error), [SetTimer(0, at(307))]);
    s.fire(307, 0);
    s.env.0 = Pushback::None;
    assert_eq!(s.end(307, 0, 3, Error), [SetTimer(0, at(407))]);
    s.fire(407, 0);
    assert_eq!(s.end(407, 0, 4, Error), [SetTimer(0, at(607))]);
    s.fire(607, 0);
    // A delay of nothing is one, too.
    s.env.0 = Pushback::After(Duration::ZERO);
    assert_eq!(s.end(607, 0, 5, Error), [Send(6)]);
}

#[test]
fn a_server_that_says_never_ends_the_call() {
    let mut s = Scene::of(RetryConfig {
        heed: Heed::Replace,
        ..doubling(9)
    });
    s.env.0 = Pushback::Never;
    s.start(0);
    assert_eq!(s.end(0, 0, 0, Error), [Finish(Error)]);
}

/// gRFC A6: it counts as a failure, also of a kind that is not retried.
#[test]
fn a_server_that_says_never_is_a_failure_to_the_throttle() {
    let mut s = Scene::of(RetryConfig {
        heed: Heed::Replace,
        retry_on: [Unavailable].into_iter().collect(),
        budget: Some(config::RetryBudget::Grpc {
            max_tokens: 4.0,
            token_ratio: 1.0,
        }),
        ..doubling(2)
    });
    // Four tokens; a kind that is not retried takes none.
    s.start(0);
    assert_eq!(s.end(0, 0, 0, Error), [Finish(Error)]);
    s.env.0 = Pushback::Never;
    s.start(0);
    assert_eq!(s.end(0, 1, 0, Error), [Finish(Error)]);
    s.env.0 = Pushback::None;
    // Three; this failure leaves two, which is not above half.
    s.start(0);
    assert_eq!(s.end(0, 2, 0, Unavailable), [Finish(Unavailable)]);
    // Four again, after a success each; then this failure leaves three.
    for token in [3, 4] {
        s.start(0);
        assert_eq!(s.end(0, token, 0, Success), [Finish(Success)]);
    }
    s.start(0);
    assert_eq!(s.end(0, 5, 0, Unavailable), [SetTimer(0, at(100))]);
}

/// The last attempt's failure counts, though nothing could be retried any more.
#[test]
fn the_throttle_hears_of_failures_that_no_retry_follows() {
    let mut s = Scene::of(RetryConfig {
        budget: Some(config::RetryBudget::Grpc {
            max_tokens: 4.0,
            token_ratio: 0.1,
        }),
        ..doubling(2)
    });
    s.start(0);
    assert_eq!(s.end(0, 0, 0, Error), [SetTimer(0, at(100))]);
    s.fire(100, 0);
    assert_eq!(s.end(100, 0, 1, Error), [Finish(Error)]);
    s.start(100);
    // Four, less the two above and this one.
    assert_eq!(s.end(100, 1, 0, Error), [Finish(Error)]);
}

#[test]
fn a_pushback_is_not_heard_where_nobody_heeds_it() {
    let mut s = Scene::of(doubling(9));
    s.env.0 = Pushback::Never;
    s.start(0);
    assert_eq!(s.end(0, 0, 0, Error), [SetTimer(0, at(100))]);
}

/// The AWS SDKs of 2026: "never" is not among a server's words, and the back-off goes on.
#[test]
fn a_clamped_pushback_leaves_the_backoff_as_it_is() {
    let mut s = Scene::of(RetryConfig {
        heed: Heed::Clamp,
        ..doubling(9)
    });
    s.env.0 = Pushback::Never;
    s.start(0);
    assert_eq!(s.end(0, 0, 0, Error), [SetTimer(0, at(100))]);
    s.fire(100, 0);
    s.env.0 = Pushback::After(ms(60_000));
    assert_eq!(s.end(100, 0, 1, Error), [SetTimer(0, at(100 + 5_200))]);
    s.fire(5_300, 0);
    assert_eq!(s.end(5_300, 0, 2, Error), [SetTimer(0, at(5_300 + 5_400))]);
}

fn quota(capacity: f64) -> Option<config::RetryBudget> {
    Some(config::RetryBudget::Aws {
        capacity,
        cost: 5.0,
        timeout_cost: 10.0,
        throttled_cost: 1.0,
    })
}

fn breaker() -> LayerConfig {
    LayerConfig::CircuitBreaker(BreakerConfig {
        window: Window::Consecutive(1),
        ..BreakerConfig::default()
    })
}

/// A breaker inside refuses: that is no throttling of the callee's, costs as any failure, and does
/// not wait as after throttling.
#[test]
fn a_refusal_of_a_layer_inside_is_no_throttling() {
    let retry = RetryConfig {
        retry_on: [Rejected, Error].into_iter().collect(),
        budget: quota(10.0),
        throttled_initial: Some(ms(7)),
        adaptive: Some(AdaptiveRate::default()),
        ..doubling(9)
    };
    let mut s = Scene::new(vec![LayerConfig::Retry(retry), breaker()]);
    s.start(0);
    // Opens; five tokens are left.
    assert_eq!(s.end(0, 0, 0, Error), [SetTimer(0, at(100))]);
    // Refused; five more, and none is left for the next.
    assert_eq!(s.fire(100, 0), [SetTimer(0, at(300))]);
    assert_eq!(s.fire(300, 0), [Finish(Rejected)]);
}

#[test]
fn a_callees_refusal_is_throttling() {
    let mut s = Scene::of(RetryConfig {
        retry_on: [Rejected].into_iter().collect(),
        budget: quota(2.0),
        throttled_initial: Some(ms(7)),
        ..doubling(9)
    });
    s.start(0);
    assert_eq!(s.end(0, 0, 0, Rejected), [SetTimer(0, at(7))]);
    s.fire(7, 0);
    assert_eq!(s.end(7, 0, 1, Rejected), [SetTimer(0, at(7 + 14))]);
    s.fire(21, 0);
    assert_eq!(s.end(21, 0, 2, Rejected), [Finish(Rejected)]);
}

#[test]
fn a_call_may_be_abandoned_while_it_waits_to_fail() {
    let exhausted = RetryConfig {
        budget: quota(0.0),
        pause_when_exhausted: true,
        ..doubling(9)
    };
    let mut s = Scene::of(exhausted.clone());
    s.start(0);
    assert_eq!(s.end(0, 0, 0, Error), [SetTimer(0, at(100))]);
    assert_eq!(s.abandon(50, 0), [CancelTimer(0)]);
    // And with layers around it that hear of the failure.
    let outer = RetryConfig {
        backoff: Backoff::Constant(Duration::ZERO),
        ..RetryConfig::default()
    };
    let mut s = Scene::new(vec![
        LayerConfig::Retry(exhausted),
        LayerConfig::Retry(outer),
    ]);
    s.start(0);
    assert_eq!(s.end(0, 0, 0, Error), [Send(1)]);
    assert_eq!(s.end(0, 0, 1, Error), [Send(2)]);
    assert_eq!(s.end(0, 0, 2, Error), [SetTimer(0, at(100))]);
    assert_eq!(s.fire(100, 0), [Finish(Error)]);
}

/// Three retries at once whatever the load: Envoy without a retry budget.
#[test]
fn retries_in_flight_are_counted_until_their_call_is_over() {
    let mut s = Scene::of(RetryConfig::envoy());
    let waits = |actions: &[Action]| matches!(actions, [SetTimer(..)]);
    for token in 0..3 {
        s.start(0);
        assert!(waits(&s.end(0, token, 0, Error)), "its back-off counts");
    }
    s.start(0);
    assert_eq!(s.end(0, 3, 0, Error), [Finish(Error)]);
    assert_eq!(s.fire(30, 0), [Send(1)]);
    s.start(30);
    assert_eq!(s.end(30, 4, 0, Error), [Finish(Error)]);
    assert_eq!(s.end(31, 0, 1, Success), [Finish(Success)]);
    s.start(31);
    assert!(waits(&s.end(31, 5, 0, Error)));
    // One that is abandoned while it waits, and one while its retry is out.
    assert_eq!(s.abandon(32, 1), [CancelTimer(0)]);
    assert_eq!(s.fire(33, 2), [Send(1)]);
    assert_eq!(s.abandon(33, 2), [Cancel(1)]);
    for token in 6..8 {
        s.start(34);
        assert!(waits(&s.end(34, token, 0, Error)));
    }
    s.start(34);
    assert_eq!(s.end(34, 8, 0, Error), [Finish(Error)]);
}

/// Answers come at ten a second until one is throttled: then attempts wait for their tokens, first ones
/// as well as retries.
#[test]
fn throttled_attempts_wait_for_the_rate() {
    let mut s = Scene::of(RetryConfig {
        attempts: 2,
        retry_on: [Rejected].into_iter().collect(),
        adaptive: Some(AdaptiveRate::default()),
        ..RetryConfig::default()
    });
    // Ten answers in the first second and a throttling at its end.
    for token in 0..10 {
        assert_eq!(s.start(100 * u64::from(token)), [Send(0)]);
        s.end(100 * u64::from(token), token, 0, Success);
    }
    assert_eq!(s.start(1_000), [Send(0)]);
    // Six answers until 0.5 s measure 12/s * 0.8, five more until 1 s make it 10/s * 0.8 + 9.6/s * 0.2,
    // and 0.7 of that is the rate. In the second before, half a token has flown in at the least rate.
    let [SetTimer(0, retry_at)] = s.end(1_000, 10, 0, Rejected)[..] else {
        panic!("there is a token")
    };
    let wait = retry_at.since(at(1_000)).as_secs_f64();
    assert!((wait - 0.5 / (0.7 * 9.92)).abs() < 1e-8, "{wait}");
    // A new call waits as well, for the same token; the retry was first.
    assert_eq!(s.start(1_000), [SetTimer(0, retry_at)]);
    let fire = |s: &mut Scene, token: u32, now: Instant| {
        let (call, mut out) = (&mut s.calls[token as usize], Actions::new());
        s.pipeline
            .on_timer(now, token, call, 0, &mut s.env, &mut out);
        out.iter().collect::<Vec<_>>()
    };
    assert_eq!(fire(&mut s, 10, retry_at), [Send(1)]);
    let [SetTimer(0, later)] = fire(&mut s, 11, retry_at)[..] else {
        panic!("the token is gone")
    };
    assert!(later > retry_at);
    assert_eq!(s.abandon(1_200, 11), [CancelTimer(0)]);
}

/// Polly's formula worked out by another library (`2^t * tanh(sqrt(4t))`, its differences over 1.4), at
/// the middle of each draw.
#[test]
fn pollys_exponential_jitter_is_its_formula() {
    struct Half;
    impl Env for Half {
        fn random(&mut self) -> u64 {
            1 << 63
        }
        fn sample(&mut self, _source: u32) -> Duration {
            Duration::ZERO
        }
        fn target(&mut self) -> u32 {
            0
        }
    }
    let retry = RetryConfig {
        attempts: 5,
        backoff: Backoff::Exponential {
            initial: ms(1_000),
            factor: 2.0,
            max: ms(3_000),
        },
        jitter: Jitter::Polly,
        ..RetryConfig::polly()
    };
    let layers = vec![LayerConfig::Retry(retry)];
    let mut pipeline = Pipeline::new(&PolicyConfig { layers }, 1);
    let (mut frames, mut out) = ([Frame::default(); 2], Actions::new());
    let mut now = Instant::ZERO;
    pipeline.start(now, 0, &mut frames, &mut Half, &mut out);
    // The last would be 4.05 s.
    let nanos = [897_404_936, 1_093_003_547, 2_035_747_963, 3_000_000_000];
    for (attempt, expected) in (0u8..).zip(nanos) {
        out.clear();
        let env = &mut Half;
        pipeline.on_attempt_end(now, 0, &mut frames, attempt, Error, env, &mut out);
        let [SetTimer(0, at)] = out.as_slice() else {
            panic!("it is retried")
        };
        let delay = at.since(now).as_nanos();
        assert!(delay.abs_diff(expected) <= 1, "{delay} for {expected}");
        now = *at;
        out.clear();
        pipeline.on_timer(now, 0, &mut frames, 0, &mut Half, &mut out);
    }
}

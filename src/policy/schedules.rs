//! Random pipelines under random drivers: whatever happens in whatever order, each call ends once,
//! every timer is accounted for, and nothing stays held.

use crate::config::*;
use crate::custom::erratic;
use crate::layer::Layer;
use crate::rate_limit::tests::algorithms;
use crate::{Action, Actions, Env, Frame, Outcome, OutcomeSet, Pipeline, Pushback, TimerId, Token};
use clock::{Duration, Instant};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const INSTANCES: u32 = 3;

/// A small generator, so that a failing case is told by its numbers.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

impl Env for Dice {
    fn random(&mut self) -> u64 {
        self.roll()
    }
    fn sample(&mut self, source: u32) -> Duration {
        Duration::from_nanos(self.roll() % (u64::from(source) + 1))
    }
    fn key(&mut self) -> u64 {
        self.roll()
    }
    fn pushback(&mut self) -> Pushback {
        match self.roll() % 4 {
            0 => Pushback::Never,
            1 => Pushback::After(Duration::from_nanos(self.roll() % 60)),
            _ => Pushback::None,
        }
    }
    fn target(&mut self) -> u32 {
        // Now and then nobody.
        match (self.roll() % u64::from(INSTANCES + 1)) as u32 {
            INSTANCES => u32::MAX,
            target => target,
        }
    }
}

#[derive(Default)]
struct Call {
    frames: Vec<Frame>,
    sent: u32,
    out: BTreeSet<u8>,
    timers: BTreeMap<TimerId, Instant>,
    finished: Option<Outcome>,
    abandoned: bool,
}

struct Driver {
    pipeline: Pipeline,
    config: PolicyConfig,
    now: Instant,
    dice: Dice,
    calls: Vec<Call>,
    wakes: VecDeque<Token>,
}

impl Driver {
    fn new(config: PolicyConfig, seed: u64) -> Self {
        Self {
            pipeline: Pipeline::new(&config, INSTANCES),
            config,
            now: Instant::ZERO,
            dice: Dice(seed | 1),
            calls: Vec::new(),
            wakes: VecDeque::new(),
        }
    }

    /// Says a word about a call, checks the answer and follows it.
    fn say(&mut self, token: Token, word: impl FnOnce(&mut Self, &mut [Frame], &mut Actions)) {
        let mut out = Actions::new();
        let mut frames = std::mem::take(&mut self.calls[token as usize].frames);
        word(self, &mut frames, &mut out);
        self.calls[token as usize].frames = frames;
        let abandoned = self.calls[token as usize].abandoned;
        for action in &out {
            let call = &mut self.calls[token as usize];
            assert_eq!(call.finished, None, "{action:?} after the end");
            match action {
                Action::Send(attempt) => {
                    assert!(!abandoned);
                    assert_eq!(u32::from(attempt), call.sent, "attempts count up from 0");
                    call.sent += 1;
                    call.out.insert(attempt);
                }
                Action::SetTimer(id, at) => {
                    assert!(!abandoned && at >= self.now);
                    assert!(self.pipeline.layer_name(id).is_some());
                    if let Some(span) = self.pipeline.is_constant_timeout(id) {
                        assert_eq!(at, self.now + span);
                    }
                    assert_eq!(call.timers.insert(id, at), None, "no timer is set twice");
                }
                Action::CancelTimer(id) => {
                    assert!(
                        call.timers.remove(&id).is_some(),
                        "the timer is not running"
                    );
                }
                Action::Cancel(attempt) => {
                    assert!(call.out.remove(&attempt), "the attempt is not out");
                }
                Action::Wake(other) => {
                    self.wakes.push_back(other);
                }
                Action::Finish(outcome) => {
                    assert!(!abandoned);
                    assert!(call.out.is_empty(), "an attempt is still out");
                    assert!(call.timers.is_empty(), "a timer is still running");
                    call.finished = Some(outcome);
                }
            }
        }
        if abandoned {
            let call = &self.calls[token as usize];
            assert!(call.out.is_empty() && call.timers.is_empty());
        }
    }

    fn live(&self, token: Token) -> bool {
        let call = &self.calls[token as usize];
        call.finished.is_none() && !call.abandoned
    }

    fn settle(&mut self) {
        while let Some(token) = self.wakes.pop_front() {
            if !self.live(token) {
                continue;
            }
            match self.dice.roll() % 8 {
                0 => self.abandon(token),
                // Its timer comes due in the very moment of its wake.
                1 => {
                    if let Some((&id, _)) = self.calls[token as usize].timers.first_key_value() {
                        self.calls[token as usize].timers.remove(&id);
                        self.say(token, |d, frames, out| {
                            d.pipeline
                                .on_timer(d.now, token, frames, id, &mut d.dice, out);
                        });
                    }
                    if self.live(token) {
                        self.wake(token);
                    }
                }
                _ => self.wake(token),
            }
        }
        let out_of = |copies: usize| -> usize {
            let out = self.calls.iter().map(|call| call.out.len().min(copies));
            out.sum()
        };
        // A place outside of a hedge is one for all copies of a call.
        let mut outside = self.config.layers.iter().any(is_hedge);
        for layer in &self.config.layers {
            outside &= !is_hedge(layer);
            let most = match layer {
                LayerConfig::Bulkhead(b) if b.scope == Scope::Service => b.max_concurrent,
                LayerConfig::ConcurrencyLimit(ConcurrencyConfig {
                    algorithm: ConcurrencyAlgorithm::Fixed(limit),
                    scope: Scope::Service,
                }) => *limit.max(&1),
                _ => continue,
            };
            let out = out_of(if outside { 1 } else { usize::MAX });
            assert!(out <= most as usize, "more calls at once than {layer:?}'s");
        }
        for layer in &self.pipeline.layers {
            if let Layer::Retry(retry) = layer {
                assert!(retry.is_sound(), "{retry:?}");
            }
        }
        if let Some(hedge) = &self.pipeline.hedge {
            assert!(hedge.is_sound(), "{hedge:?}");
        }
        for call in &self.calls {
            assert!(
                call.out.len() <= self.copies(),
                "more copies at once than allowed"
            );
        }
    }

    /// The most copies of a call.
    fn copies(&self) -> usize {
        let copies = self.config.layers.iter().map(|layer| match layer {
            LayerConfig::Hedge(hedge) => hedge.attempts as usize,
            _ => 1,
        });
        copies.product()
    }

    fn wake(&mut self, token: Token) {
        self.say(token, |d, frames, out| {
            d.pipeline.on_wake(d.now, token, frames, &mut d.dice, out);
        });
    }

    fn start(&mut self) {
        let token = self.calls.len() as Token;
        let frames = vec![Frame::default(); self.pipeline.frames()];
        self.calls.push(Call {
            frames,
            ..Call::default()
        });
        self.say(token, |d, frames, out| {
            d.pipeline.start(d.now, token, frames, &mut d.dice, out);
        });
    }

    fn abandon(&mut self, token: Token) {
        self.calls[token as usize].abandoned = true;
        self.say(token, |d, frames, out| {
            d.pipeline.abandon(d.now, token, frames, out)
        });
    }

    /// Ends the `n`-th attempt that is out.
    fn answer(&mut self, n: u64, outcome: Outcome) {
        let out: Vec<(Token, u8)> = (0..)
            .zip(&self.calls)
            .flat_map(|(token, call)| call.out.iter().map(move |&attempt| (token, attempt)))
            .collect();
        let Some(&(token, attempt)) = out.get((n % out.len().max(1) as u64) as usize) else {
            return;
        };
        self.calls[token as usize].out.remove(&attempt);
        self.say(token, |d, frames, out| {
            let Driver {
                pipeline,
                now,
                dice,
                ..
            } = d;
            pipeline.on_attempt_end(*now, token, frames, attempt, outcome, dice, out);
        });
    }

    /// Goes on to the earliest timer and fires it; false when there is none.
    fn fire(&mut self) -> bool {
        let earliest = (0u32..)
            .zip(&self.calls)
            .flat_map(|(token, call)| call.timers.iter().map(move |(&id, &at)| (at, token, id)))
            .min();
        let Some((at, token, id)) = earliest else {
            return false;
        };
        self.now = self.now.max(at);
        self.calls[token as usize].timers.remove(&id);
        self.say(token, |d, frames, out| {
            d.pipeline
                .on_timer(d.now, token, frames, id, &mut d.dice, out);
        });
        true
    }

    fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        while self
            .calls
            .iter()
            .flat_map(|call| call.timers.values())
            .any(|&at| at <= until)
        {
            self.fire();
            self.settle();
        }
        self.now = until;
    }

    /// Lets every call come to its end.
    fn finish(&mut self) {
        self.settle();
        while self.calls.iter().any(|call| !call.out.is_empty()) || self.fire() {
            self.settle();
            self.answer(0, Outcome::Success);
            self.settle();
        }
    }
}

fn span() -> impl Strategy<Value = Duration> {
    (0u64..40).prop_map(Duration::from_nanos)
}

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![Just(Scope::Service), Just(Scope::Instance)]
}

fn outcomes() -> impl Strategy<Value = OutcomeSet> {
    proptest::collection::vec(0usize..8, 0..8)
        .prop_map(|set| set.into_iter().map(|i| Outcome::ALL[i]).collect())
}

fn backoff() -> impl Strategy<Value = Backoff> {
    prop_oneof![
        span().prop_map(Backoff::Constant),
        (span(), span(), span()).prop_map(|(initial, increment, max)| Backoff::Linear {
            initial,
            increment,
            max
        }),
        (span(), 1.0..3.0f64, span()).prop_map(|(initial, factor, max)| Backoff::Exponential {
            initial,
            factor,
            max
        }),
    ]
}

fn jitter() -> impl Strategy<Value = Jitter> {
    prop_oneof![
        Just(Jitter::None),
        Just(Jitter::Full),
        Just(Jitter::Equal),
        Just(Jitter::Decorrelated),
        (0.0..1.0f64).prop_map(Jitter::Ratio),
        Just(Jitter::Polly),
    ]
}

fn budget() -> impl Strategy<Value = Option<RetryBudget>> {
    prop_oneof![
        Just(None),
        (0.0..1.0f64, 0.0..1e9f64, span()).prop_map(|(ratio, min_per_second, ttl)| Some(
            RetryBudget::Ratio {
                ratio,
                min_per_second,
                ttl
            }
        )),
        (0.0..9.0f64, 0.0..4.0f64, 0.0..2.0f64).prop_map(|(capacity, cost, refund)| Some(
            RetryBudget::Tokens {
                capacity,
                cost,
                refund,
                deposit: refund / 2.0,
            }
        )),
        (1.0..9.0f64, 0.001..2.0f64).prop_map(|(max_tokens, token_ratio)| Some(
            RetryBudget::Grpc {
                max_tokens,
                token_ratio
            }
        )),
        (0.0..30.0f64, 0.0..9.0f64, 0.0..9.0f64, 0.0..9.0f64).prop_map(
            |(capacity, cost, timeout_cost, throttled_cost)| Some(RetryBudget::Aws {
                capacity,
                cost,
                timeout_cost,
                throttled_cost
            })
        ),
        (0.0..1.0f64, 0u32..4).prop_map(|(share, min_concurrency)| Some(RetryBudget::Envoy {
            share,
            min_concurrency
        })),
    ]
}

fn heed() -> impl Strategy<Value = Heed> {
    prop_oneof![Just(Heed::Ignore), Just(Heed::Replace), Just(Heed::Clamp)]
}

fn retry() -> impl Strategy<Value = RetryConfig> {
    let adaptive =
        (0.0..1.0f64, 0.0..1.0f64).prop_map(|(beta, scale)| AdaptiveRate { beta, scale });
    let second = (
        heed(),
        proptest::option::of(span()),
        any::<bool>(),
        proptest::option::weighted(0.2, adaptive),
    );
    let first = (1u32..5, backoff(), jitter(), outcomes(), budget());
    (first, second).prop_map(
        |(
            (attempts, backoff, jitter, retry_on, budget),
            (heed, throttled_initial, pause_when_exhausted, adaptive),
        )| RetryConfig {
            attempts,
            backoff,
            jitter,
            retry_on,
            budget,
            heed,
            throttled_initial,
            pause_when_exhausted,
            adaptive,
        },
    )
}

fn window() -> impl Strategy<Value = Window> {
    prop_oneof![
        (1u32..6).prop_map(Window::Count),
        (1u64..99, 1u32..5).prop_map(|(ns, buckets)| Window::Time {
            length: Duration::from_nanos(ns),
            buckets
        }),
        (1u32..4).prop_map(Window::Consecutive),
    ]
}

fn concurrency() -> impl Strategy<Value = ConcurrencyAlgorithm> {
    prop_oneof![
        (0u32..4).prop_map(ConcurrencyAlgorithm::Fixed),
        (1u32..4, span()).prop_map(|(initial, timeout)| ConcurrencyAlgorithm::Aimd {
            initial,
            min: 1,
            max: 5,
            backoff: 0.5,
            timeout,
        }),
        (1u32..4).prop_map(|initial| ConcurrencyAlgorithm::Vegas {
            initial,
            max: 5,
            alpha: None,
            beta: None,
            smoothing: 1.0,
        }),
        (span(), span()).prop_map(|(sample_interval, min_rtt_interval)| {
            ConcurrencyAlgorithm::Gradient {
                sample_interval,
                min_rtt_interval,
                min_rtt_requests: 3,
                min_concurrency: 1,
                max_concurrency: 5,
                buffer: 0.25,
                quantile: 0.5,
            }
        }),
    ]
}

/// Where the stacks' breakers differ.
fn breaker_edges() -> impl Strategy<Value = BreakerConfig> {
    (
        prop::sample::select(vec![EndOfOpen::After, EndOfOpen::At]),
        prop_oneof![
            Just(Judged::EveryCall),
            Just(Judged::OnFailure),
            span().prop_map(Judged::Every)
        ],
        prop::sample::select(vec![Alignment::Epoch, Alignment::FirstCall]),
        proptest::option::of(1u32..5),
        prop::sample::select(vec![Late::Counts, Late::Ignored]),
        prop::sample::select(vec![
            Released::GivesBack,
            Released::Succeeds,
            Released::Reopens,
        ]),
    )
        .prop_map(
            |(end_of_open, judged, alignment, half_open_minimum, late, released)| BreakerConfig {
                end_of_open,
                judged,
                alignment,
                half_open_minimum,
                late,
                released,
                ..BreakerConfig::default()
            },
        )
}

fn layer() -> impl Strategy<Value = LayerConfig> {
    let slow = proptest::option::of((span(), 0.0..1.0f64));
    prop_oneof![
        outcomes().prop_map(|on| LayerConfig::Fallback(FallbackConfig { on })),
        retry().prop_map(LayerConfig::Retry),
        (
            window(),
            0.0..1.0f64,
            1u32..4,
            slow,
            span(),
            1u32..4,
            scope(),
            breaker_edges()
        )
            .prop_map(
                |(
                    window,
                    failure_rate,
                    minimum_calls,
                    slow,
                    open_for,
                    half_open_calls,
                    scope,
                    edges,
                )| {
                    let slow_call = slow.map(|(longer_than, rate)| SlowCall { longer_than, rate });
                    LayerConfig::CircuitBreaker(BreakerConfig {
                        window,
                        failure_rate,
                        minimum_calls,
                        slow_call,
                        open_for,
                        half_open_calls,
                        scope,
                        ..edges
                    })
                }
            ),
        (
            algorithms(),
            span(),
            scope(),
            proptest::option::of(1u32..200)
        )
            .prop_map(|(algorithm, max_wait, scope, keys)| {
                LayerConfig::RateLimit(RateLimitConfig {
                    algorithm,
                    max_wait,
                    scope,
                    keys,
                })
            }),
        (0.5..4.0f64, span(), scope()).prop_map(|(k, window, scope)| {
            LayerConfig::ClientThrottle(ClientThrottleConfig { k, window, scope })
        }),
        (1u32..4, 0u32..4, proptest::option::of(span()), scope()).prop_map(
            |(max_concurrent, queue, max_wait, scope)| {
                LayerConfig::Bulkhead(BulkheadConfig {
                    max_concurrent,
                    queue,
                    max_wait,
                    scope,
                })
            }
        ),
        scope().prop_map(erratic::layer),
        (concurrency(), scope()).prop_map(|(algorithm, scope)| {
            LayerConfig::ConcurrencyLimit(ConcurrencyConfig { algorithm, scope })
        }),
        span().prop_map(|d| LayerConfig::Timeout(Span::Constant(d))),
        (0u32..40).prop_map(|source| LayerConfig::Timeout(Span::Sampled(source))),
    ]
}

fn is_hedge(layer: &LayerConfig) -> bool {
    matches!(layer, LayerConfig::Hedge(_))
}

fn hedge() -> impl Strategy<Value = LayerConfig> {
    let delay = prop_oneof![
        span().prop_map(HedgeDelay::After),
        Just(HedgeDelay::OnFailure),
        (0.0..=1.0f64, span())
            .prop_map(|(quantile, initial)| HedgeDelay::Quantile { quantile, initial }),
    ];
    let all_failed = prop_oneof![Just(AllFailed::First), Just(AllFailed::Last)];
    (
        1u32..5,
        delay,
        outcomes(),
        all_failed,
        any::<bool>(),
        budget(),
    )
        .prop_map(
            |(attempts, delay, hedge_on, all_failed, heed_pushback, budget)| {
                LayerConfig::Hedge(HedgeConfig {
                    attempts,
                    delay,
                    hedge_on,
                    all_failed,
                    heed_pushback,
                    budget,
                })
            },
        )
}

/// Any layers, a hedge among them or not.
fn layers() -> impl Strategy<Value = Vec<LayerConfig>> {
    let plain = proptest::collection::vec(layer(), 0..6);
    let hedged = proptest::option::of((hedge(), any::<proptest::sample::Index>()));
    (plain, hedged).prop_map(|(mut layers, hedged)| {
        if let Some((hedge, at)) = hedged {
            layers.insert(at.index(layers.len() + 1), hedge);
        }
        layers
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_call_ends_once_and_leaves_nothing_behind(
        layers in layers(),
        seed: u64,
        steps in proptest::collection::vec((0u8..12, any::<u64>()), 1..120),
    ) {
        let most: u64 = layers
            .iter()
            .map(|layer| match layer {
                LayerConfig::Retry(retry) => u64::from(retry.attempts),
                LayerConfig::Custom(_) => erratic::RUNS,
                LayerConfig::Hedge(hedge) => u64::from(hedge.attempts),
                _ => 1,
            })
            .product();
        let mut driver = Driver::new(PolicyConfig { layers }, seed);
        for (step, n) in steps {
            match step {
                0..=3 => driver.start(),
                4..=6 => driver.answer(n, Outcome::ALL[n as usize % 8]),
                7 => driver.answer(n, Outcome::Success),
                8 => {
                    driver.fire();
                }
                9 => {
                    let live: Vec<Token> =
                        (0..driver.calls.len() as u32).filter(|&t| driver.live(t)).collect();
                    if !live.is_empty() {
                        driver.abandon(live[n as usize % live.len()]);
                    }
                }
                _ => driver.advance(Duration::from_nanos(n % 50)),
            }
            driver.settle();
        }
        driver.finish();
        for call in &driver.calls {
            prop_assert!(call.finished.is_some() != call.abandoned);
            prop_assert!(u64::from(call.sent) <= most);
        }
        prop_assert!(driver.pipeline.hedge.as_ref().is_none_or(|hedge| hedge.is_idle()));
        for layer in &driver.pipeline.layers {
            match layer {
                Layer::Bulkhead(bulkhead) => prop_assert!(bulkhead.is_idle()),
                Layer::Retry(retry) => prop_assert!(retry.is_idle()),
                Layer::CircuitBreaker(breaker) => prop_assert!(breaker.is_idle()),
                Layer::Custom(custom) => prop_assert_eq!(custom.counts(), Some((0, 0))),
                Layer::ConcurrencyLimit(limit) => prop_assert!(limit.is_idle()),
                _ => {}
            }
        }
    }
}

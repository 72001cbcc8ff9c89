//! Layers of others in whole pipelines, told step by step.

use clock::{Duration, Instant};
use stormglass_policy::config::*;
use stormglass_policy::custom::{Admit, Custom, Make, Record, Registry, Setting, Settings};
use stormglass_policy::{Action, Actions, BreakerState, Env, Frame, Outcome, Pipeline};

use Action::*;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn at(n: u64) -> Instant {
    Instant::ZERO + ms(n)
}

/// Opens at the second failure in a row, for `open_for`; then the next call is a probe.
#[derive(Clone, Debug)]
struct TwoStrikes {
    strikes: u32,
    open_for: Duration,
    closes: Option<Instant>,
}

impl TwoStrikes {
    fn make(config: &CustomConfig) -> Result<Box<dyn Custom>, String> {
        config.settings.only(&["open_for"])?;
        let open_for = config.settings.duration("open_for", ms(100))?;
        Ok(Box::new(Self {
            strikes: 0,
            open_for,
            closes: None,
        }))
    }
}

impl Custom for TwoStrikes {
    fn admit(&mut self, now: Instant, _: &mut u64, _: &mut dyn FnMut() -> u64) -> Admit {
        match self.closes {
            Some(at) if now < at => Admit::Refuse,
            _ => {
                self.closes = None;
                Admit::Pass
            }
        }
    }

    fn record(
        &mut self,
        now: Instant,
        _: &mut u64,
        outcome: Outcome,
        _: &mut dyn FnMut() -> u64,
    ) -> Record {
        self.strikes = if outcome.is_success() {
            0
        } else {
            self.strikes + 1
        };
        if self.strikes >= 2 {
            self.closes = Some(now + self.open_for);
        }
        Record::End(outcome)
    }

    fn breaker_state(&self) -> Option<BreakerState> {
        Some(match (self.closes, self.strikes) {
            (Some(_), _) => BreakerState::Open,
            (None, 2..) => BreakerState::HalfOpen,
            _ => BreakerState::Closed,
        })
    }

    fn boxed_clone(&self) -> Box<dyn Custom> {
        Box::new(self.clone())
    }
}

/// Runs a failed call `times` more, after a pause that grows by 5 ms each time; and says how many
/// calls went away from it by failing the last outcome over to `Aborted`.
#[derive(Clone, Debug)]
struct Stubborn {
    times: u64,
    pause: Duration,
    gone: u32,
}

impl Stubborn {
    fn make(config: &CustomConfig) -> Result<Box<dyn Custom>, String> {
        Ok(Box::new(Self {
            times: config.settings.number("times", 2.0)? as u64,
            pause: config.settings.duration("pause", ms(5))?,
            gone: 0,
        }))
    }
}

impl Custom for Stubborn {
    fn admit(&mut self, _: Instant, call: &mut u64, _: &mut dyn FnMut() -> u64) -> Admit {
        assert_eq!(*call, 0);
        Admit::Pass
    }

    fn record(
        &mut self,
        _: Instant,
        call: &mut u64,
        outcome: Outcome,
        _: &mut dyn FnMut() -> u64,
    ) -> Record {
        if outcome.is_success() || *call == self.times {
            return Record::End(if self.gone > 0 {
                Outcome::Aborted
            } else {
                outcome
            });
        }
        *call += 1;
        Record::Again(self.pause.saturating_mul(*call))
    }

    fn release(&mut self, _: Instant, _: &mut u64) {
        self.gone += 1;
    }

    fn boxed_clone(&self) -> Box<dyn Custom> {
        Box::new(self.clone())
    }
}

/// Lets one call pass each 10 ms, by its random number; the others wait.
#[derive(Clone, Debug, Default)]
struct Metronome {
    next: Instant,
}

impl Custom for Metronome {
    fn admit(&mut self, now: Instant, _: &mut u64, random: &mut dyn FnMut() -> u64) -> Admit {
        let beat = self.next.max(now);
        self.next = beat + Duration::from_millis(random());
        Admit::Wait(beat.since(now))
    }

    fn record(
        &mut self,
        _: Instant,
        _: &mut u64,
        outcome: Outcome,
        _: &mut dyn FnMut() -> u64,
    ) -> Record {
        Record::End(outcome)
    }

    fn boxed_clone(&self) -> Box<dyn Custom> {
        Box::new(self.clone())
    }
}

fn custom(role: Role, settings: &[(&str, Setting)], make: Make) -> LayerConfig {
    let registry = Registry::new().with("ours", make);
    let settings = settings.iter().cloned().map(|(k, v)| (k.to_owned(), v));
    LayerConfig::Custom(CustomConfig {
        role,
        settings: Settings(settings.collect()),
        maker: registry.get("ours").expect("it was added").clone(),
    })
}

fn breaker(scope: Scope) -> LayerConfig {
    let role = Role::CircuitBreaker(BreakerConfig {
        scope,
        ..BreakerConfig::default()
    });
    custom(role, &[], TwoStrikes::make)
}

fn retry(settings: &[(&str, Setting)]) -> LayerConfig {
    custom(
        Role::Retry(RetryConfig::default()),
        settings,
        Stubborn::make,
    )
}

/// Every draw is 10; the target is set by the test.
struct Fixed {
    target: u32,
    asked: u32,
}

impl Env for Fixed {
    fn random(&mut self) -> u64 {
        10
    }
    fn sample(&mut self, _: u32) -> Duration {
        Duration::ZERO
    }
    fn target(&mut self) -> u32 {
        self.asked += 1;
        self.target
    }
}

struct Scene {
    pipeline: Pipeline,
    env: Fixed,
    calls: Vec<Vec<Frame>>,
}

impl Scene {
    fn new(layers: Vec<LayerConfig>) -> Self {
        Self {
            pipeline: Pipeline::new(&PolicyConfig { layers }, 3),
            env: Fixed {
                target: 0,
                asked: 0,
            },
            calls: Vec::new(),
        }
    }

    fn start(&mut self, t: u64) -> Vec<Action> {
        let token = self.calls.len() as u32;
        self.calls
            .push(vec![Frame::default(); self.pipeline.frames()]);
        let (call, mut out) = (&mut self.calls[token as usize], Actions::new());
        self.pipeline
            .start(at(t), token, call, &mut self.env, &mut out);
        out.iter().collect()
    }

    fn end(&mut self, t: u64, token: u32, attempt: u8, outcome: Outcome) -> Vec<Action> {
        let (call, mut out) = (&mut self.calls[token as usize], Actions::new());
        let env = &mut self.env;
        self.pipeline
            .on_attempt_end(at(t), token, call, attempt, outcome, env, &mut out);
        out.iter().collect()
    }

    fn fire(&mut self, t: u64, token: u32, timer: u8) -> Vec<Action> {
        let (call, mut out) = (&mut self.calls[token as usize], Actions::new());
        self.pipeline
            .on_timer(at(t), token, call, timer, &mut self.env, &mut out);
        out.iter().collect()
    }

    fn abandon(&mut self, t: u64, token: u32) -> Vec<Action> {
        let (call, mut out) = (&mut self.calls[token as usize], Actions::new());
        self.pipeline.abandon(at(t), token, call, &mut out);
        out.iter().collect()
    }
}

#[test]
fn a_breaker_of_others_refuses_and_is_counted() {
    let mut s = Scene::new(vec![breaker(Scope::Service)]);
    assert_eq!(s.pipeline.breaker_state(), Some((0, 0)));
    assert_eq!(s.pipeline.layer_name(0), Some("circuit_breaker"));
    for token in 0..2 {
        assert_eq!(s.start(0), [Send(0)]);
        let end = Outcome::Timeout;
        assert_eq!(s.end(1, token, 0, end), [Finish(end)]);
    }
    assert_eq!(s.pipeline.breaker_state(), Some((1, 0)));
    assert_eq!(s.start(100), [Finish(Outcome::Rejected)]);
    assert_eq!(s.start(101), [Send(0)]);
    assert_eq!(s.pipeline.breaker_state(), Some((0, 1)));
    s.end(102, 3, 0, Outcome::Success);
    assert_eq!(s.pipeline.breaker_state(), Some((0, 0)));
}

#[test]
fn it_has_a_state_for_each_instance_where_asked_for() {
    let mut s = Scene::new(vec![breaker(Scope::Instance)]);
    for token in 0..2 {
        s.start(0);
        s.end(1, token, 0, Outcome::Error);
    }
    assert_eq!(s.start(2), [Finish(Outcome::Rejected)]);
    s.env.target = 1;
    assert_eq!(s.start(2), [Send(0)]);
    assert_eq!(s.pipeline.breaker_state(), Some((1, 0)));
    // Nobody to send to: nobody's state.
    s.env.target = u32::MAX;
    assert_eq!(s.start(2), [Send(0)]);
    let end = Outcome::Unavailable;
    assert_eq!(s.end(2, 4, 0, end), [Finish(end)]);
}

#[test]
fn its_counts_add_to_those_of_the_built_in_ones() {
    let ours = LayerConfig::CircuitBreaker(BreakerConfig {
        window: Window::Consecutive(2),
        ..BreakerConfig::default()
    });
    let mut s = Scene::new(vec![breaker(Scope::Service), ours]);
    for token in 0..2 {
        s.start(0);
        s.end(1, token, 0, Outcome::Error);
    }
    assert_eq!(s.pipeline.breaker_state(), Some((2, 0)));
}

#[test]
fn a_retry_of_others_waits_and_sends_attempts_with_a_target_of_their_own() {
    let mut s = Scene::new(vec![retry(&[]), breaker(Scope::Instance)]);
    assert_eq!(s.pipeline.layer_name(0), Some("retry"));
    assert_eq!(s.start(0), [Send(0)]);
    assert_eq!(s.end(1, 0, 0, Outcome::Error), [SetTimer(0, at(6))]);
    assert_eq!(s.fire(6, 0, 0), [Send(1)]);
    assert_eq!(s.env.asked, 2);
    assert_eq!(s.fire(6, 0, 0), [], "it has fired");
    assert_eq!(s.end(7, 0, 1, Outcome::Error), [SetTimer(0, at(17))]);
    // The breaker of instance 0 is open now; another one answers.
    s.env.target = 2;
    assert_eq!(s.fire(17, 0, 0), [Send(2)]);
    assert_eq!(
        s.end(18, 0, 2, Outcome::Success),
        [Finish(Outcome::Success)]
    );
}

#[test]
fn without_a_pause_it_goes_down_at_once() {
    let mut s = Scene::new(vec![retry(&[("pause", Setting::Duration(ms(0)))])]);
    s.start(0);
    assert_eq!(s.end(1, 0, 0, Outcome::Error), [Send(1)]);
    assert_eq!(s.end(1, 0, 1, Outcome::Error), [Send(2)]);
    let end = Outcome::Error;
    assert_eq!(s.end(1, 0, 2, end), [Finish(end)]);
}

#[test]
fn one_that_never_gives_up_ends_with_the_numbers_of_attempts() {
    let for_ever = [
        ("times", Setting::Number(1e9)),
        ("pause", Setting::Duration(ms(0))),
    ];
    let mut s = Scene::new(vec![retry(&for_ever)]);
    s.start(0);
    for attempt in 0..255 {
        assert_eq!(s.end(1, 0, attempt, Outcome::Error), [Send(attempt + 1)]);
    }
    assert_eq!(s.end(1, 0, 255, Outcome::Error), [Finish(Outcome::Error)]);
    // It was told that the call went away.
    s.start(2);
    let end = Outcome::Success;
    assert_eq!(s.end(2, 1, 0, end), [Finish(Outcome::Aborted)]);
    // And where nothing is sent at all.
    let closed = LayerConfig::Bulkhead(BulkheadConfig {
        max_concurrent: 1,
        queue: 0,
        max_wait: None,
        scope: Scope::Service,
    });
    let mut s = Scene::new(vec![retry(&for_ever), closed]);
    s.start(0);
    assert_eq!(s.start(0), [Finish(Outcome::Rejected)]);
}

#[test]
fn a_limiter_of_others_lets_calls_wait() {
    let role = Role::RateLimit(RateLimitConfig {
        algorithm: RateAlgorithm::TokenBucket {
            rate: 1.0,
            burst: 1.0,
        },
        max_wait: ms(0),
        scope: Scope::Service,
        keys: None,
    });
    let mut s = Scene::new(vec![custom(role, &[], |_| Ok(Box::<Metronome>::default()))]);
    assert_eq!(s.pipeline.layer_name(0), Some("rate_limit"));
    assert_eq!(s.pipeline.breaker_state(), None);
    assert_eq!(s.start(0), [Send(0)]);
    assert_eq!(s.start(0), [SetTimer(0, at(10))]);
    assert_eq!(s.start(4), [SetTimer(0, at(20))]);
    assert_eq!(s.fire(10, 1, 0), [Send(0)]);
    assert_eq!(s.abandon(11, 2), [CancelTimer(0)]);
    let end = Outcome::Success;
    assert_eq!(s.end(12, 1, 0, end), [Finish(end)]);
}

#[test]
fn one_that_is_given_up_between_two_runs_is_released() {
    let timeout = LayerConfig::Timeout(Span::Constant(ms(3)));
    let mut s = Scene::new(vec![timeout, retry(&[])]);
    assert_eq!(s.start(0), [SetTimer(0, at(3)), Send(0)]);
    assert_eq!(s.end(1, 0, 0, Outcome::Error), [SetTimer(1, at(6))]);
    assert_eq!(s.fire(3, 0, 0), [CancelTimer(1), Finish(Outcome::Timeout)]);
    s.start(4);
    let end = s.end(5, 1, 0, Outcome::Success);
    assert_eq!(end, [CancelTimer(0), Finish(Outcome::Aborted)]);
}

#[test]
#[should_panic(expected = "there is no setting `opn_for`; there are `open_for`")]
fn a_pipeline_is_not_made_of_what_an_implementation_refuses() {
    let role = Role::CircuitBreaker(BreakerConfig::default());
    let typo = [("opn_for", Setting::Duration(ms(1)))];
    Scene::new(vec![custom(role, &typo, TwoStrikes::make)]);
}

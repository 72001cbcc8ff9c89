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

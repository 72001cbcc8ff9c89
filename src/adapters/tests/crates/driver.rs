//! A pipeline under a virtual clock, and calls that end as a test says.

use clock::{Duration, Instant};
use policy::config::{CustomConfig, LayerConfig, PolicyConfig, Role};
use policy::custom::{Setting, Settings};
use policy::{Action, Actions, Attempt, Env, Frame, Outcome, Pipeline, TimerId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// A layer of the crate of this name.
pub(crate) fn custom(name: &str, role: Role, with: &[(&str, Setting)]) -> LayerConfig {
    LayerConfig::Custom(config(name, role, with))
}

pub(crate) fn config(name: &str, role: Role, with: &[(&str, Setting)]) -> CustomConfig {
    let settings = with
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()));
    let maker = stormglass_adapters::registry().get(name).cloned();
    CustomConfig {
        role,
        settings: Settings(settings.collect()),
        maker: maker.expect("it is compiled in"),
    }
}

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// When something was decided, about which call, and what: sends and ends.
pub(crate) type Entry = (Instant, usize, Action);

/// All of them, in order.
pub(crate) type Log = Vec<Entry>;

/// Runs calls that come at these times through one layer. Attempts end as `ends` says of a call and
/// an attempt: after how long, and how.
pub(crate) fn run(
    layer: LayerConfig,
    arrivals: &[Duration],
    ends: impl Fn(usize, Attempt) -> (Duration, Outcome),
) -> Log {
    run_to_state(layer, arrivals, ends).0
}

/// The same, with the numbers of breakers that are open and half-open in the end.
pub(crate) fn run_to_state(
    layer: LayerConfig,
    arrivals: &[Duration],
    ends: impl Fn(usize, Attempt) -> (Duration, Outcome),
) -> (Log, Option<(u32, u32)>) {
    let layers = vec![layer];
    let pipeline = Pipeline::new(&PolicyConfig { layers }, 1);
    let call = || Call {
        frames: vec![Frame::default(); pipeline.frames()],
        timers: BTreeMap::new(),
    };
    let mut driver = Driver {
        calls: arrivals.iter().map(|_| call()).collect(),
        pipeline,
        ends,
        now: Instant::ZERO,
        events: BinaryHeap::new(),
        scheduled: 0,
        log: Vec::new(),
        dice: Dice(1),
    };
    for (call, at) in arrivals.iter().enumerate() {
        driver.schedule(Instant::ZERO + *at, call, Event::Arrives);
    }
    driver.run();
    (driver.log, driver.pipeline.breaker_state())
}

/// The first entry that differs: its number, and what either log has there.
pub(crate) type Difference = (usize, Option<Entry>, Option<Entry>);

pub(crate) fn difference(one: &Log, other: &Log) -> Option<Difference> {
    (0..one.len().max(other.len()))
        .map(|n| (n, one.get(n).copied(), other.get(n).copied()))
        .find(|(_, one, other)| one != other)
}

/// How many calls there were, and how many attempts.
pub(crate) fn attempts(log: &Log) -> (usize, usize) {
    let count = |wanted: fn(&Action) -> bool| log.iter().filter(|entry| wanted(&entry.2)).count();
    (
        count(|action| matches!(action, Action::Finish(_))),
        count(|action| matches!(action, Action::Send(_))),
    )
}

/// The times between the ends of attempts that take no time and the next ones of their call.
pub(crate) fn delays(log: &Log) -> Vec<Duration> {
    let sent: Vec<Instant> = log
        .iter()
        .filter(|entry| matches!(entry.2, Action::Send(_)))
        .map(|entry| entry.0)
        .collect();
    sent.windows(2).map(|pair| pair[1].since(pair[0])).collect()
}

/// SplitMix64, one stream for all calls.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Env for Dice {
    fn random(&mut self) -> u64 {
        self.roll()
    }
    fn sample(&mut self, _: u32) -> Duration {
        Duration::ZERO
    }
    fn target(&mut self) -> u32 {
        0
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrives,
    Ends(Attempt),
    Due(TimerId),
}

struct Call {
    frames: Vec<Frame>,
    timers: BTreeMap<TimerId, u64>,
}

struct Driver<F> {
    pipeline: Pipeline,
    ends: F,
    now: Instant,
    events: BinaryHeap<Reverse<(Instant, u64, usize, Event)>>,
    scheduled: u64,
    calls: Vec<Call>,
    log: Log,
    dice: Dice,
}

impl<F: Fn(usize, Attempt) -> (Duration, Outcome)> Driver<F> {
    fn schedule(&mut self, at: Instant, call: usize, event: Event) -> u64 {
        self.scheduled += 1;
        self.events.push(Reverse((at, self.scheduled, call, event)));
        self.scheduled
    }

    fn run(&mut self) {
        while let Some(Reverse((at, number, n, event))) = self.events.pop() {
            self.now = at;
            let call = &mut self.calls[n];
            let (frames, dice, token) = (&mut call.frames, &mut self.dice, n as u32);
            let mut out = Actions::new();
            match event {
                Event::Arrives => self.pipeline.start(at, token, frames, dice, &mut out),
                Event::Ends(attempt) => {
                    let (_, outcome) = (self.ends)(n, attempt);
                    let pipeline = &mut self.pipeline;
                    pipeline.on_attempt_end(at, token, frames, attempt, outcome, dice, &mut out);
                }
                Event::Due(timer) if call.timers.get(&timer) == Some(&number) => {
                    self.pipeline
                        .on_timer(at, token, frames, timer, dice, &mut out);
                }
                Event::Due(_) => {}
            }
            for action in &out {
                self.follow(n, action);
            }
        }
    }

    fn follow(&mut self, n: usize, action: Action) {
        match action {
            Action::Send(attempt) => {
                let (after, _) = (self.ends)(n, attempt);
                self.schedule(self.now + after, n, Event::Ends(attempt));
            }
            Action::SetTimer(timer, at) => {
                let number = self.schedule(at, n, Event::Due(timer));
                self.calls[n].timers.insert(timer, number);
                return;
            }
            Action::CancelTimer(timer) => {
                self.calls[n].timers.remove(&timer);
                return;
            }
            Action::Finish(_) => {}
            Action::Cancel(_) | Action::Wake(_) => unreachable!("one layer, and no bulkhead"),
        }
        self.log.push((self.now, n, action));
    }
}

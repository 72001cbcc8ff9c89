//! A pipeline under a virtual clock: the smallest driver that there can be.

use crate::runs::{Log, What};
use crate::trace::Trace;
use clock::{Duration, Instant};
use policy::config::PolicyConfig;
use policy::{Action, Actions, Attempt, Env, Frame, Pipeline, Pushback, TimerId, Token};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use stormglass_live::Draws;

/// Replays a trace; timers fall due at the first multiple of `tick` that is not before their
/// deadline.
pub(crate) fn replay(trace: &Trace, config: &PolicyConfig, tick: Duration) -> Log {
    let pipeline = Pipeline::new(config, trace.instances);
    let arrivals = trace.arrivals();
    let calls = (0..)
        .zip(&arrivals)
        .map(|(number, arrival)| Call {
            frames: vec![Frame::default(); pipeline.frames()],
            draws: Draws::new(trace.seed, number),
            picks: Draws::of_picks(trace.seed, number),
            key: arrival.key,
            out: BTreeMap::new(),
            timers: BTreeMap::new(),
            over: false,
        })
        .collect();
    let mut driver = Driver {
        trace,
        pipeline,
        tick: tick.as_nanos(),
        now: Instant::ZERO,
        events: BinaryHeap::new(),
        scheduled: 0,
        calls,
        wakes: VecDeque::new(),
        log: Log::default(),
    };
    for (call, arrival) in (0..).zip(&arrivals) {
        let at = Instant::ZERO + Duration::from_millis(arrival.at_ms);
        driver.schedule(at, call, Event::Arrives);
        if let Some(after) = arrival.leaves_after_ms {
            driver.schedule(at + Duration::from_millis(after), call, Event::Leaves);
        }
    }
    driver.run();
    driver.log
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Event {
    Arrives,
    Ends(Attempt),
    Due(TimerId),
    Leaves,
}

struct Call {
    frames: Vec<Frame>,
    draws: Draws,
    picks: Draws,
    key: u64,
    /// What is awaited, by the number of its event: all others are stale. Of an attempt also its
    /// instance.
    out: BTreeMap<Attempt, (u64, u32)>,
    timers: BTreeMap<TimerId, u64>,
    over: bool,
}

struct Driver<'a> {
    trace: &'a Trace,
    pipeline: Pipeline,
    tick: u64,
    now: Instant,
    events: BinaryHeap<Reverse<(Instant, u64, Token, Event)>>,
    scheduled: u64,
    calls: Vec<Call>,
    wakes: VecDeque<Token>,
    log: Log,
}

struct Asked<'a> {
    trace: &'a Trace,
    draws: &'a mut Draws,
    picks: &'a mut Draws,
    taken: &'a mut Vec<u32>,
    key: u64,
    pushback: Pushback,
}

impl Env for Asked<'_> {
    fn random(&mut self) -> u64 {
        self.draws.next()
    }
    fn sample(&mut self, source: u32) -> Duration {
        Trace::sample(source, self.draws)
    }
    fn target(&mut self) -> u32 {
        let instance = self.trace.pick(self.taken, self.picks);
        self.taken.push(instance);
        instance
    }
    fn key(&mut self) -> u64 {
        self.key
    }
    fn pushback(&mut self) -> Pushback {
        self.pushback
    }
}

impl Driver<'_> {
    fn schedule(&mut self, at: Instant, call: Token, event: Event) -> u64 {
        self.scheduled += 1;
        self.events.push(Reverse((at, self.scheduled, call, event)));
        self.scheduled
    }

    fn run(&mut self) {
        let mut last = None;
        while let Some(Reverse((at, number, token, event))) = self.events.pop() {
            if !self.is_awaited(number, token, event) {
                continue;
            }
            let tick = |at: Instant| at.as_nanos() / 1_000_000;
            // With what came before, or with what is about to come unless this prevents it.
            let tied =
                last.replace(tick(at)) == Some(tick(at)) || self.next_tick() == Some(tick(at));
            self.log.ties += u32::from(tied);
            self.now = at;
            self.happens(token, event);
            while let Some(woken) = self.wakes.pop_front() {
                if !self.calls[woken as usize].over {
                    self.say(woken, Pushback::None, |p, now, token, frames, env, out| {
                        p.on_wake(now, token, frames, env, out);
                    });
                }
            }
        }
    }

    fn is_awaited(&self, number: u64, token: Token, event: Event) -> bool {
        let call = &self.calls[token as usize];
        match event {
            Event::Arrives => true,
            Event::Leaves => !call.over,
            Event::Ends(attempt) => call
                .out
                .get(&attempt)
                .is_some_and(|(known, _)| *known == number),
            Event::Due(timer) => call.timers.get(&timer) == Some(&number),
        }
    }

    /// The millisecond of the next event that is awaited.
    fn next_tick(&mut self) -> Option<u64> {
        while let Some(&Reverse((at, number, token, event))) = self.events.peek() {
            if self.is_awaited(number, token, event) {
                return Some(at.as_nanos() / 1_000_000);
            }
            self.events.pop();
        }
        None
    }

    fn happens(&mut self, token: Token, event: Event) {
        let call = &mut self.calls[token as usize];
        match event {
            Event::Arrives => self.say(token, Pushback::None, |p, now, token, frames, env, out| {
                p.start(now, token, frames, env, out);
            }),
            Event::Ends(attempt) => {
                call.out.remove(&attempt);
                let ended = self.trace.attempt(token.into(), attempt);
                self.say(token, ended.pushback, |p, now, token, frames, env, out| {
                    p.on_attempt_end(now, token, frames, attempt, ended.outcome, env, out);
                });
            }
            Event::Due(timer) => {
                call.timers.remove(&timer);
                self.say(token, Pushback::None, |p, now, token, frames, env, out| {
                    p.on_timer(now, token, frames, timer, env, out);
                });
            }
            Event::Leaves => {
                call.over = true;
                self.say(token, Pushback::None, |p, now, token, frames, _, out| {
                    p.abandon(now, token, frames, out);
                });
            }
        }
    }

    fn say(
        &mut self,
        token: Token,
        pushback: Pushback,
        word: impl FnOnce(&mut Pipeline, Instant, Token, &mut [Frame], &mut Asked<'_>, &mut Actions),
    ) {
        let call = &mut self.calls[token as usize];
        let mut taken = call.out.values().map(|(_, instance)| *instance).collect();
        let mut env = Asked {
            trace: self.trace,
            draws: &mut call.draws,
            picks: &mut call.picks,
            taken: &mut taken,
            key: call.key,
            pushback,
        };
        let mut out = Actions::new();
        let frames = &mut call.frames;
        word(
            &mut self.pipeline,
            self.now,
            token,
            frames,
            &mut env,
            &mut out,
        );
        // Whoever decides is heard before whatever follows.
        for action in &out {
            if let Action::Send(_) | Action::Cancel(_) | Action::Finish(_) = action {
                self.log
                    .entry(self.now, token.into(), What::Decided(action));
            }
        }
        for (n, action) in out.iter().enumerate() {
            self.follow(token, action, &mut taken);
            // What is cancelled in the same breath never reaches the callee.
            if let Action::Send(attempt) = action
                && !out.as_slice()[n..].contains(&Action::Cancel(attempt))
            {
                let (_, instance) = self.calls[token as usize].out[&attempt];
                let sent = What::Sent(attempt, instance);
                self.log.entry(self.now, token.into(), sent);
            }
        }
    }

    fn follow(&mut self, token: Token, action: Action, taken: &mut Vec<u32>) {
        let call = &mut self.calls[token as usize];
        match action {
            Action::Send(attempt) => {
                let known = self.pipeline.target(&call.frames, attempt);
                let instance = known.unwrap_or_else(|| {
                    let instance = self.trace.pick(taken, &mut call.picks);
                    taken.push(instance);
                    instance
                });
                let after = self.trace.attempt(token.into(), attempt).after_ms;
                let at = self.now + Duration::from_millis(after);
                let number = self.schedule(at, token, Event::Ends(attempt));
                let out = &mut self.calls[token as usize].out;
                out.insert(attempt, (number, instance));
            }
            Action::SetTimer(timer, at) => {
                let at = at.as_nanos().div_ceil(self.tick).saturating_mul(self.tick);
                let number = self.schedule(Instant::from_nanos(at), token, Event::Due(timer));
                self.calls[token as usize].timers.insert(timer, number);
            }
            Action::CancelTimer(timer) => {
                call.timers.remove(&timer);
            }
            Action::Cancel(attempt) => {
                call.out.remove(&attempt);
            }
            Action::Wake(other) => self.wakes.push_back(other),
            Action::Finish(_) => call.over = true,
        }
    }
}

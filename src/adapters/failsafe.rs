//! `failsafe`: its state machine, with both of its failure policies, on its frozen clock.
//!
//! The machine is asked by `is_call_permitted` and told by `on_success` and `on_error`, each inside
//! of `clock::freeze`, where its clock stands at the pipeline's time.

use crate::settings::{breaker, refuse_if, word};
use clock::{Duration, Instant};
use failsafe::backoff;
use failsafe::clock as frozen;
use failsafe::failure_policy::{consecutive_failures, success_rate_over_time_window};
use failsafe::{FailurePolicy, Instrument, StateMachine};
use policy::config::{Alignment, BreakerConfig, CustomConfig, EndOfOpen, Judged, Window};
use policy::custom::{Admit, Custom, Record};
use policy::{BreakerState, Outcome};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// `circuit_breaker` with `window: {consecutive}` or `window: {time}`; `with: {backoff:
/// exponential, max_open_for: 5m}` lets `open_for` double each time that it opens again.
pub(crate) fn make(config: &CustomConfig) -> Result<Box<dyn Custom>, String> {
    let breaker = breaker(config)?;
    let settings = &config.settings;
    settings.only(&["backoff", "max_open_for"])?;
    refuse(breaker)?;
    let exponential = word(settings, "backoff", &["constant", "exponential"])? == "exponential";
    let max = settings.duration("max_open_for", Duration::from_secs(300))?;
    let backoff = match exponential {
        false => {
            refuse_if(
                settings.get("max_open_for").is_some(),
                "`max_open_for` bounds an exponential `backoff`",
            )?;
            Backoff::Constant(breaker.open_for)
        }
        true => {
            let whole = |span: Duration| span.as_nanos().is_multiple_of(clock::SECOND);
            let open_for = breaker.open_for;
            refuse_if(
                open_for.is_zero() || !whole(open_for),
                "`open_for`: its exponential back-off counts whole seconds, at least 1",
            )?;
            refuse_if(
                max < open_for || !whole(max),
                "`max_open_for` is in whole seconds and not less than `open_for`",
            )?;
            Backoff::Exponential(open_for, max)
        }
    };
    Ok(Box::new(Breaker::new(breaker, backoff)))
}

/// What failsafe has no counterpart for.
fn refuse(breaker: &BreakerConfig) -> Result<(), String> {
    let usual = BreakerConfig::default();
    match breaker.window {
        Window::Consecutive(_) => {}
        Window::Count(_) => {
            return Err("`window`: it looks back on `consecutive` failures or on a `time`".into());
        }
        Window::Time { length, buckets } => {
            let seconds = length.as_nanos().is_multiple_of(clock::SECOND);
            refuse_if(
                !seconds || length.is_zero(),
                "`window`: its length is in whole seconds, at least 1",
            )?;
            refuse_if(
                buckets != 5 && buckets != 10,
                "`window`: it always has 5 buckets, in which it counts calls",
            )?;
        }
    }
    refuse_if(
        breaker.slow_call.is_some(),
        "`slow_call`: it does not time calls",
    )?;
    refuse_if(
        breaker.half_open_calls != usual.half_open_calls,
        "`half_open_calls`: half open it lets every call through",
    )?;
    refuse_if(
        breaker.half_open_minimum.is_some(),
        "`half_open_minimum`: half open, the first outcome decides",
    )?;
    refuse_if(
        breaker.end_of_open == EndOfOpen::At,
        "`end_of_open`: it opens up after the time, not at it",
    )?;
    refuse_if(
        matches!(breaker.judged, Judged::Every(_)),
        "`judged`: it judges after each failure",
    )?;
    refuse_if(
        breaker.alignment == Alignment::FirstCall,
        "`alignment`: its buckets begin when it was made or last closed",
    )?;
    refuse_if(
        breaker.late != usual.late,
        "`late`: it does not know when a call began",
    )?;
    refuse_if(
        breaker.released != usual.released,
        "`released`: it hears nothing of calls that do not end",
    )?;
    refuse_if(
        breaker.open_for > LONGEST,
        "`open_for`: more than a century is beyond its clock",
    )
}

#[derive(Clone, Copy, Debug)]
enum Backoff {
    Constant(Duration),
    Exponential(Duration, Duration),
}

struct Breaker {
    machine: Box<dyn Machine>,
    config: BreakerConfig,
    backoff: Backoff,
    seen: Seen,
    clock: Clock,
}

impl Breaker {
    fn new(config: &BreakerConfig, backoff: Backoff) -> Self {
        let (clock, seen) = (Clock::new(), Seen::default());
        let machine = clock.at(Instant::ZERO, || match backoff {
            Backoff::Constant(span) => machine(config, backoff::constant(span.into()), &seen),
            Backoff::Exponential(start, max) => {
                let growing = backoff::exponential(start.into(), max.into());
                machine(config, growing, &seen)
            }
        });
        Self {
            machine,
            config: *config,
            backoff,
            seen,
            clock,
        }
    }
}

/// The crate's machine with the crate's policy that the window asks for.
fn machine<B>(config: &BreakerConfig, backoff: B, seen: &Seen) -> Box<dyn Machine>
where
    B: Iterator<Item = std::time::Duration> + Clone + Send + 'static,
{
    match config.window {
        Window::Time { length, .. } => {
            let success_rate = (1.0 - config.failure_rate).clamp(0.0, 1.0);
            let calls = config.minimum_calls;
            let policy = success_rate_over_time_window(success_rate, calls, length.into(), backoff);
            Box::new(StateMachine::new(policy, seen.clone()))
        }
        Window::Consecutive(failures) => {
            let policy = consecutive_failures(failures, backoff);
            Box::new(StateMachine::new(policy, seen.clone()))
        }
        Window::Count(_) => unreachable!("refused"),
    }
}

/// `StateMachine` with any policy.
trait Machine: Send {
    fn is_call_permitted(&self) -> bool;
    fn on_success(&self);
    fn on_error(&self);
}

impl<P: FailurePolicy + Send> Machine for StateMachine<P, Seen> {
    fn is_call_permitted(&self) -> bool {
        self.is_call_permitted()
    }
    fn on_success(&self) {
        self.on_success();
    }
    fn on_error(&self) {
        self.on_error();
    }
}

impl Custom for Breaker {
    fn admit(&mut self, now: Instant, _: &mut u64, _: &mut dyn FnMut() -> u64) -> Admit {
        match self.clock.at(now, || self.machine.is_call_permitted()) {
            true => Admit::Pass,
            false => Admit::Refuse,
        }
    }

    fn record(
        &mut self,
        now: Instant,
        _: &mut u64,
        outcome: Outcome,
        _: &mut dyn FnMut() -> u64,
    ) -> Record {
        self.clock
            .at(now, || match self.config.failure_on.contains(outcome) {
                true => self.machine.on_error(),
                false => self.machine.on_success(),
            });
        Record::End(outcome)
    }

    fn breaker_state(&self) -> Option<BreakerState> {
        Some(self.seen.state())
    }

    /// In its first state: the crate's machines cannot be copied.
    fn boxed_clone(&self) -> Box<dyn Custom> {
        Box::new(Self::new(&self.config, self.backoff))
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker")
            .field("config", &self.config)
            .field("state", &self.seen.state())
            .finish_non_exhaustive()
    }
}

/// Sees the state, which the machine keeps to itself.
#[derive(Clone, Debug, Default)]
struct Seen(Arc<AtomicU8>);

const CLOSED: u8 = 0;
const OPEN: u8 = 1;
const HALF_OPEN: u8 = 2;

impl Seen {
    fn state(&self) -> BreakerState {
        match self.0.load(Relaxed) {
            OPEN => BreakerState::Open,
            HALF_OPEN => BreakerState::HalfOpen,
            _ => BreakerState::Closed,
        }
    }
}

impl Instrument for Seen {
    fn on_call_rejected(&self) {}
    fn on_open(&self) {
        self.0.store(OPEN, Relaxed);
    }
    fn on_half_open(&self) {
        self.0.store(HALF_OPEN, Relaxed);
    }
    fn on_closed(&self) {
        self.0.store(CLOSED, Relaxed);
    }
}

/// A span that is longer than any run.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Where the pipeline's time begins on failsafe's clock.
///
/// The frozen clock can only be moved forward from the machine's real time. It begins a century
/// from now, so that there is a way forward to every time of the pipeline's; only differences of
/// times are ever looked at.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::disallowed_types)] // It is never read for its own sake.
struct Clock(std::time::Instant);

impl Clock {
    fn new() -> Self {
        let century = std::time::Duration::from(LONGEST);
        Self(frozen::freeze(|clock| clock.now() + century))
    }

    /// Says a word to the crate at a time of the pipeline's.
    fn at<R>(&self, now: Instant, word: impl FnOnce() -> R) -> R {
        let since = std::time::Duration::from(now.since(Instant::ZERO));
        frozen::freeze(|clock| {
            let ahead = (self.0 + since).saturating_duration_since(clock.now());
            clock.advance(ahead);
            word()
        })
    }
}

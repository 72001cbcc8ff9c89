//! What all calls of one policy share: the pipeline behind a lock, and how to wake a call.
//!
//! The lock is held while the pipeline decides and never across an await. User code runs outside
//! of it, but for the picks and the samples that the pipeline asks for while it decides.

use crate::{Classify, Draws, Sampler};
use clock::{Duration, Instant};
use policy::{Action, Actions, Env, Pipeline, Pushback, Token};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use tokio::time::Instant as TokioInstant;

/// What was decided about a call, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    /// Since the service was made.
    pub at: Instant,
    /// Calls count from 0, in the order in which their futures were first polled.
    pub call: u64,
    /// To send, to cancel, or to finish.
    pub action: Action,
}

/// Hears decisions, for metrics and tests. It is called while no lock is held: decisions about one
/// call come in order, those about calls on different threads may overtake each other.
pub type Observer = dyn Fn(Decision) + Send + Sync;

pub(crate) struct Shared<C> {
    pub(crate) classify: C,
    pub(crate) origin: TokioInstant,
    pub(crate) seed: u64,
    pub(crate) instances: u32,
    pub(crate) sampler: Option<Arc<Sampler>>,
    pub(crate) observer: Option<Arc<Observer>>,
    state: Mutex<State>,
}

struct State {
    pipeline: Pipeline,
    /// How to wake a call, by its token.
    bells: Vec<Option<Arc<Bell>>>,
    free: Vec<Token>,
    started: u64,
}

/// Tells a call that waits in a queue of the pipeline that it may go on.
#[derive(Default)]
pub(crate) struct Bell(Mutex<(bool, Option<Waker>)>);

/// A call that the shared state knows.
pub(crate) struct Entry {
    pub(crate) token: Token,
    /// Counts all calls from 0.
    pub(crate) number: u64,
    pub(crate) frames: usize,
    pub(crate) bell: Arc<Bell>,
}

impl<C> Shared<C> {
    pub(crate) fn new(
        pipeline: Pipeline,
        classify: C,
        seed: u64,
        instances: u32,
        sampler: Option<Arc<Sampler>>,
        observer: Option<Arc<Observer>>,
    ) -> Self {
        Self {
            classify,
            origin: TokioInstant::now(),
            seed,
            instances,
            sampler,
            observer,
            state: Mutex::new(State {
                pipeline,
                bells: Vec::new(),
                free: Vec::new(),
                started: 0,
            }),
        }
    }

    pub(crate) fn breakers(&self) -> Option<(u32, u32)> {
        self.state().pipeline.breaker_state()
    }

    /// Makes a call known.
    pub(crate) fn enter(&self) -> Entry {
        let mut state = self.state();
        let bell = Arc::new(Bell::default());
        let token = state.free.pop().unwrap_or_else(|| {
            state.bells.push(None);
            (state.bells.len() - 1) as Token
        });
        state.bells[token as usize] = Some(Arc::clone(&bell));
        state.started += 1;
        Entry {
            token,
            number: state.started - 1,
            frames: state.pipeline.frames(),
            bell,
        }
    }

    /// Says a word to the pipeline, and wakes whom it names; the answer is in `out`.
    ///
    /// A call of which this was the `last` word is known no longer.
    pub(crate) fn decide(
        &self,
        token: Token,
        out: &mut Actions,
        last: bool,
        word: impl FnOnce(&mut Pipeline, Instant, &mut Actions),
    ) -> Instant {
        out.clear();
        let mut state = self.state();
        // Read under the lock: time does not go back from one decision to the next.
        let now = self.now();
        word(&mut state.pipeline, now, out);
        let mut rung = Vec::new();
        for action in &*out {
            if let Action::Wake(other) = action
                && let Some(Some(bell)) = state.bells.get(other as usize)
            {
                rung.push(Arc::clone(bell));
            }
        }
        if last || matches!(out.as_slice().last(), Some(Action::Finish(_))) {
            state.bells[token as usize] = None;
            state.free.push(token);
        }
        drop(state);
        for bell in rung {
            bell.ring();
        }
        now
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::ZERO + Duration::from(TokioInstant::now().duration_since(self.origin))
    }

    pub(crate) fn tell(&self, at: Instant, call: u64, out: &Actions) {
        let Some(observer) = &self.observer else {
            return;
        };
        for action in out {
            if let Action::Send(_) | Action::Cancel(_) | Action::Finish(_) = action {
                observer(Decision { at, call, action });
            }
        }
    }

    /// A layer that panicked has left the pipeline in some state, but a state it is.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bell {
    fn ring(&self) {
        let waker = {
            let mut bell = self.lock();
            bell.0 = true;
            bell.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether it rang since this was asked last; if not, it wakes `waker` when it does.
    pub(crate) fn rang(&self, waker: &Waker) -> bool {
        let mut bell = self.lock();
        let rang = std::mem::take(&mut bell.0);
        if !rang {
            match &mut bell.1 {
                Some(known) => known.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
        }
        rang
    }

    fn lock(&self) -> MutexGuard<'_, (bool, Option<Waker>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a pipeline asks about one call.
pub(crate) struct Asked<'a, C, Request, Answer> {
    pub(crate) shared: &'a Shared<C>,
    pub(crate) request: &'a Request,
    /// The attempt that has just ended.
    pub(crate) answer: Option<&'a Answer>,
    pub(crate) draws: &'a mut Draws,
    /// From which instances are picked.
    pub(crate) picks: &'a mut Draws,
    /// Where attempts of the call are out, or are about to be.
    pub(crate) taken: &'a mut Vec<u32>,
}

impl<C> Shared<C> {
    /// Picks the instance of the next attempt.
    pub(crate) fn pick<Request, T, E>(
        &self,
        request: &Request,
        taken: &mut Vec<u32>,
        picks: &mut Draws,
    ) -> u32
    where
        C: Classify<Request, T, E>,
    {
        let instance = match self.instances {
            1 => 0,
            _ => self.classify.pick(request, taken, picks),
        };
        taken.push(instance);
        instance
    }
}

impl<C, Request, T, E> Env for Asked<'_, C, Request, Result<T, E>>
where
    C: Classify<Request, T, E>,
{
    fn random(&mut self) -> u64 {
        self.draws.next()
    }

    fn sample(&mut self, source: u32) -> Duration {
        // The builder refuses a configuration that samples when there is nothing to sample from.
        match &self.shared.sampler {
            Some(sampler) => sampler(source, self.draws),
            None => Duration::MAX,
        }
    }

    fn target(&mut self) -> u32 {
        self.shared.pick(self.request, self.taken, self.picks)
    }

    fn key(&mut self) -> u64 {
        self.shared.classify.key(self.request)
    }

    fn pushback(&mut self) -> Pushback {
        self.answer.map_or(Pushback::None, |answer| {
            self.shared.classify.pushback(answer)
        })
    }
}

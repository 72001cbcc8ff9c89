//! One call: drives the pipeline's words about it, its attempts and its timers.

use super::shared::{Asked, Bell, Shared};
use super::timers::Timers;
use crate::{Classify, Draws, Error};
use clock::Instant;
use policy::{Action, Actions, Attempt, Env, Frame, Outcome, Pipeline, TimerId, Token};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tower::Service;
use tower::util::{Oneshot, ServiceExt};

/// The answer of a service with a policy around it.
pub struct ResponseFuture<S: Service<Request>, C, Request> {
    shared: Arc<Shared<C>>,
    service: S,
    request: Request,
    state: State,
    attempts: Vec<(Attempt, Running<S, Request>)>,
    /// How the last attempt that was heard of ended.
    last: Option<(Outcome, Answer<S, Request>)>,
}

type Running<S, Request> = Pin<Box<Oneshot<S, Request>>>;
type Answer<S, Request> = Result<<S as Service<Request>>::Response, <S as Service<Request>>::Error>;

enum State {
    /// Not polled yet.
    New,
    Running(Call),
    /// Ready.
    Done,
}

/// A call that has begun and not ended.
struct Call {
    token: Token,
    number: u64,
    frames: Box<[Frame]>,
    bell: Arc<Bell>,
    timers: Timers,
    draws: Draws,
    picks: Draws,
    instance: Option<u32>,
    out: Actions,
}

/// What the pipeline is told.
enum Word {
    Start,
    Ended(Attempt, Outcome),
    Due(TimerId, Instant),
    Woken,
}

// Nothing is pinned in place: attempts and timers are boxed.
impl<S: Service<Request>, C, Request> Unpin for ResponseFuture<S, C, Request> {}

impl<S, C, Request> ResponseFuture<S, C, Request>
where
    S: Service<Request> + Clone,
    C: Classify<Request, S::Response, S::Error>,
    Request: Clone,
{
    pub(crate) fn new(shared: Arc<Shared<C>>, service: S, request: Request) -> Self {
        Self {
            shared,
            service,
            request,
            state: State::New,
            attempts: Vec::new(),
            last: None,
        }
    }

    /// Tells the pipeline something and does what it says; the outcome when the call has ended.
    fn say(&mut self, word: Word) -> Option<Outcome> {
        if let State::New = self.state {
            self.state = State::Running(Call::new(&self.shared));
        }
        let State::Running(call) = &mut self.state else {
            return None;
        };
        call.say(&self.shared, &self.request, self.last.as_ref(), word);
        let mut finished = None;
        for n in 0..call.out.len() {
            match call.out.as_slice()[n] {
                Action::Send(attempt) => {
                    let request = call.prepare(&self.shared, &self.request, attempt);
                    let running = Box::pin(self.service.clone().oneshot(request));
                    self.attempts.push((attempt, running));
                }
                Action::Cancel(attempt) => self.attempts.retain(|(other, _)| *other != attempt),
                Action::SetTimer(id, at) => call.timers.set(id, at),
                Action::CancelTimer(id) => call.timers.cancel(id),
                // Rung already.
                Action::Wake(_) => {}
                Action::Finish(outcome) => finished = Some(outcome),
            }
        }
        if finished.is_some() {
            self.state = State::Done;
            self.attempts.clear();
        }
        finished
    }

    /// The next thing that has happened to the call.
    fn next_word(&mut self, cx: &mut Context<'_>) -> Poll<Word> {
        let call = match &mut self.state {
            State::New => return Poll::Ready(Word::Start),
            State::Running(call) => call,
            State::Done => panic!("polled after it was ready"),
        };
        if call.bell.rang(cx.waker()) {
            return Poll::Ready(Word::Woken);
        }
        for n in 0..self.attempts.len() {
            let (attempt, running) = &mut self.attempts[n];
            if let Poll::Ready(answer) = running.as_mut().poll(cx) {
                let attempt = *attempt;
                self.attempts.remove(n);
                let outcome = self.shared.classify.outcome(&answer);
                self.last = Some((outcome, answer));
                return Poll::Ready(Word::Ended(attempt, outcome));
            }
        }
        let (id, at) = ready!(call.timers.poll(cx));
        Poll::Ready(Word::Due(id, at))
    }

    /// What the caller gets.
    fn answer(&mut self, outcome: Outcome) -> Result<S::Response, Error<S::Error>> {
        let last = self.last.take();
        match last {
            Some((had, answer)) if had == outcome => return answer.map_err(Error::Inner),
            _ => {}
        }
        let last = last.map(|(_, answer)| answer);
        match outcome {
            Outcome::Degraded => (self.shared.classify)
                .fallback(&self.request, last.as_ref())
                .ok_or(Error::NoFallback),
            Outcome::Timeout => Err(Error::Timeout),
            Outcome::Rejected => Err(Error::Rejected),
            other => last.map_or(Err(Error::Ended(other)), |answer| {
                answer.map_err(Error::Inner)
            }),
        }
    }
}

impl Call {
    fn new<C>(shared: &Shared<C>) -> Self {
        let entry = shared.enter();
        Self {
            token: entry.token,
            number: entry.number,
            frames: vec![Frame::default(); entry.frames].into(),
            bell: entry.bell,
            timers: Timers::new(shared.origin),
            draws: Draws::new(shared.seed, entry.number),
            picks: Draws::of_picks(shared.seed, entry.number),
            instance: None,
            out: Actions::new(),
        }
    }

    fn say<C, Request, T, E>(
        &mut self,
        shared: &Shared<C>,
        request: &Request,
        last: Option<&(Outcome, Result<T, E>)>,
        word: Word,
    ) where
        C: Classify<Request, T, E>,
    {
        let token = self.token;
        let frames = &mut self.frames;
        let ended = matches!(word, Word::Ended(..));
        let env = &mut Asked {
            shared,
            request,
            answer: last.filter(|_| ended).map(|(_, answer)| answer),
            draws: &mut self.draws,
            picks: &mut self.picks,
            instance: &mut self.instance,
        };
        let now = shared.decide(token, &mut self.out, false, |pipeline, now, out| {
            tell(pipeline, now, token, frames, word, env, out);
        });
        shared.tell(now, self.number, &self.out);
    }

    /// The request of an attempt, addressed.
    fn prepare<C, Request, T, E>(
        &mut self,
        shared: &Shared<C>,
        request: &Request,
        attempt: Attempt,
    ) -> Request
    where
        C: Classify<Request, T, E>,
        Request: Clone,
    {
        let instance = self.instance.take().unwrap_or_else(|| {
            Asked::<C, Request, Result<T, E>>::pick::<T, E>(shared, request, &mut self.picks)
        });
        let mut request = request.clone();
        shared.classify.prepare(&mut request, attempt, instance);
        request
    }
}

fn tell(
    pipeline: &mut Pipeline,
    now: Instant,
    token: Token,
    frames: &mut [Frame],
    word: Word,
    env: &mut impl Env,
    out: &mut Actions,
) {
    match word {
        Word::Start => pipeline.start(now, token, frames, env, out),
        Word::Ended(attempt, outcome) => {
            pipeline.on_attempt_end(now, token, frames, attempt, outcome, env, out);
        }
        // Never before its time, whatever the rounding of the timer that woke us.
        Word::Due(id, at) => pipeline.on_timer(now.max(at), token, frames, id, env, out),
        Word::Woken => pipeline.on_wake(now, token, frames, env, out),
    }
}

impl<S, C, Request> Future for ResponseFuture<S, C, Request>
where
    S: Service<Request> + Clone,
    C: Classify<Request, S::Response, S::Error>,
    Request: Clone,
{
    type Output = Result<S::Response, Error<S::Error>>;

    /// # Panics
    /// When it is polled after it was ready.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let word = ready!(self.next_word(cx));
            if let Some(outcome) = self.say(word) {
                return Poll::Ready(self.answer(outcome));
            }
        }
    }
}

impl<S: Service<Request>, C, Request> Drop for ResponseFuture<S, C, Request> {
    fn drop(&mut self) {
        if let State::Running(call) = &mut self.state {
            // First, so that who is woken finds the attempts gone.
            self.attempts.clear();
            let Call {
                token, frames, out, ..
            } = call;
            let now = (self.shared).decide(*token, out, true, |pipeline, now, out| {
                pipeline.abandon(now, *token, frames, out);
            });
            self.shared.tell(now, call.number, &call.out);
        }
    }
}

impl<S: Service<Request>, C, Request> fmt::Debug for ResponseFuture<S, C, Request> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("attempts", &self.attempts.len())
            .finish_non_exhaustive()
    }
}

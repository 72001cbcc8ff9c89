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
    attempts: Vec<Out<S, Request>>,
    /// How attempts have ended, the last one of each outcome, in their order.
    heard: Vec<(Outcome, Answer<S, Request>)>,
}

/// An attempt that is out.
struct Out<S: Service<Request>, Request> {
    attempt: Attempt,
    instance: u32,
    running: Running<S, Request>,
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
    /// The attempts that are to be sent, and where to if the pipeline knows.
    targets: Vec<(Attempt, Option<u32>)>,
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
            heard: Vec::new(),
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
        let mut taken = self.attempts.iter().map(|out| out.instance).collect();
        let answer = self.heard.last().map(|(_, answer)| answer);
        call.say(&self.shared, &self.request, answer, &mut taken, word);
        let mut finished = None;
        for n in 0..call.out.len() {
            match call.out.as_slice()[n] {
                Action::Send(attempt) => {
                    let instance = call.target(attempt).unwrap_or_else(|| {
                        self.shared.pick(&self.request, &mut taken, &mut call.picks)
                    });
                    let mut request = self.request.clone();
                    let classify = &self.shared.classify;
                    classify.prepare(&mut request, attempt, instance);
                    self.attempts.push(Out {
                        attempt,
                        instance,
                        running: Box::pin(self.service.clone().oneshot(request)),
                    });
                }
                Action::Cancel(attempt) => self.attempts.retain(|out| out.attempt != attempt),
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

    /// The next thing that has happened to the call. Attempts are asked first: an answer that is
    /// there when its time is up counts.
    fn next_word(&mut self, cx: &mut Context<'_>) -> Poll<Word> {
        let call = match &mut self.state {
            State::New => return Poll::Ready(Word::Start),
            State::Running(call) => call,
            State::Done => panic!("polled after it was ready"),
        };
        for n in 0..self.attempts.len() {
            if let Poll::Ready(answer) = self.attempts[n].running.as_mut().poll(cx) {
                let Out { attempt, .. } = self.attempts.remove(n);
                let outcome = self.shared.classify.outcome(&answer);
                self.heard.retain(|(other, _)| *other != outcome);
                self.heard.push((outcome, answer));
                return Poll::Ready(Word::Ended(attempt, outcome));
            }
        }
        if call.bell.rang(cx.waker()) {
            return Poll::Ready(Word::Woken);
        }
        let (id, at) = ready!(call.timers.poll(cx));
        Poll::Ready(Word::Due(id, at))
    }

    /// What the caller gets.
    fn answer(&mut self, outcome: Outcome) -> Result<S::Response, Error<S::Error>> {
        let mut heard = std::mem::take(&mut self.heard);
        if let Some(n) = heard.iter().position(|(had, _)| *had == outcome) {
            return heard.remove(n).1.map_err(Error::Inner);
        }
        let last = heard.pop().map(|(_, answer)| answer);
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
            targets: Vec::new(),
            out: Actions::new(),
        }
    }

    /// Tells the pipeline something; what it says is in `out`.
    fn say<C, Request, T, E>(
        &mut self,
        shared: &Shared<C>,
        request: &Request,
        answer: Option<&Result<T, E>>,
        taken: &mut Vec<u32>,
        word: Word,
    ) where
        C: Classify<Request, T, E>,
    {
        let (token, frames, targets) = (self.token, &mut self.frames, &mut self.targets);
        let env = &mut Asked {
            shared,
            request,
            answer: answer.filter(|_| matches!(word, Word::Ended(..))),
            draws: &mut self.draws,
            picks: &mut self.picks,
            taken,
        };
        targets.clear();
        let now = shared.decide(token, &mut self.out, false, |pipeline, now, out| {
            tell(pipeline, now, token, frames, word, env, out);
            for action in &*out {
                if let Action::Send(attempt) = action {
                    targets.push((attempt, pipeline.target(frames, attempt)));
                }
            }
        });
        shared.tell(now, self.number, &self.out);
    }

    /// The instance that the pipeline knows an attempt to go to.
    fn target(&self, attempt: Attempt) -> Option<u32> {
        let known = self.targets.iter().find(|(other, _)| *other == attempt);
        known.and_then(|(_, target)| *target)
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

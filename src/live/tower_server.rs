//! The server's side: admission in front of a tower service.
//!
//! What waits until the service inside is ready is the queue that admission watches: put a limit of
//! the work in progress inside ([`tower`'s `ConcurrencyLimit`], or a service that is busy by itself).
//!
//! [`tower`'s `ConcurrencyLimit`]: https://docs.rs/tower/latest/tower/limit/

use crate::Draws;
use crate::random::entropy;
use clock::{Duration, Instant};
use policy::config::AdmissionConfig;
use policy::{Admission, Admitted, Arriving, Outcome};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::time::Instant as TokioInstant;
use tower::{Layer, Service};

/// Tells admission what it cannot see into.
pub trait Triage<Request, Response, Error> {
    /// How important a request is, and whose; by default all are alike.
    fn arriving(&self, _request: &Request) -> Arriving {
        Arriving {
            priority: 0,
            key: 0,
        }
    }

    /// How a request was answered; by default every `Ok` is a success.
    fn outcome(&self, result: &Result<Response, Error>) -> Outcome {
        match result {
            Ok(_) => Outcome::Success,
            Err(_) => Outcome::Error,
        }
    }
}

impl<Request, Response, Error> Triage<Request, Response, Error> for crate::Results {}

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unserved<E> {
    /// Admission refused the request; nothing was done for it.
    #[error("refused")]
    Refused {
        /// How long the client should wait at least, where that is known.
        retry_after: Option<std::time::Duration>,
    },
    /// The service's own error.
    #[error(transparent)]
    Inner(E),
}

/// Puts admission in front of services, each with a state of its own.
///
/// ```
/// use policy::config::{AdmissionConfig, AdmissionLayer as Layers, ConcurrencyAlgorithm};
/// use stormglass_live::{AdmissionLayer, Results, Unserved};
/// use tower::{Layer, Service, service_fn};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let config = AdmissionConfig {
///     layers: vec![Layers::ConcurrencyLimit(ConcurrencyAlgorithm::Fixed(1))],
/// };
/// let never = service_fn(|(): ()| std::future::pending::<Result<(), std::io::Error>>());
/// let mut service = AdmissionLayer::new(config, Results).layer(never);
/// let first = tokio::spawn(service.call(()));
/// tokio::task::yield_now().await;
/// assert!(matches!(service.call(()).await, Err(Unserved::Refused { .. })));
/// # first.abort();
/// # }
/// ```
#[derive(Clone)]
pub struct AdmissionLayer<T> {
    config: AdmissionConfig,
    triage: T,
    seed: Option<u64>,
}

impl<T> AdmissionLayer<T> {
    /// Admission by these layers.
    pub fn new(config: AdmissionConfig, triage: T) -> Self {
        Self {
            config,
            triage,
            seed: None,
        }
    }

    /// Makes the random numbers repeatable; by default they differ from process to process.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl<S, T: Clone> Layer<S> for AdmissionLayer<T> {
    type Service = Admit<S, T>;

    fn layer(&self, inner: S) -> Admit<S, T> {
        Admit {
            inner,
            door: Arc::new(Door {
                triage: self.triage.clone(),
                origin: TokioInstant::now(),
                seed: self.seed.unwrap_or_else(entropy),
                state: Mutex::new((Admission::new(&self.config), 0)),
            }),
        }
    }
}

impl<T> fmt::Debug for AdmissionLayer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdmissionLayer")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Admission in front of the service `S`; clones share what it has learnt.
///
/// It is always ready. A request is let in or refused when its future is first polled; one that is
/// let in waits until the service inside is ready. When the future is dropped before it has ended,
/// the request has gone away without an answer.
pub struct Admit<S, T> {
    inner: S,
    door: Arc<Door<T>>,
}

impl<S, T> Admit<S, T> {
    /// The least of the concurrency limits, as it is now; `None` where there is none.
    pub fn concurrency_limit(&self) -> Option<u32> {
        self.door.state().0.concurrency_limit()
    }
}

impl<S: Clone, T> Clone for Admit<S, T> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            door: Arc::clone(&self.door),
        }
    }
}

impl<S: fmt::Debug, T> fmt::Debug for Admit<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admit")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<S, T, Request> Service<Request> for Admit<S, T>
where
    S: Service<Request> + Clone,
    T: Triage<Request, S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = Unserved<S::Error>;
    type Future = AdmitFuture<S, T, Request>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        AdmitFuture {
            door: Arc::clone(&self.door),
            admitted: None,
            step: Step::Arrives(self.inner.clone(), Some(request)),
        }
    }
}

/// What the requests of one service share.
struct Door<T> {
    triage: T,
    origin: TokioInstant,
    seed: u64,
    /// With the number of requests that have arrived.
    state: Mutex<(Admission, u64)>,
}

impl<T> Door<T> {
    /// Read while the state is held: time does not go back from one word to the next.
    fn now(&self) -> Instant {
        Instant::ZERO + Duration::from(TokioInstant::now().duration_since(self.origin))
    }

    fn state(&self) -> MutexGuard<'_, (Admission, u64)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(&self, arriving: &Arriving) -> Result<Let, Option<std::time::Duration>> {
        let mut state = self.state();
        let (now, (admission, arrived)) = (self.now(), &mut *state);
        let mut draws = Draws::new(self.seed, *arrived);
        *arrived += 1;
        match admission.admit(now, arriving, &mut || draws.next()) {
            Ok(admitted) => Ok(Let {
                admitted,
                since: now,
            }),
            Err(rejected) => Err(rejected.retry_at.map(|at| at.since(now).into())),
        }
    }
}

/// A request that was let in.
struct Let {
    admitted: Admitted,
    since: Instant,
}

enum Step<S, Request, F> {
    Arrives(S, Option<Request>),
    Waits(S, Option<Request>),
    Served(Pin<Box<F>>),
    Over,
}

/// The answer of a service with admission in front of it.
pub struct AdmitFuture<S: Service<Request>, T, Request> {
    door: Arc<Door<T>>,
    admitted: Option<Let>,
    step: Step<S, Request, S::Future>,
}

// Nothing is pinned in place: the service's future is boxed.
impl<S: Service<Request>, T, Request> Unpin for AdmitFuture<S, T, Request> {}

impl<S, T, Request> Future for AdmitFuture<S, T, Request>
where
    S: Service<Request>,
    T: Triage<Request, S::Response, S::Error>,
{
    type Output = Result<S::Response, Unserved<S::Error>>;

    /// # Panics
    /// When it is polled after it was ready.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            match &mut this.step {
                Step::Arrives(_, request) => {
                    let arriving = request.as_ref().map(|r| this.door.triage.arriving(r));
                    let asked = this.door.admit(&arriving.expect("it has just come"));
                    let Step::Arrives(service, request) = take(&mut this.step) else {
                        unreachable!("it arrives");
                    };
                    match asked {
                        Ok(admitted) => this.admitted = Some(admitted),
                        Err(retry_after) => {
                            return Poll::Ready(Err(Unserved::Refused { retry_after }));
                        }
                    }
                    this.step = Step::Waits(service, request);
                }
                Step::Waits(service, request) => {
                    if let Err(error) = ready!(service.poll_ready(cx)) {
                        return Poll::Ready(this.end(Err(error)));
                    }
                    if let Some(admitted) = &this.admitted {
                        let mut state = this.door.state();
                        let now = this.door.now();
                        state.0.dequeued(now, now.since(admitted.since));
                    }
                    let request = request.take().expect("it was not called yet");
                    this.step = Step::Served(Box::pin(service.call(request)));
                }
                Step::Served(answer) => {
                    let result = ready!(answer.as_mut().poll(cx));
                    return Poll::Ready(this.end(result));
                }
                Step::Over => panic!("polled after it was ready"),
            }
        }
    }
}

fn take<S, Request, F>(step: &mut Step<S, Request, F>) -> Step<S, Request, F> {
    std::mem::replace(step, Step::Over)
}

impl<S, T, Request> AdmitFuture<S, T, Request>
where
    S: Service<Request>,
    T: Triage<Request, S::Response, S::Error>,
{
    fn end(
        &mut self,
        result: Result<S::Response, S::Error>,
    ) -> Result<S::Response, Unserved<S::Error>> {
        self.step = Step::Over;
        let outcome = self.door.triage.outcome(&result);
        if let Some(Let { admitted, .. }) = self.admitted.take() {
            let mut state = self.door.state();
            state.0.ended(self.door.now(), admitted, outcome);
        }
        result.map_err(Unserved::Inner)
    }
}

impl<S: Service<Request>, T, Request> Drop for AdmitFuture<S, T, Request> {
    fn drop(&mut self) {
        if let Some(Let { admitted, .. }) = self.admitted.take() {
            let mut state = self.door.state();
            state.0.dropped(self.door.now(), admitted);
        }
    }
}

impl<S: Service<Request>, T, Request> fmt::Debug for AdmitFuture<S, T, Request> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdmitFuture").finish_non_exhaustive()
    }
}

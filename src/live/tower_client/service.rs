//! The service with a policy around it.

use super::ResponseFuture;
use super::shared::Shared;
use crate::{Classify, Error};
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::Service;

/// A policy around the service `S`; clones share the policy's state (breakers, budgets, limits).
///
/// It is always ready: what a call may do, the policy decides when the call is made. Each attempt
/// is a call of a clone of the inner service, which is asked first whether it is ready; the time
/// until it is counts as the attempt's, and timeouts cover it.
///
/// The future borrows nothing. It does nothing until it is polled. When it is dropped, the attempts
/// that are out are dropped, every permit is given back, and nothing is recorded.
pub struct Policy<S, C> {
    inner: S,
    shared: Arc<Shared<C>>,
}

impl<S, C> Policy<S, C> {
    pub(crate) fn new(inner: S, shared: Shared<C>) -> Self {
        Self {
            inner,
            shared: Arc::new(shared),
        }
    }

    /// How many of the policy's circuit breakers are open and half-open; `None` without a breaker.
    pub fn breakers(&self) -> Option<(u32, u32)> {
        self.shared.breakers()
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone, C> Clone for Policy<S, C> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S: fmt::Debug, C> fmt::Debug for Policy<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<S, C, Request> Service<Request> for Policy<S, C>
where
    S: Service<Request> + Clone,
    C: Classify<Request, S::Response, S::Error>,
    Request: Clone,
{
    type Response = S::Response;
    type Error = Error<S::Error>;
    type Future = ResponseFuture<S, C, Request>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        ResponseFuture::new(Arc::clone(&self.shared), self.inner.clone(), request)
    }
}

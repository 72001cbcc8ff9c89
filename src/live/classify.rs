//! What a pipeline must be told about requests and answers that it cannot see into.

use crate::Draws;
use policy::{Attempt, Outcome, Pushback};

/// Tells the pipeline what an answer means; everything else has a default.
///
/// For services of which every `Ok` is a success and every `Err` a failure of the callee,
/// [`Results`] will do. Where a failure arrives as an answer (an HTTP 503), implement it:
///
/// ```
/// use policy::{Outcome, Pushback};
/// use stormglass_live::Classify;
///
/// struct Status(u16);
///
/// struct Http;
///
/// impl<Request> Classify<Request, Status, std::io::Error> for Http {
///     fn outcome(&self, result: &Result<Status, std::io::Error>) -> Outcome {
///         match result {
///             Ok(Status(429 | 503)) => Outcome::Rejected,
///             Ok(Status(500..)) => Outcome::Error,
///             Ok(_) => Outcome::Success,
///             Err(_) => Outcome::Unavailable,
///         }
///     }
/// }
/// ```
pub trait Classify<Request, Response, Error> {
    /// How an attempt ended.
    fn outcome(&self, result: &Result<Response, Error>) -> Outcome;

    /// What the callee said on when to come back (`Retry-After`).
    fn pushback(&self, _result: &Result<Response, Error>) -> Pushback {
        Pushback::None
    }

    /// The customer on whose behalf the request is made, for limits that keep a state for each.
    fn key(&self, _request: &Request) -> u64 {
        0
    }

    /// The instance that the next attempt goes to, below the number of instances that the layer was
    /// built for; any other number says that there is none. `taken` are those at which other attempts
    /// of the call are out: a hedge's copy is better sent elsewhere. Asked once for each attempt, and
    /// not at all where the layer was built for one instance.
    fn pick(&self, _request: &Request, _taken: &[u32], _draws: &mut Draws) -> u32 {
        0
    }

    /// Makes the request of an attempt ready to be sent: addresses it to the instance that was
    /// picked, or writes the attempt's number (from 0) into a header.
    fn prepare(&self, _request: &mut Request, _attempt: Attempt, _instance: u32) {}

    /// What the caller gets when a `fallback` layer answers for the callee; `last` is how the last
    /// attempt ended, if one did. `None` becomes [`crate::Error::NoFallback`].
    fn fallback(
        &self,
        _request: &Request,
        _last: Option<&Result<Response, Error>>,
    ) -> Option<Response> {
        None
    }
}

/// Every `Ok` is a success, every `Err` an error of the callee.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Results;

impl<Request, Response, Error> Classify<Request, Response, Error> for Results {
    fn outcome(&self, result: &Result<Response, Error>) -> Outcome {
        match result {
            Ok(_) => Outcome::Success,
            Err(_) => Outcome::Error,
        }
    }
}

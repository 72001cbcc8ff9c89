//! The same trace through the tower layer, under tokio's paused time.

use crate::runs::{Log, What};
use crate::trace::{Ended, Trace};
use clock::{Duration, Instant};
use policy::config::PolicyConfig;
use policy::{Action, Attempt, Outcome, Pushback};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration as StdDuration;
use stormglass_live::{Classify, Decision, Draws, Error, PolicyLayer};
use tokio::time::{Instant as TokioInstant, sleep, sleep_until};
use tower::{Layer, ServiceExt, service_fn};

/// Replays a trace, and checks what each caller got against what was decided.
pub(crate) fn replay(trace: &Trace, config: &PolicyConfig) -> Log {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime of one thread");
    runtime.block_on(run(*trace, config.clone()))
}

/// The attempt of a call, as the callee sees it.
#[derive(Clone, Copy)]
struct Request {
    call: u64,
    key: u64,
    attempt: Attempt,
    instance: u32,
}

/// Answers carry what the trace says of the attempt; failures are errors for even calls, and
/// answers for odd ones.
#[derive(Clone)]
struct Recorded(Trace);

type Answer = Result<Ended, Ended>;

impl Classify<Request, Ended, Ended> for Recorded {
    fn outcome(&self, result: &Answer) -> Outcome {
        let (Ok(ended) | Err(ended)) = result;
        ended.outcome
    }
    fn pushback(&self, result: &Answer) -> Pushback {
        let (Ok(ended) | Err(ended)) = result;
        ended.pushback
    }
    fn key(&self, request: &Request) -> u64 {
        request.key
    }
    fn pick(&self, _: &Request, taken: &[u32], draws: &mut Draws) -> u32 {
        self.0.pick(taken, draws)
    }
    fn prepare(&self, request: &mut Request, attempt: Attempt, instance: u32) {
        request.attempt = attempt;
        request.instance = instance;
    }
}

async fn run(trace: Trace, config: PolicyConfig) -> Log {
    let log = Arc::new(Mutex::new(Log::default()));
    let heard = Arc::clone(&log);
    let layer = PolicyLayer::builder(config)
        .seed(trace.seed)
        .instances(trace.instances)
        .sampler(Arc::new(Trace::sample))
        .observer(Arc::new(move |Decision { at, call, action }| {
            lock(&heard).entry(at, call, What::Decided(action));
        }))
        .build(Recorded(trace))
        .expect("the policy can run");

    let seen = Arc::clone(&log);
    let start = TokioInstant::now();
    let callee = service_fn(move |request: Request| {
        let Request {
            call,
            attempt,
            instance,
            ..
        } = request;
        let at = Instant::ZERO + Duration::from(start.elapsed());
        lock(&seen).entry(at, call, What::Sent(attempt, instance));
        async move {
            let ended = trace.attempt(call, attempt);
            sleep(StdDuration::from_millis(ended.after_ms)).await;
            match ended.outcome.is_success() || call % 2 == 1 {
                true => Ok(ended),
                false => Err(ended),
            }
        }
    });
    let service = layer.layer(callee);
    let mut callers = Vec::new();
    for (call, arrival) in (0..).zip(trace.arrivals()) {
        let service = service.clone();
        let request = Request {
            call,
            key: arrival.key,
            attempt: 0,
            instance: 0,
        };
        callers.push(tokio::spawn(async move {
            let at = start + StdDuration::from_millis(arrival.at_ms);
            sleep_until(at).await;
            let answer = service.oneshot(request);
            match arrival.leaves_after_ms {
                None => Some(answer.await),
                Some(after) => tokio::time::timeout(StdDuration::from_millis(after), answer)
                    .await
                    .ok(),
            }
        }));
    }
    let mut answers = Vec::new();
    for caller in callers {
        answers.push(caller.await.expect("no call panics"));
    }
    let log = std::mem::take(&mut *lock(&log));
    check_answers(&log, &answers);
    log
}

/// A caller gets the answer that ended its call, or hears of the policy that did.
fn check_answers(log: &Log, answers: &[Option<Result<Ended, Error<Ended>>>]) {
    for (call, answer) in (0..).zip(answers) {
        let finish = log.entries.iter().find_map(|entry| match entry.what {
            What::Decided(Action::Finish(outcome)) if entry.call == call => Some(outcome),
            _ => None,
        });
        match (finish, answer) {
            (None, None) => {}
            (Some(outcome), Some(Ok(ended) | Err(Error::Inner(ended)))) => {
                assert_eq!(ended.outcome, outcome, "call {call}");
            }
            (Some(Outcome::Rejected), Some(Err(Error::Rejected)))
            | (Some(Outcome::Timeout), Some(Err(Error::Timeout)))
            | (Some(Outcome::Degraded), Some(Err(Error::NoFallback))) => {}
            other => panic!("call {call}: {other:?}"),
        }
    }
}

fn lock(log: &Mutex<Log>) -> std::sync::MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

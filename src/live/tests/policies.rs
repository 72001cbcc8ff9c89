//! What a caller and a callee see of a policy around a tower service, under tokio's paused time.

use clock::Duration;
use policy::config::{
    Backoff, BreakerConfig, BulkheadConfig, FallbackConfig, HedgeConfig, HedgeDelay, LayerConfig,
    PolicyConfig, RetryConfig, Scope, Span, Window,
};
use policy::{Attempt, Outcome};
use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration as StdDuration;
use stormglass_live::{BuildError, Classify, Draws, Error, PolicyLayer, Results};
use tokio::time::{Instant, sleep, timeout};
use tower::{Layer, Service, ServiceExt, service_fn};

fn policy(layers: Vec<LayerConfig>) -> PolicyConfig {
    PolicyConfig { layers }
}

fn ms(ms: u64) -> StdDuration {
    StdDuration::from_millis(ms)
}

fn retry(attempts: u32, backoff_ms: u64) -> LayerConfig {
    LayerConfig::Retry(RetryConfig {
        attempts,
        backoff: Backoff::Constant(Duration::from_millis(backoff_ms)),
        ..RetryConfig::default()
    })
}

fn timeout_of(ms: u64) -> LayerConfig {
    LayerConfig::Timeout(Span::Constant(Duration::from_millis(ms)))
}

fn bulkhead(queue: u32) -> LayerConfig {
    LayerConfig::Bulkhead(BulkheadConfig {
        max_concurrent: 1,
        queue,
        max_wait: None,
        scope: Scope::Service,
    })
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("broken")]
struct Broken;

#[tokio::test(start_paused = true)]
async fn a_retry_sends_again_after_its_backoff_and_hands_on_the_answer() {
    let layer = PolicyLayer::builder(policy(vec![retry(3, 100)]))
        .build(Results)
        .unwrap();
    let tries = Rc::new(Cell::new(0));
    let seen = Rc::clone(&tries);
    let service = layer.layer(service_fn(move |request: &'static str| {
        seen.set(seen.get() + 1);
        let answer = if seen.get() < 3 {
            Err(Broken)
        } else {
            Ok(request)
        };
        async move {
            sleep(ms(10)).await;
            answer
        }
    }));
    let start = Instant::now();
    assert_eq!(service.oneshot("hello").await, Ok("hello"));
    assert_eq!(tries.get(), 3);
    // Three attempts of 10 ms and two back-offs of 100 ms.
    assert_eq!(start.elapsed(), ms(230));
}

#[tokio::test(start_paused = true)]
async fn the_last_attempts_error_is_the_callers() {
    let layer = PolicyLayer::builder(policy(vec![retry(2, 0)]))
        .build(Results)
        .unwrap();
    let tries = Rc::new(Cell::new(0));
    let seen = Rc::clone(&tries);
    let service = layer.layer(service_fn(move |(): ()| {
        seen.set(seen.get() + 1);
        let answer: Result<(), u32> = Err(seen.get());
        async move { answer }
    }));
    assert_eq!(service.oneshot(()).await.unwrap_err().into_inner(), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_drops_the_attempt() {
    let layer = PolicyLayer::builder(policy(vec![timeout_of(50)]))
        .build(Results)
        .unwrap();
    let out = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&out);
    let service = layer.layer(service_fn(move |(): ()| {
        let out = Out::new(&count);
        async move {
            pending::<()>().await;
            drop(out);
            Ok::<(), Broken>(())
        }
    }));
    let start = Instant::now();
    let mut answer = Box::pin(service.oneshot(()));
    assert!(timeout(ms(49), &mut answer).await.is_err());
    assert_eq!(out.load(Ordering::Relaxed), 1);
    assert_eq!(answer.as_mut().await, Err(Error::Timeout));
    assert_eq!(start.elapsed(), ms(50));
    assert_eq!(out.load(Ordering::Relaxed), 0);
}

/// Counts the attempts that are out.
struct Out(Arc<AtomicU32>);

impl Out {
    fn new(count: &Arc<AtomicU32>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_a_bulkhead_is_woken_by_an_end_or_by_one_who_goes_away() {
    let layer = PolicyLayer::builder(policy(vec![bulkhead(1)]))
        .build(Results)
        .unwrap();
    let service = layer.layer(service_fn(|length: u64| async move {
        sleep(ms(length)).await;
        Ok::<u64, Broken>(length)
    }));
    let start = Instant::now();
    let call = |length| tokio::spawn(service.clone().oneshot(length));
    let (first, second) = (call(100), call(20));
    tokio::task::yield_now().await;
    assert_eq!(call(1).await.unwrap(), Err(Error::Rejected), "one waits");
    assert_eq!(
        (first.await.unwrap(), second.await.unwrap()),
        (Ok(100), Ok(20))
    );
    assert_eq!(start.elapsed(), ms(120), "one after the other");

    let (first, second) = (call(1_000_000), call(30));
    tokio::task::yield_now().await;
    sleep(ms(10)).await;
    first.abort();
    assert_eq!(second.await.unwrap(), Ok(30));
    assert_eq!(start.elapsed(), ms(120 + 10 + 30));
}

#[tokio::test(start_paused = true)]
async fn one_who_leaves_the_queue_is_passed_over() {
    let layer = PolicyLayer::builder(policy(vec![bulkhead(2)]))
        .build(Results)
        .unwrap();
    let service = layer.layer(service_fn(|length: u64| async move {
        sleep(ms(length)).await;
        Ok::<u64, Broken>(length)
    }));
    let call = |length| tokio::spawn(service.clone().oneshot(length));
    let (first, second, third) = (call(100), call(1_000_000), call(20));
    tokio::task::yield_now().await;
    second.abort();
    let start = Instant::now();
    assert_eq!(
        (first.await.unwrap(), third.await.unwrap()),
        (Ok(100), Ok(20))
    );
    assert_eq!(start.elapsed(), ms(120));
}

/// Even numbers are failures; odd instances are down.
#[derive(Clone)]
struct Shop;

impl Classify<u32, u32, Broken> for Shop {
    fn outcome(&self, result: &Result<u32, Broken>) -> Outcome {
        match result {
            Ok(n) if n % 2 == 1 => Outcome::Success,
            Ok(_) => Outcome::Error,
            Err(Broken) => Outcome::Unavailable,
        }
    }

    fn pick(&self, request: &u32, _: &[u32], _: &mut Draws) -> u32 {
        request % 10
    }

    fn prepare(&self, request: &mut u32, attempt: Attempt, instance: u32) {
        *request += 1000 * u32::from(attempt) + 100 * instance;
    }

    fn fallback(&self, request: &u32, last: Option<&Result<u32, Broken>>) -> Option<u32> {
        assert_eq!(last.is_some(), *request != 8, "8 never comes to an attempt");
        (*request != 6).then_some(7)
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_a_failure_is_handed_on_as_it_is() {
    let layer = PolicyLayer::builder(policy(vec![retry(2, 5)]))
        .build(Shop)
        .unwrap();
    let service = layer.layer(service_fn(|n: u32| async move { Ok::<u32, Broken>(n) }));
    assert_eq!(service.clone().oneshot(3).await, Ok(3));
    // The second attempt's, which has a number of its own.
    assert_eq!(service.oneshot(4).await, Ok(1004));
}

#[tokio::test(start_paused = true)]
async fn a_fallback_gives_the_classifiers_substitute() {
    let fallback = LayerConfig::Fallback(FallbackConfig::default());
    let layer = PolicyLayer::builder(policy(vec![fallback, timeout_of(10)]))
        .build(Shop)
        .unwrap();
    let service = layer.layer(service_fn(|n: u32| async move {
        match n {
            8 => pending().await,
            _ => Ok::<u32, Broken>(n),
        }
    }));
    for (request, answer) in [
        (3, Ok(3)),
        (4, Ok(7)),
        (6, Err(Error::NoFallback)),
        (8, Ok(7)),
    ] {
        assert_eq!(service.clone().oneshot(request).await, answer, "{request}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_instance_has_a_breaker_of_its_own() {
    let breaker = LayerConfig::CircuitBreaker(BreakerConfig {
        window: Window::Consecutive(2),
        scope: Scope::Instance,
        ..BreakerConfig::default()
    });
    let sent = Arc::new(AtomicU32::new(0));
    let layer = PolicyLayer::builder(policy(vec![breaker]))
        .instances(10)
        .build(Shop)
        .unwrap();
    let seen = Arc::clone(&sent);
    let service = layer.layer(service_fn(move |n: u32| {
        seen.fetch_add(1, Ordering::Relaxed);
        async move {
            if n / 100 % 2 == 1 {
                Err(Broken)
            } else {
                Ok(n | 1)
            }
        }
    }));
    for _ in 0..2 {
        assert_eq!(service.clone().oneshot(3).await, Err(Error::Inner(Broken)));
    }
    assert_eq!(service.clone().oneshot(3).await, Err(Error::Rejected));
    assert_eq!(service.clone().oneshot(2).await, Ok(203));
    assert_eq!(service.clone().oneshot(5).await, Err(Error::Inner(Broken)));
    assert_eq!(
        sent.load(Ordering::Relaxed),
        4,
        "the refused call was not sent"
    );
    assert_eq!(service.breakers(), Some((1, 0)));
}

/// Three copies, 10 ms apart, each to an instance of its own; the second is the quickest.
#[tokio::test(start_paused = true)]
async fn a_hedge_takes_the_first_success_and_drops_the_others() {
    let hedge = LayerConfig::Hedge(HedgeConfig {
        attempts: 3,
        delay: HedgeDelay::After(Duration::from_millis(10)),
        hedge_on: Outcome::FAILURES.into_iter().collect(),
        ..HedgeConfig::grpc()
    });
    #[derive(Clone)]
    struct Elsewhere;
    impl Classify<u32, u32, Broken> for Elsewhere {
        fn outcome(&self, result: &Result<u32, Broken>) -> Outcome {
            Classify::<u32, u32, Broken>::outcome(&Results, result)
        }
        fn pick(&self, _: &u32, taken: &[u32], _: &mut Draws) -> u32 {
            (0..3).find(|n| !taken.contains(n)).unwrap_or(0)
        }
        fn prepare(&self, request: &mut u32, _: Attempt, instance: u32) {
            *request = instance;
        }
    }
    let out = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&out);
    let layer = PolicyLayer::builder(policy(vec![hedge]))
        .instances(3)
        .build(Elsewhere)
        .unwrap();
    let service = layer.layer(service_fn(move |instance: u32| {
        let out = Out::new(&count);
        async move {
            sleep(ms([100, 25, 80][instance as usize])).await;
            drop(out);
            Ok::<u32, Broken>(instance)
        }
    }));
    let start = Instant::now();
    let mut answer = Box::pin(service.oneshot(9));
    assert!(timeout(ms(30), &mut answer).await.is_err());
    assert_eq!(out.load(Ordering::Relaxed), 3);
    assert_eq!(answer.await, Ok(1));
    assert_eq!(start.elapsed(), ms(10 + 25));
    assert_eq!(out.load(Ordering::Relaxed), 0);
}

#[test]
fn what_cannot_run_is_refused_when_it_is_built() {
    let sampled = policy(vec![LayerConfig::Timeout(Span::Sampled(3))]);
    let build = |builder: stormglass_live::Builder| builder.build(Results).err();
    let builder = PolicyLayer::builder(sampled);
    assert_eq!(build(builder.clone()), Some(BuildError::NoSampler(3)));
    let sampler = Arc::new(|_: u32, draws: &mut Draws| Duration::from_nanos(draws.next()));
    let builder = builder.sampler(sampler);
    assert_eq!(build(builder.clone()), None);
    assert_eq!(build(builder.instances(0)), Some(BuildError::NoInstances));
    let many = policy(vec![timeout_of(1); 256]);
    let error = build(PolicyLayer::builder(many));
    assert_eq!(error, Some(BuildError::Layers));
}

#[tokio::test(start_paused = true)]
async fn a_policy_is_a_good_neighbour() {
    // It is Send with a callee that is, and always ready.
    fn spawnable<T: Send + 'static>(value: T) -> T {
        value
    }
    let layer = PolicyLayer::builder(policy(vec![timeout_of(5)]))
        .build(Results)
        .unwrap();
    let mut service =
        spawnable(layer.layer(service_fn(|n: u32| async move { Ok::<u32, Broken>(n) })));
    let ready = service.ready().await.unwrap();
    assert_eq!(spawnable(ready.call(1)).await, Ok(1));
    // A future that was never polled has begun nothing.
    drop(service.call(2));
}

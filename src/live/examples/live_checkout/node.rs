//! One instance of a service: an HTTP server with the model's workers and queue, that does the
//! steps of its endpoints.

use crate::shop::{Ask, Shop};
use clock::Duration;
use engine::{Keyed, Sampler};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use model::{Distribution, FaultKind, Model, Occurrence, Place, ServiceId, Step, Threading};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::sleep;
use tower::ServiceExt;

/// Refuses models that say more than this example does.
pub(crate) fn supported(model: &Model) -> Result<(), String> {
    let steps = |service: &model::Service| {
        (service.endpoints.iter()).all(|endpoint| {
            endpoint.steps.iter().all(|step| match step {
                Step::Compute(distribution) => sampler(distribution, 1.0).is_some(),
                Step::Call { .. } => true,
                _ => false,
            })
        })
    };
    match model.services.iter().all(steps) && model.policy_spans.is_empty() {
        true => Ok(()),
        false => Err("this example computes and calls, and draws no timeout".to_owned()),
    }
}

pub(crate) struct Node {
    shop: Arc<Shop>,
    pub(crate) service: ServiceId,
    pub(crate) instance: usize,
    workers: Semaphore,
    waiting: AtomicU32,
    drawn: AtomicU64,
}

impl Node {
    pub(crate) fn new(shop: Arc<Shop>, service: ServiceId, instance: usize) -> Arc<Self> {
        let workers = shop.model.services[service].workers as usize;
        Arc::new(Self {
            service,
            instance,
            workers: Semaphore::new(workers),
            waiting: AtomicU32::new(0),
            drawn: AtomicU64::new((service * 1000 + instance) as u64 * 1_000_000),
            shop,
        })
    }

    /// Answers until the runtime ends.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            // Small messages must not wait for each other; a stream that cannot is merely slower.
            let _ = stream.set_nodelay(true);
            let node = Arc::clone(&self);
            let service = service_fn(move |request| Arc::clone(&node).answer(request));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // A caller who hangs up ends its connection, which concerns nobody else.
            tokio::spawn(async move { connection.await.ok() });
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Empty<Bytes>>, Infallible> {
        let endpoint = request.uri().path().trim_start_matches('/').parse().ok();
        let known =
            endpoint.filter(|n| *n < self.shop.model.services[self.service].endpoints.len());
        let status = match known {
            None => StatusCode::NOT_FOUND,
            // A task of its own: the work goes on when the caller has given up, as the model has it.
            Some(endpoint) => tokio::spawn(async move { self.handle(endpoint).await })
                .await
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        };
        let mut response = Response::new(Empty::new());
        *response.status_mut() = status;
        Ok(response)
    }

    async fn handle(&self, endpoint: usize) -> StatusCode {
        let service = &self.shop.model.services[self.service];
        let mut worker = match self.worker().await {
            Some(worker) => Some(worker),
            None => return StatusCode::SERVICE_UNAVAILABLE,
        };
        for step in &service.endpoints[endpoint].steps {
            match step {
                Step::Compute(distribution) => {
                    if worker.is_none() {
                        worker = self.workers.acquire().await.ok();
                    }
                    sleep(self.draw(distribution).into()).await;
                    if service.threading == Threading::Async {
                        worker = None;
                    }
                }
                Step::Call { target, policy, .. } => {
                    let callee = self.shop.call(self, target.service, *policy);
                    let answer = callee.oneshot(Ask::of(target.endpoint)).await;
                    if !answer.is_ok_and(|status| status.is_success()) {
                        return StatusCode::INTERNAL_SERVER_ERROR;
                    }
                }
                _ => return StatusCode::NOT_IMPLEMENTED,
            }
        }
        StatusCode::OK
    }

    /// A worker, after a place in the queue where none is free; `None` when the queue is full.
    async fn worker(&self) -> Option<SemaphorePermit<'_>> {
        if let Ok(worker) = self.workers.try_acquire() {
            return Some(worker);
        }
        let capacity = self.shop.model.services[self.service].queue_capacity;
        let before = self.waiting.fetch_add(1, Relaxed);
        let worker = match capacity.is_none_or(|capacity| before < capacity) {
            true => self.workers.acquire().await.ok(),
            false => None,
        };
        self.waiting.fetch_sub(1, Relaxed);
        worker
    }

    fn draw(&self, distribution: &Distribution) -> Duration {
        let key = self.drawn.fetch_add(1, Relaxed);
        let mut bits = Keyed::new(Keyed::child(self.shop.model.run.seed, key));
        sampler(distribution, self.slowed())
            .map_or(Duration::ZERO, |sampler| sampler.sample(&mut bits))
    }

    /// How many times as long computing takes at this time, by the model's faults.
    fn slowed(&self) -> f64 {
        let now = Duration::from(self.shop.opened.elapsed());
        let mut slowed = 1.0;
        for fault in &self.shop.model.faults {
            let (Occurrence::Once { at, lasts }, FaultKind::Slow { place, factor }) =
                (&fault.when, &fault.kind)
            else {
                continue;
            };
            let since = clock::Instant::ZERO + now;
            let over = lasts.map_or(clock::Instant::NEVER, |lasts| *at + lasts);
            if *place == Place::Service(self.service) && *at <= since && since < over {
                slowed *= factor;
            }
        }
        slowed
    }
}

/// The distributions that the shop uses, times a factor.
fn sampler(distribution: &Distribution, factor: f64) -> Option<Sampler> {
    match *distribution {
        Distribution::Constant(span) => Some(Sampler::Constant(span.mul_f64(factor).as_nanos())),
        Distribution::Exponential { mean } => Some(Sampler::Exponential {
            mean: mean * factor,
        }),
        Distribution::Lognormal { mu, sigma } => Some(Sampler::Lognormal {
            mu: mu + factor.ln(),
            sigma,
        }),
        _ => None,
    }
}

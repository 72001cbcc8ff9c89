//! All services of the model, each instance a server of its own, and the guarded ways between them.

use crate::node::{self, Node};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::{Request, StatusCode, Uri};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use model::{Model, PolicyId, ServiceId};
use policy::config::PolicyConfig;
use policy::{Attempt, Outcome};
use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use stormglass_live::{Classify, Draws, Policy, PolicyLayer};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tower::{Layer, Service};

/// A call of an endpoint, by its number; the policy says at which instance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    endpoint: usize,
    instance: u32,
}

impl Ask {
    pub(crate) fn of(endpoint: usize) -> Self {
        Self {
            endpoint,
            instance: 0,
        }
    }
}

/// A service with a policy around it, as one caller sees it.
pub(crate) type Guarded = Policy<Http, Answers>;

/// A caller (an instance of a service, or the client), the service it calls, and by which policy.
type Way = (Option<(ServiceId, usize)>, ServiceId, Option<PolicyId>);

pub(crate) struct Shop {
    pub(crate) model: Model,
    pub(crate) opened: Instant,
    http: Client<HttpConnector, Empty<Bytes>>,
    /// By service and instance.
    addresses: Vec<Vec<SocketAddr>>,
    ways: Mutex<BTreeMap<Way, Guarded>>,
}

impl Shop {
    /// Starts a server for every instance of every service.
    pub(crate) async fn open(model: Model) -> Result<Arc<Self>, String> {
        node::supported(&model)?;
        let (mut addresses, mut listeners) = (Vec::new(), Vec::new());
        for (service, described) in model.services.iter().enumerate() {
            let mut of_service = Vec::new();
            for instance in 0..described.instances as usize {
                let listener = TcpListener::bind("127.0.0.1:0").await;
                let listener = listener.map_err(|error| format!("cannot listen: {error}"))?;
                of_service.push(listener.local_addr().map_err(|error| error.to_string())?);
                listeners.push((service, instance, listener));
            }
            addresses.push(of_service);
        }
        let shop = Arc::new(Self {
            model,
            opened: Instant::now(),
            http: Client::builder(TokioExecutor::new()).build_http(),
            addresses,
            ways: Mutex::default(),
        });
        for (service, instance, listener) in listeners {
            let node = Node::new(Arc::clone(&shop), service, instance);
            tokio::spawn(node.serve(listener));
        }
        Ok(shop)
    }

    /// The way of the customers' client to a service: one for all, as in the model.
    pub(crate) fn client(&self, service: ServiceId, policy: Option<PolicyId>) -> Guarded {
        self.way((None, service, policy))
    }

    /// The way of an instance to another service.
    pub(crate) fn call(
        &self,
        node: &Node,
        service: ServiceId,
        policy: Option<PolicyId>,
    ) -> Guarded {
        self.way((Some((node.service, node.instance)), service, policy))
    }

    /// Each way has one state: a policy is kept for each caller's instance and target service.
    fn way(&self, way: Way) -> Guarded {
        let mut ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        let guarded = ways.entry(way).or_insert_with(|| {
            let (_, service, policy) = way;
            let config = policy.map_or_else(PolicyConfig::default, |policy| {
                self.model.policies[policy].config.clone()
            });
            let instances = self.addresses[service].len() as u32;
            let layer = PolicyLayer::builder(config)
                .instances(instances)
                .build(Answers { instances })
                .expect("checked: no timeout is drawn");
            layer.layer(Http {
                client: self.http.clone(),
                addresses: self.addresses[service].clone(),
            })
        });
        guarded.clone()
    }
}

/// HTTP to the instances of one service.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client<HttpConnector, Empty<Bytes>>,
    addresses: Vec<SocketAddr>,
}

impl Service<Ask> for Http {
    type Response = StatusCode;
    type Error = hyper_util::client::legacy::Error;
    type Future = Pin<Box<dyn Future<Output = Result<StatusCode, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, ask: Ask) -> Self::Future {
        let address = self.addresses[ask.instance as usize];
        let uri: Uri = format!("http://{address}/{}", ask.endpoint)
            .parse()
            .expect("an address and a number");
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri;
        let answer = self.client.request(request);
        Box::pin(async move { Ok(answer.await?.status()) })
    }
}

/// What answers mean to a policy.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    instances: u32,
}

impl<E> Classify<Ask, StatusCode, E> for Answers {
    fn outcome(&self, result: &Result<StatusCode, E>) -> Outcome {
        match result {
            Ok(status) if status.is_success() => Outcome::Success,
            Ok(StatusCode::SERVICE_UNAVAILABLE) => Outcome::Rejected,
            Ok(_) => Outcome::Error,
            Err(_) => Outcome::Unavailable,
        }
    }

    /// At random, as the model's default is.
    fn pick(&self, _: &Ask, _: &[u32], draws: &mut Draws) -> u32 {
        (draws.next() % u64::from(self.instances)) as u32
    }

    fn prepare(&self, ask: &mut Ask, _: Attempt, instance: u32) {
        ask.instance = instance;
    }

    /// An order stands without its parcel.
    fn fallback(&self, _: &Ask, _: Option<&Result<StatusCode, E>>) -> Option<StatusCode> {
        Some(StatusCode::NO_CONTENT)
    }
}

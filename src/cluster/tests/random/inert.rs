//! A layer that can not do anything changes nothing that is heard: calls without a policy, and those
//! with a timeout alone, take shorter ways through the world, which must lead to the same facts.

use super::LIMITS;
use super::check::read;
use super::generator;
use clock::{Duration, Instant};
use model::{Model, Policy, PolicyId, Step};
use policy::Outcome;
use policy::config::{FallbackConfig, HedgeConfig, LayerConfig, PolicyConfig};
use proptest::prelude::*;
use stormglass_cluster::{EdgeId, Observer, Reason, Tick, World};

/// Speaks of an outcome that there never is.
fn inert() -> LayerConfig {
    LayerConfig::Fallback(FallbackConfig {
        on: [Outcome::Aborted].into_iter().collect(),
    })
}

/// A single copy.
fn one_copy() -> LayerConfig {
    LayerConfig::Hedge(HedgeConfig {
        attempts: 1,
        ..HedgeConfig::default()
    })
}

/// The same model with those layers around every call and attempt that goes a shorter way.
fn with_inert_layers(model: &Model) -> Model {
    let mut model = model.clone();
    for policy in &mut model.policies {
        let layers = &mut policy.config.layers;
        if matches!(layers[..], [] | [LayerConfig::Timeout(_)]) {
            layers.insert(0, inert());
            layers.push(one_copy());
            layers.push(inert());
        }
    }
    let bare = model.policies.len();
    model.policies.push(Policy {
        name: "inert".into(),
        config: PolicyConfig {
            layers: vec![inert()],
        },
    });
    for workload in &mut model.workloads {
        workload.policy.get_or_insert(bare);
    }
    let endpoints = model.services.iter_mut().flat_map(|s| &mut s.endpoints);
    endpoints.for_each(|endpoint| guard(&mut endpoint.steps, bare));
    model
}

/// Without transactions, which may end in the outcome that those layers take for impossible. And
/// without bulkheads: what they let in goes by way of the agenda, and the order of what happens at
/// one instant is not promised. And without versions, whose handlers would have to be changed alike.
fn made_plain(mut model: Model) -> Model {
    model.deployments.clear();
    model.editions.clear();
    let endpoints = model.services.iter_mut().flat_map(|s| &mut s.endpoints);
    endpoints.for_each(|endpoint| without_transactions(&mut endpoint.steps));
    for policy in &mut model.policies {
        let layers = &mut policy.config.layers;
        layers.retain(|layer| !matches!(layer, LayerConfig::Bulkhead(_)));
    }
    model
}

fn without_transactions(steps: &mut Vec<Step>) {
    steps.retain(|step| !matches!(step, Step::Transaction(_) | Step::Publish(_)));
    for step in steps {
        match step {
            Step::Parallel { branches, .. } => branches.iter_mut().for_each(without_transactions),
            Step::Choose(ways) => ways
                .iter_mut()
                .for_each(|(_, way)| without_transactions(way)),
            Step::Repeat { steps, .. } => without_transactions(steps),
            _ => {}
        }
    }
}

fn guard(steps: &mut [Step], bare: PolicyId) {
    for step in steps {
        match step {
            Step::Call { policy, .. } => {
                policy.get_or_insert(bare);
            }
            Step::Parallel { branches, .. } => branches.iter_mut().for_each(|b| guard(b, bare)),
            Step::Choose(ways) => ways.iter_mut().for_each(|(_, way)| guard(way, bare)),
            Step::Repeat { steps, .. } => guard(steps, bare),
            Step::Compute(_)
            | Step::Wait(_)
            | Step::Fail(_)
            | Step::Read { .. }
            | Step::Write { .. }
            | Step::Publish(_)
            | Step::Transaction(_) => {}
            Step::Cache(cache) => guard(&mut cache.miss, bare),
        }
    }
}

/// What is heard, in order.
#[derive(Debug, Default, PartialEq)]
struct Facts(Vec<(Instant, Fact)>);

#[derive(Debug, PartialEq)]
enum Fact {
    Started(EdgeId),
    Sent(EdgeId),
    Ended(EdgeId, Instant, Outcome),
    Lost(EdgeId, Instant),
    Arrived(usize),
    Refused(usize),
    Served(usize, Instant),
    Completed(usize),
    Queue(usize, u32),
    Busy(usize, u32),
    Wasted(usize, Duration),
    Skipped(usize),
    Ejected(usize, u32, u32),
}

impl Observer for Facts {
    fn tick(&mut self, now: Instant) -> Tick {
        Tick::At(now + Duration::from_millis(1))
    }
    fn call_started(&mut self, now: Instant, edge: EdgeId) {
        self.0.push((now, Fact::Started(edge)));
    }
    fn attempt_sent(&mut self, now: Instant, edge: EdgeId, _: Instant) {
        self.0.push((now, Fact::Sent(edge)));
    }
    fn call_ended(&mut self, now: Instant, edge: EdgeId, started: Instant, outcome: Outcome) {
        self.0.push((now, Fact::Ended(edge, started, outcome)));
    }
    fn call_lost(&mut self, now: Instant, edge: EdgeId, started: Instant) {
        self.0.push((now, Fact::Lost(edge, started)));
    }
    fn arrived(&mut self, now: Instant, service: usize) {
        self.0.push((now, Fact::Arrived(service)));
    }
    fn refused(&mut self, now: Instant, service: usize) {
        self.0.push((now, Fact::Refused(service)));
    }
    fn served(&mut self, now: Instant, service: usize, arrived: Instant) {
        self.0.push((now, Fact::Served(service, arrived)));
    }
    fn completed(&mut self, now: Instant, service: usize) {
        self.0.push((now, Fact::Completed(service)));
    }
    fn queue_length(&mut self, now: Instant, service: usize, length: u32) {
        self.0.push((now, Fact::Queue(service, length)));
    }
    fn busy_workers(&mut self, now: Instant, service: usize, busy: u32) {
        self.0.push((now, Fact::Busy(service, busy)));
    }
    fn wasted(&mut self, now: Instant, service: usize, time: Duration) {
        self.0.push((now, Fact::Wasted(service, time)));
    }
    fn skipped(&mut self, now: Instant, service: usize) {
        self.0.push((now, Fact::Skipped(service)));
    }
    fn ejected(&mut self, now: Instant, service: usize, before: u32, after: u32) {
        self.0.push((now, Fact::Ejected(service, before, after)));
    }
}

/// `None` where a limit was met.
fn facts(model: &Model) -> Option<Facts> {
    let mut facts = Facts::default();
    let mut world = World::new(model, model.run.seed, 0);
    let end = Instant::ZERO + model.run.duration;
    let ended = world.run(&mut facts, end, &LIMITS);
    (ended.reason == Reason::Finished).then_some(facts)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 10_000,
        ..ProptestConfig::with_cases(200)
    })]

    #[test]
    fn an_inert_layer_changes_nothing(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let text = generator::model(&bytes);
        let model = read(&text).map_err(TestCaseError::fail)?.model;
        let model = made_plain(model);
        if let (Some(plain), Some(guarded)) = (facts(&model), facts(&with_inert_layers(&model))) {
            let differ = plain.0.iter().zip(&guarded.0).position(|(a, b)| a != b);
            let at = differ.unwrap_or(plain.0.len().min(guarded.0.len()));
            prop_assert!(
                plain == guarded,
                "fact {at} of {}: {:?} and {:?}\n{text}",
                plain.0.len(),
                plain.0.get(at),
                guarded.0.get(at)
            );
        }
    }
}

//! Instances, registries and callers that fetch.

use crate::net::{Cx, Node};
use crate::random::Random;
use clock::{Duration, Instant};
use stormglass_protocol::discovery::*;

/// Who is who: instances first, then registries, then callers.
#[derive(Clone, Copy)]
pub(crate) struct Town {
    pub(crate) instances: u32,
    pub(crate) registries: u32,
    pub(crate) terms: Terms,
    pub(crate) registry: RegistryConfig,
    pub(crate) subscriber: SubscriberConfig,
    /// The broken variant: registries that never evict.
    pub(crate) keeps_all: bool,
}

pub(crate) enum LeaseNode {
    Instance(Town, LeaseHolder),
    Registry(Town, Registry, Random),
    Caller(Town, Subscriber, Vec<bool>),
}

pub(crate) enum Mail {
    Register,
    Renew,
    Unknown,
    Fetch(u64),
    List(u64, Vec<u32>),
    NoList(u64),
}

pub(crate) enum Timer {
    Beat(u32),
    Evict,
    Caller(SubscriberTimer),
}

impl LeaseNode {
    pub(crate) fn new(town: Town, node: u32, now: Instant, life: u32) -> Self {
        if node < town.instances {
            return Self::Instance(town, LeaseHolder::new(town.terms.heartbeat).unwrap());
        }
        if node < town.instances + town.registries {
            let registry = Registry::new(town.registry, now, town.registry.eviction).unwrap();
            return Self::Registry(town, registry, Random::new(u64::from(node)));
        }
        let first = u64::from(life) << 32;
        let subscriber = Subscriber::new(town.subscriber, first).unwrap();
        Self::Caller(town, subscriber, vec![true; town.instances as usize])
    }

    fn lease(registry: u32, actions: Vec<LeaseAction>, cx: &mut Cx<Mail, Timer>) {
        for action in actions {
            match action {
                LeaseAction::Register => cx.sent.push((registry, Mail::Register)),
                LeaseAction::Renew => cx.sent.push((registry, Mail::Renew)),
                LeaseAction::SetTimer(at) => cx.set.push((at, Timer::Beat(registry))),
            }
        }
    }

    fn fetch(town: &Town, actions: Vec<SubscriberAction>, cx: &mut Cx<Mail, Timer>) {
        for action in actions {
            match action {
                SubscriberAction::Fetch { registry, number } => {
                    cx.sent
                        .push((town.instances + registry, Mail::Fetch(number)));
                }
                SubscriberAction::SetTimer(timer, at) => cx.set.push((at, Timer::Caller(timer))),
            }
        }
    }
}

impl Node for LeaseNode {
    type Mail = Mail;
    type Timer = Timer;

    fn start(&mut self, cx: &mut Cx<Mail, Timer>) {
        match self {
            Self::Instance(town, holder) => {
                for registry in town.instances..town.instances + town.registries {
                    let mut out = Vec::new();
                    holder.start(cx.now, &mut out);
                    Self::lease(registry, out, cx);
                }
            }
            Self::Registry(_, registry, _) => cx.set.push((registry.due(), Timer::Evict)),
            Self::Caller(town, subscriber, _) => {
                let mut out = Vec::new();
                subscriber.start(cx.now, Duration::ZERO, &mut out);
                Self::fetch(town, out, cx);
            }
        }
    }

    fn on_mail(&mut self, from: u32, mail: Mail, cx: &mut Cx<Mail, Timer>) {
        match (self, mail) {
            (Self::Registry(town, registry, _), Mail::Register) => {
                registry.register(cx.now, from, town.terms);
            }
            (Self::Registry(_, registry, _), Mail::Renew) => {
                if !registry.renew(cx.now, from) {
                    cx.sent.push((from, Mail::Unknown));
                }
            }
            (Self::Registry(_, registry, _), Mail::Fetch(number)) => {
                let answer = if registry.speaks(cx.now) {
                    Mail::List(number, registry.instances().collect())
                } else {
                    Mail::NoList(number)
                };
                cx.sent.push((from, answer));
            }
            (Self::Instance(_, holder), Mail::Unknown) => {
                let mut out = Vec::new();
                holder.on_unknown(&mut out);
                Self::lease(from, out, cx);
            }
            (Self::Caller(_, subscriber, view), Mail::List(number, list)) => {
                if subscriber.on_list(number) {
                    for (instance, alive) in (0..).zip(view) {
                        *alive = list.contains(&instance);
                    }
                }
            }
            (Self::Caller(town, subscriber, _), Mail::NoList(number)) => {
                let mut out = Vec::new();
                subscriber.on_failed(cx.now, number, &mut out);
                Self::fetch(town, out, cx);
            }
            _ => panic!("nobody says that to this node"),
        }
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut Cx<Mail, Timer>) {
        match (self, timer) {
            (Self::Instance(_, holder), Timer::Beat(registry)) => {
                let mut out = Vec::new();
                holder.on_timer(cx.now, &mut out);
                Self::lease(registry, out, cx);
            }
            (Self::Registry(town, registry, random), Timer::Evict) => {
                if !town.keeps_all {
                    registry.evict(cx.now, &mut || random.next(), &mut Vec::new());
                    cx.set.push((registry.due(), Timer::Evict));
                }
            }
            (Self::Caller(town, subscriber, _), Timer::Caller(timer)) => {
                let mut out = Vec::new();
                subscriber.on_timer(cx.now, timer, &mut out);
                Self::fetch(town, out, cx);
            }
            _ => panic!("nobody set that timer"),
        }
    }

    fn view(&self) -> Option<Vec<bool>> {
        match self {
            Self::Caller(_, _, view) => Some(view.clone()),
            _ => None,
        }
    }
}

/// When everyone knows, after all is calm: a registry has to speak, an instance to be known there,
/// a lease to end, and a caller to find a registry that answers.
pub(crate) fn settled(town: &Town) -> Duration {
    let Terms { heartbeat, expiry } = town.terms;
    let fetch = town.subscriber.refresh.saturating_mul(2);
    let ends = expiry
        .saturating_mul(2)
        .saturating_add(town.registry.eviction.saturating_mul(2));
    ends.max(town.registry.silence)
        .saturating_add(heartbeat.saturating_mul(2))
        .saturating_add(fetch)
}

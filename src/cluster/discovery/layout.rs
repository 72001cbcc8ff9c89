//! Who knows of whom: the views, registries and groups that a model makes.

use super::Directory;
use super::gossip::Member;
use super::leases::{Book, Holder, fetching};
use super::view::{Source, Watch};
use crate::peers::Peers;
use crate::post::Party;
use crate::slab::NONE;
use clock::{Duration, Instant};
use model::{Discovery, Lease, Model, ServiceId};
use protocol::discovery::{
    GossipConfig, HealthCheckConfig, HealthChecker, LeaseHolder, RegistryConfig, Subscriber, Terms,
};

/// How many heartbeats a registry that starts empty waits before it hands out its list: five minutes
/// in Eureka, whose heartbeat is 30 s.
const SILENT_HEARTBEATS: u64 = 10;

/// What the world has laid out already.
pub(crate) struct Plan<'a> {
    pub(crate) model: &'a Model,
    pub(crate) peers: &'a [Peers],
    /// By workload: its peers.
    pub(crate) clients: &'a [u32],
    /// By service: its first instance.
    pub(crate) first_instances: &'a [u32],
    pub(crate) key: u64,
}

impl Directory {
    /// Everyone's views at the beginning of time, and the machines behind them.
    pub(crate) fn new(plan: &Plan<'_>) -> Self {
        let services = &plan.model.services;
        let mut directory = Self {
            key: plan.key,
            watchers: vec![0; services.len()],
            ..Self::default()
        };
        let is_static = |s: usize| services[s].discovery == Discovery::Static;
        if (0..services.len()).all(is_static) {
            return directory;
        }
        let instances: u32 = (0..services.len()).map(|s| plan.model.slots(s)).sum();
        directory.down_since = vec![Instant::NEVER; instances as usize];
        directory.lives = vec![0; instances as usize];
        for (service, callers) in callers(plan).into_iter().enumerate() {
            match &services[service].discovery {
                Discovery::Static => continue,
                Discovery::HealthCheck(check) => {
                    let config = HealthCheckConfig {
                        interval: check.interval,
                        timeout: check.timeout,
                        unhealthy: check.unhealthy,
                        healthy: check.healthy,
                    };
                    let checker = HealthChecker::new(config, 0).expect("a model's check is sound");
                    let checkers = vec![checker.assured(); plan.model.slots(service) as usize];
                    for caller in &callers {
                        let source = Source::Checks(checkers.clone().into());
                        directory.watch(plan, service, *caller, source);
                    }
                }
                Discovery::Lease(lease) => directory.lease(plan, service, lease, &callers),
                Discovery::Gossip(gossip) => {
                    let config = GossipConfig {
                        probe_interval: gossip.probe_interval,
                        probe_timeout: gossip.probe_timeout,
                        indirect_probes: gossip.indirect_probes,
                        suspect_for: gossip.suspect_for,
                        members: 1, // known below
                    };
                    directory.group(plan, service, config, &callers);
                }
            }
            directory.watchers[service] = callers.len() as u32;
        }
        directory
    }

    fn watch(&mut self, plan: &Plan<'_>, service: usize, caller: Caller, source: Source) -> u32 {
        let instances = plan.model.slots(service) as usize;
        self.watches.push(Watch {
            party: caller.party,
            service: service as u32,
            peers: caller.peers,
            source,
            known: vec![true; instances].into(),
            overlooked: vec![false; instances].into(),
        });
        self.watches.len() as u32 - 1
    }

    fn lease(&mut self, plan: &Plan<'_>, service: usize, lease: &Lease, callers: &[Caller]) {
        let books = self.books_of(plan, lease);
        let terms = Terms {
            heartbeat: lease.heartbeat,
            expiry: lease.expiry,
        };
        for local in 0..plan.model.slots(service) {
            for book in books.0..books.0 + books.1 {
                self.holders.push(Holder {
                    instance: plan.first_instances[service] + local,
                    service: service as u32,
                    book,
                    terms,
                    machine: LeaseHolder::new(lease.heartbeat).expect("a model's is above 0"),
                });
            }
        }
        let config = fetching(lease.refresh, books.1);
        for caller in callers {
            let subscriber = Subscriber::new(config, 0).expect("a model's refresh is above 0");
            let source = Source::Leases { subscriber, books };
            self.watch(plan, service, *caller, source);
        }
    }

    /// The books of a registry, the first one and how many; made when they are first asked for.
    fn books_of(&mut self, plan: &Plan<'_>, lease: &Lease) -> (u32, u32) {
        let first_at = |s: ServiceId| Some(plan.first_instances[s]);
        let (first_at, count) = match lease.registry {
            None => (None, 1),
            Some(s) => (first_at(s), plan.model.slots(s)),
        };
        let known = self.books.iter().position(|book| book.at == first_at);
        let first = known.unwrap_or(self.books.len()) as u32;
        if known.is_none() {
            let config = RegistryConfig {
                self_preservation: lease.self_preservation,
                eviction: lease.eviction,
                silence: Duration::ZERO,
            };
            for number in 0..count {
                self.books.push(Book {
                    at: first_at.map(|first| first + number),
                    config,
                    registry: None,
                    evictions: 0,
                });
            }
        }
        // The slowest heartbeat says how long everyone needs to speak up again.
        let silence = lease.heartbeat.saturating_mul(SILENT_HEARTBEATS);
        for book in &mut self.books[first as usize..][..count as usize] {
            book.config.silence = book.config.silence.max(silence);
        }
        (first, count)
    }

    fn group(
        &mut self,
        plan: &Plan<'_>,
        service: usize,
        mut config: GossipConfig,
        callers: &[Caller],
    ) {
        let instances = plan.model.slots(service);
        let first_instance = plan.first_instances[service];
        let mut parties: Vec<Party> = (0..instances)
            .map(|local| Party::Instance(first_instance + local))
            .collect();
        // An instance that calls its own service is a member once.
        let others = callers.iter().map(|caller| caller.party);
        let others = others.filter(|party| !parties.contains(party));
        parties.extend(others.collect::<Vec<_>>());
        config.members = parties.len() as u32;
        let group = (self.members.len() as u32, config.members);
        for (number, party) in (group.0..).zip(parties) {
            let caller = callers.iter().find(|caller| caller.party == party);
            let watch =
                caller.map(|caller| self.watch(plan, service, *caller, Source::Gossip(number)));
            self.members.push(Member {
                party,
                service: service as u32,
                group,
                config,
                machine: None,
                has_joined: false,
                watch,
            });
        }
    }
}

#[derive(Clone, Copy)]
struct Caller {
    party: Party,
    peers: u32,
}

/// By service: who calls it.
fn callers(plan: &Plan<'_>) -> Vec<Vec<Caller>> {
    let mut callers = vec![Vec::new(); plan.model.services.len()];
    for (workload, &peers) in plan.clients.iter().enumerate() {
        let service = plan.peers[peers as usize].service as usize;
        let party = Party::Clients(workload as u32);
        callers[service].push(Caller { party, peers });
    }
    for (number, peers) in plan.peers.iter().enumerate() {
        let caller = peers.caller();
        if caller != NONE {
            callers[peers.service as usize].push(Caller {
                party: Party::Instance(caller),
                peers: number as u32,
            });
        }
    }
    callers
}

//! The simulated world: everything that exists while a model runs, made from the model.

use crate::blame::Blame;
use crate::cache::Caches;
use crate::config::Centre;
use crate::copies::Copies;
use crate::deployment::Deployments;
use crate::discovery::{Directory, Plan};
use crate::edition::Editions;
use crate::errand::Running;
use crate::event::Event;
use crate::fault::{self, Fault};
use crate::group::Groups;
use crate::guard::{Guard, Held as HeldRequests};
use crate::limits::{Limits, Violation};
use crate::network::Network;
use crate::observer::Observer;
use crate::order::Orders;
use crate::peers::{Choice, Peers};
use crate::place::Location;
use crate::post::Post;
use crate::program::Program;
use crate::queue::Queues;
use crate::sampler;
use crate::scaling::{Meter, Scaling};
use crate::shared::Shared;
use crate::slab::{NONE, Slab};
use crate::state::{Call, Channel, Course, Edge, Fork, Instance, ServiceState, Site, Strand};
use crate::store::Stores;
use crate::transaction::{self, Transactions};
use crate::workload::{Start, Workload};
use clock::Instant;
use engine::{Engine, Sampler, Stamp, stream_key};
use model::{Discovery, Model, PolicyId, Scheduling, Threading};
use policy::Queue;
use policy::config::PolicyConfig;
use policy::{Action, Frame, Pipeline, Pushback};
use std::collections::{BTreeMap, VecDeque};

/// What goes on at the present instant.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Todo {
    /// A request reaches its instance.
    Deliver(u32),
    /// An answer reaches its caller.
    Answer(u32),
    /// A strand goes on.
    Resume(u32),
    /// An errand is over.
    Errand(u32),
}

/// One replication of a model: its state at the present instant.
#[allow(missing_debug_implementations)] // a million slots tell nobody anything
pub struct World {
    pub(crate) engine: Engine<Event>,
    /// What is still to be done at this instant, the last first.
    pub(crate) agenda: Vec<Todo>,
    /// How many levels of what follows from the present event are on the stack.
    pub(crate) depth: u32,
    /// Something rarer comes first: one of the three lists below is not empty.
    pub(crate) urgent: bool,
    /// Calls whose callers are gone.
    pub(crate) abandoning: Vec<u32>,
    /// Calls that another one has let in.
    pub(crate) woken: VecDeque<u32>,
    /// Events that a paused instance missed, the last first.
    pub(crate) replays: Vec<(Event, Stamp)>,
    pub(crate) calls: Slab<Call>,
    pub(crate) strands: Slab<Strand>,
    pub(crate) forks: Slab<Fork>,
    /// By call × stride: what the policy remembers of the call, and its timers.
    pub(crate) frames: Vec<Frame>,
    pub(crate) timers: Vec<Stamp>,
    pub(crate) stride: usize,
    pub(crate) instances: Vec<Instance>,
    pub(crate) services: Vec<ServiceState>,
    pub(crate) workloads: Vec<Workload>,
    pub(crate) starts: Vec<Start>,
    /// Those of the workloads, then those of the program.
    pub(crate) sites: Vec<Site>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) peers: Vec<Peers>,
    pub(crate) program: Program,
    pub(crate) stores: Stores,
    pub(crate) orders: Orders,
    pub(crate) copies: Copies,
    pub(crate) post: Post,
    pub(crate) errands: Slab<Running>,
    pub(crate) transactions: Transactions,
    pub(crate) groups: Groups,
    pub(crate) directory: Directory,
    pub(crate) queues: Queues,
    pub(crate) caches: Caches,
    pub(crate) editions: Editions,
    pub(crate) deployments: Deployments,
    pub(crate) scaling: Scaling,
    pub(crate) centre: Option<Box<Centre>>,
    /// What guarded instances keep with requests.
    pub(crate) held: HeldRequests,
    /// What the refusal that a policy is about to hear says about coming back.
    pub(crate) pushback: Pushback,
    /// The distributions of the policies.
    pub(crate) spans: Vec<Sampler>,
    pub(crate) network: Network,
    pub(crate) faults: Vec<Fault>,
    /// How many instances are paused.
    pub(crate) paused: u32,
    /// How many instances are down, or starting.
    pub(crate) down: u32,
    pub(crate) startup_key: u64,
    pub(crate) startups: u64,
    /// What checkers of protocols have found.
    pub(crate) found: Vec<Violation>,
    pub(crate) limits: Limits,
    /// Why what fails has failed; only where an observer asks for it.
    pub(crate) blame: Option<Box<Blame>>,
    // Buffers, empty between events but for `siblings`.
    /// What a policy asked for besides what it asks for most often.
    pub(crate) rest: Vec<Action>,
    /// The instances, by their numbers in the service, where attempts of a hedged call are out.
    pub(crate) taken: Vec<u32>,
    /// Strands that wait for the worker of their request: (root, strand).
    pub(crate) siblings: VecDeque<(u32, u32)>,
    // For building policies anew.
    policies: Vec<PolicyConfig>,
    choices: Vec<Choice>,
    /// By service: the channels and the peers of its first instance; those of the others follow.
    memories: Vec<Memory>,
    edges: Vec<Edge>,
    /// By service: its instance 0.
    pub(crate) first_instances: Vec<u32>,
}

/// What the instances of a service hold towards others, as numbers of the first instance's.
#[derive(Clone, Debug, Default)]
struct Memory {
    channels: Vec<u32>,
    peers: Vec<u32>,
}

impl World {
    /// The world of `model` at its beginning, for one replication (counted from 0).
    pub fn new(model: &Model, seed: u64, replication: u32) -> Self {
        let program = Program::compile(model);
        let groups = Groups::new(model, seed, replication);
        let instances = instances(model, &groups);
        let workloads: Vec<_> = model
            .workloads
            .iter()
            .map(|w| Workload::new(w, seed, replication))
            .collect();
        let faults = fault::faults(model, &instances, seed, replication);
        let editions = Editions::new(model, &program, instances.len());
        let queues = Queues::new(model, &program, &instances, seed, replication);
        let first_instances = first_instances(model);
        let deployments = Deployments::new(model, &editions, &first_instances, seed, replication);
        let centre = Centre::new(model, instances.len(), seed, replication);
        let own = model.policies.iter().map(|policy| &policy.config);
        let policies = own.chain(&program.more_policies).cloned().collect();
        let post = Post::new(
            instances.len() as u32,
            workloads.len() as u32,
            stream_key(seed, replication, "network", "post"),
        );
        let mut world = Self {
            engine: Engine::new(),
            agenda: Vec::new(),
            urgent: false,
            depth: 0,
            abandoning: Vec::new(),
            woken: VecDeque::new(),
            replays: Vec::new(),
            calls: Slab::new(),
            strands: Slab::new(),
            forks: Slab::new(),
            frames: Vec::new(),
            timers: Vec::new(),
            stride: 1,
            services: services(model),
            instances,
            workloads,
            starts: model
                .workloads
                .iter()
                .map(|w| Start::from(&w.source))
                .collect(),
            sites: Vec::new(),
            channels: Vec::new(),
            peers: Vec::new(),
            queues,
            caches: Caches::new(&program.caches, model),
            editions,
            deployments,
            scaling: Scaling::new(model),
            centre,
            orders: Orders::new(model, &program),
            copies: Copies::new(model, seed, replication),
            program,
            stores: Stores::new(model),
            post,
            errands: Slab::new(),
            transactions: Transactions::none(),
            groups,
            directory: Directory::default(),
            held: HeldRequests::default(),
            pushback: Pushback::None,
            spans: model.policy_spans.iter().map(sampler::lower).collect(),
            network: Network::new(model),
            faults,
            paused: 0,
            down: 0,
            startup_key: stream_key(seed, replication, "services", "startup"),
            startups: 0,
            found: Vec::new(),
            limits: Limits::default(),
            blame: None,
            rest: Vec::new(),
            taken: Vec::new(),
            siblings: VecDeque::new(),
            policies,
            choices: Choice::of(model),
            memories: vec![Memory::default(); model.services.len()],
            edges: Vec::new(),
            first_instances,
        };
        world.lay_out(model, seed, replication);
        world.directory = world.directory(model, seed, replication);
        world.down = world.instances.iter().filter(|i| !i.is_up()).count() as u32;
        world.start_protocols();
        world.start_deployments(model);
        world.start_scaling();
        world.schedule_faults();
        world.open_workloads();
        world
    }

    /// The edges of the call graph, by number; those of the workloads come first, in order.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// Calls at an edge that have not ended: counted from the calls themselves, so that it checks
    /// whatever was counted from facts.
    pub fn in_flight(&self, edge: usize) -> u64 {
        self.live_calls()
            .filter(|&call| self.sites[self.calls[call].site as usize].edge as usize == edge)
            .count() as u64
    }

    pub(crate) fn live_calls(&self) -> impl Iterator<Item = u32> {
        let mut live = vec![true; self.calls.slots() as usize];
        // A limit may stop a run before the calls of callers who are gone have been cleared away.
        for &slot in self.calls.free_slots().iter().chain(&self.abandoning) {
            live[slot as usize] = false;
        }
        (0..self.calls.slots()).filter(move |&call| live[call as usize])
    }

    /// Who knows of whom, once it is known who calls whom.
    fn directory(&self, model: &Model, seed: u64, replication: u32) -> Directory {
        let clients = 0..model.workloads.len();
        let clients: Vec<u32> = clients
            .map(|w| self.channels[self.sites[w].channels as usize].peers)
            .collect();
        Directory::new(&Plan {
            model,
            peers: &self.peers,
            clients: &clients,
            first_instances: &self.first_instances,
            key: stream_key(seed, replication, "services", "discovery"),
        })
    }

    /// Sites, edges, channels and peers.
    fn lay_out(&mut self, model: &Model, seed: u64, replication: u32) {
        let mut layout = Layout::default();
        for (w, workload) in model.workloads.iter().enumerate() {
            self.add_site(
                model,
                &mut layout,
                Caller::Workload(w),
                workload.target,
                workload.policy,
            );
        }
        for site in self.program.sites.clone() {
            self.add_site(
                model,
                &mut layout,
                Caller::Service(site.caller),
                site.target,
                site.policy,
            );
        }
        self.add_transactions(model, &mut layout);
        for (number, peers) in self.peers.iter_mut().enumerate() {
            peers.salt = stream_key(seed, replication, &number.to_string(), "balancer");
            peers.begin(&self.choices[peers.service as usize], &self.instances);
        }
        self.stride = self
            .channels
            .iter()
            .map(|c| c.pipeline.frames())
            .max()
            .unwrap_or(1);
    }

    fn add_site(
        &mut self,
        model: &Model,
        layout: &mut Layout,
        caller: Caller,
        target: model::Target,
        policy: Option<PolicyId>,
    ) {
        let edge = *layout.edges.entry((caller, target)).or_insert_with(|| {
            self.edges.push(Edge {
                caller: match caller {
                    Caller::Workload(w) => model.workloads[w].name.clone(),
                    Caller::Service(s) => model.services[s].name.clone(),
                },
                target: model.target_name(target),
                workload: matches!(caller, Caller::Workload(_)),
                has_breaker: false,
            });
            self.edges.len() as u32 - 1
        });
        let callers = match caller {
            Caller::Workload(_) => 1,
            Caller::Service(s) => model.slots(s),
        };
        let peers = self.add_peers(layout, caller, callers, target.service);
        let key = (caller, target.service, policy);
        let channels = match layout.channels.get(&key) {
            Some(&channels) => channels,
            None => {
                let first = self.channels.len() as u32;
                for number in 0..callers {
                    let channel = self.channel(target.service, policy, peers + number, edge);
                    self.channels.push(channel);
                }
                if let Caller::Service(s) = caller {
                    self.memories[s].channels.push(first);
                }
                layout.channels.insert(key, first);
                first
            }
        };
        self.edges[edge as usize].has_breaker |= self.channels[channels as usize].breakers;
        let entry = self.program.entries[target.service][target.endpoint];
        self.sites.push(Site {
            edge,
            first_instance: self.first_instances[target.service],
            led: self.program.needs_leader(entry),
            entry,
            channels,
        });
    }

    /// The peers of the first of so many callers, towards a service.
    fn add_peers(
        &mut self,
        layout: &mut Layout,
        caller: Caller,
        callers: u32,
        service: usize,
    ) -> u32 {
        *layout.peers.entry((caller, service)).or_insert_with(|| {
            let first = self.peers.len() as u32;
            let instances = self.services[service].instances;
            let first_caller = match caller {
                Caller::Workload(_) => None,
                Caller::Service(s) => Some(self.first_instances[s]),
            };
            for local in 0..callers {
                let caller = first_caller.map_or(NONE, |first| first + local);
                self.peers
                    .push(Peers::new(service as u32, instances, caller));
            }
            if let Caller::Service(s) = caller {
                self.memories[s].peers.push(first);
            }
            first
        })
    }

    /// What transactions need of the services that take part.
    fn add_transactions(&mut self, model: &Model, layout: &mut Layout) {
        let steps = core::mem::take(&mut self.program.transactions);
        let mut plans = Vec::with_capacity(steps.len());
        for (handler, transaction) in &steps {
            let own = handler.service;
            let entries = core::mem::take(&mut self.program.entries);
            let place = |service: usize| {
                let first = self.first_instances[service];
                let callers = model.slots(own);
                let peers = match service == own {
                    true => NONE,
                    false => self.add_peers(layout, Caller::Service(own), callers, service),
                };
                (first, peers)
            };
            plans.push(transaction::Plan::new(transaction, &entries, place));
            self.program.entries = entries;
        }
        self.program.transactions = steps;
        if !plans.is_empty() {
            let steps = transaction::steps(&self.program, model);
            let (services, instances) = (self.services.len(), self.instances.len());
            self.transactions = Transactions::new(plans, steps, services, instances);
        }
    }

    fn channel(
        &mut self,
        service: usize,
        policy: Option<PolicyId>,
        peers: u32,
        edge: u32,
    ) -> Channel {
        let config = policy.map_or(PolicyConfig::default(), |p| self.policies[p].clone());
        let pipeline = Pipeline::new(&config, self.services[service].instances);
        let timers = (0..pipeline.slots())
            .map(|slot| pipeline.is_constant_timeout(slot as u8))
            .map(|timeout| timeout.map(|timeout| self.engine.timer_class(timeout)));
        let timers: Box<[_]> = timers.collect();
        let course = match timers[..] {
            [] => Course::Bare,
            [Some(class)] => Course::Timeout(class),
            _ => Course::Policy,
        };
        Channel {
            timers,
            breakers: pipeline.breaker_state().is_some(),
            hedged: pipeline.is_hedged(),
            stated: (0, 0),
            course,
            only: self.services[service].instances == 1 && !self.services[service].is_discovered,
            pipeline,
            peers,
            policy: policy.map(|p| p as u32),
            edge,
        }
    }

    /// An instance lost its memory: its policies and balancers begin anew.
    pub(crate) fn forget<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        let instance = &self.instances[id as usize];
        let memory = &self.memories[instance.service as usize];
        for &first in &memory.channels {
            let channel = &mut self.channels[(first + instance.local) as usize];
            let service = self.peers[channel.peers as usize].service as usize;
            if let Some(policy) = channel.policy {
                let config = &self.policies[policy as usize];
                channel.pipeline = Pipeline::new(config, self.services[service].instances);
            }
            if channel.stated != (0, 0) {
                obs.breakers(now, channel.edge as usize, channel.stated, (0, 0));
                channel.stated = (0, 0);
            }
        }
        for &first in &memory.peers {
            let peers = &mut self.peers[(first + instance.local) as usize];
            let service = peers.service as usize;
            let ejected = peers.begin(&self.choices[service], &self.instances);
            if ejected != 0 {
                obs.ejected(now, service, ejected, 0);
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Caller {
    Workload(usize),
    Service(usize),
}

/// What was laid out already, by what makes it unique.
#[derive(Default)]
struct Layout {
    edges: BTreeMap<(Caller, model::Target), u32>,
    peers: BTreeMap<(Caller, usize), u32>,
    channels: BTreeMap<(Caller, usize, Option<PolicyId>), u32>,
}

/// By service, the number of its instance 0.
fn first_instances(model: &Model) -> Vec<u32> {
    let firsts = (0..model.services.len()).scan(0, |next, service| {
        let first = *next;
        *next += model.slots(service);
        Some(first)
    });
    firsts.collect()
}

fn services(model: &Model) -> Vec<ServiceState> {
    let services = model.services.iter().enumerate();
    let services = services.map(|(number, service)| ServiceState {
        instances: model.slots(number),
        startup: sampler::lower(&service.startup),
        is_discovered: service.discovery != Discovery::Static
            || service.autoscale.is_some()
            || model.deployments.iter().any(|d| d.service == number),
        queued: 0,
        busy: 0,
    });
    services.collect()
}

/// By service: the zone and the node of every instance. Over zones first, then over the nodes of a zone,
/// in order, and on from where the service before stopped. Those that an autoscaler may add come after
/// all others, so that no other is moved by them.
fn places(model: &Model) -> Vec<Vec<(usize, u32)>> {
    let zones = model.zones.len();
    // The next node of each zone; a zone without a number of nodes has one for each instance.
    let mut nodes = vec![0; zones];
    let mut place = |zone: usize| {
        let node = nodes[zone];
        nodes[zone] = match model.zones[zone].nodes {
            Some(count) => (node + 1) % count,
            None => node + 1,
        };
        (zone, node)
    };
    let mut next = 0;
    let mut places: Vec<Vec<_>> = Vec::new();
    for service in &model.services {
        let own = (0..service.instances as usize).map(|local| place((next + local) % zones));
        places.push(own.collect());
        next += service.instances as usize;
    }
    let mut next = 0;
    for (service, places) in model.services.iter().zip(&mut places) {
        next += service.instances as usize;
        let more = (service.most_instances() - service.instances) as usize;
        places.extend((0..more).map(|local| place((next + local) % zones)));
    }
    places
}

/// Every instance at its place.
fn instances(model: &Model, groups: &Groups) -> Vec<Instance> {
    let mut instances = Vec::new();
    let places = places(model);
    for (number, service) in model.services.iter().enumerate() {
        for local in 0..model.slots(number) {
            let stands_by = local >= service.instances;
            let places = &places[number];
            // One that may replace another stands beside it.
            let (zone, node) = places[local as usize % places.len()];
            let id = instances.len() as u32;
            let service_id = number as u32;
            let location = Location::Instance {
                id,
                service: service_id,
                local,
                zone: zone as u32,
                node,
            };
            let shared = match service.scheduling {
                Scheduling::Fcfs => None,
                Scheduling::ProcessorSharing { cores } => Some(Box::new(Shared::new(cores))),
            };
            instances.push(Instance {
                location,
                service: service_id,
                local,
                member: groups.member_at(service_id, local),
                workers: service.workers,
                busy: 0,
                queue: Queue::new(service.discipline),
                waiting: 0,
                shared,
                shared_stamp: Stamp::NONE,
                blocking: service.threading == Threading::Blocking,
                queue_capacity: service.queue_capacity.unwrap_or(u32::MAX),
                abandoned: service.abandoned,
                stands_by,
                crashes: u32::from(stands_by),
                crash_mode: model::CrashMode::Refuse,
                starting: Stamp::NONE,
                pauses: 0,
                deferred: Vec::new(),
                frozen: Vec::new(),
                slow: 1.0,
                errors: 0.0,
                edition: NONE,
                guard: Guard::new(service),
                meter: service.autoscale.map(|a| Box::new(Meter::new(a.metric))),
                open: false,
            });
            instances[id as usize].settle();
        }
    }
    instances
}

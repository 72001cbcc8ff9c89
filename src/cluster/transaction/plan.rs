//! The `transaction` steps of a model, lowered for the world, and what is drawn when one is begun:
//! who takes part, and which keys they lock.

use crate::keys::Keys;
use crate::program::Program;
use crate::sampler;
use crate::slab::NONE;
use crate::state::{NO_KEY, Origin};
use crate::transaction::deal::Part;
use crate::world::World;
use clock::{Duration, Instant};
use engine::{Keyed, Sampler};
use model::{Model, OnConflict, Target, TransactionKeys, TransactionProtocol};

/// Separates what is drawn from the key of a transaction.
pub(crate) mod purpose {
    pub(crate) const PICK: u64 = 0x7069_636b_0000_0000;
    pub(crate) const KEYS: u64 = 0x6b65_7973_0000_0000;
    pub(crate) const WORK: u64 = 0x776f_726b_0000_0000;
    pub(crate) const UNDO: u64 = 0x756e_646f_0000_0000;
    pub(crate) const CONFIRM: u64 = 0x636f_6e66_0000_0000;
    pub(crate) const FORCE: u64 = 0x666f_7263_6500_0000;
}

/// A `transaction` step of a model, as results name it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TransactionStep {
    /// `service.endpoint` of its handler; from the second step of one handler on with its number
    /// behind it: `service.endpoint#2`.
    pub name: String,
    /// As the model writes it.
    pub protocol: &'static str,
}

/// A `transaction` step, as the world runs it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) protocol: TransactionProtocol,
    pub(crate) parts: Vec<Place>,
    /// By part: first operation of what undoes its work, and of what makes it final.
    pub(crate) undo: Vec<Option<u32>>,
    pub(crate) confirm: Vec<Option<u32>>,
    /// Elsewhere than at the handler's own instance.
    pub(crate) coordinator: Option<Place>,
    pub(crate) timeout: Duration,
    pub(crate) retry: Duration,
    pub(crate) cooperative: bool,
    /// Of TCC: how long what is reserved is kept.
    pub(crate) reserved_for: Option<Duration>,
    pub(crate) force: Sampler,
    pub(crate) on_conflict: OnConflict,
    /// `None`: the key of the request.
    keys: Option<(Keys, u32)>,
}

/// A service that takes part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) service: u32,
    first_instance: u32,
    /// The peers of the handler's instance 0; [`NONE`] where the service is the handler's own.
    peers: u32,
    /// First operation of the work.
    pub(crate) entry: u32,
}

/// The steps of a model by their numbers, as results name them.
pub(crate) fn steps(program: &Program, model: &Model) -> Vec<TransactionStep> {
    let mut steps: Vec<TransactionStep> = Vec::new();
    for (target, transaction) in &program.transactions {
        let name = model.target_name(*target);
        let numbered = |step: &TransactionStep| step.name.split('#').next() == Some(&name);
        let before = steps.iter().filter(|step| numbered(step)).count();
        let protocol = match transaction.protocol {
            TransactionProtocol::TwoPhaseCommit { .. } => "two_phase_commit",
            TransactionProtocol::Saga => "saga",
            TransactionProtocol::Tcc { .. } => "tcc",
        };
        let name = match before {
            0 => name,
            n => format!("{name}#{}", n + 1),
        };
        steps.push(TransactionStep { name, protocol });
    }
    steps
}

impl Plan {
    /// The plan of a step; `place` says where the callers of a service find it, from the handler's
    /// service.
    pub(crate) fn new(
        transaction: &model::Transaction,
        entries: &[Vec<u32>],
        mut place: impl FnMut(usize) -> (u32, u32),
    ) -> Self {
        let mut at = |target: Target, entry: u32| {
            let (first_instance, peers) = place(target.service);
            Place {
                service: target.service as u32,
                first_instance,
                peers,
                entry,
            }
        };
        let parts = transaction.participants.iter().map(|part| part.work);
        let entry = |target: Target| entries[target.service][target.endpoint];
        let parts = parts.map(|work| at(work, entry(work)));
        let parts = parts.collect();
        let all = transaction.participants.iter();
        let undo = all.clone().map(|part| part.undo.map(entry)).collect();
        let confirm = all.map(|part| part.confirm.map(entry)).collect();
        let coordinator = transaction.coordinator.map(|service| {
            let endpoint = 0;
            at(Target { service, endpoint }, NONE)
        });
        Self {
            protocol: transaction.protocol,
            parts,
            undo,
            confirm,
            // The handler's own service: nobody is nearer than its own instance.
            coordinator: coordinator.filter(|place| place.peers != NONE),
            timeout: transaction.prepare_timeout,
            retry: transaction.retry_interval,
            cooperative: match transaction.protocol {
                TransactionProtocol::TwoPhaseCommit { cooperative } => cooperative,
                _ => false,
            },
            reserved_for: match transaction.protocol {
                TransactionProtocol::Tcc { reserved_for } => Some(reserved_for),
                _ => None,
            },
            force: sampler::lower(&transaction.force),
            on_conflict: transaction.on_conflict,
            keys: match transaction.keys {
                TransactionKeys::OfRequest => None,
                TransactionKeys::Drawn { count, zipf, each } => {
                    Some((Keys::new(model::Keys { count, zipf }), each))
                }
            },
        }
    }

    /// The keys that participant number `part` locks, in the order in which it does.
    fn keys(&self, key: u64, part: u64, origin: Origin) -> Vec<u32> {
        let Some((keys, each)) = &self.keys else {
            return match origin.key {
                NO_KEY => Vec::new(),
                key => vec![key],
            };
        };
        let mut bits = Keyed::new(Keyed::child(key ^ purpose::KEYS, part));
        let mut drawn = Vec::with_capacity(*each as usize);
        for _ in 0..*each {
            let key = keys.draw(&mut bits);
            if !drawn.contains(&key) {
                drawn.push(key);
            }
        }
        drawn
    }
}

impl World {
    /// Picks an instance for each participant, as a call of the handler's instance would. What is
    /// picked at the handler's own service is its own instance. `None`: for one there is nobody.
    pub(crate) fn pick_parts(
        &mut self,
        now: Instant,
        step: u32,
        key: u64,
        origin: Origin,
        handler: u32,
    ) -> Option<Vec<Part>> {
        let mut picked = Vec::new();
        for number in 0..self.transactions.plans[step as usize].parts.len() {
            let plan = &self.transactions.plans[step as usize];
            let place = plan.parts[number];
            let keys = plan.keys(key, number as u64, origin);
            let (instance, peers) =
                self.pick_at(now, place, key, number as u64, origin, handler)?;
            picked.push(Part::new(instance, peers, keys));
        }
        // All are there: only now do the balancers hear that something is sent.
        for part in picked.iter().filter(|part| part.peers != NONE) {
            let local = self.instances[part.instance as usize].local;
            self.peers[part.peers as usize].balancer.sent(now, local);
        }
        Some(picked)
    }

    /// The instance of a service that the handler's instance picks, and the peers that did.
    pub(crate) fn pick_at(
        &mut self,
        now: Instant,
        place: Place,
        key: u64,
        number: u64,
        origin: Origin,
        handler: u32,
    ) -> Option<(u32, u32)> {
        if place.peers == NONE {
            return Some((handler, NONE));
        }
        let peers = place.peers + self.instances[handler as usize].local;
        let key = Keyed::child(key ^ purpose::PICK, number);
        let local = self.peers[peers as usize].pick(now, key, origin);
        (local != NONE).then(|| (place.first_instance + local, peers))
    }

    /// The balancers hear how it ended for all participants of a transaction.
    pub(crate) fn unpick(&mut self, now: Instant, txn: super::Txn, outcome: policy::Outcome) {
        let Some(deal) = self.transactions.deals.get_mut(txn) else {
            return;
        };
        let time = now.since(deal.started);
        for part in &mut deal.parts {
            let peers = core::mem::replace(&mut part.peers, NONE);
            if peers != NONE {
                let local = self.instances[part.instance as usize].local;
                let balancer = &mut self.peers[peers as usize].balancer;
                balancer.ended(now, local, time, outcome);
            }
        }
    }
}

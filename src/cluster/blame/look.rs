//! What the workers of a service do, for those who wait for one of them.
//!
//! Who waits in a queue waits for the workers, and one of them is asked in his place: over many who wait,
//! each thing that keeps workers busy is named as often as it does. A look at the workers goes over all
//! requests under way, so there is one only when as many events have passed as there are requests; in
//! between, what was seen is told again. No instance is looked at that nobody waits for.

use super::Blame;
use super::stand::QUEUES;
use crate::cause::{ChainId, Link};
use crate::slab::NONE;
use crate::state::Doing;
use crate::world::World;
use clock::Instant;
use engine::{Bits, Keyed};

/// How many workers of an instance, and calls of a channel, are remembered from one look.
const SEEN: usize = 6;

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// By instance, then by channel behind them.
    places: Vec<Place>,
    /// The number of events at the last look.
    at: u64,
    looks: u64,
    /// A look is under way: who was found is asked, not what was told of him.
    under_way: bool,
}

#[derive(Clone, Debug, Default)]
struct Place {
    wanted: bool,
    /// Strands that were found, while a look is under way.
    found: Vec<u32>,
    /// How many there were to choose from.
    of: u64,
    told: Vec<ChainId>,
    /// Who is asked next.
    next: usize,
}

impl Blame {
    /// What one of the workers of an instance does. `queues` is how many queues lead there.
    pub(super) fn work_at(&mut self, world: &World, instance: u32, queues: u32) -> ChainId {
        self.work(world, instance as usize, queues)
    }

    /// Where one of the calls stands that a channel has let out. `queues` is how many lead there.
    pub(super) fn work_behind(&mut self, world: &World, channel: u32, queues: u32) -> ChainId {
        if queues == QUEUES {
            return ChainId::EMPTY;
        }
        self.work(world, world.instances.len() + channel as usize, queues)
    }

    fn work(&mut self, world: &World, place: usize, queues: u32) -> ChainId {
        let all = world.instances.len() + world.channels.len();
        self.looks.places.resize_with(all, Place::default);
        if self.looks.under_way {
            let one = &mut self.looks.places[place];
            one.wanted = true;
            if one.found.is_empty() {
                return ChainId::EMPTY;
            }
            one.next = (one.next + 1) % one.found.len();
            let id = one.found[one.next];
            return self.work_of(world, id, queues + 1);
        }
        let new = !core::mem::replace(&mut self.looks.places[place].wanted, true);
        let events = world.engine.events();
        if new || events >= self.looks.at + u64::from(world.strands.slots()) {
            self.look(world);
        }
        let one = &mut self.looks.places[place];
        if one.told.is_empty() {
            return ChainId::EMPTY;
        }
        one.next = (one.next + 1) % one.told.len();
        one.told[one.next]
    }

    fn work_of(&mut self, world: &World, id: u32, queues: u32) -> ChainId {
        let chain = self.stand(world, id, queues);
        let strand = &world.strands[id];
        if world.strands[strand.root].gave_up == Instant::NEVER {
            return chain;
        }
        let service = world.instances[strand.instance as usize].service;
        self.chains.push(Link::InVain { service }, chain)
    }

    #[cold]
    fn look(&mut self, world: &World) {
        self.looks.at = world.engine.events();
        self.looks.looks += 1;
        for place in &mut self.looks.places {
            place.found.clear();
            place.of = 0;
        }
        for id in 0..world.strands.slots() {
            let strand = &world.strands[id];
            if matches!(strand.doing, Doing::Nothing | Doing::Dead) {
                continue;
            }
            if strand.instance == NONE {
                continue;
            }
            let works = if world.instances[strand.instance as usize].blocking {
                strand.root == id && strand.has_worker
            } else {
                strand.doing == Doing::Computing
            };
            if works {
                self.looks.find(strand.instance as usize, id);
            }
            if strand.root == id && strand.owner != NONE {
                let channel = world.calls[strand.owner].channel;
                self.looks
                    .find(world.instances.len() + channel as usize, id);
            }
        }
        self.looks.under_way = true;
        for place in 0..self.looks.places.len() {
            let found = core::mem::take(&mut self.looks.places[place].found);
            let mut told = core::mem::take(&mut self.looks.places[place].told);
            told.clear();
            // A queue that leads back here finds nobody, and the chain ends there.
            told.extend(found.iter().map(|id| self.work_of(world, *id, 1)));
            self.looks.places[place].told = told;
            self.looks.places[place].found = found;
        }
        self.looks.under_way = false;
    }
}

impl Looks {
    /// Keeps some of those that are found, each with the same chance.
    fn find(&mut self, place: usize, id: u32) {
        let of = self.looks;
        let place = &mut self.places[place];
        if !place.wanted {
            return;
        }
        place.of += 1;
        if place.found.len() < SEEN {
            place.found.push(id);
            return;
        }
        let drawn = Keyed::new(Keyed::child(of, u64::from(id))).next_u64() % place.of;
        if let Some(kept) = place.found.get_mut(drawn as usize) {
            *kept = id;
        }
    }
}

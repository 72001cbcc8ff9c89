//! The world's own books: what is counted must be what is there.
//!
//! Everything that a station keeps twice (a number and the things it counts, a link and the link
//! back) is compared. The checker stands outside the stations: it reads their state between two
//! events, and refuses to know how they keep it.

use crate::limits::Violation;
use crate::program::Op;
use crate::slab::{NONE, Slab};
use crate::state::{Doing, Instance};
use crate::world::World;
use engine::Stamp;

/// The name under which what is found is reported.
const CHECKER: &str = "the world's books balance";

/// What is found to be wrong is told up to this number.
const MOST: usize = 20;

impl World {
    /// What is wrong. Nothing can be said while something is still to be done at the instant (a
    /// limit stopped the run there).
    #[cold]
    pub(crate) fn audit(&self) -> Vec<Violation> {
        let busy_now = !self.agenda.is_empty()
            || !self.abandoning.is_empty()
            || !self.woken.is_empty()
            || !self.replays.is_empty();
        if busy_now {
            return Vec::new();
        }
        let mut books = Books {
            world: self,
            strands: live(&self.strands),
            calls: live(&self.calls),
            forks: live(&self.forks),
            wrong: Vec::new(),
        };
        books.check_slabs();
        books.check_calls();
        books.check_strands();
        books.check_families();
        books.check_instances();
        books.check_guards();
        books.wrong.extend(self.audit_transactions());
        books.wrong.extend(self.audit_queues());
        books.wrong.extend(self.audit_orders());
        books.wrong.truncate(MOST);
        let violation = |what| Violation {
            checker: CHECKER,
            at: self.engine.now(),
            event: self.engine.events(),
            what,
        };
        let wrong = books.wrong.into_iter().map(violation);
        wrong.chain(self.in_doubt_for_ever()).collect()
    }
}

/// By slot: whether it is in use. `None` where a slot is free twice.
fn live<T>(slab: &Slab<T>) -> Option<Vec<bool>> {
    let mut live = vec![true; slab.slots() as usize];
    for &slot in slab.free_slots() {
        if !core::mem::replace(&mut live[slot as usize], false) {
            return None;
        }
    }
    Some(live)
}

struct Books<'a> {
    world: &'a World,
    strands: Option<Vec<bool>>,
    calls: Option<Vec<bool>>,
    forks: Option<Vec<bool>>,
    wrong: Vec<String>,
}

/// Notes what is wrong where a condition does not hold.
macro_rules! expect {
    ($books:ident, $holds:expr, $($what:tt)*) => {
        if !$holds {
            $books.wrong.push(format!($($what)*));
        }
    };
}

impl Books<'_> {
    fn check_slabs(&mut self) {
        expect!(self, self.strands.is_some(), "a strand was freed twice");
        expect!(self, self.calls.is_some(), "a call was freed twice");
        expect!(self, self.forks.is_some(), "a fork was freed twice");
        let free = self.world.strands.free_slots();
        let busy = free
            .iter()
            .find(|&&slot| self.world.strands[slot].doing != Doing::Nothing);
        expect!(self, busy.is_none(), "freed strand {busy:?} is not idle");
    }

    fn is_live(live: &Option<Vec<bool>>, slot: u32) -> bool {
        live.as_ref()
            .is_some_and(|live| live.get(slot as usize) == Some(&true))
    }

    fn live_strands(&self) -> Vec<u32> {
        let slots = 0..self.world.strands.slots();
        slots
            .filter(|&id| Self::is_live(&self.strands, id))
            .collect()
    }

    /// A call and its attempts know each other, and so do a call and who waits for it.
    fn check_calls(&mut self) {
        let world = self.world;
        let mut attempts = 0;
        for call in (0..world.calls.slots()).filter(|&c| Self::is_live(&self.calls, c)) {
            let record = &world.calls[call];
            let mut root = record.attempts;
            let mut before = NONE;
            while root != NONE {
                let strand = &world.strands[root];
                attempts += 1;
                let linked = strand.owner == call && strand.root == root && strand.prev == before;
                expect!(
                    self,
                    linked && Self::is_live(&self.strands, root),
                    "call {call} and its attempt {root} have lost each other"
                );
                if !linked {
                    break;
                }
                (before, root) = (root, strand.next);
            }
            if record.parent != NONE {
                let parent = &world.strands[record.parent];
                expect!(
                    self,
                    Self::is_live(&self.strands, record.parent)
                        && parent.doing == Doing::Calling
                        && parent.awaits == call,
                    "nobody waits for call {call}"
                );
            }
        }
        let owned = self.live_strands();
        let owned = owned
            .iter()
            .filter(|&&id| world.strands[id].root == id && world.strands[id].owner != NONE);
        let owned = owned.count();
        expect!(
            self,
            owned == attempts,
            "{owned} requests have a caller, but callers have {attempts} attempts out"
        );
    }

    /// What every strand waits for is there.
    fn check_strands(&mut self) {
        let world = self.world;
        let mut waiting_for_siblings = 0;
        for id in self.live_strands() {
            let strand = &world.strands[id];
            let is_root = strand.root == id;
            let fits = match strand.doing {
                Doing::Nothing | Doing::Stopped | Doing::Pending => false,
                Doing::Travelling => is_root && strand.family == 0,
                Doing::Queued | Doing::Dead => true,
                Doing::Computing => {
                    let instance = &world.instances[strand.instance as usize];
                    let frozen = instance.frozen.iter().any(|(frozen, _)| *frozen == id);
                    let scheduled = strand.stamp != Stamp::NONE;
                    match instance.shared {
                        Some(_) => !scheduled && !frozen,
                        None => scheduled != frozen && frozen == (instance.pauses > 0),
                    }
                }
                Doing::Waiting => strand.stamp != Stamp::NONE,
                Doing::WaitingForSibling => {
                    waiting_for_siblings += 1;
                    let listed = world.siblings.contains(&(strand.root, id));
                    listed && world.strands[strand.root].computing
                }
                Doing::Agreeing => match world.program.ops[strand.pc as usize] {
                    Op::Transaction { .. } => true,
                    Op::Publish { .. } => world.producer_knows(id, strand.awaits),
                    _ => world.group_knows(id, strand.awaits),
                },
                Doing::Calling => {
                    Self::is_live(&self.calls, strand.awaits)
                        && world.calls[strand.awaits].parent == id
                }
                Doing::Forked => self.fork_is_whole(id),
                Doing::Lingering => is_root && strand.owner == NONE && strand.family > 0,
                Doing::Answering => is_root,
                Doing::Lost => is_root && strand.owner != NONE,
            };
            expect!(self, fits, "strand {id} can not be {:?}", strand.doing);
            let down = strand.instance != NONE
                && world.instances[strand.instance as usize].crashes > 0
                && !matches!(
                    strand.doing,
                    Doing::Travelling | Doing::Answering | Doing::Lost
                );
            expect!(
                self,
                !down,
                "strand {id} is {:?} on a machine that is down",
                strand.doing
            );
        }
        expect!(
            self,
            waiting_for_siblings == world.siblings.len(),
            "{} strands are listed as waiting for a sibling, {waiting_for_siblings} do",
            world.siblings.len()
        );
    }

    fn fork_is_whole(&self, parent: u32) -> bool {
        let world = self.world;
        let fork = world.strands[parent].awaits;
        if !Self::is_live(&self.forks, fork) {
            return false;
        }
        let fork = &world.forks[fork];
        let (mut branches, mut branch, mut before) = (0, fork.branches, NONE);
        while branch != NONE && branches <= fork.running {
            let strand = &world.strands[branch];
            if strand.owner != parent || strand.prev != before {
                return false;
            }
            branches += 1;
            (before, branch) = (branch, strand.next);
        }
        branches == fork.running && fork.required >= 1 && fork.required <= fork.running
    }

    /// A request has as many strands as it counts, and the worker that it says.
    fn check_families(&mut self) {
        let world = self.world;
        let slots = world.strands.slots() as usize;
        let (mut family, mut computing) = (vec![0; slots], vec![0; slots]);
        let (mut forks, mut waiting_forks) = (0, 0);
        for id in self.live_strands() {
            let strand = &world.strands[id];
            if strand.doing == Doing::Dead {
                continue;
            }
            forks += usize::from(strand.doing == Doing::Forked);
            if strand.root != id {
                family[strand.root as usize] += 1;
            }
            computing[strand.root as usize] += u32::from(strand.doing == Doing::Computing);
        }
        let live_forks = (0..world.forks.slots()).filter(|&f| Self::is_live(&self.forks, f));
        waiting_forks += live_forks.count();
        expect!(
            self,
            forks == waiting_forks,
            "{waiting_forks} forks, but {forks} strands wait for one"
        );
        for id in self.live_strands() {
            let strand = &world.strands[id];
            if strand.root != id || strand.doing == Doing::Dead {
                continue;
            }
            let (counted, there) = (strand.family, family[id as usize]);
            expect!(
                self,
                counted == there,
                "request {id} counts {counted} strands below it, and has {there}"
            );
            if strand.instance == NONE || !world.instances[strand.instance as usize].blocking {
                continue;
            }
            let at_work = computing[id as usize];
            expect!(
                self,
                at_work == u32::from(strand.computing) && at_work <= u32::from(strand.has_worker),
                "request {id} works {at_work} times at once, and says {}",
                strand.computing
            );
        }
    }

    /// Admission holds those requests that are in its instance, and gave its word for each.
    fn check_guards(&mut self) {
        let world = self.world;
        let mut inside = vec![0; world.instances.len()];
        let mut tokens = 0;
        for id in self.live_strands() {
            if !world.held.has(id) {
                continue;
            }
            tokens += 1;
            let strand = &world.strands[id];
            let gone = matches!(
                strand.doing,
                Doing::Nothing
                    | Doing::Travelling
                    | Doing::Lingering
                    | Doing::Answering
                    | Doing::Lost
                    | Doing::Dead
            );
            expect!(
                self,
                strand.root == id && !gone,
                "admission holds strand {id}, which is {:?}",
                strand.doing
            );
            inside[strand.instance as usize] += 1;
        }
        let all = world.held.len();
        expect!(
            self,
            all == tokens,
            "admission holds {all} requests, of which {tokens} live"
        );
        for (id, (instance, inside)) in world.instances.iter().zip(inside).enumerate() {
            let counted = instance.guard.iter().flat_map(|guard| guard.in_flight());
            for counted in counted {
                expect!(
                    self,
                    counted == inside,
                    "instance {id} limits {counted} requests, and has let in {inside}"
                );
            }
        }
    }

    /// Workers and queues are as full as they say.
    fn check_instances(&mut self) {
        let world = self.world;
        let mut counts = vec![Counts::default(); world.instances.len()];
        for id in self.live_strands() {
            let strand = &world.strands[id];
            let Some(count) = counts.get_mut(strand.instance as usize) else {
                continue;
            };
            count.queued += u32::from(strand.doing == Doing::Queued);
            count.dead += usize::from(strand.doing == Doing::Dead);
            count.computing += u32::from(strand.doing == Doing::Computing);
            count.holding += u32::from(strand.root == id && strand.has_worker);
        }
        let mut sums = vec![(0, 0); world.services.len()];
        for (id, (instance, count)) in world.instances.iter().zip(&counts).enumerate() {
            let sum = &mut sums[instance.service as usize];
            sum.0 += instance.waiting;
            sum.1 += instance
                .shared
                .as_ref()
                .map_or(instance.busy, |shared| shared.busy());
            let what = count.compare(instance);
            expect!(self, what.is_none(), "instance {id}: {what:?}");
        }
        for (id, (service, sum)) in world.services.iter().zip(sums).enumerate() {
            expect!(
                self,
                (service.queued, service.busy) == sum,
                "service {id} has {} in its queues and {} at work, its instances {sum:?}",
                service.queued,
                service.busy
            );
        }
        let paused = world.instances.iter().filter(|i| i.pauses > 0).count() as u32;
        expect!(
            self,
            world.paused == paused,
            "{paused} instances are paused, not {}",
            world.paused
        );
    }
}

/// What was found at one instance.
#[derive(Clone, Default)]
struct Counts {
    queued: u32,
    dead: usize,
    computing: u32,
    holding: u32,
}

impl Counts {
    /// What the instance says otherwise.
    fn compare(&self, instance: &Instance) -> Option<String> {
        let held = if instance.blocking {
            self.holding
        } else {
            self.computing
        };
        let idle = instance.workers.saturating_sub(instance.busy);
        let buried = instance.queue.len() - (instance.waiting as usize).min(instance.queue.len());
        let wrong = [
            (
                instance.waiting != self.queued,
                "the queue's length is not what is in it",
            ),
            (instance.busy != held, "busy workers are not those held"),
            (
                instance.busy > instance.workers,
                "more workers are busy than there are",
            ),
            (
                idle > 0 && self.queued > 0 && instance.pauses == 0,
                "some wait although a worker is idle",
            ),
            (
                buried != self.dead,
                "the dead are not those that the queue holds",
            ),
            (
                instance
                    .shared
                    .as_ref()
                    .is_some_and(|shared| shared.len() as u32 != self.computing),
                "the jobs that share the cores are not those at work",
            ),
            (
                instance.open != instance.is_open(),
                "requests just come in, or do not",
            ),
            (
                !instance.meter_is_right(),
                "its autoscaler sees another load",
            ),
            (
                instance.pauses == 0 && !instance.frozen.is_empty(),
                "work is frozen without a pause",
            ),
            (
                instance.pauses == 0 && !instance.deferred.is_empty(),
                "something was missed without a pause",
            ),
        ];
        let found = wrong.into_iter().find(|(wrong, _)| *wrong);
        found.map(|(_, what)| {
            format!(
                "{what}: {} busy of {}, {} held, {} said to wait, {} wait, {} dead, {} in the queue",
                instance.busy,
                instance.workers,
                held,
                instance.waiting,
                self.queued,
                self.dead,
                instance.queue.len()
            )
        })
    }
}

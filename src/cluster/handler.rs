//! A handler at work: strands walk the program of their endpoint.
//!
//! A request reaches its instance, gets a worker, computes, waits, calls, forks, and answers. What
//! goes on at once is put on the agenda rather than called, so that no chain of empty handlers can
//! exhaust the stack.

use crate::event::Event;
use crate::group::Demand;
use crate::instance::slowed;
use crate::observer::Observer;
use crate::program::Op;
use crate::slab::NONE;
use crate::span::{self, SpanFact};
use crate::state::{Doing, Fork, Strand};
use crate::store;
use crate::world::{Todo, World};
use clock::Instant;
use engine::{Bits, Keyed, Stamp};
use model::{Abandoned, CrashMode};
use policy::Outcome;

/// Sets the draws of a handler's steps apart from each other: an odd constant, so that no two
/// program counters give the same key.
const STEP: u64 = 0xd1b5_4a32_d192_ed03;
/// Draws whether a fault lets an answered request fail.
const FAULT: u64 = 0x6661_756c_7400_0000;

impl World {
    /// A request reaches its instance.
    #[inline(always)]
    pub(crate) fn deliver<O: Observer>(&mut self, now: Instant, obs: &mut O, root: u32) {
        let strand = &mut self.strands[root];
        let id = strand.instance;
        let instance = &self.instances[id as usize];
        if !instance.open {
            self.deliver_with_care(now, obs, root);
            return;
        }
        if strand.gave_up != Instant::NEVER && instance.abandoned != Abandoned::Serve {
            self.answered(root);
            return;
        }
        obs.arrived(now, instance.service as usize);
        if O::SPANS {
            self.tell_arrival(now, obs, root);
        }
        let instance = &self.instances[id as usize];
        if instance.blocking {
            self.acquire(now, obs, root);
        } else {
            self.go_on(now, obs, root, Outcome::Success);
        }
    }

    /// The same where something may stand in the way. Apart, so that the common way is not the longer
    /// for it.
    #[inline(never)]
    fn deliver_with_care<O: Observer>(&mut self, now: Instant, obs: &mut O, root: u32) {
        let strand = &mut self.strands[root];
        let instance = &mut self.instances[strand.instance as usize];
        if !instance.is_up() {
            if self.blame.is_some() {
                self.blame_down(root);
            }
            let strand = &self.strands[root];
            let instance = &self.instances[strand.instance as usize];
            // A machine that is gone says nothing; one that starts refuses connections.
            if instance.crashes > 0 && instance.crash_mode == CrashMode::Blackhole {
                self.lose(root);
            } else if strand.moved {
                self.send_back(now, root);
            } else {
                self.send_answer(now, root, Outcome::Unavailable);
            }
            return;
        }
        if instance.pauses > 0 {
            instance.deferred.push((Event::Deliver(root), strand.stamp));
            return;
        }
        if strand.gave_up != Instant::NEVER && instance.abandoned != Abandoned::Serve {
            self.answered(root);
            return;
        }
        let (service, blocking) = (instance.service as usize, instance.blocking);
        if instance.member != NONE && !self.comes_in(now, obs, root) {
            return;
        }
        let strand = &mut self.strands[root];
        let edition = self.instances[strand.instance as usize].edition;
        if edition != NONE {
            strand.pc = self.editions.entry(edition, strand.pc);
        }
        obs.arrived(now, service);
        if O::SPANS {
            self.tell_arrival(now, obs, root);
        }
        if !self.let_in(now, obs, root) {
            return;
        }
        if blocking {
            self.acquire(now, obs, root);
        } else {
            self.go_on(now, obs, root, Outcome::Success);
        }
    }

    /// States that an instance takes a request, and whose it is where no caller waits.
    fn tell_arrival<O: Observer>(&self, now: Instant, obs: &mut O, root: u32) {
        let strand = &self.strands[root];
        let at = self.instances[strand.instance as usize].at();
        let cause = strand.is_errand.then(|| {
            let entries = &self.program.entries[at.service as usize];
            let endpoint = entries.iter().position(|&entry| entry == strand.pc);
            self.errand_cause(strand.next, endpoint.map(|number| number as u32))
        });
        let strand = root;
        obs.span(now, SpanFact::Arrives { strand, at, cause });
    }

    /// Goes on after a step that ended with `outcome`: walks the program, the two commonest
    /// operations without the walk.
    #[inline(always)]
    pub(crate) fn go_on<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        id: u32,
        outcome: Outcome,
    ) {
        let strand = &self.strands[id];
        if outcome != Outcome::Success {
            self.strand_ended(now, obs, id, outcome);
            return;
        }
        match self.program.ops[strand.pc as usize] {
            Op::End => self.strand_ended(now, obs, id, outcome),
            Op::Compute { .. } if !self.instances[strand.instance as usize].blocking => {
                self.acquire(now, obs, id);
            }
            _ => self.walk(now, obs, id),
        }
    }

    /// Walks the program until the strand must wait for something.
    pub(crate) fn walk<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        loop {
            let strand = &mut self.strands[id];
            let pc = strand.pc;
            match self.program.ops[pc as usize] {
                Op::Compute { .. } => {
                    if self.instances[strand.instance as usize].blocking {
                        self.compute_in_turn(now, obs, id);
                    } else {
                        self.acquire(now, obs, id);
                    }
                    return;
                }
                Op::Wait { sampler } => {
                    let time =
                        self.program.samplers[sampler as usize].sample(&mut step_bits(strand));
                    strand.doing = Doing::Waiting;
                    strand.stamp = self.engine.schedule(now + time, Event::Finish(id));
                    if O::SPANS {
                        span::does(now, obs, id, span::Doing::Waiting);
                    }
                    return;
                }
                Op::Call { site, optional } => {
                    if optional && self.goes_without(now, obs, id) {
                        continue;
                    }
                    let strand = &mut self.strands[id];
                    let key = step_key(strand, strand.pc);
                    strand.doing = Doing::Calling;
                    let local = self.instances[strand.instance as usize].local;
                    let origin = strand.origin;
                    let site = site + self.workloads.len() as u32;
                    self.start_call(now, obs, site, local, key, id, origin);
                    return;
                }
                Op::Fork { table, require } => {
                    self.fork(now, obs, id, table, require);
                    return;
                }
                Op::Repeat { times: 0, .. } => strand.pc += 1,
                Op::Repeat { times, body } => {
                    self.wait_for_branches(
                        id,
                        Fork {
                            branches: NONE,
                            running: 1,
                            required: 1,
                            rounds: times,
                        },
                    );
                    let round = self.branch(id, body, 0);
                    if O::SPANS {
                        let (strand, by, branch) = (round, id, None);
                        obs.span(now, SpanFact::Branches { strand, by, branch });
                    }
                    self.agenda.push(Todo::Resume(round));
                    return;
                }
                Op::Choose { table } => {
                    let drawn = step_bits(strand).unit();
                    let choices = &self.program.choices[table as usize];
                    let chosen = choices.partition_point(|(reached, _)| *reached <= drawn);
                    strand.pc = choices[chosen].1;
                }
                Op::Jump { to } => strand.pc = to,
                Op::Fail { ratio } => {
                    if step_bits(strand).unit() < ratio {
                        self.blame_failure(id);
                        self.strand_ended(now, obs, id, Outcome::Error);
                        return;
                    }
                    strand.pc += 1;
                }
                Op::Read { table } => {
                    let (root, record) = (strand.root, strand.origin.record());
                    strand.pc += 1;
                    self.stores.read(self.handler(root), (table, record));
                    if self.transactions.marked > 0 {
                        self.reads_marked(now, obs, root, table);
                    }
                }
                Op::ReadCopy { table } => {
                    let (root, record) = (strand.root, strand.origin.record());
                    strand.pc += 1;
                    self.read_copy(now, obs, root, (table, record));
                }
                Op::Write {
                    table,
                    if_unchanged,
                    once,
                } => {
                    let (root, record) = (strand.root, strand.origin.record());
                    let order = strand.origin.order;
                    strand.pc += 1;
                    let effect = self.orders.effect(order, table);
                    if once && effect.is_some_and(|effect| self.orders.stands(effect)) {
                        continue;
                    }
                    let handler = self.handler(root);
                    if !self.stores.write(handler, (table, record), if_unchanged) {
                        self.blame_conflict(id);
                        self.strand_ended(now, obs, id, Outcome::Conflict);
                        return;
                    }
                    if self.copies.any {
                        let version = self.stores.version((table, record));
                        self.copies.written(now, (table, record), version);
                    }
                    let watched = self.stores.is_watched();
                    let wrong =
                        watched && self.note_write(now, obs, id, pc, (table, record), effect);
                    if let Some(effect) = effect {
                        self.effect_done(id, effect, wrong);
                    }
                }
                Op::Publish { queue } => {
                    strand.doing = Doing::Agreeing;
                    self.publish(now, obs, id, queue);
                    return;
                }
                Op::Look { cache, hit } => {
                    let bits = step_key(strand, pc);
                    strand.pc = pc + 1;
                    let found = self.look_up(now, obs, id, cache, bits);
                    if found {
                        self.strands[id].pc = hit;
                    }
                    if O::SPANS {
                        let what = match found {
                            true => span::Note::CacheHit,
                            false => span::Note::CacheMiss,
                        };
                        obs.span(now, SpanFact::Notes { strand: id, what });
                    }
                }
                Op::Keep { cache, look } => {
                    let bits = step_key(strand, look);
                    let (instance, origin) = (strand.instance, strand.origin);
                    strand.pc += 1;
                    self.caches.keep(now, cache, instance, bits, origin);
                }
                Op::Enter { demand } => {
                    if demand == Demand::Command {
                        self.replicate_command(now, obs, id);
                        return;
                    }
                    strand.pc += 1;
                }
                Op::ReadReplica { anywhere, .. } => {
                    if !self.read_replica(now, obs, id, anywhere) {
                        return;
                    }
                }
                Op::WriteReplica {
                    table,
                    if_unchanged,
                    once,
                } => {
                    self.replicate_write(now, obs, id, table, (if_unchanged, once));
                    return;
                }
                Op::Transaction { number } => {
                    strand.doing = Doing::Agreeing;
                    if O::SPANS {
                        let what = span::Doing::Transaction { step: number };
                        span::does(now, obs, id, what);
                    }
                    self.begin_transaction(now, obs, id, number);
                    return;
                }
                Op::End => {
                    self.strand_ended(now, obs, id, Outcome::Success);
                    return;
                }
            }
        }
    }

    /// The handler of a request, as stores know it.
    pub(crate) fn handler(&self, root: u32) -> store::Handler {
        store::Handler {
            slot: root,
            key: self.strands[root].key,
        }
    }

    /// The agenda's word: what the strand waited for is there, or it is new.
    #[inline(always)]
    pub(crate) fn resume<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        let strand = &mut self.strands[id];
        if strand.doing == Doing::Dead {
            self.free(id);
            return;
        }
        debug_assert_eq!(strand.doing, Doing::Pending);
        let outcome = strand.outcome;
        self.go_on(now, obs, id, outcome);
    }

    /// A compute or wait step is over.
    #[inline(always)]
    pub(crate) fn finish<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32, stamp: Stamp) {
        let strand = &mut self.strands[id];
        if strand.stamp != stamp {
            return;
        }
        if strand.doing == Doing::Waiting {
            let instance = strand.instance;
            if self.paused != 0 && self.put_off(instance, Event::Finish(id), stamp) {
                return;
            }
            let strand = &mut self.strands[id];
            strand.stamp = Stamp::NONE;
            strand.pc += 1;
            self.walk(now, obs, id);
            return;
        }
        self.computed(now, obs, id);
    }

    /// A blocking request has one worker, so its strands compute one at a time.
    fn compute_in_turn<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        let root = self.strands[id].root;
        if self.strands[root].computing {
            self.strands[id].doing = Doing::WaitingForSibling;
            if O::SPANS {
                span::does(now, obs, id, span::Doing::WaitingForSibling);
            }
            self.siblings.push_back((root, id));
            return;
        }
        self.strands[root].computing = true;
        self.compute(now, obs, id);
    }

    /// Work begins; the strand has its worker.
    #[inline]
    pub(crate) fn compute<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        let strand = &mut self.strands[id];
        let Op::Compute { sampler } = self.program.ops[strand.pc as usize] else {
            unreachable!("only compute steps need a worker");
        };
        let instance = &mut self.instances[strand.instance as usize];
        let demand = self.program.samplers[sampler as usize].sample(&mut step_bits(strand));
        strand.doing = Doing::Computing;
        if O::SPANS {
            span::does(now, obs, id, span::Doing::Computing);
        }
        if instance.shared.is_some() {
            // What it waits for is the next job's end; the event that brought it is over.
            strand.stamp = Stamp::NONE;
            let id_of_instance = strand.instance;
            self.share(now, obs, id_of_instance, id, demand);
            return;
        }
        strand.due = now + slowed(demand, instance.slow);
        strand.stamp = self.engine.schedule(strand.due, Event::Finish(id));
    }

    /// The work of a compute step is done.
    #[inline(always)]
    pub(crate) fn computed<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        let strand = &mut self.strands[id];
        strand.stamp = Stamp::NONE;
        strand.pc += 1;
        let (root, instance, since) = (strand.root, strand.instance, strand.since);
        if self.instances[instance as usize].blocking {
            let strand = if root == id {
                strand
            } else {
                &mut self.strands[root]
            };
            strand.computing = false;
            if strand.family > 0 {
                self.next_sibling(now, obs, root);
            }
        } else {
            strand.doing = Doing::Pending;
            self.account_waste(now, obs, root, since);
            self.release(now, obs, instance);
            // Who got the worker, or was dropped for having waited too long, may have been another
            // strand of this request, and the end of it.
            match self.strands[id].doing {
                Doing::Pending => {}
                Doing::Dead => return self.free(id),
                _ => return,
            }
        }
        self.go_on(now, obs, id, Outcome::Success);
    }

    fn next_sibling<O: Observer>(&mut self, now: Instant, obs: &mut O, root: u32) {
        if let Some(at) = self.siblings.iter().position(|(of, _)| *of == root) {
            let (_, id) = self.siblings.remove(at).expect("found above");
            self.strands[root].computing = true;
            self.compute(now, obs, id);
        }
    }

    fn fork<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32, table: u32, require: u32) {
        let count = self.program.forks[table as usize].len();
        let running = count as u32;
        self.wait_for_branches(
            id,
            Fork {
                branches: NONE,
                running,
                required: require,
                rounds: 0,
            },
        );
        // Begun in the order of the model: the agenda hands out last what was put on it first.
        for number in (0..count).rev() {
            let start = self.program.forks[table as usize][number];
            let branch = self.branch(id, start, number as u64);
            if O::SPANS {
                let fact = SpanFact::Branches {
                    strand: branch,
                    by: id,
                    branch: Some(number as u32),
                };
                obs.span(now, fact);
            }
            self.agenda.push(Todo::Resume(branch));
        }
    }

    fn wait_for_branches(&mut self, id: u32, fork: Fork) {
        let fork = self.forks.insert(fork);
        let strand = &mut self.strands[id];
        strand.doing = Doing::Forked;
        strand.awaits = fork;
    }

    /// A strand below `parent`, which begins at `pc`.
    fn branch(&mut self, parent: u32, pc: u32, number: u64) -> u32 {
        let id = self.strands.take(Strand::blank);
        let above = &self.strands[parent];
        let (key, root) = (Keyed::child(step_key(above, above.pc), number), above.root);
        let (instance, origin) = (above.instance, above.origin);
        let first = core::mem::replace(&mut self.forks[above.awaits].branches, id);
        let strand = &mut self.strands[id];
        strand.begin(key, instance, pc, parent);
        strand.root = root;
        strand.origin = origin;
        strand.next = first;
        if first != NONE {
            self.strands[first].prev = id;
        }
        self.strands[root].family += 1;
        id
    }

    /// A strand has reached its end, or failed.
    #[inline(always)]
    pub(crate) fn strand_ended<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        id: u32,
        outcome: Outcome,
    ) {
        let strand = &self.strands[id];
        if strand.root == id {
            self.request_served(now, obs, id, outcome);
            return;
        }
        let parent = strand.owner;
        let (root, degraded) = (strand.root, strand.degraded);
        if parent != NONE && self.next_round(id, parent, outcome) {
            return;
        }
        if O::SPANS {
            let strand = id;
            obs.span(now, SpanFact::Served { strand, outcome });
        }
        if parent != NONE && !outcome.is_success() && self.blame.is_some() {
            self.blame_branch(parent, id);
        }
        self.unlink_branch(id);
        self.free(id);
        if parent != NONE {
            self.branch_ended(parent, outcome, degraded);
        }
        self.leave_family(now, obs, root);
    }

    /// Whether the strand was a round of a `repeat`, and goes on with the next one.
    fn next_round(&mut self, id: u32, parent: u32, outcome: Outcome) -> bool {
        let above = &self.strands[parent];
        let Op::Repeat { times, body } = self.program.ops[above.pc as usize] else {
            return false;
        };
        let fork = &mut self.forks[above.awaits];
        fork.rounds -= 1;
        if fork.rounds == 0 || outcome != Outcome::Success {
            return false;
        }
        let key = Keyed::child(step_key(above, above.pc), u64::from(times - fork.rounds));
        let strand = &mut self.strands[id];
        strand.key = key;
        strand.pc = body;
        strand.doing = Doing::Pending;
        self.agenda.push(Todo::Resume(id));
        true
    }

    /// A branch or the last round of `parent` has ended: does it go on?
    fn branch_ended(&mut self, parent: u32, outcome: Outcome, degraded: bool) {
        let above = &mut self.strands[parent];
        above.degraded |= degraded && outcome == Outcome::Success;
        let fork = &mut self.forks[above.awaits];
        fork.running -= 1;
        if outcome == Outcome::Success {
            fork.required -= 1;
            if fork.required > 0 {
                return;
            }
        } else if fork.running >= fork.required {
            return;
        }
        let mut branch = fork.branches;
        self.forks.remove(above.awaits);
        above.doing = Doing::Pending;
        above.outcome = outcome;
        above.pc += 1;
        // The rest runs on, unheard.
        while branch != NONE {
            let strand = &mut self.strands[branch];
            branch = strand.next;
            (strand.owner, strand.next, strand.prev) = (NONE, NONE, NONE);
        }
        self.agenda.push(Todo::Resume(parent));
    }

    fn unlink_branch(&mut self, id: u32) {
        let Strand {
            owner, next, prev, ..
        } = self.strands[id];
        if next != NONE {
            self.strands[next].prev = prev;
        }
        if prev != NONE {
            self.strands[prev].next = next;
        } else if owner != NONE {
            self.forks[self.strands[owner].awaits].branches = next;
        }
    }

    /// One strand below `root` less.
    fn leave_family<O: Observer>(&mut self, now: Instant, obs: &mut O, root: u32) {
        let strand = &mut self.strands[root];
        strand.family -= 1;
        if strand.family > 0
            || !matches!(
                strand.doing,
                Doing::Answering | Doing::Lost | Doing::Lingering
            )
        {
            return;
        }
        let lingering = strand.doing == Doing::Lingering;
        if strand.has_worker {
            self.release_request(now, obs, root);
        }
        if lingering {
            self.free(root);
        }
    }

    /// The handler of a request is through with `outcome`.
    #[inline(always)]
    fn request_served<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        root: u32,
        outcome: Outcome,
    ) {
        let strand = &mut self.strands[root];
        let instance = &self.instances[strand.instance as usize];
        let mut outcome = outcome;
        if strand.degraded && outcome == Outcome::Success {
            outcome = Outcome::Degraded;
        }
        let (open, service) = (instance.open, instance.service as usize);
        if instance.errors > 0.0
            && outcome.is_success()
            && Keyed::new(strand.key ^ FAULT).unit() < instance.errors
        {
            outcome = Outcome::Error;
            self.blame_failure(root);
        }
        obs.completed(now, service);
        if O::SPANS {
            let strand = root;
            obs.span(now, SpanFact::Served { strand, outcome });
        }
        if !open && self.deployments.listening {
            self.hears_request(now, root, outcome);
        }
        let instance = &self.instances[self.strands[root].instance as usize];
        if instance.guard.is_some() {
            self.answer_guarded(now, obs, root, outcome);
        } else {
            self.answer(now, obs, root, outcome);
        }
    }

    /// The same as [`Self::answer`] where admission hears of it, apart as above.
    #[inline(never)]
    fn answer_guarded<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        root: u32,
        outcome: Outcome,
    ) {
        self.let_out(now, root, Some(outcome));
        self.answer(now, obs, root, outcome);
    }

    /// A request has its answer, which sets out or is heard.
    #[inline(always)]
    fn answer<O: Observer>(&mut self, now: Instant, obs: &mut O, root: u32, outcome: Outcome) {
        let strand = &self.strands[root];
        // Branches that nobody listens to still use the worker of a blocking request.
        if strand.has_worker && strand.family == 0 {
            self.release_request(now, obs, root);
        }
        let strand = &self.strands[root];
        let heard_at_once = strand.owner != NONE && self.network.is_instant();
        if heard_at_once && self.paused == 0 && self.may_go_deeper() {
            self.hear(now, obs, root, outcome);
        } else {
            self.send_answer(now, root, outcome);
            if O::SPANS {
                self.tell_if_lost(now, obs, root);
            }
        }
    }

    /// Nothing more will be heard of the message that `root` stands for.
    #[inline(always)]
    pub(crate) fn answered(&mut self, root: u32) {
        let strand = &mut self.strands[root];
        if strand.family == 0 {
            strand.doing = Doing::Nothing;
            strand.stamp = Stamp::NONE;
            self.strands.remove(root);
        } else {
            strand.doing = Doing::Lingering;
        }
    }

    #[inline]
    pub(crate) fn free(&mut self, id: u32) {
        self.strands[id].doing = Doing::Nothing;
        self.strands[id].stamp = Stamp::NONE;
        self.strands.remove(id);
    }
}

/// The key of what is drawn at a strand's step, or of the call made there. It only has to
/// differ from step to step, also along nested calls (adding alone would not tell the order of two
/// steps); whoever draws from it mixes it.
#[inline]
pub(crate) fn step_key(strand: &Strand, pc: u32) -> u64 {
    let step = (u64::from(pc) + 1).wrapping_mul(STEP);
    strand.key.wrapping_add(step).rotate_left(23)
}

#[inline]
pub(crate) fn step_bits(strand: &Strand) -> Keyed {
    Keyed::new(step_key(strand, strand.pc))
}

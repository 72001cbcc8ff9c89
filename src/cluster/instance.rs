//! An instance: admits requests, queues them, hands out its workers, and stops work that nobody
//! waits for.

use crate::cause::Link;
use crate::event::Event;
use crate::handler::step_bits;
use crate::observer::Observer;
use crate::program::Op;
use crate::shared;
use crate::slab::NONE;
use crate::span::{self, Refusal, SpanFact};
use crate::state::Doing;
use crate::world::{Todo, World};
use clock::{Duration, Instant};
use engine::Stamp;
use model::Abandoned;
use policy::{Outcome, Popped, Verdict};

/// A queue that holds more dead than this, and than living, is cleared of them.
const MOST_DEAD: usize = 64;

impl World {
    /// A strand wants a worker: it gets one, waits for one, or is refused.
    #[inline(always)]
    pub(crate) fn acquire<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        let strand = &self.strands[id];
        let instance = &mut self.instances[strand.instance as usize];
        let service = &mut self.services[instance.service as usize];
        if instance.busy < instance.workers {
            instance.busy += 1;
            instance.load_changed(now);
            instance.queue.passed(now);
            if instance.shared.is_none() {
                service.busy += 1;
                obs.busy_workers(now, instance.service as usize, service.busy);
            }
            self.begin(now, obs, id, now);
            return;
        }
        // What was admitted once is never refused: only new requests meet a full queue.
        if instance.waiting >= instance.queue_capacity && !self.strands[strand.root].admitted {
            obs.refused(now, instance.service as usize);
            if self.blame.is_some() {
                self.blame_refusal(id, |service, why| Link::Full { service, why });
            }
            self.refuse(now, obs, id, Refusal::QueueFull);
            return;
        }
        instance.queue.push(now, id, strand.origin.priority);
        instance.waiting += 1;
        service.queued += 1;
        obs.queue_length(now, instance.service as usize, service.queued);
        self.strands[id].doing = Doing::Queued;
        if O::SPANS {
            span::does(now, obs, id, span::Doing::Queued);
        }
        instance.queue_changed(now, Duration::ZERO);
    }

    /// The strand has got its worker, `arrived` being when it asked for one.
    #[inline(always)]
    fn begin<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32, arrived: Instant) {
        let instance = &self.instances[self.strands[id].instance as usize];
        if instance.guard.is_some() {
            self.begin_guarded(now, obs, id, arrived);
        } else {
            self.begin_work(now, obs, id, arrived);
        }
    }

    /// The same where admission hears of it. Apart, so that the common way is not the longer for it.
    #[inline(never)]
    fn begin_guarded<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32, arrived: Instant) {
        let root = self.strands[id].root;
        if !self.strands[root].admitted {
            self.served_after(now, root, now.since(arrived));
        }
        self.begin_work(now, obs, id, arrived);
    }

    #[inline(always)]
    fn begin_work<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32, arrived: Instant) {
        let strand = &mut self.strands[id];
        strand.since = now;
        let instance = &self.instances[strand.instance as usize];
        // Only the first work of a request tells how long it waited to be served.
        let first = if strand.root == id {
            !core::mem::replace(&mut strand.admitted, true)
        } else {
            let root = strand.root;
            !core::mem::replace(&mut self.strands[root].admitted, true)
        };
        if first {
            obs.served(now, instance.service as usize, arrived);
        }
        let strand = &mut self.strands[id];
        let op = self.program.ops[strand.pc as usize];
        if instance.blocking {
            strand.has_worker = true;
            strand.computing = true;
        }
        if let (Op::Compute { sampler }, None) = (op, &instance.shared) {
            let demand = self.program.samplers[sampler as usize].sample(&mut step_bits(strand));
            strand.doing = Doing::Computing;
            strand.due = now + slowed(demand, instance.slow);
            strand.stamp = self.engine.schedule(strand.due, Event::Finish(id));
            if O::SPANS {
                span::does(now, obs, id, span::Doing::Computing);
            }
        } else if let Op::Compute { .. } = op {
            self.compute(now, obs, id);
        } else {
            if O::SPANS {
                span::does(now, obs, id, span::Doing::Nothing);
            }
            let strand = &mut self.strands[id];
            // Not called at once: a queue of empty handlers would climb the stack.
            strand.computing = false;
            strand.doing = Doing::Pending;
            self.agenda.push(Todo::Resume(id));
        }
    }

    /// A strand is turned away. Where its end is waited for, the whole request goes; a branch that
    /// nobody listens to goes alone.
    fn refuse<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32, why: Refusal) {
        let root = self.strands[id].root;
        if O::SPANS {
            obs.span(now, SpanFact::Refused { strand: id, why });
            if id != root && self.is_heard(id) {
                obs.span(now, SpanFact::Refused { strand: root, why });
            }
        }
        if !self.is_heard(id) {
            self.strand_ended(now, obs, id, Outcome::Rejected);
            return;
        }
        if self.strands[root].family > 0 {
            // Nothing names the strand any more.
            self.strands[id].doing = Doing::Stopped;
            self.stop_strands(now, obs, root);
            if self.strands[root].doing == Doing::Dead {
                // It stands for the answer from now on, and must not be taken for who goes on.
                self.agenda
                    .retain(|todo| !matches!(todo, Todo::Resume(named) if *named == root));
            }
        }
        if self.deployments.listening {
            self.hears_request(now, root, Outcome::Rejected);
        }
        self.let_out(now, root, Some(Outcome::Rejected));
        self.send_answer(now, root, Outcome::Rejected);
    }

    /// Whether the answer of its request waits for a strand.
    fn is_heard(&self, mut id: u32) -> bool {
        let root = self.strands[id].root;
        while id != root {
            match self.strands[id].owner {
                NONE => return false,
                parent => id = parent,
            }
        }
        true
    }

    /// A worker is free: the next in the queue gets it.
    #[inline(always)]
    pub(crate) fn release<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        let instance = &self.instances[id as usize];
        // There may be fewer workers than before.
        if instance.waiting > 0
            && instance.busy <= instance.workers
            && instance.pauses == 0
            && let Some(next) = self.next_waiting(now, obs, id)
        {
            self.begin(now, obs, next.item, next.since);
            return;
        }
        let instance = &mut self.instances[id as usize];
        instance.busy -= 1;
        instance.load_changed(now);
        if instance.shared.is_none() {
            let service = &mut self.services[instance.service as usize];
            service.busy -= 1;
            obs.busy_workers(now, instance.service as usize, service.busy);
        }
    }

    /// Gives free workers to those who wait.
    pub(crate) fn refill<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        loop {
            let instance = &self.instances[id as usize];
            if instance.busy >= instance.workers {
                return;
            }
            let Some(next) = self.next_waiting(now, obs, id) else {
                return;
            };
            let instance = &mut self.instances[id as usize];
            instance.busy += 1;
            instance.load_changed(now);
            if instance.shared.is_none() {
                let service = &mut self.services[instance.service as usize];
                service.busy += 1;
                obs.busy_workers(now, instance.service as usize, service.busy);
            }
            self.begin(now, obs, next.item, next.since);
        }
    }

    /// Takes the next out of the queue who is still to be served.
    #[inline(always)]
    fn next_waiting<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) -> Option<Popped> {
        loop {
            let instance = &self.instances[id as usize];
            if instance.queue.len() > instance.waiting as usize {
                self.bury(id);
            }
            let instance = &mut self.instances[id as usize];
            let popped = instance.queue.pop(now)?;
            let strand = &self.strands[popped.item];
            instance.waiting -= 1;
            instance.queue_changed(now, now.since(popped.since));
            let service = &mut self.services[instance.service as usize];
            service.queued -= 1;
            obs.queue_length(now, instance.service as usize, service.queued);
            let gave_up = self.strands[strand.root].gave_up != Instant::NEVER;
            if gave_up && instance.abandoned != Abandoned::Serve {
                let root = strand.root;
                self.strands[popped.item].doing = Doing::Stopped;
                self.stop_request(now, obs, root);
            } else if popped.verdict == Verdict::Drop {
                obs.refused(now, instance.service as usize);
                self.strands[popped.item].doing = Doing::Stopped;
                if self.blame.is_some() {
                    self.blame_refusal(popped.item, |service, why| Link::Overdue { service, why });
                }
                self.refuse(now, obs, popped.item, Refusal::Dropped);
            } else {
                return Some(popped);
            }
        }
    }

    /// A blocking request gives its worker back.
    #[inline(always)]
    pub(crate) fn release_request<O: Observer>(&mut self, now: Instant, obs: &mut O, root: u32) {
        let strand = &mut self.strands[root];
        strand.has_worker = false;
        let (id, since) = (strand.instance, strand.since);
        self.account_waste(now, obs, root, since);
        self.release(now, obs, id);
    }

    /// Work since `since` was in vain as far as the caller of `root` had given up by then.
    #[inline(always)]
    pub(crate) fn account_waste<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        root: u32,
        since: Instant,
    ) {
        let strand = &self.strands[root];
        let gave_up = strand.gave_up;
        if gave_up == Instant::NEVER {
            return;
        }
        let instance = &self.instances[strand.instance as usize];
        // Who shares cores uses less than a worker, and tells by itself.
        if instance.shared.is_none() {
            let time = now.since(gave_up.max(since));
            obs.wasted(now, instance.service as usize, time);
        }
    }

    /// The same for work on shared cores.
    fn account_shared_waste<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        ended: shared::Ended,
    ) {
        let strand = &self.strands[ended.strand];
        if self.strands[strand.root].gave_up != Instant::NEVER {
            let service = self.instances[strand.instance as usize].service;
            obs.wasted(now, service as usize, ended.used);
        }
    }

    /// The caller of `root` gives up: what its work on shared cores uses from now on is in vain.
    pub(crate) fn give_up_shares(&mut self, now: Instant, root: u32) {
        let strands = &self.strands;
        let instance = &mut self.instances[strands[root].instance as usize];
        if let Some(shared) = &mut instance.shared {
            shared.give_up(now, |strand| strands[strand].root == root);
        }
    }

    /// Work on shared cores begins.
    pub(crate) fn share<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        id: u32,
        strand: u32,
        demand: Duration,
    ) {
        let shared = self.instances[id as usize]
            .shared
            .as_mut()
            .expect("asked by the caller");
        let before = shared.busy();
        shared.add(now, strand, demand);
        self.share_changed(now, obs, id, before);
    }

    /// The next job on shared cores is done.
    pub(crate) fn shared_done<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        id: u32,
        stamp: Stamp,
    ) {
        let instance = &mut self.instances[id as usize];
        if instance.shared_stamp != stamp {
            return;
        }
        let shared = instance
            .shared
            .as_mut()
            .expect("only shared cores set this event");
        let before = shared.busy();
        let ended = shared.finish(now);
        self.share_changed(now, obs, id, before);
        if let Some(ended) = ended {
            self.account_shared_waste(now, obs, ended);
            self.computed(now, obs, ended.strand);
        }
    }

    /// States how many cores work, `before` of them until now, and waits for the next job's end.
    pub(crate) fn share_changed<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        id: u32,
        before: u32,
    ) {
        let instance = &mut self.instances[id as usize];
        let shared = instance.shared.as_ref().expect("asked by the caller");
        instance.shared_stamp = match shared.due() {
            Some(at) => self.engine.schedule(at.max(now), Event::Shared(id)),
            None => Stamp::NONE,
        };
        let service = &mut self.services[instance.service as usize];
        service.busy = service.busy + shared.busy() - before;
        instance.load_changed(now);
        obs.busy_workers(now, instance.service as usize, service.busy);
    }

    /// Stops a request whose caller has given up, for good.
    pub(crate) fn stop_request<O: Observer>(&mut self, now: Instant, obs: &mut O, root: u32) {
        self.stop_strands(now, obs, root);
        self.let_out(now, root, None);
        match self.strands[root].doing {
            // Freed by who named it, or about to be; or its answer is on the way, and finds that
            // nobody waits.
            Doing::Nothing | Doing::Dead | Doing::Answering => {}
            _ => self.answered(root),
        }
    }

    /// Stops all strands of a request and gives its workers back. The root's slot stays, for the
    /// answer, unless the queue or the agenda still names it: then it is dead, and they free it.
    pub(crate) fn stop_strands<O: Observer>(&mut self, now: Instant, obs: &mut O, root: u32) {
        let id_of_instance = self.strands[root].instance;
        let mut workers = 0;
        if self.strands[root].family > 0 {
            // Rare, and some may be listed nowhere: look at every slot.
            for id in 0..self.strands.slots() {
                let strand = &self.strands[id];
                if strand.root == root
                    && id != root
                    && !matches!(strand.doing, Doing::Nothing | Doing::Dead)
                {
                    workers += u32::from(self.stop_strand(now, obs, id));
                    if self.strands[id].doing != Doing::Dead {
                        self.free(id);
                    }
                }
            }
            self.strands[root].family = 0;
            self.siblings.retain(|(of, _)| *of != root);
        }
        if !matches!(self.strands[root].doing, Doing::Answering | Doing::Lost) {
            workers += u32::from(self.stop_strand(now, obs, root));
        }
        let instance = &self.instances[id_of_instance as usize];
        if instance.queue.len() > 2 * instance.waiting as usize + MOST_DEAD {
            self.bury(id_of_instance);
        }
        // Only now that none of its strands can get one of them.
        for _ in 0..workers {
            self.release(now, obs, id_of_instance);
        }
        if self.strands[root].has_worker {
            self.release_request(now, obs, root);
        }
    }

    /// Takes the dead out of a queue: those that would be the next to leave it, or all of them where
    /// they are many.
    #[cold]
    fn bury(&mut self, id: u32) {
        let instance = &mut self.instances[id as usize];
        let strands = &mut self.strands;
        let mut gone = |item: u32| {
            let dead = strands[item].doing == Doing::Dead;
            if dead {
                strands[item].doing = Doing::Nothing;
                strands[item].stamp = Stamp::NONE;
                strands.remove(item);
            }
            dead
        };
        if instance.queue.len() > 2 * instance.waiting as usize + MOST_DEAD {
            instance.queue.retain(|item| !gone(item));
        } else {
            instance.queue.trim(gone);
        }
    }

    /// Ends what one strand is doing; answers whether a worker is to be released for it.
    fn stop_strand<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) -> bool {
        let strand = &mut self.strands[id];
        let doing = core::mem::replace(&mut strand.doing, Doing::Stopped);
        let instance_id = strand.instance;
        if O::SPANS {
            obs.span(now, SpanFact::Stopped { strand: id });
        }
        match doing {
            Doing::Computing => {
                strand.stamp = Stamp::NONE;
                let (root, since) = (strand.root, strand.since);
                self.strands[root].computing = false;
                let instance = &mut self.instances[instance_id as usize];
                instance.frozen.retain(|(frozen, _)| *frozen != id);
                if let Some(shared) = &mut instance.shared {
                    let before = shared.busy();
                    let ended = shared.remove(now, id);
                    self.share_changed(now, obs, instance_id, before);
                    if let Some(ended) = ended {
                        self.account_shared_waste(now, obs, ended);
                    }
                }
                if !self.instances[instance_id as usize].blocking {
                    self.account_waste(now, obs, root, since);
                    return true;
                }
            }
            Doing::Waiting => strand.stamp = Stamp::NONE,
            Doing::Pending => strand.doing = Doing::Dead,
            Doing::Queued => {
                strand.doing = Doing::Dead;
                let instance = &mut self.instances[instance_id as usize];
                instance.waiting -= 1;
                instance.queue_changed(now, Duration::ZERO);
                let service = &mut self.services[instance.service as usize];
                service.queued -= 1;
                obs.queue_length(now, instance.service as usize, service.queued);
            }
            Doing::Calling => {
                let call = core::mem::replace(&mut strand.awaits, NONE);
                self.abandon_call(now, obs, call);
            }
            Doing::Agreeing => self.stops_listening(id),
            Doing::Forked => {
                let fork = core::mem::replace(&mut strand.awaits, NONE);
                self.forks.remove(fork);
            }
            _ => {}
        }
        false
    }
}

/// How long work takes at an instance that is slow by a factor.
#[inline]
pub(crate) fn slowed(demand: Duration, slow: f64) -> Duration {
    if slow == 1.0 {
        demand
    } else {
        demand.mul_f64(slow)
    }
}

//! What a handler does at a replica: it has entries committed, and reads what the replica has applied.

use super::log::What;
use super::{On, Wait};
use crate::observer::{GroupFact, Observer};
use crate::program::Op;
use crate::span;
use crate::state::Doing;
use crate::world::World;
use clock::Instant;
use policy::Outcome;
use protocol::replication::Role;

/// Under which name a read is reported that saw less than it must.
const READS: &str = "reads are never older than declared";

impl World {
    /// A strand has one entry replicated that stands for its handler.
    #[cold]
    pub(crate) fn replicate_command<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        self.replicate(now, obs, id, What::Command);
    }

    /// A strand has a write replicated.
    #[cold]
    pub(crate) fn replicate_write<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        id: u32,
        table: u32,
        (if_unchanged, once): (bool, bool),
    ) {
        let strand = &self.strands[id];
        let effect = self.orders.effect(strand.origin.order, table);
        let (root, record) = (strand.root, (table, strand.origin.record()));
        let handler = self.handler(root);
        let seen = self.stores.seen_version(handler, table);
        let what = What::Write {
            record,
            by: handler.key,
            unchanged_since: seen.filter(|_| if_unchanged),
            effect: effect.map(|effect| (effect, once)),
        };
        self.replicate(now, obs, id, what);
    }

    /// A strand reads at its replica; answers whether it goes on at once.
    #[cold]
    pub(crate) fn read_replica<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        id: u32,
        anywhere: bool,
    ) -> bool {
        let instance = self.strands[id].instance;
        let member = &self.groups.members[self.instances[instance as usize].member as usize];
        if anywhere || (member.serves() && member.replica.may_read(now)) {
            if !anywhere {
                let node = member.node;
                let checker = &mut self.groups.groups[member.group as usize].checker;
                checker.read_at_leader(node, checker.floor());
            }
            self.read_here(now, obs, id, now);
            self.strands[id].pc += 1;
            return true;
        }
        // Who only believes to lead finds out by having an entry committed.
        self.replicate(now, obs, id, What::Barrier);
        false
    }

    /// The strand at a read that began at `since` sees what its replica has applied. What was
    /// acknowledged while a read was under way it may see or not.
    pub(super) fn read_here<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        id: u32,
        since: Instant,
    ) {
        let strand = &self.strands[id];
        let Op::ReadReplica { table, anywhere } = self.program.ops[strand.pc as usize] else {
            return;
        };
        let (root, record) = (strand.root, (table, strand.origin.record()));
        let member = self.instances[strand.instance as usize].member;
        let replica = &self.groups.members[member as usize];
        let version = replica.applied.version(record);
        if self.transactions.marked > 0 {
            self.reads_marked(now, obs, root, table);
        }
        let group = self.groups.group(member);
        let missed = group.log.first_missed(record, version);
        let (service, bound) = (group.service as usize, group.staleness);
        let handler = self.handler(root);
        self.stores.remember(handler, table, version);
        let Some(missed) = missed.filter(|missed| *missed < since || since == now) else {
            return;
        };
        let behind = now.since(missed);
        obs.group(now, service, GroupFact::StaleRead(behind));
        let wrong = if anywhere {
            bound.is_some_and(|bound| behind > bound)
        } else {
            true
        };
        if wrong {
            let group = self.groups.group(member);
            let reader = format!("{}-{}", group.name, member - group.first_member + 1);
            let what = format!(
                "{reader} read version {version} of a record at {now}, after a later one had been \
                 acknowledged {behind} before"
            );
            self.violation(READS, what);
        }
    }

    /// Proposes an entry where the strand runs; the strand waits for it, or fails where nobody leads.
    fn replicate<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32, what: What) {
        let instance = self.strands[id].instance;
        let member = self.instances[instance as usize].member;
        let replica = &mut self.groups.members[member as usize];
        let group = &mut self.groups.groups[replica.group as usize];
        let term = match replica.role {
            Some(Role::Leader(term)) => term.0,
            _ => 0,
        };
        let entry = group.log.propose(what, term);
        let floor = group.checker.floor();
        let strand = id;
        let on = On::Entry(entry);
        let wait = self.groups.waits.insert(Wait {
            strand,
            member,
            on,
            since: now,
            floor,
        });
        self.groups.members[member as usize]
            .proposed
            .insert(entry, wait);
        self.strands[id].doing = Doing::Agreeing;
        self.strands[id].awaits = wait;
        if O::SPANS {
            span::does(now, obs, id, span::Doing::Replicating);
        }
        if self.propose_entry(now, obs, member, entry).is_err() {
            self.group_unheard(wait);
            self.strands[id].doing = Doing::Pending;
            self.blame_leaderless(id);
            self.strand_ended(now, obs, id, Outcome::Unavailable);
        }
    }
}

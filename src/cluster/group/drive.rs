//! Drives one replica: tells it what has happened, and does what it asks for. Its disk forces one write
//! at a time, its link sends one message at a time.

use super::log::{Fate, Placed, What};
use super::member::Member;
use super::{Alarm, Letter, Wait};
use crate::observer::{GroupFact, Observer};
use crate::post::{self, Bell, Mail, Party};
use crate::world::World;
use clock::{Duration, Instant};
use policy::Outcome;
use protocol::replication::{Action, Entry, Message, Node, NotLeader, Role, Timer, Token};

/// The name under which breaches of the protocols' rules are reported.
const CHECKER: &str = "a group keeps one log";

/// Entries that all replicas have applied are forgotten when so many have come.
const FORGET_AFTER: u64 = 1024;

/// What a replica is told.
#[derive(Debug)]
pub(super) enum Word {
    Start,
    Message(Node, Message),
    Timer(Timer),
    Forced(Token),
}

impl Member {
    fn hear(&mut self, now: Instant, word: Word, out: &mut Vec<Action>) {
        let (replica, dice) = (&mut self.replica, &mut self.dice);
        match word {
            Word::Start => {
                self.running = true;
                replica.start(now, dice, out);
            }
            Word::Message(from, message) => replica.on_message(now, from, message, dice, out),
            Word::Timer(timer) => replica.on_timer(now, timer, dice, out),
            Word::Forced(token) => replica.on_forced(now, token, dice, out),
        }
    }
}

impl World {
    /// Tells a replica something, and does what it answers.
    pub(super) fn tell_replica<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        member: u32,
        word: Word,
    ) {
        let mut out = core::mem::take(&mut self.groups.out);
        self.groups.members[member as usize].hear(now, word, &mut out);
        self.act(now, obs, member, out);
    }

    /// Proposes an entry at a replica.
    pub(super) fn propose_entry<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        member: u32,
        entry: u64,
    ) -> Result<(), NotLeader> {
        let mut out = core::mem::take(&mut self.groups.out);
        let replica = &mut self.groups.members[member as usize];
        let entry = Entry(entry);
        let proposed = replica.replica.propose(now, entry, &mut out);
        if proposed.is_ok() {
            let group = &mut self.groups.groups[replica.group as usize];
            group.checker.proposed(entry);
        }
        self.act(now, obs, member, out);
        proposed
    }

    fn act<O: Observer>(&mut self, now: Instant, obs: &mut O, member: u32, mut out: Vec<Action>) {
        loop {
            for action in out.drain(..) {
                self.do_action(now, obs, member, action);
            }
            // What takes no time to force is stable as soon as all that was asked for is done.
            let replica = &mut self.groups.members[member as usize];
            if replica.disk.bell.is_some() || replica.disk.next.is_empty() {
                break;
            }
            self.force_group(now, obs, member, &mut out);
            if out.is_empty() {
                break;
            }
        }
        self.groups.out = out;
        self.open_door(member);
        self.tell_violations(member);
    }

    fn do_action<O: Observer>(&mut self, now: Instant, obs: &mut O, member: u32, action: Action) {
        match action {
            Action::Send(to, message) => self.send_to_replica(now, obs, member, to, message),
            Action::SetTimer(timer, at) => {
                let bell = self.set_bell(at, member, Alarm::Timer(timer));
                let replica = &mut self.groups.members[member as usize];
                if let Some(old) = replica.timers.set(timer, bell) {
                    self.silence(old);
                }
            }
            Action::CancelTimer(timer) => {
                let replica = &mut self.groups.members[member as usize];
                if let Some(old) = replica.timers.take(timer) {
                    self.silence(old);
                }
            }
            Action::Force(token) => self.groups.members[member as usize].disk.next.push(token),
            Action::Role(role) => self.takes_part(now, obs, member, role),
            Action::Committed { index, entry } => self.committed(now, obs, member, index, entry),
            Action::Restored { index } => self.restored(now, obs, member, index),
        }
    }

    fn set_bell(&mut self, at: Instant, member: u32, alarm: Alarm) -> Bell {
        let whose = Party::Instance(self.groups.instance(member));
        self.set_alarm(at, whose, post::Alarm::Group(alarm))
    }

    // The disk.

    /// The disk is idle and there is something to force: it begins, or is done where that takes no
    /// time.
    fn force_group<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        member: u32,
        out: &mut Vec<Action>,
    ) {
        let service = self.groups.group(member).service as usize;
        let replica = &mut self.groups.members[member as usize];
        let time = self.groups.groups[replica.group as usize]
            .force
            .sample(&mut replica.costs);
        obs.group(now, service, GroupFact::Forced);
        let tokens = core::mem::take(&mut replica.disk.next);
        if time.is_zero() {
            for token in tokens {
                replica.hear(now, Word::Forced(token), out);
            }
            return;
        }
        replica.disk.running = tokens;
        let bell = self.set_bell(now + time, member, Alarm::Disk);
        self.groups.members[member as usize].disk.bell = Some(bell);
    }

    /// A write to stable storage has ended.
    pub(super) fn group_forced<O: Observer>(&mut self, now: Instant, obs: &mut O, member: u32) {
        let mut out = core::mem::take(&mut self.groups.out);
        let replica = &mut self.groups.members[member as usize];
        replica.disk.bell = None;
        for token in core::mem::take(&mut replica.disk.running) {
            replica.hear(now, Word::Forced(token), &mut out);
        }
        self.act(now, obs, member, out);
    }

    // The link.

    /// A message sets out, or waits until those before it have left.
    fn send_to_replica<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        member: u32,
        to: Node,
        message: Message,
    ) {
        obs.group(
            now,
            self.groups.group(member).service as usize,
            GroupFact::Message,
        );
        let time = self.time_on_link(member, &message);
        let replica = &mut self.groups.members[member as usize];
        if replica.link.bell.is_some() {
            replica.link.queue.push_back((to, message));
        } else if time.is_zero() {
            self.post_letter(now, member, to, message);
        } else {
            replica.link.queue.push_back((to, message));
            self.occupy_link(now, member, time);
        }
    }

    fn time_on_link(&mut self, member: u32, message: &Message) -> Duration {
        let replica = &mut self.groups.members[member as usize];
        let send = &self.groups.groups[replica.group as usize].send;
        let each = (0..message.entries()).map(|_| send.sample(&mut replica.costs));
        each.fold(Duration::ZERO, Duration::saturating_add)
    }

    fn occupy_link(&mut self, now: Instant, member: u32, time: Duration) {
        let bell = self.set_bell(now + time, member, Alarm::Link);
        self.groups.members[member as usize].link.bell = Some(bell);
    }

    /// The first message has left; those behind it that take no time leave, too.
    pub(super) fn link_free<O: Observer>(&mut self, now: Instant, _: &mut O, member: u32) {
        let mut left = Duration::ZERO;
        while left.is_zero() {
            let link = &mut self.groups.members[member as usize].link;
            link.bell = None;
            let Some((to, message)) = link.queue.pop_front() else {
                return;
            };
            self.post_letter(now, member, to, message);
            let link = &mut self.groups.members[member as usize].link;
            let Some((to, message)) = link.queue.pop_front() else {
                return;
            };
            left = self.time_on_link(member, &message);
            let link = &mut self.groups.members[member as usize].link;
            link.queue.push_front((to, message));
        }
        self.occupy_link(now, member, left);
    }

    fn post_letter(&mut self, now: Instant, member: u32, to: Node, message: Message) {
        let group = self.groups.group(member);
        let from = Party::Instance(self.groups.instance(member));
        let to = Party::Instance(group.first_instance + to.0);
        self.post(now, from, to, Mail::Group(Letter(message)));
    }

    // The log.

    /// A replica is told what stands at places of the log. It is applied, unless it or what stands
    /// before it is still to be made up for.
    fn committed<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        member: u32,
        index: u64,
        entry: Option<Entry>,
    ) {
        let replica = &mut self.groups.members[member as usize];
        let group = &mut self.groups.groups[replica.group as usize];
        group.checker.committed(replica.node, index, entry);
        group.log.place(index, entry.map(|entry| entry.0));
        // Of what everybody has applied it need not be told again.
        if index == replica.told() + 1 {
            replica.behind.told += 1;
            if replica.behind.bell.is_none() {
                self.make_up(now, obs, member);
            }
        }
    }

    /// A replica is given what stands up to a place, rather than told.
    fn restored<O: Observer>(&mut self, now: Instant, obs: &mut O, member: u32, index: u64) {
        let replica = &mut self.groups.members[member as usize];
        let group = &mut self.groups.groups[replica.group as usize];
        group.checker.restored(replica.node, index);
        let told = index.saturating_sub(replica.applied.index());
        replica.behind.told = replica.behind.told.max(told);
        if replica.behind.bell.is_none() {
            self.make_up(now, obs, member);
        }
    }

    /// Applies what the replica was told of, until there is something whose making up takes time.
    fn make_up<O: Observer>(&mut self, now: Instant, obs: &mut O, member: u32) {
        loop {
            let replica = &mut self.groups.members[member as usize];
            if replica.behind.told == 0 {
                return;
            }
            if replica.behind.is_missed(replica.applied.index() + 1) {
                let catch_up = &self.groups.groups[replica.group as usize].catch_up;
                let time = catch_up.sample(&mut replica.costs);
                if !time.is_zero() {
                    let bell = self.set_bell(now + time, member, Alarm::CaughtUp);
                    self.groups.members[member as usize].behind.bell = Some(bell);
                    return;
                }
            }
            self.apply_next(now, obs, member);
        }
    }

    /// The entry in hand has been made up for.
    pub(super) fn caught_up<O: Observer>(&mut self, now: Instant, obs: &mut O, member: u32) {
        self.groups.members[member as usize].behind.bell = None;
        self.apply_next(now, obs, member);
        self.make_up(now, obs, member);
        self.open_door(member);
        self.tell_violations(member);
    }

    /// Applies the next entry at a replica; whoever waits for it there hears what became of it, and so
    /// does who waits for one that can not come any more.
    fn apply_next<O: Observer>(&mut self, now: Instant, obs: &mut O, member: u32) {
        let replica = &mut self.groups.members[member as usize];
        let group = &mut self.groups.groups[replica.group as usize];
        replica.behind.told -= 1;
        let index = replica.applied.index() + 1;
        let placed = group.log.at(index);
        let fate = replica
            .applied
            .apply(index, placed.map(|placed| placed.what));
        if let Some((effect, once)) = group.log.first_effect(index, placed, fate)
            && !(once && self.orders.stands(effect))
        {
            self.orders.add(effect, false);
        }
        let mut waiting = None;
        let mut lost: Vec<u32> = Vec::new();
        if !replica.proposed.is_empty() {
            waiting = placed.and_then(|placed| replica.proposed.remove(&placed.entry));
            // An entry of the protocol's own says nothing to who leads: it may be the first of the reign.
            let leads = matches!(replica.role, Some(Role::Leader(_)));
            if placed.is_some() || !leads {
                let is_lost = |entry: &u64, _: &mut u32| group.log.is_lost(*entry, placed);
                let gone = replica.proposed.extract_if(.., is_lost);
                lost.extend(gone.map(|(_, wait)| wait));
            }
        }
        if index.is_multiple_of(FORGET_AFTER) {
            self.forget_log(member);
        }
        if let (Some(wait), Some(placed)) = (waiting, placed) {
            self.entry_done(now, obs, wait, placed, fate);
        }
        for wait in lost {
            self.end_wait(wait, Outcome::Unavailable);
        }
    }

    /// What all replicas of a group have applied need not be kept.
    fn forget_log(&mut self, member: u32) {
        let number = self.groups.members[member as usize].group as usize;
        let group = &mut self.groups.groups[number];
        let members = group.first_member as usize..(group.first_member + group.size) as usize;
        let applied = self.groups.members[members].iter();
        if let Some(upto) = applied.map(|member| member.applied.index()).min() {
            group.log.forget(upto);
        }
        group.checker.forget(group.checker.everywhere());
    }

    /// An entry that a strand waits for has been applied where it waits.
    fn entry_done<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        wait: u32,
        placed: Placed,
        fate: Fate,
    ) {
        let Wait {
            strand,
            member,
            since,
            floor,
            ..
        } = self.groups.waits[wait];
        let replica = &self.groups.members[member as usize];
        let group = &mut self.groups.groups[replica.group as usize];
        let outcome = match (placed.what, fate) {
            (_, Fate::Conflict) => Outcome::Conflict,
            (What::Barrier, _) => {
                group.checker.read_at_leader(replica.node, floor);
                self.read_here(now, obs, strand, since);
                Outcome::Success
            }
            (what, fate) => {
                if let (What::Write { record, .. }, Fate::Written(version)) = (what, fate) {
                    group.log.acknowledge(now, record, version);
                }
                group.checker.acknowledged(now, Entry(placed.entry));
                obs.group(now, group.service as usize, GroupFact::Acknowledged);
                Outcome::Success
            }
        };
        self.end_wait(wait, outcome);
    }

    /// What the checker of a group has found since it was asked last.
    fn tell_violations(&mut self, member: u32) {
        let number = self.groups.members[member as usize].group as usize;
        let group = &mut self.groups.groups[number];
        let found = group.checker.violations();
        if found.len() == group.told {
            return;
        }
        let found = found[group.told..].to_vec();
        group.told += found.len();
        let name = group.name.clone();
        for found in found {
            self.violation(CHECKER, format!("{name}: {found}"));
        }
    }

    /// A strand hears what it waited for.
    fn end_wait(&mut self, wait: u32, outcome: Outcome) {
        let strand = self.groups.waits[wait].strand;
        self.groups.waits.remove(wait);
        self.agreed(strand, outcome);
    }
}

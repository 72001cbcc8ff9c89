//! Primary and backups: one replica leads by a lease that a majority grants, writes go to a majority's
//! disks before they are acknowledged, and reads are answered by the primary alone.
//!
//! # The protocol
//!
//! A reign has an **epoch**. Epochs are numbered so that each has one possible owner, and that among those
//! who stand at the same time the lowest replica has the highest ([`Epochs`]).
//!
//! ```text
//!  backup 1                          backup 2                     others
//!   │ silence for the election timeout │                            │
//!   │ Stand(epoch)                     │                            │
//!   ├─────────────────────────────────▶│ promises: force            │
//!   │                 Granted(its log) │                            │
//!   │◀─────────────────────────────────┤                            │
//!   │ a majority: promises itself, force                            │
//!   │ Alive, and Fetch where a granter's log is more advanced       │
//!   ├─────────────────────────────────▶│                            │
//!   │ Fetched …, to the end of that log│                            │
//!   │◀─────────────────────────────────┤                            │
//!   │ writes the record of its epoch   │                            │
//!   │ Append(record) ─────────────────▶│ force, Ack                 │
//!   │◀─────────────────────────────────┤                            │
//!   │ the record is on a majority's disks: leads                    │
//!   │ Append(entry, …), at least one per heartbeat; each Ack renews the lease
//! ```
//!
//! * **Promise and fence.** A granter promises an epoch, and its promise is on disk before it answers. From
//!   then on it refuses every message of a lower epoch, and says which epoch it has promised.
//! * **Lease.** With its promise, and with each answer to a sign of life, a granter gives a lease of
//!   [`least_election_timeout`](GroupConfig::least_election_timeout), counted from its answer. The
//!   holder counts it from when it *asked*, which is earlier. While a lease lives its granter grants nothing
//!   to anyone else; one that has been down does not know when it granted, and waits out a whole
//!   lease. A primary whose leases of a majority have run out steps down.
//! * **Priority.** A replica stands for election when it has heard nothing for its election timeout and
//!   a heartbeat more for each replica of a lower number that might stand. One that stands gives way to a
//!   lower one that stands too, and so does a granter whose promise is still on its way to the disk. A
//!   lower number does not unseat a primary that leads.
//! * **Catching up.** A grant says where the granter's log ends. The winner copies the log of the most
//!   advanced of its granters to its end (by the epoch of the last entry, then by length), and only
//!   then writes the record of its epoch behind it, and leads once that is on a majority's disks.
//! * **Writes.** An entry is committed once it is on the disks of a majority *and* the record of the
//!   primary's own epoch is. The disks write while the messages travel; writes that wait for a disk are
//!   forced together.
//! * **Reads.** The primary answers alone while its lease lives ([`may_read`](Replica::may_read)).
//! * **Return.** A replica that was away is behind: its answer says where its log ends, and the primary
//!   sends what follows, piece by piece. What it has in excess, never acknowledged, is overwritten.
//! * **Compaction.** What every replica has on disk and has told its host is let go, everywhere. While one is
//!   down the logs grow, by 8 bytes per entry.
//!
//! # Why it is safe
//!
//! *One owner per epoch*, by numbering; a replica promises itself an epoch on its own disk before it uses it,
//! and in its next life takes a higher one.
//!
//! *Logs agree.* In an epoch only its primary adds entries, each message says what stands before
//! its entries, and who receives it checks that. So two logs with an entry of the same epoch at the
//! same place are the same up to there (as in Raft: Ongaro, Ousterhout, *In Search of an Understandable
//! Consensus Algorithm*, USENIX ATC 2014, section 5.3). Copying another log piece by piece keeps this.
//!
//! *What is committed stays.* Let an entry be committed in epoch *e*: a majority has it on disk, behind
//! or at the record of *e*. Take the next higher epoch *f* that wins. Its majority of granters shares a
//! replica with the first; that one had the entry before it promised *f*, since afterwards it refuses *e*.
//! Its log ends, when it grants, in an entry of *e* at that place or further; the most advanced granter's log
//! ends in an epoch of *e* as well (there is none between that won), and at least as far, so it has the
//! entry; and so has the winner, before it writes its record. By induction, so has every later one. What the
//! winner cuts off its own log while it copies is in conflict with that log, and therefore not
//! committed, nor will it be: its epoch is fenced by a majority.
//!
//! *Reads are fresh.* A primary reads while a majority's leases live, by a clock that started earlier than the
//! granters'. Whoever wins next needs a grant of one of these, which comes after that granter's lease has
//! run out, hence after the primary's last read. Its first commit comes later still. And a primary that
//! reads has committed its record, and with it all that was acknowledged before its reign.
//!
//! This rests on clocks that run at the same speed (not that show the same time) and that go on during
//! a crash, and on disks that keep what they forced.
//!
//! # What it costs
//!
//! A write takes a message there, a forced write and a message back; it occupies the primary with one
//! message per backup. A failover takes the election timeout, then two exchanges of messages and three
//! forced writes in a row: the granters' promises, the winner's own, the record. What has to be copied
//! takes an exchange more for every 512 entries. A sign of life has no entries. A primary's timers ring once per heartbeat and once per
//! lease; a backup's once per election timeout, however often it hears its primary.

mod backup;
mod disk;
mod election;
mod log;
mod message;
mod primary;

pub use disk::Stable;
pub use message::{Batch, Message, Position, Run};

use super::{
    Action, Chance, ConfigError, Entry, GroupConfig, Node, NotLeader, Replica, Role, Term, Timer,
    Token,
};
use backup::Reply;
use clock::Instant;
use disk::Disk;
use election::{Candidacy, Lease};
use primary::Reign;

/// To stand for election, to give up standing, or to give up a source that does not answer.
const ELECTION: Timer = Timer(0);
/// To give, or ask for, a sign of life.
const BEAT: Timer = Timer(1);
/// To step down.
const LEASE: Timer = Timer(2);

/// A replica.
#[derive(Debug)]
pub struct PrimaryBackup {
    node: Node,
    config: GroupConfig,
    epochs: Epochs,
    disk: Disk,
    part: Part,
    /// What it granted.
    lease: Lease,
    /// The forced write with which the last promise is stable, until then.
    promising: Option<Token>,
    replies: Vec<Reply>,
    /// The highest epoch heard of.
    seen: Term,
    /// When to do what [`ELECTION`] is for.
    deadline: Instant,
    /// For when that is set. Later deadlines do not move it: it looks again when it rings.
    armed: Option<Instant>,
    leader: Option<Node>,
    /// How much of the log is known to be as that of the owner of the promise.
    verified: u64,
    told: u64,
    role: Option<Role>,
}

#[derive(Debug)]
enum Part {
    Backup,
    Standing(Candidacy),
    Won(Reign),
}

/// What a step of a replica works with.
struct Step<'a> {
    now: Instant,
    chance: &'a mut dyn Chance,
    out: &'a mut Vec<Action>,
}

/// How epochs are numbered: by rounds, in which each replica has one, the lowest number the highest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Epochs {
    size: u64,
}

impl Epochs {
    /// For a group of this many, at least 1.
    pub fn new(size: u32) -> Self {
        let size = u64::from(size);
        Self { size }
    }

    /// Whose an epoch is; nobody's before the first.
    pub fn owner(self, epoch: Term) -> Option<Node> {
        let place = epoch.0 % self.size;
        (epoch.0 >= self.size).then(|| Node((self.size - 1 - place) as u32))
    }

    /// The epoch of a replica in the first round above an epoch.
    pub fn next(self, above: Term, node: Node) -> Term {
        let place = self.size - 1 - u64::from(node.0);
        Term((above.0 / self.size + 1) * self.size + place)
    }
}

impl PrimaryBackup {
    /// A replica with an empty disk, before its start.
    ///
    /// # Errors
    /// When the group, or this replica of it, cannot be.
    pub fn new(config: GroupConfig, node: Node) -> Result<Self, ConfigError> {
        Self::with(config, node, Stable::default())
    }

    /// A replica with this on its disk, before its start.
    ///
    /// # Errors
    /// When the group, or this replica of it, cannot be.
    pub fn with(config: GroupConfig, node: Node, stable: Stable) -> Result<Self, ConfigError> {
        config.check_for(node)?;
        Ok(Self {
            node,
            config,
            epochs: Epochs::new(config.size),
            disk: Disk::new(stable),
            part: Part::Backup,
            lease: Lease::NONE,
            promising: None,
            replies: Vec::new(),
            seen: Term(0),
            deadline: Instant::NEVER,
            armed: None,
            leader: None,
            verified: 0,
            told: 0,
            role: None,
        })
    }

    /// What a crash would leave now; a copy.
    pub fn stable(&self) -> Stable {
        self.disk.stable()
    }

    /// How many entries the log holds, those of the protocol included: what was not let go.
    pub fn held(&self) -> u64 {
        self.disk.log().last() - self.disk.log().base()
    }

    fn message(&mut self, step: &mut Step, from: Node, message: Message) {
        let epoch = message.epoch();
        self.seen = self.seen.max(epoch);
        self.check_lease(step);
        let promised = self.disk.promised();
        let asks = matches!(
            message,
            Message::Stand { .. }
                | Message::Withdrawn { .. }
                | Message::Fetch { .. }
                | Message::Alive { .. }
                | Message::Append { .. }
        );
        if asks && self.epochs.owner(epoch) != Some(from) {
            return;
        }
        if epoch < promised {
            if asks {
                let refusal = Message::Refused { epoch: promised };
                step.send(from, refusal);
            }
            return;
        }
        match message {
            Message::Stand { epoch, asked } => self.on_stand(step, from, epoch, asked),
            Message::Granted { epoch, asked, log } => {
                self.on_granted(step, from, epoch, asked, log);
            }
            Message::Refused { epoch } => self.on_refused(step, epoch),
            Message::Withdrawn { epoch, asked } => self.on_withdrawn(step, epoch, asked),
            Message::Fetch { epoch, after } => self.on_fetch(step, from, epoch, after),
            Message::Fetched { epoch, batch } => self.on_fetched(step, from, epoch, &batch),
            Message::Alive { epoch, asked } => {
                self.follow(step, from, epoch);
                self.reply(step, Reply::sign(from, epoch, asked), false);
            }
            Message::Append {
                epoch,
                asked,
                batch,
                committed,
                everywhere,
            } => {
                self.follow(step, from, epoch);
                self.leads(step, from);
                self.on_append(step, from, asked, &batch, committed, everywhere);
            }
            Message::Ack {
                epoch,
                asked,
                stable,
            } => self.on_ack(step, from, epoch, asked, stable),
            Message::Behind {
                epoch,
                asked,
                log,
                committed,
            } => self.on_behind(step, from, epoch, asked, log, committed),
        }
    }

    /// Says so when the part has changed.
    fn tell_role(&mut self, step: &mut Step, role: Role) {
        if self.role != Some(role) {
            self.role = Some(role);
            step.out.push(Action::Role(role));
        }
    }

    /// Takes up to here for committed, and tells it.
    fn commit(&mut self, out: &mut Vec<Action>, upto: u64) {
        if upto > self.disk.committed() {
            self.disk.commit(upto);
        }
        while self.told < self.disk.committed() {
            self.told += 1;
            let (index, entry) = (self.told, self.disk.log().entry(self.told));
            out.push(Action::Committed { index, entry });
        }
    }

    /// Sets when to do next what [`ELECTION`] is for.
    fn until(&mut self, step: &mut Step, deadline: Instant) {
        self.deadline = deadline;
        if self.armed.is_none_or(|armed| armed > deadline) {
            self.armed = Some(deadline);
            step.out.push(Action::SetTimer(ELECTION, deadline));
        }
    }
}

impl Step<'_> {
    fn send(&mut self, to: Node, message: Message) {
        let message = super::Message::PrimaryBackup(message);
        self.out.push(Action::Send(to, message));
    }
}

impl Replica for PrimaryBackup {
    fn start(&mut self, now: Instant, chance: &mut dyn Chance, out: &mut Vec<Action>) {
        let step = &mut Step { now, chance, out };
        self.told = self.disk.log().base();
        if self.told > 0 {
            step.out.push(Action::Restored { index: self.told });
        }
        self.commit(step.out, 0);
        let promised = self.disk.promised();
        self.seen = promised;
        // A lease of its own it has lost, and with it what it had granted before.
        self.lease = match self.epochs.owner(promised) {
            Some(holder) if holder != self.node => Lease {
                holder: Some(holder),
                until: now + self.config.least_election_timeout,
                asked: Instant::ZERO,
                answered: true,
            },
            _ => Lease::NONE,
        };
        self.tell_role(step, Role::Follower(promised, None));
        self.heard(step);
    }

    fn crash(&mut self) {
        self.disk.crash();
        self.part = Part::Backup;
        self.lease = Lease::NONE;
        self.promising = None;
        self.replies.clear();
        self.deadline = Instant::NEVER;
        self.armed = None;
        self.leader = None;
        self.verified = 0;
        self.told = 0;
        self.role = None;
    }

    fn on_message(
        &mut self,
        now: Instant,
        from: Node,
        message: super::Message,
        chance: &mut dyn Chance,
        out: &mut Vec<Action>,
    ) {
        #[allow(irrefutable_let_patterns)] // Where no other protocol is compiled in.
        if let super::Message::PrimaryBackup(message) = message {
            self.message(&mut Step { now, chance, out }, from, message);
        }
    }

    fn on_timer(
        &mut self,
        now: Instant,
        timer: Timer,
        chance: &mut dyn Chance,
        out: &mut Vec<Action>,
    ) {
        let step = &mut Step { now, chance, out };
        match timer {
            ELECTION => {
                self.armed = None;
                self.on_election_timer(step);
            }
            BEAT => {
                self.check_lease(step);
                self.on_beat(step);
            }
            _ => self.on_lease_timer(step),
        }
    }

    fn on_forced(
        &mut self,
        now: Instant,
        token: Token,
        chance: &mut dyn Chance,
        out: &mut Vec<Action>,
    ) {
        let step = &mut Step { now, chance, out };
        if !self.disk.forced(token, step.out) {
            return;
        }
        self.check_lease(step);
        self.promising.take_if(|with| *with <= token);
        self.answer(step, token);
        self.try_win(step, token);
        self.try_commit(step);
    }

    fn propose(
        &mut self,
        now: Instant,
        entry: Entry,
        out: &mut Vec<Action>,
    ) -> Result<(), NotLeader> {
        if !self.may_read(now) {
            let leader = self.leader.filter(|&leader| leader != self.node);
            return Err(NotLeader { leader });
        }
        self.disk.push(entry);
        self.disk.force(out);
        self.spread(now, out);
        Ok(())
    }

    fn may_read(&self, now: Instant) -> bool {
        match &self.part {
            Part::Won(reign) => reign.leads() && now < reign.until,
            _ => false,
        }
    }

    fn leader(&self) -> Option<Node> {
        self.leader
    }
}

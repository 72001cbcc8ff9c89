//! Omni-Paxos, by the crate `omnipaxos` 0.2: every ballot, promise and decision is its own.
//!
//! What is ours is the frame: heartbeats at exact times, links with sessions over a network that has none
//! (`link.rs`), and a disk that loses what was not forced. It refuses to know what an entry means.
//!
//! # Time
//! One tick of the crate is one [`GroupConfig::heartbeat`]: a round of its ballot leader election, in
//! which each replica asks all others and counts the answers. An answer must arrive within the round, so the
//! heartbeat must be longer than a round trip. A dead leader is noticed at the end of the first round in which it
//! does not answer, and followed at the end of the next in which all others have noticed as well:
//! two to three heartbeats. [`Chance::election_timeout`](super::Chance::election_timeout) is not
//! asked. Chance enters once in each life: the first round ends at a random part of a heartbeat, for no two clocks tick together.
//!
//! # Writes
//! The crate takes a write for stable when it is made. Its messages are therefore held until all that was written
//! before them is; the leader's entries reach its followers after its own disk. Heartbeats rest on
//! nothing that is written, and leave at once.
//!
//! # Reads
//! There is no lease: [`may_read`](Replica::may_read) is never true, and a read goes through
//! the log as an entry of its own.

mod link;
mod store;

use super::disk::Disk;
use super::{
    Action, Chance, ConfigError, Entry, GroupConfig, Node, NotLeader, Replica, Role, Term, Timer,
    Token,
};
use clock::Instant;
use core::fmt;
use link::{Link, Parcel};
use omnipaxos::ballot_leader_election::Ballot;
use omnipaxos::errors::ConfigError as Refused;
use omnipaxos::messages::Message as Letter;
use omnipaxos::messages::ballot_leader_election::HeartbeatMsg;
use omnipaxos::messages::sequence_paxos::PaxosMsg;
use omnipaxos::util::LogEntry;
use omnipaxos::{ClusterConfig, OmniPaxos, ServerConfig};
use std::collections::VecDeque;
use store::{Journal, Log, Slot, Store, Write};

const HEARTBEAT: Timer = Timer(0);

/// For how many heartbeats in a row a replica refuses a leader before it stands itself. An election
/// that goes its way is over before.
const STUBBORN: u32 = 3;

/// What can be set of Omni-Paxos, beside what is of every group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PaxosConfig {
    /// The least number of entries that stay in the log. A leader cuts it to this many once it holds twice
    /// as many that all replicas have on disk, and know there to be decided; while one is down, logs grow.
    /// Default: 1024.
    pub keep: u32,
}

impl Default for PaxosConfig {
    fn default() -> Self {
        Self { keep: 1024 }
    }
}

/// What replicas say to each other.
#[derive(Clone, Debug)]
pub struct Message(Parcel);

impl Message {
    /// How many entries it carries.
    pub fn entries(&self) -> usize {
        let Letter::SequencePaxos(letter) = &self.0.letter else {
            return 0;
        };
        match &letter.msg {
            PaxosMsg::AcceptDecide(accept) => accept.entries.len(),
            PaxosMsg::AcceptSync(accept) => accept.log_sync.suffix.len(),
            PaxosMsg::Promise(promise) => promise.log_sync.as_ref().map_or(0, |s| s.suffix.len()),
            _ => 0,
        }
    }
}

/// By what they print: the crate's messages know no other equality.
impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

/// One replica.
pub struct Paxos {
    node: Node,
    group: GroupConfig,
    config: PaxosConfig,
    disk: Disk<Log>,
    /// How often it was started.
    lives: u64,
    live: Option<Live>,
}

/// What a crash takes.
struct Live {
    omni: OmniPaxos<Slot, Store>,
    journal: Journal,
    /// By replica; its own is not used.
    links: Vec<Link>,
    role: Role,
    /// What it had promised when it started: if that was to itself, it leads no more.
    recovered: Ballot,
    /// When the round of heartbeats ends.
    beat: Instant,
    /// Whether a leader was refused in this round, and in how many rounds before it.
    refused: bool,
    refusals: u32,
    /// The last entry that was told.
    told: usize,
    /// What is sent when a write is stable.
    waiting: VecDeque<(Token, Vec<Letter<Slot>>)>,
    // Kept for their memory.
    letters: Vec<Letter<Slot>>,
    writes: Vec<Write>,
}

impl Paxos {
    /// A replica with an empty disk, before its start.
    ///
    /// # Errors
    /// When the group, or this replica of it, cannot be; the crate has no groups of one.
    pub fn new(group: GroupConfig, node: Node, config: PaxosConfig) -> Result<Self, ConfigError> {
        group.check_for(node)?;
        if group.size < 2 {
            return Err(ConfigError::OneReplica);
        }
        Ok(Self {
            node,
            group,
            config,
            disk: Disk::new(Log::default()),
            lives: 0,
            live: None,
        })
    }

    fn build(&self, store: Store) -> Result<OmniPaxos<Slot, Store>, Refused> {
        let cluster = ClusterConfig {
            configuration_id: 1,
            nodes: (0..self.group.size).map(|n| pid(Node(n))).collect(),
            flexible_quorum: None,
        };
        let server = ServerConfig {
            pid: pid(self.node),
            election_tick_timeout: 1,
            resend_message_tick_timeout: 1,
            // Room that is set aside at the start.
            buffer_size: 16,
            ..ServerConfig::default()
        };
        cluster.build_for_server(server, store)
    }

    /// Does what the crate wants done.
    fn settle(&mut self, out: &mut Vec<Action>) {
        let Some(live) = self.live.as_mut() else {
            return;
        };
        live.tell_role(self.node, out);
        live.tell(out);
        let stable = self.disk.stable().decided();
        live.compact(self.node, stable, self.config.keep as usize);
        live.journal.take(&mut live.writes);
        let mut matters = false;
        for write in live.writes.drain(..) {
            matters |= write.matters();
            self.disk.write(write);
        }
        let mut letters = core::mem::take(&mut live.letters);
        live.omni.take_outgoing_messages(&mut letters);
        let mut ordered = Vec::new();
        for letter in letters.drain(..) {
            match letter {
                Letter::BLE(_) => live.send(letter, stable, out),
                Letter::SequencePaxos(_) => ordered.push(letter),
            }
        }
        live.letters = letters;
        if matters {
            let token = self.disk.force();
            out.push(Action::Force(token));
            live.waiting.push_back((token, ordered));
        } else if let Some((_, last)) = live.waiting.back_mut() {
            last.append(&mut ordered);
        } else {
            live.send_all(ordered, stable, out);
        }
    }
}

impl Live {
    fn send_all(&mut self, letters: Vec<Letter<Slot>>, stable: usize, out: &mut Vec<Action>) {
        for letter in letters {
            self.send(letter, stable, out);
        }
    }

    fn send(&mut self, letter: Letter<Slot>, stable: usize, out: &mut Vec<Action>) {
        let Some(to) = node(letter.get_receiver()) else {
            return;
        };
        if let Some(link) = self.links.get_mut(to.0 as usize) {
            let message = Box::new(Message(link.send(letter, stable)));
            out.push(Action::Send(to, super::Message::Paxos(message)));
        }
    }

    fn role(&self, me: Node) -> Role {
        let promise = self.omni.get_promise();
        let term = term(promise, self.links.len() as u64);
        match self.omni.get_current_leader() {
            Some((id, accepted)) if id == pid(me) => match accepted {
                true => Role::Leader(term),
                false if promise == self.recovered => Role::Follower(term, None),
                false => Role::Candidate(term),
            },
            Some((id, _)) => Role::Follower(term, node(id)),
            None => Role::Follower(term, None),
        }
    }

    /// Whether this comes from one who is content with a leader below what was promised here, while nobody is
    /// followed here. The crate refuses that leader, or is not even asked, and where a majority is content
    /// nothing would ever change: such a replica must stand for election itself.
    fn refuses(&self, letter: &Letter<Slot>) -> bool {
        let Letter::BLE(beat) = letter else {
            return false;
        };
        let HeartbeatMsg::Reply(reply) = &beat.msg else {
            return false;
        };
        let follows = self
            .omni
            .get_current_leader()
            .is_some_and(|(_, follows)| follows);
        !follows && reply.happy && reply.leader < self.omni.get_promise()
    }

    /// Whether this log is made up from before what is decided here: it answers a promise of before one that was
    /// answered already. The crate can't tell them apart, and asserts that it never happens; after two drops
    /// of a session within a round trip it does. Passed over, it is sent again for the latest promise.
    fn is_stale(&self, letter: &Letter<Slot>) -> bool {
        let Letter::SequencePaxos(letter) = letter else {
            return false;
        };
        match &letter.msg {
            PaxosMsg::AcceptSync(sync) => sync.log_sync.sync_idx < self.omni.get_decided_idx(),
            _ => false,
        }
    }

    /// Says so when the part has changed.
    fn tell_role(&mut self, me: Node, out: &mut Vec<Action>) {
        let role = self.role(me);
        if role != self.role {
            self.role = role;
            out.push(Action::Role(role));
        }
    }

    /// Tells what was decided since the last time.
    fn tell(&mut self, out: &mut Vec<Action>) {
        if self.omni.get_decided_idx() <= self.told {
            return;
        }
        for entry in self.omni.read_decided_suffix(self.told).unwrap_or_default() {
            // Nothing is cut off that was not told, and there are no snapshots.
            if let LogEntry::Decided(Slot(entry)) = entry {
                self.told += 1;
                out.push(Action::Committed {
                    index: self.told as u64,
                    entry: Some(entry),
                });
            }
        }
    }

    /// Has all cut off what all have on disk as decided: nobody's log will ever be made up from before that. The
    /// crate's own bound, what all have *accepted*, is not enough: where rounds differ, it sends a follower
    /// what comes after the last that the follower knows to be decided, and after a crash that is less.
    fn compact(&mut self, me: Node, stable: usize, keep: usize) {
        if !matches!(self.role, Role::Leader(_)) {
            return;
        }
        let others = self.links.iter().enumerate();
        let others = others.filter(|&(peer, _)| peer != me.0 as usize);
        let all = others
            .map(|(_, link)| link.decided())
            .fold(stable, usize::min);
        if all >= self.omni.get_compacted_idx() + keep.saturating_mul(2).max(1) {
            // Refused while it has not heard from all in this reign; then another time.
            let _ = self.omni.trim(Some(all - keep));
        }
    }
}

impl Replica for Paxos {
    fn start(&mut self, now: Instant, chance: &mut dyn Chance, out: &mut Vec<Action>) {
        self.lives += 1;
        let log = self.disk.stable().clone();
        let (recovered, told) = (log.promise(), log.compacted());
        let journal = Journal::default();
        let omni = match self.build(Store::new(log, journal.clone())) {
            Ok(omni) => omni,
            Err(error) => unreachable!("settings of the crate: {error}"),
        };
        let phase = chance.bits() % self.group.heartbeat.as_nanos().max(1);
        let beat = now + clock::Duration::from_nanos(phase);
        if told > 0 {
            let index = told as u64;
            out.push(Action::Restored { index });
        }
        out.push(Action::SetTimer(HEARTBEAT, beat));
        let mut live = Live {
            omni,
            journal,
            links: (0..self.group.size)
                .map(|_| Link::new(self.lives))
                .collect(),
            role: Role::Follower(Term(0), None),
            recovered,
            beat,
            refused: false,
            refusals: 0,
            told,
            waiting: VecDeque::new(),
            letters: Vec::new(),
            writes: Vec::new(),
        };
        live.role = live.role(self.node);
        out.push(Action::Role(live.role));
        self.live = Some(live);
        self.settle(out);
    }

    fn crash(&mut self) {
        self.live = None;
        self.disk.crash();
    }

    fn on_message(
        &mut self,
        _now: Instant,
        from: Node,
        message: super::Message,
        _chance: &mut dyn Chance,
        out: &mut Vec<Action>,
    ) {
        let super::Message::Paxos(message) = message else {
            return;
        };
        let Some(live) = self.live.as_mut() else {
            return;
        };
        let Some(link) = live.links.get_mut(from.0 as usize) else {
            return;
        };
        let mut letters = Vec::new();
        if link.receive(message.0, &mut letters) {
            live.omni.reconnected(pid(from));
        }
        for letter in letters {
            live.refused |= live.refuses(&letter);
            if !live.is_stale(&letter) {
                live.omni.handle_incoming(letter);
            }
        }
        self.settle(out);
    }

    fn on_timer(
        &mut self,
        now: Instant,
        timer: Timer,
        _chance: &mut dyn Chance,
        out: &mut Vec<Action>,
    ) {
        let Some(live) = self.live.as_mut() else {
            return;
        };
        if timer != HEARTBEAT || now < live.beat {
            return;
        }
        live.beat = now + self.group.heartbeat;
        out.push(Action::SetTimer(HEARTBEAT, live.beat));
        for (peer, link) in live.links.iter_mut().enumerate() {
            if link.beat() {
                live.omni.reconnected(pid(Node(peer as u32)));
            }
        }
        live.omni.tick();
        live.refusals = if live.refused { live.refusals + 1 } else { 0 };
        live.refused = false;
        if live.refusals >= STUBBORN {
            live.refusals = 0;
            live.omni.try_become_leader();
        }
        self.settle(out);
    }

    fn on_forced(
        &mut self,
        _now: Instant,
        token: Token,
        _chance: &mut dyn Chance,
        out: &mut Vec<Action>,
    ) {
        if !self.disk.forced(token) {
            return;
        }
        let stable = self.disk.stable().decided();
        let Some(live) = self.live.as_mut() else {
            return;
        };
        while live.waiting.front().is_some_and(|w| w.0 <= token) {
            if let Some((_, letters)) = live.waiting.pop_front() {
                live.send_all(letters, stable, out);
            }
        }
    }

    fn propose(
        &mut self,
        _now: Instant,
        entry: Entry,
        out: &mut Vec<Action>,
    ) -> Result<(), NotLeader> {
        let leader = self.leader().filter(|&leader| leader != self.node);
        let refused = NotLeader { leader };
        match self.live.as_mut() {
            Some(live) if matches!(live.role, Role::Leader(_)) => {
                live.omni.append(Slot(entry)).map_err(|_| refused)?;
            }
            _ => return Err(refused),
        }
        self.settle(out);
        Ok(())
    }

    fn may_read(&self, _now: Instant) -> bool {
        false
    }

    fn leader(&self) -> Option<Node> {
        match self.live.as_ref()?.role {
            Role::Leader(_) => Some(self.node),
            Role::Follower(_, leader) => leader,
            Role::Candidate(_) => None,
        }
    }
}

impl fmt::Debug for Paxos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paxos")
            .field("node", &self.node)
            .field("role", &self.live.as_ref().map(|l| l.role))
            .field("told", &self.live.as_ref().map(|l| l.told))
            .finish_non_exhaustive()
    }
}

/// The crate counts replicas from 1; 0 is nobody.
fn pid(node: Node) -> u64 {
    u64::from(node.0) + 1
}

fn node(pid: u64) -> Option<Node> {
    pid.checked_sub(1).map(|n| Node(n as u32))
}

/// Ballots in their order: by number, then by replica. There is no priority.
fn term(ballot: Ballot, size: u64) -> Term {
    Term(u64::from(ballot.n) * size + ballot.pid.saturating_sub(1))
}

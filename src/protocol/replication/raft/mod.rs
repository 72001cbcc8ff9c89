//! Raft, by the crate `raft` 0.7: every vote, term and commit is its own decision.
//!
//! What is ours is the frame around it: exact time in place of ticks, chance from
//! [`Chance`](super::Chance), and a disk that loses what was not forced. It refuses to know what an entry means.
//!
//! # Time
//! A tick of the crate is a nanosecond. Those in which nothing can happen are skipped: before the crate
//! is called, its clock of the election is set to the time since it last set that clock to zero. A
//! timer stands at the exact end of the election timeout, which is drawn anew whenever the crate has
//! set its clock to zero. The crate draws a timeout too, from the thread's generator, out of a range
//! with one number in it.
//!
//! # Writes
//! A follower's and a candidate's messages leave when what was written before them is stable. A leader sends entries
//! while it writes them, as section 10.2.1 of Ongaro's thesis allows; its own copy counts once stable.
//!
//! # Reads
//! With [`RaftConfig::check_quorum`], a leader has a lease: each heartbeat asks for the crate's confirmation of
//! a read index, and a majority's answers are good for
//! [`GroupConfig::least_election_timeout`] from when that heartbeat was *sent*. Until then, nobody of that
//! majority votes: the crate ignores requests for a vote for that long after a sign of life, and a
//! replica that was down ignores them for that long after its start, since it cannot know what it has promised.

mod store;

use super::disk::{Disk, Stored};
use super::{
    Action, Chance, ConfigError, Entry, GroupConfig, Node, NotLeader, Replica, Role, Term, Timer,
    Token,
};
use ::raft::eraftpb::{Message as Letter, MessageType};
use ::raft::{Config, RawNode, SnapshotStatus, StateRole};
use clock::{Duration, Instant};
use core::fmt;
use std::collections::VecDeque;
use store::{Log, Write};

const ELECTION: Timer = Timer(0);
const HEARTBEAT: Timer = Timer(1);

/// What can be set of Raft, beside what is of every group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RaftConfig {
    /// Whether leaders hold a lease (`check_quorum` of the crate): they may answer reads alone, step down
    /// when a majority is silent, and followers vote for nobody while they hear one. Without it, reads go
    /// through the log. Default: true.
    pub check_quorum: bool,
    /// Whether a replica asks first whether it could win (section 9.6 of the thesis). It spares a group
    /// the disturbance by a replica that was cut off, at a round trip per election. Default: false, the
    /// election of chapter 3.
    pub pre_vote: bool,
    /// The least number of entries that stay in the log; it is cut to this many once it holds twice
    /// as many that were told. A replica that lacks more than that is [restored](Action::Restored).
    /// Default: 1024.
    pub keep: u32,
}

impl Default for RaftConfig {
    fn default() -> Self {
        Self {
            check_quorum: true,
            pre_vote: false,
            keep: 1024,
        }
    }
}

/// What replicas say to each other.
#[derive(Clone, PartialEq, Debug)]
pub struct Message(Letter);

impl Message {
    /// How many entries it carries.
    pub fn entries(&self) -> usize {
        self.0.entries.len()
    }
}

/// One replica.
pub struct Raft {
    node: Node,
    group: GroupConfig,
    config: RaftConfig,
    disk: Disk<Log>,
    live: Option<Live>,
}

/// What a crash takes.
struct Live {
    raw: RawNode<Log>,
    role: Role,
    /// When the crate last set its clock of the election to zero.
    since: Instant,
    /// When to stand for election.
    deadline: Instant,
    /// When the next heartbeat is due.
    beat: Instant,
    /// Until when a leader may answer alone; [`Instant::ZERO`]: it has not been confirmed in its term.
    lease: Instant,
    /// Whether a confirmation was asked for in this term.
    asked: bool,
    /// Before that, requests for a vote are not heard.
    deaf: Instant,
    /// The last entry that was told.
    told: u64,
    waiting: VecDeque<Waiting>,
}

/// What follows when a write is stable.
struct Waiting {
    token: Token,
    /// The last of the crate's batches that is stable with it.
    number: u64,
    letters: Vec<Letter>,
    /// The index of a snapshot within.
    snapshot: Option<u64>,
}

impl Raft {
    /// A replica with an empty disk, before its start.
    ///
    /// # Errors
    /// When the group, or this replica of it, cannot be.
    pub fn new(group: GroupConfig, node: Node, config: RaftConfig) -> Result<Self, ConfigError> {
        group.check_for(node)?;
        Ok(Self {
            node,
            group,
            config,
            disk: Disk::new(Log::new(group.size)),
            live: None,
        })
    }

    /// The settings of the crate.
    fn settings(&self, applied: u64) -> Config {
        // At least 2, since a heartbeat is shorter.
        let election = ticks(self.group.least_election_timeout);
        Config {
            id: u64::from(self.node.0) + 1,
            election_tick: election,
            min_election_tick: election,
            max_election_tick: election + 1,
            // Heartbeats are sent by our timer: the crate's own never comes so far.
            heartbeat_tick: election - 1,
            applied,
            max_size_per_msg: ::raft::util::NO_LIMIT,
            check_quorum: self.config.check_quorum,
            pre_vote: self.config.pre_vote,
            ..Config::default()
        }
    }

    /// Calls the crate at an instant, and does what follows from it.
    fn step(
        &mut self,
        now: Instant,
        chance: &mut dyn Chance,
        out: &mut Vec<Action>,
        call: impl FnOnce(&mut Live, &mut Vec<Action>),
    ) {
        let Some(live) = self.live.as_mut() else {
            return;
        };
        // At least one, so that a zero afterwards is the crate's.
        live.raw.raft.election_elapsed = ticks(now.since(live.since)).max(1);
        call(live, out);
        live.tell_role(now, self.group.heartbeat, out);
        if live.raw.raft.election_elapsed == 0 {
            live.since = now;
            if live.raw.raft.state != StateRole::Leader {
                live.deadline = now + chance.election_timeout();
                out.push(Action::SetTimer(ELECTION, live.deadline));
            }
        }
        self.settle(now, out);
    }

    /// Does what the crate has made ready.
    fn settle(&mut self, now: Instant, out: &mut Vec<Action>) {
        let Some(live) = self.live.as_mut() else {
            return;
        };
        loop {
            while live.raw.has_ready() {
                live.take_ready(&mut self.disk, self.group.least_election_timeout, out);
            }
            // Open for reads as soon as it can be, rather than with the next heartbeat.
            if live.asked
                || !self.config.check_quorum
                || live.raw.raft.state != StateRole::Leader
                || !live.raw.raft.commit_to_current_term()
            {
                break;
            }
            live.ask(now);
        }
        let keep = u64::from(self.config.keep);
        if live.told >= live.raw.store().base() + keep.saturating_mul(2).max(1) {
            live.write(&mut self.disk, Write::Compact(live.told - keep));
        }
    }
}

impl Live {
    /// Asks a majority whether this replica still leads: a heartbeat that their answers can be told by.
    fn ask(&mut self, now: Instant) {
        self.asked = true;
        self.raw.read_index(now.as_nanos().to_le_bytes().to_vec());
    }

    fn beat(&mut self, now: Instant, lease: bool) {
        // The crate's own tick: whether a majority was heard of late.
        self.raw.raft.election_elapsed -= 1;
        self.raw.tick();
        if self.raw.raft.state != StateRole::Leader {
            return;
        }
        if lease && self.raw.raft.commit_to_current_term() {
            self.ask(now);
        } else {
            self.raw.ping();
        }
    }

    /// Says so when the part has changed, and sets the leader's timer.
    fn tell_role(&mut self, now: Instant, heartbeat: Duration, out: &mut Vec<Action>) {
        let raft = &self.raw.raft;
        let term = Term(raft.term);
        let role = match raft.state {
            StateRole::Leader => Role::Leader(term),
            StateRole::Follower => Role::Follower(term, node(raft.leader_id)),
            StateRole::Candidate => Role::Candidate(term),
            // It only asks whether it would win, and belongs to no later term.
            StateRole::PreCandidate => Role::Follower(term, None),
        };
        if role == self.role {
            return;
        }
        let (leads, led) = (
            matches!(role, Role::Leader(_)),
            matches!(self.role, Role::Leader(_)),
        );
        self.role = role;
        out.push(Action::Role(role));
        if leads && !led {
            (self.lease, self.asked) = (Instant::ZERO, false);
            self.beat = now + heartbeat;
            out.push(Action::CancelTimer(ELECTION));
            out.push(Action::SetTimer(HEARTBEAT, self.beat));
        } else if led && !leads {
            out.push(Action::CancelTimer(HEARTBEAT));
        }
    }

    fn write(&mut self, disk: &mut Disk<Log>, write: Write) {
        disk.write(write.clone());
        self.raw.mut_store().apply(write);
    }

    /// One batch of what the crate wants done.
    fn take_ready(&mut self, disk: &mut Disk<Log>, lease: Duration, out: &mut Vec<Action>) {
        let mut ready = self.raw.ready();
        for state in ready.take_read_states() {
            if let Ok(sent) = state.request_ctx.try_into() {
                let sent = Instant::from_nanos(u64::from_le_bytes(sent));
                self.lease = self.lease.max(sent + lease);
            }
        }
        let about = ready.snapshot().get_metadata();
        let snapshot = (about.index > 0).then_some((about.index, about.term));
        if let Some((index, term)) = snapshot {
            self.write(disk, Write::Snapshot(index, term));
        }
        let entries = ready.take_entries();
        if !entries.is_empty() {
            self.write(disk, Write::Append(entries));
        }
        if let Some(hard) = ready.hs() {
            self.write(disk, Write::Hard(hard.clone()));
        }
        let (number, must_sync) = (ready.number(), ready.must_sync());
        let at_once = ready.take_messages();
        let letters = ready.take_persisted_messages();
        let committed = ready.take_committed_entries();
        self.raw.advance_append_async(ready);

        self.send(at_once, out);
        self.tell(committed, out);
        if must_sync {
            let token = disk.force();
            out.push(Action::Force(token));
            self.waiting.push_back(Waiting {
                token,
                number,
                letters,
                snapshot: snapshot.map(|(index, _)| index),
            });
        } else if let Some(last) = self.waiting.back_mut() {
            last.number = number;
            last.letters.extend(letters);
        } else {
            self.raw.on_persist_ready(number);
            self.send(letters, out);
        }
    }

    fn send(&mut self, letters: Vec<Letter>, out: &mut Vec<Action>) {
        for letter in letters {
            let Some(to) = node(letter.to) else { continue };
            // The crate sends no more to a replica until it hears what became of a snapshot. One that is lost
            // shows at the next heartbeat, as entries that the replica can't place.
            if letter.get_msg_type() == MessageType::MsgSnapshot {
                self.raw.report_snapshot(letter.to, SnapshotStatus::Finish);
            }
            let message = Box::new(Message(letter));
            out.push(Action::Send(to, super::Message::Raft(message)));
        }
    }

    fn tell(&mut self, committed: Vec<::raft::eraftpb::Entry>, out: &mut Vec<Action>) {
        let Some(last) = committed.last().map(|e| e.index) else {
            return;
        };
        for entry in committed {
            let bytes = entry.data.as_ref().try_into();
            out.push(Action::Committed {
                index: entry.index,
                entry: bytes.ok().map(|b| Entry(u64::from_le_bytes(b))),
            });
        }
        self.told = last;
        self.raw.advance_apply_to(last);
    }

    /// What was written before this token was given is stable.
    fn forced(&mut self, token: Token, out: &mut Vec<Action>) {
        while self.waiting.front().is_some_and(|w| w.token <= token) {
            let Some(waiting) = self.waiting.pop_front() else {
                return;
            };
            self.raw.on_persist_ready(waiting.number);
            if let Some(index) = waiting.snapshot {
                self.told = index;
                self.raw.advance_apply_to(index);
                out.push(Action::Restored { index });
            }
            self.send(waiting.letters, out);
        }
    }
}

impl Replica for Raft {
    fn start(&mut self, now: Instant, chance: &mut dyn Chance, out: &mut Vec<Action>) {
        let log = self.disk.stable().clone();
        let told = log.base();
        let deaf = match log.is_pristine() || !self.config.check_quorum {
            true => Instant::ZERO,
            false => now + self.group.least_election_timeout,
        };
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let raw = match RawNode::new(&self.settings(told), log, &logger) {
            Ok(raw) => raw,
            Err(error) => unreachable!("settings of the crate: {error}"),
        };
        if told > 0 {
            out.push(Action::Restored { index: told });
        }
        let role = Role::Follower(Term(raw.raft.term), None);
        out.push(Action::Role(role));
        let deadline = now + chance.election_timeout();
        out.push(Action::SetTimer(ELECTION, deadline));
        self.live = Some(Live {
            raw,
            role,
            since: now,
            deadline,
            beat: Instant::NEVER,
            lease: Instant::ZERO,
            asked: false,
            deaf,
            told,
            waiting: VecDeque::new(),
        });
        self.settle(now, out);
    }

    fn crash(&mut self) {
        self.live = None;
        self.disk.crash();
    }

    fn on_message(
        &mut self,
        now: Instant,
        _from: Node,
        message: super::Message,
        chance: &mut dyn Chance,
        out: &mut Vec<Action>,
    ) {
        let super::Message::Raft(message) = message else {
            return;
        };
        self.step(now, chance, out, |live, _| {
            let asks = matches!(
                message.0.get_msg_type(),
                MessageType::MsgRequestVote | MessageType::MsgRequestPreVote
            );
            if asks && now < live.deaf {
                return;
            }
            // What the crate refuses is from no member of the group, or an answer to nothing.
            let _ = live.raw.step(message.0);
        });
    }

    fn on_timer(
        &mut self,
        now: Instant,
        timer: Timer,
        chance: &mut dyn Chance,
        out: &mut Vec<Action>,
    ) {
        let lease = self.config.check_quorum;
        let heartbeat = self.group.heartbeat;
        let Some(live) = self.live.as_mut() else {
            return;
        };
        let leads = live.raw.raft.state == StateRole::Leader;
        if timer == ELECTION && !leads && now >= live.deadline {
            self.step(now, chance, out, |live, _| {
                let raft = &mut live.raw.raft;
                raft.election_elapsed = raft.randomized_election_timeout() - 1;
                live.raw.tick();
            });
        } else if timer == HEARTBEAT && leads && now >= live.beat {
            live.beat = now + heartbeat;
            out.push(Action::SetTimer(HEARTBEAT, live.beat));
            self.step(now, chance, out, |live, _| live.beat(now, lease));
        }
    }

    fn on_forced(
        &mut self,
        now: Instant,
        token: Token,
        chance: &mut dyn Chance,
        out: &mut Vec<Action>,
    ) {
        if self.disk.forced(token) {
            self.step(now, chance, out, |live, out| live.forced(token, out));
        }
    }

    fn propose(
        &mut self,
        now: Instant,
        entry: Entry,
        out: &mut Vec<Action>,
    ) -> Result<(), NotLeader> {
        let leader = self.leader();
        let refused = NotLeader {
            leader: leader.filter(|&l| l != self.node),
        };
        let Some(live) = self.live.as_mut() else {
            return Err(refused);
        };
        if live.raw.raft.state != StateRole::Leader {
            return Err(refused);
        }
        let bytes = entry.0.to_le_bytes().to_vec();
        live.raw.propose(Vec::new(), bytes).map_err(|_| refused)?;
        self.settle(now, out);
        Ok(())
    }

    fn may_read(&self, now: Instant) -> bool {
        self.live.as_ref().is_some_and(|live| {
            let raft = &live.raw.raft;
            raft.state == StateRole::Leader
                && now < live.lease
                && raft.commit_to_current_term()
                && live.told == raft.raft_log.committed
        })
    }

    fn leader(&self) -> Option<Node> {
        self.live.as_ref().and_then(|l| node(l.raw.raft.leader_id))
    }
}

impl fmt::Debug for Raft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Raft")
            .field("node", &self.node)
            .field("role", &self.live.as_ref().map(|l| l.role))
            .field("told", &self.live.as_ref().map(|l| l.told))
            .finish_non_exhaustive()
    }
}

/// The crate counts replicas from 1; 0 is nobody.
fn node(id: u64) -> Option<Node> {
    id.checked_sub(1).map(|n| Node(n as u32))
}

/// A tick is a nanosecond. What doesn't fit is as good as never.
fn ticks(span: Duration) -> usize {
    usize::try_from(span.as_nanos())
        .unwrap_or(usize::MAX)
        .min(usize::MAX - 2)
}

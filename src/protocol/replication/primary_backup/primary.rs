//! What the winner of an epoch does: catches up, keeps its lease, brings its log to a majority, and
//! steps down. Refuses to know how it won.

use super::election::Grant;
use super::message::{Batch, Message, Position};
use super::{Action, BEAT, GroupConfig, LEASE, Node, Part, PrimaryBackup, Role, Step, Term};
use clock::Instant;

/// The most entries in one message: 4 KiB of them.
pub(super) const MOST: usize = 512;

/// The most entries on their way to one backup that it has not acknowledged.
const WINDOW: u64 = 4 * MOST as u64;

/// An epoch that was won.
#[derive(Debug)]
pub(super) struct Reign {
    pub(super) epoch: Term,
    /// Until when the leases of a majority live.
    pub(super) until: Instant,
    /// When the last sign of life left that each replica has answered.
    renewed: Vec<Option<Instant>>,
    /// Where the logs of granters ended.
    granted: Vec<Option<Position>>,
    stage: Stage,
}

#[derive(Debug)]
pub(super) enum Stage {
    CatchingUp {
        source: Node,
        /// Where the source's log ends.
        target: Position,
        /// How much of it is here.
        have: u64,
    },
    Reigning {
        /// Where the record of the epoch stands.
        record: u64,
        /// Whether it is committed.
        leads: bool,
        peers: Vec<Peer>,
    },
}

/// What a primary knows of a backup.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    /// What to send next.
    next: u64,
    /// How much it has on disk, as it is here.
    stable: u64,
    /// Whether `next` is a guess: then one message at a time is sent.
    probing: bool,
    /// Since when; answers to what left before are passed over.
    since: Instant,
}

impl Reign {
    /// Before it has begun.
    pub(super) fn new(epoch: Term, grants: Vec<Option<Grant>>, config: &GroupConfig) -> Self {
        let mut reign = Self {
            epoch,
            until: Instant::NEVER,
            renewed: grants.iter().map(|grant| grant.map(|g| g.asked)).collect(),
            granted: grants.iter().map(|grant| grant.map(|g| g.log)).collect(),
            stage: Stage::Reigning {
                record: 0,
                leads: false,
                peers: Vec::new(),
            },
        };
        reign.count_leases(config);
        reign
    }

    /// A replica has answered what left at this time.
    pub(super) fn renew(&mut self, node: Node, asked: Instant, config: &GroupConfig) {
        let renewed = &mut self.renewed[node.0 as usize];
        *renewed = (*renewed).max(Some(asked));
        self.count_leases(config);
    }

    pub(super) fn leads(&self) -> bool {
        matches!(self.stage, Stage::Reigning { leads: true, .. })
    }

    pub(super) fn is_catching_up(&self) -> bool {
        matches!(self.stage, Stage::CatchingUp { .. })
    }

    fn count_leases(&mut self, config: &GroupConfig) {
        // Its own grant lasts as long as its reign.
        let others = config.majority() as usize - 1;
        let at = nth_largest(self.renewed.iter().flatten().copied(), others);
        self.until = match at {
            _ if others == 0 => Instant::NEVER,
            Some(at) => at + config.least_election_timeout,
            None => Instant::ZERO,
        };
    }
}

/// The `n`th largest, from 1. Groups are small.
fn nth_largest<T: Copy + Ord>(all: impl Iterator<Item = T> + Clone, n: usize) -> Option<T> {
    let among = all.clone();
    let enough = |one: &T| among.clone().filter(|other| other >= one).count() >= n;
    all.filter(enough).max()
}

impl PrimaryBackup {
    /// Begins a reign: by catching up where a granter's log is more advanced.
    pub(super) fn reign(&mut self, step: &mut Step, reign: Reign) {
        let best = (0..).map(Node).zip(&reign.granted);
        let best = best.filter_map(|(node, log)| log.map(|log| (log, node)));
        let best = best.max_by_key(|&(log, _)| log);
        let until = reign.until;
        self.part = Part::Won(reign);
        if until != Instant::NEVER {
            step.out.push(Action::SetTimer(LEASE, until.max(step.now)));
        }
        match best {
            Some((target, source)) if target > self.disk.log().end() => {
                let have = self.disk.committed();
                if let Part::Won(reign) = &mut self.part {
                    reign.stage = Stage::CatchingUp {
                        source,
                        target,
                        have,
                    };
                }
                let patience = step.now + step.chance.election_timeout();
                self.until(step, patience);
            }
            _ => self.begin(step),
        }
        self.beat(step, MOST);
    }

    /// A piece of the log of the most advanced granter.
    pub(super) fn on_fetched(&mut self, step: &mut Step, from: Node, epoch: Term, batch: &Batch) {
        let Part::Won(reign) = &mut self.part else {
            return;
        };
        let Stage::CatchingUp {
            source,
            target,
            have,
        } = &mut reign.stage
        else {
            return;
        };
        if reign.epoch != epoch || *source != from || !self.disk.log().has(batch.after) {
            return;
        }
        if self.disk.merge(batch).is_none() || batch.last() <= *have && batch.last() < target.index
        {
            return;
        }
        *have = batch.last();
        if *have >= target.index {
            self.begin(step);
            return self.beat(step, MOST);
        }
        self.fetch(step);
        let patience = step.now + step.chance.election_timeout();
        self.until(step, patience);
    }

    fn fetch(&mut self, step: &mut Step) {
        if let Part::Won(reign) = &self.part
            && let Stage::CatchingUp { source, have, .. } = reign.stage
        {
            let (epoch, after) = (reign.epoch, have);
            step.send(source, Message::Fetch { epoch, after });
        }
    }

    /// The log is complete: writes the record of the epoch behind it.
    fn begin(&mut self, step: &mut Step) {
        let Part::Won(reign) = &mut self.part else {
            return;
        };
        let log = self.disk.log();
        let peer = |granted: &Option<Position>| {
            // Where it is not known to end in what is here, its answer will say.
            let known = granted.filter(|&end| log.has(end));
            let known = known.map_or(log.last(), |end| end.index.max(log.base()));
            Peer {
                next: known + 1,
                stable: 0,
                probing: true,
                since: step.now,
            }
        };
        let peers = reign.granted.iter().map(peer).collect();
        reign.stage = Stage::Reigning {
            record: self.disk.begin(reign.epoch),
            leads: false,
            peers,
        };
        self.disk.force(step.out);
    }

    /// Sends what comes next, at most so many entries: a sign of life has none.
    fn send(&mut self, now: Instant, out: &mut Vec<Action>, to: Node, most: usize) {
        let committed = self.disk.committed();
        let everywhere = self.everywhere();
        let Part::Won(reign) = &mut self.part else {
            return;
        };
        let Stage::Reigning { peers, .. } = &mut reign.stage else {
            return;
        };
        let peer = &mut peers[to.0 as usize];
        let batch = self.disk.log().batch(peer.next - 1, most);
        if !peer.probing {
            peer.next = batch.last() + 1;
        }
        let message = Message::Append {
            epoch: reign.epoch,
            asked: now,
            batch,
            committed,
            everywhere,
        };
        let message = crate::replication::Message::PrimaryBackup(message);
        out.push(Action::Send(to, message));
    }

    /// Sends new entries to those who have the ones before.
    pub(super) fn spread(&mut self, now: Instant, out: &mut Vec<Action>) {
        for other in self.config.others(self.node) {
            self.pump(now, out, other);
        }
    }

    /// Sends to one as much as may be on its way.
    fn pump(&mut self, now: Instant, out: &mut Vec<Action>, to: Node) {
        while let Some(peer) = self.peer(to)
            && !peer.probing
            && peer.next <= self.disk.log().last()
            && peer.next - 1 < peer.stable + WINDOW
        {
            self.send(now, out, to, MOST);
        }
    }

    fn peer(&self, node: Node) -> Option<Peer> {
        match &self.part {
            Part::Won(reign) => match &reign.stage {
                Stage::Reigning { peers, .. } => peers.get(node.0 as usize).copied(),
                Stage::CatchingUp { .. } => None,
            },
            _ => None,
        }
    }

    pub(super) fn on_ack(
        &mut self,
        step: &mut Step,
        from: Node,
        epoch: Term,
        asked: Instant,
        stable: u64,
    ) {
        let Part::Won(reign) = &mut self.part else {
            return;
        };
        if reign.epoch != epoch {
            return;
        }
        reign.renew(from, asked, &self.config);
        if let Stage::Reigning { peers, .. } = &mut reign.stage {
            let peer = &mut peers[from.0 as usize];
            peer.stable = peer.stable.max(stable);
            if peer.probing && peer.stable + 1 >= peer.next {
                peer.probing = false;
            }
            peer.next = peer.next.max(peer.stable + 1);
            self.try_commit(step);
            self.pump(step.now, step.out, from);
        }
    }

    pub(super) fn on_behind(
        &mut self,
        step: &mut Step,
        from: Node,
        epoch: Term,
        asked: Instant,
        end: Position,
        committed: u64,
    ) {
        let Part::Won(reign) = &mut self.part else {
            return;
        };
        if reign.epoch != epoch {
            return;
        }
        reign.renew(from, asked, &self.config);
        let Stage::Reigning { peers, .. } = &mut reign.stage else {
            return;
        };
        let peer = &mut peers[from.0 as usize];
        if asked < peer.since {
            return;
        }
        let log = self.disk.log();
        // What it knows to be committed is the same everywhere.
        let same = if log.has(end) { end.index } else { committed };
        peer.next = same.clamp(log.base(), log.last()).max(peer.stable) + 1;
        peer.probing = true;
        peer.since = step.now;
        self.send(step.now, step.out, from, MOST);
    }

    /// What is on the disks of a majority is committed, once the record of the epoch is.
    pub(super) fn try_commit(&mut self, step: &mut Step) {
        let Part::Won(reign) = &mut self.part else {
            return;
        };
        let Stage::Reigning {
            record,
            leads,
            peers,
        } = &mut reign.stage
        else {
            return;
        };
        // Nothing is sent to oneself: that slot takes what is on the own disk.
        peers[self.node.0 as usize].stable = self.disk.settled_upto();
        let majority = self.config.majority() as usize;
        let stable = peers.iter().map(|peer| peer.stable);
        let stable = nth_largest(stable, majority).unwrap_or(0);
        if stable < *record {
            return;
        }
        let (epoch, first) = (reign.epoch, !*leads);
        *leads = true;
        self.commit(step.out, stable);
        if first {
            self.leader = Some(self.node);
            self.tell_role(step, Role::Leader(epoch));
        }
    }

    /// How much every replica has on disk.
    fn everywhere(&self) -> u64 {
        let stable = match &self.part {
            Part::Won(reign) => match &reign.stage {
                Stage::Reigning { peers, .. } => peers.iter().map(|peer| peer.stable).min(),
                Stage::CatchingUp { .. } => None,
            },
            _ => None,
        };
        stable.unwrap_or(0).min(self.disk.committed())
    }

    /// A sign of life is due.
    pub(super) fn on_beat(&mut self, step: &mut Step) {
        match &self.part {
            Part::Backup => {}
            Part::Standing(_) => self.beat_candidate(step),
            // Who does not answer is sent no entries.
            Part::Won(_) => self.beat(step, 0),
        }
    }

    /// Gives a sign of life to all: to whom it is a primary, with the next entries.
    fn beat(&mut self, step: &mut Step, most: usize) {
        let Part::Won(reign) = &self.part else {
            return;
        };
        let next = step.now + self.config.heartbeat;
        step.out.push(Action::SetTimer(BEAT, next));
        if reign.is_catching_up() {
            let (epoch, asked) = (reign.epoch, step.now);
            for other in self.config.others(self.node) {
                step.send(other, Message::Alive { epoch, asked });
            }
            self.fetch(step);
        } else {
            for other in self.config.others(self.node) {
                self.send(step.now, step.out, other, most);
            }
            self.forget(self.everywhere());
        }
    }

    pub(super) fn on_lease_timer(&mut self, step: &mut Step) {
        self.check_lease(step);
        if let Part::Won(reign) = &self.part {
            step.out.push(Action::SetTimer(LEASE, reign.until));
        }
    }

    /// Without a lease it is no primary, whether or not its timer has rung.
    pub(super) fn check_lease(&mut self, step: &mut Step) {
        if let Part::Won(reign) = &self.part
            && step.now >= reign.until
        {
            self.step_down(step);
            self.heard(step);
        }
    }

    pub(super) fn step_down(&mut self, step: &mut Step) {
        self.leader = None;
        self.become_backup(step);
    }
}

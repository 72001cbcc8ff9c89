//! How a replica comes to win an epoch, and what a granter owes to whom. Refuses to know what is in a
//! log: only where it ends.

use super::backup::{Reply, Sort};
use super::message::{Message, Position};
use super::primary::Reign;
use super::{Action, BEAT, LEASE, Node, Part, PrimaryBackup, Role, Step, Term, Token};
use clock::Instant;

/// What a granter has granted last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    pub(super) holder: Option<Node>,
    pub(super) until: Instant,
    /// When it was asked for, by the holder's clock.
    pub(super) asked: Instant,
    /// Whether the holder can know of it.
    pub(super) answered: bool,
}

impl Lease {
    pub(super) const NONE: Self = Self {
        holder: None,
        until: Instant::ZERO,
        asked: Instant::ZERO,
        answered: true,
    };
}

/// A replica that stands for election.
#[derive(Debug)]
pub(super) struct Candidacy {
    epoch: Term,
    /// Somebody has promised this epoch or a higher one to another.
    refused: bool,
    /// By whom it was granted.
    grants: Vec<Option<Grant>>,
    /// The forced write of its own promise, which it makes last.
    promise: Option<Token>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Grant {
    pub(super) asked: Instant,
    pub(super) log: Position,
}

impl PrimaryBackup {
    /// There was a sign of life: stands for election only after a new timeout.
    pub(super) fn heard(&mut self, step: &mut Step) {
        let deadline = step.now + step.chance.election_timeout() + self.stagger();
        self.until(step, deadline);
    }

    /// A heartbeat for each replica that should stand first, but for the one that is missed.
    fn stagger(&self) -> clock::Duration {
        let missed = self.epochs.owner(self.disk.promised());
        let first = self.node.0 - u32::from(missed.is_some_and(|missed| missed < self.node));
        self.config.heartbeat.saturating_mul(first.into())
    }

    pub(super) fn on_election_timer(&mut self, step: &mut Step) {
        // A lease can outlast the sign of life that it was given for by a forced write.
        let granted = match self.part {
            Part::Backup if self.lease.holder != Some(self.node) => self.lease.until,
            _ => Instant::ZERO,
        };
        let due = self.deadline.max(granted);
        match &self.part {
            Part::Won(reign) if !reign.is_catching_up() => {}
            _ if step.now < due => self.until(step, due),
            Part::Backup => self.stand(step),
            Part::Standing(_) => {
                // Others may be better connected.
                self.withdraw(step);
                self.become_backup(step);
                self.heard(step);
            }
            Part::Won(_) => {
                // The source of the log does not answer; others may do.
                self.step_down(step);
                self.stand(step);
            }
        }
    }

    pub(super) fn stand(&mut self, step: &mut Step) {
        let patience = step.now + step.chance.election_timeout();
        self.until(step, patience);
        self.stand_again(step);
    }

    /// Stands, for the first time or in a higher epoch.
    fn stand_again(&mut self, step: &mut Step) {
        let epoch = self.epochs.next(self.seen, self.node);
        self.seen = epoch;
        self.leader = None;
        self.part = Part::Standing(Candidacy {
            epoch,
            refused: false,
            grants: vec![None; self.config.size as usize],
            promise: None,
        });
        self.tell_role(step, Role::Candidate(epoch));
        self.ask(step, epoch);
    }

    fn ask(&mut self, step: &mut Step, epoch: Term) {
        let asked = step.now;
        for other in self.config.others(self.node) {
            step.send(other, Message::Stand { epoch, asked });
        }
        let next = step.now + self.config.heartbeat;
        step.out.push(Action::SetTimer(BEAT, next));
        self.try_promise(step);
    }

    /// Asks once more: messages are lost, and grants grow old.
    pub(super) fn beat_candidate(&mut self, step: &mut Step) {
        let Part::Standing(candidacy) = &self.part else {
            return;
        };
        if candidacy.refused {
            self.stand_again(step);
        } else {
            let epoch = candidacy.epoch;
            self.ask(step, epoch);
        }
    }

    pub(super) fn on_stand(&mut self, step: &mut Step, from: Node, epoch: Term, asked: Instant) {
        let lease = self.lease;
        let again = epoch == self.disk.promised();
        let free = step.now >= lease.until || lease.holder == Some(from);
        // Where requests meet, the lower number goes first.
        let meets = !lease.answered && lease.holder.is_some_and(|holder| from < holder);
        let stands = match self.part {
            Part::Backup => false,
            Part::Standing(_) if from < self.node => true,
            Part::Standing(_) | Part::Won(_) => return,
        };
        if !(again || free || meets) {
            return;
        }
        if stands {
            self.withdraw(step);
        }
        if again {
            self.lease.holder = Some(from);
        } else {
            self.promise(step, from, epoch);
            self.lease.answered = false;
        }
        self.lease.asked = self.lease.asked.max(asked);
        self.become_backup(step);
        self.heard(step);
        let log = self.disk.log().end();
        let sort = Sort::Grant(log);
        self.reply(step, Reply::new(from, epoch, asked, sort), false);
    }

    pub(super) fn on_granted(
        &mut self,
        step: &mut Step,
        from: Node,
        epoch: Term,
        asked: Instant,
        log: Position,
    ) {
        match &mut self.part {
            Part::Standing(candidacy) if candidacy.epoch == epoch => {
                let grant = &mut candidacy.grants[from.0 as usize];
                let asked = grant.map_or(asked, |before| before.asked.max(asked));
                *grant = Some(Grant { asked, log });
                self.try_promise(step);
            }
            Part::Won(reign) if reign.epoch == epoch => reign.renew(from, asked, &self.config),
            _ => {}
        }
    }

    pub(super) fn on_refused(&mut self, step: &mut Step, promised: Term) {
        match &mut self.part {
            Part::Standing(candidacy) => candidacy.refused |= promised >= candidacy.epoch,
            // A replica has promised more and would never follow: take it along, in a higher epoch.
            // Those who have granted this one grant that one, too.
            Part::Won(reign) if promised > reign.epoch => {
                self.step_down(step);
                self.stand(step);
            }
            _ => {}
        }
    }

    pub(super) fn on_withdrawn(&mut self, step: &mut Step, epoch: Term, asked: Instant) {
        let owner = self.epochs.owner(epoch);
        if epoch == self.disk.promised() && self.lease.holder == owner && self.lease.asked <= asked
        {
            self.lease.until = self.lease.until.min(step.now);
        }
    }

    /// With a majority but for itself, it promises the epoch itself.
    fn try_promise(&mut self, step: &mut Step) {
        let Part::Standing(candidacy) = &self.part else {
            return;
        };
        let others = candidacy.grants.iter().flatten().count() as u32;
        let epoch = candidacy.epoch;
        let bound = self.lease.holder != Some(self.node) && step.now < self.lease.until;
        if candidacy.promise.is_some()
            || others + 1 < self.config.majority()
            || epoch <= self.disk.promised()
            || bound
        {
            return;
        }
        self.promise(step, self.node, epoch);
        self.disk.force(step.out);
        // What it grants itself ends with its reign.
        self.lease.until = Instant::ZERO;
        if let Part::Standing(candidacy) = &mut self.part {
            candidacy.promise = self.promising;
        }
    }

    /// Promises an epoch and gives its owner a lease. Who calls it forces the disk, with what else there
    /// is to write.
    pub(super) fn promise(&mut self, step: &mut Step, to: Node, epoch: Term) {
        self.disk.promise(epoch);
        self.promising = Some(self.disk.next());
        self.verified = 0;
        self.leader = None;
        self.lease = Lease {
            holder: Some(to),
            until: step.now + self.config.least_election_timeout,
            asked: Instant::ZERO,
            answered: true,
        };
    }

    /// Its own promise is stable: it has won.
    pub(super) fn try_win(&mut self, step: &mut Step, token: Token) {
        let Part::Standing(candidacy) = &mut self.part else {
            return;
        };
        if candidacy.promise.is_some_and(|with| with <= token) {
            let grants = core::mem::take(&mut candidacy.grants);
            let reign = Reign::new(candidacy.epoch, grants, &self.config);
            self.reign(step, reign);
        }
    }

    /// Says that it does not stand any more, whatever becomes of it.
    pub(super) fn withdraw(&mut self, step: &mut Step) {
        if let Part::Standing(candidacy) = &self.part {
            let (epoch, asked) = (candidacy.epoch, step.now);
            for other in self.config.others(self.node) {
                step.send(other, Message::Withdrawn { epoch, asked });
            }
        }
    }

    pub(super) fn become_backup(&mut self, step: &mut Step) {
        match core::mem::replace(&mut self.part, Part::Backup) {
            Part::Backup => {}
            Part::Standing(_) => step.out.push(Action::CancelTimer(BEAT)),
            Part::Won(_) => {
                step.out.push(Action::CancelTimer(BEAT));
                step.out.push(Action::CancelTimer(LEASE));
            }
        }
        let role = Role::Follower(self.disk.promised(), self.leader);
        self.tell_role(step, role);
    }
}

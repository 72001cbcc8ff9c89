//! How a backup follows a primary: it takes signs of life, makes its log the primary's and answers when
//! that is on disk. Refuses to know how the primary was chosen.

use super::disk::Disk;
use super::message::{Batch, Message, Position};
use super::{Node, PrimaryBackup, Role, Step, Term, Token};
use clock::Instant;

/// An answer that waits for the disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reply {
    with: Token,
    to: Node,
    epoch: Term,
    asked: Instant,
    sort: Sort,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sort {
    Grant(Position),
    Sign,
    Gap,
}

impl Reply {
    pub(super) fn new(to: Node, epoch: Term, asked: Instant, sort: Sort) -> Self {
        Self {
            with: Token(0),
            to,
            epoch,
            asked,
            sort,
        }
    }

    pub(super) fn sign(to: Node, epoch: Term, asked: Instant) -> Self {
        Self::new(to, epoch, asked, Sort::Sign)
    }
}

impl PrimaryBackup {
    /// Somebody has won this epoch, which is not below the promise: there is no other to follow.
    ///
    /// That may break a lease of another holder, which is no harm: whoever won has a majority, whose
    /// leases of that holder had run out.
    /// Whoever calls this replies.
    pub(super) fn follow(&mut self, step: &mut Step, from: Node, epoch: Term) {
        self.withdraw(step);
        if epoch > self.disk.promised() {
            self.promise(step, from, epoch);
        }
        self.become_backup(step);
        self.heard(step);
    }

    /// It is not only elected: it leads, or is about to.
    pub(super) fn leads(&mut self, step: &mut Step, from: Node) {
        self.leader = Some(from);
        let role = Role::Follower(self.disk.promised(), self.leader);
        self.tell_role(step, role);
    }

    pub(super) fn on_append(
        &mut self,
        step: &mut Step,
        from: Node,
        asked: Instant,
        batch: &Batch,
        committed: u64,
        everywhere: u64,
    ) {
        let epoch = self.disk.promised();
        if !self.disk.log().has(batch.after) {
            let gap = Reply::new(from, epoch, asked, Sort::Gap);
            return self.reply(step, gap, false);
        }
        // One that contradicts what is committed cannot be of a group whose disks keep what they forced.
        let Some(wrote) = self.disk.merge(batch) else {
            return;
        };
        self.verified = self.verified.max(batch.last());
        self.commit(step.out, committed.min(self.verified));
        self.forget(everywhere);
        self.reply(step, Reply::sign(from, epoch, asked), wrote);
    }

    pub(super) fn on_fetch(&mut self, step: &mut Step, from: Node, epoch: Term, after: u64) {
        // Since it granted, nothing has been added: who asks has not begun its epoch yet.
        if epoch == self.disk.promised() && self.promising.is_none() {
            let batch = self.disk.log().batch(after, super::primary::MOST);
            step.send(from, Message::Fetched { epoch, batch });
        }
    }

    /// Lets go what all have on disk and what was told here.
    pub(super) fn forget(&mut self, everywhere: u64) {
        let upto = everywhere.min(self.told).min(self.disk.settled_upto());
        self.disk.forget(upto);
    }

    /// Answers, once the promise is stable and, where something was written, that too.
    pub(super) fn reply(&mut self, step: &mut Step, reply: Reply, wrote: bool) {
        let unforced = self.promising == Some(self.disk.next());
        let with = if wrote || unforced {
            Some(self.disk.force(step.out))
        } else {
            self.promising
        };
        let Some(with) = with else {
            return self.deliver(step, reply);
        };
        let twin = |other: &&mut Reply| {
            (other.with, other.epoch, other.sort) == (with, reply.epoch, reply.sort)
        };
        match self.replies.iter_mut().find(twin) {
            // One answer for what is stable together.
            Some(twin) => twin.asked = twin.asked.max(reply.asked),
            None => self.replies.push(Reply { with, ..reply }),
        }
    }

    /// What was written with this token is stable.
    pub(super) fn answer(&mut self, step: &mut Step, token: Token) {
        let mut replies = core::mem::take(&mut self.replies);
        for reply in replies.extract_if(.., |reply| reply.with <= token) {
            self.deliver(step, reply);
        }
        self.replies = replies;
    }

    /// Each answer to whom the promise was made renews its lease.
    fn deliver(&mut self, step: &mut Step, reply: Reply) {
        let Reply {
            to,
            epoch,
            asked,
            sort,
            ..
        } = reply;
        // A higher promise may have been made while the answer waited.
        if epoch != self.disk.promised() {
            return;
        }
        self.lease.until = step.now + self.config.least_election_timeout;
        self.lease.answered = true;
        let disk: &Disk = &self.disk;
        let message = match sort {
            Sort::Grant(log) => Message::Granted { epoch, asked, log },
            Sort::Sign => Message::Ack {
                epoch,
                asked,
                stable: self.verified.min(disk.settled_upto()),
            },
            Sort::Gap => Message::Behind {
                epoch,
                asked,
                log: disk.log().end(),
                committed: disk.committed(),
            },
        };
        step.send(to, message);
    }
}

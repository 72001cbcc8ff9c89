//! The checker: hears what each site sent, logged and decided, and says whether that was a saga.
//! Refuses to know how the machines work: it holds none of their code, and can listen to any other
//! implementation.
//!
//! The rule is that of Garcia-Molina and Salem 1987, section 2: a saga runs `T1 … Tn`, or `T1 … Tk`
//! and then `Ck … C1`. Around it stand the rules without which a crash or a late message breaks it.
//! That every saga ends is the host's to judge, who alone knows when faults have ceased: see
//! [`Checker::half_done`].

use super::log::Record;
use super::message::{Message, StepId};
use super::violation::Violation;
use crate::transaction::{Outcome, Site, Traffic, Txn};
use std::collections::BTreeMap;

/// Listens to any number of sagas. The host tells it what happens, when it happens.
#[derive(Clone, Debug, Default)]
pub struct Checker {
    txns: BTreeMap<Txn, Seen>,
    violations: Vec<Violation>,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    /// In the order of the steps.
    steps: Vec<Step>,
    begun_logged: bool,
    commit_logged: bool,
    decided: Option<Outcome>,
    ended: bool,
    traffic: Traffic,
}

/// What is stable of a step.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    done: bool,
    undone: bool,
}

impl Step {
    fn stands(self) -> bool {
        self.done && !self.undone
    }
}

impl Checker {
    /// One that has heard nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// A saga and the number of its steps; before anything else about it.
    pub fn begun(&mut self, txn: Txn, steps: usize) {
        let seen = self.txns.entry(txn).or_default();
        seen.steps.resize(steps, Step::default());
    }

    /// A message leaves its site, for another or for itself.
    pub fn sent(&mut self, from: Site, to: Site, msg: &Message) {
        let step = msg.step();
        let seen = self.txns.entry(step.txn).or_default();
        seen.traffic.messages += u64::from(from != to);
        let before = step.step.checked_sub(1).map(|n| seen.step(n));
        let this = seen.step(step.step);
        let broken = match msg {
            Message::Do(_) if !seen.begun_logged => Violation::BegunBeforeLog(step),
            Message::Do(_) if before.is_some_and(|before| !before.done) => {
                Violation::DoneOutOfOrder(step)
            }
            Message::Answer { done: true, .. } if !this.done => Violation::AnswerBeforeLog(step),
            Message::Answer { done: false, .. } | Message::Undone(_) if !this.undone => {
                Violation::AnswerBeforeLog(step)
            }
            Message::Undo(_) if seen.decided == Some(Outcome::Commit) => {
                Violation::UndoneAfterCommit(step)
            }
            _ => return,
        };
        self.violations.push(broken);
    }

    /// A forced write is asked for.
    pub fn forced(&mut self, txn: Txn) {
        let seen = self.txns.entry(txn).or_default();
        seen.traffic.forced += 1;
    }

    /// A record has become stable: its force has ended, or that of a later one, or it was found after
    /// a crash. Told once for each record, and before the machine hears of it.
    pub fn stable(&mut self, record: &Record) {
        let seen = self.txns.entry(record.txn()).or_default();
        match *record {
            Record::Begun { .. } => seen.begun_logged = true,
            Record::Committed { .. } => seen.commit_logged = true,
            Record::Compensated { .. } => {}
            Record::Done(step) => self.done(step),
            Record::Undone(step) => self.undone(step),
        }
    }

    fn done(&mut self, step: StepId) {
        let seen = self.txns.entry(step.txn).or_default();
        let this = seen.step(step.step);
        if this.done {
            self.violations.push(Violation::DoneTwice(step));
        }
        if this.undone {
            self.violations.push(Violation::DoneAfterUndo(step));
        } else if seen.ended && seen.decided == Some(Outcome::Abort) {
            self.violations.push(Violation::LeftDone(step));
        }
        if let Some(this) = seen.steps.get_mut(step.step as usize) {
            this.done = true;
        }
    }

    fn undone(&mut self, step: StepId) {
        let seen = self.txns.entry(step.txn).or_default();
        let this = seen.step(step.step);
        if this.undone {
            self.violations.push(Violation::UndoneTwice(step));
        }
        if seen.decided == Some(Outcome::Commit) {
            self.violations.push(Violation::UndoneAfterCommit(step));
        }
        let later = (step.step + 1..).zip(seen.steps.iter().skip(step.step as usize + 1));
        if this.done
            && let Some((later, _)) = later.into_iter().find(|(_, later)| later.stands())
        {
            let (undone, txn) = (step, step.txn);
            let later = StepId { txn, step: later };
            let broken = Violation::UndoneOutOfOrder { undone, later };
            self.violations.push(broken);
        }
        if let Some(this) = seen.steps.get_mut(step.step as usize) {
            this.undone = true;
        }
    }

    /// The orchestrator tells the outcome.
    pub fn decided(&mut self, txn: Txn, outcome: Outcome) {
        let seen = self.txns.entry(txn).or_default();
        match seen.decided {
            Some(first) if first != outcome => self.violations.push(Violation::Reversal(txn)),
            Some(_) => return,
            None => seen.decided = Some(outcome),
        }
        if outcome == Outcome::Abort || seen.steps.is_empty() {
            return;
        }
        if !seen.commit_logged {
            self.violations.push(Violation::CommitBeforeLog(txn));
        }
        for (step, _) in seen.steps_where(|step| !step.stands()) {
            let missing = Violation::CommitWithoutStep(StepId { txn, step });
            self.violations.push(missing);
        }
    }

    /// The orchestrator says that the saga is over.
    pub fn ended(&mut self, txn: Txn) {
        let seen = self.txns.entry(txn).or_default();
        if seen.ended {
            return;
        }
        seen.ended = true;
        if seen.decided != Some(Outcome::Commit) {
            for (step, _) in seen.steps_where(Step::stands) {
                self.violations
                    .push(Violation::LeftDone(StepId { txn, step }));
            }
        }
    }

    /// The rules broken so far, in the order of their breach.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// What the saga has cost so far; `None` when nothing was heard of it.
    pub fn traffic(&self, txn: Txn) -> Option<Traffic> {
        self.txns.get(&txn).map(|seen| seen.traffic)
    }

    /// What was told of the saga.
    pub fn decision(&self, txn: Txn) -> Option<Outcome> {
        self.txns.get(&txn)?.decided
    }

    /// How many steps of the saga were done, and how many of these undone.
    pub fn counts(&self, txn: Txn) -> (usize, usize) {
        let steps = self.txns.get(&txn).map_or(&[][..], |seen| &seen.steps);
        let done = steps.iter().filter(|step| step.done);
        (
            done.clone().count(),
            done.filter(|step| step.undone).count(),
        )
    }

    /// The steps that are done, and that others can see, of sagas that have not committed.
    pub fn half_done(&self) -> impl Iterator<Item = StepId> {
        let open = self.txns.iter();
        let open = open.filter(|(_, seen)| seen.decided != Some(Outcome::Commit));
        open.flat_map(|(&txn, seen)| {
            let steps = seen.steps_where(Step::stands);
            steps.map(move |(step, _)| StepId { txn, step })
        })
    }

    /// Lets a saga go about which nothing more will be heard. Its violations stay.
    pub fn forget(&mut self, txn: Txn) {
        self.txns.remove(&txn);
    }
}

impl Seen {
    fn step(&self, number: u32) -> Step {
        let step = self.steps.get(number as usize);
        step.copied().unwrap_or_default()
    }

    fn steps_where(&self, wanted: impl Fn(Step) -> bool) -> impl Iterator<Item = (u32, Step)> {
        let steps = (0..).zip(self.steps.iter().copied());
        steps.filter(move |&(_, step)| wanted(step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const TXN: Txn = Txn(1);
    const HOME: Site = Site(0);
    const AWAY: Site = Site(1);

    fn step(step: u32) -> StepId {
        StepId { txn: TXN, step }
    }

    /// A saga of two steps whose first record is stable.
    fn begun() -> Checker {
        let mut checker = Checker::new();
        checker.begun(TXN, 2);
        let steps = Arc::from([AWAY, AWAY]);
        checker.stable(&Record::Begun { txn: TXN, steps });
        checker
    }

    #[test]
    fn all_steps_or_all_undone_in_reverse_break_no_rule() {
        let mut checker = begun();
        for n in 0..2 {
            checker.sent(HOME, AWAY, &Message::Do(step(n)));
            checker.stable(&Record::Done(step(n)));
        }
        let mut other = checker.clone();
        checker.stable(&Record::Committed { txn: TXN });
        checker.decided(TXN, Outcome::Commit);
        checker.ended(TXN);
        assert_eq!(checker.violations(), []);
        assert_eq!(checker.half_done().count(), 0);
        assert_eq!(checker.traffic(TXN).expect("heard of").messages, 2);

        other.decided(TXN, Outcome::Abort);
        assert_eq!(other.half_done().count(), 2);
        for n in [1, 0] {
            other.sent(HOME, AWAY, &Message::Undo(step(n)));
            other.stable(&Record::Undone(step(n)));
            other.sent(AWAY, HOME, &Message::Undone(step(n)));
        }
        other.ended(TXN);
        assert_eq!(other.violations(), []);
        assert_eq!(other.counts(TXN), (2, 2));
    }

    #[test]
    fn a_commit_needs_every_step_and_its_record() {
        let mut checker = begun();
        checker.stable(&Record::Done(step(0)));
        checker.decided(TXN, Outcome::Commit);
        checker.sent(HOME, AWAY, &Message::Undo(step(0)));
        checker.decided(TXN, Outcome::Abort);
        let wanted = [
            Violation::CommitBeforeLog(TXN),
            Violation::CommitWithoutStep(step(1)),
            Violation::UndoneAfterCommit(step(0)),
            Violation::Reversal(TXN),
        ];
        assert_eq!(checker.violations(), wanted);
    }

    #[test]
    fn each_step_is_done_once_and_undone_once() {
        let mut checker = begun();
        for _ in 0..2 {
            checker.stable(&Record::Done(step(0)));
        }
        for _ in 0..2 {
            checker.stable(&Record::Undone(step(0)));
        }
        checker.stable(&Record::Undone(step(1)));
        checker.stable(&Record::Done(step(1)));
        let wanted = [
            Violation::DoneTwice(step(0)),
            Violation::UndoneTwice(step(0)),
            Violation::DoneAfterUndo(step(1)),
        ];
        assert_eq!(checker.violations(), wanted);
    }

    #[test]
    fn steps_have_an_order_and_are_undone_in_reverse() {
        let mut checker = begun();
        checker.sent(HOME, AWAY, &Message::Do(step(1)));
        checker.stable(&Record::Done(step(0)));
        checker.stable(&Record::Done(step(1)));
        checker.stable(&Record::Undone(step(0)));
        let (undone, later) = (step(0), step(1));
        let wanted = [
            Violation::DoneOutOfOrder(step(1)),
            Violation::UndoneOutOfOrder { undone, later },
        ];
        assert_eq!(checker.violations(), wanted);
    }

    #[test]
    fn what_is_left_done_is_found_before_and_after_the_end() {
        let mut checker = begun();
        checker.stable(&Record::Done(step(0)));
        checker.decided(TXN, Outcome::Abort);
        checker.ended(TXN);
        checker.stable(&Record::Done(step(1)));
        let wanted = [Violation::LeftDone(step(0)), Violation::LeftDone(step(1))];
        assert_eq!(checker.violations(), wanted);
    }

    #[test]
    fn what_is_said_must_be_logged() {
        let mut checker = Checker::new();
        checker.begun(TXN, 2);
        checker.sent(HOME, AWAY, &Message::Do(step(0)));
        for done in [true, false] {
            let step = step(0);
            checker.sent(AWAY, HOME, &Message::Answer { step, done });
        }
        checker.sent(AWAY, HOME, &Message::Undone(step(1)));
        let wanted = [
            Violation::BegunBeforeLog(step(0)),
            Violation::AnswerBeforeLog(step(0)),
            Violation::AnswerBeforeLog(step(0)),
            Violation::AnswerBeforeLog(step(1)),
        ];
        assert_eq!(checker.violations(), wanted);
    }
}

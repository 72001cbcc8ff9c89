//! Try, confirm, cancel in the network, with hosts that can be told to break the protocol.

use crate::net::{Deed, Input, Protocol};
use crate::random::Random;
use clock::Instant;
use std::collections::BTreeSet;
use stormglass_protocol::tcc::*;

/// What a host does wrong on purpose. The machines stay as they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sabotage {
    Nothing,
    /// When tries are late, the coordinator hears from everyone that it has reserved.
    InventTries,
    /// A participant that is asked to cancel what it has not tried says so, and makes no note.
    NoTombstone,
    /// The coordinator takes what is refused for confirmed.
    HideExpiry,
    /// The decision is written, and taken for forced.
    DecideEarly,
}

/// One transaction to run, and who cannot reserve for it.
pub(crate) struct Plan {
    pub(crate) participants: Vec<Site>,
    pub(crate) fails: Option<Site>,
}

pub(crate) struct Tcc {
    pub(crate) checker: Checker,
    pub(crate) plans: Vec<Plan>,
    /// When each transaction was decided, and when it was over.
    pub(crate) decided: Vec<Option<Instant>>,
    pub(crate) ended: Vec<Option<Instant>>,
    pub(crate) expired: u64,
    coordinator: CoordinatorConfig,
    participant: ParticipantConfig,
    /// That a host can not confirm or cancel, while there are faults.
    failing: f64,
    sabotage: Sabotage,
    /// Which transactions each site was ever asked to try.
    asked: BTreeSet<(Site, Txn)>,
}

pub(crate) struct Machines {
    pub(crate) coordinator: Coordinator,
    pub(crate) participant: Participant,
}

#[derive(Clone, Copy)]
pub(crate) enum Job {
    Try(Txn),
    Confirm(Txn),
    Cancel(Txn),
}

impl Tcc {
    pub(crate) fn new(
        plans: Vec<Plan>,
        coordinator: CoordinatorConfig,
        participant: ParticipantConfig,
        failing: f64,
        sabotage: Sabotage,
    ) -> Self {
        let mut checker = Checker::new();
        for (n, plan) in (0..).zip(&plans) {
            checker.begun(Txn(n), &plan.participants);
        }
        Self {
            checker,
            decided: vec![None; plans.len()],
            ended: vec![None; plans.len()],
            expired: 0,
            plans,
            coordinator,
            participant,
            failing,
            sabotage,
            asked: BTreeSet::new(),
        }
    }
}

impl Protocol for Tcc {
    type Machines = Machines;
    type Action = Action;
    type Message = Message;
    type Record = Record;
    type Token = Token;
    type Timer = TimerId;
    type Job = Job;

    fn recover(&mut self, now: Instant, log: &[Record], out: &mut Vec<Action>) -> Machines {
        let coordinator = Coordinator::recover(self.coordinator, now, log, out);
        let participant = Participant::recover(self.participant, now, log, out);
        Machines {
            coordinator: coordinator.expect("intervals"),
            participant: participant.expect("intervals"),
        }
    }

    fn drive(
        &mut self,
        m: &mut Machines,
        now: Instant,
        site: Site,
        input: Input<Self>,
        out: &mut Vec<Action>,
    ) {
        match input {
            Input::Begin(n) => {
                let txn = Txn(n as u64);
                let sites = &self.plans[n].participants;
                let known = m.coordinator.begin(now, txn, sites, out);
                known.expect("begun once");
            }
            Input::Message(from, mut msg) => {
                if let Message::Refused(txn) = msg
                    && self.sabotage == Sabotage::HideExpiry
                {
                    msg = Message::Confirmed(txn);
                }
                if let Message::Cancel(txn) = msg
                    && self.sabotage == Sabotage::NoTombstone
                    && !self.asked.contains(&(site, txn))
                {
                    return out.push(Action::Send(from, Message::Cancelled(txn)));
                }
                if msg.to_coordinator() {
                    m.coordinator.on_message(now, from, msg, out);
                } else {
                    m.participant.on_message(now, from, msg, out);
                }
            }
            Input::Timer(TimerId { txn, wait }) => match wait {
                Wait::Tries if self.sabotage == Sabotage::InventTries => {
                    let reserved = true;
                    for &site in &self.plans[txn.0 as usize].participants {
                        let msg = Message::Tried { txn, reserved };
                        m.coordinator.on_message(now, site, msg, out);
                    }
                }
                Wait::Tries | Wait::Acks => m.coordinator.on_timer(now, TimerId { txn, wait }, out),
                Wait::Expiry | Wait::Retry => {
                    m.participant.on_timer(now, TimerId { txn, wait }, out);
                }
            },
            Input::Forced(token) => {
                m.coordinator.on_forced(now, token, out);
                m.participant.on_forced(now, token, out);
            }
            Input::Job(Job::Try(txn), done) => m.participant.on_tried(now, txn, done, out),
            Input::Job(Job::Confirm(txn), done) => m.participant.on_confirmed(txn, done, out),
            Input::Job(Job::Cancel(txn), done) => m.participant.on_cancelled(now, txn, done, out),
        }
    }

    fn deed(&mut self, now: Instant, site: Site, action: Action) -> Deed<Self> {
        match action {
            Action::Send(to, msg) => return Deed::Send(to, msg),
            Action::SetTimer(timer, at) => return Deed::Set(timer, at),
            Action::CancelTimer(timer) => return Deed::Unset(timer),
            Action::Force(Record::Confirm { .. }, token)
                if self.sabotage == Sabotage::DecideEarly =>
            {
                return Deed::Hear(Input::Forced(token));
            }
            Action::Force(record, token) => return Deed::Force(record, token),
            Action::Write(record) => return Deed::Write(record),
            Action::Try(txn) => {
                self.asked.insert((site, txn));
                return Deed::Job(Job::Try(txn));
            }
            Action::Confirm(txn) => return Deed::Job(Job::Confirm(txn)),
            Action::Cancel(txn) => return Deed::Job(Job::Cancel(txn)),
            Action::Released(_, release) => {
                self.expired += u64::from(release == Release::Expired);
            }
            Action::Decided(txn, outcome) => {
                self.checker.decided(site, txn, outcome);
                self.decided[txn.0 as usize].get_or_insert(now);
            }
            Action::Ended(txn, ending) => {
                self.checker.ended(txn, ending);
                self.ended[txn.0 as usize].get_or_insert(now);
            }
        }
        Deed::Nothing
    }

    fn succeeds(&self, site: Site, job: Job, calm: bool, random: &mut Random) -> bool {
        match job {
            Job::Try(txn) => self.plans[txn.0 as usize].fails != Some(site),
            Job::Confirm(_) | Job::Cancel(_) => calm || !random.chance(self.failing),
        }
    }

    fn sent(&mut self, from: Site, to: Site, msg: &Message) {
        self.checker.sent(from, to, msg);
    }

    fn forced(&mut self, record: &Record) {
        self.checker.forced(record.txn());
    }

    fn stable(&mut self, site: Site, record: &Record) {
        self.checker.stable(site, record);
    }
}

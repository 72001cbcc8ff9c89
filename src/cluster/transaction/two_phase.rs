//! Two-phase commit in the world: what its machines say is done here, action by action. It refuses to
//! know what the machines decide, and why.
//!
//! A site is an instance, in both roles. *Prepare* carries the work: a site takes part from its
//! arrival on. Where the coordinator is elsewhere and the handler's own instance takes part, its work
//! comes first, and its vote starts the protocol unasked.

use crate::observer::{Observer, TransactionFact};
use crate::transaction::deal::{Agreement, Deal, Lead, Stage, What};
use crate::transaction::disk::{Forced, Record};
use crate::transaction::plan::{Plan, purpose};
use crate::transaction::{Txn, Word};
use crate::world::World;
use clock::Instant;
use engine::Keyed;
use protocol::two_phase_commit::{
    Action, Coordinator, CoordinatorConfig, Message, Outcome, Participant, ParticipantConfig,
    Record as LogRecord, Site, TimerId, Token, Vote, Wait,
};

/// How far a transaction is.
#[derive(Debug)]
pub(crate) struct TwoPhase {
    pub(crate) lead: Lead,
    /// The instances that take part, each once.
    pub(crate) sites: Vec<SiteState>,
    /// Somebody was asked for a vote.
    pub(crate) asked: bool,
}

/// A transaction at one of its sites.
#[derive(Debug)]
pub(crate) struct SiteState {
    pub(crate) site: u32,
    /// *Prepare* has arrived, or the work was begun unasked: this happens once.
    pub(crate) enlisted: bool,
    /// When it voted for it.
    pub(crate) voted: Option<Instant>,
    pub(crate) outcome: Option<Outcome>,
    /// Nothing is to be done here, as far as is known.
    pub(crate) over: bool,
}

/// Which machine of a site speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Coordinator,
    Participant,
}

/// The machines of one instance for the transactions of one step.
#[derive(Debug)]
pub(crate) struct Machines {
    pub(crate) coordinator: Coordinator,
    pub(crate) participant: Participant,
}

impl Machines {
    fn new(site: u32, plan: &Plan) -> Self {
        let (coordinator, participant) = (coordinator_config(plan), participant_config(plan));
        Self {
            coordinator: Coordinator::new(coordinator).expect("a model has no interval of 0"),
            participant: Participant::new(Site(site), participant)
                .expect("a model has no interval of 0"),
        }
    }
}

pub(crate) fn coordinator_config(plan: &Plan) -> CoordinatorConfig {
    CoordinatorConfig {
        vote_timeout: plan.timeout,
        resend_interval: plan.retry,
    }
}

pub(crate) fn participant_config(plan: &Plan) -> ParticipantConfig {
    ParticipantConfig {
        work_timeout: plan.timeout,
        inquiry_interval: plan.retry,
        cooperative: plan.cooperative,
    }
}

impl TwoPhase {
    /// Nothing has happened yet.
    pub(crate) fn new(coordinator: u32, parts: impl Iterator<Item = u32>) -> Self {
        let mut instances: Vec<u32> = parts.collect();
        instances.sort_unstable();
        instances.dedup();
        let sites = instances.into_iter().map(|site| SiteState {
            site,
            enlisted: false,
            voted: None,
            outcome: None,
            over: true,
        });
        Self {
            lead: Lead::new(coordinator),
            sites: sites.collect(),
            asked: false,
        }
    }

    pub(crate) fn site(&mut self, site: u32) -> Option<&mut SiteState> {
        self.sites.iter_mut().find(|state| state.site == site)
    }

    pub(crate) fn takes_part(&self, site: u32) -> bool {
        self.sites.iter().any(|state| state.site == site)
    }

    /// Whether no site needs it any more, once nothing is on its way.
    pub(crate) fn is_over(&self) -> bool {
        self.lead.is_over() && self.sites.iter().all(|state| state.over)
    }

    fn names(&self) -> Vec<Site> {
        self.sites.iter().map(|state| Site(state.site)).collect()
    }
}

impl Deal {
    pub(crate) fn two_phase(&mut self) -> &mut TwoPhase {
        match &mut self.agreement {
            Agreement::TwoPhase(two_phase) => two_phase,
            _ => unreachable!("asked for by the machines of two-phase commit alone"),
        }
    }
}

impl World {
    /// The handler's instance begins a transaction that has been written down.
    pub(crate) fn begin_two_phase<O: Observer>(&mut self, now: Instant, obs: &mut O, txn: Txn) {
        let Some(deal) = self.transactions.deals.get_mut(txn) else {
            return;
        };
        let handler = deal.handler;
        let two_phase = deal.two_phase();
        let coordinator = two_phase.lead.coordinator;
        let names = two_phase.names();
        let takes_part = two_phase.takes_part(handler);
        self.transactions.watch.checker.begun(txn, &names);
        if coordinator == handler {
            self.begin_at_coordinator(now, txn);
        } else if takes_part {
            self.enlist(now, txn, handler);
            self.work_at(now, txn, handler);
        } else {
            self.ask_coordinator_to_begin(now, obs, txn);
        }
    }

    /// The coordinator asks all sites for their votes.
    pub(crate) fn begin_at_coordinator(&mut self, now: Instant, txn: Txn) {
        let Some(deal) = self.transactions.deals.get_mut(txn) else {
            return;
        };
        match deal.agreement {
            Agreement::TwoPhase(_) => {}
            Agreement::Saga(_) => return self.begin_saga(now, txn),
            Agreement::Tcc(_) => return self.begin_tcc(now, txn),
        }
        let step = deal.step;
        let two_phase = deal.two_phase();
        two_phase.lead.begun = true;
        let (site, names) = (two_phase.lead.coordinator, two_phase.names());
        self.ask(site, step, Role::Coordinator, |machines, out| {
            let begun = machines.coordinator.begin(now, txn, &names, out);
            debug_assert!(begun.is_ok(), "a number is used once");
        });
    }

    /// The handler's instance tells the coordinator elsewhere to begin, and again until it hears the
    /// outcome.
    pub(crate) fn ask_coordinator_to_begin<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        txn: Txn,
    ) {
        let Some(deal) = self.transactions.deals.get_mut(txn) else {
            return;
        };
        let (handler, step) = (deal.handler, deal.step);
        let to = deal.lead().coordinator;
        let again = now + self.transactions.plans[step as usize].retry;
        self.send_letter(now, obs, txn, handler, to, Word::Begin);
        self.set_ring(again, txn, handler, What::Ask);
    }

    /// The coordinator is told to begin: it does, once, and else says what it has decided.
    pub(crate) fn told_to_begin<O: Observer>(&mut self, now: Instant, obs: &mut O, txn: Txn) {
        let Some(deal) = self.transactions.deals.get_mut(txn) else {
            return;
        };
        let handler = deal.handler;
        let lead = deal.lead();
        match (lead.begun, lead.outcome) {
            (false, _) => self.begin_at_coordinator(now, txn),
            (true, Some(outcome)) => {
                let from = lead.coordinator;
                self.send_letter(now, obs, txn, from, handler, Word::Outcome(outcome));
            }
            (true, None) => {}
        }
    }

    /// A site takes part from now on.
    fn enlist(&mut self, now: Instant, txn: Txn, site: u32) {
        let Some(deal) = self.transactions.deals.get_mut(txn) else {
            return;
        };
        let step = deal.step;
        let coordinator = Site(deal.lead().coordinator);
        if let Some(state) = deal.two_phase().site(site) {
            (state.enlisted, state.over) = (true, false);
        }
        self.ask(site, step, Role::Participant, |machines, out| {
            let known = machines.participant.enlist(now, txn, coordinator, out);
            debug_assert!(known.is_ok(), "a site takes part once");
        });
    }

    /// The work of all parts at a site begins. Locks that come too late, or never, are no reason to
    /// wait for ever: the vote is no when it takes longer than all votes may.
    pub(crate) fn work_at(&mut self, now: Instant, txn: Txn, site: u32) {
        let Some(deal) = self.transactions.deals.get(txn) else {
            return;
        };
        let parts: Vec<u32> = deal.parts_at(site).collect();
        self.work_until_late(now, txn, site);
        for part in parts {
            self.begin_part(now, (txn, part));
            let deal = self.transactions.deals.get(txn);
            let stage = deal.map(|deal| deal.parts[part as usize].stage);
            if stage == Some(Stage::Done(false)) {
                // A vote against is enough: the rest need not begin.
                return;
            }
        }
    }

    /// The work at a site may take so long.
    pub(crate) fn work_until_late(&mut self, now: Instant, txn: Txn, site: u32) {
        if let Some(deal) = self.transactions.deals.get(txn) {
            let late = now + self.transactions.plans[deal.step as usize].timeout;
            self.set_ring(late, txn, site, What::Work);
        }
    }

    /// The work at a site has taken too long.
    pub(crate) fn work_late(&mut self, now: Instant, txn: Txn, site: u32) {
        match self.transactions.deals.get(txn).map(|deal| &deal.agreement) {
            Some(Agreement::TwoPhase(_)) => self.vote(now, txn, site, Vote::No),
            Some(Agreement::Saga(_)) => self.step_late(txn, site),
            Some(Agreement::Tcc(_)) => self.site_tried(now, txn, site, false),
            None => {}
        }
    }

    /// A part at a site has done its work, or cannot: the site votes when all have, or one cannot.
    pub(crate) fn site_worked(&mut self, now: Instant, txn: Txn, site: u32, well: bool) {
        let Some(deal) = self.transactions.deals.get_mut(txn) else {
            return;
        };
        let mut here = deal.parts.iter().filter(|part| part.instance == site);
        let all = here.all(|part| part.stage == Stage::Done(true));
        if well && !all {
            return;
        }
        match deal.agreement {
            Agreement::Tcc(_) => self.site_tried(now, txn, site, well),
            _ => self.vote(now, txn, site, if well { Vote::Yes } else { Vote::No }),
        }
    }

    /// A site votes, if it has not.
    pub(crate) fn vote(&mut self, now: Instant, txn: Txn, site: u32, vote: Vote) {
        self.stop_ring(txn, site, What::Work);
        let Some(deal) = self.transactions.deals.get(txn) else {
            return;
        };
        let step = deal.step;
        self.ask(site, step, Role::Participant, |machines, out| {
            machines.participant.on_prepare_decided(now, txn, vote, out);
        });
    }

    /// A timer of a machine has come due.
    pub(crate) fn two_phase_timer(&mut self, now: Instant, txn: Txn, site: u32, wait: Wait) {
        let Some(deal) = self.transactions.deals.get(txn) else {
            return;
        };
        let (step, timer) = (deal.step, TimerId { txn, wait });
        match wait {
            Wait::Votes | Wait::Acks => self.ask(site, step, Role::Coordinator, |m, out| {
                m.coordinator.on_timer(now, timer, out);
            }),
            Wait::Prepare | Wait::Outcome => self.ask(site, step, Role::Participant, |m, out| {
                m.participant.on_timer(now, timer, out);
            }),
        }
    }

    /// A message reaches one of the machines of a site.
    pub(crate) fn two_phase_hear(&mut self, now: Instant, from: u32, to: u32, message: Message) {
        let txn = message.txn();
        let Some(deal) = self.transactions.deals.get_mut(txn) else {
            return;
        };
        let step = deal.step;
        let two_phase = deal.two_phase();
        if message.to_coordinator() {
            let first = !core::mem::replace(&mut two_phase.lead.begun, true);
            let names = two_phase.names();
            let opens = first && matches!(message, Message::Vote { .. });
            if first && !opens {
                // Asked about what it has not heard of, it says abort, and stands by it.
                (two_phase.lead.outcome, two_phase.lead.ended) = (Some(Outcome::Abort), true);
            }
            self.ask(to, step, Role::Coordinator, |machines, out| {
                if opens {
                    let coordinator = &mut machines.coordinator;
                    let opened = coordinator.open(txn, &names, Instant::NEVER, out);
                    debug_assert!(opened.is_ok(), "a number is used once");
                }
                let from = Site(from);
                machines.coordinator.on_message(now, from, message, out);
            });
            return;
        }
        let enlisted = two_phase.site(to).is_some_and(|state| state.enlisted);
        if matches!(message, Message::Prepare { .. }) && !enlisted {
            self.enlist(now, txn, to);
        }
        self.ask(to, step, Role::Participant, |machines, out| {
            let from = Site(from);
            machines.participant.on_message(now, from, message, out);
        });
    }

    /// A forced record is stable.
    pub(crate) fn two_phase_forced(
        &mut self,
        now: Instant,
        site: u32,
        record: &LogRecord,
        token: Token,
    ) {
        let Some(deal) = self.transactions.deals.get(token.txn()) else {
            return;
        };
        let step = deal.step;
        self.transactions.watch.checker.forced(Site(site), record);
        let role = match record {
            LogRecord::Commit { .. } => Role::Coordinator,
            _ => Role::Participant,
        };
        self.ask(site, step, role, |machines, out| match role {
            Role::Coordinator => machines.coordinator.on_forced(now, token, out),
            Role::Participant => machines.participant.on_forced(now, token, out),
        });
    }

    /// Asks a machine of a site, and notes what it wants.
    fn ask(
        &mut self,
        site: u32,
        step: u32,
        role: Role,
        question: impl FnOnce(&mut Machines, &mut Vec<Action>),
    ) {
        let transactions = &mut self.transactions;
        let plan = &transactions.plans[step as usize];
        let machines = transactions.machines.entry((site, step));
        let machines = machines.or_insert_with(|| Machines::new(site, plan));
        let mut out = core::mem::take(&mut transactions.out);
        question(machines, &mut out);
        transactions.note(site, role, &mut out);
    }

    /// Does what a machine wants.
    pub(crate) fn do_two_phase<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        site: u32,
        role: Role,
        action: Action,
    ) {
        match action {
            Action::Send(Site(to), message) => {
                self.two_phase_send(now, obs, site, to, role, message);
            }
            Action::SetTimer(TimerId { txn, wait }, at) => {
                self.set_ring(at, txn, site, What::TwoPhase(wait));
            }
            Action::CancelTimer(TimerId { txn, wait }) => {
                self.stop_ring(txn, site, What::TwoPhase(wait));
            }
            Action::Force(record, token) => {
                let number = match record {
                    LogRecord::Commit { .. } => 0,
                    LogRecord::Prepared { .. } => 1,
                    _ => 2,
                };
                let key = Keyed::child(purpose::FORCE + number, site.into());
                let forced = Forced::TwoPhase(record, token);
                self.force(now, obs, site, token.txn(), key, forced);
            }
            Action::Write(record) => self.write_down(site, record),
            Action::Prepare(txn) => self.work_at(now, txn, site),
            Action::Decided(txn, outcome) => {
                self.two_phase_decided(now, obs, txn, site, role, outcome);
            }
            // Nobody here votes that it has only read.
            Action::Released(_) => {}
        }
    }

    fn write_down(&mut self, site: u32, record: LogRecord) {
        let txn = record.txn();
        let Some(deal) = self.transactions.deals.get_mut(txn) else {
            return;
        };
        if let LogRecord::End { .. } | LogRecord::Abort { .. } = record {
            deal.lead().ended = true;
        }
        let disk = &mut self.transactions.disks[site as usize];
        disk.append(txn, Record::TwoPhase(record));
    }

    /// A message leaves a machine: over the network, or to its own site at once, which is no message.
    fn two_phase_send<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        from: u32,
        to: u32,
        role: Role,
        message: Message,
    ) {
        let txn = message.txn();
        let Some(deal) = self.transactions.deals.get_mut(txn) else {
            return;
        };
        let (step, started) = (deal.step as usize, deal.started);
        let two_phase = deal.two_phase();
        match &message {
            Message::Prepare { .. } => two_phase.asked = true,
            // A site that has not been asked knows nothing of it: there is nobody to tell.
            Message::Decision { .. } if role == Role::Coordinator && !two_phase.asked => {
                let site = two_phase.site(to);
                if !site.is_some_and(|state| state.enlisted) {
                    return;
                }
            }
            Message::Vote {
                vote: Vote::Yes, ..
            } => {
                if let Some(state) = two_phase.site(from)
                    && state.voted.is_none()
                {
                    state.voted = Some(now);
                    obs.transaction(now, step, started, TransactionFact::Prepared);
                }
            }
            Message::Ack { .. } => {
                if let Some(state) = two_phase.site(from) {
                    state.over = true;
                }
            }
            _ => {}
        }
        if from == to {
            if let Message::Vote { vote, .. } = message {
                self.transactions.watch.checker.voted(Site(from), txn, vote);
            }
            self.two_phase_hear(now, from, to, message);
            return;
        }
        let stamp = self.transactions.watch.checker.sent(Site(from), &message);
        self.send_letter(now, obs, txn, from, to, Word::TwoPhase(message, stamp));
    }

    /// A machine knows the outcome.
    fn two_phase_decided<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        txn: Txn,
        site: u32,
        role: Role,
        outcome: Outcome,
    ) {
        let checker = &mut self.transactions.watch.checker;
        checker.decided(Site(site), txn, outcome);
        let Some(deal) = self.transactions.deals.get_mut(txn) else {
            return;
        };
        let (step, started) = (deal.step as usize, deal.started);
        let (handler, concluded) = (deal.handler, deal.concluded);
        let two_phase = deal.two_phase();
        match role {
            Role::Coordinator => {
                two_phase.lead.outcome = Some(outcome);
                let told_by_itself = two_phase.takes_part(handler);
                if site == handler {
                    self.conclude(now, obs, txn, outcome);
                } else if !told_by_itself && !concluded {
                    self.send_letter(now, obs, txn, site, handler, Word::Outcome(outcome));
                }
            }
            Role::Participant => {
                let here = handler == site && two_phase.lead.coordinator != handler;
                if let Some(state) = two_phase.site(site) {
                    state.over |= outcome == Outcome::Abort;
                    if state.outcome.replace(outcome).is_none()
                        && let Some(voted) = state.voted
                    {
                        let fact = TransactionFact::InDoubt(now.since(voted));
                        obs.transaction(now, step, started, fact);
                    }
                }
                self.stop_ring(txn, site, What::Work);
                self.release_parts(now, obs, txn, site);
                if here {
                    self.conclude(now, obs, txn, outcome);
                }
            }
        }
    }

    /// All parts at a site let their keys go.
    pub(crate) fn release_parts<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        txn: Txn,
        site: u32,
    ) {
        let Some(deal) = self.transactions.deals.get(txn) else {
            return;
        };
        let parts: Vec<u32> = deal.parts_at(site).collect();
        for part in parts {
            self.release_part(now, obs, (txn, part));
        }
    }
}

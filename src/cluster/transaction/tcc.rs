//! TCC in the world: what its machines say is done here, action by action. It refuses to know what the
//! machines decide, and why.
//!
//! A participant is an instance, with all parts of the transaction that it has. It holds their keys
//! from the try until it is released: others are kept away from what is reserved.

use crate::observer::{Observer, TransactionFact};
use crate::transaction::deal::{Agreement, Lead, What};
use crate::transaction::disk::{Forced, Record};
use crate::transaction::plan::{Plan, purpose};
use crate::transaction::{Task, Transactions, Txn, Wanted, Wish, Word};
use crate::world::World;
use clock::{Duration, Instant};
use engine::Keyed;
use protocol::tcc::{
    Action, Coordinator, CoordinatorConfig, Ending, Message, Participant, ParticipantConfig,
    Record as LogRecord, Release, TimerId, Token, Wait,
};
use protocol::transaction::{Outcome, Site};

/// How far a transaction is.
#[derive(Debug)]
pub(crate) struct Tcc {
    pub(crate) lead: Lead,
    /// The instances that take part, each once.
    pub(crate) sites: Vec<SiteState>,
}

/// A transaction at one of its sites.
#[derive(Debug)]
pub(crate) struct SiteState {
    pub(crate) site: u32,
    /// Something is to be done here, or may be.
    open: bool,
    /// What it has reserved is stable.
    reserved: bool,
    /// Since when it has been in doubt.
    doubts: Option<Instant>,
    /// Errands of the present confirm or cancel that are under way, and whether all went well.
    running: u32,
    well: bool,
    /// Confirms and cancels so far.
    rounds: u32,
}

/// The machines of one instance for the transactions of one step.
#[derive(Debug)]
pub(crate) struct Machines {
    coordinator: Coordinator,
    participant: Participant,
}

impl Tcc {
    /// Nothing has happened yet.
    pub(crate) fn new(coordinator: u32, parts: impl Iterator<Item = u32>) -> Self {
        let mut instances: Vec<u32> = parts.collect();
        instances.sort_unstable();
        instances.dedup();
        let sites = instances.into_iter().map(|site| SiteState {
            site,
            open: false,
            reserved: false,
            doubts: None,
            running: 0,
            well: true,
            rounds: 0,
        });
        Self {
            lead: Lead::new(coordinator),
            sites: sites.collect(),
        }
    }

    fn site(&mut self, site: u32) -> Option<&mut SiteState> {
        self.sites.iter_mut().find(|state| state.site == site)
    }

    /// Whether no site needs it any more, once nothing is on its way.
    pub(crate) fn is_over(&self) -> bool {
        self.lead.is_over() && self.sites.iter().all(|state| !state.open)
    }
}

fn configs(plan: &Plan) -> (CoordinatorConfig, ParticipantConfig) {
    let coordinator = CoordinatorConfig {
        try_timeout: plan.timeout,
        retry_interval: plan.retry,
    };
    let participant = ParticipantConfig {
        reserved_for: plan.reserved_for.unwrap_or(Duration::MAX),
        retry_interval: plan.retry,
    };
    (coordinator, participant)
}

impl Machines {
    pub(crate) fn new(plan: &Plan) -> Self {
        let (coordinator, participant) = configs(plan);
        Self {
            coordinator: Coordinator::new(coordinator).expect("a model has no interval of 0"),
            participant: Participant::new(participant).expect("a model has no interval of 0"),
        }
    }

    pub(crate) fn recover(
        plan: &Plan,
        now: Instant,
        log: &[LogRecord],
        out: &mut Vec<Action>,
    ) -> Self {
        let (coordinator, participant) = configs(plan);
        let coordinator = Coordinator::recover(coordinator, now, log, out);
        let participant = Participant::recover(participant, now, log, out);
        Self {
            coordinator: coordinator.expect("a model has no interval of 0"),
            participant: participant.expect("a model has no interval of 0"),
        }
    }

    pub(crate) fn forget(&mut self, txn: Txn) {
        self.participant.forget(txn);
    }
}

impl Transactions {
    fn note_tcc(&mut self, site: u32, out: Vec<Action>) {
        let wishes = out.into_iter().map(|action| Wish {
            site,
            wanted: Wanted::Tcc(action),
        });
        self.wishes.extend(wishes);
    }
}

impl World {
    /// The coordinator asks all to try.
    pub(crate) fn begin_tcc(&mut self, now: Instant, txn: Txn) {
        let Some(deal) = self.transactions.deals.get_mut(txn) else {
            return;
        };
        let Agreement::Tcc(tcc) = &mut deal.agreement else {
            return;
        };
        tcc.lead.begun = true;
        let site = tcc.lead.coordinator;
        let sites: Vec<Site> = tcc.sites.iter().map(|state| Site(state.site)).collect();
        self.transactions.watch.tcc.begun(txn, &sites);
        self.ask_tcc(txn, site, |machines, out| {
            let begun = machines.coordinator.begin(now, txn, &sites, out);
            debug_assert!(begun.is_ok(), "a number is used once");
        });
    }

    /// The machines of an instance for one step, from what is stable of its log.
    pub(crate) fn recover_tcc(&mut self, now: Instant, site: u32, step: u32, log: &[LogRecord]) {
        let transactions = &mut self.transactions;
        let mut out = Vec::new();
        let machines = Machines::recover(&transactions.plans[step as usize], now, log, &mut out);
        transactions.tccs.insert((site, step), machines);
        transactions.note_tcc(site, out);
    }

    /// Asks the machines of a site, and notes what they want.
    fn ask_tcc(
        &mut self,
        txn: Txn,
        site: u32,
        question: impl FnOnce(&mut Machines, &mut Vec<Action>),
    ) {
        let transactions = &mut self.transactions;
        let Some(deal) = transactions.deals.get(txn) else {
            return;
        };
        let plan = &transactions.plans[deal.step as usize];
        let machines = transactions.tccs.entry((site, deal.step));
        let machines = machines.or_insert_with(|| Machines::new(plan));
        let mut out = Vec::new();
        question(machines, &mut out);
        transactions.note_tcc(site, out);
    }

    fn tcc_site(&mut self, txn: Txn, site: u32) -> Option<&mut SiteState> {
        match &mut self.transactions.deals.get_mut(txn)?.agreement {
            Agreement::Tcc(tcc) => tcc.site(site),
            _ => None,
        }
    }

    pub(crate) fn tcc_hear(&mut self, now: Instant, from: u32, to: u32, message: Message) {
        let from = Site(from);
        self.ask_tcc(message.txn(), to, |machines, out| {
            if message.to_coordinator() {
                machines.coordinator.on_message(now, from, message, out);
            } else {
                machines.participant.on_message(now, from, message, out);
            }
        });
    }

    pub(crate) fn tcc_timer(&mut self, now: Instant, txn: Txn, site: u32, wait: Wait) {
        let timer = TimerId { txn, wait };
        self.ask_tcc(txn, site, |machines, out| match wait {
            Wait::Tries | Wait::Acks => machines.coordinator.on_timer(now, timer, out),
            Wait::Expiry | Wait::Retry => machines.participant.on_timer(now, timer, out),
        });
    }

    /// A forced record is stable.
    pub(crate) fn tcc_forced(&mut self, now: Instant, site: u32, record: &LogRecord, token: Token) {
        let txn = record.txn();
        if self.transactions.deals.get(txn).is_none() {
            return;
        }
        self.transactions.watch.tcc.stable(Site(site), record);
        if let LogRecord::Reserved { .. } = record
            && let Some(state) = self.tcc_site(txn, site)
        {
            state.reserved = true;
        }
        self.ask_tcc(txn, site, |machines, out| {
            machines.coordinator.on_forced(now, token, out);
            machines.participant.on_forced(now, token, out);
        });
    }

    /// The parts at a site have reserved, or one cannot.
    pub(crate) fn site_tried(&mut self, now: Instant, txn: Txn, site: u32, well: bool) {
        self.stop_ring(txn, site, What::Work);
        self.ask_tcc(txn, site, |machines, out| {
            machines.participant.on_tried(now, txn, well, out);
        });
    }

    /// A confirm or a cancel of one part at a site is done, or could not be.
    pub(crate) fn site_settled(
        &mut self,
        now: Instant,
        (txn, site): (Txn, u32),
        task: Task,
        well: bool,
    ) {
        let Some(state) = self.tcc_site(txn, site) else {
            return;
        };
        state.well &= well;
        state.running = state.running.saturating_sub(1);
        if state.running > 0 {
            return;
        }
        let well = state.well;
        self.ask_tcc(txn, site, |machines, out| match task {
            Task::Confirm => machines.participant.on_confirmed(txn, well, out),
            _ => machines.participant.on_cancelled(now, txn, well, out),
        });
    }

    /// Does what a machine wants.
    pub(crate) fn do_tcc<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        site: u32,
        action: Action,
    ) {
        match action {
            Action::Send(Site(to), message) => self.tcc_send(now, obs, site, to, message),
            Action::SetTimer(TimerId { txn, wait }, at) => {
                self.set_ring(at, txn, site, What::Tcc(wait));
            }
            Action::CancelTimer(TimerId { txn, wait }) => {
                self.stop_ring(txn, site, What::Tcc(wait));
            }
            Action::Force(record, token) => {
                let number = match record {
                    LogRecord::Confirm { .. } => 7,
                    LogRecord::Reserved { .. } => 8,
                    LogRecord::Confirmed(_) => 9,
                    _ => 10,
                };
                let txn = record.txn();
                if let LogRecord::Cancelled(_) = record
                    && let Some(state) = self.tcc_site(txn, site)
                {
                    // Also where nothing was tried: a tombstone.
                    state.open = true;
                }
                let key = Keyed::child(purpose::FORCE + number, site.into());
                let forced = Forced::Tcc(record, token);
                self.force(now, obs, site, txn, key, forced);
            }
            Action::Write(record) => {
                let disk = &mut self.transactions.disks[site as usize];
                disk.append(record.txn(), Record::Tcc(record));
            }
            Action::Try(txn) => {
                if let Some(state) = self.tcc_site(txn, site) {
                    state.open = true;
                }
                self.work_at(now, txn, site);
            }
            Action::Confirm(txn) => self.settle_site(now, obs, txn, site, Task::Confirm),
            Action::Cancel(txn) => self.settle_site(now, obs, txn, site, Task::Undo),
            Action::Released(txn, release) => self.site_released(now, obs, txn, site, release),
            Action::Decided(txn, outcome) => {
                let checker = &mut self.transactions.watch.tcc;
                checker.decided(Site(site), txn, outcome);
                self.lead_decided(now, obs, txn, outcome);
            }
            Action::Ended(txn, ending) => {
                self.transactions.watch.tcc.ended(txn, ending);
                if let Some(deal) = self.transactions.deals.get_mut(txn) {
                    deal.lead().ended = true;
                }
                if let Ending::Mixed | Ending::Expired = ending {
                    self.state(now, obs, txn, TransactionFact::Anomaly);
                }
            }
        }
    }

    fn tcc_send<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        from: u32,
        to: u32,
        message: Message,
    ) {
        let txn = message.txn();
        let checker = &mut self.transactions.watch.tcc;
        checker.sent(Site(from), Site(to), &message);
        match message {
            Message::Tried { reserved: true, .. } => {
                // An answer that is repeated is no new doubt.
                if let Some(state) = self.tcc_site(txn, from)
                    && state.doubts.is_none()
                {
                    state.doubts = Some(now);
                    self.state(now, obs, txn, TransactionFact::Prepared);
                }
            }
            Message::Tried {
                reserved: false, ..
            } => {
                let state = self.tcc_site(txn, from);
                if let Some(state) = state.filter(|state| !state.reserved) {
                    state.open = false;
                    self.release_parts(now, obs, txn, from);
                }
            }
            _ => {}
        }
        if from == to {
            self.tcc_hear(now, from, to, message);
        } else {
            self.send_letter(now, obs, txn, from, to, Word::Tcc(message));
        }
    }

    /// A site confirms or cancels what it has reserved: all its parts, at the same time.
    fn settle_site<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        txn: Txn,
        site: u32,
        task: Task,
    ) {
        self.stop_ring(txn, site, What::Work);
        let Some(state) = self.tcc_site(txn, site) else {
            return;
        };
        state.open = true;
        let doubted = state.doubts.take();
        let round = state.rounds;
        state.rounds += 1;
        if let Some(since) = doubted {
            let fact = TransactionFact::InDoubt(now.since(since));
            self.state(now, obs, txn, fact);
        }
        let Some(deal) = self.transactions.deals.get(txn) else {
            return;
        };
        let plan = &self.transactions.plans[deal.step as usize];
        let (key, origin) = (deal.key, deal.origin);
        let (entries, purpose) = match task {
            Task::Confirm => (&plan.confirm, purpose::CONFIRM),
            _ => (&plan.undo, purpose::UNDO),
        };
        let parts = deal.parts_at(site);
        let tasks = parts.filter_map(|part| Some((part, entries[part as usize]?)));
        let tasks: Vec<(u32, u32)> = tasks.collect();
        if let Some(state) = self.tcc_site(txn, site) {
            (state.running, state.well) = (tasks.len() as u32, true);
        }
        if tasks.is_empty() {
            self.site_settled(now, (txn, site), task, true);
        }
        for (part, entry) in tasks {
            let key = Keyed::child(Keyed::child(key ^ purpose, part.into()), round.into());
            self.run_task(now, site, entry, key, origin, (txn, part), task);
        }
    }

    /// A site is done with a transaction.
    fn site_released<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        txn: Txn,
        site: u32,
        release: Release,
    ) {
        self.stop_ring(txn, site, What::Work);
        if let Some(state) = self.tcc_site(txn, site) {
            state.open = false;
            let reserved = core::mem::take(&mut state.reserved);
            if reserved && release != Release::Confirmed {
                self.state(now, obs, txn, TransactionFact::Compensated);
            }
        }
        self.release_parts(now, obs, txn, site);
    }

    /// An instance of a transaction has crashed: what it had not yet reserved is rolled back.
    pub(crate) fn tcc_down<O: Observer>(&mut self, now: Instant, obs: &mut O, txn: Txn, id: u32) {
        let Some(deal) = self.transactions.deals.get_mut(txn) else {
            return;
        };
        let lead = deal.lead();
        if lead.coordinator == id && lead.begun && lead.outcome != Some(Outcome::Commit) {
            // It will not remember: what is reserved expires.
            (lead.outcome, lead.ended) = (Some(Outcome::Abort), true);
        }
        let Some(state) = self.tcc_site(txn, id) else {
            return;
        };
        (state.running, state.well) = (0, true);
        if state.open && !state.reserved {
            state.open = false;
            self.release_parts(now, obs, txn, id);
        }
    }
}

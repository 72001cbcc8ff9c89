//! Orders: the requests of one workload, each followed to its end.
//!
//! An order has effects, the tables that must be written once for it to be whole. What became of it
//! follows from three things alone: how often each effect stands, what its client was told, and
//! whether anything is still under way for it. This station hears of these, and refuses to know how
//! they come about.

use crate::errand::Part;
use crate::program::Program;
use crate::slab::NONE;
use crate::state::{Doing, NO_ORDER};
use crate::world::World;
use model::Model;
use policy::Outcome;
use protocol::transaction::Txn;
use std::collections::{BTreeMap, BTreeSet};

/// What became of an order. Every order is in exactly one of these states.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum OrderState {
    /// Every effect stands once, and the client was told so.
    Confirmed,
    /// Every effect stands once, and the client was told that it failed, or gave up.
    Unacknowledged,
    /// An effect stands more than once.
    Duplicated,
    /// No effect stands more than once, but one that does is wrong.
    Corrupt,
    /// The client was told that it is done, and effects are missing.
    Lost,
    /// The client was told that it failed; some effects stand, others do not, and nothing will change
    /// that.
    Stuck,
    /// The client was told that it failed; effects were there, and have been undone.
    Compensated,
    /// The client was told that it failed, and there never was any effect.
    Refused,
    /// The client still waits, or something is still under way for it.
    Open,
}

impl OrderState {
    /// All of them, the best first.
    pub const ALL: [Self; 9] = [
        Self::Confirmed,
        Self::Unacknowledged,
        Self::Duplicated,
        Self::Corrupt,
        Self::Lost,
        Self::Stuck,
        Self::Compensated,
        Self::Refused,
        Self::Open,
    ];

    /// As results write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Unacknowledged => "unacknowledged",
            Self::Duplicated => "duplicated",
            Self::Corrupt => "corrupt",
            Self::Lost => "lost",
            Self::Stuck => "stuck",
            Self::Compensated => "compensated",
            Self::Refused => "refused",
            Self::Open => "open",
        }
    }
}

/// One effect of one order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Effect {
    pub(crate) order: u32,
    number: u8,
}

/// All orders of a run.
#[derive(Debug)]
pub(crate) struct Orders {
    /// Whose requests they are; the number of no workload where nobody follows any.
    workload: u32,
    /// By table: which effect it is.
    numbers: Vec<Option<u8>>,
    effects: usize,
    orders: Vec<Order>,
    /// By order and effect.
    counts: Vec<Count>,
    /// Effects of transactions that are not over, and the part that had them.
    provisional: BTreeMap<Txn, Vec<Provisional>>,
}

#[derive(Clone, Copy, Debug)]
struct Order {
    told: Told,
    /// An effect of it was there, and was undone.
    undone: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    Nothing,
    Done,
    Failed,
}

/// How often an effect stands.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Count {
    right: u32,
    wrong: u32,
}

#[derive(Clone, Copy, Debug)]
struct Provisional {
    part: u32,
    effect: Effect,
    wrong: bool,
}

impl Orders {
    pub(crate) fn new(model: &Model, program: &Program) -> Self {
        let tables = model.stores.iter().map(|store| store.tables.len());
        let mut numbers = vec![None; tables.sum()];
        let Some(orders) = &model.orders else {
            return Self {
                workload: u32::MAX,
                numbers,
                effects: 0,
                orders: Vec::new(),
                counts: Vec::new(),
                provisional: BTreeMap::new(),
            };
        };
        for (number, &table) in orders.effects.iter().enumerate() {
            numbers[program.table(table) as usize] = Some(number as u8);
        }
        Self {
            workload: orders.workload as u32,
            numbers,
            effects: orders.effects.len(),
            orders: Vec::new(),
            counts: Vec::new(),
            provisional: BTreeMap::new(),
        }
    }

    /// Whether the requests of a workload are orders.
    #[inline(always)]
    pub(crate) fn are_of(&self, workload: u32) -> bool {
        self.workload == workload
    }

    /// A new order.
    #[cold]
    pub(crate) fn begin(&mut self) -> u32 {
        let order = self.orders.len() as u32;
        self.orders.push(Order {
            told: Told::Nothing,
            undone: false,
        });
        let counts = self.counts.len() + self.effects;
        self.counts.resize(counts, Count::default());
        order
    }

    /// The client has an answer, or gave up.
    #[cold]
    pub(crate) fn told(&mut self, order: u32, outcome: Outcome) {
        self.orders[order as usize].told = if outcome.is_success() {
            Told::Done
        } else {
            Told::Failed
        };
    }

    /// The effect that it is for an order to write a table.
    pub(crate) fn effect(&self, order: u32, table: u32) -> Option<Effect> {
        let number = *self.numbers.get(table as usize)?;
        (order != NO_ORDER).then_some(Effect {
            order,
            number: number?,
        })
    }

    fn count(&mut self, effect: Effect) -> &mut Count {
        &mut self.counts[effect.order as usize * self.effects + usize::from(effect.number)]
    }

    /// Whether an effect stands.
    pub(crate) fn stands(&mut self, effect: Effect) -> bool {
        *self.count(effect) != Count::default()
    }

    /// An effect is there, for good.
    pub(crate) fn add(&mut self, effect: Effect, wrong: bool) {
        let count = self.count(effect);
        if wrong {
            count.wrong += 1;
        } else {
            count.right += 1;
        }
    }

    /// It is there no longer.
    pub(crate) fn undo(&mut self, effect: Effect, wrong: bool) {
        let count = self.count(effect);
        let standing = if wrong {
            &mut count.wrong
        } else {
            &mut count.right
        };
        *standing = standing.saturating_sub(1);
        self.orders[effect.order as usize].undone = true;
    }

    /// A part of a transaction has it, until the transaction is over. Work that is done again, after
    /// a crash, is the same effect.
    pub(crate) fn add_within(&mut self, (txn, part): (Txn, u32), effect: Effect, wrong: bool) {
        let had = self.provisional.entry(txn).or_default();
        if had.iter().any(|p| p.part == part && p.effect == effect) {
            return;
        }
        had.push(Provisional {
            part,
            effect,
            wrong,
        });
        self.add(effect, wrong);
    }

    /// A transaction is over.
    pub(crate) fn settle(&mut self, txn: Txn, committed: bool) {
        for had in self.provisional.remove(&txn).into_iter().flatten() {
            if !committed {
                self.undo(had.effect, had.wrong);
            }
        }
    }

    fn state(&self, number: usize, under_way: bool) -> OrderState {
        let order = self.orders[number];
        let counts = &self.counts[number * self.effects..(number + 1) * self.effects];
        let times = |count: &Count| count.right + count.wrong;
        if order.told == Told::Nothing || under_way {
            OrderState::Open
        } else if counts.iter().any(|count| times(count) > 1) {
            OrderState::Duplicated
        } else if counts.iter().any(|count| count.wrong > 0) {
            OrderState::Corrupt
        } else if counts.iter().all(|count| times(count) == 1) {
            match order.told {
                Told::Done => OrderState::Confirmed,
                _ => OrderState::Unacknowledged,
            }
        } else if order.told == Told::Done {
            OrderState::Lost
        } else if counts.iter().any(|count| times(count) > 0) {
            OrderState::Stuck
        } else if order.undone {
            OrderState::Compensated
        } else {
            OrderState::Refused
        }
    }
}

impl World {
    /// How many orders are in each state, in the order of [`OrderState::ALL`]; `None` where nobody
    /// follows any. The orders of the whole run, its warm-up included.
    pub fn orders(&self) -> Option<[u64; OrderState::ALL.len()]> {
        if self.orders.effects == 0 {
            return None;
        }
        let under_way = self.orders_under_way();
        let mut states = [0; OrderState::ALL.len()];
        for number in 0..self.orders.orders.len() {
            let state = self
                .orders
                .state(number, under_way.contains(&(number as u32)));
            states[state as usize] += 1;
        }
        Some(states)
    }

    /// What is wrong with the books on orders: each is a request, and those without an answer are the
    /// requests whose clients wait.
    pub(crate) fn audit_orders(&self) -> Vec<String> {
        if self.orders.effects == 0 {
            return Vec::new();
        }
        let mut wrong = Vec::new();
        let orders = &self.orders.orders;
        let (placed, issued) = (
            orders.len() as u64,
            self.workloads[self.orders.workload as usize].issued,
        );
        if placed != issued {
            wrong.push(format!("{issued} requests are {placed} orders"));
        }
        let calls = self.live_calls().map(|call| &self.calls[call]);
        let roots = calls.filter(|call| call.parent == NONE && call.origin.order != NO_ORDER);
        let mut waiting: Vec<u32> = roots.map(|call| call.origin.order).collect();
        waiting.sort_unstable();
        let unanswered = orders
            .iter()
            .zip(0..)
            .filter(|(o, _)| o.told == Told::Nothing);
        let unanswered: Vec<u32> = unanswered.map(|(_, number)| number).collect();
        if waiting != unanswered {
            wrong.push(format!(
                "clients wait for {} orders, and {} have no answer",
                waiting.len(),
                unanswered.len()
            ));
        }
        wrong
    }

    /// Those for which somebody calls or works, a message waits or is out, or a transaction is not over.
    fn orders_under_way(&self) -> BTreeSet<u32> {
        let calls = self.live_calls().map(|call| self.calls[call].origin);
        let strands = (0..self.strands.slots()).map(|id| &self.strands[id]);
        let idle = [Doing::Nothing, Doing::Dead, Doing::Stopped, Doing::Lost];
        let working = strands.filter(|strand| !idle.contains(&strand.doing));
        let working = working.map(|strand| strand.origin);
        let deals = self.transactions.origins();
        let orders = calls.chain(working).chain(deals).map(|o| o.order);
        let mut under_way: BTreeSet<u32> = orders.collect();
        under_way.extend(self.orders_in_queues());
        under_way.remove(&NO_ORDER);
        under_way
    }

    /// A strand has written a table.
    #[cold]
    pub(crate) fn effect_done(&mut self, id: u32, effect: Effect, wrong: bool) {
        let root = self.strands[id].root;
        let strand = &self.strands[root];
        if !strand.is_errand {
            self.orders.add(effect, wrong);
            return;
        }
        match self.errands[strand.next].part() {
            Part::Work(claim) => self.orders.add_within(claim, effect, wrong),
            // What it writes says that something is undone.
            Part::Undo => {}
            Part::None => self.orders.add(effect, wrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders() -> Orders {
        let mut orders = Orders {
            workload: 0,
            numbers: vec![Some(0), None, Some(1)],
            effects: 2,
            orders: Vec::new(),
            counts: Vec::new(),
            provisional: BTreeMap::new(),
        };
        orders.begin();
        orders
    }

    /// What is done to the effects of the first order, then what its client is told.
    fn state(done: impl FnOnce(&mut Orders, [Effect; 2]), told: Outcome) -> OrderState {
        let mut orders = orders();
        let effect = |table| orders.effect(0, table).expect("an effect");
        let effects = [effect(0), effect(2)];
        done(&mut orders, effects);
        orders.told(0, told);
        orders.state(0, false)
    }

    #[test]
    fn the_state_follows_from_effects_and_from_what_the_client_was_told() {
        use OrderState::*;
        let (well, badly) = (Outcome::Success, Outcome::Timeout);
        let whole = |orders: &mut Orders, [a, b]: [Effect; 2]| {
            orders.add(a, false);
            orders.add(b, false);
        };
        assert_eq!(state(whole, well), Confirmed);
        assert_eq!(state(whole, badly), Unacknowledged);
        let half = |orders: &mut Orders, [a, _]: [Effect; 2]| orders.add(a, false);
        assert_eq!(state(half, well), Lost);
        assert_eq!(state(half, badly), Stuck);
        let none = |_: &mut Orders, _: [Effect; 2]| {};
        assert_eq!(state(none, well), Lost);
        assert_eq!(state(none, badly), Refused);
        let undone = |orders: &mut Orders, [a, _]: [Effect; 2]| {
            orders.add(a, false);
            orders.undo(a, false);
        };
        assert_eq!(state(undone, badly), Compensated);
        assert_eq!(state(undone, well), Lost);
        let twice = |orders: &mut Orders, [a, b]: [Effect; 2]| {
            orders.add(a, false);
            orders.add(a, true);
            orders.add(b, false);
        };
        assert_eq!(state(twice, well), Duplicated);
        let wrong = |orders: &mut Orders, [a, b]: [Effect; 2]| {
            orders.add(a, true);
            orders.add(b, false);
        };
        assert_eq!(state(wrong, well), Corrupt);
        let mended = |orders: &mut Orders, [a, b]: [Effect; 2]| {
            orders.add(a, true);
            orders.add(b, false);
            orders.undo(a, true);
            orders.add(a, false);
        };
        assert_eq!(state(mended, well), Confirmed);
    }

    #[test]
    fn a_transaction_that_does_not_commit_leaves_nothing() {
        let txn = Txn(9);
        for (committed, expected) in [
            (true, OrderState::Unacknowledged),
            (false, OrderState::Compensated),
        ] {
            let done = |orders: &mut Orders, [a, b]: [Effect; 2]| {
                orders.add_within((txn, 0), a, false);
                // After a crash it does its work again.
                orders.add_within((txn, 0), a, false);
                orders.add_within((txn, 1), b, false);
                orders.settle(txn, committed);
            };
            assert_eq!(state(done, Outcome::Aborted), expected);
        }
    }

    #[test]
    fn while_anything_is_under_way_an_order_is_open() {
        let mut orders = orders();
        assert_eq!(orders.state(0, false), OrderState::Open);
        orders.told(0, Outcome::Success);
        assert_eq!(orders.state(0, true), OrderState::Open);
    }
}

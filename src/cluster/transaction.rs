//! Transactions as the world hosts them.

use crate::observer::Observer;
use crate::post::Party;
use crate::world::World;
use clock::Instant;
use policy::Outcome;

/// What sites of a transaction write to each other.
#[derive(Debug)]
pub(crate) enum Letter {}

/// What a site of a transaction waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Alarm {}

/// Work of a participant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Errand {}

/// All transactions.
#[derive(Debug, Default)]
pub(crate) struct Transactions {}

impl World {
    /// A strand has come to a `transaction` step, the one of this number.
    pub(crate) fn begin_transaction<O: Observer>(
        &mut self,
        _: Instant,
        _: &mut O,
        _strand: u32,
        _number: u32,
    ) {
    }
    pub(crate) fn transaction_mail<O: Observer>(
        &mut self,
        _: Instant,
        _: &mut O,
        _: Party,
        _: Party,
        letter: Letter,
    ) {
        match letter {}
    }
    pub(crate) fn transaction_alarm<O: Observer>(
        &mut self,
        _: Instant,
        _: &mut O,
        _: Party,
        alarm: Alarm,
    ) {
        match alarm {}
    }
    pub(crate) fn transaction_work<O: Observer>(
        &mut self,
        _: Instant,
        _: &mut O,
        errand: Errand,
        _: Outcome,
    ) {
        match errand {}
    }
    pub(crate) fn transactions_down<O: Observer>(&mut self, _: Instant, _: &mut O, _: u32) {}
    pub(crate) fn transactions_up<O: Observer>(&mut self, _: Instant, _: &mut O, _: u32) {}
    pub(crate) fn transaction_unheard(&mut self, _awaits: u32) {}
}

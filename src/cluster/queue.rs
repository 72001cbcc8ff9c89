//! Message queues as the world hosts them.

use crate::observer::Observer;
use crate::post::Party;
use crate::world::World;
use clock::Instant;
use policy::Outcome;

/// What brokers, producers and consumers write to each other.
#[derive(Debug)]
pub(crate) enum Letter {}

/// What a broker, a producer or a consumer waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Alarm {}

/// A message that a consumer works on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Errand {}

/// All queues.
#[derive(Debug, Default)]
pub(crate) struct Queues {}

impl World {
    pub(crate) fn start_queues(&mut self) {}
    /// A strand has come to a `publish` step.
    pub(crate) fn publish<O: Observer>(
        &mut self,
        _: Instant,
        _: &mut O,
        _strand: u32,
        _queue: u32,
    ) {
    }
    pub(crate) fn queue_mail<O: Observer>(
        &mut self,
        _: Instant,
        _: &mut O,
        _: Party,
        _: Party,
        letter: Letter,
    ) {
        match letter {}
    }
    pub(crate) fn queue_alarm<O: Observer>(
        &mut self,
        _: Instant,
        _: &mut O,
        _: Party,
        alarm: Alarm,
    ) {
        match alarm {}
    }
    pub(crate) fn message_consumed<O: Observer>(
        &mut self,
        _: Instant,
        _: &mut O,
        errand: Errand,
        _: Outcome,
    ) {
        match errand {}
    }
    pub(crate) fn queues_down<O: Observer>(&mut self, _: Instant, _: &mut O, _: u32) {}
    pub(crate) fn queues_up<O: Observer>(&mut self, _: Instant, _: &mut O, _: u32) {}
    pub(crate) fn publish_unheard(&mut self, _awaits: u32) {}
}

//! Replicated services as the world hosts them.

use crate::observer::Observer;
use crate::post::Party;
use crate::world::World;
use clock::Instant;

/// What replicas write to each other.
#[derive(Debug)]
pub(crate) enum Letter {}

/// What a replica waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Alarm {}

/// All groups.
#[derive(Debug, Default)]
pub(crate) struct Groups {}

impl World {
    /// Who leads the group of a service, as the outside sees it.
    pub(crate) fn leader_of(&self, _service: usize) -> Option<u32> {
        None
    }
    pub(crate) fn start_groups(&mut self) {}
    pub(crate) fn group_mail<O: Observer>(
        &mut self,
        _: Instant,
        _: &mut O,
        _: Party,
        _: Party,
        letter: Letter,
    ) {
        match letter {}
    }
    pub(crate) fn group_alarm<O: Observer>(
        &mut self,
        _: Instant,
        _: &mut O,
        _: Party,
        alarm: Alarm,
    ) {
        match alarm {}
    }
    pub(crate) fn group_down<O: Observer>(&mut self, _: Instant, _: &mut O, _: u32) {}
    pub(crate) fn group_up<O: Observer>(&mut self, _: Instant, _: &mut O, _: u32) {}
    pub(crate) fn group_unheard(&mut self, _awaits: u32) {}
}

//! Discovery as the world hosts it.

use crate::observer::Observer;
use crate::post::Party;
use crate::world::World;
use clock::Instant;

/// What is written about who is alive.
#[derive(Debug)]
pub(crate) enum Letter {}

/// What a party waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Alarm {}

/// What everyone knows.
#[derive(Debug, Default)]
pub(crate) struct Directory {}

impl World {
    pub(crate) fn start_discovery(&mut self) {}
    pub(crate) fn discovery_mail<O: Observer>(
        &mut self,
        _: Instant,
        _: &mut O,
        _: Party,
        _: Party,
        letter: Letter,
    ) {
        match letter {}
    }
    pub(crate) fn discovery_alarm<O: Observer>(
        &mut self,
        _: Instant,
        _: &mut O,
        _: Party,
        alarm: Alarm,
    ) {
        match alarm {}
    }
    pub(crate) fn discovery_down<O: Observer>(&mut self, _: Instant, _: &mut O, _: u32) {}
    pub(crate) fn discovery_up<O: Observer>(&mut self, _: Instant, _: &mut O, _: u32) {}
}

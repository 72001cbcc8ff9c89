//! What is in force at a place: the fault, the version or the configuration that something is due to.

use crate::cause::Why;
use crate::place::contains;
use crate::slab::NONE;
use crate::world::World;
use model::{FaultKind, Place};

impl World {
    /// What makes work at an instance slow.
    pub(super) fn slowed_by(&self, instance: u32) -> Why {
        let acts = |kind: &FaultKind| match kind {
            FaultKind::Slow { place, factor } if *factor > 1.0 => Some(*place),
            _ => None,
        };
        let fault = self.fault_at(instance, acts);
        fault.unwrap_or_else(|| self.worse_edition(instance))
    }

    /// What makes requests fail at an instance.
    pub(crate) fn failed_by(&self, instance: u32) -> Why {
        let acts = |kind: &FaultKind| match kind {
            FaultKind::Errors { place, .. } => Some(*place),
            _ => None,
        };
        let fault = self.fault_at(instance, acts);
        fault.unwrap_or_else(|| self.worse_edition(instance))
    }

    /// What pauses an instance.
    pub(super) fn paused_by(&self, instance: u32) -> Why {
        let acts = |kind: &FaultKind| match kind {
            FaultKind::Pause { place } => Some(*place),
            _ => None,
        };
        self.fault_at(instance, acts).unwrap_or(Why::Nothing)
    }

    /// What a root strand's message meets on the way between its caller and its instance; nothing where
    /// its caller has gone.
    pub(super) fn disturbed(&self, root: u32, lost: bool) -> Why {
        let strand = &self.strands[root];
        if strand.owner == NONE {
            return Why::Nothing;
        }
        let there = self.instances[strand.instance as usize].location;
        let here = self.caller_location(strand.owner);
        match self.network.disturbed_by(here, there, lost) {
            Some(fault) => Why::Fault(fault),
            None => Why::Nothing,
        }
    }

    /// The version or the configuration that an instance runs, where that makes something worse.
    pub(super) fn worse_edition(&self, instance: u32) -> Why {
        let (version, config) = self.editions.of(instance);
        if (version, config) == (0, 0) {
            return Why::Nothing;
        }
        let service = self.instances[instance as usize].service;
        if version != 0 && !self.editions.is_harmless(service, version) {
            return Why::Version(version);
        }
        if config != 0 && self.editions.is_changed(service, config) {
            return Why::Config(config);
        }
        Why::Nothing
    }

    /// The first fault of a kind that acts at an instance now.
    fn fault_at(&self, instance: u32, acts: impl Fn(&FaultKind) -> Option<Place>) -> Option<Why> {
        let location = self.instances[instance as usize].location;
        let here = |fault: &crate::fault::Fault| {
            fault.active && acts(&fault.kind).is_some_and(|place| contains(place, location))
        };
        let number = self.faults.iter().position(here)?;
        Some(Why::Fault(number as u32))
    }
}

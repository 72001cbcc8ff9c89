//! Probes: every instance that was put back is asked again and again, and one failure is one too many.
//!
//! A probe runs a handler of the service at the instance, the endpoints in turn, with all that the
//! handler does; it must have answered when the next one is due.

use super::{Alarm, Errand};
use crate::errand;
use crate::observer::Observer;
use crate::state::Origin;
use crate::world::World;
use clock::Instant;
use model::Verify;
use policy::Outcome;

/// Probes of some instances.
#[derive(Clone, Debug)]
pub(super) struct Probes {
    instances: Vec<u32>,
    until: Instant,
    verify: Verify,
    /// Rounds of probes sent, and those of the last one that have not answered.
    sent: u64,
    unanswered: u32,
}

impl World {
    pub(super) fn begin_probes<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        number: u32,
        verify: Verify,
    ) {
        let change = &mut self.deployments.list[number as usize];
        change.round += 1;
        change.probes = Some(Probes {
            instances: change.unproven.clone(),
            until: now + verify.lasts,
            verify,
            sent: 0,
            unanswered: 0,
        });
        self.probe_again(now, obs, number);
    }

    /// Probes are due, or the time is over.
    pub(super) fn probe_again<O: Observer>(&mut self, now: Instant, obs: &mut O, number: u32) {
        let Some(mut probes) = self.deployments.list[number as usize].probes.take() else {
            return;
        };
        let round = self.deployments.list[number as usize].round;
        let all_up = |id: &u32| self.instances[*id as usize].is_up();
        if probes.unanswered > 0 || !probes.instances.iter().all(all_up) {
            self.batch_fails(now, obs, number);
            return;
        }
        if now >= probes.until {
            self.batch_is_proven(now, obs, number);
            return;
        }
        for &id in &probes.instances {
            let service = self.instances[id as usize].service as usize;
            let entries = &self.program.entries[service];
            let entry = entries[(probes.sent % entries.len() as u64) as usize];
            let errand = Errand {
                change: number,
                round,
            };
            let key = self.deployments.next_key();
            let errand = errand::Errand::Probe(errand);
            self.run_errand(now, id, entry, key, Origin::new(0), errand);
        }
        probes.unanswered = probes.instances.len() as u32;
        probes.sent += 1;
        let at = (now + probes.verify.interval).min(probes.until);
        let alarm = Alarm::Probe {
            change: number,
            round,
        };
        self.deployments.list[number as usize].probes = Some(probes);
        self.remind_of(at, alarm);
    }

    /// A probe has been answered.
    pub(crate) fn probe_answered_by<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        errand: Errand,
        outcome: Outcome,
    ) {
        let change = &mut self.deployments.list[errand.change as usize];
        let Some(probes) = &mut change.probes else {
            return;
        };
        if change.round != errand.round {
            return;
        }
        if outcome.is_success() {
            probes.unanswered = probes.unanswered.saturating_sub(1);
        } else {
            change.probes = None;
            self.batch_fails(now, obs, errand.change);
        }
    }
}

//! Where protocols meet the life of instances and of the strands that wait for them.

use crate::limits::Violation;
use crate::observer::Observer;
use crate::program::Op;
use crate::state::Doing;
use crate::world::{Todo, World};
use clock::Instant;
use policy::Outcome;

/// What checkers find is told up to this number.
const MOST_FOUND: usize = 20;

impl World {
    /// All protocols begin, at the beginning of time.
    pub(crate) fn start_protocols(&mut self) {
        self.start_groups();
        self.start_discovery();
        self.start_config();
        self.start_queues();
    }

    /// An instance has crashed: what protocols had in its memory is gone.
    pub(crate) fn protocols_down<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        self.transactions_down(now, obs, id);
        self.group_down(now, obs, id);
        self.discovery_down(now, obs, id);
        self.queues_down(now, obs, id);
        self.caches.forget(id);
    }

    /// An instance has started again: protocols recover from their logs.
    pub(crate) fn protocols_up<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        self.group_up(now, obs, id);
        self.transactions_up(now, obs, id);
        self.config_up(now, obs, id);
        self.discovery_up(now, obs, id);
        self.queues_up(now, obs, id);
        self.deployments_up(now, obs, id);
        self.scaling_up(now, id);
    }

    /// A checker has found a rule of a protocol broken.
    #[cold]
    pub(crate) fn violation(&mut self, checker: &'static str, what: String) {
        if self.found.len() < MOST_FOUND {
            let (at, event) = (self.engine.now(), self.engine.events());
            self.found.push(Violation {
                checker,
                at,
                event,
                what,
            });
        }
    }

    /// What a strand waited for while [`Doing::Agreeing`] has been agreed on: it goes on behind the
    /// step, or fails.
    pub(crate) fn agreed(&mut self, strand: u32, outcome: Outcome) {
        let waiting = &mut self.strands[strand];
        debug_assert_eq!(waiting.doing, Doing::Agreeing);
        waiting.doing = Doing::Pending;
        waiting.outcome = outcome;
        if !outcome.is_success() && self.blame.is_some() {
            self.blame_agreement(strand);
        }
        self.strands[strand].pc += 1;
        self.agenda.push(Todo::Resume(strand));
    }

    /// A strand that was [`Doing::Agreeing`] is stopped, and no longer listens.
    pub(crate) fn stops_listening(&mut self, strand: u32) {
        let waiting = &self.strands[strand];
        let awaits = waiting.awaits;
        match self.program.ops[waiting.pc as usize] {
            Op::Transaction { .. } => self.transaction_unheard(awaits),
            Op::Publish { .. } => self.publish_unheard(awaits),
            _ => self.group_unheard(awaits),
        }
    }
}

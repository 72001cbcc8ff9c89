//! The loop: takes the next event, does it, and whatever follows from it at the same instant.

use crate::event::{Event, SLOT_BITS};
use crate::limits::{Ended, Limits, Reason};
use crate::observer::{Observer, Tick};
use crate::world::{Todo, World};
use clock::Instant;
use engine::Stamp;

impl World {
    /// Runs until `until`, or until the observer or a limit stops it. One that has finished may go
    /// on from there by another call; one that was stopped is over.
    pub fn run<O: Observer>(&mut self, obs: &mut O, until: Instant, limits: &Limits) -> Ended {
        // The number of a timer must fit into an event; half of them may come up between two looks.
        let most = (1 << (SLOT_BITS - 1)) / self.stride;
        self.limits = Limits {
            in_flight: limits.in_flight.min(most),
            ..*limits
        };
        if obs.wants_causes() {
            self.remember_causes();
        }
        let reason = self.events(obs, until);
        // Time goes on to the end, also where no event lies.
        let at = if reason == Reason::Finished {
            until
        } else {
            self.engine.now()
        };
        if reason == Reason::Finished {
            let mut tick = obs.tick(at);
            while let Tick::At(next) = tick
                && next <= at
            {
                tick = obs.tick(at);
            }
        }
        Ended {
            events: self.engine.events(),
            fingerprint: self.engine.fingerprint(),
            at,
            reason,
            violations: self.found.iter().cloned().chain(self.audit()).collect(),
        }
    }

    fn events<O: Observer>(&mut self, obs: &mut O, until: Instant) -> Reason {
        let mut tick = match obs.tick(self.engine.now()) {
            Tick::At(at) => at,
            Tick::Stop => return Reason::Stopped,
        };
        let mut instant = self.engine.now();
        let mut steps_left = self.limits.steps_at_one_instant;
        loop {
            // Before an event is taken, also after the last one, which may have been cut short.
            if self.is_full() {
                return self.overflow();
            }
            if self.engine.events() >= self.limits.events {
                return self.too_long();
            }
            let timers = &self.timers;
            let live = |event, stamp| match event {
                Event::Timer(slot) => timers[slot as usize] == stamp,
                _ => true,
            };
            let Some((event, stamp)) = self.engine.next(until, live) else {
                return Reason::Finished;
            };
            let now = self.engine.now();
            if now > instant {
                instant = now;
                steps_left = self.limits.steps_at_one_instant;
                while now >= tick {
                    match obs.tick(now) {
                        Tick::At(at) => tick = at,
                        Tick::Stop => return Reason::Stopped,
                    }
                    if self.engine.exhausted() {
                        return self.too_long();
                    }
                }
            }
            self.dispatch(now, obs, event, stamp);
            steps_left = steps_left.saturating_sub(1);
            while steps_left > 0
                && let Some(todo) = self.next_todo(now, obs)
            {
                self.carry_on(now, obs, todo);
                steps_left -= 1;
                if steps_left.is_multiple_of(1024) && self.is_full() {
                    return self.overflow();
                }
            }
            if steps_left == 0 {
                return self.standstill(now);
            }
        }
    }

    #[inline]
    fn dispatch<O: Observer>(&mut self, now: Instant, obs: &mut O, event: Event, stamp: Stamp) {
        match event {
            Event::Finish(strand) => self.finish(now, obs, strand, stamp),
            Event::Arrival(workload) => self.arrive(now, obs, workload, stamp),
            Event::Deliver(strand) => self.deliver(now, obs, strand),
            Event::Answer(strand) => self.receive(now, obs, strand),
            Event::Timer(slot) => self.timer(now, obs, slot, stamp),
            Event::Think(workload) => self.request(now, obs, workload),
            Event::Shared(instance) => self.shared_done(now, obs, instance, stamp),
            Event::Ready(instance) => self.ready(now, obs, instance, stamp),
            Event::Fault(fault) => self.fault(now, obs, fault),
            Event::Mail(letter) => self.mail(now, obs, letter, stamp),
            Event::Alarm(alarm) => self.alarm(now, obs, alarm, stamp),
        }
    }

    #[inline]
    fn next_todo<O: Observer>(&mut self, now: Instant, obs: &mut O) -> Option<Todo> {
        if self.urgent {
            self.do_urgent(now, obs);
        }
        self.agenda.pop()
    }

    #[cold]
    fn do_urgent<O: Observer>(&mut self, now: Instant, obs: &mut O) {
        while self.urgent {
            self.urgent = false;
            // Before anything else, so that nobody speaks to a caller who is gone.
            self.abandon_calls(now, obs);
            self.wake(now, obs);
            // What follows from a missed event is done before the next one.
            if self.agenda.is_empty()
                && let Some((event, stamp)) = self.replays.pop()
            {
                self.dispatch(now, obs, event, stamp);
            }
            self.urgent |= !self.replays.is_empty();
            if !self.agenda.is_empty() {
                break;
            }
        }
    }

    #[inline]
    fn carry_on<O: Observer>(&mut self, now: Instant, obs: &mut O, todo: Todo) {
        match todo {
            Todo::Deliver(strand) => self.deliver(now, obs, strand),
            Todo::Answer(strand) => self.receive(now, obs, strand),
            Todo::Resume(strand) => self.resume(now, obs, strand),
            Todo::Errand(errand) => self.errand_over(now, obs, errand),
        }
    }

    /// Whether no more requests or calls fit.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        // Calls that their policy keeps waiting have no request under way.
        self.strands.slots().max(self.calls.slots()) as usize >= self.limits.in_flight
    }

    #[cold]
    fn too_long(&self) -> Reason {
        Reason::Limit(format!(
            "stopped after {} events, the most allowed",
            self.engine.events()
        ))
    }

    #[cold]
    fn overflow(&self) -> Reason {
        Reason::Limit(format!(
            "stopped at {}: {} requests or calls in flight, the most allowed; the load grows faster than it \
             is served (retries without a budget, a queue without a capacity?)",
            self.engine.now(),
            self.limits.in_flight
        ))
    }

    #[cold]
    fn standstill(&self, now: Instant) -> Reason {
        Reason::Limit(format!(
            "stopped at {now}: {} steps without the simulated time moving on; something goes round \
             in no time (users who do not think, handlers that do nothing?)",
            self.limits.steps_at_one_instant
        ))
    }
}

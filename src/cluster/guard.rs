//! What stands at the door of an instance: admission, which lets requests in or refuses them, and
//! degradation, which tells when to do without what is not essential.
//!
//! The policies are the real ones. Each request that was let in is given back to them exactly once,
//! whatever becomes of it; this file refuses to know how they decide.

use crate::cause::Link;
use crate::observer::Observer;
use crate::span::{Note, Refusal, SpanFact};
use crate::state::Instance;
use crate::world::World;
use clock::{Duration, Instant};
use engine::{Bits, Keyed};
use model::Service;
use policy::config::{AdmissionConfig, DegradeConfig};
use policy::{Admission, Admitted, Arriving, Degrader, Outcome, Pushback};

/// Sets what admission draws apart from the other draws of a request.
const ADMISSION: u64 = 0x6164_6d69_7400_0000;

/// The door of one instance.
#[derive(Debug)]
pub(crate) struct Guard {
    admission: Admission,
    degrader: Option<Degrader>,
    // For beginning anew.
    config: (AdmissionConfig, Option<DegradeConfig>),
}

impl Guard {
    /// `None` where everything is let in and nothing is left out.
    pub(crate) fn new(service: &Service) -> Option<Box<Self>> {
        if service.admission.layers.is_empty() && service.degrade.is_none() {
            return None;
        }
        Some(Box::new(Self {
            admission: Admission::new(&service.admission),
            degrader: service.degrade.as_ref().map(Degrader::new),
            config: (service.admission.clone(), service.degrade),
        }))
    }

    /// The instance has lost its memory, and its requests.
    pub(crate) fn forget(&mut self) {
        self.admission = Admission::new(&self.config.0);
        self.degrader = self.config.1.as_ref().map(Degrader::new);
    }

    #[cold]
    fn queue_changed(&mut self, now: Instant, length: u32, waited: Duration) {
        if let Some(degrader) = &mut self.degrader {
            degrader.observe(now, length, waited);
        }
    }

    /// Requests that the concurrency limits count, each of them.
    pub(crate) fn in_flight(&self) -> impl Iterator<Item = u32> + '_ {
        self.admission.in_flight()
    }
}

impl Instance {
    /// The queue has changed; who left it has `waited`.
    #[inline]
    pub(crate) fn queue_changed(&mut self, now: Instant, waited: Duration) {
        if let Some(guard) = &mut self.guard {
            guard.queue_changed(now, self.waiting, waited);
        }
        self.load_changed(now);
    }
}

/// What is kept with requests, by slot, while there are guards.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// What a request that was let in must give back.
    tokens: Vec<Option<Admitted>>,
    /// The key of the request that was refused there last, and how long its caller should wait. The
    /// key tells whether it speaks of who has the slot now, so that nobody need clear up.
    pushbacks: Vec<(u64, Duration)>,
}

impl Held {
    pub(crate) fn has(&self, root: u32) -> bool {
        matches!(self.tokens.get(root as usize), Some(Some(_)))
    }

    /// How many requests there are that were let in.
    pub(crate) fn len(&self) -> usize {
        self.tokens.iter().flatten().count()
    }

    /// A request is lost with its instance, which forgets it.
    pub(crate) fn forget(&mut self, root: u32) {
        if let Some(token) = self.tokens.get_mut(root as usize) {
            *token = None;
        }
    }

    fn take(&mut self, root: u32) -> Option<Admitted> {
        self.tokens.get_mut(root as usize)?.take()
    }
}

/// The entry of a slot in a list that is as long as it needs to be.
fn entry<T: Default>(list: &mut Vec<T>, slot: u32) -> &mut T {
    let slot = slot as usize;
    if list.len() <= slot {
        list.resize_with(slot + 1, T::default);
    }
    &mut list[slot]
}

impl World {
    /// A request is at a guarded door: whether it is let in. Otherwise it is answered.
    pub(crate) fn let_in<O: Observer>(&mut self, now: Instant, obs: &mut O, root: u32) -> bool {
        let strand = &self.strands[root];
        let instance = &mut self.instances[strand.instance as usize];
        let Some(guard) = &mut instance.guard else {
            return true;
        };
        let arriving = Arriving {
            priority: strand.origin.priority,
            key: u64::from(strand.origin.record()),
        };
        let mut bits = Keyed::new(strand.key ^ ADMISSION);
        let asked = guard
            .admission
            .admit(now, &arriving, &mut || bits.next_u64());
        match asked {
            Ok(token) => {
                *entry(&mut self.held.tokens, root) = Some(token);
                true
            }
            Err(rejected) => {
                if let Some(at) = rejected.retry_at {
                    *entry(&mut self.held.pushbacks, root) = (strand.key, at.since(now));
                }
                obs.refused(now, instance.service as usize);
                if O::SPANS {
                    let (strand, why) = (root, Refusal::Admission);
                    obs.span(now, SpanFact::Refused { strand, why });
                }
                if self.blame.is_some() {
                    self.blame_refusal(root, |service, _| Link::Admission { service });
                }
                self.send_answer(now, root, Outcome::Rejected);
                false
            }
        }
    }

    /// A request is about to be served after it has `waited`.
    pub(crate) fn served_after(&mut self, now: Instant, root: u32, waited: Duration) {
        let instance = &mut self.instances[self.strands[root].instance as usize];
        if let Some(guard) = &mut instance.guard {
            guard.admission.dequeued(now, waited);
        }
    }

    /// A request leaves a guarded instance: answered with this outcome, or stopped because nobody
    /// waits for it. Who was not let in, or has left before, is nobody's.
    pub(crate) fn let_out(&mut self, now: Instant, root: u32, outcome: Option<Outcome>) {
        let instance = &mut self.instances[self.strands[root].instance as usize];
        let (Some(guard), Some(token)) = (&mut instance.guard, self.held.take(root)) else {
            return;
        };
        match outcome {
            Some(outcome) => guard.admission.ended(now, token, outcome),
            None => guard.admission.dropped(now, token),
        }
    }

    /// What the refusal of a request says about coming back.
    #[inline(never)]
    pub(crate) fn pushback_of(&self, root: u32) -> Pushback {
        match self.held.pushbacks.get(root as usize) {
            Some(&(key, after)) if key == self.strands[root].key => Pushback::After(after),
            _ => Pushback::None,
        }
    }

    /// Whether the instance of a strand does without the optional call before it; then it has.
    #[inline(never)]
    pub(crate) fn goes_without<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) -> bool {
        let strand = &mut self.strands[id];
        let instance = &self.instances[strand.instance as usize];
        let degrader = instance.guard.as_ref().and_then(|g| g.degrader.as_ref());
        let degraded = degrader.is_some_and(|degrader| degrader.is_degraded(now));
        if degraded {
            strand.degraded = true;
            strand.pc += 1;
            obs.skipped(now, instance.service as usize);
            if O::SPANS {
                let (strand, what) = (id, Note::WentWithout);
                obs.span(now, SpanFact::Notes { strand, what });
            }
        }
        degraded
    }
}

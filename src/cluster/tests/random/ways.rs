//! Hears the facts about single requests and follows all of them at once: whatever is stated must be
//! possible for whom it is stated of, and nobody's end is forgotten.

use clock::{Duration, Instant};
use std::collections::BTreeMap;
use stormglass_cluster::{Cause, Doing, Observer, SpanFact, Tick};

/// Between two looks at the limits of a run.
const TICK: Duration = Duration::from_millis(1);

/// All requests under way.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    now: Instant,
    calls: BTreeMap<u32, Call>,
    strands: BTreeMap<u32, Strand>,
    /// What was impossible.
    pub(crate) wrong: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
struct Call {
    edge: u32,
    /// It has not ended, and its caller is there.
    open: bool,
    lost: bool,
    /// Attempts that are waited for.
    out: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Strand {
    call: Option<u32>,
    /// Its caller waits for it.
    waited_for: bool,
    /// It has come to its instance, or began there.
    works: bool,
    /// It has answered, or was stopped.
    left: bool,
}

impl Ways {
    /// Calls at an edge that have not ended.
    pub(crate) fn in_flight(&self, edge: usize) -> u64 {
        let open = self.calls.values().filter(|call| call.open);
        open.filter(|call| call.edge as usize == edge).count() as u64
    }

    fn refuse(&mut self, fact: SpanFact, why: &str) {
        if self.wrong.len() < 5 {
            self.wrong.push(format!("{}: {fact:?}: {why}", self.now));
        }
    }

    fn call(&mut self, fact: SpanFact, call: u32) -> Option<&mut Call> {
        if !self.calls.get(&call).is_some_and(|call| call.open) {
            self.refuse(fact, "no such call is open");
            return None;
        }
        self.calls.get_mut(&call)
    }

    /// A strand that works somewhere.
    fn worker(&mut self, fact: SpanFact, strand: u32) -> Option<&mut Strand> {
        let works = |strand: &Strand| strand.works && !strand.left;
        if !self.strands.get(&strand).is_some_and(works) {
            self.refuse(fact, "no such strand works");
            return None;
        }
        self.strands.get_mut(&strand)
    }

    /// A slot is given to a strand.
    fn begin(&mut self, fact: SpanFact, slot: u32, strand: Strand) {
        let before = self.strands.insert(slot, strand);
        if before.is_some_and(|before| before.waited_for) {
            self.refuse(fact, "somebody waits for who had the slot");
        }
    }

    /// Nobody waits for a strand any more.
    fn unwanted(&mut self, fact: SpanFact, strand: u32) {
        let Some(known) = self.strands.get_mut(&strand) else {
            return self.refuse(fact, "no such strand");
        };
        if !core::mem::take(&mut known.waited_for) {
            return self.refuse(fact, "nobody waited for it");
        }
        match known.call.and_then(|call| self.calls.get_mut(&call)) {
            Some(call) if (call.open || call.lost) && call.out > 0 => call.out -= 1,
            _ => self.refuse(fact, "its call is over"),
        }
    }
}

impl Observer for Ways {
    const SPANS: bool = true;

    fn tick(&mut self, now: Instant) -> Tick {
        Tick::At(now + TICK)
    }

    fn span(&mut self, now: Instant, fact: SpanFact) {
        if now < self.now {
            self.refuse(fact, "time goes back");
        }
        self.now = now;
        match fact {
            SpanFact::CallBegins { call, by, edge, .. } => {
                if let Some(by) = by {
                    self.worker(fact, by);
                }
                let begun = Call {
                    edge,
                    open: true,
                    lost: false,
                    out: 0,
                };
                if self.calls.insert(call, begun).is_some_and(|call| call.open) {
                    self.refuse(fact, "the slot is taken");
                }
            }
            SpanFact::CallRests { call, .. } | SpanFact::CallRefused { call, .. } => {
                self.call(fact, call);
            }
            SpanFact::CallEnds { call, .. } => {
                if let Some(call) = self.call(fact, call) {
                    call.open = false;
                    if call.out > 0 {
                        self.refuse(fact, "attempts are out");
                    }
                }
            }
            SpanFact::CallLost { call } => {
                if let Some(call) = self.call(fact, call) {
                    (call.open, call.lost) = (false, true);
                }
            }
            SpanFact::Sent { strand, call, .. } => {
                if let Some(of) = self.call(fact, call) {
                    of.out += 1;
                }
                let sent = Strand {
                    call: Some(call),
                    waited_for: true,
                    ..Strand::default()
                };
                self.begin(fact, strand, sent);
            }
            SpanFact::Vanished { strand } => {
                if !self.strands.get(&strand).is_some_and(|s| s.waited_for) {
                    self.refuse(fact, "nobody waits for it");
                }
            }
            SpanFact::Heard { strand, .. } | SpanFact::GivenUp { strand, .. } => {
                self.unwanted(fact, strand);
            }
            SpanFact::Arrives { strand, cause, .. } => {
                let works = Strand {
                    works: true,
                    ..Strand::default()
                };
                match (cause, self.strands.get_mut(&strand)) {
                    (Some(_), _) => self.begin(fact, strand, works),
                    (None, Some(sent)) if sent.call.is_some() && !sent.works && !sent.left => {
                        sent.works = true;
                    }
                    (None, _) => self.refuse(fact, "nobody sent it"),
                }
                if let Some(Cause::Message { delivery: 0, .. }) = cause {
                    self.refuse(fact, "deliveries count from 1");
                }
            }
            SpanFact::Branches { strand, by, .. } => {
                self.worker(fact, by);
                let works = Strand {
                    works: true,
                    ..Strand::default()
                };
                self.begin(fact, strand, works);
            }
            SpanFact::Does {
                strand,
                what: Doing::AwaitingLeader,
            } => {
                let sent = |s: &Strand| s.call.is_some() && !s.works && !s.left;
                if !self.strands.get(&strand).is_some_and(sent) {
                    self.refuse(fact, "it is not at a door");
                }
            }
            SpanFact::Does { strand, .. } | SpanFact::Notes { strand, .. } => {
                self.worker(fact, strand);
            }
            SpanFact::Refused { strand, .. } => {
                // A branch that nobody listens to ends by itself.
                self.worker(fact, strand);
            }
            SpanFact::Served { strand, .. } => {
                if let Some(strand) = self.worker(fact, strand) {
                    strand.left = true;
                }
            }
            SpanFact::Stopped { strand } => {
                if let Some(strand) = self.strands.get_mut(&strand) {
                    strand.left = true;
                }
            }
            SpanFact::DeadLetter { message, letter } => {
                if letter <= message {
                    self.refuse(fact, "a letter is a new message");
                }
            }
        }
    }
}

//! Follows chosen requests through a replication: turns the facts that the world states on their way
//! into spans.
//!
//! It keeps, for each slot of the world whose owner works for a chosen request, which span that is. All
//! others cost a look into a list.

use super::pick::Request;
use super::record::{Chosen, Kind, Trace};
use super::tree::{Id, Tree, Who, outcome_of_given_up};
use clock::Instant;
use cluster::{At, Cause, Doing, Edge, Note, Refusal, SpanFact};
use model::Model;
use policy::Outcome;
use std::collections::BTreeMap;

/// Follows chosen requests.
pub(super) struct Follow<'a> {
    model: &'a Model,
    edges: Vec<Edge>,
    /// By workload and number: the tree.
    wanted: BTreeMap<(u32, u64), usize>,
    /// By workload: requests so far.
    requests: Vec<u64>,
    trees: Vec<Tree>,
    /// By slot.
    calls: Vec<Option<Call>>,
    strands: Vec<Option<Strand>>,
    /// By number of the message: the span that published it.
    messages: BTreeMap<u64, (usize, Id)>,
    /// By number of the transaction: the span that waits for it.
    transactions: BTreeMap<u64, (usize, Id)>,
}

/// A call that is part of a chosen request.
#[derive(Clone, Debug)]
struct Call {
    tree: usize,
    span: Option<Id>,
    edge: usize,
    who: Who,
    /// What its policy lets it wait for.
    rest: Option<Id>,
    /// Attempts that are out.
    out: u32,
}

/// A strand that works for a chosen request.
#[derive(Clone, Debug)]
struct Strand {
    tree: usize,
    /// Of a root with a caller: the call and the attempt.
    call: Option<u32>,
    attempt: Option<Id>,
    /// The request at its instance, or the branch.
    home: Option<Id>,
    who: Who,
    /// What it does.
    step: Option<Id>,
    /// When its answer set out.
    left: Option<Instant>,
}

impl<'a> Follow<'a> {
    pub(super) fn new(model: &'a Model, edges: &[Edge], chosen: &[(Request, Chosen)]) -> Self {
        let wanted = chosen.iter().enumerate();
        let wanted = wanted.map(|(tree, (r, _))| ((r.workload, r.number), tree));
        let trees = chosen.iter().map(|(request, chosen)| {
            let workload = model.workloads[request.workload as usize].name.clone();
            Tree::new(workload, request.number, *chosen)
        });
        Self {
            model,
            edges: edges.to_vec(),
            wanted: wanted.collect(),
            requests: vec![0; model.workloads.len()],
            trees: trees.collect(),
            calls: Vec::new(),
            strands: Vec::new(),
            messages: BTreeMap::new(),
            transactions: BTreeMap::new(),
        }
    }

    /// The traces, in the order in which the requests were chosen.
    pub(super) fn finish(self, now: Instant) -> Vec<Trace> {
        self.trees
            .into_iter()
            .map(|tree| tree.finish(now))
            .collect()
    }

    pub(super) fn hear(&mut self, now: Instant, fact: SpanFact) {
        match fact {
            SpanFact::CallBegins {
                call,
                by,
                edge,
                key,
            } => self.call_begins(now, call, by, edge as usize, key),
            SpanFact::CallRests { call, layer } => self.call_rests(now, call, layer),
            SpanFact::CallRefused { call, layer } => {
                if let Some((tree, call)) = self.call(call)
                    && let Some(span) = call.span
                {
                    tree.note(now, call.span, &format!("turned back by {layer}"));
                    tree.get(span).refused_by = Some(layer.to_owned());
                }
            }
            SpanFact::CallEnds { call, outcome } => self.call_ends(now, call, outcome.name()),
            SpanFact::CallLost { call } => self.call_ends(now, call, STOPPED),
            SpanFact::Sent {
                strand,
                call,
                attempt,
                to,
            } => self.sent(now, strand, call, attempt, to),
            SpanFact::Vanished { strand } => {
                if let Some((tree, strand)) = self.strand(strand) {
                    let what = match strand.left {
                        None => "the request was lost on its way",
                        Some(_) => "the answer was lost on its way",
                    };
                    tree.note(now, strand.attempt, what);
                }
            }
            SpanFact::Heard { strand, outcome } => self.heard(now, strand, outcome),
            SpanFact::GivenUp { strand, too_slow } => {
                if let Some((tree, strand)) = self.strand(strand) {
                    let outcome = outcome_of_given_up(too_slow);
                    tree.end(now, strand.attempt, Some(outcome));
                    let call = strand.call;
                    self.attempt_over(call);
                }
            }
            SpanFact::Arrives { strand, at, cause } => self.arrives(now, strand, at, cause),
            SpanFact::Branches { strand, by, branch } => self.branches(now, strand, by, branch),
            SpanFact::Does { strand, what } => self.does(now, strand, what),
            SpanFact::Notes { strand, what } => self.notes(now, strand, what),
            SpanFact::Served { strand, outcome } => self.leaves(now, strand, outcome.name(), None),
            SpanFact::Refused { strand, why } => {
                let why = match why {
                    Refusal::Admission => "admission",
                    Refusal::QueueFull => "a full queue",
                    Refusal::Dropped => "the queue, after too long a wait",
                };
                self.leaves(now, strand, Outcome::Rejected.name(), Some(why));
            }
            SpanFact::Stopped { strand } => self.leaves(now, strand, STOPPED, None),
            SpanFact::DeadLetter { message, letter } => {
                if let Some(&span) = self.messages.get(&message) {
                    self.messages.insert(letter, span);
                }
            }
        }
    }

    fn call_begins(&mut self, now: Instant, slot: u32, by: Option<u32>, edge: usize, key: u64) {
        let call = match by {
            None => {
                let count = &mut self.requests[edge];
                let number = core::mem::replace(count, *count + 1);
                self.wanted.get(&(edge as u32, number)).map(|&tree| {
                    self.trees[tree].keyed(key);
                    let service = self.edges[edge].caller.clone();
                    let instance = None;
                    (tree, None, Who { service, instance })
                })
            }
            Some(by) => self.strand(by).map(|(tree, strand)| {
                tree.end(now, strand.step.take(), None);
                (strand.tree, strand.home, strand.who.clone())
            }),
        };
        let call = call.map(|(tree, parent, who)| {
            let name = &self.edges[edge].target;
            let span = self.trees[tree].begin(now, parent, Kind::Call, name, who.clone());
            Call {
                tree,
                span,
                edge,
                who,
                rest: None,
                out: 0,
            }
        });
        put(&mut self.calls, slot, call);
    }

    fn call_rests(&mut self, now: Instant, call: u32, layer: &'static str) {
        if let Some((tree, call)) = self.call(call)
            && tree.is_open(call.span)
        {
            tree.end(now, call.rest.take(), None);
            call.rest = tree.begin(now, call.span, Kind::Rest, layer, call.who.clone());
        }
    }

    fn call_ends(&mut self, now: Instant, call: u32, outcome: &str) {
        if let Some((tree, call)) = self.call(call) {
            tree.end(now, call.rest.take(), None);
            tree.end(now, call.span, Some(outcome));
        }
    }

    fn sent(&mut self, now: Instant, slot: u32, of: u32, attempt: u8, to: Option<At>) {
        let to = to.map(|at| {
            let who = self.who(at);
            format!("{}-{}", who.service, at.instance + 1)
        });
        let edges = core::mem::take(&mut self.edges);
        let strand = self.call(of).map(|(tree, call)| {
            tree.end(now, call.rest.take(), None);
            let name = &edges[call.edge].target;
            let span = tree.begin(now, call.span, Kind::Attempt, name, call.who.clone());
            if let Some(span) = span {
                let span = tree.get(span);
                span.attempt = Some(attempt.into());
                span.hedge = call.out > 0;
                span.to = to;
            }
            call.out += 1;
            Strand {
                tree: call.tree,
                call: Some(of),
                attempt: span,
                home: None,
                who: call.who.clone(),
                step: None,
                left: None,
            }
        });
        self.edges = edges;
        put(&mut self.strands, slot, strand);
    }

    fn heard(&mut self, now: Instant, strand: u32, outcome: Outcome) {
        let Some((tree, strand)) = self.strand(strand) else {
            return;
        };
        let step = strand.step.take();
        tree.end(now, step, None);
        tree.end(now, strand.home, Some(outcome.name()));
        if let Some(attempt) = strand.attempt {
            let left = strand.left.unwrap_or_else(|| match strand.home.or(step) {
                Some(_) => now,
                // It has never come to anybody.
                None => tree.start(attempt),
            });
            tree.past(left, now, Some(attempt), Kind::Network);
            tree.end(now, Some(attempt), Some(outcome.name()));
        }
        let call = strand.call;
        self.attempt_over(call);
    }

    /// An attempt of a call is no longer out.
    fn attempt_over(&mut self, call: Option<u32>) {
        if let Some((_, call)) = call.and_then(|call| self.call(call)) {
            call.out = call.out.saturating_sub(1);
        }
    }

    fn arrives(&mut self, now: Instant, slot: u32, at: At, cause: Option<Cause>) {
        let who = self.who(at);
        if let Some(cause) = cause {
            let strand = self.begin_errand(now, who, at, cause);
            put(&mut self.strands, slot, strand);
            return;
        }
        let Some((tree, strand)) = self.strand(slot) else {
            return;
        };
        let waited = strand.step.take();
        tree.end(now, waited, None);
        let Some(attempt) = strand.attempt else {
            return;
        };
        if waited.is_none() && tree.is_open(Some(attempt)) {
            tree.past(tree.start(attempt), now, Some(attempt), Kind::Network);
        }
        let name = tree.get(attempt).name.clone();
        strand.home = tree.begin(now, Some(attempt), Kind::Serve, &name, who.clone());
        strand.who = who;
    }

    /// The strand of what a protocol runs, where that is for a chosen request.
    fn begin_errand(&mut self, now: Instant, who: Who, at: At, cause: Cause) -> Option<Strand> {
        let (from, kind, endpoint) = match cause {
            Cause::Message {
                message, endpoint, ..
            } => (self.messages.get(&message), Kind::Consume, endpoint),
            Cause::Transaction {
                transaction,
                endpoint,
                ..
            } => (
                self.transactions.get(&transaction),
                Kind::Participate,
                endpoint,
            ),
            Cause::Probe => return None,
        };
        let &(number, parent) = from?;
        let service = &self.model.services[at.service as usize];
        let name = match endpoint.and_then(|number| service.endpoints.get(number as usize)) {
            Some(endpoint) => format!("{}.{}", service.name, endpoint.name),
            None => service.name.clone(),
        };
        let tree = &mut self.trees[number];
        let home = tree.begin(now, Some(parent), kind, &name, who.clone())?;
        let span = tree.get(home);
        match cause {
            Cause::Message {
                message, delivery, ..
            } => {
                span.message = Some(message);
                span.delivery = Some(delivery);
                span.link = Some(parent);
            }
            Cause::Transaction { undoes: true, .. } => {
                tree.note(now, Some(home), "undoes what was done");
            }
            _ => {}
        }
        Some(Strand {
            tree: number,
            call: None,
            attempt: None,
            home: Some(home),
            who,
            step: None,
            left: None,
        })
    }

    fn branches(&mut self, now: Instant, slot: u32, by: u32, branch: Option<u32>) {
        let strand = self.strand(by).map(|(tree, above)| {
            tree.end(now, above.step.take(), None);
            let name = match branch {
                Some(number) => format!("branch {}", number + 1),
                None => "repeat".to_owned(),
            };
            let home = tree.begin(now, above.home, Kind::Branch, &name, above.who.clone());
            Strand {
                tree: above.tree,
                call: None,
                attempt: None,
                home,
                who: above.who.clone(),
                step: None,
                left: None,
            }
        });
        put(&mut self.strands, slot, strand);
    }

    fn does(&mut self, now: Instant, slot: u32, what: Doing) {
        let model = self.model;
        let Some((tree, strand)) = self.strand(slot) else {
            return;
        };
        let before = strand.step.take();
        tree.end(now, before, None);
        let kind = match what {
            Doing::Queued => Kind::Queue,
            Doing::Computing => Kind::Work,
            Doing::Waiting => Kind::Wait,
            Doing::WaitingForSibling => Kind::Sibling,
            Doing::Publishing { .. } => Kind::Publish,
            Doing::Transaction { .. } => Kind::Transaction,
            Doing::Replicating => Kind::Replicate,
            Doing::AwaitingLeader => Kind::Leader,
            Doing::Nothing => return,
        };
        let within = strand.home.or(strand.attempt);
        if !tree.is_open(within) {
            return;
        }
        let mut name = kind.name().to_owned();
        match (what, strand.attempt) {
            (Doing::Publishing { queue, .. }, _) => {
                name.clone_from(&model.queues[queue as usize].name);
            }
            (Doing::AwaitingLeader, Some(attempt)) => {
                name.clone_from(&tree.get(attempt).name);
                if before.is_none() {
                    tree.past(tree.start(attempt), now, Some(attempt), Kind::Network);
                }
            }
            _ => {}
        }
        strand.step = tree.begin(now, within, kind, &name, strand.who.clone());
        let (number, step) = (strand.tree, strand.step);
        if let (Doing::Publishing { message, .. }, Some(step)) = (what, step) {
            self.trees[number].get(step).message = Some(message);
            self.messages.insert(message, (number, step));
        }
    }

    fn notes(&mut self, now: Instant, slot: u32, what: Note) {
        let Some((tree, strand)) = self.strand(slot) else {
            return;
        };
        let what = match what {
            Note::CacheHit => "cache hit",
            Note::CacheMiss => "cache miss",
            Note::WentWithout => "went without an optional call",
            Note::Transaction(number) => {
                if let Some(step) = strand.step {
                    let within = (strand.tree, step);
                    self.transactions.insert(number, within);
                }
                return;
            }
        };
        tree.note(now, strand.home, what);
    }

    /// A strand is through, refused, or stopped.
    fn leaves(&mut self, now: Instant, slot: u32, outcome: &str, refused_by: Option<&str>) {
        let Some((tree, strand)) = self.strand(slot) else {
            return;
        };
        let open = tree.is_open(strand.home);
        let step = strand.step.take();
        let waits_for_others = step.is_some_and(|step| {
            matches!(
                tree.get(step).kind,
                Kind::Publish | Kind::Transaction | Kind::Replicate
            )
        });
        tree.end(now, step, waits_for_others.then_some(outcome));
        tree.end(now, strand.home, Some(outcome));
        if let (true, Some(home)) = (open, strand.home) {
            tree.get(home).refused_by = refused_by.map(str::to_owned);
            strand.left = Some(now);
        }
    }

    fn call(&mut self, slot: u32) -> Option<(&mut Tree, &mut Call)> {
        let call = self.calls.get_mut(slot as usize)?.as_mut()?;
        Some((&mut self.trees[call.tree], call))
    }

    fn strand(&mut self, slot: u32) -> Option<(&mut Tree, &mut Strand)> {
        let strand = self.strands.get_mut(slot as usize)?.as_mut()?;
        Some((&mut self.trees[strand.tree], strand))
    }

    fn who(&self, at: At) -> Who {
        Who {
            service: self.model.services[at.service as usize].name.clone(),
            instance: Some(at.instance + 1),
        }
    }
}

/// What has become of work that nobody waited for, or that was lost with its instance.
const STOPPED: &str = "stopped";

/// Gives a slot to somebody new; `None` is nobody who is followed.
fn put<T>(slots: &mut Vec<Option<T>>, slot: u32, owner: Option<T>) {
    let slot = slot as usize;
    if owner.is_some() && slots.len() <= slot {
        slots.resize_with(slot + 1, || None);
    }
    if let Some(place) = slots.get_mut(slot) {
        *place = owner;
    }
}

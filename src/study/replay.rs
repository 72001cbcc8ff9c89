//! One replication again, up to one event: what led there.
//!
//! A violation names the seed, the replication and the event; the same three bring the world back to
//! that point. It refuses to measure: what it keeps is the last facts, in the order in which they
//! were stated.

use crate::faults;
use crate::progress::Progress;
use crate::record::Violation;
use clock::{Duration, Instant};
use cluster::{EdgeId, GroupFact, Limits, Observer, Reason, Tick, TransactionFact, World};
use model::Model;
use policy::Outcome;
use std::collections::VecDeque;

/// Facts that are kept: what led to a point lies shortly before it.
const MOST_FACTS: usize = 40;

/// How often the user's wish to stop is looked for, in simulated time.
const LOOK: Duration = Duration::from_millis(100);

/// A replication as it stood behind an event.
#[derive(Clone, PartialEq, Debug)]
pub struct Replay {
    /// The model's name.
    pub model: String,
    /// The seed.
    pub seed: u64,
    /// Which replication, counted from 0.
    pub replication: u32,
    /// Events that were done.
    pub event: u64,
    /// Simulated seconds.
    pub at_s: f64,
    /// Of the trajectory so far.
    pub fingerprint: String,
    /// The run was over before the event that was asked for.
    pub ended_before: bool,
    /// The last facts, the oldest first: simulated seconds, and what happened.
    pub facts: Vec<(f64, String)>,
    /// What checkers have found until then.
    pub violations: Vec<Violation>,
}

/// Runs a replication of a model with the seed that it names until event number `until` is done, or
/// until it ends.
pub fn replay(model: &Model, replication: u32, until: u64, progress: &Progress) -> Replay {
    let mut world = World::new(model, model.run.seed, replication);
    progress.expect(model.run.duration);
    let names = world.edges().iter();
    let names = names.map(|edge| format!("{}->{}", edge.caller, edge.target));
    let mut last = Last {
        model,
        edges: names.collect(),
        transactions: world
            .transactions()
            .iter()
            .map(|step| step.name.clone())
            .collect(),
        facts: VecDeque::new(),
        progress,
        told: Instant::ZERO,
    };
    let limits = Limits {
        events: until,
        ..Limits::default()
    };
    let ended = world.run(&mut last, Instant::ZERO + model.run.duration, &limits);
    let violations = ended.violations.into_iter().map(|violation| Violation {
        checker: violation.checker.to_owned(),
        replication,
        at_s: violation.at.as_secs_f64(),
        event: violation.event,
        what: violation.what,
    });
    Replay {
        model: model.name.clone(),
        seed: model.run.seed,
        replication,
        event: ended.events,
        at_s: ended.at.as_secs_f64(),
        fingerprint: format!("{:016x}", ended.fingerprint),
        ended_before: ended.reason == Reason::Finished,
        facts: last.facts.into(),
        violations: violations.collect(),
    }
}

/// Hears everything and forgets all but the last.
struct Last<'a> {
    model: &'a Model,
    edges: Vec<String>,
    transactions: Vec<String>,
    facts: VecDeque<(f64, String)>,
    progress: &'a Progress,
    told: Instant,
}

impl Last<'_> {
    fn note(&mut self, now: Instant, what: String) {
        if self.facts.len() == MOST_FACTS {
            self.facts.pop_front();
        }
        self.facts.push_back((now.as_secs_f64(), what));
    }

    fn at_edge(&mut self, now: Instant, edge: EdgeId, what: &str) {
        let text = format!("{}: {what}", self.edges[edge]);
        self.note(now, text);
    }

    fn at_service(&mut self, now: Instant, service: usize, what: &str) {
        let text = format!("{}: {what}", self.model.services[service].name);
        self.note(now, text);
    }
}

impl Observer for Last<'_> {
    fn tick(&mut self, now: Instant) -> Tick {
        self.progress.advance(now.since(self.told));
        self.told = now;
        if self.progress.is_stopped() {
            return Tick::Stop;
        }
        Tick::At(now + LOOK)
    }

    fn call_started(&mut self, now: Instant, edge: EdgeId) {
        self.at_edge(now, edge, "a call begins");
    }

    fn attempt_sent(&mut self, now: Instant, edge: EdgeId, _: Instant) {
        self.at_edge(now, edge, "an attempt is sent");
    }

    fn call_ended(&mut self, now: Instant, edge: EdgeId, started: Instant, outcome: Outcome) {
        let time = now.since(started);
        self.at_edge(now, edge, &format!("a call ends, {outcome}, after {time}"));
    }

    fn call_lost(&mut self, now: Instant, edge: EdgeId, _: Instant) {
        self.at_edge(now, edge, "a call's caller is gone");
    }

    fn arrived(&mut self, now: Instant, service: usize) {
        self.at_service(now, service, "a request arrives");
    }

    fn refused(&mut self, now: Instant, service: usize) {
        self.at_service(now, service, "a request is refused");
    }

    fn completed(&mut self, now: Instant, service: usize) {
        self.at_service(now, service, "a request is answered");
    }

    fn transaction(&mut self, now: Instant, step: usize, started: Instant, fact: TransactionFact) {
        let what = match fact {
            TransactionFact::Started => "begins".to_owned(),
            TransactionFact::Ended { committed } => {
                let how = if committed { "commits" } else { "aborts" };
                format!("{how} after {}", now.since(started))
            }
            TransactionFact::Lost => "is lost with its handler".to_owned(),
            TransactionFact::Prepared => "a participant votes for it".to_owned(),
            TransactionFact::InDoubt(time) => format!("a participant was in doubt for {time}"),
            TransactionFact::Locked(time) => format!("keys were locked for {time}"),
            TransactionFact::Message => "a message is sent".to_owned(),
            TransactionFact::Forced => "a log write is forced".to_owned(),
            TransactionFact::Compensated => "done work is undone".to_owned(),
            TransactionFact::Anomaly => "somebody sees what is not decided".to_owned(),
        };
        let text = format!("{}: transaction: {what}", self.transactions[step]);
        self.note(now, text);
    }

    fn group(&mut self, now: Instant, service: usize, fact: GroupFact) {
        let what = match fact {
            GroupFact::Candidate => "a replica stands for election".to_owned(),
            GroupFact::SplitVote => "the votes are split".to_owned(),
            GroupFact::Leads { leaderless } => {
                format!("a replica leads, after {leaderless} without a leader")
            }
            GroupFact::Leaderless => "nobody leads".to_owned(),
            GroupFact::Buffered => "a request waits for a leader".to_owned(),
            GroupFact::Refused => "a request is refused for want of a leader".to_owned(),
            GroupFact::Message => "a replica sends a message".to_owned(),
            GroupFact::Forced => "a replica forces its log".to_owned(),
            GroupFact::Acknowledged => "a write is acknowledged".to_owned(),
            GroupFact::StaleRead(behind) => format!("a read is {behind} behind"),
        };
        self.at_service(now, service, &what);
    }

    fn sent_to_dead(&mut self, now: Instant, edge: EdgeId) {
        self.at_edge(now, edge, "an attempt goes to an instance that is down");
    }

    fn fault(&mut self, now: Instant, fault: usize, active: bool) {
        let label = faults::label(self.model, &self.model.faults[fault]);
        let what = if active { "begins" } else { "is over" };
        self.note(now, format!("fault: {label} {what}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::model;

    const MODEL: &str = "
run: {duration: 10s, seed: 3}
services: {s: {endpoints: {e: [compute: 10ms]}}}
workloads: {w: {target: s.e, arrivals: {deterministic: {rate: 1/s}}}}
faults: [{at: 4500ms, for: 1s, slow: {service: s, factor: 2}}]
";

    #[test]
    fn a_replay_stops_behind_the_event_and_tells_what_led_there() {
        let model = model(MODEL);
        // Eight arrivals and answers, then the fault.
        let replay = replay(&model, 0, 9, &Progress::new());
        assert_eq!((replay.event, replay.ended_before), (9, false));
        assert_eq!(replay.at_s, 4.5);
        let (at, what) = replay.facts.last().expect("something happened");
        assert_eq!((*at, what.as_str()), (4.5, "fault: s slow x2 begins"));
        let before = &replay.facts[replay.facts.len() - 2];
        assert_eq!(before.1, "w->s.e: a call ends, success, after 10ms");
    }

    #[test]
    fn the_same_point_is_the_same_world() {
        let model = model(MODEL);
        let at = |event| replay(&model, 2, event, &Progress::new());
        assert_eq!(at(9), at(9));
        assert_ne!(at(9).fingerprint, at(8).fingerprint);
    }

    #[test]
    fn a_run_that_ends_before_the_event_says_so() {
        let model = model(MODEL);
        let whole = replay(&model, 0, u64::MAX, &Progress::new());
        assert!(whole.ended_before);
        assert_eq!(whole.at_s, 10.0);
        assert_eq!(whole.facts.len(), MOST_FACTS);
    }
}

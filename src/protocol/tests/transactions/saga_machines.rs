//! The machines of a saga, message by message.

use clock::{Duration, Instant};
use std::sync::Arc;
use stormglass_protocol::saga::*;

const NOW: Instant = Instant::ZERO;
const TXN: Txn = Txn(1);
const HOME: Site = Site(0);
const A: Site = Site(1);
const B: Site = Site(2);
const CONFIG: OrchestratorConfig = OrchestratorConfig {
    step_timeout: Duration::from_secs(1),
    retry_interval: Duration::from_millis(100),
};

fn step(step: u32) -> StepId {
    StepId { txn: TXN, step }
}

fn timer(wait: Wait) -> TimerId {
    TimerId { txn: TXN, wait }
}

fn set(wait: Wait, after: Duration) -> Action {
    Action::SetTimer(timer(wait), NOW + after)
}

/// What a machine asks for, and what it forces.
fn take(out: &mut Vec<Action>) -> Vec<Action> {
    std::mem::take(out)
}

fn token(out: &mut Vec<Action>) -> Token {
    match take(out)[..] {
        [Action::Force(_, token)] => token,
        ref other => panic!("{other:?}"),
    }
}

/// An orchestrator that has asked for the first of two steps.
fn under_way() -> Orchestrator {
    let mut machine = Orchestrator::new(CONFIG).unwrap();
    let mut out = Vec::new();
    machine.begin(NOW, TXN, &[A, B], &mut out).unwrap();
    machine.on_forced(NOW, token(&mut out), &mut out);
    let asked = [
        Action::Send(A, Message::Do(step(0))),
        set(Wait::Step, CONFIG.step_timeout),
    ];
    assert_eq!(out, asked);
    machine
}

fn answer(machine: &mut Orchestrator, from: Site, n: u32, done: bool) -> Vec<Action> {
    let mut out = Vec::new();
    let step = step(n);
    machine.on_message(NOW, from, Message::Answer { step, done }, &mut out);
    out
}

fn undo(site: Site, n: u32) -> [Action; 2] {
    [
        Action::Send(site, Message::Undo(step(n))),
        set(Wait::Compensation, CONFIG.retry_interval),
    ]
}

#[test]
fn a_number_is_used_once_and_no_steps_are_all_done() {
    let mut machine = under_way();
    let mut out = Vec::new();
    let known = machine.begin(NOW, TXN, &[A], &mut out);
    assert_eq!(known, Err(AlreadyKnown(TXN)));
    machine.begin(NOW, Txn(2), &[], &mut out).unwrap();
    let over = [
        Action::Decided(Txn(2), Outcome::Commit),
        Action::Ended(Txn(2)),
    ];
    assert_eq!(out, over);
}

#[test]
fn intervals_are_above_zero() {
    let step_timeout = Duration::ZERO;
    let broken = OrchestratorConfig {
        step_timeout,
        ..CONFIG
    };
    let refused = Orchestrator::new(broken).err();
    assert_eq!(refused, Some(ConfigError::ZeroInterval("step_timeout")));
}

#[test]
fn an_answer_counts_once_and_only_of_the_step_that_is_asked_for() {
    let mut machine = under_way();
    assert_eq!(answer(&mut machine, B, 1, true), []);
    assert_eq!(answer(&mut machine, B, 0, true), []);
    let next = answer(&mut machine, A, 0, true);
    assert!(next.contains(&Action::Send(B, Message::Do(step(1)))));
    assert_eq!(answer(&mut machine, A, 0, true), []);
    assert_eq!(answer(&mut machine, A, 9, true), []);
}

#[test]
fn who_refused_is_not_asked_to_undo_and_who_is_late_is() {
    let mut machine = under_way();
    answer(&mut machine, A, 0, true);
    let mut late = machine.clone();

    let refused = answer(&mut machine, B, 1, false);
    let mut wanted = vec![
        Action::CancelTimer(timer(Wait::Step)),
        Action::Decided(TXN, Outcome::Abort),
    ];
    wanted.extend(undo(A, 0));
    assert_eq!(refused, wanted);

    let mut out = Vec::new();
    late.on_timer(NOW, timer(Wait::Step), &mut out);
    let mut wanted = vec![Action::Decided(TXN, Outcome::Abort)];
    wanted.extend(undo(B, 1));
    assert_eq!(take(&mut out), wanted);
    // The answer comes after all, and changes nothing.
    assert_eq!(answer(&mut late, B, 1, true), []);
    // The compensation is asked for until it is acknowledged; then comes the one before it.
    late.on_timer(NOW, timer(Wait::Compensation), &mut out);
    assert_eq!(take(&mut out), undo(B, 1));
    late.on_message(NOW, B, Message::Undone(step(1)), &mut out);
    assert_eq!(out[1..], undo(A, 0));
    out.clear();
    late.on_message(NOW, A, Message::Undone(step(0)), &mut out);
    let over = [
        Action::Ended(TXN),
        Action::Write(Record::Compensated { txn: TXN }),
    ];
    assert_eq!(out[1..], over);
    assert_eq!(late.unfinished().next(), None);
}

#[test]
fn a_client_may_turn_back_until_all_is_done() {
    let mut machine = under_way();
    let mut out = Vec::new();
    machine.abort(NOW, TXN, &mut out);
    assert_eq!(out[2..], undo(A, 0));

    let mut machine = under_way();
    answer(&mut machine, A, 0, true);
    answer(&mut machine, B, 1, true);
    out.clear();
    machine.abort(NOW, TXN, &mut out);
    assert_eq!(out, []);
}

#[test]
fn after_a_crash_all_that_may_have_begun_is_undone() {
    let begun = Record::Begun {
        txn: TXN,
        steps: Arc::from([A, B]),
    };
    let txn = TXN;
    let recover = |log: &[Record]| {
        let mut out = Vec::new();
        let machine = Orchestrator::recover(CONFIG, NOW, log, &mut out).unwrap();
        (machine.unfinished().count(), out)
    };
    let mut turned_back = vec![Action::Decided(TXN, Outcome::Abort)];
    turned_back.extend(undo(B, 1));
    assert_eq!(recover(std::slice::from_ref(&begun)), (1, turned_back));

    let committed = vec![Action::Decided(TXN, Outcome::Commit), Action::Ended(TXN)];
    let log = [begun.clone(), Record::Committed { txn }];
    assert_eq!(recover(&log), (0, committed));
    let log = [begun, Record::Compensated { txn }];
    assert_eq!(recover(&log), (0, vec![]));
}

/// A participant that was asked for the step.
fn working() -> Participant {
    let mut machine = Participant::new();
    let mut out = Vec::new();
    machine.on_message(HOME, Message::Do(step(0)), &mut out);
    assert_eq!(out, [Action::Do(step(0))]);
    machine
}

fn tell(machine: &mut Participant, msg: Message) -> Vec<Action> {
    let mut out = Vec::new();
    machine.on_message(HOME, msg, &mut out);
    out
}

fn says(done: bool) -> Vec<Action> {
    let step = step(0);
    vec![Action::Send(HOME, Message::Answer { step, done })]
}

fn undone() -> Vec<Action> {
    vec![Action::Send(HOME, Message::Undone(step(0)))]
}

/// The record of what the host said becomes stable.
fn forced(machine: &mut Participant, out: &mut Vec<Action>) -> Vec<Action> {
    let token = token(out);
    machine.on_forced(token, out);
    take(out)
}

#[test]
fn a_step_is_done_once_and_undone_once() {
    let mut machine = working();
    let mut out = Vec::new();
    assert_eq!(tell(&mut machine, Message::Do(step(0))), []);
    machine.on_done(step(0), true, &mut out);
    assert_eq!(forced(&mut machine, &mut out), says(true));
    assert!(machine.is_done(step(0)));
    assert_eq!(tell(&mut machine, Message::Do(step(0))), says(true));

    let ask = Message::Undo(step(0));
    assert_eq!(tell(&mut machine, ask), [Action::Undo(step(0))]);
    assert_eq!(tell(&mut machine, ask), []);
    // It could not be compensated; asked again, it is.
    machine.on_undone(step(0), false, &mut out);
    assert_eq!(tell(&mut machine, ask), [Action::Undo(step(0))]);
    machine.on_undone(step(0), true, &mut out);
    assert_eq!(forced(&mut machine, &mut out), undone());
    assert_eq!(tell(&mut machine, ask), undone());
    assert_eq!(tell(&mut machine, Message::Do(step(0))), says(false));
    assert!(!machine.is_done(step(0)));
}

#[test]
fn what_was_refused_is_never_done() {
    let mut machine = working();
    let mut out = Vec::new();
    machine.on_done(step(0), false, &mut out);
    assert_eq!(forced(&mut machine, &mut out), says(false));
    assert_eq!(tell(&mut machine, Message::Do(step(0))), says(false));
    assert_eq!(tell(&mut machine, Message::Undo(step(0))), undone());
}

#[test]
fn what_is_undone_before_it_is_done_is_never_done() {
    let mut machine = Participant::new();
    let mut out = tell(&mut machine, Message::Undo(step(0)));
    assert_eq!(forced(&mut machine, &mut out), undone());
    assert_eq!(tell(&mut machine, Message::Do(step(0))), says(false));
    // The note of it outlives a crash.
    let mut again = Participant::recover(&[Record::Undone(step(0))]);
    assert_eq!(tell(&mut again, Message::Do(step(0))), says(false));
}

#[test]
fn an_undo_overtakes_the_work_and_the_record() {
    let ask = Message::Undo(step(0));
    let mut machine = working();
    let mut out = tell(&mut machine, ask);
    let mut late = Vec::new();
    machine.on_done(step(0), true, &mut late);
    assert_eq!(late, [], "the work is passed over");
    assert_eq!(forced(&mut machine, &mut out), undone());

    let mut machine = working();
    machine.on_done(step(0), true, &mut out);
    assert_eq!(tell(&mut machine, ask), []);
    assert_eq!(forced(&mut machine, &mut out), [Action::Undo(step(0))]);

    // Of a refusal, the record serves both.
    let mut machine = working();
    machine.on_done(step(0), false, &mut out);
    assert_eq!(tell(&mut machine, ask), []);
    assert_eq!(forced(&mut machine, &mut out), undone());
}

#[test]
fn steps_of_one_saga_at_one_site_are_told_apart_and_let_go_together() {
    let mut machine = Participant::recover(&[Record::Done(step(0)), Record::Undone(step(1))]);
    assert_eq!(tell(&mut machine, Message::Do(step(0))), says(true));
    machine.forget(TXN);
    assert_eq!(
        tell(&mut machine, Message::Do(step(1))),
        [Action::Do(step(1))]
    );
    assert_eq!(machine.unfinished().collect::<Vec<_>>(), [step(1)]);
}

//! The machines of TCC, message by message.

use clock::{Duration, Instant};
use std::sync::Arc;
use stormglass_protocol::tcc::*;

const NOW: Instant = Instant::ZERO;
const TXN: Txn = Txn(1);
const HOME: Site = Site(0);
const A: Site = Site(1);
const B: Site = Site(2);
const COORDINATOR: CoordinatorConfig = CoordinatorConfig {
    try_timeout: Duration::from_secs(1),
    retry_interval: Duration::from_millis(100),
};
const PARTICIPANT: ParticipantConfig = ParticipantConfig {
    reserved_for: Duration::from_secs(5),
    retry_interval: Duration::from_millis(100),
};

fn timer(wait: Wait) -> TimerId {
    TimerId { txn: TXN, wait }
}

fn reserved_until() -> Instant {
    NOW + PARTICIPANT.reserved_for
}

fn token(out: &mut Vec<Action>) -> Token {
    match std::mem::take(out)[..] {
        [Action::Force(_, token)] => token,
        ref other => panic!("{other:?}"),
    }
}

fn hear(machine: &mut Coordinator, from: Site, msg: Message) -> Vec<Action> {
    let mut out = Vec::new();
    machine.on_message(NOW, from, msg, &mut out);
    out
}

fn tried(reserved: bool) -> Message {
    let txn = TXN;
    Message::Tried { txn, reserved }
}

/// A coordinator that has asked two to try.
fn trying() -> Coordinator {
    let mut machine = Coordinator::new(COORDINATOR).unwrap();
    let mut out = Vec::new();
    machine.begin(NOW, TXN, &[B, A, B], &mut out).unwrap();
    let at = NOW + COORDINATOR.try_timeout;
    let asked = [
        Action::Send(A, Message::Try(TXN)),
        Action::Send(B, Message::Try(TXN)),
        Action::SetTimer(timer(Wait::Tries), at),
    ];
    assert_eq!(out, asked);
    machine
}

/// The same, when both have reserved and its decision is stable.
fn confirming() -> Coordinator {
    let mut machine = trying();
    assert_eq!(hear(&mut machine, A, tried(true)), []);
    let mut out = hear(&mut machine, B, tried(true));
    assert_eq!(out.remove(0), Action::CancelTimer(timer(Wait::Tries)));
    let token = token(&mut out);
    machine.on_forced(NOW, token, &mut out);
    assert_eq!(out, decision());
    machine
}

fn decision() -> Vec<Action> {
    vec![
        Action::Decided(TXN, Outcome::Commit),
        Action::Send(A, Message::Confirm(TXN)),
        Action::Send(B, Message::Confirm(TXN)),
        Action::SetTimer(timer(Wait::Acks), NOW + COORDINATOR.retry_interval),
    ]
}

fn ending(out: &[Action]) -> Option<Ending> {
    out.iter().find_map(|action| match action {
        Action::Ended(_, ending) => Some(*ending),
        _ => None,
    })
}

#[test]
fn the_ending_says_who_was_too_late() {
    let (yes, late) = (Message::Confirmed(TXN), Message::Refused(TXN));
    for (a, b, wanted) in [
        (yes, yes, Ending::Confirmed),
        (yes, late, Ending::Mixed),
        (late, yes, Ending::Mixed),
        (late, late, Ending::Expired),
    ] {
        let mut machine = confirming();
        assert_eq!(hear(&mut machine, A, a), []);
        assert_eq!(hear(&mut machine, A, a), [], "counted once");
        assert_eq!(ending(&hear(&mut machine, B, b)), Some(wanted));
        assert_eq!(machine.unfinished().next(), None);
    }
}

#[test]
fn one_refusal_cancels_the_others() {
    let mut machine = trying();
    let out = hear(&mut machine, A, tried(false));
    let wanted = [
        Action::CancelTimer(timer(Wait::Tries)),
        Action::Decided(TXN, Outcome::Abort),
        Action::Send(B, Message::Cancel(TXN)),
        Action::SetTimer(timer(Wait::Acks), NOW + COORDINATOR.retry_interval),
    ];
    assert_eq!(out, wanted);
    // A reservation that comes now changes nothing; it is told again until it acknowledges.
    assert_eq!(hear(&mut machine, B, tried(true)), []);
    let mut out = Vec::new();
    machine.on_timer(NOW, timer(Wait::Acks), &mut out);
    assert_eq!(out[0], Action::Send(B, Message::Cancel(TXN)));
    let out = hear(&mut machine, B, Message::Cancelled(TXN));
    assert_eq!(ending(&out), Some(Ending::Cancelled));
}

#[test]
fn silence_and_the_client_cancel_and_nobody_is_left_out() {
    for by_timer in [true, false] {
        let mut machine = trying();
        hear(&mut machine, A, tried(true));
        let mut out = Vec::new();
        if by_timer {
            machine.on_timer(NOW, timer(Wait::Tries), &mut out);
        } else {
            machine.abort(NOW, TXN, &mut out);
        }
        assert!(out.contains(&Action::Send(A, Message::Cancel(TXN))));
        assert!(out.contains(&Action::Send(B, Message::Cancel(TXN))));
    }
    let mut machine = confirming();
    let mut out = Vec::new();
    machine.abort(NOW, TXN, &mut out);
    assert_eq!(out, [], "too late");
}

#[test]
fn only_a_decision_to_confirm_outlives_a_crash() {
    let confirm = Record::Confirm {
        txn: TXN,
        participants: Arc::from([A, B]),
    };
    let mut out = Vec::new();
    let log = [confirm.clone()];
    Coordinator::recover(COORDINATOR, NOW, &log, &mut out).unwrap();
    assert_eq!(out, decision());
    out.clear();
    let log = [confirm, Record::End(TXN)];
    let mut machine = Coordinator::recover(COORDINATOR, NOW, &log, &mut out).unwrap();
    assert_eq!(out, []);
    // Whoever waits for what is not known need not wait until it expires.
    let told = [Action::Send(A, Message::Cancel(TXN))];
    assert_eq!(hear(&mut machine, A, tried(true)), told);
    assert_eq!(hear(&mut machine, A, tried(false)), []);
}

#[test]
fn intervals_are_above_zero() {
    let reserved_for = Duration::ZERO;
    let broken = ParticipantConfig {
        reserved_for,
        ..PARTICIPANT
    };
    let refused = Participant::new(broken).err();
    assert_eq!(refused, Some(ConfigError::ZeroInterval("reserved_for")));
}

fn tell(machine: &mut Participant, now: Instant, msg: Message) -> Vec<Action> {
    let mut out = Vec::new();
    machine.on_message(now, HOME, msg, &mut out);
    out
}

fn says(msg: Message) -> Vec<Action> {
    vec![Action::Send(HOME, msg)]
}

/// A participant that has reserved.
fn reserved() -> Participant {
    let mut machine = Participant::new(PARTICIPANT).unwrap();
    assert_eq!(
        tell(&mut machine, NOW, Message::Try(TXN)),
        [Action::Try(TXN)]
    );
    let mut out = Vec::new();
    machine.on_tried(NOW, TXN, true, &mut out);
    let token = token(&mut out);
    machine.on_forced(NOW, token, &mut out);
    let wanted = [
        Action::Send(HOME, tried(true)),
        Action::SetTimer(timer(Wait::Expiry), reserved_until()),
    ];
    assert_eq!(out, wanted);
    machine
}

#[test]
fn a_reservation_is_confirmed_once() {
    let mut machine = reserved();
    let ask = Message::Confirm(TXN);
    assert_eq!(
        tell(&mut machine, NOW, Message::Try(TXN)),
        says(tried(true))
    );
    let out = tell(&mut machine, NOW, ask);
    assert_eq!(
        out,
        [
            Action::CancelTimer(timer(Wait::Expiry)),
            Action::Confirm(TXN)
        ]
    );
    assert_eq!(tell(&mut machine, NOW, ask), []);
    // It could not be confirmed; told again, it is, even after its time.
    let mut out = Vec::new();
    machine.on_confirmed(TXN, false, &mut out);
    let late = reserved_until();
    assert_eq!(tell(&mut machine, late, ask), [Action::Confirm(TXN)]);
    machine.on_confirmed(TXN, true, &mut out);
    let token = token(&mut out);
    machine.on_forced(late, token, &mut out);
    let wanted = [
        Action::Released(TXN, Release::Confirmed),
        Action::Send(HOME, Message::Confirmed(TXN)),
    ];
    assert_eq!(out, wanted);
    assert_eq!(tell(&mut machine, late, ask), says(Message::Confirmed(TXN)));
    assert_eq!(tell(&mut machine, late, Message::Cancel(TXN)), []);
    assert!(machine.forget(TXN));
}

#[test]
fn a_reservation_expires_by_the_clock_and_refuses_to_be_confirmed() {
    let late = reserved_until();
    let mut by_timer = reserved();
    let mut out = Vec::new();
    by_timer.on_timer(late, timer(Wait::Expiry), &mut out);
    assert_eq!(out, [Action::Cancel(TXN)]);
    // Its timer is late, too: the message comes first.
    let mut by_message = reserved();
    let refused = says(Message::Refused(TXN));
    let out = tell(&mut by_message, late, Message::Confirm(TXN));
    assert_eq!(out[0], Action::Cancel(TXN));
    assert_eq!(out[1..], refused);

    for machine in [&mut by_timer, &mut by_message] {
        assert_eq!(tell(machine, late, Message::Confirm(TXN)), refused);
        let mut out = Vec::new();
        machine.on_cancelled(late, TXN, true, &mut out);
        let over = [
            Action::Released(TXN, Release::Expired),
            Action::Write(Record::Expired(TXN)),
        ];
        assert_eq!(out, over);
        assert_eq!(tell(machine, late, Message::Confirm(TXN)), refused);
        let told = tell(machine, late, Message::Cancel(TXN));
        assert_eq!(told, says(Message::Cancelled(TXN)));
    }
}

#[test]
fn a_disk_slower_than_the_reservation_lets_it_expire() {
    let mut machine = Participant::new(PARTICIPANT).unwrap();
    let mut out = tell(&mut machine, NOW, Message::Try(TXN));
    out.clear();
    machine.on_tried(NOW, TXN, true, &mut out);
    let token = token(&mut out);
    machine.on_forced(reserved_until(), token, &mut out);
    assert_eq!(out, [Action::Cancel(TXN), Action::Send(HOME, tried(false))]);
}

#[test]
fn what_can_not_be_cancelled_is_tried_again() {
    let mut machine = reserved();
    let out = tell(&mut machine, NOW, Message::Cancel(TXN));
    assert_eq!(out[1], Action::Cancel(TXN));
    let mut out = Vec::new();
    machine.on_cancelled(NOW, TXN, false, &mut out);
    let at = NOW + PARTICIPANT.retry_interval;
    assert_eq!(out, [Action::SetTimer(timer(Wait::Retry), at)]);
    out.clear();
    machine.on_timer(at, timer(Wait::Retry), &mut out);
    assert_eq!(out, [Action::Cancel(TXN)]);
    out.clear();
    machine.on_cancelled(at, TXN, true, &mut out);
    let token = token(&mut out);
    machine.on_forced(at, token, &mut out);
    let over = [
        Action::Released(TXN, Release::Cancelled),
        Action::Send(HOME, Message::Cancelled(TXN)),
    ];
    assert_eq!(out, over);
}

#[test]
fn a_cancel_before_the_try_leaves_a_tombstone() {
    let mut machine = Participant::new(PARTICIPANT).unwrap();
    let mut out = tell(&mut machine, NOW, Message::Cancel(TXN));
    let token = token(&mut out);
    machine.on_forced(NOW, token, &mut out);
    assert_eq!(out[1..], says(Message::Cancelled(TXN)));
    let refused = says(tried(false));
    assert_eq!(tell(&mut machine, NOW, Message::Try(TXN)), refused);
    let log = [Record::Cancelled(TXN)];
    let mut again = Participant::recover(PARTICIPANT, NOW, &log, &mut Vec::new()).unwrap();
    assert_eq!(tell(&mut again, NOW, Message::Try(TXN)), refused);
}

#[test]
fn a_cancel_overtakes_the_work_of_the_host() {
    let mut machine = Participant::new(PARTICIPANT).unwrap();
    tell(&mut machine, NOW, Message::Try(TXN));
    let mut out = tell(&mut machine, NOW, Message::Cancel(TXN));
    let mut late = Vec::new();
    machine.on_tried(NOW, TXN, true, &mut late);
    assert_eq!(late, [], "the work is passed over");
    let token = token(&mut out);
    machine.on_forced(NOW, token, &mut out);
    assert_eq!(out[1..], says(Message::Cancelled(TXN)));
}

#[test]
fn a_reservation_outlives_a_crash_until_its_time() {
    let until = reserved_until();
    let log = [Record::Reserved { txn: TXN, until }];
    let mut out = Vec::new();
    let before = Participant::recover(PARTICIPANT, NOW, &log, &mut out).unwrap();
    assert_eq!(out, [Action::SetTimer(timer(Wait::Expiry), until)]);
    assert_eq!(before.holding().collect::<Vec<_>>(), [TXN]);
    assert_eq!(before.in_doubt().count(), 1);
    out.clear();
    let after = Participant::recover(PARTICIPANT, until, &log, &mut out).unwrap();
    assert_eq!(out, [Action::Cancel(TXN)]);
    assert_eq!(after.in_doubt().count(), 0);
    assert_eq!(after.unfinished().count(), 1);
}

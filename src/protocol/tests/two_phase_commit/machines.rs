//! The machines step by step: what each asks for in the moments that the literature is explicit
//! about.

use clock::{Duration, Instant};
use std::sync::Arc;
use stormglass_protocol::two_phase_commit::*;

const TXN: Txn = Txn(1);
const HOME: Site = Site(9);
const A: Site = Site(1);
const B: Site = Site(2);
const NOW: Instant = Instant::ZERO;

const PATIENCE: CoordinatorConfig = CoordinatorConfig {
    vote_timeout: Duration::from_secs(1),
    resend_interval: Duration::from_secs(2),
};

fn doubt(cooperative: bool) -> ParticipantConfig {
    ParticipantConfig {
        work_timeout: Duration::from_secs(5),
        inquiry_interval: Duration::from_secs(3),
        cooperative,
    }
}

fn coordinator() -> Coordinator {
    Coordinator::new(PATIENCE).expect("intervals")
}

/// A participant at A with the transaction under way.
fn enlisted(cooperative: bool) -> Participant {
    let mut participant = Participant::new(A, doubt(cooperative)).expect("intervals");
    let enlisted = participant.enlist(NOW, TXN, HOME, &mut Vec::new());
    enlisted.expect("new");
    participant
}

/// One in doubt.
fn prepared(cooperative: bool) -> Participant {
    let mut participant = enlisted(cooperative);
    says(&mut participant, HOME, prepare());
    let token = forced(&votes(&mut participant, Vote::Yes));
    participant.on_forced(NOW, token, &mut Vec::new());
    participant
}

fn prepare() -> Message {
    Message::Prepare {
        txn: TXN,
        participants: Arc::from([A, B]),
    }
}

fn vote(vote: Vote) -> Message {
    Message::Vote { txn: TXN, vote }
}

fn decision(outcome: Outcome) -> Message {
    Message::Decision { txn: TXN, outcome }
}

fn says(participant: &mut Participant, from: Site, msg: Message) -> Vec<Action> {
    let mut out = Vec::new();
    participant.on_message(NOW, from, msg, &mut out);
    out
}

fn hears(coordinator: &mut Coordinator, from: Site, msg: Message) -> Vec<Action> {
    let mut out = Vec::new();
    coordinator.on_message(NOW, from, msg, &mut out);
    out
}

fn votes(participant: &mut Participant, vote: Vote) -> Vec<Action> {
    let mut out = Vec::new();
    participant.on_prepare_decided(NOW, TXN, vote, &mut out);
    out
}

fn forced(actions: &[Action]) -> Token {
    let found = actions.iter().find_map(|action| match action {
        Action::Force(_, token) => Some(*token),
        _ => None,
    });
    found.expect("a forced record")
}

fn set(wait: Wait, after: Duration) -> Action {
    Action::SetTimer(TimerId { txn: TXN, wait }, NOW + after)
}

fn cancel(wait: Wait) -> Action {
    Action::CancelTimer(TimerId { txn: TXN, wait })
}

#[test]
fn a_commit_is_forced_then_told_then_ended() {
    let mut c = coordinator();
    let mut out = Vec::new();
    c.begin(NOW, TXN, &[B, A, B], &mut out).expect("new");
    let wanted = [
        Action::Send(A, prepare()),
        Action::Send(B, prepare()),
        set(Wait::Votes, PATIENCE.vote_timeout),
    ];
    assert_eq!(out, wanted);

    assert_eq!(hears(&mut c, A, vote(Vote::Yes)), []);
    // Twice the same voter is one vote, and a stranger has none.
    assert_eq!(hears(&mut c, A, vote(Vote::Yes)), []);
    assert_eq!(hears(&mut c, Site(5), vote(Vote::Yes)), []);
    let out = hears(&mut c, B, vote(Vote::Yes));
    let token = forced(&out);
    let record = Record::Commit {
        txn: TXN,
        participants: Arc::from([A, B]),
    };
    let wanted = [cancel(Wait::Votes), Action::Force(record, token)];
    assert_eq!(out, wanted);
    // Until the record is stable nobody hears anything.
    assert_eq!(hears(&mut c, A, Message::Inquiry { txn: TXN }), []);

    let mut out = Vec::new();
    c.on_forced(NOW, token, &mut out);
    let wanted = [
        Action::Decided(TXN, Outcome::Commit),
        Action::Send(A, decision(Outcome::Commit)),
        Action::Send(B, decision(Outcome::Commit)),
        set(Wait::Acks, PATIENCE.resend_interval),
    ];
    assert_eq!(out, wanted);

    assert_eq!(hears(&mut c, A, Message::Ack { txn: TXN }), []);
    let mut out = Vec::new();
    let wait = Wait::Acks;
    c.on_timer(NOW, TimerId { txn: TXN, wait }, &mut out);
    let wanted = [
        Action::Send(B, decision(Outcome::Commit)),
        set(Wait::Acks, PATIENCE.resend_interval),
    ];
    assert_eq!(out, wanted, "only the silent are told again");
    let wanted = [cancel(Wait::Acks), Action::Write(Record::End { txn: TXN })];
    assert_eq!(hears(&mut c, B, Message::Ack { txn: TXN }), wanted);
    assert_eq!(c.unfinished().count(), 0);
}

#[test]
fn an_abort_is_not_forced_and_spares_who_knows() {
    let mut c = coordinator();
    let mut out = Vec::new();
    c.begin(NOW, TXN, &[A, B], &mut out).expect("new");
    let wanted = [
        cancel(Wait::Votes),
        Action::Decided(TXN, Outcome::Abort),
        Action::Write(Record::Abort { txn: TXN }),
        Action::Send(B, decision(Outcome::Abort)),
    ];
    assert_eq!(hears(&mut c, A, vote(Vote::No)), wanted);
    assert_eq!(c.unfinished().count(), 0);
    let wanted = [Action::Send(B, decision(Outcome::Abort))];
    assert_eq!(hears(&mut c, B, Message::Inquiry { txn: TXN }), wanted);
}

#[test]
fn late_votes_abort() {
    let mut c = coordinator();
    c.begin(NOW, TXN, &[A, B], &mut Vec::new()).expect("new");
    hears(&mut c, A, vote(Vote::Yes));
    let mut out = Vec::new();
    let wait = Wait::Votes;
    c.on_timer(NOW, TimerId { txn: TXN, wait }, &mut out);
    assert!(out.contains(&Action::Decided(TXN, Outcome::Abort)));
    assert!(out.contains(&Action::Send(A, decision(Outcome::Abort))));
    assert!(out.contains(&Action::Send(B, decision(Outcome::Abort))));
    assert!(!out.iter().any(|a| matches!(a, Action::Force(..))));
    let wanted = [Action::Send(B, decision(Outcome::Abort))];
    assert_eq!(hears(&mut c, B, vote(Vote::Yes)), wanted, "too late");
    assert_eq!(hears(&mut c, B, vote(Vote::No)), []);
}

#[test]
fn readers_drop_out_of_the_second_phase() {
    let mut c = coordinator();
    c.begin(NOW, TXN, &[A, B], &mut Vec::new()).expect("new");
    hears(&mut c, A, vote(Vote::ReadOnly));
    let token = forced(&hears(&mut c, B, vote(Vote::Yes)));
    let mut out = Vec::new();
    c.on_forced(NOW, token, &mut out);
    assert!(!out.iter().any(|a| matches!(a, Action::Send(A, _))));

    // When all have only read, nobody logs anything and there is no second phase.
    let mut c = coordinator();
    c.begin(NOW, TXN, &[A, B], &mut Vec::new()).expect("new");
    hears(&mut c, A, vote(Vote::ReadOnly));
    let wanted = [cancel(Wait::Votes), Action::Decided(TXN, Outcome::Commit)];
    assert_eq!(hears(&mut c, B, vote(Vote::ReadOnly)), wanted);

    let mut p = enlisted(false);
    says(&mut p, HOME, prepare());
    let wanted = [
        Action::Send(HOME, vote(Vote::ReadOnly)),
        Action::Released(TXN),
    ];
    assert_eq!(votes(&mut p, Vote::ReadOnly), wanted);
    assert!(p.forget(TXN));
}

#[test]
fn the_coordinator_recovers_commits_and_presumes_aborts() {
    let log = [
        Record::Commit {
            txn: TXN,
            participants: Arc::from([A]),
        },
        Record::Commit {
            txn: Txn(2),
            participants: Arc::from([B]),
        },
        Record::End { txn: Txn(2) },
        Record::Abort { txn: Txn(3) },
    ];
    let mut out = Vec::new();
    let mut c = Coordinator::recover(PATIENCE, NOW, &log, &mut out).expect("intervals");
    let wanted = [
        Action::Decided(TXN, Outcome::Commit),
        Action::Send(A, decision(Outcome::Commit)),
        set(Wait::Acks, PATIENCE.resend_interval),
    ];
    assert_eq!(out, wanted);
    for (txn, outcome) in [
        (TXN, Outcome::Commit),
        (Txn(3), Outcome::Abort),
        (Txn(4), Outcome::Abort),
    ] {
        let wanted = [Action::Send(A, Message::Decision { txn, outcome })];
        assert_eq!(hears(&mut c, A, Message::Inquiry { txn }), wanted);
    }
}

#[test]
fn an_open_transaction_starts_with_the_first_vote_or_ends() {
    let mut c = coordinator();
    let mut out = Vec::new();
    let deadline = NOW + Duration::from_secs(60);
    c.open(TXN, &[A, B], deadline, &mut out).expect("new");
    assert_eq!(out, [set(Wait::Votes, Duration::from_secs(60))]);
    assert_eq!(
        c.begin(NOW, TXN, &[A], &mut out),
        Err(AlreadyKnown(TXN)),
        "a number is used once"
    );
    let wanted = [
        Action::Send(B, prepare()),
        set(Wait::Votes, PATIENCE.vote_timeout),
    ];
    assert_eq!(hears(&mut c, A, vote(Vote::Yes)), wanted);

    let mut c = coordinator();
    c.open(TXN, &[A, B], deadline, &mut Vec::new())
        .expect("new");
    assert_eq!(hears(&mut c, A, Message::Inquiry { txn: TXN }), []);
    let mut out = Vec::new();
    let wait = Wait::Votes;
    c.on_timer(deadline, TimerId { txn: TXN, wait }, &mut out);
    assert!(out.contains(&Action::Decided(TXN, Outcome::Abort)));
}

#[test]
fn a_yes_leaves_when_its_record_is_stable_and_an_ack_when_its_is() {
    let mut p = enlisted(false);
    let wanted = [cancel(Wait::Prepare), Action::Prepare(TXN)];
    assert_eq!(says(&mut p, HOME, prepare()), wanted);
    assert_eq!(says(&mut p, HOME, prepare()), [], "asked once");

    let out = votes(&mut p, Vote::Yes);
    let token = forced(&out);
    let record = Record::Prepared {
        txn: TXN,
        coordinator: HOME,
        participants: Arc::from([A, B]),
    };
    assert_eq!(out, [Action::Force(record, token)]);
    let mut out = Vec::new();
    p.on_forced(NOW, token, &mut out);
    let wanted = [
        Action::Send(HOME, vote(Vote::Yes)),
        set(Wait::Outcome, doubt(false).inquiry_interval),
    ];
    assert_eq!(out, wanted);
    assert_eq!(p.in_doubt().collect::<Vec<_>>(), [TXN]);

    let out = says(&mut p, HOME, decision(Outcome::Commit));
    let token = forced(&out);
    let wanted = [
        cancel(Wait::Outcome),
        Action::Decided(TXN, Outcome::Commit),
        Action::Force(Record::Committed { txn: TXN }, token),
    ];
    assert_eq!(out, wanted);
    assert_eq!(says(&mut p, HOME, decision(Outcome::Commit)), []);
    assert!(!p.forget(TXN), "not before the acknowledgement");
    let mut out = Vec::new();
    p.on_forced(NOW, token, &mut out);
    let ack = [Action::Send(HOME, Message::Ack { txn: TXN })];
    assert_eq!(out, ack);
    // Whenever it is told again it acknowledges again, remembered or not.
    assert_eq!(says(&mut p, HOME, decision(Outcome::Commit)), ack);
    assert!(p.forget(TXN));
    assert_eq!(says(&mut p, HOME, decision(Outcome::Commit)), ack);
}

#[test]
fn an_abort_is_neither_forced_nor_acknowledged_by_a_participant() {
    let wanted = [
        cancel(Wait::Outcome),
        Action::Decided(TXN, Outcome::Abort),
        Action::Write(Record::Aborted { txn: TXN }),
    ];
    let mut p = prepared(false);
    assert_eq!(says(&mut p, HOME, decision(Outcome::Abort)), wanted);
    assert_eq!(says(&mut p, HOME, decision(Outcome::Abort)), []);
}

#[test]
fn who_has_not_voted_may_abort_alone_and_who_has_may_not() {
    let wait = Wait::Prepare;
    let timer = TimerId { txn: TXN, wait };
    let mut p = enlisted(false);
    let mut out = Vec::new();
    p.on_timer(NOW, timer, &mut out);
    let wanted = [
        Action::Decided(TXN, Outcome::Abort),
        Action::Write(Record::Aborted { txn: TXN }),
        Action::Send(HOME, vote(Vote::No)),
    ];
    assert_eq!(out, wanted);
    assert_eq!(votes(&mut p, Vote::Yes), [], "the host comes too late");
    let no = [Action::Send(HOME, vote(Vote::No))];
    assert_eq!(says(&mut p, HOME, prepare()), no);

    let mut p = prepared(false);
    let mut out = Vec::new();
    p.on_timer(NOW, timer, &mut out);
    assert_eq!(out, [], "a stale timer");
    assert_eq!(votes(&mut p, Vote::No), []);
}

#[test]
fn who_lost_its_work_votes_no() {
    let mut p =
        Participant::recover(A, doubt(false), NOW, &[], &mut Vec::new()).expect("intervals");
    let no = [Action::Send(HOME, vote(Vote::No))];
    assert_eq!(says(&mut p, HOME, prepare()), no);
}

#[test]
fn in_doubt_asks_the_coordinator_and_where_allowed_its_peers() {
    let wait = Wait::Outcome;
    for cooperative in [false, true] {
        let mut p = prepared(cooperative);
        let mut out = Vec::new();
        p.on_timer(NOW, TimerId { txn: TXN, wait }, &mut out);
        let mut wanted = vec![Action::Send(HOME, Message::Inquiry { txn: TXN })];
        if cooperative {
            wanted.push(Action::Send(B, Message::PeerInquiry { txn: TXN }));
        }
        wanted.push(set(wait, doubt(cooperative).inquiry_interval));
        assert_eq!(out, wanted);
    }
}

#[test]
fn a_peer_that_knows_tells_one_that_may_aborts_and_one_in_doubt_is_silent() {
    let ask = || Message::PeerInquiry { txn: TXN };
    let mut working = enlisted(true);
    let wanted = [
        cancel(Wait::Prepare),
        Action::Decided(TXN, Outcome::Abort),
        Action::Write(Record::Aborted { txn: TXN }),
        Action::Send(HOME, vote(Vote::No)),
        Action::Send(B, decision(Outcome::Abort)),
    ];
    assert_eq!(says(&mut working, B, ask()), wanted);
    let told = [Action::Send(B, decision(Outcome::Abort))];
    assert_eq!(says(&mut working, B, ask()), told);

    // Its record may be found after a crash: it is bound although its vote has not left.
    let mut preparing = enlisted(true);
    votes(&mut preparing, Vote::Yes);
    assert_eq!(says(&mut preparing, B, ask()), []);

    let mut doubtful = prepared(true);
    assert_eq!(says(&mut doubtful, B, ask()), []);
    says(&mut doubtful, HOME, decision(Outcome::Commit));
    let told = [Action::Send(B, decision(Outcome::Commit))];
    assert_eq!(says(&mut doubtful, B, ask()), told);

    let mut empty = Participant::new(A, doubt(true)).expect("intervals");
    assert_eq!(says(&mut empty, B, ask()), []);
}

#[test]
fn a_participant_recovers_its_doubt_and_its_answers() {
    let prepared = |n| Record::Prepared {
        txn: Txn(n),
        coordinator: HOME,
        participants: Arc::from([A, B]),
    };
    let log = [
        prepared(1),
        prepared(2),
        Record::Committed { txn: Txn(2) },
        prepared(3),
        Record::Aborted { txn: Txn(3) },
    ];
    let mut out = Vec::new();
    let mut p = Participant::recover(A, doubt(true), NOW, &log, &mut out).expect("intervals");
    let wanted = [
        Action::Send(HOME, Message::Inquiry { txn: TXN }),
        set(Wait::Outcome, doubt(true).inquiry_interval),
    ];
    assert_eq!(out, wanted);
    assert_eq!(p.in_doubt().collect::<Vec<_>>(), [TXN]);
    for (txn, outcome) in [(Txn(2), Outcome::Commit), (Txn(3), Outcome::Abort)] {
        let told = [Action::Send(B, Message::Decision { txn, outcome })];
        assert_eq!(says(&mut p, B, Message::PeerInquiry { txn }), told);
        let again = p.enlist(NOW, txn, HOME, &mut out);
        assert_eq!(again, Err(AlreadyKnown(txn)));
    }
}

#[test]
fn intervals_of_zero_are_refused_by_name() {
    let mut config = PATIENCE;
    config.resend_interval = Duration::ZERO;
    let refused = Coordinator::new(config).map(|_| ());
    assert_eq!(refused, Err(ConfigError::ZeroInterval("resend_interval")));
    let mut config = doubt(false);
    config.inquiry_interval = Duration::ZERO;
    let refused = Participant::new(A, config).map(|_| ());
    assert_eq!(refused, Err(ConfigError::ZeroInterval("inquiry_interval")));
}

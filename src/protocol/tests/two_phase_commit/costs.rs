//! What a commit costs when nothing fails, against Gray and Lamport 2006 and Mohan et al. 1986.
//!
//! How messages are counted: *Prepare*, votes and outcomes, each when it is sent to another site;
//! acknowledgements are not of the paper's protocol and counted apart; what passes between two
//! roles of one site is free. N is the number of participants. In the paper one participant
//! starts by voting, unasked, so that N − 1 are asked, N vote and N are told: 3N − 1 messages, one
//! after the other in four delays. A coordinator that asks everyone, because its client told it to
//! begin, sends one message more and needs one delay less.

use crate::world::{Plan, Sabotage, Settings, Span, World};
use clock::{Duration, Instant, SECOND};
use std::collections::BTreeMap;
use stormglass_protocol::two_phase_commit::*;

const TRUTH: &str = include_str!("../data/two_phase_commit.csv");
const TXN: Txn = Txn(1);

/// How the commit starts, and where the coordinator is.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// The first participant votes unasked; the coordinator has a site of its own.
    FirstVotes,
    /// The same, with the coordinator at the site of that participant.
    FirstVotesAtHome,
    /// The coordinator asks everyone.
    AllAsked,
}

fn calm(n: u32, form: Form, seed: u64, latency: Span, disk: Span) -> World {
    let participants: Vec<Site> = (0..n).map(Site).collect();
    let home = form == Form::FirstVotesAtHome;
    let plan = Plan {
        txn: TXN,
        coordinator: if home { Site(0) } else { Site(n) },
        participants,
        votes: BTreeMap::new(),
        start: Instant::ZERO,
        commit: Instant::ZERO,
        first: (form != Form::AllAsked).then_some(Site(0)),
    };
    let settings = Settings {
        nodes: n + 1,
        seed,
        latency,
        disk,
        think: Span::Fixed(Duration::ZERO),
        loss: 0.0,
        doubling: 0.0,
        crash: 0.0,
        downtime: Span::Fixed(Duration::ZERO),
        calm: Instant::ZERO,
        coordinator: CoordinatorConfig {
            vote_timeout: Duration::from_secs(3_600),
            resend_interval: Duration::from_secs(3_600),
        },
        participant: ParticipantConfig {
            work_timeout: Duration::from_secs(3_600),
            inquiry_interval: Duration::from_secs(3_600),
            cooperative: false,
        },
        sabotage: Sabotage::Nothing,
    };
    let mut world = World::new(settings, vec![plan]);
    assert!(world.run(10_000));
    assert_eq!(world.checker.violations(), []);
    assert_eq!(world.unfinished(), []);
    for site in (0..n).map(Site) {
        assert_eq!(world.checker.decision(TXN, site), Some(Outcome::Commit));
    }
    world
}

fn cost(n: u32, form: Form) -> Cost {
    let latency = Span::Fixed(Duration::from_millis(1));
    let disk = Span::Fixed(Duration::from_millis(5));
    let world = calm(n, form, 1, latency, disk);
    world.checker.cost(TXN).expect("it ran")
}

/// The expected values of the row with this case and a part of these parameters.
fn row(case: &str, parameters: &str) -> Vec<&'static str> {
    let mut found = TRUTH.lines().filter_map(|line| {
        let cells = cells(line);
        (cells[0] == case && cells[1].contains(parameters)).then(|| cells[3])
    });
    let expected = found.next().expect("the row is there");
    assert_eq!(found.next(), None, "one row only");
    expected.split(" ; ").collect()
}

/// The cells of a line whose quotes stand around whole cells.
fn cells(line: &str) -> Vec<&str> {
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let (quote, skip) = if rest.starts_with('"') {
            ("\"", 1)
        } else {
            ("", 0)
        };
        let end = rest[skip..].find(if skip == 1 { "\"" } else { "," });
        let end = end.map_or(rest.len(), |end| end + skip);
        cells.push(&rest[skip..end]);
        match rest[end..]
            .strip_prefix(quote)
            .unwrap_or("")
            .strip_prefix(',')
        {
            Some(more) => rest = more,
            None => return cells,
        }
    }
}

/// `aN+b`, `aN-b`, `N+b` or a number.
fn formula(text: &str, n: u64) -> u64 {
    let number = |text: &str| text.parse::<i64>().expect("a whole number");
    let Some((factor, rest)) = text.split_once('N') else {
        return number(text) as u64;
    };
    let factor = if factor.is_empty() { 1 } else { number(factor) };
    let constant = if rest.is_empty() { 0 } else { number(rest) };
    u64::try_from(factor * n as i64 + constant).expect("not below zero")
}

#[test]
fn messages_and_delays_are_those_of_the_paper() {
    let separate = row("2pc", "coordinator separate");
    let home = row("2pc", "initiating RM node");
    for n in 1..=10 {
        let cost_apart = cost(n, Form::FirstVotes);
        let cost_home = cost(n, Form::FirstVotesAtHome);
        let n64 = u64::from(n);
        assert_eq!(cost_apart.messages(), formula(separate[0], n64), "N = {n}");
        assert_eq!(cost_home.messages(), formula(home[0], n64), "N = {n}");
        // One participant that votes unasked has nobody to be asked: two delays fewer.
        if n > 1 {
            assert_eq!(u64::from(cost_apart.delays), formula(separate[1], n64));
            assert_eq!(u64::from(cost_home.delays), formula(home[1], n64));
        }
    }
}

#[test]
fn a_coordinator_that_asks_everyone_sends_one_message_more_and_is_one_delay_faster() {
    let separate = row("2pc", "coordinator separate");
    for n in 1..=10 {
        let cost = cost(n, Form::AllAsked);
        let n = u64::from(n);
        assert_eq!(cost.messages(), formula(separate[0], n) + 1);
        assert_eq!(u64::from(cost.delays), formula(separate[1], n) - 1);
    }
}

#[test]
fn forced_writes_are_those_of_the_paper() {
    let expected = row("2pc", "forced writes");
    let (total, in_a_row) = (expected[0], expected[1]);
    for n in 1..=10 {
        let all_asked = cost(n, Form::AllAsked);
        let n64 = u64::from(n);
        assert_eq!(all_asked.forced_for_decision(), formula(total, n64));
        assert_eq!(u64::from(all_asked.writes_in_a_row), formula(in_a_row, n64));
        // When the others are asked only after the first has prepared, its write comes before
        // theirs.
        let first_votes = cost(n, Form::FirstVotes);
        assert_eq!(first_votes.forced_for_decision(), formula(total, n64));
        let one_by_one = if n == 1 { 0 } else { 1 };
        assert_eq!(
            u64::from(first_votes.writes_in_a_row),
            formula(in_a_row, n64) + one_by_one
        );
    }
}

#[test]
fn presumed_abort_acknowledges_and_forces_as_published() {
    // Mohan et al. 1986: a participant that commits forces two records and sends two messages; the
    // coordinator forces one record and sends two messages to each.
    for n in 1..=10 {
        let cost = cost(n, Form::AllAsked);
        let n = u64::from(n);
        assert_eq!(cost.votes + cost.acks, 2 * n);
        assert_eq!(cost.prepares + cost.decisions, 2 * n);
        assert_eq!(cost.forced_prepared + cost.forced_committed, 2 * n);
        assert_eq!(cost.forced_commit, 1);
        assert_eq!(cost.inquiries, 0);
    }
}

#[test]
fn the_mean_time_to_the_decision_is_that_of_the_slowest_of_n_round_trips() {
    const RUNS: u64 = 20_000;
    for n in [2u32, 5, 10] {
        let expected: f64 = row("2pc-latency", &format!("N={n} "))[0]
            .parse()
            .expect("a number");
        let latency = Span::Exponential(Duration::from_secs(1));
        let disk = Span::Fixed(Duration::ZERO);
        let mut sum = 0;
        for seed in 0..RUNS {
            let world = calm(n, Form::AllAsked, seed, latency, disk);
            let decided = world.decided_at(TXN, Site(n)).expect("committed");
            sum += decided.as_nanos();
        }
        let mean = sum as f64 / RUNS as f64 / SECOND as f64;
        let error = (mean / expected - 1.0).abs();
        assert!(error < 0.01, "N = {n}: {mean} instead of {expected}");
    }
}

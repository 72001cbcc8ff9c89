//! Many small worlds, each with its own mixture of faults: no rule is broken in any, and once the
//! faults have ceased everything is over. And the same worlds with hosts that break the protocol: the
//! checkers see the harm that comes of it.

use crate::net::{Net, Settings};
use crate::random::Random;
use crate::saga::{self, Sagas};
use crate::tcc::{self, Tcc};
use clock::{Duration, Instant};
use stormglass_protocol::saga::{self as sagas, Outcome, Site};
use stormglass_protocol::tcc as tccs;

/// Where nobody says more.
const SEEDS: u64 = 1_000;

/// How many seeds the swarm goes through.
fn seeds() -> u64 {
    let wanted = std::env::var("STORMGLASS_SWARM_SEEDS");
    wanted.map_or(SEEDS, |n| {
        n.parse().expect("STORMGLASS_SWARM_SEEDS is a number")
    })
}

/// Faults and speeds that follow from the seed.
fn settings(r: &mut Random) -> Settings {
    let nodes = 2 + r.below(5) as u32;
    let begin = Instant::ZERO + r.millis(0, 6_000);
    let cut = r.chance(0.5);
    Settings {
        nodes,
        latency: (1, 2 + r.below(300)),
        disk: (0, 1 + r.below(200)),
        job: (0, 1 + r.below(300)),
        loss: 0.3 * r.unit(),
        doubling: 0.5 * r.unit(),
        crash: 0.04 * r.unit(),
        downtime: (1, 2 + r.below(2_000)),
        partition: (
            begin,
            begin + r.millis(0, 2_000),
            if cut { 1 + r.below(3) as u32 } else { 0 },
        ),
        calm: Instant::ZERO + Duration::from_secs(8),
    }
}

/// When and where each transaction begins.
fn beginnings(r: &mut Random, nodes: u32) -> Vec<(Instant, Site)> {
    let one = |r: &mut Random| {
        let at = Instant::ZERO + r.millis(0, 5_000);
        (at, Site(r.below(u64::from(nodes)) as u32))
    };
    (0..1 + r.below(8)).map(|_| one(r)).collect()
}

fn saga_world(seed: u64, sabotage: saga::Sabotage) -> Net<Sagas> {
    let r = &mut Random::new(seed ^ 0x5a6a);
    let settings = settings(r);
    let begin = beginnings(r, settings.nodes);
    let plan = |r: &mut Random| {
        let steps = 1 + r.below(5);
        let site = |r: &mut Random| Site(r.below(u64::from(settings.nodes)) as u32);
        saga::Plan {
            steps: (0..steps).map(|_| site(r)).collect(),
            fails: r.chance(0.3).then(|| r.below(steps) as u32),
        }
    };
    let plans = begin.iter().map(|_| plan(r)).collect();
    let config = sagas::OrchestratorConfig {
        step_timeout: r.millis(100, 2_500),
        retry_interval: r.millis(50, 1_000),
    };
    let failing = 0.4 * r.unit();
    let sagas = Sagas::new(plans, config, failing, sabotage);
    Net::new(settings, sagas, seed, &begin)
}

fn tcc_world(seed: u64, sabotage: tcc::Sabotage) -> Net<Tcc> {
    let r = &mut Random::new(seed ^ 0x7cc0);
    let settings = settings(r);
    let begin = beginnings(r, settings.nodes);
    let plan = |r: &mut Random| {
        let all = (0..settings.nodes).map(Site);
        let mut participants: Vec<Site> = all.filter(|_| r.chance(0.7)).collect();
        if participants.is_empty() {
            participants.push(Site(0));
        }
        let odd = participants[r.below(participants.len() as u64) as usize];
        let fails = r.chance(0.3).then_some(odd);
        tcc::Plan {
            participants,
            fails,
        }
    };
    let plans = begin.iter().map(|_| plan(r)).collect();
    let coordinator = tccs::CoordinatorConfig {
        try_timeout: r.millis(100, 2_500),
        retry_interval: r.millis(50, 1_000),
    };
    let participant = tccs::ParticipantConfig {
        reserved_for: r.millis(50, 6_000),
        retry_interval: r.millis(50, 1_000),
    };
    let failing = 0.4 * r.unit();
    let tcc = Tcc::new(plans, coordinator, participant, failing, sabotage);
    Net::new(settings, tcc, seed, &begin)
}

#[test]
fn no_mixture_of_faults_breaks_a_saga() {
    let (mut commits, mut aborts, mut crashes, mut undone) = (0, 0, 0, 0);
    for seed in 0..seeds() {
        let mut net = saga_world(seed, saga::Sabotage::Nothing);
        let ended = net.run(200_000);
        let checker = &net.protocol.checker;
        assert_eq!(checker.violations(), [], "seed {seed}");
        assert!(ended, "seed {seed} does not come to rest");
        for machines in net.machines() {
            assert_eq!(
                machines.orchestrator.unfinished().next(),
                None,
                "seed {seed}"
            );
            assert_eq!(
                machines.participant.unfinished().next(),
                None,
                "seed {seed}"
            );
        }
        assert_eq!(checker.half_done().next(), None, "seed {seed}");
        crashes += net.crashes;
        for n in 0..net.protocol.plans.len() as u64 {
            match checker.decision(sagas::Txn(n)) {
                Some(Outcome::Commit) => commits += 1,
                Some(Outcome::Abort) => aborts += 1,
                None => {}
            }
            undone += checker.counts(sagas::Txn(n)).1 as u64;
        }
    }
    often(&[
        ("commits", commits),
        ("aborts", aborts),
        ("crashes", crashes),
        ("compensations", undone),
    ]);
}

#[test]
fn no_mixture_of_faults_breaks_tcc() {
    let (mut confirmed, mut cancelled, mut heuristic, mut crashes, mut expired) = (0, 0, 0, 0, 0);
    for seed in 0..seeds() {
        let mut net = tcc_world(seed, tcc::Sabotage::Nothing);
        let ended = net.run(200_000);
        let checker = &net.protocol.checker;
        assert_eq!(checker.violations(), [], "seed {seed}");
        assert!(ended, "seed {seed} does not come to rest");
        for machines in net.machines() {
            assert_eq!(
                machines.coordinator.unfinished().next(),
                None,
                "seed {seed}"
            );
            assert_eq!(
                machines.participant.unfinished().next(),
                None,
                "seed {seed}"
            );
        }
        crashes += net.crashes;
        expired += net.protocol.expired;
        for n in 0..net.protocol.plans.len() as u64 {
            match checker.ending(tccs::Txn(n)) {
                Some(tccs::Ending::Confirmed) => confirmed += 1,
                Some(tccs::Ending::Cancelled) => cancelled += 1,
                Some(tccs::Ending::Mixed | tccs::Ending::Expired) => heuristic += 1,
                None => {}
            }
        }
    }
    often(&[
        ("confirmed", confirmed),
        ("cancelled", cancelled),
        ("heuristic endings", 4 * heuristic),
        ("expired", expired),
        ("crashes", crashes),
    ]);
}

/// The swarm is of use only where it goes through all of these, often.
fn often(counts: &[(&str, u64)]) {
    for (what, count) in counts {
        assert!(*count > seeds() / 4, "{what}: {count}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let mut net = saga_world(seed, saga::Sabotage::Nothing);
        net.run(200_000);
        (net.now, net.crashes, net.protocol.ended)
    };
    assert_eq!(run(17), run(17));
    assert_ne!(run(17), run(18));
    let run = |seed| {
        let mut net = tcc_world(seed, tcc::Sabotage::Nothing);
        net.run(200_000);
        (net.now, net.crashes, net.protocol.ended)
    };
    assert_eq!(run(17), run(17));
    assert_ne!(run(17), run(18));
}

fn saga_caught(sabotage: saga::Sabotage, kind: impl Fn(&sagas::Violation) -> bool) {
    let hit = |seed| {
        let mut net = saga_world(seed, sabotage);
        // What is broken need not come to rest.
        net.run(20_000);
        net.protocol.checker.violations().iter().any(&kind)
    };
    assert!((0..SEEDS).any(hit), "{sabotage:?}");
}

fn tcc_caught(sabotage: tcc::Sabotage, kind: impl Fn(&tccs::Violation) -> bool) {
    let hit = |seed| {
        let mut net = tcc_world(seed, sabotage);
        net.run(20_000);
        net.protocol.checker.violations().iter().any(&kind)
    };
    assert!((0..SEEDS).any(hit), "{sabotage:?}");
}

#[test]
fn a_saga_that_commits_when_a_step_failed_is_caught() {
    let missing = |v: &_| matches!(v, sagas::Violation::CommitWithoutStep(_));
    saga_caught(saga::Sabotage::HearDone, missing);
}

#[test]
fn a_participant_of_a_saga_without_tombstones_is_caught() {
    let early = |v: &_| matches!(v, sagas::Violation::AnswerBeforeLog(_));
    saga_caught(saga::Sabotage::NoTombstone, early);
    // The harm: after a crash it does what it has said to be undone.
    let left = |v: &_| matches!(v, sagas::Violation::LeftDone(_));
    saga_caught(saga::Sabotage::NoTombstone, left);
}

#[test]
fn an_orchestrator_that_forgets_a_step_after_a_crash_is_caught() {
    let left = |v: &_| matches!(v, sagas::Violation::LeftDone(_));
    saga_caught(saga::Sabotage::ForgetStep, left);
}

#[test]
fn records_of_a_saga_that_are_not_forced_are_caught() {
    let early = |v: &_| matches!(v, sagas::Violation::BegunBeforeLog(_));
    saga_caught(saga::Sabotage::BeginEarly, early);
    let early = |v: &_| matches!(v, sagas::Violation::CommitBeforeLog(_));
    saga_caught(saga::Sabotage::CommitEarly, early);
    // The harm: it turns back what it has promised.
    let reversal = |v: &_| matches!(v, sagas::Violation::Reversal(_));
    saga_caught(saga::Sabotage::CommitEarly, reversal);
}

#[test]
fn a_confirm_without_all_tries_is_caught() {
    let missing = |v: &_| matches!(v, tccs::Violation::ConfirmWithoutTry(..));
    tcc_caught(tcc::Sabotage::InventTries, missing);
}

#[test]
fn a_participant_of_tcc_without_tombstones_is_caught() {
    let early = |v: &_| matches!(v, tccs::Violation::AnswerBeforeLog(..));
    tcc_caught(tcc::Sabotage::NoTombstone, early);
}

#[test]
fn an_expiry_that_is_not_reported_is_caught() {
    let wrong = |v: &_| matches!(v, tccs::Violation::WrongEnding(_));
    tcc_caught(tcc::Sabotage::HideExpiry, wrong);
}

#[test]
fn a_decision_that_is_not_forced_is_caught() {
    let early = |v: &_| matches!(v, tccs::Violation::ConfirmBeforeLog(..));
    tcc_caught(tcc::Sabotage::DecideEarly, early);
}

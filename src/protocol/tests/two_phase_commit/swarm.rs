//! Thousands of small worlds, each with its own mixture of faults: no rule is broken in any, and
//! once the faults have ceased everyone learns the outcome.

use crate::random::Random;
use crate::world::{Plan, Sabotage, Settings, Span, World};
use clock::{Duration, Instant};
use std::collections::BTreeMap;
use stormglass_protocol::two_phase_commit::*;

/// Where nobody says more.
const SEEDS: u64 = 1_000;

/// How many seeds the swarm goes through.
fn seeds() -> u64 {
    let wanted = std::env::var("STORMGLASS_SWARM_SEEDS");
    wanted.map_or(SEEDS, |n| {
        n.parse().expect("STORMGLASS_SWARM_SEEDS is a number")
    })
}

/// A world whose every number follows from the seed.
pub(crate) fn world(seed: u64, sabotage: Sabotage) -> World {
    let mut random = Random::new(seed ^ 0x2bc0_77a1);
    let r = &mut random;
    let nodes = 2 + r.below(5) as u32;
    let slowest = 2 + r.below(200);
    let settings = Settings {
        nodes,
        seed,
        latency: Span::Millis(1, slowest),
        disk: Span::Millis(0, 1 + r.below(300)),
        think: Span::Millis(0, 1 + r.below(50)),
        loss: 0.3 * r.unit(),
        doubling: 0.5 * r.unit(),
        crash: 0.05 * r.unit(),
        downtime: Span::Millis(1, 2 + r.below(2_000)),
        calm: Instant::ZERO + Duration::from_secs(8),
        coordinator: CoordinatorConfig {
            vote_timeout: r.millis(50, 1_000),
            resend_interval: r.millis(50, 1_000),
        },
        participant: ParticipantConfig {
            work_timeout: r.millis(200, 3_000),
            inquiry_interval: r.millis(50, 1_000),
            cooperative: r.chance(0.5),
        },
        sabotage,
    };
    let plans = (0..1 + r.below(8))
        .map(|n| plan(Txn(n), nodes, r))
        .collect();
    World::new(settings, plans)
}

fn plan(txn: Txn, nodes: u32, r: &mut Random) -> Plan {
    let mut participants: Vec<Site> = (0..nodes).map(Site).filter(|_| r.chance(0.7)).collect();
    if participants.is_empty() {
        participants.push(Site(0));
    }
    let odd = if r.chance(0.5) { 0.3 } else { 0.0 };
    let mut votes = BTreeMap::new();
    for &site in &participants {
        if r.chance(odd) {
            let vote = if r.chance(0.5) {
                Vote::No
            } else {
                Vote::ReadOnly
            };
            votes.insert(site, vote);
        }
    }
    let start = Instant::ZERO + r.millis(0, 5_000);
    Plan {
        txn,
        coordinator: Site(r.below(u64::from(nodes)) as u32),
        first: r
            .chance(0.4)
            .then(|| participants[r.below(participants.len() as u64) as usize]),
        participants,
        votes,
        start,
        commit: start + r.millis(0, 300),
    }
}

#[test]
fn no_mixture_of_faults_breaks_a_rule_and_all_learn_the_outcome() {
    let seeds = seeds();
    let (mut commits, mut aborts, mut crashes, mut asked, mut repeated) = (0, 0, 0, 0, 0);
    for seed in 0..seeds {
        let mut world = world(seed, Sabotage::Nothing);
        let ended = world.run(200_000);
        assert_eq!(world.checker.violations(), [], "seed {seed}");
        assert!(ended, "seed {seed} does not come to rest");
        assert_eq!(world.unfinished(), [], "seed {seed}");
        assert_eq!(world.checker.in_doubt().next(), None, "seed {seed}");
        crashes += world.crashes;
        for plan in world.plans() {
            let cost = world.checker.cost(plan.txn).expect("begun");
            asked += u64::from(cost.inquiries > 0);
            repeated += u64::from(cost.acks > plan.participants.len() as u64);
            let decision = |&site: &Site| world.checker.decision(plan.txn, site);
            match plan.participants.iter().find_map(decision) {
                Some(Outcome::Commit) => commits += 1,
                Some(Outcome::Abort) => aborts += 1,
                None => {}
            }
        }
    }
    // The swarm is of use only where it goes through all of these, often.
    for (what, count) in [
        ("commits", commits),
        ("aborts", aborts),
        ("crashes", crashes),
        ("transactions with inquiries", asked),
        ("transactions acknowledged twice", repeated),
    ] {
        assert!(count > seeds / 4, "{what}: {count}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let mut world = world(seed, Sabotage::Nothing);
        world.run(200_000);
        let costs: Vec<_> = world.plans().map(|p| world.checker.cost(p.txn)).collect();
        (world.now, world.crashes, costs)
    };
    assert_eq!(run(17), run(17));
    assert_ne!(run(17), run(18));
}

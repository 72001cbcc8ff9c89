//! Thousands of small worlds, each with its own settings and mixture of faults: no rule is broken in
//! any, and once the faults have ceased every message is over.

use crate::random::Random;
use crate::world::{Sabotage, Settings, World};
use clock::{Duration, Instant};
use stormglass_protocol::broker::*;

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
    let mut random = Random::new(seed ^ 0xb0c_4e55);
    let r = &mut random;
    let partitions = 1 + r.below(3) as u32;
    let retain = r.chance(0.5);
    let config = Config {
        groups: 1 + r.below(2) as u32,
        capacity: r.chance(0.5).then(|| 2 + r.below(6)),
        when_full: match r.below(3) {
            0 => WhenFull::Refuse,
            1 => WhenFull::Block,
            _ => WhenFull::DropOldest,
        },
        sharing: match r.below(3) {
            0 => Sharing::Competing,
            1 => Sharing::Exclusive {
                rebalance: Duration::ZERO,
            },
            _ => Sharing::Exclusive {
                rebalance: r.millis(1, 500),
            },
        },
        prefetch: 1 + r.below(4) as u32,
        ack_timeout: r.millis(100, 800),
        max_deliveries: r.chance(0.6).then(|| 1 + r.below(5) as u32),
        backoff: Backoff {
            initial: r.millis(0, 200),
            factor: 1.0 + r.unit(),
            max: Duration::from_secs(1),
        },
        idempotent: r.chance(0.5),
        requeue: r.chance(0.5),
        retain,
    };
    let settings = Settings {
        config,
        partitions,
        consumers: 1 + r.below(3) as u32,
        producers: 1 + r.below(3) as u32,
        messages: 1 + r.below(25),
        latency: 1 + r.below(60),
        disk: r.below(60),
        work: 1 + r.below(300),
        loss: if r.chance(0.3) { 0.0 } else { 0.2 * r.unit() },
        failing: 0.4 * r.unit(),
        crash: 0.2 * r.unit(),
        rollback: retain && r.chance(0.7),
        calm: Instant::ZERO + Duration::from_secs(8),
        sabotage,
    };
    World::new(settings, seed)
}

#[test]
fn no_mixture_of_faults_breaks_a_rule_and_all_messages_come_to_an_end() {
    let seeds = seeds();
    let mut seen = [0; 5];
    for seed in 0..seeds {
        let mut world = world(seed, Sabotage::Nothing);
        let ended = world.run(200_000);
        assert_eq!(world.wrong(), [], "seed {seed}: {:?}", world.settings);
        assert!(ended, "seed {seed} does not come to rest");
        assert_eq!(world.broker.depth(), 0, "seed {seed}: {:?}", world.settings);
        let config = &world.settings.config;
        // Who was told that the message is safe: it was consumed, is dead, or was dropped.
        let vanish = world.dead + world.dropped;
        for message in &world.told {
            let all = (0..config.groups).map(Group);
            let consumed = all.filter(|g| world.consumed.contains_key(&(*message, *g)));
            let missing = u64::from(config.groups) - consumed.count() as u64;
            assert!(
                missing == 0 || vanish > 0,
                "seed {seed}: {message} was never consumed"
            );
        }
        let left: i64 = world.held.values().sum();
        assert!(
            config.retain || left == 0,
            "seed {seed}: the broker holds {left}"
        );
        for (count, more) in seen.iter_mut().zip([
            world.crashes,
            world.redelivered,
            world.dead,
            world.dropped,
            world.replayed,
        ]) {
            *count += u64::from(more > 0);
        }
    }
    // The swarm is of use only where it goes through all of these, often.
    let names = ["crashes", "redeliveries", "deaths", "drops", "replays"];
    for (what, count) in names.into_iter().zip(seen) {
        assert!(count > seeds / 20, "{what}: {count}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let mut world = world(seed, Sabotage::Nothing);
        world.run(200_000);
        (world.now, world.crashes, world.consumed)
    };
    assert_eq!(run(17), run(17));
    assert_ne!(run(17), run(18));
}

//! Hundreds of small worlds, each with its own mixture of faults, for any kind of replica.

use crate::random::Random;
use crate::world::{Kind, Millis, Settings, Totals, World};
use clock::{Duration, Instant};
use stormglass_protocol::replication::*;

/// How many seeds a swarm takes where nobody says more.
const SEEDS: u64 = 400;

/// A world whose every number follows from the seed.
pub(crate) fn settings(seed: u64) -> Settings {
    let mut random = Random::new(seed ^ 0x51ab_93c4);
    let r = &mut random;
    let size = [3, 5, 3, 5, 3, 5, 3, 5, 4, 2][r.below(10) as usize];
    // In some worlds all is quick, and reigns are short: what goes wrong between them is seen there.
    let quick = r.chance(0.4);
    let (slowest, disk, heartbeat, fault) = if quick {
        let fault = 30 + r.below(200);
        (2 + r.below(4), 1 + r.below(8), 4 + r.below(10), fault)
    } else {
        let fault = 100 + r.below(1_500);
        (2 + r.below(20), 1 + r.below(20), 10 + r.below(50), fault)
    };
    // A message there, a forced write, a message back: twice that, and a few heartbeats, is patience.
    let least = 3 * heartbeat + 4 * (slowest + disk);
    let config = GroupConfig {
        size,
        heartbeat: Duration::from_millis(heartbeat),
        least_election_timeout: Duration::from_millis(least),
    };
    let calm = Duration::from_secs(6);
    Settings {
        seed,
        config,
        election: Millis(least, 2 * least),
        latency: Millis(0, slowest),
        disk: Millis(0, disk),
        loss: if r.chance(0.3) { 0.0 } else { 0.2 * r.unit() },
        doubling: 0.3 * r.unit(),
        crash: if r.chance(0.4) { 0.0 } else { 0.005 * r.unit() },
        downtime: Millis(1, 2 + r.below(fault)),
        faults: Millis(10, fault),
        fault: Millis(10, 2 * fault),
        clients: 1 + r.below(4) as u32,
        think: Millis(1, 20 + r.below(100)),
        calm: Instant::ZERO + calm,
        patience: Duration::from_millis(least).saturating_mul(PATIENCE),
        trace: false,
    }
}

/// In least election timeouts: how long a group may take, once faults have ceased, to have one
/// leader whom all know, and from then on to bring a proposal to everyone.
const PATIENCE: u64 = 20;

/// Runs the swarm: no rule is broken in any world, and once the faults have ceased all go on.
pub(crate) fn survives(kind: Kind) {
    let seeds = seeds();
    let mut sum = Totals::default();
    for seed in 0..seeds {
        let totals = one(settings(seed), kind).unwrap_or_else(|what| {
            let trace = traced(seed, kind);
            panic!("seed {seed}: {what}\n{trace}");
        });
        for (sum, more) in sum.each().into_iter().zip({ totals }.each()) {
            *sum.1 += *more.1;
        }
    }
    println!("{seeds} seeds: {sum:?}");
    // The swarm is of use only where it goes through all of these, often.
    for (what, count) in sum.each() {
        let optional = what == "restored" || what == "reads at a leader" && !kind.reads_alone;
        assert!(*count >= seeds || optional, "{what}: {count}");
    }
}

/// The same seed gives the same run; another, another.
pub(crate) fn repeats(kind: Kind) {
    let run = |seed| {
        let totals = one(settings(seed), kind);
        totals.unwrap_or_else(|what| panic!("seed {seed}: {what}"))
    };
    assert_eq!(run(17), run(17));
    assert_ne!(run(17), run(18));
}

/// In how many of the first seeds the checker finds a violation of this kind in a broken variant.
pub(crate) fn caught(kind: Kind, seeds: u64, what: impl Fn(&Violation) -> bool) -> u64 {
    let hit = |seed: &u64| violations(*seed, kind).iter().any(&what);
    (0..seeds).filter(hit).count() as u64
}

/// What the checker finds in the world of a seed, until its faults have ceased.
pub(crate) fn violations(seed: u64, kind: Kind) -> Vec<Violation> {
    let mut world = World::new(settings(seed), kind);
    world.run(world.settings.calm);
    world.checker.violations().to_vec()
}

/// All of a run that is kept: what it went through, and the last that happened, word by word.
#[cfg(any(feature = "paxos", feature = "raft"))]
pub(crate) fn transcript(seed: u64, kind: Kind) -> (Totals, Vec<String>) {
    let trace = true;
    let settings = Settings {
        trace,
        ..settings(seed)
    };
    let mut world = World::new(settings, kind);
    world.run(world.settings.calm);
    (world.totals, world.trace.into())
}

/// How many seeds to run.
fn seeds() -> u64 {
    let wanted = std::env::var("STORMGLASS_SWARM_SEEDS");
    wanted.map_or(SEEDS, |n| {
        n.parse().expect("STORMGLASS_SWARM_SEEDS is a number")
    })
}

fn one(settings: Settings, kind: Kind) -> Result<Totals, String> {
    let mut world = World::new(settings, kind);
    let settled = world.settle();
    match world.checker.violations() {
        [] => settled.map(|()| world.totals),
        [first, ..] => Err(first.to_string()),
    }
}

/// The end of a run, to its first violation or its end.
fn traced(seed: u64, kind: Kind) -> String {
    let settings = Settings {
        trace: true,
        ..settings(seed)
    };
    let mut world = World::new(settings, kind);
    let settings = world.settings.clone();
    while world.checker.violations().is_empty() && world.now < settings.calm + settings.patience {
        world.run(world.now + Duration::from_millis(1));
    }
    if world.checker.violations().is_empty() {
        // What follows says whether it was settled; its trace is of use, its verdict is known.
        let _ = world.settle();
    }
    let lines: Vec<String> = world.trace.into();
    format!("{settings:?}\n{}", lines.join("\n"))
}

impl Totals {
    fn each(&mut self) -> [(&'static str, &mut u64); 11] {
        [
            ("events", &mut self.events),
            ("crashes", &mut self.crashes),
            ("cuts", &mut self.cuts),
            ("pauses", &mut self.pauses),
            ("reigns", &mut self.reigns),
            ("proposed", &mut self.proposed),
            ("acknowledged", &mut self.acknowledged),
            ("reads at a leader", &mut self.reads_at_leader),
            ("stale reads", &mut self.stale_reads),
            ("restored", &mut self.restored),
            ("committed", &mut self.committed),
        ]
    }
}

//! Hundreds of small worlds with crashes, losses and partitions of their own: once all is calm,
//! everyone believes what is true, within a time that is stated. And broken variants that do not.

use crate::checks::{self, CheckNode};
use crate::gossip::GossipNode;
use crate::leases::{self, LeaseNode, Town};
use crate::net::{Net, Node, Weather};
use crate::random::Random;
use clock::{Duration, Instant};
use stormglass_protocol::discovery::*;

/// How many seeds, unless `STORMGLASS_SWARM_SEEDS` says.
const SEEDS: u64 = 200;

fn seeds() -> u64 {
    let wanted = std::env::var("STORMGLASS_SWARM_SEEDS");
    wanted.map_or(SEEDS, |n| {
        n.parse().expect("STORMGLASS_SWARM_SEEDS is a number")
    })
}

const CALM: u64 = 120;

fn weather(r: &mut Random) -> Weather {
    Weather {
        loss: 0.3 * r.unit(),
        slowest: r.millis(1, 100),
        calm: Instant::ZERO + Duration::from_secs(CALM),
    }
}

/// Crashes, restarts and partitions until all is calm; who is down then stays down.
fn storm<N: Node>(net: &mut Net<N>, nodes: u32, r: &mut Random) {
    let time = |r: &mut Random| Instant::ZERO + r.millis(0, CALM * 1_000);
    for _ in 0..r.below(8) {
        let node = r.below(nodes.into()) as u32;
        let down = time(r);
        net.crash(down, node);
        if r.chance(0.7) {
            net.restart(down + r.millis(1, 40_000), node);
        }
    }
    for _ in 0..r.below(3) {
        let halves = r.next();
        let from = time(r);
        net.split(from, halves);
        net.split(from + r.millis(1, 60_000), 0);
    }
    // Restarts may come later, up to 40 s; partitions up to 60 s.
    net.split(Instant::ZERO + Duration::from_secs(CALM + 60), 0);
}

const SETTLES: u64 = CALM + 60;

/// Who is wrong after the storm, and that has nobody to excuse it.
fn wrong<N: Node>(net: &mut Net<N>, instances: u32, after: Duration) -> Vec<(u32, Vec<bool>)> {
    net.run(Instant::ZERO + Duration::from_secs(SETTLES) + after, |_| {});
    net.wrong(instances)
}

fn checked(seed: u64, ignores_timeouts: bool) -> Vec<(u32, Vec<bool>)> {
    let r = &mut Random::new(seed);
    let (instances, callers) = (1 + r.below(5) as u32, 1 + r.below(3) as u32);
    let interval = r.millis(500, 10_000);
    let config = HealthCheckConfig {
        interval,
        timeout: Duration::from_millis(200)
            .saturating_add(interval.mul_f64(0.5 * r.unit()))
            .min(interval),
        unhealthy: 1 + r.below(4) as u32,
        healthy: 1 + r.below(4) as u32,
    };
    let weather = weather(r);
    let after = checks::settled(&config, weather.slowest);
    let nodes = instances + callers;
    let mut net = Net::new(nodes, seed, weather, move |node, _, life| {
        CheckNode::new(node, instances, config, life, ignores_timeouts)
    });
    storm(&mut net, nodes, r);
    wrong(&mut net, instances, after)
}

fn leased(seed: u64, keeps_all: bool) -> Vec<(u32, Vec<bool>)> {
    let r = &mut Random::new(seed ^ 0x1ea5e);
    let (instances, callers) = (1 + r.below(5) as u32, 1 + r.below(3) as u32);
    let registries = 1 + r.below(3) as u32;
    let heartbeat = r.millis(500, 10_000);
    let town = Town {
        instances,
        registries,
        terms: Terms {
            heartbeat,
            expiry: heartbeat.mul_f64(1.0 + 3.0 * r.unit()),
        },
        registry: RegistryConfig {
            self_preservation: 0.0,
            eviction: r.millis(500, 20_000),
            silence: heartbeat.saturating_mul(3),
        },
        subscriber: SubscriberConfig {
            refresh: r.millis(2_000, 10_000),
            timeout: r.millis(200, 600),
            registries,
        },
        keeps_all,
    };
    let weather = weather(r);
    let nodes = instances + registries + callers;
    let mut net = Net::new(nodes, seed, weather, move |node, now, life| {
        LeaseNode::new(town, node, now, life)
    });
    storm(&mut net, nodes, r);
    // At least one registry must be there in the end, or nobody can know.
    net.restart(Instant::ZERO + Duration::from_secs(SETTLES), instances);
    wrong(&mut net, instances, leases::settled(&town))
}

fn gossiped(seed: u64) -> Vec<(u32, Vec<bool>)> {
    let r = &mut Random::new(seed ^ 0x60551b);
    let (instances, callers) = (1 + r.below(6) as u32, 1 + r.below(3) as u32);
    let probe_interval = r.millis(500, 2_000);
    let config = GossipConfig {
        probe_interval,
        probe_timeout: Duration::from_millis(210),
        indirect_probes: 1 + r.below(4) as u32,
        suspect_for: probe_interval.mul_f64(2.0 + 4.0 * r.unit()),
        members: instances + callers,
    };
    let weather = weather(r);
    let nodes = config.members;
    let mut net = Net::new(nodes, seed, weather, move |node, now, life| {
        GossipNode::new(&config, instances, node, now, life, seed)
    });
    storm(&mut net, nodes, r);
    // Two halves find each other when one asks whom it has declared down: two every 65 intervals.
    wrong(
        &mut net,
        instances,
        probe_interval.saturating_mul(GOSSIP_SETTLES),
    )
}

/// In probe intervals.
const GOSSIP_SETTLES: u64 = 300;

#[test]
fn swarm_everyone_who_checks_finds_the_truth() {
    for seed in 0..seeds() {
        assert_eq!(checked(seed, false), [], "seed {seed}");
    }
}

#[test]
fn swarm_everyone_who_fetches_finds_the_truth() {
    for seed in 0..seeds() {
        assert_eq!(leased(seed, false), [], "seed {seed}");
    }
}

#[test]
fn swarm_everyone_who_gossips_finds_the_truth() {
    for seed in 0..seeds() {
        assert_eq!(gossiped(seed), [], "seed {seed}");
    }
}

#[test]
fn a_checker_that_ignores_timeouts_is_caught() {
    assert!((0..50).any(|seed| !checked(seed, true).is_empty()));
}

#[test]
fn a_registry_that_never_expires_is_caught() {
    assert!((0..50).any(|seed| !leased(seed, true).is_empty()));
}

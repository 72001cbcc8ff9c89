//! What it costs to choose an instance, and to queue.

use clock::{Duration, Instant};
use divan::{Bencher, black_box};
use stormglass_policy::config::{BalancerConfig, Codel, Discipline};
use stormglass_policy::{Balancer, Outcome, Queue, Usable, Zones};

fn main() {
    divan::main();
}

const INSTANCES: u32 = 10;

/// A generator that costs next to nothing, so that the balancer's own cost shows.
fn xorshift(x: &mut u64) -> u64 {
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    *x
}

fn pick(bencher: Bencher<'_, '_>, config: &BalancerConfig, usable: Usable<'_>) {
    let mut balancer = Balancer::new(config, INSTANCES, 1);
    let mut dice = 0x1234_5678_9abc_def0;
    let mut now = Instant::ZERO;
    // Some make a table when the first request comes.
    balancer.pick(now, usable, dice, &mut || 0);
    bencher.bench_local(|| {
        now += Duration::from_nanos(1_000);
        let key = dice;
        let picked = balancer.pick(now, black_box(usable), key, &mut || xorshift(&mut dice));
        let instance = picked.unwrap_or(0);
        balancer.sent(now, instance);
        balancer.ended(
            now,
            instance,
            Duration::from_nanos(key >> 44),
            Outcome::Success,
        );
        instance
    });
}

fn some(bencher: Bencher<'_, '_>, config: &BalancerConfig) {
    pick(bencher, config, Usable::Some(&[0, 1, 3, 4, 5, 7, 8, 9]));
}

fn all(bencher: Bencher<'_, '_>, config: &BalancerConfig) {
    pick(bencher, config, Usable::All);
}

const LEAST_OF_2: BalancerConfig = BalancerConfig::LeastRequests {
    choices: Some(2),
    with_replacement: false,
};
const LEAST_OF_ALL: BalancerConfig = BalancerConfig::LeastRequests {
    choices: None,
    with_replacement: false,
};
const PEAK_EWMA: BalancerConfig = BalancerConfig::PeakEwma {
    decay: Duration::from_secs(10),
};
const RING: BalancerConfig = BalancerConfig::ConsistentHash { keys: 10_000 };

#[divan::bench]
fn random_all(bencher: Bencher<'_, '_>) {
    all(bencher, &BalancerConfig::Random);
}

#[divan::bench]
fn random_some(bencher: Bencher<'_, '_>) {
    some(bencher, &BalancerConfig::Random);
}

#[divan::bench]
fn round_robin_all(bencher: Bencher<'_, '_>) {
    all(bencher, &BalancerConfig::RoundRobin);
}

#[divan::bench]
fn round_robin_some(bencher: Bencher<'_, '_>) {
    some(bencher, &BalancerConfig::RoundRobin);
}

#[divan::bench]
fn least_of_2(bencher: Bencher<'_, '_>) {
    all(bencher, &LEAST_OF_2);
}

#[divan::bench]
fn least_of_all(bencher: Bencher<'_, '_>) {
    all(bencher, &LEAST_OF_ALL);
}

#[divan::bench]
fn peak_ewma(bencher: Bencher<'_, '_>) {
    all(bencher, &PEAK_EWMA);
}

#[divan::bench]
fn consistent_hash_all(bencher: Bencher<'_, '_>) {
    all(bencher, &RING);
}

#[divan::bench]
fn consistent_hash_some(bencher: Bencher<'_, '_>) {
    some(bencher, &RING);
}

const MAGLEV: BalancerConfig = BalancerConfig::Maglev {
    keys: 10_000,
    table_size: 65_537,
};

#[divan::bench]
fn maglev_all(bencher: Bencher<'_, '_>) {
    all(bencher, &MAGLEV);
}

#[divan::bench]
fn maglev_some(bencher: Bencher<'_, '_>) {
    some(bencher, &MAGLEV);
}

/// A table is made anew at every pick, as two sets of usable instances take turns.
#[divan::bench]
fn maglev_makes_a_table(bencher: Bencher<'_, '_>) {
    let mut balancer = Balancer::new(&MAGLEV, 100, 1);
    let all: Vec<u32> = (0..100).collect();
    let mut turn = 0;
    bencher.bench_local(|| {
        turn += 1;
        let usable = Usable::Some(&all[turn % 2..]);
        balancer.pick(Instant::ZERO, black_box(usable), 7, &mut || 0)
    });
}

/// Three zones; of the own one's requests a sixth leaves.
fn zone_aware(bencher: Bencher<'_, '_>, instances: u32, usable: Usable<'_>) {
    let config = BalancerConfig::ZoneAware {
        min_cluster_size: 6,
        within: Box::new(LEAST_OF_2),
    };
    let zones: Vec<u16> = (0..instances).map(|i| (i % 3) as u16).collect();
    let zones = Zones {
        own: Some(0),
        instances: &zones,
        callers: &[4, 3, 3],
    };
    let mut balancer = Balancer::with_zones(&config, instances, 1, &zones);
    let mut dice = 0x1234_5678_9abc_def0;
    bencher.bench_local(|| {
        let usable = black_box(usable);
        balancer.pick(Instant::ZERO, usable, 7, &mut || xorshift(&mut dice))
    });
}

#[divan::bench(args = [9, 99, 999])]
fn zone_aware_all(bencher: Bencher<'_, '_>, instances: u32) {
    zone_aware(bencher, instances, Usable::All);
}

#[divan::bench(args = [9, 99, 999])]
fn zone_aware_some(bencher: Bencher<'_, '_>, instances: u32) {
    let but_one: Vec<u32> = (1..instances).collect();
    zone_aware(bencher, instances, Usable::Some(&but_one));
}

#[divan::bench]
fn weighted(bencher: Bencher<'_, '_>) {
    all(
        bencher,
        &BalancerConfig::Weighted {
            weights: vec![5, 1, 1],
        },
    );
}

const DISCIPLINES: [(&str, Discipline); 5] = [
    ("fifo", Discipline::Fifo),
    ("lifo", Discipline::Lifo),
    ("priority", Discipline::Priority),
    ("codel", Discipline::Codel(STANDARD)),
    ("adaptive_lifo", Discipline::AdaptiveLifo(STANDARD)),
];

const STANDARD: Codel = Codel {
    target: Duration::from_millis(5),
    interval: Duration::from_millis(100),
};

/// One push and one pop with 64 items waiting.
#[divan::bench(args = ["fifo", "lifo", "priority", "codel", "adaptive_lifo"])]
fn queue(bencher: Bencher<'_, '_>, name: &str) {
    let (_, discipline) = DISCIPLINES
        .into_iter()
        .find(|(n, _)| *n == name)
        .expect("a name");
    let mut queue = Queue::new(discipline);
    let mut now = Instant::ZERO;
    for item in 0..64 {
        queue.push(now, item, item % 3);
    }
    bencher.bench_local(|| {
        now += Duration::from_nanos(1_000);
        let item = now.as_nanos() as u32;
        queue.push(now, black_box(item), item % 3);
        queue.pop(now)
    });
}

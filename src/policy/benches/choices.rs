//! What it costs to choose an instance, and to queue.

use clock::{Duration, Instant};
use divan::{Bencher, black_box};
use stormglass_policy::config::{BalancerConfig, Codel, Discipline};
use stormglass_policy::{Balancer, Outcome, Queue, Usable};

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

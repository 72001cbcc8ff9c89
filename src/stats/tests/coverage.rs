//! Whether intervals hold the truth as often as they say, where the truth is known: the single-server
//! queue M/M/1, by Lindley's recursion, without any of the simulator.
//!
//! Time in the system in M/M/1 with service rate 1 and load ρ is exponential with mean 1/(1 - ρ)
//! (Kleinrock, *Queueing Systems* 1, 3.2). The counts are those of a fixed seed; the bounds allow three
//! standard errors of 400 studies, 3.3 %, around what is claimed.

use stormglass_stats::{Paired, Summary, batch_means, next_look};

const STUDIES: u32 = 400;

/// SplitMix64 (Steele, Lea and Flood 2014), which is enough for a queue.
struct Chance(u64);

impl Chance {
    fn exponential(&mut self, mean: f64) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let uniform = (((z ^ z >> 31) >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        -mean * libm::log(uniform)
    }
}

/// Times in the system of customers, from the steady state on (Lindley 1952): the one of the next is
/// what is left of mine when it comes, and its service.
fn queue(chance: &mut Chance, load: f64, customers: usize) -> impl Iterator<Item = f64> {
    let mut time = chance.exponential(1.0 / (1.0 - load));
    (0..customers).map(move |_| {
        let now = time;
        let wait = (now - chance.exponential(1.0 / load)).max(0.0);
        time = wait + chance.exponential(1.0);
        now
    })
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let summary: Summary = values.collect();
    summary.mean().unwrap()
}

/// The share of studies for which `holds`.
fn share(mut holds: impl FnMut(&mut Chance) -> bool) -> f64 {
    let mut chance = Chance(1);
    let held = (0..STUDIES).filter(|_| holds(&mut chance)).count();
    held as f64 / f64::from(STUDIES)
}

#[test]
fn the_interval_across_replications() {
    let covered = share(|chance| {
        let all: Summary = (0..10).map(|_| mean(queue(chance, 0.5, 1000))).collect();
        let interval = all.interval(0.95).unwrap();
        (interval.low..=interval.high).contains(&2.0)
    });
    assert!((0.917..=0.983).contains(&covered), "{covered}");
}

/// The second queue has the same arrivals and demands, a tenth of the demands shorter.
#[test]
fn the_paired_difference() {
    let truth = 0.9 / (1.0 - 0.45) - 2.0;
    let covered = share(|chance| {
        let pairs: Paired = (0..10)
            .map(|_| {
                let (mut first, mut second) = (Summary::new(), Summary::new());
                let (mut a, mut b) = (0.0f64, 0.0f64);
                for customer in 0..1200 {
                    let (gap, demand) = (chance.exponential(2.0), chance.exponential(1.0));
                    a = (a - gap).max(0.0) + demand;
                    b = (b - gap).max(0.0) + 0.9 * demand;
                    if customer >= 200 {
                        first.add(a);
                        second.add(b);
                    }
                }
                (first.mean().unwrap(), second.mean().unwrap())
            })
            .collect();
        assert!(pairs.variance_ratio().unwrap() > 3.0);
        let interval = pairs.difference().interval(0.95).unwrap();
        (interval.low..=interval.high).contains(&truth)
    });
    assert!((0.917..=0.983).contains(&covered), "{covered}");
}

/// One run. Batches of a queue's times are skewed, so that a few percent are lost below some 10,000
/// customers; docs/statistics.md has the figures.
#[test]
fn the_interval_within_a_run() {
    let mut relied = 0;
    let covered = share(|chance| {
        let series: Vec<f64> = queue(chance, 0.5, 20_000).collect();
        let (mean, within) = batch_means(&series, 0.95).unwrap();
        relied += u32::from(within.reliable);
        (mean - 2.0).abs() <= within.half_width
    });
    assert!((0.917..=0.983).contains(&covered), "{covered}");
    assert!(relied > STUDIES * 9 / 10, "long enough: {relied}");
}

/// At load 0.9 two thousand customers are a few busy periods: it must be said.
#[test]
fn a_run_that_is_too_short_is_not_relied_upon() {
    let relied = share(|chance| {
        let series: Vec<f64> = queue(chance, 0.9, 2000).collect();
        batch_means(&series, 0.95).unwrap().1.reliable
    });
    assert!(relied < 0.02, "{relied}");
}

/// From 8 replications on, until the half-width is 5 % of the mean: about 30.
#[test]
fn the_interval_at_which_a_sequence_stops() {
    let mut looks = 0;
    let covered = share(|chance| {
        let mut all = Summary::new();
        let mut goal = 8;
        loop {
            while all.count() < u64::from(goal) {
                all.add(mean(queue(chance, 0.5, 1000)));
            }
            looks += 1;
            let half = all.half_width(0.95).unwrap();
            match next_look(half, 0.05 * all.mean().unwrap(), goal) {
                Some(next) => goal = next,
                None => break (all.mean().unwrap() - 2.0).abs() <= half,
            }
        }
    });
    assert!(looks > 2 * STUDIES, "it goes on: {looks} looks");
    assert!((0.90..=0.983).contains(&covered), "{covered}");
}

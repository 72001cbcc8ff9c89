//! The balancers: who is picked, how evenly, and whether anybody is picked who must not be.

use clock::{Duration, Instant};
use proptest::prelude::*;
use std::collections::BTreeMap;
use stormglass_policy::config::BalancerConfig;
use stormglass_policy::{Balancer, Outcome, Usable, Zones};

const NOW: Instant = Instant::ZERO;

fn dice(seed: u64) -> impl FnMut() -> u64 {
    let mut x = seed | 1;
    move || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x
    }
}

fn all_kinds() -> Vec<BalancerConfig> {
    vec![
        BalancerConfig::Random,
        BalancerConfig::RoundRobin,
        BalancerConfig::LeastRequests {
            choices: None,
            with_replacement: false,
        },
        BalancerConfig::LeastRequests {
            choices: Some(2),
            with_replacement: false,
        },
        BalancerConfig::LeastRequests {
            choices: Some(3),
            with_replacement: true,
        },
        BalancerConfig::PeakEwma {
            decay: Duration::from_secs(10),
        },
        BalancerConfig::ConsistentHash { keys: 1_000 },
        BalancerConfig::Weighted {
            weights: vec![3, 1, 2],
        },
        BalancerConfig::Maglev {
            keys: 1_000,
            table_size: 251,
        },
        BalancerConfig::ZoneAware {
            min_cluster_size: 6,
            within: Box::new(BalancerConfig::Random),
        },
    ]
}

fn least(choices: Option<u32>, with_replacement: bool) -> BalancerConfig {
    BalancerConfig::LeastRequests {
        choices,
        with_replacement,
    }
}

/// Picks `n` times with everybody usable, and counts.
fn shares(balancer: &mut Balancer, instances: u32, n: u32) -> Vec<u32> {
    let mut dice = dice(0x5eed);
    let mut counts = vec![0; instances as usize];
    for _ in 0..n {
        let key = dice();
        let picked = balancer
            .pick(NOW, Usable::All, key, &mut dice)
            .expect("all are usable");
        counts[picked as usize] += 1;
    }
    counts
}

/// Whether counts differ from equal shares by less than five standard deviations.
fn even(counts: &[u32]) -> bool {
    let n: u32 = counts.iter().sum();
    let p = 1.0 / counts.len() as f64;
    let (mean, sd) = (f64::from(n) * p, (f64::from(n) * p * (1.0 - p)).sqrt());
    counts
        .iter()
        .all(|&c| (f64::from(c) - mean).abs() < 5.0 * sd)
}

#[test]
fn random_and_ties_are_even() {
    for config in [
        BalancerConfig::Random,
        least(None, false),
        least(Some(2), false),
        least(Some(2), true),
        least(Some(4), false),
        BalancerConfig::PeakEwma {
            decay: Duration::from_secs(1),
        },
    ] {
        let counts = shares(&mut Balancer::new(&config, 5, 0), 5, 50_000);
        assert!(even(&counts), "{config:?}: {counts:?}");
    }
}

#[test]
fn round_robin_takes_turns_and_callers_begin_at_different_places() {
    let mut beginnings = BTreeMap::new();
    for salt in 0..40 {
        let mut balancer = Balancer::new(&BalancerConfig::RoundRobin, 4, salt);
        let mut pick = || balancer.pick(NOW, Usable::All, 0, &mut || 0).expect("one");
        let first = pick();
        for i in 1..9 {
            assert_eq!(pick(), (first + i) % 4);
        }
        *beginnings.entry(first).or_insert(0) += 1;
    }
    assert_eq!(beginnings.len(), 4);
}

#[test]
fn round_robin_goes_on_after_the_last_one_when_some_go_away() {
    let mut balancer = Balancer::new(&BalancerConfig::RoundRobin, 4, 0);
    let mut pick = |usable: Usable<'_>| balancer.pick(NOW, usable, 0, &mut || 0);
    while pick(Usable::All) != Some(1) {}
    assert_eq!(pick(Usable::Some(&[0, 3])), Some(3));
    assert_eq!(pick(Usable::Some(&[0, 3])), Some(0));
    assert_eq!(pick(Usable::Some(&[0, 3])), Some(3));
    assert_eq!(pick(Usable::All), Some(0));
}

/// The sequence that the algorithm's first description gives for weights 5, 1, 1.
#[test]
fn weighted_spreads_the_turns_of_the_heavy_one() {
    let config = BalancerConfig::Weighted {
        weights: vec![5, 1, 1],
    };
    let mut balancer = Balancer::new(&config, 3, 0);
    let turns: Vec<_> = (0..7)
        .map(|_| balancer.pick(NOW, Usable::All, 0, &mut || 0).expect("one"))
        .collect();
    assert_eq!(turns, [0, 0, 1, 0, 2, 0, 0]);
}

#[test]
fn weights_are_repeated_and_zero_is_never() {
    let mut balancer = Balancer::new(
        &BalancerConfig::Weighted {
            weights: vec![2, 0, 1],
        },
        5,
        0,
    );
    assert_eq!(shares(&mut balancer, 5, 500), [200, 0, 100, 200, 0]);
    assert_eq!(
        balancer.pick(NOW, Usable::Some(&[1, 4]), 0, &mut || 0),
        None
    );
}

#[test]
fn two_choices_never_take_the_busiest() {
    let mut balancer = Balancer::new(&least(Some(2), false), 4, 0);
    for instance in [0, 1, 1, 2, 2, 2, 3] {
        balancer.sent(NOW, instance);
    }
    assert_eq!(shares(&mut balancer, 4, 1_000)[2], 0);
}

#[test]
fn latency_raises_a_peak_at_once_and_time_lowers_it() {
    let config = BalancerConfig::PeakEwma {
        decay: Duration::from_secs(1),
    };
    let mut balancer = Balancer::new(&config, 2, 0);
    let hear = |balancer: &mut Balancer, t: Instant, instance, ms| {
        balancer.sent(t, instance);
        balancer.ended(t, instance, Duration::from_millis(ms), Outcome::Success);
    };
    let mut dice = dice(7);
    let mut favourite = |balancer: &mut Balancer, t| {
        let mut picked: Vec<_> = (0..50)
            .map(|_| balancer.pick(t, Usable::All, 0, &mut dice))
            .collect();
        picked.dedup();
        assert_eq!(picked.len(), 1, "of two, always the cheaper one");
        picked[0]
    };
    let later = |s| NOW + Duration::from_secs(s);
    hear(&mut balancer, NOW, 0, 10);
    hear(&mut balancer, NOW, 1, 20);
    assert_eq!(favourite(&mut balancer, NOW), Some(0));
    hear(&mut balancer, NOW, 0, 100);
    assert_eq!(favourite(&mut balancer, NOW), Some(1));
    // A good answer right after lowers nothing; after seven time constants it does.
    hear(&mut balancer, NOW, 0, 1);
    assert_eq!(favourite(&mut balancer, NOW), Some(1));
    hear(&mut balancer, later(7), 0, 1);
    hear(&mut balancer, later(7), 1, 20);
    assert_eq!(favourite(&mut balancer, later(7)), Some(0));
    // Many outstanding requests make up for a short latency.
    for _ in 0..25 {
        balancer.sent(later(7), 0);
    }
    assert_eq!(favourite(&mut balancer, later(7)), Some(1));
}

#[test]
fn an_instance_that_was_never_heard_of_gets_one_request_to_find_out() {
    let config = BalancerConfig::PeakEwma {
        decay: Duration::from_secs(1),
    };
    let mut balancer = Balancer::new(&config, 2, 0);
    balancer.sent(NOW, 0);
    balancer.ended(NOW, 0, Duration::from_millis(5), Outcome::Success);
    let mut dice = dice(3);
    assert_eq!(balancer.pick(NOW, Usable::All, 0, &mut dice), Some(1));
    balancer.sent(NOW, 1);
    for _ in 0..20 {
        assert_eq!(balancer.pick(NOW, Usable::All, 0, &mut dice), Some(0));
    }
}

#[test]
fn a_ring_gives_each_a_fair_share_of_the_keys() {
    let mut balancer = Balancer::new(&BalancerConfig::ConsistentHash { keys: u64::MAX }, 10, 0);
    let counts = shares(&mut balancer, 10, 100_000);
    // 128 places: the standard deviation of a share is a part in eleven of it; three of those.
    assert!(
        counts.iter().all(|&c| (7_300..12_700).contains(&c)),
        "{counts:?}"
    );
}

#[test]
fn all_callers_agree_on_a_ring_and_few_keys_reach_few_instances() {
    let config = BalancerConfig::ConsistentHash { keys: 2 };
    let (mut a, mut b) = (Balancer::new(&config, 50, 1), Balancer::new(&config, 50, 2));
    let mut pick = |key| {
        let picked = a.pick(NOW, Usable::All, key, &mut || 0);
        assert_eq!(picked, b.pick(NOW, Usable::All, key, &mut || 0));
        picked
    };
    assert_eq!(pick(4), pick(0));
    assert_eq!(pick(7), pick(1));
}

fn subset() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::btree_set(0u32..12, 0..12).prop_map(|set| set.into_iter().collect())
}

proptest! {
    #[test]
    fn only_usable_instances_are_picked_and_someone_if_there_is_one(
        kind in 0..all_kinds().len(),
        seed: u64,
        steps in prop::collection::vec((subset(), any::<u64>(), any::<bool>()), 1..60),
    ) {
        let zones = Zones { own: Some(1), instances: &[0, 0, 0, 0, 1, 1, 2, 1, 2, 2, 2, 0], callers: &[1, 2, 0] };
        let mut balancer = Balancer::with_zones(&all_kinds()[kind], 12, seed, &zones);
        let mut dice = dice(seed);
        let (mut now, mut out) = (NOW, Vec::new());
        for (usable, key, ends) in steps {
            now += Duration::from_millis(3);
            let picked = balancer.pick(now, Usable::Some(&usable), key, &mut dice);
            prop_assert_eq!(picked.is_none(), usable.is_empty());
            if let Some(instance) = picked {
                prop_assert!(usable.contains(&instance));
                balancer.sent(now, instance);
                out.push(instance);
            }
            if ends && let Some(instance) = out.pop() {
                balancer.ended(now, instance, Duration::from_millis(key % 50), Outcome::Error);
            }
        }
        // The same, said in the short way.
        let everybody: Vec<u32> = (0..12).collect();
        let mut twin = balancer.clone();
        let (key, bits) = (dice(), dice());
        let long = balancer.pick(now, Usable::Some(&everybody), key, &mut || bits);
        prop_assert_eq!(long, twin.pick(now, Usable::All, key, &mut || bits));
    }

    #[test]
    fn least_requests_takes_a_least_one(
        usable in subset(),
        ops in prop::collection::vec((0u32..12, any::<bool>()), 0..60),
        seed: u64,
    ) {
        let mut loads = [0u32; 12];
        let mut balancer = Balancer::new(&least(None, false), 12, 0);
        // More choices than there are instances are all of them.
        let mut many = Balancer::new(&least(Some(99), false), 12, 0);
        for (instance, sent) in ops {
            let load = &mut loads[instance as usize];
            if sent {
                *load += 1;
                balancer.sent(NOW, instance);
                many.sent(NOW, instance);
            } else if *load > 0 {
                *load -= 1;
                balancer.ended(NOW, instance, Duration::ZERO, Outcome::Success);
                many.ended(NOW, instance, Duration::ZERO, Outcome::Success);
            }
        }
        let least = usable.iter().map(|&i| loads[i as usize]).min();
        let mut dice = dice(seed);
        for balancer in [&mut balancer, &mut many] {
            let picked = balancer.pick(NOW, Usable::Some(&usable), 0, &mut dice);
            prop_assert_eq!(picked.map(|i| loads[i as usize]), least);
        }
    }

    #[test]
    fn on_a_ring_only_the_keys_of_those_who_left_move(usable in subset(), keys: [u64; 32]) {
        let config = BalancerConfig::ConsistentHash { keys: u64::MAX };
        let mut balancer = Balancer::new(&config, 12, 0);
        for key in keys {
            let before = balancer.pick(NOW, Usable::All, key, &mut || 0).expect("one");
            let after = balancer.pick(NOW, Usable::Some(&usable), key, &mut || 0);
            if usable.contains(&before) {
                prop_assert_eq!(after, Some(before));
            }
        }
    }

    #[test]
    fn weighted_shares_are_exact_over_a_round(weights in prop::collection::vec(0u32..9, 1..6)) {
        let round: u32 = weights.iter().sum();
        let n = weights.len() as u32;
        let mut balancer = Balancer::new(&BalancerConfig::Weighted { weights: weights.clone() }, n, 0);
        if round > 0 {
            prop_assert_eq!(shares(&mut balancer, n, round), weights);
        }
    }
}

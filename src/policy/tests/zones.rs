//! Zone-aware routing: how much stays in the own zone, and whether all instances bear the same load.

use clock::{Duration, Instant};
use proptest::prelude::*;
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

fn aware(within: BalancerConfig) -> BalancerConfig {
    BalancerConfig::ZoneAware {
        min_cluster_size: 6,
        within: Box::new(within),
    }
}

/// Instances zone by zone.
fn spread(counts: &[usize]) -> Vec<u16> {
    (0u16..)
        .zip(counts)
        .flat_map(|(zone, &n)| std::iter::repeat_n(zone, n))
        .collect()
}

/// How many of `n` requests of a caller in the zone `own` go to each instance.
fn load(
    config: &BalancerConfig,
    instances: &[u16],
    callers: &[u32],
    own: u16,
    usable: Usable<'_>,
    n: u32,
) -> Vec<u32> {
    let zones = Zones {
        own: Some(own),
        instances,
        callers,
    };
    let mut balancer = Balancer::with_zones(config, instances.len() as u32, 7, &zones);
    let mut dice = dice(0x5eed + u64::from(own));
    let mut counts = vec![0; instances.len()];
    for _ in 0..n {
        let key = dice();
        if let Some(instance) = balancer.pick(NOW, usable, key, &mut dice) {
            counts[instance as usize] += 1;
        }
    }
    counts
}

fn by_zone(counts: &[u32], instances: &[u16]) -> Vec<u32> {
    let zones = instances
        .iter()
        .map(|&z| usize::from(z) + 1)
        .max()
        .unwrap_or(0);
    let mut sums = vec![0; zones];
    for (count, &zone) in counts.iter().zip(instances) {
        sums[usize::from(zone)] += count;
    }
    sums
}

/// The example in Envoy's source: callers 40, 40, 20 %, instances 25, 50, 25 %. Of the first zone's
/// requests 25/40 stay, the rest goes to the others as 10 to 5.
#[test]
fn the_rest_goes_where_there_is_room() {
    let instances = spread(&[5, 10, 5]);
    let config = aware(BalancerConfig::RoundRobin);
    let counts = load(&config, &instances, &[2, 2, 1], 0, Usable::All, 48_000);
    let zones = by_zone(&counts, &instances);
    for (count, share) in zones.iter().zip([0.625f64, 0.25, 0.125]) {
        let (mean, sd) = (48_000.0 * share, (48_000.0 * share * (1.0 - share)).sqrt());
        assert!((f64::from(*count) - mean).abs() < 5.0 * sd, "{zones:?}");
    }
    // Within each zone they take turns.
    for zone in 0..3 {
        let of = |&(_, &z): &(_, &u16)| z == zone;
        let turns: Vec<u32> = counts
            .iter()
            .zip(&instances)
            .filter(of)
            .map(|(n, _)| *n)
            .collect();
        assert!(turns.iter().all(|n| n.abs_diff(turns[0]) <= 1), "{turns:?}");
    }
}

#[test]
fn a_zone_with_enough_instances_keeps_its_requests() {
    let instances = spread(&[4, 2]);
    for within in [
        BalancerConfig::Random,
        BalancerConfig::Maglev {
            keys: 1_000,
            table_size: 251,
        },
    ] {
        let counts = load(&aware(within), &instances, &[1, 1], 0, Usable::All, 1_000);
        assert_eq!(by_zone(&counts, &instances), [1_000, 0]);
    }
}

#[test]
fn without_need_or_knowledge_nothing_is_preferred() {
    let config = aware(BalancerConfig::RoundRobin);
    let even = |instances: &[u16], callers: &[u32], usable| {
        let counts = load(&config, instances, callers, 0, usable, 1_200);
        let among = match usable {
            Usable::All => instances.len(),
            Usable::Some(list) => list.len(),
        } as u32;
        counts.iter().filter(|&&n| n == 1_200 / among).count() == among as usize
    };
    let six = spread(&[4, 2]);
    // Too few instances, also when only too few are usable.
    assert!(even(&spread(&[3, 2]), &[1, 1], Usable::All));
    assert!(even(&six, &[1, 1], Usable::Some(&[0, 1, 2, 4, 5])));
    // All callers in one zone, all instances in one, no callers where this one is.
    assert!(even(&six, &[3, 0], Usable::All));
    assert!(even(&spread(&[6]), &[1, 1], Usable::All));
    assert!(even(&six, &[0, 2, 2], Usable::All));
    // And where enough are usable, something is.
    assert!(!even(&six, &[1, 1], Usable::All));
    // No zones at all.
    let mut balancer = Balancer::new(&config, 6, 0);
    let first = balancer.pick(NOW, Usable::All, 0, &mut || 0).expect("one");
    for i in 1..13 {
        let next = balancer.pick(NOW, Usable::All, 0, &mut || 0);
        assert_eq!(next, Some((first + i) % 6));
    }
}

#[test]
fn when_the_own_zone_is_down_the_others_take_all() {
    let instances = spread(&[2, 3, 6]);
    let config = aware(BalancerConfig::Random);
    let usable: Vec<u32> = (2..11).collect();
    let counts = load(
        &config,
        &instances,
        &[1, 1, 1],
        0,
        Usable::Some(&usable),
        10_000,
    );
    let zones = by_zone(&counts, &instances);
    // Both others have a third of the callers; room has only the third.
    assert_eq!(zones, [0, 0, 10_000]);
}

#[test]
fn outstanding_requests_are_known_in_every_way_of_choosing() {
    let instances = spread(&[3, 3]);
    let zones = Zones {
        own: Some(0),
        instances: &instances,
        callers: &[1, 1],
    };
    let least = BalancerConfig::LeastRequests {
        choices: None,
        with_replacement: false,
    };
    let mut balancer = Balancer::with_zones(&aware(least), 6, 0, &zones);
    let mut dice = dice(3);
    for instance in [0, 1] {
        balancer.sent(NOW, instance);
    }
    assert_eq!(balancer.pick(NOW, Usable::All, 0, &mut dice), Some(2));
    // Five are too few for zones.
    balancer.sent(NOW, 4);
    let five = Usable::Some(&[0, 1, 3, 4, 5]);
    assert!(matches!(
        balancer.pick(NOW, five, 0, &mut dice),
        Some(3 | 5)
    ));
    balancer.ended(NOW, 1, Duration::ZERO, Outcome::Success);
    balancer.sent(NOW, 2);
    assert_eq!(balancer.pick(NOW, Usable::All, 0, &mut dice), Some(1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However callers and instances are spread, and whoever of them is usable: all callers together
    /// put the same load on every usable instance.
    #[test]
    fn all_instances_bear_the_same_load(
        spread_out in prop::collection::vec(0u16..4, 6..14),
        callers in prop::collection::vec(0u32..5, 4),
        down in prop::collection::btree_set(0u32..14, 0..4),
    ) {
        let n = spread_out.len() as u32;
        let usable: Vec<u32> = (0..n).filter(|i| !down.contains(i)).collect();
        let each = 30_000;
        let mut total = vec![0.0; spread_out.len()];
        let all: u32 = callers.iter().sum();
        prop_assume!(all > 0 && !usable.is_empty());
        for (own, &there) in (0u16..).zip(&callers) {
            if there > 0 {
                let config = aware(BalancerConfig::Random);
                let some = Usable::Some(&usable);
                let counts = load(&config, &spread_out, &callers, own, some, each);
                prop_assert_eq!(counts.iter().sum::<u32>(), each);
                for (sum, count) in total.iter_mut().zip(counts) {
                    *sum += f64::from(there) * f64::from(count);
                }
            }
        }
        let fair = f64::from(each) * f64::from(all) / usable.len() as f64;
        // A caller's count has at most the variance of a binomial one, and is weighed by its zone's
        // callers: at most `all * all * each / 4` in sum, and less; six deviations of a fair share.
        let most = callers.iter().map(|&c| f64::from(c * c)).sum::<f64>();
        let deviation = (most * f64::from(each)).sqrt() / 2.0;
        for (instance, &sum) in (0u32..).zip(&total) {
            if usable.contains(&instance) {
                prop_assert!((sum - fair).abs() < 6.0 * deviation, "{sum} of {fair} in {total:?}");
            } else {
                prop_assert_eq!(sum, 0.0);
            }
        }
    }
}

//! Admission as its host sees it: what is refused, what is given back, and what shedding settles at.

use super::*;
use crate::config::{AdmissionControlConfig, ConcurrencyAlgorithm, PriorityConfig, RateAlgorithm};
use proptest::prelude::*;

fn ms(n: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(n)
}

fn admission(layers: Vec<AdmissionLayer>) -> Admission {
    Admission::new(&AdmissionConfig { layers })
}

const ANY: Arriving = Arriving {
    priority: 0,
    key: 0,
};

fn never() -> u64 {
    unreachable!("nothing is left to chance")
}

/// A small generator, so that a failing case is told by its numbers.
fn dice(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state = crate::balance::mix(state);
        state
    }
}

#[test]
fn nothing_set_lets_everything_in_and_a_token_is_small() {
    let mut open = admission(vec![]);
    assert!(open.is_empty());
    let token = open.admit(ms(0), &ANY, &mut never).expect("let in");
    open.dropped(ms(1), token);
    assert_eq!(open.concurrency_limit(), None);
    assert_eq!(size_of::<Option<Admitted>>(), 16);
}

#[test]
fn who_refuses_gives_back_the_places_before_it() {
    let bucket = RateAlgorithm::TokenBucket {
        rate: 1.0,
        burst: 2.0,
    };
    let mut two = admission(vec![
        AdmissionLayer::ConcurrencyLimit(ConcurrencyAlgorithm::Fixed(3)),
        AdmissionLayer::RateLimit {
            algorithm: bucket,
            keys: None,
        },
        AdmissionLayer::ConcurrencyLimit(ConcurrencyAlgorithm::Fixed(5)),
    ]);
    assert_eq!(two.concurrency_limit(), Some(3));
    let mut tokens = Vec::new();
    for _ in 0..2 {
        tokens.push(two.admit(ms(0), &ANY, &mut never).expect("let in"));
    }
    // The bucket is empty for a second, in which no place is lost.
    for _ in 0..9 {
        let retry_at = Some(ms(1_000));
        assert_eq!(
            two.admit(ms(0), &ANY, &mut never),
            Err(Rejected { retry_at })
        );
    }
    tokens.push(two.admit(ms(1_000), &ANY, &mut never).expect("let in"));
    let full = Err(Rejected { retry_at: None });
    assert_eq!(two.admit(ms(9_000), &ANY, &mut never), full);
    two.ended(ms(9_000), tokens.remove(0), Outcome::Success);
    assert!(two.admit(ms(9_000), &ANY, &mut never).is_ok());
}

#[test]
fn keys_have_buckets_of_their_own() {
    let mut keyed = admission(vec![AdmissionLayer::RateLimit {
        algorithm: RateAlgorithm::TokenBucket {
            rate: 1.0,
            burst: 1.0,
        },
        keys: Some(3),
    }]);
    let mut ask = |key| {
        keyed
            .admit(ms(0), &Arriving { priority: 0, key }, &mut never)
            .is_ok()
    };
    assert_eq!([0, 1, 2].map(&mut ask), [true; 3]);
    assert_eq!([3, 4, 5].map(ask), [false; 3]);
}

#[test]
fn who_goes_away_is_a_drop_to_netflix_and_nothing_to_envoy() {
    let aimd = ConcurrencyAlgorithm::Aimd {
        initial: 20,
        min: 1,
        max: 20,
        backoff: 0.5,
        timeout: Duration::MAX,
    };
    let mut limited = admission(vec![
        AdmissionLayer::ConcurrencyLimit(aimd),
        AdmissionLayer::ConcurrencyLimit(ConcurrencyAlgorithm::GRADIENT),
    ]);
    for n in 0..60 {
        // Of the three that the gradient lets in while it measures.
        let token = limited.admit(ms(n), &ANY, &mut never).expect("let in");
        limited.dropped(ms(n), token);
    }
    assert_eq!(limited.concurrency_limit(), Some(1), "aimd's");
    let Layer::ConcurrencyLimit(gradient) = &limited.layers[1] else {
        unreachable!("it is the second")
    };
    // Fifty answers would have ended the measurement, and sixty ms brought 3 x 2 + 2.4.
    assert_eq!(gradient.limit(), 3);
}

fn control(config: AdmissionControlConfig) -> Admission {
    admission(vec![AdmissionLayer::AdmissionControl(config)])
}

/// Ends `requests` requests within a second, of which `successes` succeed.
fn history(admission: &mut Admission, requests: u32, successes: u32) {
    for n in 0..requests {
        let token = admission
            .admit(ms(0), &ANY, &mut || u64::MAX)
            .expect("by chance");
        let outcome = if n < successes {
            [Outcome::Success, Outcome::Degraded][n as usize % 2]
        } else {
            Outcome::FAILURES[n as usize % 6]
        };
        admission.ended(ms(500), token, outcome);
    }
}

/// Whether one is refused when chance says `u`.
fn refused(admission: &mut Admission, now: Instant, u: f64) -> bool {
    let bits = (u * 2f64.powi(64)) as u64;
    admission.admit(now, &ANY, &mut || bits).is_err()
}

#[test]
fn admission_control_refuses_the_share_of_envoys_formula() {
    let base = AdmissionControlConfig::default();
    // (requests, successes, settings, share)
    let cases = [
        (99, 0, base, 0.8),   // 99/100, but at most 80 %.
        (99, 57, base, 0.39), // 57 / 0.95 = 60, and 39 / 100.
        (99, 95, base, 0.0),  // 100 is more than 99.
        (
            24,
            12,
            AdmissionControlConfig {
                success_threshold: 0.8,
                aggression: 2.0,
                ..base
            },
            0.6, // The root of (24 - 15) / 25.
        ),
        (
            24,
            0,
            AdmissionControlConfig {
                max_rejection: 1.0,
                aggression: 0.5,
                ..base
            },
            0.96, // An aggression below 1 counts as 1.
        ),
    ];
    for (requests, successes, config, share) in cases {
        let mut control = control(config);
        history(&mut control, requests, successes);
        let after = ms(600);
        for (chance, expected) in [(share - 1e-9, true), (share + 1e-9, false)] {
            if chance > 0.0 {
                let refused = refused(&mut control, after, chance);
                assert_eq!(refused, expected, "{requests}, {successes}: {share}");
            }
        }
    }
}

#[test]
fn admission_control_looks_at_its_window_only_and_from_its_rate_on() {
    let mut some = control(AdmissionControlConfig {
        window: Duration::from_secs(10),
        rps_threshold: 5.0,
        ..AdmissionControlConfig::default()
    });
    history(&mut some, 49, 0);
    assert!(!refused(&mut some, ms(600), 0.0), "4.9 a second");
    let one = some.admit(ms(600), &ANY, &mut never).expect("let in");
    some.ended(ms(600), one, Outcome::Error);
    assert!(refused(&mut some, ms(600), 0.0), "5 a second");
    // The bucket began with the first answer, at 500 ms.
    assert!(refused(&mut some, ms(10_499), 0.0));
    assert!(!refused(&mut some, ms(10_500), 0.0));
}

/// As in Envoy, which sweeps old requests out only when it counts or when one ends.
#[test]
fn the_rate_is_over_the_time_since_the_oldest_that_is_remembered() {
    // 120 in 12 s, and in just over that.
    for (now, expected) in [(12_000, true), (12_001, false)] {
        let mut some = control(AdmissionControlConfig {
            window: Duration::from_secs(10),
            rps_threshold: 10.0,
            ..AdmissionControlConfig::default()
        });
        for at in [0, 9_000] {
            for _ in 0..60 {
                let token = some.admit(ms(at), &ANY, &mut || u64::MAX).expect("let in");
                some.ended(ms(at), token, Outcome::Error);
            }
        }
        assert_eq!(refused(&mut some, ms(now), 0.0), expected);
    }
}

/// A request that is refused is not counted, so that with a stationary ratio of success the share
/// settles at what the formula gives for many requests.
#[test]
fn admission_control_settles_at_the_share_of_a_stationary_ratio() {
    for (ratio, aggression, expected) in [
        (0.95, 1.0, 0.0),
        (0.76, 1.0, 0.2),
        (0.475, 1.0, 0.5),
        (0.475, 2.0, 0.5f64.sqrt()),
        (0.0, 1.0, 0.8),
    ] {
        let mut control = control(AdmissionControlConfig {
            aggression,
            ..AdmissionControlConfig::default()
        });
        let mut random = dice(7);
        let (mut asked, mut refused) = (0, 0);
        for n in 0..200_000u64 {
            let now = ms(n);
            let chance = random() as f64 / 2f64.powi(64);
            let admitted = control.admit(now, &ANY, &mut random);
            // The first window is not full.
            if n >= 30_000 {
                asked += 1;
                refused += u32::from(admitted.is_err());
            }
            if let Ok(token) = admitted {
                let outcome = if chance < ratio {
                    Outcome::Success
                } else {
                    Outcome::Error
                };
                control.ended(now, token, outcome);
            }
        }
        let share = f64::from(refused) / f64::from(asked);
        // The ratio within a window of some 10 000 answers has a standard deviation of half a per
        // cent, and over the run the error is a third of that; four of them.
        assert!(
            (share - expected).abs() < 0.01,
            "{ratio}: {share} for {expected}"
        );
    }
}

fn shedding() -> PriorityConfig {
    PriorityConfig {
        user_levels: 1,
        ..PriorityConfig::default()
    }
}

/// One window with ten requests of each of ten priorities, that waited so long; how many of each came
/// in.
fn window(admission: &mut Admission, start: u64, waited: u64) -> [u32; 10] {
    let mut admitted = [0; 10];
    for n in 0..100 {
        let now = ms(start + n);
        let request = Arriving {
            priority: n as u32 % 10,
            key: n,
        };
        if admission.admit(now, &request, &mut never).is_ok() {
            admitted[n as usize % 10] += 1;
            admission.dequeued(now, Duration::from_millis(waited));
        }
    }
    admitted
}

fn most_important(n: usize) -> [u32; 10] {
    std::array::from_fn(|priority| if priority < n { 10 } else { 0 })
}

#[test]
fn shedding_lowers_by_a_twentieth_of_the_admitted_and_raises_by_a_hundredth_of_all() {
    let mut dagor = admission(vec![AdmissionLayer::PriorityShedding(shedding())]);
    assert_eq!(window(&mut dagor, 0, 21), most_important(10));
    // 95 of 100 are wanted, 90 are the levels that fit.
    assert_eq!(window(&mut dagor, 1_000, 21), most_important(9));
    // 85.5 of 90.
    assert_eq!(window(&mut dagor, 2_000, 20), most_important(8));
    // The mean was at the threshold, which is fine: 81 are wanted.
    assert_eq!(window(&mut dagor, 3_000, 0), most_important(9));
    assert_eq!(window(&mut dagor, 4_000, 0), most_important(10));
    assert_eq!(window(&mut dagor, 5_000, 0), most_important(10));
    for second in 6..30 {
        window(&mut dagor, second * 1_000, 50);
    }
    assert_eq!(
        window(&mut dagor, 30_000, 0),
        most_important(1),
        "never nobody"
    );
    // Windows in which nobody came change nothing.
    assert_eq!(window(&mut dagor, 90_000, 0), most_important(2));
}

#[test]
fn shedding_raises_by_a_share_of_all_not_of_the_admitted() {
    let config = PriorityConfig {
        decrease: 0.8,
        increase: 0.25,
        ..shedding()
    };
    let mut dagor = admission(vec![AdmissionLayer::PriorityShedding(config)]);
    window(&mut dagor, 0, 21);
    assert_eq!(window(&mut dagor, 1_000, 0), most_important(2));
    // 20 and a quarter of 100; in tens.
    assert_eq!(window(&mut dagor, 2_000, 0), most_important(5));
}

#[test]
fn user_levels_are_even_and_dealt_out_anew_each_hour() {
    let shedding = PriorityShedding::new(&PriorityConfig::default());
    let deal = |seconds: u64| -> Vec<u32> {
        let now = Instant::ZERO + Duration::from_secs(seconds);
        (0..12_800)
            .map(|key| shedding.user_level(now, key))
            .collect()
    };
    let first = deal(0);
    assert_eq!(first, deal(3_599));
    let second = deal(3_600);
    let same = first.iter().zip(&second).filter(|(a, b)| a == b).count();
    // One in 128 by chance: 100 of 12 800, with a standard deviation of 10.
    assert!((50..150).contains(&same), "{same} keep their level");
    for level in 0..128 {
        let users = first.iter().filter(|&&l| l == level).count();
        assert!((50..150).contains(&users), "{users} of level {level}");
    }
}

#[test]
fn a_window_also_ends_with_its_requests() {
    let config = PriorityConfig {
        window_requests: 100,
        ..shedding()
    };
    let mut dagor = admission(vec![AdmissionLayer::PriorityShedding(config)]);
    assert_eq!(window(&mut dagor, 0, 21), most_important(10));
    assert_eq!(window(&mut dagor, 100, 21), most_important(9));
    let refused = dagor.admit(
        ms(200),
        &Arriving {
            priority: 9,
            key: 0,
        },
        &mut never,
    );
    // The new window began with this request.
    let retry_at = Some(ms(1_200));
    assert_eq!(refused, Err(Rejected { retry_at }));
}

/// A server of one worker that needs a millisecond for a request, asked for twice as much as it can
/// do, by four kinds of requests in equal parts.
#[test]
fn shedding_keeps_a_server_busy_with_what_matters() {
    let mut dagor = admission(vec![AdmissionLayer::PriorityShedding(
        PriorityConfig::default(),
    )]);
    let mut random = dice(3);
    let service = 1_000_000u64;
    let (mut free_at, mut served) = (0, [0u32; 4]);
    let mut starts = std::collections::VecDeque::new();
    let seconds = 300;
    for n in 0..seconds * 2_000u64 {
        let now = n * service / 2;
        while let Some(&(start, waited)) = starts.front()
            && start <= now
        {
            starts.pop_front();
            dagor.dequeued(Instant::from_nanos(start), Duration::from_nanos(waited));
        }
        let request = Arriving {
            priority: n as u32 % 4,
            key: random(),
        };
        if dagor
            .admit(Instant::from_nanos(now), &request, &mut never)
            .is_ok()
        {
            let start = free_at.max(now);
            free_at = start + service;
            starts.push_back((start, start - now));
            if n >= seconds * 1_000 {
                served[request.priority as usize] += 1;
            }
        }
    }
    // In the second half each kind asks for 500 a second over 150 s, and the capacity is twice that.
    // The level swings by a twentieth down and by a fiftieth of the capacity up, around the second kind.
    let each = 75_000.0;
    let share = served.map(|n| f64::from(n) / each);
    assert_eq!(share[0], 1.0);
    assert!(share[1] > 0.8 && share[3] == 0.0, "{share:?}");
    let total: f64 = share.iter().sum();
    assert!((1.8..=2.02).contains(&total), "of 2: {share:?}");
}

fn layer() -> impl Strategy<Value = AdmissionLayer> {
    let algorithm = prop_oneof![
        (1u32..9).prop_map(ConcurrencyAlgorithm::Fixed),
        Just(ConcurrencyAlgorithm::VEGAS),
        Just(ConcurrencyAlgorithm::GRADIENT),
    ];
    let rate = prop_oneof![
        (1e6..1e9f64, 1.0..9.0f64)
            .prop_map(|(rate, burst)| RateAlgorithm::TokenBucket { rate, burst }),
        (1u32..9, 1u64..400).prop_map(|(limit, window)| RateAlgorithm::SlidingLog {
            limit,
            window: Duration::from_nanos(window),
        }),
    ];
    prop_oneof![
        (rate, prop::option::of(1u32..4))
            .prop_map(|(algorithm, keys)| AdmissionLayer::RateLimit { algorithm, keys }),
        algorithm.prop_map(AdmissionLayer::ConcurrencyLimit),
        (0u64..50, 1u64..500, 1u32..40, 1u32..9).prop_map(
            |(queue_wait, window, window_requests, user_levels)| {
                AdmissionLayer::PriorityShedding(PriorityConfig {
                    queue_wait: Duration::from_nanos(queue_wait),
                    window: Duration::from_nanos(window),
                    window_requests,
                    decrease: 0.2,
                    increase: 0.1,
                    user_levels,
                })
            }
        ),
        (0.1..1.0f64, 1u64..5).prop_map(|(success_threshold, window)| {
            AdmissionLayer::AdmissionControl(AdmissionControlConfig {
                success_threshold,
                window: Duration::from_nanos(window * 100),
                ..AdmissionControlConfig::default()
            })
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn everything_that_was_let_in_is_given_back(
        layers in prop::collection::vec(layer(), 0..5),
        seed: u64,
        steps in prop::collection::vec((0u8..10, any::<u64>()), 1..200),
    ) {
        let mut admission = admission(layers);
        let mut random = dice(seed);
        let (mut now, mut inside) = (Instant::ZERO, Vec::new());
        for (step, n) in steps {
            let one = (n >> 8) as usize % inside.len().max(1);
            let wait = Duration::from_nanos(n % 90);
            match step {
                0..=4 => {
                    let request = Arriving { priority: n as u32 % 3, key: n >> 32 };
                    inside.extend(admission.admit(now, &request, &mut random).ok());
                }
                5 => admission.dequeued(now, wait),
                6..=7 if !inside.is_empty() => {
                    let outcome = Outcome::ALL[n as usize % 8];
                    admission.ended(now, inside.swap_remove(one), outcome);
                }
                8 if !inside.is_empty() => admission.dropped(now, inside.swap_remove(one)),
                _ => now += wait,
            }
            // Each limit knows of those that are in, and of nobody else.
            for layer in &admission.layers {
                if let Layer::ConcurrencyLimit(limit) = layer {
                    prop_assert_eq!(limit.in_flight() as usize, inside.len());
                }
            }
        }
    }

    /// At any instant, whoever is more important than one that is let in is let in.
    #[test]
    fn nobody_is_let_in_before_somebody_more_important(
        config in (0u64..50, 1u64..500, 1u32..40, 1u32..9, 0.0..1.0f64, 0.0..1.0f64).prop_map(
            |(queue_wait, window, window_requests, user_levels, decrease, increase)| PriorityConfig {
                queue_wait: Duration::from_nanos(queue_wait),
                window: Duration::from_nanos(window),
                window_requests,
                decrease,
                increase,
                user_levels,
            }
        ),
        steps in prop::collection::vec((any::<u64>(), 0u64..90, 0u64..90), 1..300),
    ) {
        let mut shedding = PriorityShedding::new(&config);
        let mut now = Instant::ZERO;
        for (n, pause, wait) in steps {
            now += Duration::from_nanos(pause);
            let request = Arriving { priority: n as u32 % 5, key: n >> 40 };
            if shedding.admit(now, &request).is_ok() {
                shedding.dequeued(now, Duration::from_nanos(wait));
            }
            let mut asked: Vec<_> = (0..40u64)
                .map(|n| {
                    let request = Arriving { priority: n as u32 % 5, key: n };
                    let user = shedding.user_level(now, n);
                    let admitted = shedding.clone().admit(now, &request).is_ok();
                    (request.priority, user, !admitted)
                })
                .collect();
            asked.sort_unstable();
            prop_assert!(asked.is_sorted_by_key(|(.., refused)| refused));
        }
    }
}

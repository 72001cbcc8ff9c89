use super::*;
use proptest::prelude::*;

fn at(ms: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(ms)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

const TENTH: u64 = 100;

fn errors(above: f64, minimum: u32) -> Signal {
    Signal::ErrorRate {
        above,
        over: ms(10 * TENTH),
        minimum,
    }
}

/// Requests of a full history: (time, failed, took).
type History = Vec<(u64, bool, u64)>;

/// What the definition says of a look, from everything that ever happened.
fn naive(history: &History, look: u64, signal: Signal) -> bool {
    let within = |over: Duration| {
        let tenth = over.as_nanos() / 10 / 1_000_000;
        let end = look / tenth * tenth;
        let from = end.saturating_sub(10 * tenth);
        let seen: Vec<_> = history
            .iter()
            .filter(|(time, ..)| (from..end).contains(time))
            .copied()
            .collect();
        seen
    };
    let failed = |seen: &History| seen.iter().filter(|(_, failed, _)| *failed).count() as f64;
    match signal {
        Signal::ErrorRate {
            above,
            over,
            minimum,
        } => {
            let seen = within(over);
            seen.len() >= minimum as usize && failed(&seen) / seen.len() as f64 > above
        }
        Signal::Latency {
            quantile,
            above,
            over,
            minimum,
        } => {
            let mut took: Vec<u64> = within(over)
                .iter()
                .filter(|(_, failed, _)| !failed)
                .map(|(_, _, took)| *took)
                .collect();
            took.sort_unstable();
            // The nearest rank of the quantile.
            let rank = libm::ceil(quantile * took.len() as f64 - 1e-6).max(1.0) as usize;
            took.len() >= minimum as usize && ms(took[rank - 1]) > above
        }
        Signal::BurnRate {
            above,
            budget,
            long,
            short,
            minimum,
        } => [long, short].into_iter().all(|over| {
            let seen = within(over);
            seen.len() >= minimum as usize
                && failed(&seen) / seen.len() as f64 / budget > above + 1e-12
        }),
        Signal::Health { .. } => unreachable!("it has no requests"),
    }
}

fn signals() -> impl Strategy<Value = Signal> {
    prop_oneof![
        (0.0..0.9f64, 1u32..20).prop_map(|(above, minimum)| errors(above, minimum)),
        (1u32..=99, 1u64..60, 1u32..20).prop_map(|(percent, above, minimum)| Signal::Latency {
            quantile: f64::from(percent) / 100.0,
            above: ms(above),
            over: ms(10 * TENTH),
            minimum,
        }),
        (0.5..5.0f64, 1u32..20).prop_map(|(above, minimum)| Signal::BurnRate {
            above,
            budget: 0.1,
            long: ms(40 * TENTH),
            short: ms(10 * TENTH),
            minimum,
        }),
    ]
}

proptest! {
    #[test]
    fn a_watch_says_what_the_whole_history_says(
        signal in signals(),
        requests in prop::collection::vec((0u64..40, any::<bool>(), 0u64..60), 1..400),
    ) {
        let mut watch = Watch::new(Instant::ZERO, signal);
        let mut history = Vec::new();
        let (mut now, mut look) = (0, TENTH);
        for (gap, failed, took) in requests {
            now += gap;
            while look <= now {
                prop_assert_eq!(
                    watch.look(at(look), true),
                    naive(&history, look, signal),
                    "at {} of {:?}", look, history
                );
                look += TENTH;
            }
            watch.record(at(now), failed, ms(took));
            history.push((now, failed, took));
        }
    }
}

#[test]
fn a_window_forgets_what_is_older() {
    let mut watch = Watch::new(Instant::ZERO, errors(0.5, 1));
    watch.record(at(50), true, ms(1));
    assert!(!watch.look(at(50), true), "its slice is not full");
    assert!(watch.look(at(100), true));
    assert!(watch.look(at(1000), true));
    assert!(!watch.look(at(1100), true));
    // Long silence is no trouble.
    watch.record(at(1_000_000), true, ms(1));
    assert!(watch.look(at(1_000_100), true));
}

#[test]
fn a_quantile_is_above_its_bound_when_more_than_its_share_is() {
    let signal = Signal::Latency {
        quantile: 0.99,
        above: ms(10),
        over: ms(1000),
        minimum: 100,
    };
    for (slow, alarm) in [(1, false), (2, true)] {
        let mut watch = Watch::new(Instant::ZERO, signal);
        for request in 0..100 {
            watch.record(at(1), false, ms(if request < slow { 11 } else { 10 }));
        }
        assert_eq!(watch.look(at(100), true), alarm);
    }
}

#[test]
fn a_budget_must_burn_over_both_windows() {
    let signal = Signal::BurnRate {
        above: 2.0,
        budget: 0.1,
        long: ms(10_000),
        short: ms(1000),
        minimum: 1,
    };
    // All fail for a second; then all is well.
    let mut watch = Watch::new(Instant::ZERO, signal);
    let mut alarms = Vec::new();
    for time in (0..4000).step_by(10) {
        if time % 100 == 0 && watch.look(at(time), true) {
            alarms.push(time);
        }
        watch.record(at(time), time < 1000, ms(1));
    }
    // The long window sees its first slice at 1 s. A second later the short one is clean: its last
    // share above a fifth was from 800 ms on.
    assert_eq!(alarms.first(), Some(&1000));
    assert_eq!(alarms.last(), Some(&1700));
}

#[test]
fn somebody_must_be_ill_without_a_pause() {
    let mut watch = Watch::new(Instant::ZERO, Signal::Health { over: ms(1000) });
    assert!(!watch.look(at(100), false));
    assert!(!watch.look(at(900), true));
    assert!(!watch.look(at(1000), false));
    assert!(!watch.look(at(1900), false));
    assert!(watch.look(at(2000), false));
}

/// False alarms are the tail of a binomial: with an error rate of 2 % and 50 requests a window,
/// disjoint windows are above 6 % when four or more of fifty fail.
#[test]
fn false_alarms_come_as_often_as_the_binomial_says() {
    let mut bits = 0x1234_5678_9abc_def0_u64;
    let mut chance = || {
        // Steele, Lea, Flood 2014: SplitMix64.
        bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = bits;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    };
    let windows = 20_000;
    let mut watch = Watch::new(Instant::ZERO, errors(0.06, 20));
    let mut alarms = 0;
    for window in 0..windows {
        for request in 0..50 {
            watch.record(at(window * 1000 + request * 20), chance() < 0.02, ms(1));
        }
        alarms += u64::from(watch.look(at((window + 1) * 1000), true));
    }
    let (n, p) = (50.0, 0.02);
    let mut term = (1.0f64 - p).powi(50);
    let mut below = 0.0;
    for k in 0..4 {
        below += term;
        term *= (n - f64::from(k)) / f64::from(k + 1) * p / (1.0 - p);
    }
    let expected = (1.0 - below) * windows as f64;
    let sd = (expected * below).sqrt();
    assert!(
        (alarms as f64 - expected).abs() < 4.0 * sd,
        "{alarms} alarms, {expected} ± {sd} expected"
    );
}

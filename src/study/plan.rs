//! When a replication is measured: its warm-up, its end, and the windows between them.

use clock::{Duration, Instant};

/// The spans that one replication is measured in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Plan {
    /// What began earlier is not measured, but seen in the windows.
    pub(crate) warmup_end: Instant,
    /// The end of the run.
    pub(crate) end: Instant,
    /// The length of a window.
    pub(crate) window: Duration,
}

/// A chart has room for no more windows; at least 96 follow for any run of 96 ns and more.
const MOST_WINDOWS: u64 = 240;

impl Plan {
    pub(crate) fn new(duration: Duration, warmup: Duration) -> Self {
        let [warmup_end, end] = [warmup, duration].map(|d| Instant::ZERO + d);
        Self {
            warmup_end,
            end,
            window: window_length(duration),
        }
    }

    /// How many windows the whole run has; the last one may be cut by its end.
    pub(crate) fn windows(&self) -> usize {
        self.end.as_nanos().div_ceil(self.window.as_nanos()) as usize
    }
}

/// The shortest length of the form 1, 2 or 5 × 10^k ns that gives at most [`MOST_WINDOWS`].
fn window_length(duration: Duration) -> Duration {
    let mut power = 1u64;
    loop {
        for digit in [1, 2, 5] {
            let length = digit * power;
            if duration.as_nanos().div_ceil(length) <= MOST_WINDOWS {
                return Duration::from_nanos(length);
            }
        }
        power *= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn windows_have_lengths_that_people_read() {
        let length = |s| window_length(Duration::from_secs_f64(s)).as_secs_f64();
        assert_eq!(length(600.0), 5.0);
        assert_eq!(length(60.0), 0.5);
        assert_eq!(length(1251.0), 10.0);
        assert_eq!(length(86_400.0), 500.0);
        assert_eq!(length(0.001), 5e-6);
    }

    proptest! {
        #[test]
        fn there_are_enough_windows_and_not_too_many(ns in 96..u64::MAX / 2) {
            let plan = Plan::new(Duration::from_nanos(ns), Duration::ZERO);
            prop_assert!((96..=240).contains(&plan.windows()), "{} windows", plan.windows());
        }
    }
}

//! The average of a level over time: queue lengths, busy workers.
//!
//! It refuses to know the time: whoever changes the level says when.

/// A level that stays the same between changes, integrated over time exactly.
///
/// Times are `u64` of any unit (nanoseconds, as a rule) and must not fall.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Gauge {
    level: u64,
    max: u64,
    changed: u64,
    /// Up to `changed`, since time 0.
    integral: u128,
}

impl Gauge {
    /// At level 0 from time 0 on.
    pub const fn new() -> Self {
        Self {
            level: 0,
            max: 0,
            changed: 0,
            integral: 0,
        }
    }

    /// The level is `level` from `now` on.
    #[inline]
    pub fn set(&mut self, now: u64, level: u64) {
        debug_assert!(
            now >= self.changed,
            "time fell from {} to {now}",
            self.changed
        );
        self.integral += u128::from(self.level) * u128::from(now.wrapping_sub(self.changed));
        self.changed = now;
        self.level = level;
        self.max = self.max.max(level);
    }

    /// The level now.
    pub const fn level(&self) -> u64 {
        self.level
    }

    /// The highest level since the start, or since [`Gauge::restart_max`].
    pub const fn max(&self) -> u64 {
        self.max
    }

    /// Forgets levels of the past; the current one counts.
    pub const fn restart_max(&mut self) {
        self.max = self.level;
    }

    /// Level × time from time 0 to `now` (not before the last change). The mean over a span is the
    /// difference of two of these, divided by the span.
    pub fn integral(&self, now: u64) -> u128 {
        debug_assert!(
            now >= self.changed,
            "time fell from {} to {now}",
            self.changed
        );
        self.integral + u128::from(self.level) * u128::from(now.wrapping_sub(self.changed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_area_under_steps() {
        let mut gauge = Gauge::new();
        gauge.set(10, 3);
        gauge.set(14, 1);
        assert_eq!(gauge.integral(20), 3 * 4 + 6);
        assert_eq!(gauge.max(), 3);
        gauge.restart_max();
        assert_eq!((gauge.level(), gauge.max()), (1, 1));
    }

    #[test]
    fn large_levels_over_long_times_do_not_overflow() {
        let mut gauge = Gauge::new();
        gauge.set(0, u64::from(u32::MAX));
        assert_eq!(
            gauge.integral(u64::MAX),
            u128::from(u32::MAX) * u128::from(u64::MAX)
        );
    }

    proptest! {
        #[test]
        fn the_same_as_adding_up_instant_by_instant(steps in prop::collection::vec((0..20u64, 0..9u64), 0..30)) {
            let (mut gauge, mut now, mut level, mut area) = (Gauge::new(), 0, 0, 0);
            for (gap, next) in steps {
                area += (0..gap).map(|_| u128::from(level)).sum::<u128>();
                now += gap;
                level = next;
                gauge.set(now, level);
            }
            prop_assert_eq!(gauge.integral(now), area);
        }
    }
}

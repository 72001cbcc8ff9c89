//! From values to places on a chart, and the round values that deserve a tick. It knows nothing
//! of what the values mean.

/// An axis: a range of values laid over a range of places.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Scale {
    low: f64,
    high: f64,
    start: f64,
    end: f64,
    log: bool,
}

impl Scale {
    /// Equal steps for equal differences. `low < high`.
    pub(crate) fn linear((low, high): (f64, f64), (start, end): (f64, f64)) -> Self {
        debug_assert!(low < high);
        Self {
            low,
            high,
            start,
            end,
            log: false,
        }
    }

    /// Equal steps for equal factors. `0 < low < high`.
    pub(crate) fn log((low, high): (f64, f64), (start, end): (f64, f64)) -> Self {
        debug_assert!(0.0 < low && low < high);
        Self {
            low,
            high,
            start,
            end,
            log: true,
        }
    }

    /// The one or the other.
    pub(crate) fn linear_or_log(range: (f64, f64), places: (f64, f64), log: bool) -> Self {
        if log {
            Self::log(range, places)
        } else {
            Self::linear(range, places)
        }
    }

    /// Whether any of these values is within the range.
    pub(crate) fn meets(&self, from: f64, to: f64) -> bool {
        from < self.high && to > self.low || from == to && (self.low..=self.high).contains(&from)
    }

    /// Where a value is; one outside the range is at its end.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let share = if self.log {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.start + share.clamp(0.0, 1.0) * (self.end - self.start)
    }
}

/// Round steps: about `count` of them over a range.
pub(crate) fn round_step(range: f64, count: f64) -> f64 {
    let rough = range / count;
    let power = 10f64.powf(rough.log10().floor());
    let lead = rough / power;
    let round = [1.0, 2.0, 2.5, 5.0, 10.0];
    let round = round.into_iter().find(|r| lead <= r * 1.000_001);
    round.unwrap_or(10.0) * power
}

/// Multiples of a step within a range, ends included.
pub(crate) fn multiples(low: f64, high: f64, step: f64) -> Vec<f64> {
    let slack = 1e-9;
    let first = (low / step - slack).ceil() as i64;
    let last = (high / step + slack).floor() as i64;
    (first..=last).map(|n| n as f64 * step).collect()
}

/// Decimals that tell multiples of a step apart.
pub(crate) fn decimals(step: f64) -> usize {
    (0..9)
        .find(|&d| {
            let scaled = step * 10f64.powi(d);
            (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1.0)
        })
        .unwrap_or(9) as usize
}

/// The range of 1-2-5 values that holds `low..=high`, for a log axis. `0 < low <= high`.
pub(crate) fn round_log_range(low: f64, high: f64) -> (f64, f64) {
    let values = one_two_five(low / 10.0, high * 10.0);
    let below = values.iter().copied().rfind(|v| *v <= low * 1.000_001);
    let above = values.iter().copied().find(|v| *v >= high / 1.000_001);
    let (below, above) = (below.unwrap_or(low / 2.0), above.unwrap_or(high * 2.0));
    if below < above {
        (below, above)
    } else {
        (below / 2.0, above * 2.0)
    }
}

/// Ticks of a log axis: decades where they are enough, else 1-2-5.
pub(crate) fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    if high / low > 2e4 {
        let (first, last) = (low.log10() - 1e-9, high.log10() + 1e-9);
        (first.ceil() as i32..=last.floor() as i32)
            .map(|power| 10f64.powi(power))
            .collect()
    } else {
        one_two_five(low / 1.000_001, high * 1.000_001)
    }
}

fn one_two_five(low: f64, high: f64) -> Vec<f64> {
    let first = low.log10().floor() as i32;
    let last = high.log10().ceil() as i32;
    (first..=last)
        .flat_map(|power| [1.0, 2.0, 5.0].map(|lead| lead * 10f64.powi(power)))
        .filter(|value| (low..=high).contains(value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_linear_or_logarithmic_and_stay_inside() {
        let linear = Scale::linear((0.0, 10.0), (100.0, 200.0));
        assert_eq!(linear.place(2.5), 125.0);
        assert_eq!(linear.place(-1.0), 100.0);
        assert_eq!(linear.place(11.0), 200.0);
        assert!(linear.meets(-5.0, 0.1) && linear.meets(9.0, 20.0) && linear.meets(3.0, 3.0));
        assert!(!linear.meets(-5.0, 0.0) && !linear.meets(10.0, 12.0) && !linear.meets(11.0, 11.0));
        let log = Scale::log((1.0, 100.0), (0.0, 1.0));
        assert!((log.place(10.0) - 0.5).abs() < 1e-12);
        assert_eq!(log.place(0.0), 0.0);
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(round_step(600.0, 6.0), 100.0);
        assert_eq!(round_step(10.0, 5.0), 2.0);
        assert_eq!(round_step(0.7, 5.0), 0.2);
        assert_eq!(multiples(0.0, 1.0, 0.25), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(decimals(0.25), 2);
        assert_eq!(decimals(20.0), 0);
        assert_eq!(
            log_ticks(1.0, 100.0),
            [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]
        );
        assert_eq!(log_ticks(1.0, 1e5).len(), 6);
        assert_eq!(round_log_range(3.0, 1900.0), (2.0, 2000.0));
        assert_eq!(round_log_range(5.0, 5.0), (2.5, 10.0));
    }
}

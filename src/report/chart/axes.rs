//! The axes of measured figures: which range shows them all, and where it is marked. It knows
//! nothing of where they are drawn.

use super::frame::Axis;
use super::scale::{decimals, log_ticks, multiples, round_log_range, round_step};
use crate::share;
use crate::units::{milliseconds, three_digits};
use study::Unit;

/// A log axis when the largest value is this many times the smallest.
const WIDE: f64 = 30.0;

/// A latency on an axis is between a nanosecond and thirty years: beyond, the figure is absurd and
/// its axis without use.
pub(super) fn plottable(ms: f64) -> f64 {
    ms.clamp(1e-6, 1e12)
}

/// Of milliseconds: from 0, or logarithmic where they differ by more than a factor of 30.
pub(super) fn latency(values: impl Iterator<Item = f64>) -> Axis {
    let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
    for value in values.filter(|v| v.is_finite() && *v > 0.0) {
        low = low.min(plottable(value));
        high = high.max(plottable(value));
    }
    let name = "latency".to_owned();
    if high > 0.0 && high / low > WIDE {
        let range = round_log_range(low, high);
        return Axis {
            name: name + ", log scale",
            range,
            log: true,
            ticks: log_ticks(range.0, range.1)
                .into_iter()
                .map(|tick| (tick, milliseconds(tick)))
                .collect(),
        };
    }
    let high = if high > 0.0 { high } else { 1.0 };
    let step = round_step(high, 6.0);
    let top = (high / step * 0.999_999).ceil() * step;
    let (unit, unit_name) = match top {
        t if t > 2000.0 => (1000.0, "s"),
        t if t < 2.0 => (0.001, "µs"),
        _ => (1.0, "ms"),
    };
    let places = decimals(step / unit);
    Axis {
        name,
        range: (0.0, top),
        log: false,
        ticks: multiples(0.0, top, step)
            .into_iter()
            .map(|tick| (tick, format!("{:.places$} {unit_name}", tick / unit)))
            .collect(),
    }
}

/// Of shares of success: up to all of them, from a round share below the least.
pub(super) fn availability(values: impl Iterator<Item = f64>) -> Axis {
    let least = values.filter(|v| v.is_finite()).fold(1.0, f64::min);
    let floor = share::floor(least);
    let step = round_step((1.0 - floor) * 100.0, 5.0);
    Axis {
        name: if floor > 0.0 {
            format!("availability, from {}", crate::units::availability(floor))
        } else {
            "availability".into()
        },
        range: (floor, 1.0),
        log: false,
        ticks: percents(floor * 100.0, 100.0, step),
    }
}

/// Of any figure: from 0 when that wastes no more than half of the axis, else from a round value
/// below the least. `count` ticks or so.
pub(super) fn figure(unit: Unit, values: impl Iterator<Item = f64>, count: f64) -> Axis {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in values.filter(|v| v.is_finite() && v.abs() < 1e15) {
        low = low.min(value);
        high = high.max(value);
    }
    if unit == Unit::Milliseconds && low > 0.0 && high / low > WIDE {
        return latency([low, high].into_iter());
    }
    if low > high {
        (low, high) = (0.0, 1.0);
    }
    if low > 0.0 && low <= (high / 2.0) {
        low = 0.0;
    }
    if high - low <= high.abs() * 1e-9 {
        // All the same: a little air around it.
        let air = if high == 0.0 { 1.0 } else { high.abs() * 0.1 };
        // There is no more than all of it.
        let all = unit == Unit::Ratio && (0.0..=1.0).contains(&high);
        high = if all {
            (high + air).min(1.0)
        } else {
            high + air
        };
        low = if low == 0.0 { 0.0 } else { low - air };
    }
    let scale = if unit == Unit::Ratio { 100.0 } else { 1.0 };
    let step = round_step((high - low) * scale, count);
    let (mut low, mut high) = (
        (low * scale / step * 1.000_001).floor() * step,
        (high * scale / step * 0.999_999).ceil() * step,
    );
    if unit == Unit::Ratio {
        // A share does not go beyond all of it, but a mean of some count ÷ count may.
        low = if low < 0.0 { 0.0 } else { low };
        high = if high > 100.0 && high - step < 100.0 + 1e-9 && high < 100.0 + step {
            100.0_f64.max(low + step)
        } else {
            high
        };
    }
    let ticks = match unit {
        Unit::Ratio => percents(low, high, step),
        Unit::Milliseconds => multiples(low, high, step)
            .into_iter()
            .map(|tick| (tick, milliseconds(tick)))
            .collect(),
        Unit::PerSecond => numbers(low, high, step, "/s"),
        Unit::Count => numbers(low, high, step, ""),
    };
    Axis {
        name: String::new(),
        range: (low / scale, high / scale),
        log: false,
        ticks,
    }
}

fn percents(low: f64, high: f64, step: f64) -> Vec<(f64, String)> {
    let places = decimals(step);
    multiples(low, high, step)
        .into_iter()
        .map(|tick| (tick / 100.0, format!("{tick:.places$} %")))
        .collect()
}

fn numbers(low: f64, high: f64, step: f64, unit: &str) -> Vec<(f64, String)> {
    let places = decimals(step);
    multiples(low, high, step)
        .into_iter()
        .map(|tick| {
            let text = if tick.abs() >= 10_000.0 {
                three_digits(tick)
            } else {
                format!("{tick:.places$}")
            };
            (tick, text + unit)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_axis_begins_at_zero_unless_that_wastes_it() {
        let of = |values: &[f64]| figure(Unit::Count, values.iter().copied(), 5.0);
        assert_eq!(of(&[3.0, 10.0]).range, (0.0, 10.0));
        assert_eq!(of(&[96.0, 100.0]).range, (96.0, 100.0));
        assert_eq!(of(&[]).range, (0.0, 1.0));
        assert_eq!(of(&[0.0, 0.0]).range, (0.0, 1.0));
        let shares = figure(Unit::Ratio, [0.93, 1.0].into_iter(), 5.0);
        assert_eq!(shares.range.1, 1.0);
        assert_eq!(shares.ticks.last().unwrap().1, "100 %");
        let times = figure(Unit::Milliseconds, [1.0, 900.0].into_iter(), 5.0);
        assert!(times.log);
    }

    proptest! {
        #[test]
        fn every_value_is_on_its_axis(values in proptest::collection::vec(-1e12f64..1e12, 1..9)) {
            for unit in [Unit::Count, Unit::PerSecond] {
                let axis = figure(unit, values.iter().copied(), 5.0);
                let slack = (axis.range.1 - axis.range.0) * 1e-3;
                prop_assert!(axis.range.0 < axis.range.1);
                for value in &values {
                    prop_assert!((axis.range.0 - slack..=axis.range.1 + slack).contains(value));
                }
                prop_assert!((1..=14).contains(&axis.ticks.len()), "{}", axis.ticks.len());
            }
        }
    }
}

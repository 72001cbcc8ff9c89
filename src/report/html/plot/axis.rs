//! An axis of a chart: its range, where on it a value is, and the round values that get a tick.

use crate::chart::scale::{log_ticks, multiples, round_step};
use crate::html::show::Show;
use serde::Serialize;

/// An axis.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Axis {
    #[serde(rename = "u")]
    pub(crate) show: Show,
    #[serde(rename = "lo")]
    pub(crate) low: f64,
    #[serde(rename = "hi")]
    pub(crate) high: f64,
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) log: bool,
    /// Whether the range stays when curves are hidden.
    #[serde(rename = "fix", skip_serializing_if = "is_not")]
    pub(crate) fixed: bool,
}

impl Axis {
    pub(crate) fn linear(show: Show, low: f64, high: f64) -> Self {
        Self {
            show,
            low,
            high: if high > low { high } else { low + 1.0 },
            log: false,
            fixed: false,
        }
    }

    /// From zero to a little above the largest value.
    pub(crate) fn from_zero(show: Show, values: impl Iterator<Item = f64>) -> Self {
        let most = values.filter(|v| v.is_finite()).fold(0.0, f64::max);
        Self::linear(show, 0.0, most * 1.08)
    }

    /// From a little below the least value to a little above the largest, on a log scale where they are
    /// far apart, from zero where not.
    pub(crate) fn of_latencies(values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.filter(|v| v.is_finite() && *v > 0.0).collect();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(0.0, f64::max);
        if most > 20.0 * least {
            Self::log(Show::Milliseconds, least / 1.3, most * 1.3)
        } else {
            Self::from_zero(Show::Milliseconds, values.into_iter())
        }
    }

    pub(crate) fn log(show: Show, low: f64, high: f64) -> Self {
        Self {
            log: true,
            ..Self::linear(show, low, high.max(low * 1.01))
        }
    }

    /// 0 at the low end, 1 at the high one.
    pub(super) fn share(&self, value: f64) -> f64 {
        if self.log {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }

    /// A tick's value; a clock's axis that counts in minutes counts so from the first.
    pub(super) fn label(&self, value: f64) -> String {
        let minutes = self.show == Show::Seconds && self.high - self.low > 120.0;
        match minutes && value > 0.0 && value % 60.0 == 0.0 && value < 7200.0 {
            true => format!("{} min", value / 60.0),
            false => self.show.text(value),
        }
    }

    pub(super) fn ticks(&self, many: f64) -> Vec<f64> {
        if self.log {
            let ticks = if self.high / self.low > 3e3 {
                decades(self.low, self.high)
            } else {
                log_ticks(self.low, self.high)
            };
            let inside = |v: &f64| (self.low..=self.high).contains(v);
            let ticks: Vec<f64> = ticks.into_iter().filter(inside).collect();
            let wide = self.high / self.low > 60.0;
            let few = |v: &f64| !wide || leads_with_one(*v);
            return match ticks.iter().filter(|v| few(v)).count() {
                0 | 1 => ticks,
                _ => ticks.into_iter().filter(few).collect(),
            };
        }
        const TIMES: [f64; 11] = [
            15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0,
        ];
        let range = self.high - self.low;
        let step = if self.show == Show::Seconds && range > 120.0 {
            let fits = TIMES.into_iter().find(|step| *step >= range / many);
            fits.unwrap_or(86400.0)
        } else {
            round_step(range, many)
        };
        multiples(self.low, self.high, step)
    }
}

fn decades(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (low.log10().ceil() as i32, high.log10().floor() as i32);
    (first..=last).map(|power| 10f64.powi(power)).collect()
}

fn leads_with_one(value: f64) -> bool {
    let power = value.log10();
    (power - power.round()).abs() < 1e-9
}

fn is_not(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_time_are_of_the_clock_and_those_of_latency_lead_with_one() {
        let time = Axis::linear(Show::Seconds, 0.0, 480.0);
        assert_eq!(time.ticks(8.0)[..3], [0.0, 60.0, 120.0]);
        let latency = Axis::log(Show::Milliseconds, 3.0, 4000.0);
        assert_eq!(latency.ticks(4.0), [10.0, 100.0, 1000.0]);
    }
}

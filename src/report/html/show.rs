//! How a value is written on the page, in text and in scripts alike: its unit decides.

use crate::units::{NOTHING, availability, milliseconds, percent, rate, seconds, three_digits};
use serde::Serialize;
use study::Unit;
use study::record::Estimate;

/// What a value is, so how it is written; `page.js` knows the same names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(crate) enum Show {
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Per second.
    #[serde(rename = "rate")]
    Rate,
    /// 0 to 1.
    #[serde(rename = "share")]
    Share,
    /// A number of things.
    #[serde(rename = "count")]
    Count,
    /// 1 ÷ (1 − q) of the quantile q, on whose log scale each nine takes the same room.
    #[serde(rename = "quantile")]
    Quantile,
}

impl Show {
    /// The value and its unit; a dash where there is none.
    pub(crate) fn text(self, value: f64) -> String {
        if !value.is_finite() {
            return NOTHING.into();
        }
        match self {
            Self::Milliseconds => milliseconds(value),
            Self::Seconds if value == 0.0 => "0 s".into(),
            Self::Seconds => seconds(value),
            Self::Rate => rate(value),
            Self::Share if value > 0.99 => availability(value),
            Self::Share => percent(value),
            Self::Count => three_digits(value),
            Self::Quantile => {
                let q = 100.0 - 100.0 / value;
                let digits = format!("{q:.6}");
                let digits = digits.trim_end_matches('0').trim_end_matches('.');
                format!("p{digits}")
            }
        }
    }

    /// A half-width: of shares in points, which are not shares of anything.
    pub(crate) fn width(self, half: f64) -> String {
        match self {
            Self::Share => format!("{} pts", three_digits(half * 100.0)),
            other => other.text(half),
        }
    }
}

impl From<Unit> for Show {
    fn from(unit: Unit) -> Self {
        match unit {
            Unit::Ratio => Self::Share,
            Unit::Milliseconds => Self::Milliseconds,
            Unit::PerSecond => Self::Rate,
            Unit::Count => Self::Count,
        }
    }
}

/// Half of the width of an interval that has both ends.
pub(crate) fn half(value: &Estimate) -> Option<f64> {
    let (low, high) = value.low.zip(value.high)?;
    Some((high - low) / 2.0).filter(|half| half.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_its_unit_and_an_interval_its_own() {
        assert_eq!(Show::Share.text(0.999), "99.9 %");
        assert_eq!(Show::Share.text(0.25), "25 %");
        assert_eq!(Show::Quantile.text(1000.0), "p99.9");
        assert_eq!(Show::Quantile.text(2.0), "p50");
        assert_eq!(Show::Rate.text(f64::NAN), NOTHING);
        let estimate = |low, high| Estimate {
            mean: Some(0.5),
            low,
            high,
        };
        let half = half(&estimate(Some(0.25), Some(0.75))).unwrap();
        assert_eq!(Show::Share.width(half), "25 pts");
        assert_eq!(super::half(&estimate(None, None)), None);
    }
}

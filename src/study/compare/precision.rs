//! How well a difference shall be known.

use crate::StudyError;
use crate::metrics::{Metric, Unit};
use std::fmt;
use std::str::FromStr;

/// A metric, and how narrow the interval of its difference shall be: `METRIC=HALF-WIDTH`.
#[derive(Clone, PartialEq, Debug)]
pub struct Precision {
    /// Such as `shoppers.availability`.
    pub metric: String,
    /// Half of the interval's width.
    pub width: Width,
}

/// Half of an interval's width.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Width {
    /// Points for shares, else a share of the first setting's mean: `0.1%`.
    Percent(f64),
    /// Of a time: `5ms`.
    Milliseconds(f64),
    /// Of a rate: `2/s`.
    PerSecond(f64),
    /// In the metric's own unit (times in milliseconds): `0.01`.
    Plain(f64),
}

impl Precision {
    /// # Errors
    /// When the width is of another unit than the metric.
    pub(super) fn check(&self, metric: &Metric) -> Result<(), StudyError> {
        let fits = match self.width {
            Width::Percent(_) | Width::Plain(_) => true,
            Width::Milliseconds(_) => metric.unit == Unit::Milliseconds,
            Width::PerSecond(_) => metric.unit == Unit::PerSecond,
        };
        if fits {
            return Ok(());
        }
        Err(StudyError::Width {
            width: self.width.to_string(),
            metric: metric.name.clone(),
            allowed: match metric.unit {
                Unit::Ratio => "points, such as `0.1%`",
                Unit::Milliseconds => "a time, such as `5ms`, or a share of the mean, such as `2%`",
                Unit::PerSecond => "a rate, such as `2/s`, or a share of the mean, such as `2%`",
                Unit::Count => "a number, such as `0.1`, or a share of the mean, such as `2%`",
            },
        })
    }

    /// In the metric's unit.
    pub(super) fn target(&self, unit: Unit, baseline: f64) -> f64 {
        match self.width {
            Width::Percent(share) if unit == Unit::Ratio => share / 100.0,
            Width::Percent(share) => share / 100.0 * baseline.abs(),
            Width::Milliseconds(value) | Width::PerSecond(value) | Width::Plain(value) => value,
        }
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A metric's name may hold `=`; a width never does.
        let Some((metric, width)) = text.rsplit_once('=') else {
            return Err(format!("expected METRIC=HALF-WIDTH, found `{text}`"));
        };
        Ok(Self {
            metric: metric.trim().to_owned(),
            width: width.trim().parse()?,
        })
    }
}

impl FromStr for Width {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.'));
        let (number, unit) = text.split_at(end.unwrap_or(text.len()));
        let value = number.parse::<f64>().ok().filter(|value| *value > 0.0);
        let width = value.and_then(|value| {
            Some(match unit.trim() {
                "%" => Self::Percent(value),
                "us" => Self::Milliseconds(value / 1e3),
                "ms" => Self::Milliseconds(value),
                "s" => Self::Milliseconds(value * 1e3),
                "/s" => Self::PerSecond(value),
                "" => Self::Plain(value),
                _ => return None,
            })
        });
        width.ok_or_else(|| {
            format!("`{text}` is no half-width above zero, such as `0.1%`, `5ms`, `2/s` or `0.01`")
        })
    }
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(value) => write!(f, "{value}%"),
            Self::Milliseconds(value) => write!(f, "{value}ms"),
            Self::PerSecond(value) => write!(f, "{value}/s"),
            Self::Plain(value) => write!(f, "{value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_read_with_their_units() {
        let read = |text: &str| text.parse::<Width>();
        assert_eq!(read("0.1%"), Ok(Width::Percent(0.1)));
        assert_eq!(read("5ms"), Ok(Width::Milliseconds(5.0)));
        assert_eq!(read("0.5s"), Ok(Width::Milliseconds(500.0)));
        assert_eq!(read("2/s"), Ok(Width::PerSecond(2.0)));
        assert_eq!(read("0.01"), Ok(Width::Plain(0.01)));
        for wrong in ["", "0", "0%", "-1", "5 apples", "%", "1e3", "NaN"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn percentages_are_points_of_shares_and_shares_of_anything_else() {
        let precision: Precision = "w.x=2%".parse().unwrap();
        assert_eq!(precision.target(Unit::Ratio, 0.5), 0.02);
        assert_eq!(precision.target(Unit::Milliseconds, 50.0), 1.0);
        assert_eq!(precision.metric, "w.x");
        assert!("w.x".parse::<Precision>().is_err());
    }
}

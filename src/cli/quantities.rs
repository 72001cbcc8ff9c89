//! Quantities on the command line, written as in models: `150/s`, `10s`, `90%`, and a path with values.

use clock::Duration;
use std::str::FromStr;

/// A share above 0 and at most 1: `2%`, `0.02`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Share(pub(crate) f64);

/// Requests a second, above 0: `150/s`, `30/min`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Rate(pub(crate) f64);

/// A duration above 0: `500ms`, `10s`, `2m`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Length(pub(crate) Duration);

/// A path of the model and the values that it takes: `policies.pay.retry.attempts=1,2,3`.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Vary {
    pub(crate) path: String,
    pub(crate) values: Vec<String>,
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = match text.strip_suffix('%') {
            Some(number) => (number.trim_end(), 100.0),
            None => (text, 1.0),
        };
        let share = number.parse::<f64>().map(|value| value / unit).ok();
        let share = share.filter(|share| *share > 0.0 && *share <= 1.0);
        share
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no share above 0, such as `1%` or `0.01`"))
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = |unit: &str| match unit.trim() {
            "s" => Some(1.0),
            "min" => Some(60.0),
            "h" => Some(3600.0),
            _ => None,
        };
        let (number, unit) = text.split_once('/').unwrap_or((text, ""));
        let rate = number.trim().parse::<f64>().ok().zip(seconds(unit));
        let rate = rate.map(|(number, seconds)| number / seconds);
        rate.filter(|rate| rate.is_finite() && *rate > 0.0)
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no rate above 0, such as `150/s` or `30/min`"))
    }
}

impl FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.'));
        let (number, unit) = text.split_at(end.unwrap_or(text.len()));
        let unit = match unit.trim() {
            "us" => Some(1e3),
            "ms" => Some(1e6),
            "s" => Some(1e9),
            "m" => Some(60e9),
            "h" => Some(3600e9),
            _ => None,
        };
        let length = number.parse::<f64>().ok().zip(unit);
        let length = length.map(|(number, unit)| Duration::from_nanos_f64(number * unit));
        length
            .filter(|length| !length.is_zero())
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no duration above 0, such as `500ms` or `10s`"))
    }
}

impl FromStr for Vary {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("expected PATH=VALUE,VALUE,…, found `{text}`");
        let (path, values) = text.split_once('=').ok_or_else(expected)?;
        let values: Vec<String> = parts(values).map(|part| part.trim().to_owned()).collect();
        let path = path.trim();
        if path.is_empty() || values.iter().any(String::is_empty) {
            return Err(expected());
        }
        Ok(Self {
            path: path.to_owned(),
            values,
        })
    }
}

/// The text between commas that stand outside of brackets and quotes.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0usize;
    let mut quote = None;
    text.split(move |c: char| {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth = depth.saturating_sub(1),
            (None, ',') => return depth == 0,
            _ => {}
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_written_as_in_models() {
        assert_eq!("2%".parse(), Ok(Share(0.02)));
        assert_eq!("0.5".parse(), Ok(Share(0.5)));
        assert_eq!("150/s".parse(), Ok(Rate(150.0)));
        assert_eq!("30/min".parse(), Ok(Rate(0.5)));
        assert_eq!("1.5s".parse(), Ok(Length(Duration::from_millis(1500))));
        assert_eq!("2m".parse(), Ok(Length(Duration::from_secs(120))));
        for wrong in ["", "0", "-1", "101%", "x%", "NaN"] {
            assert!(wrong.parse::<Share>().is_err(), "{wrong}");
        }
        for wrong in ["", "150", "0/s", "x/s", "1/d", "inf/s"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
        for wrong in ["", "10", "0s", "s", "1d"] {
            assert!(wrong.parse::<Length>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn values_are_parted_by_commas_of_their_own() {
        let read = |text: &str| text.parse::<Vary>().map(|vary| vary.values);
        assert_eq!(read("a.b=1, 2"), Ok(vec!["1".into(), "2".into()]));
        assert_eq!(
            read("a=[1, 2],{b: 3, c: 4}"),
            Ok(vec!["[1, 2]".into(), "{b: 3, c: 4}".into()])
        );
        for wrong in ["a", "=1", "a=", "a=1,,2"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}

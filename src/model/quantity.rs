//! Durations, rates, ratios and counts as a model writes them, and nothing else: what looks like
//! one but leaves out its unit is refused with the unit spelled out.

use crate::reader::{Reader, Value};
use crate::schema::Defs;
use crate::tree::{Kind, Node};
use clock::Duration;
use serde_json::{Value as Json, json};

/// The longest duration that a model may name, a century: sums of a few of them do not overflow.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);
/// The highest rate, one a nanosecond.
const FASTEST: f64 = 1e9;

const UNITS: [(&str, u64); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];
const UNIT_LIST: &str = "the units are `ns`, `us`, `ms`, `s`, `m` and `h`";

/// The text of a scalar, and whether it may be a number.
fn scalar(node: &Node) -> Option<(&str, bool)> {
    match &node.kind {
        Kind::Scalar(scalar) => Some((scalar.text.as_str(), scalar.plain)),
        _ => None,
    }
}

/// Splits `1.5ms` into its number and its unit; the number has a digit on each side of its point.
fn split_number(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    is_decimal(number).then_some((number, unit))
}

fn is_decimal(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    digits(whole) && digits(fraction)
}

/// `text` times `unit`, rounded to the nearest whole number; `None` where it is out of range.
fn scaled(text: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut total = u128::from(whole.parse::<u64>().ok()?) * u128::from(unit);
    // 18 digits are finer than a nanosecond of an hour.
    let fraction = &fraction[..fraction.len().min(18)];
    if !fraction.is_empty() {
        let scale = 10u128.pow(fraction.len() as u32);
        total += (fraction.parse::<u128>().ok()? * u128::from(unit) + scale / 2) / scale;
    }
    u64::try_from(total).ok()
}

impl Value for Duration {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let Some((text, _)) = scalar(node) else {
            cx.expected("a duration", node)
                .help("write it like `5ms` or `1.5s`");
            return None;
        };
        match parse_duration(text) {
            Ok(duration) => Some(duration),
            Err(help) => {
                cx.expected("a duration", node).help(help);
                None
            }
        }
    }

    fn schema(defs: &mut Defs) -> Json {
        defs.named::<Self>("Duration", |_| {
            json!({
                "description": "A duration: a number and its unit, `ns`, `us`, `ms`, `s`, `m` or `h`.",
                "type": "string",
                "pattern": r"^[0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h)$",
                "examples": ["250us", "5ms", "1.5s", "2m", "1h"],
            })
        })
    }
}

/// Reads a duration, or says what is wrong with it.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    if text.starts_with('-') {
        return Err("a duration is not negative".to_owned());
    }
    let Some((number, unit)) = split_number(text) else {
        return Err("write it like `5ms` or `1.5s`".to_owned());
    };
    if unit.is_empty() {
        return Err(format!("write `{number}ms` or `{number}s`"));
    }
    let Some((_, size)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        let meant = match unit.trim() {
            "µs" | "μs" | "usec" => Some("us"),
            "msec" | "millis" => Some("ms"),
            "sec" | "second" | "seconds" | "S" => Some("s"),
            "min" | "minute" | "minutes" | "M" => Some("m"),
            "hour" | "hours" | "hr" | "H" => Some("h"),
            other => UNITS
                .iter()
                .map(|(name, _)| *name)
                .find(|name| *name == other),
        };
        return Err(match meant {
            Some(meant) => format!("write `{number}{meant}`: {UNIT_LIST}"),
            None => UNIT_LIST.to_owned(),
        });
    };
    scaled(number, *size)
        .map(Duration::from_nanos)
        .filter(|d| *d <= LONGEST)
        .ok_or_else(|| "the longest duration is 876000h, a century".to_owned())
}

/// A duration above 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PositiveDuration(pub(crate) Duration);

impl Value for PositiveDuration {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let duration = Duration::read(node, cx)?;
        if duration.is_zero() {
            cx.expected("a duration above 0", node);
            return None;
        }
        Some(Self(duration))
    }

    fn schema(defs: &mut Defs) -> Json {
        Duration::schema(defs)
    }
}

/// Per second, at least 0.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Rate(pub(crate) f64);

impl Value for Rate {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let help = match scalar(node).map(|(text, _)| parse_rate(text)) {
            Some(Ok(rate)) => return Some(Self(rate)),
            Some(Err(help)) => help,
            None => "write it like `200/s`".to_owned(),
        };
        cx.expected("a rate", node).help(help);
        None
    }

    fn schema(defs: &mut Defs) -> Json {
        defs.named::<Self>("Rate", |_| {
            json!({
                "description": "A rate: a number per second, minute or hour.",
                "type": "string",
                "pattern": r"^[0-9]+(\.[0-9]+)?/(s|min|h)$",
                "examples": ["200/s", "30/min", "5/h"],
            })
        })
    }
}

/// Reads a rate per second, or says what is wrong with it.
pub(crate) fn parse_rate(text: &str) -> Result<f64, String> {
    const HOW: &str = "a rate is a number and `/s`, `/min` or `/h`";
    if text.starts_with('-') {
        return Err("a rate is not negative".to_owned());
    }
    let Some((number, unit)) = split_number(text) else {
        return Err(HOW.to_owned());
    };
    let seconds = match unit {
        "/s" => 1.0,
        "/min" => 60.0,
        "/h" => 3600.0,
        "" => {
            return Err(format!(
                "write `{number}/s`, `{number}/min` or `{number}/h`"
            ));
        }
        "/m" => return Err(format!("write `{number}/min`: {HOW}")),
        "/sec" | "/second" | "rps" | "qps" => return Err(format!("write `{number}/s`: {HOW}")),
        _ => return Err(HOW.to_owned()),
    };
    let rate = number.parse::<f64>().map_or(f64::INFINITY, |n| n / seconds);
    if rate > FASTEST {
        return Err("the highest rate is 1000000000/s".to_owned());
    }
    Ok(rate)
}

/// Per second, above 0.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct PositiveRate(pub(crate) f64);

impl Value for PositiveRate {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let Rate(rate) = Rate::read(node, cx)?;
        if rate == 0.0 {
            cx.expected("a rate above 0", node);
            return None;
        }
        Some(Self(rate))
    }

    fn schema(defs: &mut Defs) -> Json {
        Rate::schema(defs)
    }
}

/// 0..=1, written as a number or in per cent.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Ratio(pub(crate) f64);

impl Value for Ratio {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let ratio = scalar(node).and_then(|(text, plain)| parse_ratio(text, plain));
        if ratio.is_none() {
            cx.expected("a ratio", node)
                .help("a ratio is 0 to 1, or 0% to 100%, such as `0.2` or `20%`");
        }
        ratio.map(Self)
    }

    fn schema(defs: &mut Defs) -> Json {
        defs.named::<Self>("Ratio", |_| {
            json!({
                "description": "A ratio: 0 to 1, or 0% to 100%.",
                "oneOf": [
                    {"type": "number", "minimum": 0, "maximum": 1},
                    {"type": "string", "pattern": r"^(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)%$"},
                ],
                "examples": [0.2, "20%"],
            })
        })
    }
}

fn parse_ratio(text: &str, plain: bool) -> Option<f64> {
    let ratio = match text.strip_suffix('%') {
        Some(_) => parse_percent(text)?,
        None if plain => parse_number(text)?,
        None => return None,
    };
    (0.0..=1.0).contains(&ratio).then_some(ratio)
}

/// `150%` is 1.5.
pub(crate) fn parse_percent(text: &str) -> Option<f64> {
    let percent = text.strip_suffix('%').filter(|text| is_decimal(text))?;
    // By its exponent, not by a division: 99.9% is the number 0.999.
    format!("{percent}e-2").parse().ok()
}

/// A ratio above 0.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct PositiveRatio(pub(crate) f64);

impl Value for PositiveRatio {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let Ratio(ratio) = Ratio::read(node, cx)?;
        if ratio == 0.0 {
            cx.expected("a ratio above 0", node);
            return None;
        }
        Some(Self(ratio))
    }

    fn schema(defs: &mut Defs) -> Json {
        Ratio::schema(defs)
    }
}

/// A ratio above 0 and below 1.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct OpenRatio(pub(crate) f64);

impl Value for OpenRatio {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let Ratio(ratio) = Ratio::read(node, cx)?;
        if ratio == 0.0 || ratio == 1.0 {
            cx.expected("a ratio above 0 and below 1", node);
            return None;
        }
        Some(Self(ratio))
    }

    fn schema(defs: &mut Defs) -> Json {
        Ratio::schema(defs)
    }
}

/// A whole number in a range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Count<const MIN: u32, const MAX: u32>(pub(crate) u32);

impl<const MIN: u32, const MAX: u32> Value for Count<MIN, MAX> {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        read_whole(node, u64::from(MIN), u64::from(MAX), cx).map(|n| Self(n as u32))
    }

    fn schema(_: &mut Defs) -> Json {
        json!({"type": "integer", "minimum": MIN, "maximum": MAX})
    }
}

impl Value for u64 {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        read_whole(node, 0, Self::MAX, cx)
    }

    fn schema(_: &mut Defs) -> Json {
        json!({"type": "integer", "minimum": 0, "maximum": Self::MAX})
    }
}

fn read_whole(node: &Node, min: u64, max: u64, cx: &mut Reader<'_>) -> Option<u64> {
    let what = format!("a whole number from {min} to {max}");
    let Some((text, plain)) = scalar(node) else {
        cx.expected(&what, node);
        return None;
    };
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = text
        .parse::<u64>()
        .ok()
        .filter(|n| digits && (min..=max).contains(n));
    if plain && number.is_some() {
        return number;
    }
    let problem = cx.expected(&what, node);
    if !plain && digits {
        problem.help("without quotes");
    }
    None
}

/// A number above 0.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct PositiveNumber(pub(crate) f64);

impl Value for PositiveNumber {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let number = read_number(node, "a number above 0", cx, |n| n > 0.0)?;
        Some(Self(number))
    }

    fn schema(_: &mut Defs) -> Json {
        json!({"type": "number", "exclusiveMinimum": 0})
    }
}

/// A number of at least `MIN`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Number<const MIN: u32 = 0>(pub(crate) f64);

impl<const MIN: u32> Value for Number<MIN> {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let what = format!("a number of at least {MIN}");
        read_number(node, &what, cx, |n| n >= f64::from(MIN)).map(Self)
    }

    fn schema(_: &mut Defs) -> Json {
        json!({"type": "number", "minimum": MIN})
    }
}

fn read_number(
    node: &Node,
    what: &str,
    cx: &mut Reader<'_>,
    good: impl Fn(f64) -> bool,
) -> Option<f64> {
    let number =
        scalar(node).and_then(|(text, plain)| if plain { parse_number(text) } else { None });
    if let Some(number) = number.filter(|n| good(*n)) {
        return Some(number);
    }
    cx.expected(what, node);
    None
}

/// A finite number as YAML's core schema writes it.
pub(crate) fn parse_number(text: &str) -> Option<f64> {
    let number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E');
    let starts = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+'));
    if !starts || !text.chars().all(number) {
        return None;
    }
    text.parse::<f64>().ok().filter(|n| n.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Span;
    use policy::custom::Registry;

    /// Reads a text as it would stand in a model, with or without quotes.
    fn read<T: Value>(text: &str, plain: bool) -> Result<T, String> {
        let registry = Registry::new();
        let mut cx = Reader::new(&(), &registry);
        let mut node = Node::plain(text, Span::START);
        if let Kind::Scalar(scalar) = &mut node.kind {
            scalar.plain = plain;
        }
        let value = T::read(&node, &mut cx);
        match (value, cx.problems.pop()) {
            (Some(value), None) => Ok(value),
            (None, Some(problem)) => Err(problem.help.unwrap_or(problem.message)),
            _ => panic!("`{text}`: a value or a problem"),
        }
    }

    #[test]
    fn durations_as_they_are_written() {
        for (text, nanoseconds) in [
            ("0s", 0),
            ("1ns", 1),
            ("250us", 250_000),
            ("5ms", 5_000_000),
            ("1.5s", 1_500_000_000),
            ("2m", 120_000_000_000),
            ("1h", 3_600_000_000_000),
            ("0.3us", 300),
            ("0.1ns", 0),
            ("0.5ns", 1),
            ("33.333333333333336ms", 33_333_333),
            ("876000h", 100 * 365 * 86_400 * 1_000_000_000),
            ("007ms", 7_000_000),
        ] {
            let wanted = Duration::from_nanos(nanoseconds);
            assert_eq!(read::<Duration>(text, true), Ok(wanted), "{text}");
            assert_eq!(read::<Duration>(text, false), Ok(wanted), "\"{text}\"");
        }
    }

    #[test]
    fn durations_that_are_refused() {
        for (text, help) in [
            ("5", "write `5ms` or `5s`"),
            ("1.5", "write `1.5ms` or `1.5s`"),
            ("0", "write `0ms` or `0s`"),
            ("-5ms", "a duration is not negative"),
            ("5 ms", "write `5ms`: "),
            ("5sec", "write `5s`: "),
            ("5µs", "write `5us`: "),
            ("5min", "write `5m`: "),
            ("5d", UNIT_LIST),
            ("5MS", UNIT_LIST),
            ("1e3ms", UNIT_LIST),
            (".5s", "write it like"),
            ("5.s", "write it like"),
            ("1.2.3s", "write it like"),
            ("+5s", "write it like"),
            ("1_000ms", UNIT_LIST),
            ("s", "write it like"),
            ("soon", "write it like"),
            ("", "write it like"),
            ("inf", "write it like"),
            ("876001h", "the longest duration"),
            ("99999999999999999999999h", "the longest duration"),
        ] {
            let told = read::<Duration>(text, true).expect_err(text);
            assert!(told.starts_with(help), "`{text}`: {told}");
        }
    }

    #[test]
    fn rates_as_they_are_written() {
        for (text, per_second) in [
            ("200/s", 200.0),
            ("30/min", 0.5),
            ("5/h", 5.0 / 3600.0),
            ("0/s", 0.0),
            ("0.25/s", 0.25),
            ("1000000000/s", 1e9),
        ] {
            assert_eq!(read::<Rate>(text, true), Ok(Rate(per_second)), "{text}");
        }
        for (text, help) in [
            ("200", "write `200/s`, `200/min` or `200/h`"),
            ("-1/s", "a rate is not negative"),
            ("5/m", "write `5/min`"),
            ("5/sec", "write `5/s`"),
            ("5rps", "write `5/s`"),
            ("5/ms", "a rate is a number and"),
            ("5 /s", "a rate is a number and"),
            ("/s", "a rate is a number and"),
            ("1000000001/s", "the highest rate"),
        ] {
            let told = read::<Rate>(text, true).expect_err(text);
            assert!(told.starts_with(help), "`{text}`: {told}");
        }
        assert!(read::<PositiveRate>("0/s", true).is_err());
    }

    #[test]
    fn ratios_as_they_are_written() {
        for (text, ratio) in [
            ("0.2", 0.2),
            ("20%", 0.2),
            ("0", 0.0),
            ("1", 1.0),
            ("100%", 1.0),
            ("99.9%", 0.999),
            ("0.01%", 0.0001),
            ("1e-3", 0.001),
        ] {
            assert_eq!(read::<Ratio>(text, true), Ok(Ratio(ratio)), "{text}");
        }
        assert_eq!(read::<Ratio>("20%", false), Ok(Ratio(0.2)), "in quotes");
        for text in [
            "20", "1.01", "-0.1", "101%", "-1%", "20 %", "%", "nan", "inf", "half",
        ] {
            assert!(read::<Ratio>(text, true).is_err(), "{text}");
        }
        assert!(read::<Ratio>("0.2", false).is_err(), "a quoted number");
        assert!(read::<PositiveRatio>("0%", true).is_err());
    }

    #[test]
    fn counts_as_they_are_written() {
        type Few = Count<1, 9>;
        assert_eq!(read::<Few>("1", true), Ok(Count(1)));
        assert_eq!(read::<Few>("9", true), Ok(Count(9)));
        for text in [
            "0",
            "10",
            "-3",
            "2.5",
            "2.0",
            "1e0",
            "+3",
            "3x",
            "",
            "99999999999999999999",
        ] {
            assert!(read::<Few>(text, true).is_err(), "{text}");
        }
        assert_eq!(read::<Few>("3", false), Err("without quotes".to_owned()));
        assert_eq!(read::<u64>("18446744073709551615", true), Ok(u64::MAX));
    }

    #[test]
    fn numbers_as_they_are_written() {
        assert_eq!(
            read::<PositiveNumber>("1e3", true),
            Ok(PositiveNumber(1000.0))
        );
        assert_eq!(read::<PositiveNumber>(".5", true), Ok(PositiveNumber(0.5)));
        assert_eq!(read::<Number>("0", true), Ok(Number(0.0)));
        assert_eq!(read::<Number<1>>("1", true), Ok(Number(1.0)));
        for text in [
            "0", "-1", "nan", ".inf", "inf", "1e999", "infinity", "5ms", "1_0", "",
        ] {
            assert!(read::<PositiveNumber>(text, true).is_err(), "{text}");
        }
        assert!(read::<Number<1>>("0.99", true).is_err());
    }
}

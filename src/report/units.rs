//! Figures as people read them: three digits, a unit, thousands apart. It rounds; whoever needs
//! every digit reads the CSV or the JSON.

/// What stands for a figure that was not measured.
pub(crate) const NOTHING: &str = "–";

/// Milliseconds as `850 ns`, `4.2 ms`, `1.3 s`, `12 min`.
pub(crate) fn milliseconds(ms: f64) -> String {
    let size = ms.abs();
    let (value, unit) = if !ms.is_finite() {
        return NOTHING.into();
    } else if size == 0.0 {
        (0.0, "ms")
    } else if size < 0.001 {
        (ms * 1e6, "ns")
    } else if size < 1.0 {
        (ms * 1e3, "µs")
    } else if size < 1e3 {
        (ms, "ms")
    } else if size < 120e3 {
        (ms / 1e3, "s")
    } else if size < 7200e3 {
        (ms / 60e3, "min")
    } else {
        (ms / 3600e3, "h")
    };
    format!("{} {unit}", three_digits(value))
}

/// Seconds of simulated or wall time as `30 s`, `10 min`, `1.5 h`.
pub(crate) fn seconds(s: f64) -> String {
    milliseconds(s * 1e3)
}

/// A ratio near 1 in percent, with as many digits as tell it from 100 %: `99.93 %`, `99.9992 %`.
/// Only 1 itself is `100 %`.
pub(crate) fn availability(ratio: f64) -> String {
    if !ratio.is_finite() {
        return NOTHING.into();
    }
    if ratio >= 1.0 {
        return "100 %".into();
    }
    // Two digits of the share that is missing, at least two decimals, at most six.
    let missing = (1.0 - ratio) * 100.0;
    let decimals = (1.0 - missing.log10().floor()).clamp(2.0, 6.0) as i32;
    let step = 10f64.powi(decimals);
    // Rounding must not turn a missed request into none.
    let shown = (ratio * 100.0 * step).round().min(100.0 * step - 1.0) / step;
    format!("{} %", trimmed(shown, decimals as usize))
}

/// A ratio in percent: `63.1 %`, `0.02 %`.
pub(crate) fn percent(ratio: f64) -> String {
    if !ratio.is_finite() {
        return NOTHING.into();
    }
    format!("{} %", three_digits(ratio * 100.0))
}

/// Per second: `205/s`, `0.52/s`, `12,300/s`.
pub(crate) fn rate(per_second: f64) -> String {
    if !per_second.is_finite() {
        return NOTHING.into();
    }
    format!("{}/s", three_digits(per_second))
}

/// A whole number with its thousands apart: `1,234,567`.
pub(crate) fn count(n: u64) -> String {
    grouped(&n.to_string())
}

/// Three significant digits, no trailing zeros: `4.2`, `0.052`, `12,300`, `1.23e9`.
pub(crate) fn three_digits(value: f64) -> String {
    if !value.is_finite() {
        return NOTHING.into();
    }
    let size = value.abs();
    if size == 0.0 {
        return "0".into();
    }
    if !(1e-6..1e9).contains(&size) {
        return format!("{value:.2e}");
    }
    let magnitude = size.log10().floor() as i32;
    // 9.996 shows as 10.0: rounding may carry into a further digit, which trimming absorbs.
    let decimals = 2 - magnitude;
    if decimals >= 0 {
        trimmed(value, decimals as usize)
    } else {
        let step = 10f64.powi(-decimals);
        let whole = format!("{:.0}", (value / step).round() * step);
        match whole.strip_prefix('-') {
            Some(digits) => format!("-{}", grouped(digits)),
            None => grouped(&whole),
        }
    }
}

fn trimmed(value: f64, decimals: usize) -> String {
    let digits = format!("{value:.decimals$}");
    if digits.contains('.') {
        digits
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned()
    } else {
        digits
    }
}

fn grouped(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_the_unit_that_leaves_few_digits() {
        assert_eq!(milliseconds(0.0), "0 ms");
        assert_eq!(milliseconds(0.000_85), "850 ns");
        assert_eq!(milliseconds(0.25), "250 µs");
        assert_eq!(milliseconds(4.2), "4.2 ms");
        assert_eq!(milliseconds(212.4), "212 ms");
        assert_eq!(milliseconds(1310.0), "1.31 s");
        assert_eq!(milliseconds(1000.0), "1 s");
        assert_eq!(seconds(90.0), "90 s");
        assert_eq!(seconds(600.0), "10 min");
        assert_eq!(seconds(5400.0), "90 min");
        assert_eq!(seconds(9000.0), "2.5 h");
        assert_eq!(milliseconds(f64::NAN), NOTHING);
    }

    #[test]
    fn availability_never_hides_a_failure() {
        assert_eq!(availability(0.9993), "99.93 %");
        assert_eq!(availability(0.999_992), "99.9992 %");
        assert_eq!(availability(1.0 - 1e-12), "99.999999 %");
        assert_eq!(availability(1.0), "100 %");
        assert_eq!(availability(0.5), "50 %");
        assert_eq!(availability(0.0), "0 %");
        assert_eq!(availability(0.123_456), "12.35 %");
    }

    #[test]
    fn three_digits_and_no_more() {
        assert_eq!(three_digits(9.996), "10");
        assert_eq!(three_digits(12_345.0), "12,300");
        assert_eq!(three_digits(0.052_04), "0.052");
        assert_eq!(three_digits(-1234.0), "-1,230");
        assert_eq!(three_digits(1.5e12), "1.50e12");
        assert_eq!(three_digits(99_951.0), "100,000");
        assert_eq!(rate(0.52), "0.52/s");
        assert_eq!(percent(0.631), "63.1 %");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(12), "12");
    }
}

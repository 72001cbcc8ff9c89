//! Figures as warnings write them: three digits, and the units of the model language.

use clock::Duration;

/// A time in nanoseconds, rounded up so that what is more stays more.
pub(super) fn span(ns: f64) -> String {
    if ns >= 1e18 {
        return "an endless time".to_owned();
    }
    Duration::from_nanos_f64(rounded(ns, f64::ceil)).to_string()
}

/// A rate per second.
pub(super) fn rate(per_second: f64) -> String {
    format!("{}/s", figure(per_second))
}

/// A plain number.
pub(super) fn figure(x: f64) -> String {
    rounded(x, f64::round).to_string()
}

/// A plain number, rounded up.
pub(super) fn at_least(x: f64) -> String {
    rounded(x, f64::ceil).to_string()
}

/// To three significant digits; whole parts stay whole.
fn rounded(x: f64, to: fn(f64) -> f64) -> f64 {
    if !(x > 0.0 && x.is_finite()) {
        return x;
    }
    let digits = libm::floor(libm::log10(x)) as i32;
    if digits >= 2 {
        let unit = libm::pow(10.0, f64::from(digits - 2));
        // What is a hair above a round figure by the noise of floats is that figure.
        return to(x / unit * (1.0 - 1e-12)) * unit;
    }
    let parts = libm::pow(10.0, f64::from(2 - digits));
    to(x * parts * (1.0 - 1e-12)) / parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits() {
        assert_eq!(figure(1.333_333), "1.33");
        assert_eq!(figure(0.05), "0.05");
        assert_eq!(figure(123_456.0), "123000");
        assert_eq!(at_least(1.000_1), "1.01");
        assert_eq!(at_least(1.25), "1.25");
        assert_eq!(rate(0.001_234_56), "0.00123/s");
        assert_eq!(span(24_510_000.0), "24.6ms");
        assert_eq!(span(24_500_000.0), "24.5ms");
        assert_eq!(span(3.0), "3ns");
        assert_eq!(span(0.0), "0s");
        assert_eq!(span(1e9 + 1.0), "1.01s");
        assert_eq!(span(90.0 * 1e9), "90s");
        assert_eq!(span(f64::INFINITY), "an endless time");
    }
}

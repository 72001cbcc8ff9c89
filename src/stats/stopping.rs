//! When there are enough replications: a sequential rule that looks seldom.
//!
//! It refuses to know what is measured; a half-width and a target in the same unit are all it sees.

/// How many replications to have in all at the next look; `None` when `half_width` is within
/// `target`.
///
/// An interval that is looked at until it is narrow is narrow more often than it is right: of two
/// equally wrong spreads the small one stops first (Chow and Robbins 1965; Law and Kelton 1982,
/// "Confidence intervals for steady-state simulations II"). So the looks are few: the next one comes
/// when there are as many as the spread so far asks for, `now · (half/target)²`, but at least a
/// quarter more than now, and at most twice as many.
pub fn next_look(half_width: f64, target: f64, now: u32) -> Option<u32> {
    if half_width <= target {
        return None;
    }
    let ratio = half_width / target;
    let needed = (f64::from(now) * ratio * ratio).ceil();
    let needed = needed.min(f64::from(u32::MAX)) as u32;
    let least = now.saturating_add((now / 4).max(2));
    Some(needed.clamp(least, now.saturating_mul(2).max(least)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_where_the_spread_asks_for_within_bounds() {
        assert_eq!(next_look(1.0, 1.0, 8), None);
        assert_eq!(next_look(1.01, 1.0, 100), Some(125));
        assert_eq!(next_look(1.25, 1.0, 100), Some(157));
        assert_eq!(next_look(40.0, 1.0, 100), Some(200));
        assert_eq!(next_look(40.0, 1.0, 2), Some(4));
        assert_eq!(next_look(40.0, 0.0, 10), Some(20));
        assert_eq!(next_look(f64::INFINITY, 1.0, u32::MAX), Some(u32::MAX));
    }
}

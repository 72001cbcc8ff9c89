//! The one figure that is made of series here: the share of requests that succeeded, of those
//! that ended in the same window.

use study::record::WorkloadSeries;

/// Per window; NaN where no request ended.
pub(crate) fn availability(series: &WorkloadSeries) -> Vec<f64> {
    series
        .goodput
        .iter()
        .enumerate()
        .map(|(window, good)| {
            let failed = series.failed.values().filter_map(|v| v.get(window));
            good / (good + failed.sum::<f64>())
        })
        .collect()
}

/// Where an axis of availability begins, so that its lowest value is well seen: a round share
/// below it. With nothing lost, the last percent.
pub(crate) fn floor(lowest: f64) -> f64 {
    const FLOORS: [f64; 12] = [
        0.999, 0.998, 0.995, 0.99, 0.98, 0.95, 0.9, 0.8, 0.6, 0.5, 0.25, 0.0,
    ];
    let wanted = if lowest < 1.0 {
        // Some air below it.
        lowest - (1.0 - lowest) * 0.05
    } else {
        0.99
    };
    FLOORS
        .into_iter()
        .find(|floor| *floor <= wanted)
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_failure_counts_and_an_empty_window_has_no_share() {
        let series = WorkloadSeries {
            goodput: vec![8.0, 0.0, 3.0],
            failed: BTreeMap::from([
                ("error".into(), vec![1.0, 0.0, 0.0]),
                ("timeout".into(), vec![1.0, 0.0, 0.0]),
            ]),
            ..WorkloadSeries::default()
        };
        let share = availability(&series);
        assert_eq!(share[0], 0.8);
        assert!(share[1].is_nan());
        assert_eq!(share[2], 1.0);
    }

    #[test]
    fn the_floor_is_below_the_lowest() {
        assert_eq!(floor(1.0), 0.99);
        assert_eq!(floor(0.9995), 0.999);
        assert_eq!(floor(0.999), 0.998);
        assert_eq!(floor(0.93), 0.9);
        assert_eq!(floor(0.0), 0.0);
    }
}

//! From series to the points that are worth drawing: gaps kept, crowds thinned. It knows nothing
//! of places on the chart.

/// Runs of neighbouring windows that have a value: `(time at the window's middle, value)`. A
/// window without a value ends a run.
pub(crate) fn runs(values: &[f64], window: f64) -> Vec<Vec<(f64, f64)>> {
    let mut runs = Vec::new();
    let mut run = Vec::new();
    for (i, &value) in values.iter().enumerate() {
        if value.is_finite() {
            run.push(((i as f64 + 0.5) * window, value));
        } else if !run.is_empty() {
            runs.push(std::mem::take(&mut run));
        }
    }
    if !run.is_empty() {
        runs.push(run);
    }
    runs
}

/// At most about `most` points of a run: of each group of neighbours its lowest and its highest,
/// so that no peak is lost.
pub(crate) fn thin(run: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    if run.len() <= most.max(4) {
        return run.to_vec();
    }
    let groups = (most / 2).max(2);
    let mut kept = Vec::with_capacity(groups * 2);
    for group in 0..groups {
        let members = &run[group * run.len() / groups..(group + 1) * run.len() / groups];
        let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let lowest = members.iter().min_by(by_value);
        let highest = members.iter().max_by(by_value);
        if let (Some(&a), Some(&b)) = (lowest, highest) {
            kept.push(if a.0 <= b.0 { a } else { b });
            if a.0 != b.0 {
                kept.push(if a.0 <= b.0 { b } else { a });
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_parts_two_runs() {
        let runs = runs(&[f64::NAN, 1.0, 2.0, f64::NAN, 3.0], 10.0);
        assert_eq!(runs, [vec![(15.0, 1.0), (25.0, 2.0)], vec![(45.0, 3.0)]]);
    }

    #[test]
    fn thinning_keeps_order_and_peaks() {
        let mut run: Vec<(f64, f64)> = (0..10_000)
            .map(|i| (f64::from(i), f64::from(i % 7)))
            .collect();
        run[5_123].1 = 99.0;
        let kept = thin(&run, 500);
        assert!(kept.len() <= 500);
        assert!(kept.contains(&(5_123.0, 99.0)));
        assert!(kept.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(thin(&run[..3], 500), run[..3]);
    }
}

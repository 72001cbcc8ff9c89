//! Many questions at once: p-values that keep the error of the whole family.
//!
//! It refuses to know what is tested.

/// Bonferroni's adjusted p-values: `min(1, m·p)`. Rejecting where they are at most α errs anywhere
/// in the family with probability α at most, however the tests depend on each other.
pub fn bonferroni(p: &[f64]) -> Vec<f64> {
    let m = p.len() as f64;
    p.iter().map(|p| (m * p).min(1.0)).collect()
}

/// Holm's adjusted p-values, in the order of the given ones: as sure as [`bonferroni`] and never
/// larger. The k-th smallest is multiplied by m - k + 1, and none is below a smaller one's.
///
/// S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
/// Statistics 6 (1979).
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut adjusted = vec![0.0; p.len()];
    let mut least = 0f64;
    for (rank, i) in order.into_iter().enumerate() {
        least = least.max(((p.len() - rank) as f64 * p[i]).min(1.0));
        adjusted[i] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn by_hand() {
        // 0.01 x 4; 0.015 x 3; 0.02 x 2 = 0.04, raised to 0.045; 0.4.
        let found = holm(&[0.02, 0.4, 0.01, 0.015]);
        for (found, by_hand) in found.iter().zip([0.045, 0.4, 0.04, 0.045]) {
            assert!((found - by_hand).abs() < 1e-12, "{found} for {by_hand}");
        }
        assert_eq!(bonferroni(&[0.25, 0.75]), [0.5, 1.0]);
        assert_eq!(holm(&[]), [0.0; 0]);
    }

    proptest! {
        #[test]
        fn holm_lies_between_the_raw_values_and_bonferroni(p in prop::collection::vec(0.0..=1.0f64, 1..20)) {
            let (holm, bonferroni) = (holm(&p), bonferroni(&p));
            for i in 0..p.len() {
                prop_assert!(p[i] <= holm[i] && holm[i] <= bonferroni[i]);
                for j in 0..p.len() {
                    prop_assert!(p[i] >= p[j] || holm[i] <= holm[j]);
                }
            }
        }
    }
}

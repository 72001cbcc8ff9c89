//! Labels that do not cover each other. It knows nothing of what they say.

/// Moves heights apart to at least `gap`, as little as possible in all, in their order, within
/// `low..=high` if they all fit. Gives the new heights in the order of the old ones.
pub(crate) fn spread(wanted: &[f64], gap: f64, low: f64, high: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]).then(a.cmp(&b)));

    // Least squares under "each at least a gap below the last": pool neighbours that collide and
    // place each pool around the mean of its members' wishes.
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for (rank, &i) in order.iter().enumerate() {
        let mut sum = wanted[i] - rank as f64 * gap;
        let mut members = 1;
        while let Some(&(other, n)) = pools.last() {
            if other / n as f64 <= sum / members as f64 {
                break;
            }
            sum += other;
            members += n;
            pools.pop();
        }
        pools.push((sum, members));
    }
    let last = (wanted.len().saturating_sub(1)) as f64 * gap;
    let most = (high - last).max(low);
    let mut places = vec![0.0; wanted.len()];
    let mut rank = 0;
    for (sum, members) in pools {
        let base = (sum / members as f64).clamp(low, most);
        for _ in 0..members {
            places[order[rank]] = base + rank as f64 * gap;
            rank += 1;
        }
    }
    places
}

/// A label's box.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Area {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

impl Area {
    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    pub(crate) fn holds(&self, (x, y): (f64, f64)) -> bool {
        (self.left..=self.right).contains(&x) && (self.top..=self.bottom).contains(&y)
    }
}

/// The row, counted from 0, in which a label `from..to` is free of those at its right; none when
/// all rows are taken there. `taken` is where each row's leftmost label begins.
pub(crate) fn free_row(taken: &mut [f64], from: f64, to: f64) -> Option<usize> {
    let row = taken.iter().position(|start| to <= *start)?;
    taken[row] = from;
    Some(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn labels_that_do_not_collide_stay() {
        assert_eq!(spread(&[50.0, 10.0], 20.0, 0.0, 100.0), [50.0, 10.0]);
        assert_eq!(spread(&[50.0, 50.0], 20.0, 0.0, 100.0), [40.0, 60.0]);
        assert_eq!(
            spread(&[0.0, 0.0, 90.0], 20.0, 0.0, 100.0),
            [0.0, 20.0, 90.0]
        );
        assert_eq!(spread(&[], 20.0, 0.0, 100.0), [0.0; 0]);
    }

    #[test]
    fn rows_fill_from_the_first() {
        let mut taken = [f64::INFINITY; 2];
        assert_eq!(free_row(&mut taken, 10.0, 20.0), Some(0));
        assert_eq!(free_row(&mut taken, 8.0, 15.0), Some(1));
        assert_eq!(free_row(&mut taken, 12.0, 16.0), None);
        assert_eq!(free_row(&mut taken, 0.0, 10.0), Some(0));
    }

    proptest! {
        #[test]
        fn spread_labels_keep_their_distance(
            wanted in proptest::collection::vec(0.0f64..600.0, 0..20),
        ) {
            let places = spread(&wanted, 28.0, 0.0, 600.0);
            let mut sorted = places.clone();
            sorted.sort_by(f64::total_cmp);
            for pair in sorted.windows(2) {
                prop_assert!(pair[1] - pair[0] >= 28.0 - 1e-9);
            }
            for place in places {
                prop_assert!((-1e-9..=600.0 + 1e-9).contains(&place));
            }
        }
    }
}

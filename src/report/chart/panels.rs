//! A sheet cut into panels of the same size. It knows nothing of what is in them.

use super::labels::Area;

/// As many equal areas, row by row, with gaps between them: columns first, until a panel would be
/// more than twice as high as wide.
pub(crate) fn panels(count: usize, sheet: Area, (across, down): (f64, f64)) -> Vec<Area> {
    let (wide, high) = (sheet.right - sheet.left, sheet.bottom - sheet.top);
    let size = |columns: usize| {
        let rows = count.div_ceil(columns);
        (
            (wide - across * (columns - 1) as f64) / columns as f64,
            (high - down * (rows - 1) as f64) / rows as f64,
        )
    };
    // The arrangement whose panels come nearest to a slide's shape.
    let unlike = |columns: &usize| {
        let (wide, high) = size(*columns);
        let empty = (columns * count.div_ceil(*columns) - count) as f64;
        (wide.max(1.0) / high.max(1.0) / 1.5).ln().abs() + 0.25 * empty
    };
    let columns = (1..=count.max(1))
        .min_by(|a, b| unlike(a).total_cmp(&unlike(b)))
        .unwrap_or(1);
    let (wide, high) = size(columns);
    (0..count)
        .map(|at| {
            let (row, column) = (at / columns, at % columns);
            let left = sheet.left + column as f64 * (wide + across);
            let top = sheet.top + row as f64 * (high + down);
            Area {
                left,
                top,
                right: left + wide,
                bottom: top + high,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SHEET: Area = Area {
        left: 50.0,
        top: 160.0,
        right: 1550.0,
        bottom: 800.0,
    };

    proptest! {
        #[test]
        fn panels_share_the_sheet_and_do_not_meet(count in 1usize..13) {
            let all = panels(count, SHEET, (40.0, 60.0));
            prop_assert_eq!(all.len(), count);
            for (at, one) in all.iter().enumerate() {
                prop_assert!(one.left >= SHEET.left && one.right <= SHEET.right + 1e-9);
                prop_assert!(one.top >= SHEET.top && one.bottom <= SHEET.bottom + 1e-9);
                prop_assert!(one.right - one.left > 100.0 && one.bottom - one.top > 50.0);
                prop_assert!(all[..at].iter().all(|other| !other.meets(one)));
            }
        }
    }

    #[test]
    fn a_panel_looks_like_a_slide() {
        let columns = |count: usize| {
            let all = panels(count, SHEET, (40.0, 60.0));
            all.iter().filter(|one| one.top == all[0].top).count()
        };
        assert_eq!([1, 2, 4, 6].map(columns), [1, 2, 2, 3]);
    }
}

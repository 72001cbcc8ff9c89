//! Bars on a common axis of time, a letter for each stretch of it. It refuses to know what a row is.

use super::rows::Shade;
use crate::style::Style;

/// A stretch of time on so many columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) columns: usize,
}

impl Axis {
    /// Where a column begins.
    fn at(&self, column: usize) -> u64 {
        let length = u128::from(self.to - self.from);
        self.from + (length * column as u128 / self.columns as u128) as u64
    }

    /// The bar of what lasted from `from` to `to`, and in vain until `until`: every column shows what
    /// most of its time was spent on. What is too short for one column still has one.
    pub(super) fn bar(
        &self,
        (from, to, until): (u64, u64, u64),
        shades: &[(u64, u64, Shade)],
        style: &Style,
    ) -> String {
        if from > self.to {
            return self.later(from);
        }
        let first = self.column(from).min(self.columns - 1);
        let waited_for = self.column(to).max(first + 1);
        let end = self.column(until).max(first + 1);
        let mut bar = " ".repeat(first);
        for column in first..end.min(self.columns) {
            let within = (self.at(column), self.at(column + 1));
            let shade = match column < waited_for {
                true => most(within, (from, to), shades),
                false => Shade::InVain,
            };
            bar.push(letter(shade, style));
        }
        if until > self.to {
            bar.pop();
            bar.push(if style.unicode { '→' } else { '>' });
        }
        bar
    }

    /// The border between two columns that is nearest to a time.
    fn column(&self, time: u64) -> usize {
        let length = u128::from(self.to - self.from).max(1);
        let time = u128::from(time.min(self.to) - self.from);
        ((2 * time * self.columns as u128 + length) / (2 * length)) as usize
    }

    /// For what begins beyond the axis: how much later, at its end.
    fn later(&self, from: u64) -> String {
        let text = format!("+{}", super::words::ms(from - self.to));
        format!("{text:>width$}", width = self.columns)
    }

    /// Its beginning, its end, and as many marks between as have room.
    pub(super) fn labels(&self) -> String {
        let text = |column: usize| super::words::ms(self.at(column) - self.from);
        let mut line = "0".to_owned();
        let last = text(self.columns);
        for quarter in 1..4 {
            let column = self.columns * quarter / 4;
            let mark = text(column);
            // Each stands to the left of its time, like the last one.
            let ends = column;
            let starts = ends.saturating_sub(mark.chars().count());
            let used = line.chars().count();
            if starts > used && ends + 2 + last.chars().count() <= self.columns {
                line.push_str(&" ".repeat(starts - used));
                line.push_str(&mark);
            }
        }
        let used = line.chars().count();
        let gap = self.columns.saturating_sub(used + last.chars().count());
        line + &" ".repeat(gap) + &last
    }
}

/// What most of the time of a column is spent on, of the row that lasts as long as `row`.
fn most(column: (u64, u64), row: (u64, u64), shades: &[(u64, u64, Shade)]) -> Shade {
    let within = (column.0.max(row.0), column.1.min(row.1));
    let mut times = [
        (Shade::Below, 0),
        (Shade::Work, 0),
        (Shade::Queue, 0),
        (Shade::Wait, 0),
        (Shade::Network, 0),
        (Shade::Rest, 0),
    ];
    let mut covered = 0;
    for &(from, to, shade) in shades {
        let time = overlap(within, (from, to));
        covered += time;
        if let Some((_, sum)) = times.iter_mut().find(|(known, _)| *known == shade) {
            *sum += time;
        }
    }
    times[0].1 = within.1.saturating_sub(within.0).saturating_sub(covered);
    let best = times.iter().rev().max_by_key(|(_, time)| *time);
    best.map_or(Shade::Below, |(shade, _)| *shade)
}

fn overlap(a: (u64, u64), b: (u64, u64)) -> u64 {
    a.1.min(b.1).saturating_sub(a.0.max(b.0))
}

/// The letter of a shade.
pub(super) fn letter(shade: Shade, style: &Style) -> char {
    let (unicode, ascii) = match shade {
        Shade::Work => ('█', '#'),
        Shade::Queue => ('░', '.'),
        Shade::Wait => ('▒', '='),
        Shade::Below => ('─', '-'),
        Shade::Network => ('·', '~'),
        Shade::Rest => ('╌', ':'),
        Shade::InVain => ('▚', 'x'),
    };
    if style.unicode { unicode } else { ascii }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AXIS: Axis = Axis {
        from: 100,
        to: 200,
        columns: 10,
    };

    fn drawn((from, to): (u64, u64), shades: &[(u64, u64, Shade)]) -> String {
        AXIS.bar((from, to, to), shades, &Style::default())
    }

    #[test]
    fn each_column_shows_what_most_of_its_time_went_to() {
        let shades = [(120, 150, Shade::Queue), (150, 178, Shade::Work)];
        assert_eq!(drawn((110, 190), &shades), " ─░░░███─");
        assert_eq!(drawn((100, 200), &[]), "──────────");
    }

    #[test]
    fn what_is_short_is_seen_and_what_lies_beyond_is_said() {
        let work = [(133, 134, Shade::Work)];
        assert_eq!(drawn((133, 134), &work), "   █");
        assert_eq!(drawn((200, 200), &[]), "         ─");
        assert_eq!(drawn((180, 900), &[]), "        ─→");
        assert_eq!(drawn((1_000_200, 1_000_400), &[]), "     +1 ms");
    }

    #[test]
    fn work_for_who_no_longer_waits_is_told_apart() {
        let work = [(110, 180, Shade::Work)];
        let bar = AXIS.bar((100, 140, 180), &work, &Style::default());
        assert_eq!(bar, "─███▚▚▚▚");
    }

    #[test]
    fn letters_are_plain_where_they_must_be() {
        let plain = Style {
            unicode: false,
            ..Style::default()
        };
        for shade in [
            Shade::Work,
            Shade::Queue,
            Shade::Wait,
            Shade::Below,
            Shade::Network,
            Shade::Rest,
            Shade::InVain,
        ] {
            assert!(letter(shade, &plain).is_ascii());
        }
    }

    proptest! {
        #[test]
        fn no_bar_is_empty_or_too_long(from in 100..200_u64, length in 0..300_u64) {
            let bar = drawn((from, from + length), &[]);
            let columns = bar.chars().count();
            prop_assert!(columns <= 10);
            prop_assert!(!bar.trim().is_empty());
        }
    }
}

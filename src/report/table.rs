//! Tables that fit: columns side by side, the name shortened when there is no room, and where even that is
//! too wide, each row as a paragraph. It knows nothing of what stands in the cells.

use crate::style::{Ink, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Between two columns.
const GAP: usize = 2;
/// A name is not cut below this.
const LEAST_NAME: usize = 8;
/// Before every line.
const INDENT: usize = 2;

/// A table whose first column is a name and whose others are figures, aligned right.
pub(crate) struct Table {
    headings: Vec<String>,
    rows: Vec<Row>,
}

struct Row {
    cells: Vec<(String, Ink)>,
    /// A remark below the row, indented.
    note: Option<String>,
}

impl Table {
    /// The first heading is that of the names.
    pub(crate) fn new(headings: &[&str]) -> Self {
        Self {
            headings: headings
                .iter()
                .map(|heading| (*heading).to_owned())
                .collect(),
            rows: Vec::new(),
        }
    }

    /// A row with as many cells as there are headings.
    pub(crate) fn row(&mut self, cells: Vec<(String, Ink)>) {
        debug_assert_eq!(cells.len(), self.headings.len());
        self.rows.push(Row { cells, note: None });
    }

    /// A remark below the last row.
    pub(crate) fn note(&mut self, note: String) {
        if let Some(row) = self.rows.last_mut() {
            row.note = Some(note);
        }
    }

    /// Columns that the table takes with its names as short as they may become.
    pub(crate) fn least_width(&self, style: &Style) -> usize {
        let widths = self.widths(style);
        INDENT + widths[0].min(LEAST_NAME) + figures(&widths)
    }

    /// The lines of the table, none wider than the style allows.
    pub(crate) fn render(&self, style: &Style, out: &mut String) {
        if self.least_width(style) > style.columns() {
            self.paragraphs(style, out);
            return;
        }
        let mut widths = self.widths(style);
        let room = style.columns().saturating_sub(INDENT + figures(&widths));
        widths[0] = widths[0].min(room.max(LEAST_NAME));

        let headings = self.headings.iter().map(|h| (style.letters(h), Ink::Faint));
        line(style, &widths, headings, out);
        for row in &self.rows {
            let cells = row
                .cells
                .iter()
                .map(|(text, ink)| (style.letters(text), *ink));
            line(style, &widths, cells, out);
            row.write_note(style, out);
        }
    }

    /// For each row its name, and below it every figure behind its heading.
    fn paragraphs(&self, style: &Style, out: &mut String) {
        let room = style.columns() - INDENT - 2;
        for row in &self.rows {
            let Some(((name, ink), figures)) = row.cells.split_first() else {
                continue;
            };
            let name = shorten(&style.letters(name), style.columns() - INDENT, style);
            out.push_str(&format!(
                "{}{}\n",
                " ".repeat(INDENT),
                style.paint(*ink, &name)
            ));
            let (mut text, mut used) = (String::new(), 0);
            for (heading, (figure, ink)) in self.headings[1..].iter().zip(figures) {
                // The figure has its room, and at least half of the line; the heading the rest.
                let heading = style.letters(heading);
                let most = room.saturating_sub(heading.width() + 1).max(room / 2);
                let figure = shorten(&style.letters(figure), most, style);
                let heading = shorten(&heading, room - 1 - figure.width(), style);
                let width = heading.width() + 1 + figure.width();
                if used > 0 && used + GAP + width > room {
                    out.push_str(&format!("{}{text}\n", " ".repeat(INDENT + 2)));
                    (text, used) = (String::new(), 0);
                }
                if used > 0 {
                    text.push_str(&" ".repeat(GAP));
                    used += GAP;
                }
                let heading = style.paint(Ink::Faint, &heading);
                text.push_str(&format!("{heading} {}", style.paint(*ink, &figure)));
                used += width;
            }
            out.push_str(&format!("{}{text}\n", " ".repeat(INDENT + 2)));
            row.write_note(style, out);
        }
    }

    fn widths(&self, style: &Style) -> Vec<usize> {
        (0..self.headings.len())
            .map(|column| {
                let cells = self.rows.iter().map(|row| row.cells[column].0.as_str());
                cells
                    .chain([self.headings[column].as_str()])
                    .map(|text| clean(&style.letters(text)).width())
                    .max()
                    .unwrap_or(0)
            })
            .collect()
    }
}

impl Row {
    fn write_note(&self, style: &Style, out: &mut String) {
        let note = self.note.as_deref().unwrap_or_default();
        for wrapped in wrap(&style.letters(note), style.columns() - INDENT - 2) {
            out.push_str(&" ".repeat(INDENT + 2));
            out.push_str(&style.paint(Ink::Faint, &wrapped));
            out.push('\n');
        }
    }
}

/// The width of all columns but the first, gaps included.
fn figures(widths: &[usize]) -> usize {
    widths[1..].iter().map(|w| w + GAP).sum()
}

fn line(
    style: &Style,
    widths: &[usize],
    cells: impl Iterator<Item = (String, Ink)>,
    out: &mut String,
) {
    let mut text = " ".repeat(INDENT);
    for (column, (cell, ink)) in cells.enumerate() {
        let cell = shorten(&cell, widths[column], style);
        let padding = " ".repeat(widths[column].saturating_sub(cell.width()));
        let painted = style.paint(ink, &cell);
        if column == 0 {
            text.push_str(&painted);
            text.push_str(&padding);
        } else {
            text.push_str(&" ".repeat(GAP));
            text.push_str(&padding);
            text.push_str(&painted);
        }
    }
    out.push_str(text.trim_end());
    out.push('\n');
}

/// A name in at most `width` columns: its middle gives way to `…`, for its ends tell most.
pub(crate) fn shorten(text: &str, width: usize, style: &Style) -> String {
    let text = clean(text);
    if text.width() <= width {
        return text;
    }
    let ellipsis = if style.unicode { "…" } else { "~" };
    let room = width.saturating_sub(1);
    let head_room = room.div_ceil(2);
    let mut head = String::new();
    let mut used = 0;
    for letter in text.chars() {
        let w = letter.width().unwrap_or(0);
        if used + w > head_room {
            break;
        }
        head.push(letter);
        used += w;
    }
    let mut tail = Vec::new();
    for letter in text.chars().rev() {
        let w = letter.width().unwrap_or(0);
        if used + w > room {
            break;
        }
        tail.push(letter);
        used += w;
    }
    head.push_str(ellipsis);
    head.extend(tail.iter().rev());
    head
}

/// Words on lines of at most `width` columns.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut current = String::new();
    for word in clean(text).split(' ').filter(|word| !word.is_empty()) {
        if !current.is_empty() && current.width() + 1 + word.width() > width {
            lines.push(std::mem::take(&mut current));
        }
        if !current.is_empty() {
            current.push(' ');
        }
        for letter in word.chars() {
            if current.width() + letter.width().unwrap_or(0) > width {
                lines.push(std::mem::take(&mut current));
            }
            current.push(letter);
        }
    }
    if !current.is_empty() {
        lines.push(current);
    }
    lines
}

/// A name must not move the cursor or change the colour.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_long_name_keeps_both_ends() {
        let style = Style::default();
        assert_eq!(shorten("gateway->orders.create", 11, &style), "gatew…reate");
        assert_eq!(shorten("short", 11, &style), "short");
        assert_eq!(shorten("a\u{1b}[31mb", 9, &style), "a?[31mb");
    }

    #[test]
    fn figures_stand_right_and_names_left() {
        let mut table = Table::new(&["service", "n"]);
        table.row(vec![("a".into(), Ink::Plain), ("1".into(), Ink::Plain)]);
        table.row(vec![
            ("bb".into(), Ink::Plain),
            ("1,000".into(), Ink::Plain),
        ]);
        let mut out = String::new();
        table.render(&Style::default(), &mut out);
        assert_eq!(
            out,
            "  service      n\n  a            1\n  bb       1,000\n"
        );
    }

    #[test]
    fn a_row_without_room_becomes_a_paragraph() {
        let mut table = Table::new(&["service", "utilisation", "queue mean", "refused"]);
        let cells = ["gateway", "9.79 %", "2.35", "1,000"];
        table.row(cells.map(|text| (text.to_owned(), Ink::Plain)).to_vec());
        table.note("a word".into());
        let style = Style {
            width: 40,
            ..Style::default()
        };
        let mut out = String::new();
        table.render(&style, &mut out);
        assert_eq!(
            out,
            "  gateway\n    utilisation 9.79 %  queue mean 2.35\n    refused 1,000\n    a word\n"
        );
    }

    proptest! {
        #[test]
        fn no_line_of_a_table_is_wider_than_the_terminal(
            cells in proptest::collection::vec("\\PC{0,60}", 1..9),
            width in 0usize..130,
            unicode: bool,
        ) {
            let style = Style { width, unicode, color: false };
            let headings: Vec<&str> = ["name", "calls", "per call", "availability", "±", "max", "p99", "runs"]
                .into_iter()
                .take(cells.len())
                .collect();
            prop_assume!(headings.len() == cells.len());
            let mut table = Table::new(&headings);
            table.row(cells.iter().map(|text| (text.clone(), Ink::Plain)).collect());
            table.note(cells[0].clone());
            let mut out = String::new();
            table.render(&style, &mut out);
            for line in out.lines() {
                prop_assert!(line.width() <= style.columns(), "{line:?}");
            }
        }

        #[test]
        fn nothing_is_wider_than_asked(name in "\\PC{0,120}", width in 2usize..60) {
            let style = Style::default();
            prop_assert!(shorten(&name, width, &style).width() <= width);
            for line in wrap(&name, width) {
                prop_assert!(line.width() <= width);
            }
        }
    }
}

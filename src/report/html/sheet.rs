//! Tables that sort: each cell shows a figure as people read it, and carries the figure itself.

use super::show::Show;
use maud::{Markup, html};
use serde_json::Value;
use study::record::Estimate;

/// Tables of more rows than this have a field to look for some.
const MANY: usize = 12;

/// A table.
pub(crate) struct Sheet {
    id: String,
    heads: Vec<Head>,
    rows: Vec<Vec<Cell>>,
}

struct Head {
    text: String,
    help: String,
    number: bool,
}

/// What a cell shows, and by what it is sorted.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    shown: Markup,
    value: Option<f64>,
    class: &'static str,
}

impl Cell {
    /// A name or a word.
    pub(crate) fn text(text: &str) -> Self {
        Self::markup(html! { (text) })
    }

    /// Whatever is to be shown; sorted by its text.
    pub(crate) fn markup(shown: Markup) -> Self {
        Self {
            shown,
            value: None,
            class: "",
        }
    }

    /// A figure.
    pub(crate) fn number(show: Show, value: Option<f64>) -> Self {
        Self::figure(show, value.unwrap_or(f64::NAN), value)
    }

    /// A figure that is shown as somebody wrote it.
    pub(crate) fn labelled(text: &str, value: Option<f64>) -> Self {
        Self {
            shown: html! { (text) },
            value,
            class: "",
        }
    }

    /// How often.
    pub(crate) fn count(n: u64) -> Self {
        Self {
            shown: html! { (crate::units::count(n)) },
            value: Some(n as f64),
            class: "",
        }
    }

    /// A figure with half of its interval.
    pub(crate) fn estimate(show: Show, value: &Estimate) -> Self {
        let half = super::show::half(value).filter(|half| *half > 0.0);
        Self {
            shown: html! {
                (show.text(value.mean.unwrap_or(f64::NAN)))
                @if let Some(half) = half { small { " ± " (show.width(half)) } }
            },
            value: value.mean,
            class: "",
        }
    }

    /// The same, in the colour of what is bad, if it is.
    pub(crate) fn bad_if(self, bad: bool) -> Self {
        Self {
            class: if bad { "bad" } else { self.class },
            ..self
        }
    }

    fn figure(show: Show, shown: f64, value: Option<f64>) -> Self {
        Self {
            shown: html! { (show.text(shown)) },
            value,
            class: "",
        }
    }
}

impl Sheet {
    /// Without columns; `id` is unique on the page, and made of letters, digits and `-`.
    pub(crate) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            heads: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Another column of words.
    pub(crate) fn words(mut self, head: impl Into<String>) -> Self {
        self.heads.push(Head {
            text: head.into(),
            help: String::new(),
            number: false,
        });
        self
    }

    /// Another column of figures; `help` says what they are, where the head does not.
    pub(crate) fn figures(mut self, head: impl Into<String>, help: impl Into<String>) -> Self {
        self.heads.push(Head {
            text: head.into(),
            help: help.into(),
            number: true,
        });
        self
    }

    /// Another row, of a cell for each column.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.heads.len());
        self.rows.push(cells);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn draw(&self) -> Markup {
        html! {
            @if self.rows.len() > MANY {
                div.controls { label { "show rows with "
                    input type="search" data-filter=(self.id) placeholder="words";
                } }
            }
            div.scroll { table.sorts id=(self.id) {
                thead { tr { @for head in &self.heads {
                    th.n[head.number] scope="col" aria-sort="none"
                        title=[(!head.help.is_empty()).then_some(&head.help)] {
                        button type="button" { (head.text) }
                    }
                } } }
                tbody { @for row in &self.rows { tr {
                    @for (at, (cell, head)) in row.iter().zip(&self.heads).enumerate() {
                        @if at == 0 && !head.number { th scope="row" { (cell.shown) } }
                        @else if head.number { td.n.(cell.class) data-v=[value(cell)] { (cell.shown) } }
                        @else { td.(cell.class) { (cell.shown) } }
                    }
                } } }
            } }
        }
    }
}

fn value(cell: &Cell) -> Option<f64> {
    cell.value.filter(|value| value.is_finite())
}

/// A table of everything that records say, a row for each: columns are their keys, with units by the
/// keys' endings. Whatever a record has, the table has.
pub(crate) fn everything<'a>(
    id: &str,
    what: &str,
    rows: impl Iterator<Item = (&'a str, Value)>,
) -> Sheet {
    let rows: Vec<(&str, Vec<(String, Figure)>)> = rows
        .map(|(name, value)| {
            let mut figures = Vec::new();
            flatten(String::new(), &value, &mut figures);
            (name, figures)
        })
        .collect();
    let mut keys: Vec<(&str, bool)> = Vec::new();
    for (key, figure) in rows.iter().flat_map(|(_, figures)| figures) {
        if !keys.iter().any(|(known, _)| known == key) {
            keys.push((key, !matches!(figure, Figure::Word(_))));
        }
    }
    let mut sheet = Sheet::new(id).words(what);
    for (key, number) in &keys {
        let words = in_words(key);
        sheet = if *number {
            sheet.figures(words, "")
        } else {
            sheet.words(words)
        };
    }
    for (name, figures) in &rows {
        let mut cells = vec![Cell::text(name)];
        for (key, number) in &keys {
            let figure = figures.iter().find(|(known, _)| known == key);
            cells.push(match figure.map(|(_, figure)| figure) {
                Some(Figure::Word(word)) => Cell::text(word),
                Some(Figure::Number(n)) => Cell::number(unit_of(key), Some(*n)),
                Some(Figure::Whole(n)) => Cell::count(*n),
                Some(Figure::Estimate(e)) => Cell::estimate(unit_of(key), e),
                None if *number => Cell::number(Show::Count, None),
                None => Cell::text("–"),
            });
        }
        sheet.row(cells);
    }
    sheet
}

enum Figure {
    Word(String),
    Whole(u64),
    Number(f64),
    Estimate(Estimate),
}

fn flatten(key: String, value: &Value, into: &mut Vec<(String, Figure)>) {
    let figure = match value {
        Value::String(word) => Figure::Word(word.clone()),
        Value::Bool(yes) => Figure::Word(if *yes { "yes" } else { "no" }.to_owned()),
        Value::Number(n) => match (n.as_u64(), n.as_f64()) {
            (Some(n), _) => Figure::Whole(n),
            (None, Some(n)) => Figure::Number(n),
            (None, None) => return,
        },
        Value::Object(map) if map.len() == 3 && map.contains_key("low") => {
            let end = |name: &str| map.get(name).and_then(Value::as_f64);
            Figure::Estimate(Estimate {
                mean: end("mean"),
                low: end("low"),
                high: end("high"),
            })
        }
        Value::Object(map) => {
            for (name, value) in map {
                let key = if key.is_empty() {
                    name.clone()
                } else {
                    format!("{key}.{name}")
                };
                flatten(key, value, into);
            }
            return;
        }
        Value::Null => Figure::Estimate(Estimate {
            mean: None,
            low: None,
            high: None,
        }),
        Value::Array(_) => return,
    };
    into.push((key, figure));
}

fn unit_of(key: &str) -> Show {
    let part = |ending: &str| key.split('.').any(|part| part.ends_with(ending));
    match key {
        _ if key.ends_with("count") => Show::Count,
        _ if part("_ms") => Show::Milliseconds,
        _ if part("_s") => Show::Seconds,
        _ if part("rate") || part("availability") || part("share") => Show::Share,
        _ => Show::Count,
    }
}

/// `down_detected_ms.mean`: `down detected mean`.
fn in_words(key: &str) -> String {
    let parts = key.split('.').map(|part| {
        let part = part.strip_suffix("_ms").unwrap_or(part);
        let part = part.strip_suffix("_s").unwrap_or(part);
        part.replace("p99_9", "p99.9").replace('_', " ")
    });
    parts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_cell_carries_its_figure_and_a_gap_none() {
        let mut sheet = Sheet::new("t").words("name").figures("p99", "of successes");
        let estimate = Estimate {
            mean: Some(1500.0),
            low: Some(1400.0),
            high: Some(1600.0),
        };
        sheet.row(vec![
            Cell::text("a<b"),
            Cell::estimate(Show::Milliseconds, &estimate),
        ]);
        sheet.row(vec![
            Cell::text("b"),
            Cell::number(Show::Milliseconds, None),
        ]);
        let text = sheet.draw().into_string();
        assert!(text.contains("<th scope=\"row\">a&lt;b</th>"), "{text}");
        assert!(text.contains("data-v=\"1500\""), "{text}");
        assert_eq!(text.matches("data-v").count(), 1, "{text}");
        assert!(text.contains("1.5 s<small> ± 100 ms</small>"), "{text}");
    }

    #[test]
    fn everything_that_a_record_says_has_a_column_with_its_unit() {
        let record = json!({
            "kind": "lease",
            "known": {"mean": 2.5, "low": null, "high": null},
            "down_detected_ms": {"count": 3, "mean": {"mean": 1500.0, "low": null, "high": null}},
        });
        let sheet = everything("d", "service", [("pay", record)].into_iter());
        let text = sheet.draw().into_string();
        for part in ["kind", "known", "down detected count", "down detected mean"] {
            assert!(
                text.contains(&format!(">{part}</button>")),
                "{part}: {text}"
            );
        }
        assert!(
            text.contains(">1.5 s<") && text.contains(">lease<") && text.contains(">3<"),
            "{text}"
        );
    }
}

//! One thing that is varied, and the values that it takes.

use super::shape::flow;
use crate::quantity::Count;
use crate::reader::{Reader, Value};
use crate::schema::Defs;
use crate::shape::{choice, record};
use crate::tree::{Key, Kind, Node, shortened};
use serde_json::{Value as Json, json};

/// A path, and the values that it takes.
#[derive(Clone, PartialEq, Debug)]
pub struct Axis {
    /// A path of the model, such as `policies.interactive.retry.attempts`.
    pub path: String,
    pub(crate) values: Values,
}

/// Values of an axis.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Values {
    /// These, as YAML.
    List(Vec<String>),
    /// These, as YAML, each after its label.
    Labelled(Vec<(String, String)>),
    /// Evenly from one to the other, both included.
    Range {
        from: f64,
        to: f64,
        /// What follows the numbers: a unit, or nothing.
        unit: String,
        steps: u32,
        /// Even steps of the logarithm.
        log: bool,
        /// Whole numbers only.
        whole: bool,
    },
}

impl Axis {
    /// How many values a grid takes.
    #[allow(clippy::len_without_is_empty)] // there is always one
    pub fn len(&self) -> usize {
        match &self.values {
            Values::List(values) => values.len(),
            Values::Labelled(values) => values.len(),
            Values::Range { steps, .. } => *steps as usize,
        }
    }

    /// The value of a grid, as YAML; `index` is below [`len`](Self::len).
    pub fn value(&self, index: usize) -> String {
        match &self.values {
            Values::List(values) => values[index].clone(),
            Values::Labelled(values) => values[index].1.clone(),
            Values::Range { steps: 1, .. } => self.at(0.0),
            Values::Range { steps, .. } => self.at(index as f64 / f64::from(steps - 1)),
        }
    }

    /// What stands for a value in tables: its label, or itself where it has none.
    pub fn label<'v>(&'v self, value: &'v str) -> &'v str {
        let Values::Labelled(values) = &self.values else {
            return value;
        };
        let found = values.iter().find(|(_, other)| other == value);
        found.map_or(value, |(label, _)| label)
    }

    /// The value at a place in 0..=1, as YAML: of a list the one whose equal share it falls in, of a
    /// range any between its ends.
    pub fn at(&self, place: f64) -> String {
        match &self.values {
            Values::List(_) | Values::Labelled(_) => {
                let index = (place * self.len() as f64) as usize;
                self.value(index.min(self.len() - 1))
            }
            Values::Range {
                from,
                to,
                unit,
                log,
                whole,
                ..
            } => {
                let value = if *log {
                    // The ends are what was written, not what a power comes to.
                    match place {
                        0.0 => *from,
                        1.0 => *to,
                        _ => from * libm::pow(to / from, place),
                    }
                } else {
                    from + (to - from) * place
                };
                let value = if *whole { value.round() } else { value };
                format!("{}{unit}", shortest(value))
            }
        }
    }
}

/// A number with at most nine significant digits, without an exponent: finer steps are noise.
fn shortest(value: f64) -> String {
    let rounded: f64 = format!("{value:.8e}").parse().unwrap_or(value);
    format!("{rounded}")
}

/// A list, a range, or labels.
#[derive(Clone, Debug)]
pub(crate) struct AxisShape(pub(crate) Values);

record! {
    /// Evenly spaced values, both ends included.
    RangeShape {
        /// The first, such as `100/s`.
        required from: Quantity,
        /// The last, in the same unit.
        required to: Quantity,
        /// How many there are.
        default steps: Count<1, 100_000> = "5",
        /// Even steps of the value, or of its logarithm.
        default scale: ScaleWord = "linear",
    }
}

choice! {
    /// What is evenly spaced.
    "a scale": ScaleWord {
        /// The value.
        "linear" => Linear,
        /// Its logarithm.
        "log" => Log,
    }
}

/// A number and its unit.
#[derive(Clone, Debug)]
pub(crate) struct Quantity {
    number: f64,
    unit: String,
    whole: bool,
}

impl Value for Quantity {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let parts = match &node.kind {
            Kind::Scalar(scalar) => {
                let text = scalar.text.as_str();
                let end = text
                    .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-'))
                    .unwrap_or(text.len());
                let (number, unit) = text.split_at(end);
                let whole = unit.is_empty() && !number.contains('.');
                number.parse().ok().map(|number| Self {
                    number,
                    unit: unit.to_owned(),
                    whole,
                })
            }
            _ => None,
        };
        if parts.is_none() {
            cx.expected("a quantity", node)
                .help("write it like `100/s`, `5ms`, `20%` or `3`");
        }
        parts
    }

    fn schema(_: &mut Defs) -> Json {
        json!({"type": ["number", "string"]})
    }
}

impl Value for AxisShape {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        match &node.kind {
            Kind::List(items) => {
                if items.is_empty() {
                    cx.problem(node.span, "at least one value is needed here");
                    return None;
                }
                Some(Self(Values::List(items.iter().map(flow).collect())))
            }
            Kind::Map(entries) if !is_range(entries) => labelled(node, entries, cx),
            Kind::Map(_) => {
                let range = RangeShape::read(node, cx)?;
                let (from, to) = (&range.from.value, &range.to.value);
                if from.unit != to.unit {
                    cx.problem(
                        range.to.span,
                        format!(
                            "`from` and `to` need the same unit, and `from` has `{}`",
                            from.unit
                        ),
                    );
                    return None;
                }
                let log = matches!(range.scale.value, ScaleWord::Log);
                if log && !(from.number > 0.0 && to.number > 0.0) {
                    cx.problem(range.scale.span, "a logarithmic scale needs ends above 0");
                    return None;
                }
                Some(Self(Values::Range {
                    from: from.number,
                    to: to.number,
                    unit: from.unit.clone(),
                    steps: range.steps.0,
                    log,
                    whole: from.whole && to.whole,
                }))
            }
            _ => {
                cx.expected("a list of values", node).help(
                    "or a range: `{from: 100/s, to: 400/s, steps: 7}`, \
                         or labels: `{small: 100/s, large: 400/s}`",
                );
                None
            }
        }
    }

    fn schema(defs: &mut Defs) -> Json {
        let range = RangeShape::schema(defs);
        let is_range = json!({"anyOf": [{"required": ["from"]}, {"required": ["to"]}]});
        let labels = json!({"type": "object", "minProperties": 1, "not": is_range});
        json!({"oneOf": [{"type": "array", "minItems": 1}, range, labels]})
    }
}

/// `from` and `to` can not be labels: a slip in the other keys of a range stays a slip.
fn is_range(entries: &[(Key, Node)]) -> bool {
    let mut keys = entries.iter().map(|(key, _)| &*key.text);
    keys.any(|key| matches!(key, "from" | "to"))
}

fn labelled(node: &Node, entries: &[(Key, Node)], cx: &mut Reader<'_>) -> Option<AxisShape> {
    if entries.is_empty() {
        cx.problem(node.span, "at least one value is needed here");
        return None;
    }
    let mut values: Vec<(String, String)> = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let text = flow(value);
        if let Some((label, _)) = values.iter().find(|(_, other)| *other == text) {
            let (one, other) = (shortened(label), shortened(&key.text));
            cx.problem(
                value.span,
                format!("`{one}` and `{other}` are labels of the same value"),
            );
            return None;
        }
        values.push((key.text.clone(), text));
    }
    Some(AxisShape(Values::Labelled(values)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: f64, to: f64, steps: u32, log: bool, whole: bool) -> Axis {
        Axis {
            path: "p".into(),
            values: Values::Range {
                from,
                to,
                unit: "/s".into(),
                steps,
                log,
                whole,
            },
        }
    }

    fn all(axis: &Axis) -> Vec<String> {
        (0..axis.len()).map(|i| axis.value(i)).collect()
    }

    #[test]
    fn a_range_is_even_and_has_its_ends() {
        let axis = range(100.0, 400.0, 7, false, true);
        let values = [
            "100/s", "150/s", "200/s", "250/s", "300/s", "350/s", "400/s",
        ];
        assert_eq!(all(&axis), values);
        assert_eq!(
            all(&range(0.1, 0.3, 3, false, false)),
            ["0.1/s", "0.2/s", "0.3/s"]
        );
        assert_eq!(
            all(&range(1.0, 100.0, 3, true, true)),
            ["1/s", "10/s", "100/s"]
        );
        assert_eq!(all(&range(5.0, 9.0, 1, false, true)), ["5/s"]);
    }

    #[test]
    fn a_place_falls_into_an_equal_share_of_a_list() {
        let axis = Axis {
            path: "p".into(),
            values: Values::List(vec!["a".into(), "b".into()]),
        };
        let at: Vec<_> = [0.0, 0.49, 0.5, 1.0].map(|p| axis.at(p)).into();
        assert_eq!(at, ["a", "a", "b", "b"]);
    }
}

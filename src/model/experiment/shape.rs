//! The words of an experiment file, before what they say is brought together.

use super::axis::{Axis, AxisShape};
use super::{Constraint, Order};
use crate::quantity::{Count, PositiveNumber};
use crate::reader::{List, Reader, Value};
use crate::schema::Defs;
use crate::set::Set;
use crate::shape::{choice, record};
use crate::tree::{Key, Kind, Node, shortened};
use serde_json::{Value as Json, json};

record! {
    /// A stormglass experiment: a model, what is varied in it, and what is measured.
    ExperimentShape {
        /// The experiment's name; that of the file when absent.
        optional name: String,
        /// The model file, relative to this one.
        required model: String,
        /// Changes that every cell has: PATH: VALUE.
        optional set: Settings,
        /// What is varied: PATH: a list of values, `{from, to, steps}`, or `{LABEL: VALUE, …}`.
        required vary: Axes,
        /// How cells are chosen from the values.
        default sampling: SamplingShape = "grid",
        /// Cells are left out unless all of these hold, such as `policies.p.timeout < 1s`.
        optional constraints: List<ConstraintShape>,
        /// How often each cell is run: a count, or `{min, max, until}`.
        default replications: ReplicationsShape = "10",
        /// What is tabulated, such as `shoppers.latency.p99`; everything when absent.
        optional metrics: List<String, 1>,
    }
}

choice! {
    /// How cells are chosen from the values.
    "a sampling": SamplingShape {
        /// Every combination.
        "grid" => Grid,
        /// The first value of each, the second of each, and so on.
        "zip" => Zip,
        /// Random points, evenly spread along each axis.
        "latin_hypercube" => LatinHypercube(SamplesShape),
        /// Points of a scrambled Sobol sequence, evenly spread in all axes together.
        "sobol" => Sobol(SamplesShape),
    }
}

record! {
    /// How many points are taken.
    SamplesShape {
        /// How many; for `sobol` best a power of 2.
        required samples: Count<1, 1_000_000>,
    }
}

record! {
    /// Replications until a figure is known well enough.
    ReplicationRange {
        /// At least so often.
        default min: Count<1, 1_000_000> = "10",
        /// At most so often; `min` when absent.
        optional max: Count<1, 1_000_000>,
        /// When it is enough.
        optional until: UntilShape,
    }
    needs { "until" => "max" }
}

record! {
    /// When a cell has been run often enough.
    UntilShape {
        /// The figure, such as `shoppers.availability`.
        required metric: String,
        /// Of its 95 % interval: a number in the unit of the metric (times in milliseconds), or a
        /// percentage: of the mean for times and rates, in points for shares.
        required half_width: HalfWidth,
    }
}

/// A number, or a percentage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HalfWidth {
    pub(crate) value: f64,
    pub(crate) percent: bool,
}

impl Value for HalfWidth {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        if let Kind::Scalar(scalar) = &node.kind
            && let Some(number) = scalar.text.strip_suffix('%')
        {
            let node = Node::plain(number, node.span);
            return PositiveNumber::read(&node, cx).map(|number| Self {
                value: number.0 / 100.0,
                percent: true,
            });
        }
        PositiveNumber::read(node, cx).map(|number| Self {
            value: number.0,
            percent: false,
        })
    }

    fn schema(_: &mut Defs) -> Json {
        json!({"type": ["number", "string"]})
    }
}

/// A count, or a range.
#[derive(Clone, Debug)]
pub(crate) enum ReplicationsShape {
    Fixed(u32),
    Range(Box<ReplicationRange>),
}

impl Value for ReplicationsShape {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Map(_) => Some(Self::Range(Box::new(ReplicationRange::read(node, cx)?))),
            _ => Count::<1, 1_000_000>::read(node, cx).map(|count| Self::Fixed(count.0)),
        }
    }

    fn schema(defs: &mut Defs) -> Json {
        json!({"oneOf": [Count::<1, 1_000_000>::schema(defs), ReplicationRange::schema(defs)]})
    }
}

/// Values by path, in the order of the file.
#[derive(Clone, Debug)]
pub(crate) struct Settings(pub(crate) Vec<Set>);

impl Value for Settings {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let entries = by_path(node, cx)?;
        let sets = entries
            .iter()
            .filter(|(key, _)| check_path(key, cx))
            .map(|(key, value)| Set::new(&*key.text, flow(value)));
        Some(Self(sets.collect()))
    }

    fn schema(_: &mut Defs) -> Json {
        json!({"type": "object"})
    }
}

/// Axes by path, in the order of the file.
#[derive(Clone, Debug)]
pub(crate) struct Axes(pub(crate) Vec<Axis>);

impl Value for Axes {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let entries = by_path(node, cx)?;
        if entries.is_empty() {
            cx.problem(node.span, "at least one path must be varied");
        }
        let axes = entries.iter().filter_map(|(key, value)| {
            let good = check_path(key, cx);
            let values = AxisShape::read(value, cx)?;
            good.then(|| Axis {
                path: key.text.clone(),
                values: values.0,
            })
        });
        Some(Self(axes.collect()))
    }

    fn schema(defs: &mut Defs) -> Json {
        json!({"type": "object", "minProperties": 1, "additionalProperties": AxisShape::schema(defs)})
    }
}

fn by_path<'n>(node: &'n Node, cx: &mut Reader<'_>) -> Option<&'n [(Key, Node)]> {
    match &node.kind {
        Kind::Map(entries) => Some(entries),
        _ => {
            cx.expected("a map of paths", node)
                .help("write it like `policies.interactive.retry.attempts: …`");
            None
        }
    }
}

fn check_path(key: &Key, cx: &mut Reader<'_>) -> bool {
    let good = key.text.split('.').all(|segment| !segment.is_empty());
    if !good {
        let text = shortened(&key.text).into_owned();
        cx.problem(
            key.span,
            format!("`{text}` is not a path: keys joined by dots"),
        );
    }
    good
}

/// `LEFT OPERATOR RIGHT`.
#[derive(Clone, Debug)]
pub(crate) struct ConstraintShape(pub(crate) Constraint);

const ORDERS: [(&str, Order); 6] = [
    ("<=", Order::AtMost),
    (">=", Order::AtLeast),
    ("==", Order::Same),
    ("!=", Order::Other),
    ("<", Order::Less),
    (">", Order::More),
];

impl Value for ConstraintShape {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        const HELP: &str = "write it like `policies.p.timeout < policies.q.timeout`; \
                            the operators are `<`, `<=`, `>`, `>=`, `==` and `!=`";
        let Kind::Scalar(scalar) = &node.kind else {
            cx.expected("a comparison", node).help(HELP);
            return None;
        };
        let found = ORDERS.iter().find_map(|(word, order)| {
            let (left, right) = scalar.text.split_once(&format!(" {word} "))?;
            Some(Constraint {
                left: left.trim().to_owned(),
                order: *order,
                right: right.trim().to_owned(),
            })
        });
        if found.is_none() {
            cx.expected("a comparison", node).help(HELP);
        }
        found.map(Self)
    }

    fn schema(_: &mut Defs) -> Json {
        json!({"type": "string"})
    }
}

/// A value as YAML on one line.
pub(crate) fn flow(node: &Node) -> String {
    match &node.kind {
        Kind::Null | Kind::Refused => "null".to_owned(),
        Kind::Scalar(scalar) if scalar.plain => scalar.text.clone(),
        // A JSON text is a double-quoted YAML text.
        Kind::Scalar(scalar) => Json::from(scalar.text.as_str()).to_string(),
        Kind::List(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Kind::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", key.text, flow(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

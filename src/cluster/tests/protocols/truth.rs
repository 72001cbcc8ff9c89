//! The published figures in `data/protocols.csv`, with their tolerances as their authors worded them.
//!
//! It refuses to know the simulator.

use std::path::Path;

/// One line of the file.
#[derive(Clone, Debug)]
pub(crate) struct Truth {
    pub(crate) case: String,
    pub(crate) parameters: String,
    pub(crate) metric: String,
    expected: Vec<String>,
    tolerance: String,
}

impl Truth {
    /// All lines, in order.
    pub(crate) fn all() -> Vec<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/protocols.csv");
        let mut file = csv::Reader::from_path(path).expect("the published figures are there");
        file.deserialize::<(String, String, String, String, String, String)>()
            .map(|line| {
                let (case, parameters, metric, expected, _source, tolerance) =
                    line.expect("six columns");
                let expected = expected.split(';').map(|part| part.trim().to_owned());
                Self {
                    case,
                    parameters,
                    metric,
                    expected: expected.collect(),
                    tolerance,
                }
            })
            .collect()
    }

    /// The value of a part of the metric; what follows the number (its own error, a unit) is left.
    pub(crate) fn expected(&self, part: usize) -> f64 {
        first_number(&self.expected[part])
    }

    /// A part of the metric as it is written.
    pub(crate) fn words(&self, part: usize) -> &str {
        &self.expected[part]
    }

    /// How far a measured value may be from `expected`, the value of a part.
    pub(crate) fn allowed_of(&self, part: usize, expected: f64) -> f64 {
        let parts: Vec<&str> = self.tolerance.split([',', ';']).collect();
        let text = if parts.len() > 1 {
            parts[part]
        } else {
            parts[0]
        };
        let bound = first_number(text);
        if text.contains("abs") {
            bound
        } else {
            assert!(text.contains('%'), "a tolerance in words: {text}");
            expected.abs() * bound / 100.0
        }
    }
}

fn first_number(text: &str) -> f64 {
    let begin = text
        .find(|c: char| c.is_ascii_digit() || c == '.')
        .expect("a number");
    let rest = &text[begin..];
    let end = rest
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(rest.len());
    rest[..end].parse().expect("a number")
}

#[test]
fn figures_and_tolerances_are_read_as_worded() {
    let truth = Truth {
        case: String::new(),
        parameters: String::new(),
        metric: String::new(),
        expected: vec!["50.72 +-0.23".into(), "about 74".into(), "2%".into()],
        tolerance: "calls 1%, time 3%".into(),
    };
    assert_eq!((truth.expected(0), truth.expected(1)), (50.72, 74.0));
    assert_eq!(truth.expected(2), 2.0);
    assert!((truth.allowed_of(1, 74.0) - 2.22).abs() < 1e-12);
    let absolute = Truth {
        tolerance: "success abs .5, load abs 1".into(),
        ..truth
    };
    assert_eq!(
        (absolute.allowed_of(0, 50.0), absolute.allowed_of(1, 2.0)),
        (0.5, 1.0)
    );
}

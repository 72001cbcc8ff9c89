//! The closed forms in `data/queueing.csv`, with their tolerances as their authors worded them.
//!
//! It refuses to know the simulator.

use std::path::Path;

/// One line of the file.
#[derive(Clone, Debug)]
pub(crate) struct Truth {
    pub(crate) case: String,
    pub(crate) parameters: String,
    pub(crate) metric: String,
    /// One value per part of the metric (`mean ; p99` has two).
    pub(crate) expected: Vec<f64>,
    tolerance: String,
}

impl Truth {
    /// All lines, in order.
    pub(crate) fn all() -> Vec<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/queueing.csv");
        let mut file = csv::Reader::from_path(path).expect("the closed forms are there");
        file.deserialize::<(String, String, String, String, String, String)>()
            .map(|line| {
                let (case, parameters, metric, expected, _source, tolerance) =
                    line.expect("six columns");
                let expected = expected
                    .split(';')
                    .map(|v| number(v).expect("a number"))
                    .collect();
                Self {
                    case,
                    parameters,
                    metric,
                    expected,
                    tolerance,
                }
            })
            .collect()
    }

    /// How far a measured value may be from `expected[part]`.
    pub(crate) fn allowed(&self, part: usize) -> f64 {
        let texts: Vec<&str> = self.tolerance.split(';').collect();
        let text = if texts.len() == self.expected.len() {
            texts[part]
        } else {
            texts[0]
        };
        if let Some((_, absolute)) = text.split_once("abs ") {
            return number(absolute).expect("a number after `abs`");
        }
        // `1.5% (rho<=.8), 3% (.9)` and `2% (4% at .9)`: another one at utilization 0.9.
        let text = match text.find(".9)") {
            Some(end) if self.parameters.contains("lambda=0.9 ") => {
                let percent = text[..end]
                    .rfind('%')
                    .expect("a percentage before its condition");
                let begin = text[..percent].rfind([' ', '(']).map_or(0, |at| at + 1);
                &text[begin..]
            }
            _ => text,
        };
        let percent = text
            .split('%')
            .next()
            .and_then(number)
            .expect("a percentage");
        self.expected[part].abs() * percent / 100.0
    }

    /// How many completions the tolerance asks for.
    pub(crate) fn completions(&self) -> u64 {
        match self.tolerance.split_once("needs >=") {
            Some((_, rest)) => rest.split(' ').next().and_then(number).expect("a count") as u64,
            None => 0,
        }
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

#[test]
fn tolerances_are_read_as_worded() {
    let truth = |tolerance: &str, parameters: &str, expected: &[f64]| Truth {
        case: String::new(),
        parameters: parameters.into(),
        metric: String::new(),
        expected: expected.into(),
        tolerance: tolerance.into(),
    };
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    near(truth("2%", "", &[50.0]).allowed(0), 1.0);
    near(truth("3%;5%", "", &[100.0, 200.0]).allowed(1), 10.0);
    near(truth("2%", "", &[100.0, 200.0]).allowed(1), 4.0);
    near(truth("1% abs .005", "", &[0.9]).allowed(0), 0.005);
    let words = "1.5% (rho<=.8), 3% (.9), needs >=2e6 completions";
    near(truth(words, "lambda=0.8 mu=1", &[100.0]).allowed(0), 1.5);
    near(truth(words, "lambda=0.9 mu=1", &[100.0]).allowed(0), 3.0);
    assert_eq!(truth(words, "", &[1.0]).completions(), 2_000_000);
    near(
        truth("2% (4% at .9)", "lambda=0.9 mu=1", &[100.0]).allowed(0),
        4.0,
    );
    near(
        truth("4% (500 runs: 4.5% s.e.)", "f=.01", &[100.0]).allowed(0),
        4.0,
    );
}

use super::Design;
use crate::chart::{Chart, sweep};
use study::Unit;
use study::sweep::{
    AxisOutline, Cell, CellResult, Figure, Kind, Outline, Program, Source, SweepRecord, Times,
};

/// A path, what its values are, and the values.
type Axis<'a> = (&'a str, Kind, &'a [&'a str]);

/// A sweep over these cells, whose availability falls and whose latency rises with the sum of the
/// values' places.
fn swept(axes: &[Axis<'_>], cells: &[Vec<usize>]) -> (Outline, SweepRecord) {
    let source = || Source {
        file: "x.yaml".into(),
        sha256: String::new(),
    };
    let figures = vec![
        Figure {
            name: "users.availability".into(),
            unit: Unit::Ratio,
        },
        Figure {
            name: "calls.a->b.c.amplification".into(),
            unit: Unit::Count,
        },
        Figure {
            name: "users.latency.p99".into(),
            unit: Unit::Milliseconds,
        },
    ];
    let values = |cell: &[usize]| -> Vec<String> {
        let places = axes.iter().zip(cell);
        places.map(|((.., all), at)| all[*at].to_owned()).collect()
    };
    let results = cells.iter().map(|cell| {
        let sum = cell.iter().sum::<usize>() as f64;
        let of = |noise: f64| {
            let availability = 1.0 - 0.02 * sum - 0.001 * noise;
            let latency = 20.0 * 1.7_f64.powf(sum) + noise;
            vec![Some(availability), None, Some(latency)]
        };
        CellResult {
            key: String::new(),
            figures: figures.clone(),
            values: vec![of(0.0), of(1.0), of(2.0)],
            events: 1,
            fingerprint: String::new(),
            precise: None,
            warnings: Vec::new(),
            violations: 0,
            within: None,
        }
    });
    let results: Vec<CellResult> = results.collect();
    let outline = Outline {
        name: "<b>storm</b>".into(),
        plan: String::new(),
        program: Program {
            version: String::new(),
            hash: String::new(),
        },
        experiment: source(),
        model: source(),
        replications: Times {
            min: 3,
            max: 3,
            until: None,
        },
        metrics: Vec::new(),
        set: Vec::new(),
        axes: axes
            .iter()
            .map(|(path, kind, _)| AxisOutline {
                path: (*path).to_owned(),
                kind: *kind,
            })
            .collect(),
        cells: cells
            .iter()
            .enumerate()
            .map(|(index, cell)| Cell {
                index,
                key: String::new(),
                seed: 1,
                values: values(cell),
                labels: values(cell),
            })
            .collect(),
    };
    let record = SweepRecord::new(&outline, results);
    (outline, record)
}

/// Every combination.
fn grid(axes: &[Axis<'_>]) -> (Outline, SweepRecord) {
    let mut cells: Vec<Vec<usize>> = vec![Vec::new()];
    for (.., values) in axes {
        let longer = cells.iter().flat_map(|cell| {
            (0..values.len()).map(move |at| {
                let mut cell = cell.clone();
                cell.push(at);
                cell
            })
        });
        cells = longer.collect();
    }
    swept(axes, &cells)
}

fn stems((outline, record): &(Outline, SweepRecord)) -> Vec<String> {
    let charts = sweep(outline, record).unwrap();
    for chart in &charts {
        assert!(chart.svg.ends_with("</svg>\n"));
        assert!(!chart.svg.contains("NaN") && !chart.svg.contains("<b>"));
    }
    charts.iter().map(Chart::stem).collect()
}

const ATTEMPTS: Axis<'_> = ("policies.p.retry.attempts", Kind::Integer, &["1", "2", "4"]);
const RATE: Axis<'_> = ("workloads.users.rate", Kind::PerS, &["50/s", "100/s"]);
const BREAKER: Axis<'_> = ("policies.p.breaker", Kind::Text, &["none", "{window: 5}"]);

#[test]
fn one_axis_gives_lines_or_rows() {
    assert_eq!(stems(&grid(&[ATTEMPTS])), ["lines"]);
    assert_eq!(stems(&grid(&[BREAKER])), ["rows"]);
    // One of them has one value.
    let still: Axis<'_> = ("run.duration", Kind::Ms, &["2m"]);
    assert_eq!(stems(&grid(&[still, ATTEMPTS])), ["lines"]);
    assert!(stems(&grid(&[still])).is_empty());
}

#[test]
fn two_axes_give_a_map_for_each_metric_that_was_measured() {
    assert_eq!(
        stems(&grid(&[ATTEMPTS, RATE])),
        [
            "lines",
            "heatmap-users.availability",
            "heatmap-users.latency.p99"
        ]
    );
    assert_eq!(stems(&grid(&[BREAKER, RATE])).len(), 3);
    assert_eq!(stems(&grid(&[ATTEMPTS, RATE, BREAKER])).len(), 3);
    let more: Axis<'_> = ("run.seed", Kind::Integer, &["1", "2"]);
    assert_eq!(stems(&grid(&[ATTEMPTS, RATE, BREAKER, more])).len(), 3);
}

#[test]
fn file_names_have_safe_letters_only() {
    let chart = Chart {
        name: "heatmap",
        of: Some("calls.a->b/../c.failed".into()),
        svg: String::new(),
        png: Vec::new(),
    };
    assert_eq!(chart.stem(), "heatmap-calls.a-b-..-c.failed");
}

#[test]
fn samples_of_a_cube_are_clouds_and_what_moves_together_is_one_axis() {
    let numbers: Vec<String> = (0..40).map(|n| (n * n).to_string()).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let x: Axis<'_> = ("a.x", Kind::Integer, &numbers);
    let y: Axis<'_> = ("a.y", Kind::Integer, &numbers);
    // A Latin square: no value comes twice.
    let cube: Vec<Vec<usize>> = (0..40).map(|n| vec![n, n * 7 % 40]).collect();
    let named = ["scatter-users.availability", "scatter-users.latency.p99"];
    assert_eq!(stems(&swept(&[x, y], &cube)), named);
    let zip: Vec<Vec<usize>> = (0..3).map(|n| vec![n, n]).collect();
    let (outline, record) = swept(&[ATTEMPTS, x], &zip);
    let design = Design::of(&outline, &record);
    assert_eq!(design.axes.len(), 1);
    assert_eq!(design.axes[0].name, "attempts and x");
}

#[test]
fn numbers_rise_whatever_their_unit() {
    let times: Axis<'_> = ("t", Kind::Ms, &["2s", "300ms", "1s"]);
    let (outline, record) = grid(&[times]);
    let axis = &Design::of(&outline, &record).axes[0];
    let labels: Vec<&str> = axis.levels.iter().map(|l| l.label.as_str()).collect();
    assert_eq!(labels, ["300ms", "1s", "2s"]);
    assert_eq!(axis.of_cell, [2, 0, 1]);
}

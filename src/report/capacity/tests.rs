use super::{capacity_files, capacity_page};
use crate::Style;
use study::Unit;
use study::capacity::{
    Capacity, Case, Goal, GoalRecord, Latencies, LoadRecord, Outcome, Span, Verdict,
};
use study::record::Estimate;
use unicode_width::UnicodeWidthStr;

fn estimate(mean: f64, half: f64) -> Estimate {
    Estimate {
        mean: Some(mean),
        low: Some(mean - half),
        high: Some(mean + half),
    }
}

/// M/M/1 of 100/s, as its closed forms have it.
fn at(load: f64) -> LoadRecord {
    let mean = 1000.0 / (100.0 - load).max(0.5);
    let p99 = mean * 100f64.ln();
    let verdict = if p99 < 145.0 {
        Verdict::Met
    } else if p99 < 155.0 {
        Verdict::Unclear
    } else {
        Verdict::Missed
    };
    LoadRecord {
        load,
        replications: 8,
        searched: (60.0..80.0).contains(&load),
        verdict,
        cut: None,
        throughput: estimate(load.min(100.0), 0.5),
        availability: estimate(1.0, 0.0),
        latency_ms: Latencies {
            mean: estimate(mean, mean / 50.0),
            p50: estimate(mean * 2f64.ln(), mean / 50.0),
            p99: estimate(p99, p99 / 20.0),
        },
        objectives: vec![GoalRecord {
            value: estimate(p99, p99 / 20.0),
            verdict,
        }],
    }
}

fn case(without: &str, scale: f64) -> Case {
    let loads = [
        10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 68.2, 69.3, 70.1, 80.0, 90.0, 140.0,
    ];
    let span = |value: f64| Span {
        value,
        low: value * 0.98,
        high: value * 1.02,
    };
    Case {
        without: without.into(),
        outcome: Outcome::Found,
        capacity: Some(69.3 * scale),
        low: Some(68.2 * scale),
        high: Some(70.1 * scale),
        limits: vec![goal()],
        headroom: Some(span(2.31 * scale)),
        left: (!without.is_empty()).then(|| span(scale)),
        knee: Some(span(50.0 * scale)),
        loads: loads
            .into_iter()
            .map(|load| LoadRecord {
                load: load * scale,
                ..at(load)
            })
            .collect(),
    }
}

fn goal() -> Goal {
    Goal {
        objective: "latency.p99".into(),
        workload: "users".into(),
        target: 150.0,
        unit: Unit::Milliseconds,
    }
}

pub(crate) fn record() -> Capacity {
    Capacity {
        model: "mm1".into(),
        workload: "users".into(),
        seed: 7,
        simulated_s: 60.0,
        own_load: 30.0,
        within: 0.02,
        precise: false,
        confidence: 0.95,
        objectives: vec![goal()],
        cases: vec![case("", 1.0), case("node:a-1", 0.5)],
        warnings: vec!["at 10/s: the warm-up could not be told".into()],
        violations: 0,
    }
}

#[test]
fn the_page_says_what_was_found() {
    let page = capacity_page(&record(), &Style::default());
    for says in [
        "Capacity of mm1 for users\n  ✓ 69.3/s (between 68.2/s and 70.1/s)\n",
        "missed above it: p99 ≤ 150 ms",
        "2.31 times the model's own load of 30/s",
        "Without node:a-1\n  ✓ 34.65/s",
        "50 % (49 % to 51 %) of the load is left",
        "knee at 50/s (between 49/s and 51/s)",
        "· unclear",
        "! at 10/s: the warm-up",
    ] {
        assert!(page.contains(says), "no {says:?} in\n{page}");
    }
    assert!(!page.contains("140/s"), "far beyond the capacity:\n{page}");
}

#[test]
fn pages_keep_to_their_width_and_letters() {
    for width in [60, 80, 120] {
        let style = Style {
            width,
            unicode: false,
            ..Style::default()
        };
        let page = capacity_page(&record(), &style);
        assert!(page.is_ascii(), "{page}");
        for line in page.lines() {
            assert!(line.width() <= width, "{width}: {line}");
        }
    }
}

#[test]
fn nothing_found_is_said_in_words() {
    let mut none = record();
    none.cases.truncate(1);
    let case = &mut none.cases[0];
    (case.outcome, case.capacity, case.low, case.headroom) = (Outcome::Below, None, None, None);
    let page = capacity_page(&none, &Style::default());
    assert!(page.contains("✗ none: no load that was tried"), "{page}");
    let case = &mut none.cases[0];
    (case.outcome, case.low, case.high) = (Outcome::Above, Some(640.0), None);
    let page = capacity_page(&none, &Style::default());
    assert!(page.contains("✓ above 640/s"), "{page}");
}

#[test]
fn the_table_has_each_figure_of_each_load_once() {
    let files = capacity_files(&record()).unwrap();
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "capacity.csv",
            #[cfg(feature = "parquet")]
            "capacity.parquet",
            "latency_load.svg",
            "latency_load.png",
            "availability_load.svg",
            "availability_load.png"
        ]
    );
    let table = std::str::from_utf8(&files[0].bytes).unwrap();
    let rows: Vec<&str> = table.lines().collect();
    // Two cases of twelve loads with five figures; the objective is one of these.
    assert_eq!(rows.len(), 1 + 2 * 12 * 5);
    assert_eq!(
        rows[0],
        "without,load,searched,replications,verdict,metric,unit,mean,low,high"
    );
    assert_eq!(
        rows[1],
        ",10,false,8,met,users.throughput,per_s,10,9.5,10.5"
    );
    assert!(table.contains("node:a-1,34.65,true,8,unclear,users.latency.p99,ms,"));
}

/// The chart of a capacity that was not found is a chart, too.
#[test]
fn charts_are_drawn_whatever_was_found() {
    let mut empty = record();
    for case in &mut empty.cases {
        (case.capacity, case.low, case.high, case.knee) = (None, None, None, None);
        case.loads.truncate(1);
        case.loads[0].latency_ms.p99 = Estimate {
            mean: None,
            low: None,
            high: None,
        };
    }
    for record in [record(), empty] {
        for chart in crate::chart::capacity(&record).unwrap() {
            assert!(chart.svg.starts_with("<svg"), "{}", chart.name);
            assert!(chart.svg.contains("<title>"), "{}", chart.name);
        }
    }
}

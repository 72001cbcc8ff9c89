use super::{stability_files, stability_page};
use crate::Style;
use study::record::Estimate;
use study::stability::{Boundary, Cell, Outcome, SettingRecord, Stability, State, TriggerRecord};
use unicode_width::UnicodeWidthStr;

fn cell(load: f64, outcome: Outcome) -> Cell {
    let time = (outcome == Outcome::Recovers).then_some(load / 10.0);
    let recovered = match outcome {
        Outcome::Recovers => 8,
        Outcome::Sometimes => 3,
        _ => 0,
    };
    Cell {
        load,
        searched: false,
        outcome,
        recovered,
        replications: if outcome == Outcome::Overloaded { 0 } else { 8 },
        time_to_recover_s: Estimate {
            mean: time,
            low: time,
            high: time,
        },
        longest_s: time,
    }
}

fn boundary(low: f64, high: f64) -> Boundary {
    Boundary {
        value: Some(f64::midpoint(low, high)),
        low: Some(low),
        high: Some(high),
    }
}

fn record(triggers: usize) -> Stability {
    use Outcome::{Metastable, Overloaded, Recovers, Sometimes};
    let trigger = |n: usize| TriggerRecord {
        lasts_s: (n + 1) as f64,
        hidden_capacity: boundary(148.0, 152.0),
        cells: vec![
            cell(100.0, Recovers),
            Cell {
                searched: true,
                ..cell(149.0, Recovers)
            },
            cell(150.0, Sometimes),
            cell(200.0, Metastable),
            cell(400.0, Overloaded),
        ],
    };
    Stability {
        model: "database".into(),
        workload: "users".into(),
        seed: 3,
        replications: 8,
        simulated_s: 600.0,
        window_s: 5.0,
        own_load: 200.0,
        healthy: 0.9,
        slowest_ms: Some(400.0),
        within: 0.05,
        trigger: vec!["db pause".into()],
        begins_s: 60.0,
        vary: Some("policies.client.retry.attempts".into()),
        loads: vec![100.0, 150.0, 200.0, 400.0],
        settings: vec![SettingRecord {
            setting: "2".into(),
            capacity: boundary(295.0, 301.0),
            hidden_capacity: boundary(148.0, 152.0),
            states: vec![
                State::Stable,
                State::Vulnerable,
                State::Vulnerable,
                State::Overloaded,
            ],
            triggers: (0..triggers).map(trigger).collect(),
        }],
        warnings: vec!["some recoveries took 300 s of a run of 600 s".into()],
        violations: 0,
    }
}

#[test]
fn the_page_says_what_is_stable() {
    let page = stability_page(&record(2), &Style::default());
    for says in [
        "trigger: db pause at 60 s",
        "attempts 2",
        "hidden capacity 150/s (between 148/s and 152/s)",
        "capacity without a trigger 298/s (between 295/s and 301/s)",
        "the model's own load of 200/s is vulnerable",
        "3 of 8 recover",
        "10 s",
        "never",
        // 1 - 0.05^(1/8) = 0.3123.
        "no more than 31.2 %",
        "half of them within 400 ms",
    ] {
        assert!(
            page.replace("\n    ", " ").contains(says),
            "no {says:?} in\n{page}"
        );
    }
    assert!(!page.contains("149/s"), "only the map's loads:\n{page}");
}

#[test]
fn pages_keep_to_their_width_and_letters() {
    for (width, triggers) in [(60, 1), (80, 9), (120, 3)] {
        let style = Style {
            width,
            unicode: false,
            ..Style::default()
        };
        let page = stability_page(&record(triggers), &style);
        assert!(page.is_ascii(), "{page}");
        for line in page.lines() {
            assert!(line.width() <= width, "{width}: {line}");
        }
    }
    let page = stability_page(&record(9), &Style::default());
    assert!(page.contains("more triggers in stability.csv"), "{page}");
}

#[test]
fn the_table_has_a_row_for_each_load_and_trigger() {
    let files = stability_files(&record(2)).unwrap();
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "stability.csv",
            #[cfg(feature = "parquet")]
            "stability.parquet",
            "stability.svg",
            "stability.png"
        ]
    );
    let table = std::str::from_utf8(&files[0].bytes).unwrap();
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows.len(), 1 + 2 * 5);
    assert_eq!(rows[1], "2,1,100,false,recovers,8,8,10,10,10,10");
    assert_eq!(rows[4], "2,1,200,false,metastable,0,8,,,,");
    let svg = files.iter().find(|file| file.name == "stability.svg");
    let svg = std::str::from_utf8(&svg.unwrap().bytes).unwrap();
    assert!(svg.contains("<title>"));
}

#[test]
fn a_map_is_drawn_however_many_rows_it_has() {
    for triggers in [1, 40] {
        let files = stability_files(&record(triggers)).unwrap();
        let chart = files.iter().find(|file| file.name == "stability.png");
        assert!(chart.is_some_and(|chart| !chart.bytes.is_empty()));
    }
}

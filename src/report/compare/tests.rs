use super::words::{Amount, metric, sentence};
use super::{compare_files, compare_page};
use crate::Style;
use study::compare::{Comparison, Correction, Difference, SettingRecord, Verdict};
use study::{Better, Unit};
use unicode_width::UnicodeWidthStr;

fn difference(metric: &str, unit: Unit, better: Better, mean: f64, half: f64) -> Difference {
    let clear = mean.abs() > half;
    Difference {
        setting: "B".into(),
        metric: metric.into(),
        unit,
        better,
        pairs: 20,
        baseline: Some(0.9),
        value: Some(0.9 + mean),
        mean: Some(mean),
        low: Some(mean - half),
        high: Some(mean + half),
        half_width: Some(half),
        detectable: Some(1.4 * half),
        p: Some(if clear { 1e-6 } else { 0.3 }),
        p_adjusted: Some(if clear { 3e-6 } else { 0.3 }),
        variance_ratio: Some(97.0),
        verdict: match (clear, better, mean > 0.0) {
            (false, ..) => Verdict::Indistinguishable,
            (_, Better::More, true) | (_, Better::Less, false) => Verdict::Better,
            (_, Better::Neither, true) => Verdict::More,
            (_, Better::Neither, false) => Verdict::Less,
            _ => Verdict::Worse,
        },
    }
}

fn setting(name: &str, set: &[&str]) -> SettingRecord {
    SettingRecord {
        name: name.into(),
        model: "shop".into(),
        file: "shop.yaml".into(),
        set: set.iter().map(|set| (*set).to_owned()).collect(),
        simulated_s: 600.0,
        warmup_s: 30.0,
        events: 1_000_000,
        fingerprint: "0123456789abcdef".into(),
    }
}

fn availability(mean: f64, half: f64) -> Difference {
    difference("w.availability", Unit::Ratio, Better::More, mean, half)
}

fn p99(mean: f64, half: f64) -> Difference {
    difference(
        "w.latency.p99",
        Unit::Milliseconds,
        Better::Less,
        mean,
        half,
    )
}

fn record(differences: Vec<Difference>) -> Comparison {
    Comparison {
        seed: 7,
        replications: 2,
        confidence: 0.95,
        correction: Correction::Holm,
        family: differences.len() as u32,
        precise: None,
        settings: vec![
            setting("shop", &[]),
            setting("B", &["policies.charge.retry.attempts=1"]),
        ],
        values: vec![(
            "w.availability".into(),
            vec![vec![Some(0.5), None], Vec::new()],
        )],
        differences,
        missing: Vec::new(),
        warnings: Vec::new(),
        violations: 0,
    }
}

#[test]
fn a_difference_has_the_digits_that_its_interval_allows() {
    let amount = |unit, difference, half| Amount::of(unit, difference, Some(half)).signed();
    assert_eq!(
        amount(Unit::Ratio, -0.003_12, 0.000_41),
        "-0.31 ± 0.04 points"
    );
    assert_eq!(amount(Unit::Milliseconds, 12.34, 3.1), "+12 ± 3 ms");
    assert_eq!(amount(Unit::Milliseconds, 12.34, 1.52), "+12.3 ± 1.5 ms");
    assert_eq!(amount(Unit::Milliseconds, -4321.0, 120.0), "-4.32 ± 0.12 s");
    assert_eq!(amount(Unit::Milliseconds, 0.012, 0.004), "+12 ± 4 µs");
    assert_eq!(amount(Unit::PerSecond, 0.25, 1.0), "+0.2 ± 1.0/s");
    assert_eq!(amount(Unit::Milliseconds, -0.456, 0.461), "-0.46 ± 0.46 ms");
    assert_eq!(amount(Unit::Count, 0.0, 0.0), "+0 ± 0");
    assert_eq!(amount(Unit::Milliseconds, 5.0, 0.0), "+5.0 ± 0.0 ms");
    assert_eq!(Amount::of(Unit::Ratio, 0.01, None).size(), "1.00 points");
}

#[test]
fn verdicts_are_sentences() {
    let words = |d: &Difference| sentence(d, false);
    assert_eq!(
        words(&availability(-0.0031, 0.0004)),
        "loses 0.31 ± 0.04 points of availability"
    );
    assert_eq!(
        words(&availability(0.0031, 0.0004)),
        "gains 0.31 ± 0.04 points of availability"
    );
    assert_eq!(words(&p99(-12.3, 3.1)), "takes 12 ± 3 ms off p99");
    assert_eq!(words(&p99(12.3, 3.1)), "adds 12 ± 3 ms to p99");
    let still = p99(1.0, 3.0);
    assert_eq!(
        words(&still),
        "p99 is not distinguishable (±4.2 ms would have been seen)"
    );
    let busy = difference(
        "services.s.utilization",
        Unit::Ratio,
        Better::Neither,
        -0.1,
        0.01,
    );
    assert_eq!(
        words(&busy),
        "lowers services.s.utilization by 10.0 ± 1.0 points"
    );
}

#[test]
fn metrics_have_the_words_that_people_use() {
    assert_eq!(metric("w.latency.p99_9", false), "p99.9");
    assert_eq!(metric("w.latency.mean", true), "mean latency of w");
    assert_eq!(metric("my.shop.latency.p50", true), "p50 of my.shop");
    assert_eq!(metric("w.failed.timeout", false), "failures by timeout");
    assert_eq!(metric("w.degraded", true), "degraded answers of w");
    assert_eq!(metric("calls.a->b.c.failed", true), "calls.a->b.c.failed");
    let committed = "transactions.order.create.latency.p99";
    assert_eq!(metric(committed, true), committed);
}

#[test]
fn the_page_begins_with_the_verdict_and_keeps_its_width() {
    let mut record = record(vec![p99(1.0, 3.0), availability(-0.0031, 0.0004)]);
    record.warnings.push("something to mind".repeat(9));
    for (width, unicode) in [(60, true), (80, false), (120, true)] {
        let style = Style {
            width,
            unicode,
            ..Style::default()
        };
        let page = compare_page(&record, &style);
        let first = style.letters("✗ loses 0.31 ± 0.04 points of availability");
        let start = format!("B against shop\n  policies.charge.retry.attempts=1\n  {first}\n");
        assert!(page.starts_with(&start), "{page}");
        for line in page.lines() {
            assert!(line.width() <= width, "{line}");
        }
        assert!(page.contains("adjusted by Holm"), "{page}");
        assert!(unicode || page.is_ascii(), "{page}");
    }
}

#[test]
fn tables_say_what_was_not_measured_by_empty_cells() {
    let mut unknown = availability(0.0, 0.0);
    (unknown.mean, unknown.p, unknown.verdict) = (None, None, Verdict::Unknown);
    let files = compare_files(&record(vec![unknown])).unwrap();
    let text = |i: usize| String::from_utf8(files[i].bytes.clone()).unwrap();
    assert_eq!(text(0).lines().count(), 2);
    assert!(
        text(0).contains("B,w.availability,ratio,20,0.9,0.9,,"),
        "{}",
        text(0)
    );
    assert_eq!(
        text(1),
        "setting,replication,metric,value\nshop,0,w.availability,0.5\nshop,1,w.availability,\n"
    );
}

#[test]
fn charts_of_any_size_are_drawn() {
    let many = |settings: usize| {
        let mut all = record(Vec::new());
        for s in 0..settings {
            let name = format!("a setting with a rather long name, number {s}");
            all.settings.push(setting(&name, &[]));
            for d in [availability(0.01 * s as f64, 0.01), p99(s as f64, 9.0)] {
                all.differences.push(Difference {
                    setting: name.clone(),
                    ..d
                });
            }
        }
        all
    };
    let mut same = record(vec![availability(0.0, 0.0)]);
    same.differences[0].detectable = None;
    for record in [
        record(vec![p99(1.0, 3.0)]),
        same,
        many(0),
        many(3),
        many(9),
        many(60),
    ] {
        let files = compare_files(&record).unwrap();
        let svg = String::from_utf8(files[2].bytes.clone()).unwrap();
        assert_eq!(files[2].name, "differences.svg");
        assert!(svg.starts_with("<svg ") && !svg.contains("<text") && !svg.contains("NaN"));
        assert_eq!(&files[3].bytes[..4], b"\x89PNG");
    }
}

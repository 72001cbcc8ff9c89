use super::{files, page};
use crate::Style;
use crate::fixture::{checkout, crowded, empty};
use study::record::{Violation, WithinEstimate, WithinRunRecord};
use unicode_width::UnicodeWidthStr;

#[test]
fn the_first_lines_are_the_verdict() {
    let text = page(&checkout(), &Style::default());
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("✗ checkout: 1 of 4 objectives missed"));
    assert_eq!(
        lines.next(),
        Some("  ✗ missed shoppers availability 99.34 % (target ≥ 99.9 %)")
    );
    assert_eq!(
        lines.next(),
        Some("  ✓ met    admins availability 99.934 % (target ≥ 99.9 %, unclear)")
    );
}

#[test]
fn without_objectives_it_says_so() {
    let text = page(&empty(), &Style::default());
    assert!(
        text.starts_with("· checkout: no objective was set\n"),
        "{text}"
    );
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let mut record = crowded(12);
    record.model = "a model ".repeat(40);
    record.stopped = Some("a reason of many words ".repeat(12));
    record.series.faults[0].label = "x".repeat(300);
    for objective in &mut record.slo {
        objective.workload = "w".repeat(300);
    }
    for name in ["a", "名前"] {
        let call = record.calls["gateway->order.create"].clone();
        record.calls.insert(name.repeat(100), call);
    }
    for width in [40, 59, 60, 80] {
        for unicode in [true, false] {
            let color = false;
            let style = Style {
                color,
                width,
                unicode,
            };
            for line in page(&record, &style).lines() {
                assert!(line.width() <= width, "{width} columns: {line}");
            }
        }
    }
}

#[test]
fn plain_letters_are_plain() {
    let style = Style {
        unicode: false,
        ..Style::default()
    };
    let text = page(&checkout(), &style);
    assert!(text.is_ascii(), "{text}");
}

#[test]
fn color_changes_no_letter() {
    let style = Style {
        color: true,
        ..Style::default()
    };
    let colored = page(&checkout(), &style);
    assert!(colored.contains("\u{1b}[1;31m"));
    let mut bare = String::new();
    let mut parts = colored.split('\u{1b}');
    bare.push_str(parts.next().unwrap());
    for part in parts {
        bare.push_str(part.split_once('m').unwrap().1);
    }
    assert_eq!(bare, page(&checkout(), &Style::default()));
}

#[test]
fn what_went_wrong_is_said() {
    let mut record = checkout();
    record.stopped = Some("interrupted".into());
    record.violations.push(Violation {
        checker: "atomicity".into(),
        replication: 2,
        at_s: 12.5,
        event: 1_234,
        what: "half a transaction".into(),
    });
    record.warnings.push("the warm-up could not be told".into());
    record.workloads.get_mut("admins").unwrap().issued = 0;
    let text = page(&record, &Style::default());
    assert!(text.contains("! cut short: interrupted;"));
    assert!(text.contains("broken invariant (atomicity): half a transaction (at 12.5 s,"));
    assert!(text.contains("! the warm-up could not be told\n"));
    assert!(text.contains("! admins issued no request after the warm-up"));
}

#[test]
fn calls_without_trouble_are_left_out() {
    let text = page(&checkout(), &Style::default());
    assert!(text.contains("gateway->order.create"));
    assert!(text.contains("order->payment.charge"));
    assert!(!text.contains("order->inventory.reserve"));
}

#[test]
fn transactions_say_what_they_cost_and_what_is_left_of_them() {
    let text = page(&checkout(), &Style::default());
    let (_, transactions) = text.split_once("\nTransactions\n").unwrap();
    let lines: Vec<&str> = transactions.lines().take(5).collect();
    assert!(lines[1].starts_with("  order.create"), "{}", lines[1]);
    let words: Vec<&str> = lines[2..]
        .iter()
        .flat_map(|l| l.split_whitespace())
        .collect();
    let notes = words.join(" ");
    for note in [
        "8.01 messages each",
        "4.99 forced writes each",
        "participants in doubt at the end: 3",
        "anomalies: 2",
    ] {
        assert!(notes.contains(note), "{notes}");
    }
    assert!(!page(&empty(), &Style::default()).contains("Transactions"));
}

#[test]
fn files_are_named_once() {
    let names = ["summary.csv", "latency.svg", "latency.png"].map(str::to_owned);
    let text = files("output/checkout", &names, &Style::default());
    assert_eq!(
        text,
        "\nFiles\n  output/checkout\n    summary.csv latency.{svg,png}\n"
    );
}

#[test]
fn the_interval_within_one_run_is_shown_where_it_is_reliable() {
    let mut record = checkout();
    record.replications = 1;
    let w = record.workloads.get_mut("shoppers").unwrap();
    for estimate in [&mut w.latency_ms.mean, &mut w.latency_ms.p99] {
        (estimate.mean, estimate.low, estimate.high) = (Some(200.0), None, None);
    }
    let within = |reliable| WithinEstimate {
        value: 200.0,
        low: 186.0,
        high: 214.0,
        reliable,
    };
    let [mean, p99] = ["mean", "p99"].map(|what| format!("shoppers.latency.{what}"));
    record.within_run = Some(WithinRunRecord {
        method: "batch_means".into(),
        batches: 22,
        batch_s: 25.0,
        metrics: [(mean, within(true)), (p99, within(false))].into(),
    });
    let style = Style {
        width: 120,
        ..Style::default()
    };
    let text = page(&record, &style);
    assert_eq!(text.matches("200 ms ±7%").count(), 1, "{text}");
    assert!(
        text.contains("by the means of 22 batches of 25 s"),
        "{text}"
    );
    assert!(text.contains("missed (one replication)\n"), "{text}");
}

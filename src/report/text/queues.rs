//! The page's table of message queues: what went in, what became of it, and how far consumers are behind.

use super::{alone, heading, plain};
use crate::style::{Ink, Style};
use crate::table::Table;
use crate::units::{count, milliseconds, three_digits};
use std::collections::BTreeMap;
use study::record::QueueRecord;

/// A row for each queue, with what went wrong below it.
pub(super) fn write(queues: &BTreeMap<String, QueueRecord>, style: &Style, out: &mut String) {
    if queues.is_empty() {
        return;
    }
    heading("Queues", style, out);
    let mut table = Table::new(&[
        "queue",
        "published",
        "acknowledged",
        "p50",
        "p99",
        "depth max",
        "end",
    ]);
    for (name, q) in queues {
        let left = match q.depth.end.mean {
            Some(end) if end >= 1.0 => Ink::Warning,
            _ => Ink::Plain,
        };
        table.row(vec![
            plain(name),
            plain(count(q.published)),
            plain(count(q.acknowledged)),
            plain(alone(&q.time_ms.p50, milliseconds)),
            plain(alone(&q.time_ms.p99, milliseconds)),
            plain(alone(&q.depth.max, three_digits)),
            (alone(&q.depth.end, three_digits), left),
        ]);
        let notes: Vec<_> = [
            ("redelivered", q.redelivered),
            ("duplicates", q.duplicates),
            ("recognized", q.recognized),
            ("dead letters", q.dead_lettered),
            ("dropped", q.dropped),
            ("refused", q.refused),
            ("replayed", q.replayed),
        ]
        .into_iter()
        .filter(|(_, n)| *n > 0)
        .map(|(what, n)| format!("{what}: {}", count(n)))
        .collect();
        if !notes.is_empty() {
            table.note(notes.join(" · "));
        }
    }
    table.render(style, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use study::record::{Depth, Estimate, LatencyRecord};

    #[test]
    fn it_fits_a_terminal_and_says_what_went_wrong() {
        let figure = |mean| Estimate {
            mean: Some(mean),
            low: None,
            high: None,
        };
        let record = QueueRecord {
            published: 1_203_411,
            refused: 0,
            delivered: 1_300_000,
            acknowledged: 1_203_000,
            redelivered: 96_589,
            duplicates: 12,
            recognized: 0,
            dead_lettered: 400,
            dropped: 0,
            replayed: 0,
            in_queue: 11,
            depth: Depth {
                mean: figure(12.0),
                max: figure(48_211.0),
                end: figure(11.0),
            },
            time_ms: LatencyRecord {
                mean: figure(20.0),
                p50: figure(12.0),
                p90: figure(40.0),
                p95: figure(60.0),
                p99: figure(30_120.0),
                p99_9: figure(30_120.0),
                max: figure(30_120.0),
            },
        };
        let queues = BTreeMap::from([("shipments".to_owned(), record)]);
        let style = Style::default();
        let mut out = String::new();
        write(&queues, &style, &mut out);
        assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
        let notes = "redelivered: 96,589 · duplicates: 12 · dead letters: 400";
        assert!(out.contains(notes), "{out}");
        assert!(!out.contains("dropped"), "{out}");
    }
}

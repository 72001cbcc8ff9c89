//! The page of a replay: what led to a point of one replication.

use super::{heading, lines, violation};
use crate::style::{Ink, Style};
use crate::units::count;
use study::Replay;

/// What led to a point of one replication.
pub fn replay(replay: &Replay, style: &Style) -> String {
    let mut out = String::new();
    let title = format!(
        "{} · seed {}, replication {} · behind event {} at {:.9} s",
        replay.model,
        replay.seed,
        replay.replication,
        count(replay.event),
        replay.at_s,
    );
    lines(&title, Ink::Heading, style, &mut out);
    if replay.ended_before {
        let text = "! the run ended before the event that was asked for";
        lines(text, Ink::Warning, style, &mut out);
    }
    heading("What happened last", style, &mut out);
    if replay.facts.is_empty() {
        out.push_str("  nothing\n");
    }
    for (at, what) in &replay.facts {
        lines(
            &format!("  {at:>16.9} s  {what}"),
            Ink::Plain,
            style,
            &mut out,
        );
    }
    heading("Invariants", style, &mut out);
    for found in &replay.violations {
        lines(&violation(found), Ink::Bad, style, &mut out);
    }
    if replay.violations.is_empty() {
        out.push_str("  none was broken until then\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use study::record::Violation;

    fn found() -> Replay {
        Replay {
            model: "order".into(),
            seed: 7,
            replication: 3,
            event: 12_345,
            at_s: 61.25,
            fingerprint: String::new(),
            ended_before: false,
            facts: vec![(61.0, "fault: order-1 crash begins".into())],
            violations: vec![Violation {
                checker: "atomicity".into(),
                replication: 3,
                at_s: 61.25,
                event: 12_345,
                what: "one committed, one aborted".into(),
            }],
        }
    }

    #[test]
    fn the_page_names_the_point_what_led_there_and_what_was_broken() {
        let page = replay(&found(), &Style::default());
        for part in [
            "order · seed 7, replication 3",
            "fault: order-1 crash begins",
            "one committed, one aborted",
        ] {
            assert!(page.contains(part), "{part} is not in\n{page}");
        }
    }

    #[test]
    fn a_run_that_was_over_before_says_so() {
        let early = Replay {
            ended_before: true,
            ..found()
        };
        let page = replay(&early, &Style::default());
        assert!(page.contains("ended before the event"), "{page}");
    }
}

//! Deployments on the page: when they went wrong, how long the way back took, and what it cost.

use super::{alone, heading, plain};
use crate::style::{Ink, Style};
use crate::table::Table;
use crate::units::{count, seconds};
use study::record::DeploymentRecord;

/// The table of the changes, where there are any.
pub(super) fn write(deployments: &[DeploymentRecord], style: &Style, out: &mut String) {
    if deployments.is_empty() {
        return;
    }
    heading("Deployments", style, out);
    let mut table = Table::new(&[
        "version",
        "alarms",
        "false",
        "to detect",
        "to react",
        "execute",
        "verify",
    ]);
    for change in deployments {
        table.row(vec![
            plain(format!("{} {}", change.service, change.version)),
            plain(count(change.detected)),
            (
                count(change.false_alarms),
                if change.false_alarms > 0 {
                    Ink::Bad
                } else {
                    Ink::Plain
                },
            ),
            plain(alone(&change.detect_s, seconds)),
            plain(alone(&change.react_s, seconds)),
            plain(alone(&change.execute_s, seconds)),
            plain(alone(&change.verify_s, seconds)),
        ]);
        let notes: Vec<String> = [
            ("held back", change.held_back),
            ("rolled back", change.rolled_back),
            ("failed probes", change.failed_probes),
            ("given up", change.given_up),
            ("wrong writes", change.wrong_writes),
            ("undone", change.undone_writes),
            ("good writes lost", change.lost_writes),
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

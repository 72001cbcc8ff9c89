//! What callers knew of instances: one line per service that is discovered.

use super::{alone, heading, plain};
use crate::style::{Ink, Style};
use crate::table::Table;
use crate::units::{count, milliseconds, three_digits};
use std::collections::BTreeMap;
use study::record::DiscoveryRecord;

pub(super) fn write(services: &BTreeMap<String, DiscoveryRecord>, style: &Style, out: &mut String) {
    if services.is_empty() {
        return;
    }
    heading("Discovery", style, out);
    let mut table = Table::new(&[
        "service", "by", "known", "noticed", "after", "max", "wrongly", "messages",
    ]);
    for (name, d) in services {
        let wrongly = if d.false_positives > 0 {
            Ink::Bad
        } else {
            Ink::Plain
        };
        table.row(vec![
            plain(name),
            plain(d.kind.replace('_', " ")),
            plain(alone(&d.known, three_digits)),
            plain(count(d.down_detected_ms.count)),
            plain(alone(&d.down_detected_ms.mean, milliseconds)),
            plain(alone(&d.down_detected_ms.max, milliseconds)),
            (count(d.false_positives), wrongly),
            plain(count(d.messages)),
        ]);
    }
    table.render(style, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use study::record::{Detection, Estimate};

    #[test]
    fn it_fits_a_terminal_with_names_and_figures_of_a_usual_length() {
        let nothing = Estimate {
            mean: None,
            low: None,
            high: None,
        };
        let record = |kind: &'static str, count, mean, max| DiscoveryRecord {
            kind: kind.into(),
            known: fixture::within(11.4, 0.01),
            down_detected_ms: Detection { count, mean, max },
            false_positives: 12,
            messages: 1_234_567,
        };
        let services = BTreeMap::from([
            (
                "recommendation".to_owned(),
                record("health_check", 0, nothing, nothing),
            ),
            (
                "catalogue".to_owned(),
                record(
                    "lease",
                    1_204,
                    fixture::within(213_000.0, 1.0),
                    fixture::within(269_000.0, 1.0),
                ),
            ),
        ]);
        let mut page = String::new();
        write(&services, &Style::default(), &mut page);
        let wide = page.lines().filter(|line| line.chars().count() > 80);
        assert_eq!(wide.collect::<Vec<_>>(), Vec::<&str>::new());
        for word in ["health check", "1,204", "3.55 min", "4.48 min", "11.4"] {
            assert!(page.contains(word), "{word} in\n{page}");
        }
    }
}

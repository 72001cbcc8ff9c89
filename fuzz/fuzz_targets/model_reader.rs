//! Whatever the bytes: a model, or a report that can be drawn, and soon.
//!
//! The text may be followed by sets (one a line) and by the text of the files that it names, each
//! after a record separator (0x1e).
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::{Files, Set};
use std::io;

/// Every file has the same text.
struct OneText<'a>(&'a str);

impl Files for OneText<'_> {
    fn read(&self, _: &str) -> io::Result<String> {
        Ok(self.0.to_owned())
    }
}

fuzz_target!(|data: &[u8]| {
    let input = String::from_utf8_lossy(data);
    let mut parts = input.split('\u{1e}');
    let text = parts.next().unwrap_or_default();
    let sets = parts.next().unwrap_or_default();
    let sets: Vec<Set> = sets.lines().filter_map(|set| set.parse().ok()).collect();
    let files = OneText(parts.next().unwrap_or_default());
    match model::read(text, "fuzz.yaml", &files, &sets) {
        Ok(loaded) => {
            assert!(!loaded.model.services.is_empty() && !loaded.model.workloads.is_empty());
            for service in &loaded.model.services {
                loaded.sources.locate(&format!("services.{}", service.name));
            }
        }
        Err(report) => {
            assert!(!report.diagnostics().is_empty(), "a refusal says why");
            report.render(80, true);
        }
    }
});

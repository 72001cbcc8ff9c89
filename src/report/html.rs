//! A study as one file for a browser: verdicts, drawings, charts that can be asked, tables that sort.
//!
//! It needs no network and allows none. Names from models are text in it and nothing else: elements are
//! written by `maud`, which escapes, and data for the script by `script`. It touches no disk, and the
//! same record gives the same bytes.

mod layered;
mod plot;
mod run;
mod script;
mod sheet;
mod shell;
mod show;
mod source;
mod topology;

use maud::{Markup, html};
use shell::Section;
use study::record::RunRecord;

/// What a report says of where it comes from.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct About {
    /// What it is called; the model's name where it has no other.
    pub title: Option<String>,
    /// The command that made what is reported.
    pub command: Option<String>,
    /// Files as they were, by their names: the model, the manifest.
    pub files: Vec<(String, String)>,
}

impl About {
    fn command(&self) -> Markup {
        html! { @if let Some(command) = &self.command {
            div.facts { span { code { (command) } " " (source::copied(command)) } }
        } }
    }

    fn sources(&self) -> Option<Section> {
        if self.files.is_empty() {
            return None;
        }
        let body = html! { @for (name, text) in &self.files { (source::file(name, text)) } };
        Some(Section::new("sources", "Model and manifest", body))
    }
}

/// The report of a run.
pub fn run_html(record: &RunRecord, about: &About) -> String {
    run::report(record, about)
}

/// Why requests failed, in a chain of causes.
fn explanation(_record: &RunRecord) -> Option<Markup> {
    None
}

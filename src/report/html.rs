//! A study as one file for a browser: verdicts, drawings, charts that can be asked, tables that sort.
//!
//! It needs no network and allows none. Names from models are text in it and nothing else: elements are
//! written by `maud`, which escapes, and data for the script by `script`. It touches no disk, and the
//! same record gives the same bytes.

mod capacity;
mod compare;
mod heat;
mod layered;
mod plot;
mod run;
mod script;
mod sheet;
mod shell;
mod show;
mod source;
mod stability;
mod sweep;
mod topology;

use maud::{Markup, html as markup};
use shell::Section;
use study::folder::Found;

/// What a report says beyond what is in the records.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct About {
    /// What it is called; the name of the model or the experiment where it has no other.
    pub title: Option<String>,
    /// The text of the folder's manifest, if it has one.
    pub manifest: Option<String>,
}

/// The report of what was found in a folder.
pub fn html(found: &Found, about: &About) -> String {
    match found {
        Found::Run(run) => run::report(run, about),
        Found::Sweep(sweep) => sweep::report(sweep, about),
        Found::Comparison(record) => compare::report(record, about),
        Found::Capacity(record) => capacity::report(record, about),
        Found::Stability(record) => stability::report(record, about),
    }
}

impl About {
    fn title(&self, usual: &str) -> String {
        self.title.clone().unwrap_or_else(|| usual.to_owned())
    }

    /// The section of where the figures come from.
    fn sources(&self, model: Option<&str>) -> Option<Section> {
        if self.manifest.is_none() && model.is_none() {
            return None;
        }
        let body = markup! {
            @if let Some(text) = model { (source::file("model.yaml", text)) }
            @if let Some(text) = &self.manifest { (source::file("manifest.json", text)) }
        };
        Some(Section::new("sources", "Where it comes from", body))
    }
}

/// A command that makes the figures again.
fn command(text: &str) -> Markup {
    markup! { div.facts { span { code { (text) } " " (source::copied(text)) } } }
}

#[cfg(test)]
mod tests;

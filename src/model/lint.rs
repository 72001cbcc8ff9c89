//! What a model may say but hardly means: timeouts that are shorter than the work, retries that
//! multiply, breakers that cannot judge, services that are asked for more than they can do.
//!
//! The rules compute with the model's own figures: means, peak rates, sure lower bounds. They know
//! nothing of queues, whose waiting only makes times longer; what they warn of holds in good weather
//! already. They refuse to run anything, and to change anything.

mod answer;
mod breakers;
mod discovery;
mod flow;
mod graph;
mod idle;
mod layers;
mod links;
mod load;
mod queues;
mod replicas;
mod retries;
#[cfg(test)]
mod tests;
mod timeouts;
mod unused;
mod words;

use crate::{Diagnostic, Loaded, Sources};
use answer::Answers;
use flow::Flow;
use graph::Graph;

/// The warnings about a model, in the order of the file. Each says what is wrong with which
/// figures, and what may be done.
pub fn lint(loaded: &Loaded) -> Vec<Diagnostic> {
    let mut warnings = Warnings {
        sources: &loaded.sources,
        found: Vec::new(),
    };
    let graph = Graph::new(&loaded.model);
    let answers = Answers::new(&graph);
    let flow = Flow::new(&graph, &answers);
    timeouts::too_short(&graph, &answers, &mut warnings);
    timeouts::never_fire(&graph, &mut warnings);
    timeouts::impatient(&graph, &mut warnings);
    retries::check(&graph, &mut warnings);
    breakers::check(&graph, &flow, &mut warnings);
    load::check(&graph, &answers, &flow, &mut warnings);
    queues::check(&graph, &answers, &flow, &mut warnings);
    unused::check(&graph, &mut warnings);
    discovery::check(&graph, &mut warnings);
    idle::check(&graph, &mut warnings);
    replicas::check(&graph, &mut warnings);
    warnings.sorted()
}

/// What was found so far.
struct Warnings<'s> {
    sources: &'s Sources,
    found: Vec<Diagnostic>,
}

impl Warnings<'_> {
    fn warn(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        if !self.is_full() {
            let warning = self.sources.warning(path, message, Some(help.into()));
            self.found.push(warning);
        }
    }

    /// Who reads on after so many?
    fn is_full(&self) -> bool {
        self.found.len() >= 100
    }

    /// In the order of the file, the sets after it; what is written once and used often is told
    /// once.
    fn sorted(mut self) -> Vec<Diagnostic> {
        self.found.sort_by(|a, b| {
            let place = |warning: &Diagnostic| {
                let set = warning.location.file == "--set";
                (set, warning.location.clone())
            };
            place(a).cmp(&place(b))
        });
        self.found
            .dedup_by(|a, b| a.location == b.location && a.message == b.message);
        self.found
    }
}

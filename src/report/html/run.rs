//! The report of a run: the verdict, then what explains it, then everything that was measured.

mod graph;
mod overtime;
mod tables;
mod verdict;

use super::About;
use super::plot::Plots;
use super::shell::{Section, page};
use super::topology;
use crate::units::{count, seconds};
use maud::{Markup, html};
use study::record::RunRecord;

/// The whole report of a run.
pub(super) fn report(record: &RunRecord, about: &About) -> String {
    let mut plots = Plots::default();
    let mut sections = Vec::new();
    let (places, links) = graph::of(record);
    let title = about.title.clone().unwrap_or_else(|| record.model.clone());
    let head = html! { (facts(record, about)) (verdict::draw(record)) };
    if let Some(body) = super::explanation(record) {
        sections.push(Section::new("why", "Why did it fail?", body));
    }
    if !places.is_empty() {
        sections.push(Section::new("topology", "Topology", topology::draw(&places, &links)));
    }
    if overtime::is_there(record) {
        let order = topology::order(&places, &links);
        let body = overtime::anatomy(record, &places, &order, &mut plots);
        sections.push(Section::new("anatomy", "Over time", body));
        let body = overtime::workloads(record, &mut plots);
        sections.push(Section::new("users", "What users saw", body));
    }
    sections.push(Section::new("tables", "Tables", tables::of(record)));
    sections.extend(about.sources());
    page(&title, &head, &sections, &plots)
}

fn facts(record: &RunRecord, about: &About) -> Markup {
    let times = match record.replications {
        1 => "1 replication".to_owned(),
        n => format!("{} replications", count(n.into())),
    };
    html! {
        div.facts {
            span { "model " b { (record.model) } }
            span { b { (times) } " of " b { (seconds(record.simulated_s)) }
                @if record.warmup_s > 0.0 { " (warm-up " (seconds(record.warmup_s)) ")" } }
            span { "seed " b { (record.seed) } }
            span { b { (count(record.events)) } " events" }
            span { "fingerprint " b.mono { (record.fingerprint) } }
        }
        (about.command())
    }
}

//! The report of a run: the verdict, then what explains it, then everything that was measured.

mod graph;
mod overtime;
mod tables;
mod users;
mod verdict;
mod why;

use super::About;
use super::plot::Plots;
use super::shell::{Section, page};
use super::topology;
use crate::units::{count, seconds};
use maud::{Markup, html};
use study::folder::RunFolder;
use study::record::RunRecord;

/// The whole report of a run.
pub(super) fn report(run: &RunFolder, about: &About) -> String {
    let record = &run.record;
    let mut plots = Plots::default();
    let mut sections = Vec::new();
    let (places, links) = graph::of(record);
    let head = html! { (facts(run)) (verdict::draw(record)) };
    if let Some(body) = why::draw(record) {
        sections.push(Section::new("why", "Why did it fail?", body));
    }
    if !places.is_empty() {
        sections.push(Section::new(
            "topology",
            "Topology",
            topology::draw(&places, &links),
        ));
    }
    if overtime::is_there(record) {
        let order = topology::order(&places, &links);
        let names: Vec<&str> = order.iter().map(|at| places[*at].name.as_str()).collect();
        let body = overtime::anatomy(record, &names, &mut plots);
        sections.push(Section::new("anatomy", "Over time", body));
        let body = users::workloads(record, &mut plots);
        sections.push(Section::new("users", "What users saw", body));
    }
    sections.push(Section::new("tables", "Tables", tables::of(record)));
    sections.extend(about.sources(Some(&run.model)));
    page(&about.title(&record.model), &head, &sections, &plots)
}

fn facts(run: &RunFolder) -> Markup {
    let record: &RunRecord = &run.record;
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
            span { "stormglass " b { (run.manifest.program.version) } }
        }
        (super::command(&run.manifest.command))
    }
}

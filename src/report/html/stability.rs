//! The report of a stability: from which load on a trigger that is over leaves a failure that stays.

use super::About;
use super::plot::Plots;
use super::sheet::{Cell, Sheet};
use super::shell::{Section, page};
use super::show::Show;
use crate::capacity_load as load;
use crate::stability_words::{answer, named, told};
use crate::style::Ink;
use crate::units::{count, seconds};
use maud::{Markup, html};
use study::stability::{SettingRecord, Stability, State};

/// The whole report of a stability.
pub(super) fn report(record: &Stability, about: &About) -> String {
    let title = about.title(&format!(
        "Stability of {} under {}",
        record.model, record.workload
    ));
    let head = html! {
        (facts(record))
        @for setting in &record.settings { (verdict(record, setting)) }
        @if record.violations > 0 { p.note.bad { (count(record.violations)) " broken invariants of stormglass itself." } }
        @for warning in &record.warnings { p.note { (warning) } }
    };
    let maps = html! {
        p.about { "How long it takes to recover after a trigger of a length, under each load; " b { "never" }
            ": the failure has outlived its trigger until the end of the run." }
        @for setting in &record.settings { (map(record, setting)) }
        p.about { "Well: at least " (Show::Share.text(record.healthy)) " of the requests are answered"
            @if let Some(most) = record.slowest_ms { ", half of them within " (Show::Milliseconds.text(most)) }
            ". The time to recover runs from the end of the trigger to the last window of " (seconds(record.window_s)) " that is not well." }
    };
    let mut sections = vec![
        Section::new("map", "Map", maps),
        Section::new("places", "Every place", places(record)),
    ];
    sections.extend(about.sources(None));
    page(&title, &head, &sections, &Plots::default())
}

fn facts(record: &Stability) -> Markup {
    html! { div.facts {
        span { "model " b { (record.model) } }
        span { "trigger " b { (record.trigger.join(" and ")) } " at " b { (seconds(record.begins_s)) } }
        span { b { (count(record.replications.into())) } @if record.replications == 1 { " replication of " } @else { " replications of " } b { (seconds(record.simulated_s)) } " for each place" }
        span { "seed " b { (record.seed) } }
        span { "own load " b { (load(record.own_load)) } }
    } }
}

fn verdict(record: &Stability, setting: &SettingRecord) -> Markup {
    let said = answer(record, setting);
    let class = match said.last() {
        Some((Ink::Good, _)) => "good",
        Some((Ink::Bad, _)) => "bad",
        _ => "",
    };
    html! {
        div.verdict.(class) {
            @if let Some(name) = named(record, setting) { strong { (name) } }
            @else if let Some((_, last)) = said.last() { strong { (last) } }
            ul { @for (at, (_, text)) in said.iter().enumerate() {
                // The last one is the headline where there is no other.
                @if at < 2 || record.vary.is_some() { li { (text) } }
            } }
        }
    }
}

fn map(record: &Stability, setting: &SettingRecord) -> Markup {
    let rows = record.loads.iter().zip(&setting.states).enumerate();
    html! {
        figure {
            figcaption { (named(record, setting).unwrap_or_else(|| "Time to recover".to_owned())) }
            div.scroll { table.heat {
                thead { tr {
                    th scope="col" { "load" } th scope="col" { "state" }
                    @for trigger in &setting.triggers { th scope="col" { "after " (seconds(trigger.lasts_s)) } }
                } }
                tbody { @for (at, (rate, state)) in rows { tr {
                    th scope="row" { (load(*rate)) }
                    td style=(paint(ink(*state))) { (state.name()) }
                    @for trigger in &setting.triggers {
                        @let cell = trigger.cells.iter().filter(|cell| !cell.searched).nth(at);
                        @if let Some((text, ink)) = cell.map(told) { td style=(paint(ink)) { (text) } }
                        @else { td { "–" } }
                    }
                } } }
            } }
        }
    }
}

fn ink(state: State) -> Ink {
    match state {
        State::Stable => Ink::Good,
        State::Vulnerable => Ink::Warning,
        State::Overloaded => Ink::Bad,
    }
}

fn paint(ink: Ink) -> &'static str {
    match ink {
        Ink::Good => "background:var(--goodbg)",
        Ink::Warning => "background:var(--warnbg)",
        Ink::Bad => "background:var(--badbg)",
        _ => "",
    }
}

fn places(record: &Stability) -> Markup {
    let mut sheet = Sheet::new("places-table");
    if record.vary.is_some() {
        sheet = sheet.words("setting");
    }
    sheet = sheet
        .figures("trigger", "how long it lasts")
        .figures("load", "requests per second")
        .words("outcome")
        .figures("recovered", "replications")
        .figures("of", "replications")
        .figures("time to recover", "mean over those that recovered")
        .figures("longest", "")
        .words("tried for");
    for setting in &record.settings {
        for trigger in &setting.triggers {
            for cell in &trigger.cells {
                let mut row = Vec::new();
                if record.vary.is_some() {
                    row.push(Cell::text(&setting.setting));
                }
                row.extend([
                    Cell::labelled(&seconds(trigger.lasts_s), Some(trigger.lasts_s)),
                    Cell::labelled(&load(cell.load), Some(cell.load)),
                    Cell::text(cell.outcome.name()),
                    Cell::count(cell.recovered.into()),
                    Cell::count(cell.replications.into()),
                    Cell::estimate(Show::Seconds, &cell.time_to_recover_s),
                    Cell::number(Show::Seconds, cell.longest_s),
                    Cell::text(if cell.searched {
                        "the boundary"
                    } else {
                        "the map"
                    }),
                ]);
                sheet.row(row);
            }
        }
    }
    sheet.draw()
}

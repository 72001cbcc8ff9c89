//! The report of a sweep: what was varied, how figures follow it, and each cell with the command that
//! makes it again.

mod pictures;

use super::About;
use super::plot::Plots;
use super::sheet::{Cell, Sheet};
use super::shell::{Section, page};
use super::show::Show;
use super::source::copied;
use crate::units::count;
use maud::{Markup, html};
use study::folder::SweepFolder;
use study::record::Estimate;
use study::sweep::{Kind, Outline, SweepRecord};

/// More figures than this are in the tables alone.
const MOST: usize = 12;

/// The whole report of a sweep.
pub(super) fn report(sweep: &SweepFolder, about: &About) -> String {
    let (outline, record) = (&sweep.outline, &sweep.record);
    let mut plots = Plots::default();
    let chosen = chosen(record);
    let head = html! { (facts(outline, record)) (super::command(&outline.command())) (ranges(outline, record, &chosen)) (notes(outline, record)) };
    let mut sections = vec![Section::new("varied", "What was varied", varied(outline))];
    let pictures = pictures::of(outline, record, &chosen, &mut plots);
    sections.push(Section::new("figures", "How figures follow", pictures));
    let body = cells(outline, record, &chosen);
    sections.push(Section::new("cells", "Every cell", body));
    sections.extend(about.sources(None));
    page(&about.title(&outline.name), &head, &sections, &plots)
}

/// The figures that are drawn and tabulated: all where they are few, else what users feel.
fn chosen(record: &SweepRecord) -> Vec<usize> {
    let all = 0..record.figures.len();
    if all.len() <= MOST {
        return all.collect();
    }
    let felt = |at: &usize| {
        let name = &record.figures[*at].name;
        let ends = [
            ".availability",
            ".latency.p50",
            ".latency.p99",
            ".throughput",
        ];
        study::is_of_workload(name) && ends.iter().any(|end| name.ends_with(end))
    };
    let felt: Vec<usize> = all.clone().filter(felt).take(MOST).collect();
    if felt.is_empty() {
        all.take(MOST).collect()
    } else {
        felt
    }
}

fn facts(outline: &Outline, record: &SweepRecord) -> Markup {
    let runs: u64 = record
        .results
        .iter()
        .map(|result| result.values.len() as u64)
        .sum();
    let events: u64 = record.results.iter().map(|result| result.events).sum();
    html! { div.facts {
        span { "model " b { (outline.model.file) } }
        span { b { (count(outline.cells.len() as u64)) } " cells" }
        span { b { (count(runs)) } " replications" }
        span { b { (count(events)) } " events" }
        span { "stormglass " b { (outline.program.version) } }
    } }
}

/// Between which cells each figure lies, in words.
fn ranges(outline: &Outline, record: &SweepRecord, chosen: &[usize]) -> Markup {
    let settings = |cell: usize| -> String {
        let labels = outline.cells[cell].labels.iter();
        let pairs = outline.axes.iter().zip(labels);
        let pairs = pairs.map(|(axis, label)| {
            let short = axis.path.rsplit('.').next().unwrap_or(&axis.path);
            format!("{short} {label}")
        });
        pairs.collect::<Vec<_>>().join(", ")
    };
    html! {
        div.verdict {
            strong { "What varied with it" }
            ul { @for at in chosen {
                @let means = (0..outline.cells.len()).filter_map(|cell| Some((estimate(record, cell, *at)?.mean?, cell)));
                @let means: Vec<(f64, usize)> = means.collect();
                @let least = means.iter().min_by(|a, b| a.0.total_cmp(&b.0));
                @let most = means.iter().max_by(|a, b| a.0.total_cmp(&b.0));
                @let show = Show::from(record.figures[*at].unit);
                li {
                    b { (record.figures[*at].name) } " "
                    @match (least, most) {
                        (Some(least), Some(most)) if least.0 < most.0 => {
                            "from " b { (show.text(least.0)) } span.soft { " (" (settings(least.1)) ")" }
                            " to " b { (show.text(most.0)) } span.soft { " (" (settings(most.1)) ")" }
                        },
                        (Some(least), _) => { b { (show.text(least.0)) } " in every cell" },
                        _ => "was not measured",
                    }
                }
            } }
        }
    }
}

fn notes(outline: &Outline, record: &SweepRecord) -> Markup {
    let imprecise = record.imprecise();
    let mut warnings: Vec<&String> = record.results.iter().flat_map(|r| &r.warnings).collect();
    warnings.sort_unstable();
    warnings.dedup();
    let broken: u64 = record.results.iter().map(|result| result.violations).sum();
    html! {
        @if broken > 0 { p.note.bad { (count(broken)) " broken invariants of stormglass itself." } }
        @if imprecise > 0 {
            p.note { "In " (imprecise) " of " (outline.cells.len()) " cells the interval is wider than asked for after the most replications allowed." }
        }
        @for warning in warnings.iter().take(20) { p.note { (warning) } }
        @if warnings.len() > 20 { p.note { "… and " (warnings.len() - 20) " more warnings in the manifest." } }
    }
}

fn varied(outline: &Outline) -> Markup {
    html! {
        div.scroll { table {
            thead { tr { th scope="col" { span { "path" } } th scope="col" { span { "values" } } } }
            tbody {
                @for (at, axis) in outline.axes.iter().enumerate() {
                    @let values = pictures::distinct(outline, at);
                    tr { th scope="row" { code { (axis.path) } }
                        td { @if values.len() > 24 { (values.len()) " values, from " (values[0]) " to " (values[values.len() - 1]) }
                            @else { (values.join(" · ")) } } }
                }
                @for (path, value) in &outline.set {
                    tr { th scope="row" { code { (path) } } td { (value) span.soft { " in every cell" } } }
                }
            }
        } }
    }
}

fn cells(outline: &Outline, record: &SweepRecord, chosen: &[usize]) -> Markup {
    let mut sheet = Sheet::new("sheet").figures("cell", "its place in the plan");
    for axis in &outline.axes {
        sheet = match axis.kind {
            Kind::Text | Kind::Boolean => sheet.words(axis.path.as_str()),
            _ => sheet.figures(axis.path.as_str(), ""),
        };
    }
    sheet = sheet.figures("runs", "replications");
    for at in chosen {
        sheet = sheet.figures(record.figures[*at].name.as_str(), "");
    }
    sheet = sheet.words("run");
    for (cell, result) in outline.cells.iter().zip(&record.results) {
        let mut row = vec![Cell::count(cell.index as u64)];
        for (axis, label) in outline.axes.iter().zip(&cell.labels) {
            row.push(Cell::labelled(label, axis.kind.number(label)));
        }
        let runs = Cell::count(result.values.len() as u64);
        row.push(runs.bad_if(result.precise == Some(false)));
        for at in chosen {
            let show = Show::from(record.figures[*at].unit);
            row.push(match estimate(record, cell.index, *at) {
                Some(estimate) => Cell::estimate(show, &estimate),
                None => Cell::number(show, None),
            });
        }
        row.push(Cell::markup(copied(
            &outline.run_command(cell, result.values.len()),
        )));
        sheet.row(row);
    }
    let more = record.figures.len() - chosen.len();
    html! {
        p.about { "± is half of the 95 % interval over the replications of a cell. The last column copies the command that makes the cell's figures again." }
        (sheet.draw())
        @if more > 0 { p.about { "… and " (count(more as u64)) " more figures of each cell in sweep.csv." } }
    }
}

fn estimate(record: &SweepRecord, cell: usize, figure: usize) -> Option<Estimate> {
    let place = record.place(cell, figure)?;
    Some(record.results[cell].estimate(place))
}

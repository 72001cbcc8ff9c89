//! The report of a capacity: how much load is borne, with everything and without what is lost, and the
//! curve that bends up on the way there.

use super::About;
use super::plot::{Axis, Band, Curve, Kind, Plot, Plots, Ribbon, Rule};
use super::sheet::{Cell, Sheet};
use super::shell::{Section, page};
use super::show::Show;
use crate::capacity::{capacity_answer, goal_words, load};
use crate::style::Ink;
use crate::units::{count, seconds};
use maud::{Markup, html};
use study::capacity::{Capacity, Case, LoadRecord, Outcome, Verdict};
use study::record::Estimate;

/// Loads beyond this many times the capacity are in the table alone.
const SHOWN: f64 = 1.25;
const INKS: [&str; 6] = ["s1", "s0", "s2", "s3", "s4", "s5"];

/// The whole report of a capacity.
pub(super) fn report(record: &Capacity, about: &About) -> String {
    let mut plots = Plots::default();
    let title = about.title(&format!(
        "Capacity of {} for {}",
        record.model, record.workload
    ));
    let head = html! {
        (facts(record))
        @for case in &record.cases { (verdict(record, case)) }
        (notes(record))
    };
    let body = html! {
        p.about { "Shaded: the interval in which the capacity lies, and the knee. Ribbons are 95 % intervals. Each load has the same draws." }
        (plots.draw(&latency(record)))
        (plots.draw(&available(record)))
    };
    let mut sections = vec![Section::new("curve", "Latency against load", body)];
    let tables = html! { @for (at, case) in record.cases.iter().enumerate() {
        h3 { (name(case)) }
        (table(record, case, at))
    } };
    sections.push(Section::new("loads", "Every load", tables));
    sections.extend(about.sources(None));
    page(&title, &head, &sections, &plots)
}

fn name(case: &Case) -> String {
    match case.without.as_str() {
        "" => "As it is".to_owned(),
        lost => format!("Without {lost}"),
    }
}

fn facts(record: &Capacity) -> Markup {
    let runs = record.cases.iter().flat_map(|case| &case.loads);
    let runs: u64 = runs.map(|one| u64::from(one.replications)).sum();
    html! { div.facts {
        span { "model " b { (record.model) } }
        span { b { (count(runs)) } " replications of " b { (seconds(record.simulated_s)) } }
        span { "seed " b { (record.seed) } }
        span { "own load " b { (load(record.own_load)) } }
        span { "objectives " b { (record.objectives.iter().map(|goal| goal_words(record, goal)).collect::<Vec<_>>().join(", ")) } }
    } }
}

fn verdict(record: &Capacity, case: &Case) -> Markup {
    let class = match case.outcome {
        Outcome::Below => "bad",
        _ => "good",
    };
    let said = capacity_answer(record, case);
    html! {
        div.verdict.(class) {
            strong { (name(case)) ": " @if let Some((_, first)) = said.first() { (first) } }
            ul { @for (ink, text) in said.iter().skip(1) {
                li.soft[*ink == Ink::Faint] { (text) }
            } }
        }
    }
}

fn notes(record: &Capacity) -> Markup {
    let found = record
        .cases
        .iter()
        .any(|case| case.outcome == Outcome::Found);
    html! {
        @if record.violations > 0 { p.note.bad { (count(record.violations)) " broken invariants of stormglass itself." } }
        @for warning in &record.warnings { p.note { (warning) } }
        @if !record.precise && found {
            p.note { "An interval is wider than " (Show::Share.text(record.within)) " of its load: more replications or longer runs narrow it." }
        }
    }
}

fn shown(case: &Case) -> Vec<&LoadRecord> {
    let far = case
        .capacity
        .map_or(f64::INFINITY, |capacity| capacity * SHOWN);
    case.loads.iter().filter(|one| one.load <= far).collect()
}

fn curve(case: &Case, name: String, ink: &'static str, of: fn(&LoadRecord) -> Estimate) -> Curve {
    let loads = shown(case);
    let column = |part: fn(&Estimate) -> Option<f64>| -> Vec<f64> {
        loads
            .iter()
            .map(|one| part(&of(one)).unwrap_or(f64::NAN))
            .collect()
    };
    let mut curve = Curve::new(name, ink, Kind::Line, column(|e| e.mean));
    curve.x = Some(loads.iter().map(|one| one.load).collect());
    curve.ribbon = Some(Ribbon {
        low: column(|e| e.low.or(e.mean)),
        high: column(|e| e.high.or(e.mean)),
    });
    curve
}

fn latency(record: &Capacity) -> Plot {
    let mut curves = Vec::new();
    for (case, ink) in record.cases.iter().zip(INKS.iter().cycle()) {
        let name = |what: &str| match case.without.as_str() {
            "" => what.to_owned(),
            lost => format!("{what} without {lost}"),
        };
        curves.push(curve(case, name("p99"), ink, |one| one.latency_ms.p99));
        if record.cases.len() == 1 {
            curves.push(curve(case, name("p50"), "s0", |one| one.latency_ms.p50));
        }
    }
    let rules = rules(
        record,
        |objective| objective.starts_with("latency."),
        Show::Milliseconds,
    );
    let values = curves.iter().flat_map(|curve| curve.y.iter().copied());
    let values: Vec<f64> = values.chain(rules.iter().map(|rule| rule.y)).collect();
    let y = Axis::of_latencies(values.into_iter());
    let title = format!("Latency of {}", record.workload);
    plot(record, title, y, curves, rules)
}

fn available(record: &Capacity) -> Plot {
    let curves: Vec<Curve> = (record.cases.iter().zip(INKS.iter().cycle()))
        .map(|(case, ink)| curve(case, name(case), ink, |one| one.availability))
        .collect();
    let rules = rules(record, |objective| objective == "availability", Show::Share);
    let values = curves.iter().flat_map(|curve| curve.y.iter().copied());
    let least = values
        .chain(rules.iter().map(|rule| rule.y))
        .filter(|v| v.is_finite());
    let low = crate::share::floor(least.fold(1.0, f64::min));
    let y = Axis::linear(Show::Share, low, 1.0 + (1.0 - low) * 0.02);
    let title = format!("Availability for {}", record.workload);
    plot(record, title, y, curves, rules)
}

fn rules(record: &Capacity, wanted: fn(&str) -> bool, show: Show) -> Vec<Rule> {
    let goals = record.objectives.iter();
    let goals = goals.filter(|goal| goal.workload == record.workload && wanted(&goal.objective));
    goals
        .map(|goal| {
            let what = goal.objective.replace("latency.", "").replace('_', ".");
            let bound = if show == Show::Share { "≥" } else { "≤" };
            Rule {
                label: format!("{what} {bound} {}", show.text(goal.target)),
                y: goal.target,
            }
        })
        .collect()
}

fn plot(record: &Capacity, title: String, y: Axis, curves: Vec<Curve>, rules: Vec<Rule>) -> Plot {
    let most = curves
        .iter()
        .flat_map(|c| c.x.iter().flatten().copied())
        .fold(0.0, f64::max);
    let several = record.cases.len() > 1;
    let mut bands = Vec::new();
    for case in &record.cases {
        let whose = if several {
            format!(" {}", name(case).to_lowercase())
        } else {
            String::new()
        };
        if let (Some(low), Some(high), Outcome::Found) = (case.low, case.high, case.outcome) {
            bands.push(Band {
                label: format!("capacity{whose}"),
                from: low,
                to: high,
                class: "fault",
            });
        }
        if let (Some(knee), false) = (case.knee, several) {
            bands.push(Band {
                label: "knee".into(),
                from: knee.low,
                to: knee.high,
                class: "warmup",
            });
        }
    }
    Plot {
        title,
        about: "against the load, requests per second".into(),
        group: "load",
        window: 1.0,
        x: Axis::linear(Show::Rate, 0.0, most),
        y,
        curves,
        bands,
        rules,
        lane: false,
    }
}

fn table(record: &Capacity, case: &Case, at: usize) -> Markup {
    let mut sheet = Sheet::new(&format!("loads-{at}"))
        .figures("load", "requests per second")
        .figures("throughput", "succeeded per second")
        .figures("availability", "succeeded ÷ ended")
        .figures("mean", "of the latency")
        .figures("p50", "")
        .figures("p99", "");
    for goal in &record.objectives {
        sheet = sheet.words(goal_words(record, goal));
    }
    sheet = sheet
        .words("objectives")
        .figures("runs", "replications")
        .words("note");
    for one in &case.loads {
        let mut row = vec![
            Cell::labelled(&load(one.load), Some(one.load)),
            Cell::estimate(Show::Rate, &one.throughput),
            Cell::estimate(Show::Share, &one.availability),
            Cell::estimate(Show::Milliseconds, &one.latency_ms.mean),
            Cell::estimate(Show::Milliseconds, &one.latency_ms.p50),
            Cell::estimate(Show::Milliseconds, &one.latency_ms.p99),
        ];
        row.extend(
            one.objectives
                .iter()
                .map(|goal| Cell::markup(mark(goal.verdict))),
        );
        row.push(Cell::markup(mark(one.verdict)));
        row.push(Cell::count(one.replications.into()));
        row.push(Cell::text(one.cut.as_deref().unwrap_or("")));
        sheet.row(row);
    }
    sheet.draw()
}

fn mark(verdict: Verdict) -> Markup {
    let (word, class) = match verdict {
        Verdict::Met => ("✓ met", "good"),
        Verdict::Missed => ("✗ missed", "bad"),
        Verdict::Unclear => ("· unclear", ""),
    };
    html! { span.(class) { (word) } }
}

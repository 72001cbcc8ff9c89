//! The report of a comparison: for each setting the verdicts in words, and every difference with its
//! interval beside zero.

use super::About;
use super::plot::Plots;
use super::sheet::{Cell, Sheet};
use super::shell::{Section, page};
use super::show::Show;
use crate::compare::words::{Amount, metric, p_value, sentence, several};
use crate::units::{count, seconds};
use maud::{Markup, html};
use study::compare::{Comparison, Difference, SettingRecord, Verdict};

/// The whole report of a comparison.
pub(super) fn report(record: &Comparison, about: &About) -> String {
    let several = several(record);
    let Some((first, rest)) = record.settings.split_first() else {
        return page("Comparison", &html! {}, &[], &Plots::default());
    };
    let names: Vec<&str> = rest.iter().map(|setting| setting.name.as_str()).collect();
    let title = about.title(&format!("{} against {}", names.join(", "), first.name));
    let head = html! {
        (facts(record))
        @for setting in rest { (verdict(record, setting, first, several)) }
        (notes(record))
    };
    let body = html! {
        @for (at, setting) in rest.iter().enumerate() {
            h3 { (setting.name) " against " (first.name) }
            (differences(record, setting, first, several, at))
        }
        (method(record))
    };
    let sections = [
        Section::new("differences", "Differences", body),
        Section::new("settings", "Settings", settings(record)),
    ];
    page(&title, &head, &sections, &Plots::default())
}

fn facts(record: &Comparison) -> Markup {
    html! { div.facts {
        span { b { (count(record.replications.into())) } " replications of each, in pairs with the same arrivals and demands" }
        span { "seed " b { (record.seed) } }
        span { b { (record.settings.len()) } " settings" }
    } }
}

fn of<'r>(record: &'r Comparison, setting: &SettingRecord) -> Vec<&'r Difference> {
    record
        .differences
        .iter()
        .filter(|d| d.setting == setting.name)
        .collect()
}

fn verdict(
    record: &Comparison,
    setting: &SettingRecord,
    first: &SettingRecord,
    several: bool,
) -> Markup {
    let mut all = of(record, setting);
    all.sort_by_key(|d| match d.verdict {
        Verdict::Better | Verdict::Worse => 0,
        Verdict::More | Verdict::Less => 1,
        Verdict::Indistinguishable => 2,
        Verdict::Same | Verdict::Unknown => 3,
    });
    let any = |verdict: Verdict| all.iter().any(|d| d.verdict == verdict);
    let (words, class) = match (any(Verdict::Better), any(Verdict::Worse)) {
        (true, false) => ("better", "good"),
        (false, true) => ("worse", "bad"),
        (true, true) => ("better in some ways, worse in others", ""),
        (false, false) => ("no difference that could be told from chance", ""),
    };
    html! {
        div.verdict.(class) {
            strong { (setting.name) " against " (first.name) ": " (words) }
            @let changes = changes(setting, first);
            @if !changes.is_empty() { p.soft { code { (changes.join("; ")) } } }
            ul { @for d in all { li { (mark(d.verdict)) (sentence(d, several)) } } }
        }
    }
}

fn changes(setting: &SettingRecord, first: &SettingRecord) -> Vec<String> {
    let file = (setting.file != first.file).then(|| setting.file.clone());
    let own = setting
        .set
        .iter()
        .filter(|set| !first.set.contains(set))
        .cloned();
    file.into_iter().chain(own).collect()
}

fn mark(verdict: Verdict) -> Markup {
    let (word, class) = match verdict {
        Verdict::Better => ("✓ better", "good"),
        Verdict::Worse => ("✗ worse", "bad"),
        Verdict::More => ("↑ more", ""),
        Verdict::Less => ("↓ less", ""),
        Verdict::Indistinguishable => ("· unclear", ""),
        Verdict::Same => ("= same", ""),
        Verdict::Unknown => ("? unknown", ""),
    };
    html! { span.mark.(class) { (word) } " " }
}

fn notes(record: &Comparison) -> Markup {
    html! {
        @if record.violations > 0 { p.note.bad { (count(record.violations)) " broken invariants of stormglass itself." } }
        @if record.precise == Some(false) {
            p.note.bad { "The interval is wider than asked for after the most replications allowed." }
        }
        @for text in &record.missing { p.note { (text) ": not compared" } }
        @for text in &record.warnings { p.note { (text) } }
    }
}

fn differences(
    record: &Comparison,
    setting: &SettingRecord,
    first: &SettingRecord,
    several: bool,
    at: usize,
) -> Markup {
    let mut sheet = Sheet::new(&format!("differences-{at}"))
        .words("metric")
        .figures(first.name.as_str(), "the mean over pairs")
        .figures(setting.name.as_str(), "the mean over pairs")
        .figures("difference", "with half of its interval")
        .words("interval beside zero")
        .figures("p", "adjusted so that with 95 % no verdict is wrong")
        .figures(
            "paired",
            "how many times smaller the pairs make the variance",
        )
        .words("verdict");
    for d in of(record, setting) {
        let show = Show::from(d.unit);
        let amount = d
            .mean
            .map(|mean| Amount::of(d.unit, mean, d.half_width).signed());
        sheet.row(vec![
            Cell::text(&metric(&d.metric, several)),
            Cell::number(show, d.baseline),
            Cell::number(show, d.value),
            Cell::labelled(amount.as_deref().unwrap_or("–"), d.mean),
            Cell::markup(interval(d)),
            Cell::labelled(&d.p_adjusted.map_or("–".to_owned(), p_value), d.p_adjusted),
            Cell::number(Show::Count, d.variance_ratio),
            Cell::markup(mark(d.verdict)),
        ]);
    }
    html! { div.forest { (sheet.draw()) } }
}

/// The interval of a difference on a scale of its own, zero in the middle.
fn interval(d: &Difference) -> Markup {
    let Some(mean) = d.mean else {
        return html! { "–" };
    };
    let (low, high) = (d.low.unwrap_or(mean), d.high.unwrap_or(mean));
    let most = low.abs().max(high.abs()).max(f64::MIN_POSITIVE);
    let x = |value: f64| (500.0 + value / most * 470.0).round();
    let ink = match d.verdict {
        Verdict::Better => "s2",
        Verdict::Worse => "s1",
        _ => "sx",
    };
    let width = Amount::of(d.unit, most, None).size();
    let words = format!("from -{width} to +{width}; the line in the middle is zero");
    html! {
        svg.(ink) viewBox="0 0 1000 24" preserveAspectRatio="none" role="img" {
            title { (words) }
            line.zero x1="500" x2="500" y1="0" y2="24" {}
            line.span x1=(x(low)) x2=(x(high)) y1="12" y2="12" {}
            path.mean d=(format!("M{} 12h0", x(mean))) {}
        }
    }
}

fn method(record: &Comparison) -> Markup {
    html! {
        p.about {
            @match record.family {
                0 => "Nothing could be tested.",
                1 => "One difference was tested, at 95 %; ± is its interval.",
                n => { (n) " differences were tested: p is adjusted by " (record.correction.name())
                    " so that with 95 % no verdict is wrong, and ± are intervals that hold together with 95 % (Bonferroni)." },
            }
            " Each interval is drawn on a scale of its own, zero in the middle. Paired: how many times smaller the pairs make the variance of the difference."
        }
    }
}

fn settings(record: &Comparison) -> Markup {
    let mut sheet = Sheet::new("settings-table")
        .words("setting")
        .words("model")
        .words("file")
        .words("changes")
        .figures("simulated", "of one replication")
        .figures("warm-up", "")
        .figures("events", "over all replications")
        .words("fingerprint");
    for s in &record.settings {
        sheet.row(vec![
            Cell::text(&s.name),
            Cell::text(&s.model),
            Cell::text(&s.file),
            Cell::text(&s.set.join("; ")),
            Cell::labelled(&seconds(s.simulated_s), Some(s.simulated_s)),
            Cell::labelled(&seconds(s.warmup_s), Some(s.warmup_s)),
            Cell::count(s.events),
            Cell::text(&s.fingerprint),
        ]);
    }
    sheet.draw()
}

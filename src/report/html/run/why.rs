//! Why it failed: for each burst of failures its root, the way from there to the user, whom it hit, and how
//! much of the load at its peak was in vain. It explains nothing itself; [`study::explain`] does.

use crate::html::sheet::{Cell, Sheet};
use crate::html::show::Show;
use crate::text::explain::{clock, ended, origin, span, worst};
use crate::units::{count, percent, seconds};
use maud::{Markup, html};
use study::explain::{Background, Burst, Explanation, explain};
use study::record::RunRecord;

/// More chains than this are folded.
const MOST_CHAINS: usize = 5;

/// The explanation; nothing where no request failed.
pub(super) fn draw(record: &RunRecord) -> Option<Markup> {
    let it = explain(record);
    if it.bursts.is_empty() && it.background.failed == 0 {
        return None;
    }
    Some(html! {
        @for (at, burst) in it.bursts.iter().enumerate() { (self::burst(burst, at)) }
        (outside(&it.background, &it))
        @if it.replications > 1 {
            p.about { "Counts are sums over " (it.replications) " replications; times of first failures are the earliest of them." }
        }
    })
}

fn burst(burst: &Burst, at: usize) -> Markup {
    let share = burst.failed as f64 / burst.requests.max(1) as f64;
    html! {
        h3 { (span(burst.from_s, burst.to_s)) ": " (count(burst.failed)) " of " (count(burst.requests)) " requests failed (" (percent(share)) ")" }
        dl.why {
            @for (at, root) in burst.roots.iter().take(4).enumerate() {
                dt { @if at == 0 { "root" } @else { "also" } }
                dd { @if at == 0 { b { (origin(root, burst.failed)) } } @else { (origin(root, burst.failed)) } }
            }
            @if let Some(after) = burst.root_to_user_s {
                dt { "user" } dd { "the first request failed " (seconds(after)) " after it began" }
            }
            @if !burst.ladder.is_empty() {
                dt { "way" }
                dd { ol.way {
                    @if let Some(root) = burst.roots.first() { li { b { (root.label) } } }
                    @for rung in &burst.ladder {
                        li { (rung.words) " " span.soft { "· " (count(rung.failed)) " failed requests" }
                            @if let Some(note) = &rung.note { div.soft { (note) } } }
                    }
                } }
            }
            dt { "peak" } dd { (worst(&burst.peak)) }
            dt { "end" } dd { (ended(&burst.end)) }
        }
        @if !burst.blast.is_empty() { (blast(burst, at)) }
        (chains(burst, at))
    }
}

/// Whom it hit, in the order in which it did.
fn blast(burst: &Burst, at: usize) -> Markup {
    let mut sheet = Sheet::new(&format!("blast-{at}"))
        .words("hit")
        .words("what it is")
        .figures("since", "the first window in which over 5 % failed")
        .figures("worst window", "share of what was asked of it that failed");
    for hit in &burst.blast {
        sheet.row(vec![
            Cell::text(&hit.name),
            Cell::text(if hit.workload { "workload" } else { "service" }),
            Cell::labelled(&clock(hit.from_s), Some(hit.from_s)),
            Cell::number(Show::Share, Some(hit.worst)),
        ]);
    }
    sheet.draw()
}

fn chains(burst: &Burst, at: usize) -> Markup {
    let mut sheet = Sheet::new(&format!("chains-{at}"))
        .figures("failed", "requests that failed in this way")
        .words("workload")
        .words("chain of causes, from the user down");
    for chain in &burst.chains {
        sheet.row(vec![
            Cell::count(chain.failed),
            Cell::text(&chain.workload),
            Cell::text(&chain.words),
        ]);
    }
    let all = burst.chains.len();
    html! {
        @if all > MOST_CHAINS { details { summary { "all " (all) " chains of causes" } (sheet.draw()) } }
        @else if all > 0 { (sheet.draw()) }
    }
}

fn outside(background: &Background, it: &Explanation) -> Markup {
    let whose = if it.bursts.is_empty() {
        ""
    } else {
        " outside of bursts"
    };
    let share = background.failed as f64 / background.requests.max(1) as f64;
    let roots = background.roots.iter().take(4);
    let roots: Vec<String> = roots
        .map(|root| format!("{} {}", count(root.failed), root.label))
        .collect();
    html! {
        @if background.failed == 0 { p.about { "No request of " (count(background.requests)) " failed" (whose) "." } }
        @else { p { (count(background.failed)) " of " (count(background.requests)) " requests failed" (whose)
            " (" (percent(share)) "): " (roots.join(", ")) } }
    }
}

//! Which workloads a chart names and in which colours; the same in every chart of a run.

use super::theme::{PALETTE, REST};
use plotters::style::RGBColor;
use study::record::{RunRecord, WorkloadSeries};

/// A workload on the charts.
pub(crate) struct Actor<'a> {
    pub(crate) name: &'a str,
    pub(crate) series: &'a WorkloadSeries,
    pub(crate) color: RGBColor,
    /// Whether it has a colour and a label of its own.
    pub(crate) named: bool,
}

/// Those without a name first, so that the others are drawn over them. If there are more than
/// colours, the worst get them: least availability first, then the longest p99.
pub(crate) fn cast(record: &RunRecord) -> Vec<Actor<'_>> {
    let mut names: Vec<&String> = record.series.workloads.keys().collect();
    let badness = |name: &String| {
        let workload = record.workloads.get(name);
        let availability = workload.and_then(|w| w.availability.mean);
        let p99 = workload.and_then(|w| w.latency_ms.p99.mean);
        (availability.unwrap_or(1.0), -p99.unwrap_or(0.0))
    };
    names.sort_by(|a, b| {
        let (a, b) = (badness(a), badness(b));
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    let mut chosen: Vec<&String> = names.iter().copied().take(PALETTE.len()).collect();
    chosen.sort();

    let mut actors: Vec<Actor<'_>> = record
        .series
        .workloads
        .iter()
        .map(|(name, series)| {
            let place = chosen.iter().position(|n| *n == name);
            Actor {
                name,
                series,
                color: place.map_or(REST, |place| PALETTE[place]),
                named: place.is_some(),
            }
        })
        .collect();
    actors.sort_by_key(|actor| actor.named);
    actors
}

/// `of shoppers`, `of admins and shoppers`, `of 12 workloads`.
pub(crate) fn of_whom(actors: &[Actor<'_>]) -> String {
    match actors {
        [] => "of no workload".into(),
        [one] => format!("of {}", one.name),
        [one, two] => format!("of {} and {}", one.name, two.name),
        many => format!("of {} workloads", many.len()),
    }
}

/// What the line below the title adds when some are not named.
pub(crate) fn remark(actors: &[Actor<'_>]) -> String {
    let rest = actors.iter().filter(|actor| !actor.named).count();
    match rest {
        0 => String::new(),
        n => format!(
            " · the {} worst are named, {n} more in grey",
            actors.len() - n
        ),
    }
}

//! The way of most failures from a root to the user, rung by rung, with what the figures say of each.
//!
//! Chains of one root are walked together from their ends upwards, each time to where most of them go on.

use super::Blamed;
use super::record::{Root, RootKind, Rung};
use super::words;
use crate::record::{Cause, RunRecord, What};
use std::collections::BTreeMap;

/// What chains are compared by: a call whether it was waited for or had failed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Step {
    Call(String),
    Layer(String, String),
    Queue(What, String),
    Other(What, String),
    User(String),
}

/// The rungs, that of the root left out.
pub(super) fn climb(record: &RunRecord, root: Option<&Root>, blamed: &[&Blamed<'_>]) -> Vec<Rung> {
    let ways: Vec<(Vec<Step>, u64)> = blamed
        .iter()
        .map(|one| {
            let links = &record.causes.chains[one.row.chain as usize];
            (steps(links, &one.row.workload), one.row.count)
        })
        .collect();
    let mut path: Vec<Step> = Vec::new();
    loop {
        let mut next: Vec<(&Step, u64)> = Vec::new();
        for (way, count) in ways.iter().filter(|(way, _)| way.starts_with(&path)) {
            let Some(step) = way.get(path.len()) else {
                continue;
            };
            match next.iter_mut().find(|(known, _)| *known == step) {
                Some((_, sum)) => *sum += count,
                None => next.push((step, *count)),
            }
        }
        next.sort();
        // The first of the largest.
        let Some(most) = next.iter().map(|(_, sum)| *sum).max() else {
            break;
        };
        let step = next.iter().find(|(_, sum)| *sum == most);
        path.extend(step.map(|(step, _)| (*step).clone()));
    }
    let seen = View {
        record,
        window: worst(blamed, &ways, &path),
    };
    let rung = |at: usize| {
        let step = &path[at];
        let through = ways.iter().filter(|(way, _)| way.contains(step));
        let failed = through.map(|(_, count)| count).sum();
        let is_work = |step: &&Step| !matches!(step, Step::Other(What::InVain, _));
        let deeper = path[..at].iter().rev().find(is_work);
        let direct = ways.iter().zip(blamed);
        let direct = direct.filter(|((way, _), one)| one.direct && way.contains(step));
        let direct: u64 = direct.map(|((_, count), _)| count).sum();
        seen.rung(step, deeper, root, (failed, direct))
    };
    (0..path.len()).map(rung).collect()
}

/// The window in which most failed on this way.
fn worst(blamed: &[&Blamed<'_>], ways: &[(Vec<Step>, u64)], path: &[Step]) -> usize {
    let mut windows: BTreeMap<u32, u64> = BTreeMap::new();
    for (one, _) in blamed.iter().zip(ways).filter(|(_, (way, _))| way == path) {
        *windows.entry(one.row.window).or_default() += one.row.count;
    }
    let most = windows.values().copied().max();
    let first = windows.iter().find(|(_, n)| Some(**n) == most);
    first.map_or(0, |(window, _)| *window as usize)
}

/// From the end of a chain upwards.
fn steps(links: &[Cause], workload: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for link in links.iter().rev() {
        let at = link.at.clone();
        let step = match link.what {
            // They say how, and not where.
            What::BackingOff | What::Changed => continue,
            What::Waiting | What::Failed => Step::Call(at),
            What::Refused => Step::Layer(at, link.how.clone().unwrap_or_default()),
            What::Held => Step::Layer(at, "limit".to_owned()),
            What::Queued | What::Full | What::Overdue | What::Admission => {
                Step::Queue(link.what, at)
            }
            what => Step::Other(what, at),
        };
        // Who was refused has failed; to say that he called is to say it twice.
        let again = match (&step, steps.last()) {
            (Step::Call(edge), Some(Step::Layer(at, _) | Step::Other(_, at))) => edge == at,
            _ => steps.contains(&step),
        };
        if !again {
            steps.push(step);
        }
    }
    steps.push(Step::User(workload.to_owned()));
    steps
}

/// The series in the worst window.
struct View<'a> {
    record: &'a RunRecord,
    window: usize,
}

impl View<'_> {
    fn at(&self, values: &[f64]) -> f64 {
        values.get(self.window).copied().unwrap_or(0.0)
    }

    fn rung(
        &self,
        step: &Step,
        deeper: Option<&Step>,
        root: Option<&Root>,
        (failed, direct): (u64, u64),
    ) -> Rung {
        let (words, note, at) = match step {
            Step::Call(edge) => (
                format!("{} waits for {}", words::caller(edge), words::target(edge)),
                self.tried(edge),
                edge.clone(),
            ),
            Step::Layer(edge, layer) => (
                format!(
                    "{} of {} refuses {}",
                    layer.replace('_', " "),
                    words::caller(edge),
                    words::target(edge)
                ),
                None,
                edge.clone(),
            ),
            Step::Queue(what, service) => {
                let words = match what {
                    What::Full => format!("queue of {service} full"),
                    What::Overdue => format!("queue of {service} drops what waits too long"),
                    What::Admission => format!("admission of {service} refuses"),
                    _ => format!("workers of {service} exhausted"),
                };
                (words, self.held_up(service, deeper), service.clone())
            }
            Step::Other(what, place) => {
                let cause = Cause {
                    what: *what,
                    at: place.clone(),
                    how: None,
                    due_to: None,
                };
                let kind = root.map(|root| root.kind);
                let words = match what {
                    What::InVain => format!("{place} works for callers who had given up"),
                    What::Computing => match kind {
                        // Nothing slows it down.
                        Some(RootKind::Surge | RootKind::Capacity | RootKind::ColdCache) => {
                            format!("{place} has more to do than it can")
                        }
                        _ if direct * 2 < failed => format!("{place} has more to do than it can"),
                        _ => format!("work at {place} takes longer"),
                    },
                    _ => words::link(&cause),
                };
                (words, None, place.clone())
            }
            Step::User(workload) => (
                format!("requests of {workload} fail"),
                self.tried_by(workload),
                workload.clone(),
            ),
        };
        Rung {
            words,
            note,
            at,
            failed,
        }
    }

    /// How often calls of an edge were tried.
    fn tried(&self, edge: &str) -> Option<String> {
        let series = self.record.series.edges.get(edge)?;
        let (calls, attempts) = (self.at(&series.calls), self.at(&series.attempts));
        let times = attempts / calls;
        (calls > 0.0 && times >= 1.1)
            .then(|| format!("each call tried {} times", words::figure(times)))
    }

    fn tried_by(&self, workload: &str) -> Option<String> {
        let mut edges = self.record.series.edges.keys();
        self.tried(edges.find(|edge| words::caller(edge) == workload)?)
    }

    /// What keeps the workers of a service.
    fn held_up(&self, service: &str, deeper: Option<&Step>) -> Option<String> {
        let series = self.record.series.services.get(service)?;
        let busy = self.at(&series.utilization);
        let workers = self.record.causes.workers.get(service)?;
        // Fewer than the model has may be all that there are.
        if busy < 0.5 {
            return None;
        }
        let words = format!("{} of its workers busy", words::share(busy));
        let Some(Step::Call(edge)) = deeper else {
            return Some(words);
        };
        if words::caller(edge) != service || busy * workers <= 0.0 || !series.instances.is_empty() {
            return Some(words);
        }
        let calls = &self.record.series.edges.get(edge)?.in_flight;
        let waiting = (self.at(calls) / (busy * workers)).min(1.0);
        Some(format!(
            "{words}, {} of them waiting for {}",
            words::share(waiting),
            words::target(edge)
        ))
    }
}

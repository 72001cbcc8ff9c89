//! Retries within retries: how many attempts one request can become on its way down.

use super::Warnings;
use super::graph::{Caller, Graph, Site};
use super::layers::{most_runs, retry};
use super::words::figure;
use policy::config::{HedgeDelay, LayerConfig};
use policy::{Outcome, OutcomeSet};
use std::collections::BTreeSet;

/// More attempts than this at the end of a path are a storm in waiting.
const LIMIT: f64 = 8.0;

/// A longer path is not written out.
const MOST_HOPS: usize = 12;

/// Attempts beyond this number are as good as infinite.
const ENDLESS: f64 = 1e15;

/// By endpoint: the attempts that its failures have become below it, and the call that made most of
/// them. Calls that lead back are not followed.
type Worst = Vec<Option<(f64, usize)>>;

/// The attempts that a call can become while everything fails.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Amplified {
    /// In all.
    peak: f64,
    /// Those whose failure the caller sees, so that a retry further out multiplies them.
    open: f64,
}

/// Warns of the worst path of every workload, and of every call whose failures end in a fallback.
pub(super) fn check(graph: &Graph<'_>, out: &mut Warnings<'_>) {
    let worst = worst(graph);
    let reached = graph.reached(|_| true);
    let mut told = BTreeSet::new();
    for (start, site) in graph.sites.iter().enumerate() {
        let amplified = amplified(graph, site, below(graph, &worst, site));
        let begins = match site.caller {
            Caller::Workload(_) => true,
            Caller::Endpoint(caller) => reached[caller] && amplified.open < amplified.peak,
        };
        if !begins || amplified.peak <= LIMIT + 1e-9 {
            continue;
        }
        let path = path(graph, &worst, start);
        let Some(&(first, _)) = path.first() else {
            continue;
        };
        if out.is_full() || !told.insert(first) {
            continue;
        }
        let mut text = graph.caller_name(graph.sites[first].caller);
        for (site, runs) in path.iter().take(MOST_HOPS) {
            text.push_str(" → ");
            text.push_str(&graph.name(graph.sites[*site].target));
            if *runs > 1.0 {
                text.push_str(&format!(" (×{})", figure(*runs)));
            }
        }
        if path.len() > MOST_HOPS {
            text.push_str(&format!(" → {} more calls", path.len() - MOST_HOPS));
        }
        let hedged = path.iter().any(|(site, _)| {
            let layers = graph.layers(&graph.sites[*site]);
            layers.iter().any(|l| matches!(l, LayerConfig::Hedge(_)))
        });
        let what = if hedged {
            "retries and hedges"
        } else {
            "retries"
        };
        out.warn(
            &format!("{}.policy", graph.sites[first].path),
            format!(
                "{what} make {} attempts of one call when nothing answers: {text}",
                figure(amplified.peak)
            ),
            "retry in one place only, next to what fails, or give the retries a `budget`",
        );
    }
}

/// The calls of the worst path that begins with one, each with the runs that it makes of one;
/// without those before the first that makes more than one.
fn path(graph: &Graph<'_>, worst: &Worst, start: usize) -> Vec<(usize, f64)> {
    let mut path = Vec::new();
    let mut next = Some(start);
    while let Some(index) = next {
        let site = &graph.sites[index];
        let seen = |amplified: Amplified| match index == start {
            true => amplified.peak,
            false => amplified.open,
        };
        let below = below(graph, worst, site);
        let (whole, alone) = (
            seen(amplified(graph, site, below)),
            seen(amplified(graph, site, 1.0)),
        );
        // Where what lies below is not multiplied, and less than the retries here, the path ends.
        let goes_on = whole > alone;
        let runs = match goes_on {
            true => seen(amplified(graph, site, 2.0)) / 2.0,
            false => alone,
        };
        path.push((index, runs));
        next = worst[site.target].filter(|_| goes_on).map(|(_, next)| next);
    }
    let first = path.iter().position(|(_, runs)| *runs > 1.0);
    path.drain(..first.unwrap_or(0));
    path
}

fn worst(graph: &Graph<'_>) -> Worst {
    let mut worst: Worst = vec![None; graph.endpoints.len()];
    for &endpoint in &graph.order {
        for index in graph.endpoints[endpoint].sites.clone() {
            let site = &graph.sites[index];
            let open = amplified(graph, site, below(graph, &worst, site)).open;
            if open > worst[endpoint].map_or(1.0, |(most, _)| most) {
                worst[endpoint] = Some((open, index));
            }
        }
    }
    worst
}

/// What one attempt of a call becomes below.
fn below(graph: &Graph<'_>, worst: &Worst, site: &Site) -> f64 {
    let back = matches!(site.caller, Caller::Endpoint(caller) if graph.leads_back(caller, site));
    worst[site.target]
        .filter(|_| !back)
        .map_or(1.0, |(most, _)| most)
}

fn amplified(graph: &Graph<'_>, site: &Site, below: f64) -> Amplified {
    let (mut peak, mut open) = (1.0, below);
    let mut times_out = false;
    for layer in graph.layers(site).iter().rev() {
        match layer {
            LayerConfig::Timeout(_) => times_out = true,
            LayerConfig::Hedge(hedge) => {
                let runs = most_runs(hedge.attempts, hedge.budget.as_ref());
                // While nothing answers, time alone sends the copies.
                let again = hedge.delay != HedgeDelay::OnFailure || acts(hedge.hedge_on, times_out);
                open = if again { open * runs } else { open.max(runs) }.min(ENDLESS);
            }
            LayerConfig::Fallback(fallback) => {
                let failures = [Outcome::Error, Outcome::Timeout, Outcome::Unavailable];
                if failures.iter().all(|kind| fallback.on.contains(*kind)) {
                    peak = open.max(peak);
                    open = 1.0;
                }
            }
            _ => {
                if let Some(retry) = retry(layer) {
                    let runs = most_runs(retry.attempts, retry.budget.as_ref());
                    let again = acts(retry.retry_on, times_out);
                    open = if again { open * runs } else { open.max(runs) }.min(ENDLESS);
                }
            }
        }
    }
    if site.optional {
        // Its failure ends here.
        return Amplified {
            peak: open.max(peak),
            open: 1.0,
        };
    }
    Amplified {
        peak: open.max(peak),
        open,
    }
}

/// Whether what failed below leads to another try: it is an error here, unless the caller was the
/// first to give up.
fn acts(on: OutcomeSet, times_out: bool) -> bool {
    on.contains(Outcome::Error) || times_out && on.contains(Outcome::Timeout)
}

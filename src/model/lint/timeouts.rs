//! Timeouts that do not go together: with the work that they wait for, with each other, and with
//! what the callee does in the meantime.

use super::Warnings;
use super::answer::Answers;
use super::graph::{Caller, Graph, Site};
use super::layers::{hedged_for, retry};
use super::words::span;
use crate::types::Abandoned;
use policy::Outcome;
use policy::config::{Backoff, Jitter, LayerConfig, RetryConfig, Span};
use std::collections::BTreeMap;

/// Warns of timeouts below the mean time that a call needs; once for each policy and callee.
pub(super) fn too_short(graph: &Graph<'_>, answers: &Answers, out: &mut Warnings<'_>) {
    let mut found: Found = BTreeMap::new();
    for (index, site) in graph.sites.iter().enumerate() {
        let Some(limit) = tightest(graph, site) else {
            continue;
        };
        let attempt = answers.attempt[index];
        // The first of n copies of an exponential comes after an nth of its mean.
        let first = attempt.least + (attempt.typical - attempt.least) / limit.copies;
        if first > limit.ns || attempt.least > limit.ns {
            let key = (site.policy, Some(site.target));
            found.entry(key).or_default().push(index);
        }
    }
    for sites in found.into_values() {
        let site = &graph.sites[sites[0]];
        let Some(limit) = tightest(graph, site) else {
            continue;
        };
        let (callee, attempt) = (graph.name(site.target), answers.attempt[sites[0]]);
        let others = others(&sites);
        let message = if attempt.least > limit.ns && !limit.sampled {
            format!(
                "the timeout of {} always fires: `{callee}` needs at least {}{others}",
                span(limit.ns),
                span(attempt.least)
            )
        } else {
            format!(
                "the timeout of {}{} is shorter than the {} that `{callee}` needs on average{others}",
                if limit.sampled { "about " } else { "" },
                span(limit.ns),
                span(attempt.typical)
            )
        };
        let help = format!(
            "give `{}` more than that, or let `{callee}` do less",
            limit.path
        );
        out.warn(&format!("{}.policy", site.path), message, help);
    }
}

/// Warns of timeouts within timeouts that end first.
pub(super) fn never_fire(graph: &Graph<'_>, out: &mut Warnings<'_>) {
    for policy in &graph.model.policies {
        let mut outside: Option<clock::Duration> = None;
        for (index, layer) in policy.config.layers.iter().enumerate() {
            let LayerConfig::Timeout(Span::Constant(time)) = layer else {
                continue;
            };
            match outside {
                Some(shorter) if shorter <= *time => out.warn(
                    &format!("policies.{}.{index}.timeout", policy.name),
                    format!(
                        "this timeout of {time} can never fire: one outside of it ends after \
                         {shorter}"
                    ),
                    format!("make it shorter than {shorter}, or take it out"),
                ),
                _ => outside = Some(*time),
            }
        }
    }
}

/// Warns of callers who give up before the callee's own calls have, so that it goes on for nobody;
/// once for each pair of policies.
pub(super) fn impatient(graph: &Graph<'_>, out: &mut Warnings<'_>) {
    let patience = patience(graph);
    let mut found: Found = BTreeMap::new();
    for (index, site) in graph.sites.iter().enumerate() {
        let (Some(limit), Some((longest, culprit))) =
            (tightest(graph, site), patience[site.target])
        else {
            continue;
        };
        let callee = &graph.model.services[graph.service_of(site)];
        // Work that is stopped when its caller gives up is not done for nobody.
        if longest > limit.ns && callee.abandoned != Abandoned::Cancel {
            let key = (site.policy, graph.sites[culprit].policy);
            found.entry(key).or_default().push(index);
        }
    }
    for sites in found.into_values() {
        let site = &graph.sites[sites[0]];
        let (Some(limit), Some((longest, culprit))) =
            (tightest(graph, site), patience[site.target])
        else {
            continue;
        };
        let culprit = &graph.sites[culprit];
        let by = match culprit.caller {
            Caller::Endpoint(endpoint) if endpoint != site.target => {
                format!("`{}`", graph.name(endpoint))
            }
            _ => "it".to_owned(),
        };
        let below = patience[culprit.target].map(|(time, _)| time);
        let goes_on = match persistence(graph, culprit, below).retries {
            Some(_) => "retry",
            None => "wait for",
        };
        let how = match persistence(graph, culprit, below).retries {
            Some((attempts, each, pauses)) if pauses > 0.0 => format!(
                ": {attempts} attempts of {} and {} of back-off",
                span(each),
                span(pauses)
            ),
            Some((attempts, each, _)) => format!(": {attempts} attempts of {}", span(each)),
            None => String::new(),
        };
        let policy = culprit
            .policy
            .map_or("", |policy| &graph.model.policies[policy].name);
        out.warn(
            &format!("{}.policy", site.path),
            format!(
                "the caller gives up on `{}` after {}, but {by} may {goes_on} `{}` for {}{how}{}",
                graph.name(site.target),
                span(limit.ns),
                graph.name(culprit.target),
                span(longest),
                others(&sites)
            ),
            if site.policy == culprit.policy {
                format!(
                    "give the inner call a policy of its own, with less time than `{}`",
                    limit.path
                )
            } else {
                format!(
                    "let `policies.{policy}` try less often or for less long, or give `{}` more \
                     than {}",
                    limit.path,
                    span(longest)
                )
            },
        );
    }
}

/// Calls of which the same is said, by what they have in common.
type Found = BTreeMap<(Option<usize>, Option<usize>), Vec<usize>>;

/// Says that the first is not the only one.
fn others(sites: &[usize]) -> String {
    match sites.len() - 1 {
        0 => String::new(),
        1 => " (and so for one more call)".to_owned(),
        n => format!(" (and so for {n} more calls)"),
    }
}

/// A timeout around a call.
struct Limit {
    ns: f64,
    sampled: bool,
    /// How many copies of what is inside there may be.
    copies: f64,
    path: String,
}

/// The shortest timeout around one attempt.
fn tightest(graph: &Graph<'_>, site: &Site) -> Option<Limit> {
    let name = &graph.model.policies[site.policy?].name;
    let layers = graph.layers(site);
    let timeouts = layers.iter().enumerate().filter_map(|(index, layer)| {
        let LayerConfig::Timeout(time) = layer else {
            return None;
        };
        Some((graph.span(*time), matches!(time, Span::Sampled(_)), index))
    });
    let several = timeouts.clone().count() > 1;
    let (ns, sampled, index) = timeouts.min_by(|a, b| a.0.total_cmp(&b.0))?;
    let inside = layers[index + 1..].iter();
    let copies = inside.filter_map(|layer| match layer {
        LayerConfig::Hedge(hedge) => Some(f64::from(hedge.attempts)),
        _ => None,
    });
    let copies = copies.fold(1.0, f64::max);
    let index = if several {
        format!("{index}.")
    } else {
        String::new()
    };
    let path = format!("policies.{name}.{index}timeout");
    Some(Limit {
        ns,
        sampled,
        copies,
        path,
    })
}

/// By endpoint: how long one of its calls, or of those made for it without a timeout, can last; and
/// which. Calls that lead back are not followed.
fn patience(graph: &Graph<'_>) -> Vec<Option<(f64, usize)>> {
    let mut patience: Vec<Option<(f64, usize)>> = vec![None; graph.endpoints.len()];
    for &endpoint in &graph.order {
        for index in graph.endpoints[endpoint].sites.clone() {
            let site = &graph.sites[index];
            let below = patience[site.target].filter(|_| !graph.leads_back(endpoint, site));
            let lasting = persistence(graph, site, below.map(|(time, _)| time));
            let Some(time) = lasting.time else { continue };
            // Without a policy that says how long, it is the callee's call that lasts.
            let culprit = match below {
                Some((below, culprit)) if below >= time => culprit,
                _ => index,
            };
            if patience[endpoint].is_none_or(|(longest, _)| time > longest) {
                patience[endpoint] = Some((time, culprit));
            }
        }
    }
    patience
}

/// How long a call can last.
#[derive(Clone, Copy, Debug, Default)]
struct Lasting {
    /// Where something bounds it, or something inside of it.
    time: Option<f64>,
    /// Of the outermost retry that can follow timeouts: attempts, the time of each, and the
    /// back-offs' sum.
    retries: Option<(u32, f64, f64)>,
}

/// How long a call can last when nobody answers; `below` is how long the callee's own calls can.
fn persistence(graph: &Graph<'_>, site: &Site, below: Option<f64>) -> Lasting {
    let mut bounded = false;
    let mut lasting = Lasting {
        time: below,
        retries: None,
    };
    for layer in graph.layers(site).iter().rev() {
        match layer {
            LayerConfig::Timeout(span) => {
                let most = graph.span(*span);
                if bounded && lasting.time.is_some_and(|time| time <= most) {
                    continue;
                }
                lasting = Lasting {
                    time: Some(most),
                    retries: None,
                };
                bounded = true;
            }
            LayerConfig::Hedge(hedge) if bounded => {
                let each = lasting.time.unwrap_or(0.0);
                let time = hedged_for(hedge, each);
                if time > each {
                    lasting = Lasting {
                        time: Some(time),
                        retries: None,
                    };
                }
            }
            _ => {
                if let Some(retry) = retry(layer)
                    && bounded
                    && retry.attempts > 1
                    && retry.retry_on.contains(Outcome::Timeout)
                {
                    let each = lasting.time.unwrap_or(0.0);
                    let pauses = pauses(retry);
                    lasting = Lasting {
                        time: Some(f64::from(retry.attempts) * each + pauses),
                        retries: Some((retry.attempts, each, pauses)),
                    };
                }
            }
        }
    }
    lasting
}

/// All back-offs of a call at their longest.
fn pauses(retry: &RetryConfig) -> f64 {
    let mut sum = 0.0;
    let mut growing = 1.0;
    for n in 0..retry.attempts - 1 {
        let (delay, initial, max) = match retry.backoff {
            Backoff::Constant(delay) => (ns(delay), ns(delay), f64::INFINITY),
            Backoff::Linear {
                initial,
                increment,
                max,
            } => (
                ns(initial) + f64::from(n) * ns(increment),
                ns(initial),
                ns(max),
            ),
            Backoff::Exponential {
                initial,
                factor,
                max,
            } => (
                ns(initial) * libm::pow(factor, f64::from(n)),
                ns(initial),
                ns(max),
            ),
        };
        growing *= 3.0;
        sum += match retry.jitter {
            Jitter::None | Jitter::Full | Jitter::Equal => delay.min(max),
            // 1.25 around constant and linear ones; the formula's most is about 2.1 for the others.
            Jitter::Polly => (delay * 2.1).min(max),
            Jitter::Decorrelated => (initial * growing).min(max),
            Jitter::Ratio(ratio) => delay.min(max) * (1.0 + ratio),
        };
    }
    sum
}

fn ns(duration: clock::Duration) -> f64 {
    duration.as_nanos() as f64
}

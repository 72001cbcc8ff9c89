//! How long an endpoint takes to answer when nothing has to wait for its turn, how often it answers
//! well, and how long it needs a worker for: means and sure lower bounds, by the model's own figures.
//!
//! It refuses to know how many requests there are: queues make everything longer, never shorter.

use super::graph::{Caller, Graph, Part, Time};
use super::layers::{most_runs, retry, sure_copies};
use super::links::Links;
use policy::Outcome;
use policy::config::LayerConfig;

/// How a handler, a part of one, or a call answers. Times are in nanoseconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Answer {
    /// The probability that it is a good one.
    pub(super) ok: f64,
    /// The mean time until it is there (of what has no mean, the median).
    pub(super) typical: f64,
    /// It is never there earlier.
    pub(super) least: f64,
    /// The mean time of work of the handler's own.
    pub(super) work: f64,
    /// The mean time for which a blocking handler has its worker.
    pub(super) held: f64,
}

/// The answers of all endpoints, and what callers see of them.
pub(super) struct Answers {
    /// By endpoint.
    pub(super) of: Vec<Answer>,
    /// By site: of one attempt, the network included.
    pub(super) attempt: Vec<Answer>,
    /// By site: of the call as a whole, its policy included.
    pub(super) call: Vec<Answer>,
}

impl Answer {
    const AT_ONCE: Self = Self {
        ok: 1.0,
        typical: 0.0,
        least: 0.0,
        work: 0.0,
        held: 0.0,
    };
    const UNKNOWN: Self = Self {
        ok: 0.0,
        ..Self::AT_ONCE
    };

    fn lasting(time: Time) -> Self {
        Self {
            typical: time.typical,
            least: time.least,
            held: time.mean,
            ..Self::AT_ONCE
        }
    }

    /// This, and when it was good the next.
    fn then(self, next: Self) -> Self {
        Self {
            ok: self.ok * next.ok,
            typical: self.typical + share(self.ok, next.typical),
            least: self.least + if self.ok == 1.0 { next.least } else { 0.0 },
            work: self.work + share(self.ok, next.work),
            held: self.held + share(self.ok, next.held),
        }
    }

    fn is_far_from(self, other: Self) -> bool {
        // Of times what matters is more than a nanosecond; infinite ones do not move any more.
        let far = |a: f64, b: f64, unit: f64| (a - b).abs() > 1e-9 * b.abs().max(unit);
        far(self.ok, other.ok, 1.0)
            || far(self.typical, other.typical, 1e9)
            || far(self.least, other.least, 1e9)
            || far(self.work, other.work, 1e9)
            || far(self.held, other.held, 1e9)
    }
}

impl Answers {
    /// The least solution: what can be said of an endpoint follows from its callees, round by round
    /// where calls lead in a circle. Where that does not end, times are infinite.
    pub(super) fn new(graph: &Graph<'_>) -> Self {
        let links = Links::new(graph);
        let network: Vec<Time> = graph
            .sites
            .iter()
            .map(|site| links.round_trip(graph, site))
            .collect();
        let mut answers = Self {
            of: vec![Answer::UNKNOWN; graph.endpoints.len()],
            attempt: vec![Answer::UNKNOWN; graph.sites.len()],
            call: vec![Answer::UNKNOWN; graph.sites.len()],
        };
        let mut moving = Vec::new();
        for _ in 0..graph.rounds() {
            moving.clear();
            for &endpoint in &graph.order {
                let before = answers.of[endpoint];
                answers.of[endpoint] = answers.endpoint(graph, &network, endpoint);
                if answers.of[endpoint].is_far_from(before) {
                    moving.push(endpoint);
                }
            }
            if moving.is_empty() {
                break;
            }
        }
        if !moving.is_empty() {
            let mut endless = vec![false; graph.endpoints.len()];
            moving.iter().for_each(|&endpoint| endless[endpoint] = true);
            for &endpoint in &graph.order {
                let mut answer = answers.endpoint(graph, &network, endpoint);
                if endless[endpoint] {
                    answer.typical = f64::INFINITY;
                    answer.held = f64::INFINITY;
                }
                answers.of[endpoint] = answer;
            }
        }
        for site in 0..graph.model.workloads.len() {
            answers.site(graph, &network, site);
        }
        answers
    }

    fn endpoint(&mut self, graph: &Graph<'_>, network: &[Time], endpoint: usize) -> Answer {
        let node = &graph.endpoints[endpoint];
        for site in node.sites.clone() {
            self.site(graph, network, site);
        }
        self.sequence(&node.parts, node.blocking)
    }

    fn site(&mut self, graph: &Graph<'_>, network: &[Time], site: usize) {
        let place = &graph.sites[site];
        let callee = self.of[place.target];
        // What the callee works for and holds is its own.
        let callee = Answer {
            work: 0.0,
            held: callee.typical,
            ..callee
        };
        self.attempt[site] = callee.longer_by(network[site]);
        let mut call = through(graph, graph.layers(place), self.attempt[site], |_, _, _| {});
        if place.optional {
            // It ends well in any case, and at once where it is skipped.
            (call.ok, call.least) = (1.0, 0.0);
        }
        self.call[site] = call;
    }

    fn sequence(&self, parts: &[Part], blocking: bool) -> Answer {
        parts.iter().fold(Answer::AT_ONCE, |before, part| {
            before.then(self.part(part, blocking))
        })
    }

    fn part(&self, part: &Part, blocking: bool) -> Answer {
        match part {
            Part::Compute(time) => Answer {
                work: time.mean,
                ..Answer::lasting(*time)
            },
            Part::Wait(time) => Answer::lasting(*time),
            Part::Call(site) => self.call[*site],
            Part::Aside(_) => Answer::AT_ONCE,
            Part::Parallel { branches, require } => {
                let branches: Vec<_> = branches
                    .iter()
                    .map(|branch| self.sequence(branch, blocking))
                    .collect();
                joined(&branches, *require, blocking)
            }
            Part::Choose(alternatives) => self.chosen(alternatives, blocking),
            Part::Repeat { times: 0, .. } => Answer::AT_ONCE,
            Part::Repeat { times, parts } => {
                let round = self.sequence(parts, blocking);
                let rounds = rounds(round.ok, *times);
                Answer {
                    ok: power(round.ok, *times),
                    typical: rounds * round.typical,
                    least: round.least * if round.ok == 1.0 { rounds } else { 1.0 },
                    work: rounds * round.work,
                    held: rounds * round.held,
                }
            }
            Part::Fail(ratio) => Answer {
                ok: 1.0 - ratio,
                ..Answer::AT_ONCE
            },
        }
    }

    fn chosen(&self, alternatives: &[(f64, Vec<Part>)], blocking: bool) -> Answer {
        let mut sum = Answer {
            ok: 0.0,
            least: f64::INFINITY,
            ..Answer::AT_ONCE
        };
        let mut certain = true;
        for (weight, parts) in alternatives.iter().filter(|(weight, _)| *weight > 0.0) {
            let one = self.sequence(parts, blocking);
            certain &= one.ok == 1.0;
            sum.ok += weight * one.ok;
            sum.typical += weight * one.typical;
            sum.least = sum.least.min(one.least);
            sum.work += weight * one.work;
            sum.held += weight * one.held;
        }
        // Rounding must not make a certain thing uncertain.
        sum.ok = if certain { 1.0 } else { sum.ok.min(1.0) };
        sum
    }

    /// How often each site is called when its endpoint is, by site; in a mean request.
    pub(super) fn visits(&self, graph: &Graph<'_>) -> Vec<f64> {
        let mut visits = vec![0.0; graph.sites.len()];
        for node in &graph.endpoints {
            self.visit(&node.parts, 1.0, &mut visits);
        }
        visits
    }

    fn visit(&self, parts: &[Part], mut reach: f64, visits: &mut [f64]) {
        for part in parts {
            match part {
                Part::Call(site) | Part::Aside(site) => visits[*site] += reach,
                Part::Parallel { branches, .. } => branches
                    .iter()
                    .for_each(|branch| self.visit(branch, reach, visits)),
                Part::Choose(alternatives) => alternatives
                    .iter()
                    .for_each(|(weight, parts)| self.visit(parts, reach * weight, visits)),
                Part::Repeat { times, parts } => {
                    let rounds = rounds(self.sequence(parts, false).ok, *times);
                    self.visit(parts, reach * rounds, visits);
                }
                Part::Compute(_) | Part::Wait(_) | Part::Fail(_) => {}
            }
            reach *= self.part(part, false).ok;
        }
    }
}

impl Answer {
    fn longer_by(self, time: Time) -> Self {
        Self {
            typical: self.typical + time.typical,
            least: self.least + time.least,
            held: self.held + time.typical,
            ..self
        }
    }
}

/// What a call's policy makes of an attempt. `each` is told of every layer, innermost first: its
/// index, the answer that it sees, and how often it runs what is inside, in the mean.
pub(super) fn through(
    graph: &Graph<'_>,
    layers: &[LayerConfig],
    attempt: Answer,
    mut each: impl FnMut(usize, Answer, f64),
) -> Answer {
    let mut answer = attempt;
    for (index, layer) in layers.iter().enumerate().rev() {
        let inside = answer;
        let mut runs = 1.0;
        match layer {
            LayerConfig::Timeout(span) => {
                let most = graph.span(*span);
                answer.typical = answer.typical.min(most);
                answer.held = answer.held.min(most);
                answer.least = match span {
                    policy::config::Span::Constant(_) => answer.least.min(most),
                    policy::config::Span::Sampled(_) => 0.0,
                };
            }
            // A failure sends the next copy at once; otherwise copies run at the same time.
            LayerConfig::Hedge(hedge) => {
                runs = sure_copies(hedge, answer.least);
                if hedge.hedge_on.contains(Outcome::Error) {
                    let most = most_runs(hedge.attempts, hedge.budget.as_ref());
                    let again = rounds(1.0 - answer.ok, hedge.attempts).min(most);
                    answer.ok = (answer.ok * again).min(1.0);
                    runs = runs.max(again);
                }
            }
            LayerConfig::Fallback(fallback) if fallback.on.contains(Outcome::Error) => {
                answer.ok = 1.0;
            }
            // A handler that fails is an error to its caller.
            _ => {
                if let Some(retry) = retry(layer)
                    && retry.retry_on.contains(Outcome::Error)
                {
                    let most = most_runs(retry.attempts, retry.budget.as_ref());
                    runs = rounds(1.0 - answer.ok, retry.attempts).min(most);
                    answer.ok = (answer.ok * runs).min(1.0);
                    answer.typical *= runs;
                    answer.held *= runs;
                }
            }
        }
        each(index, inside, runs);
    }
    answer
}

/// When branches at the same time have been decided.
fn joined(branches: &[Answer], require: usize, blocking: bool) -> Answer {
    let all = require == branches.len();
    let most = |of: fn(&Answer) -> f64| branches.iter().map(of).fold(0.0, f64::max);
    let kth = |of: fn(&Answer) -> f64| {
        let mut values: Vec<f64> = branches.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[require - 1]
    };
    let work: f64 = branches.iter().map(|branch| branch.work).sum();
    let least = kth(|branch| branch.least);
    let mut typical = kth(|branch| branch.typical);
    if !all && typical.is_finite() {
        // The k-th of n exponentials comes after (1/n + … + 1/(n-k+1)) means; what is sure to pass
        // comes on top. Exact for equal branches of that shape.
        let n = branches.len();
        let sum: f64 = (n - require + 1..=n).map(|i| 1.0 / i as f64).sum();
        typical = least + (typical - least) * sum.min(1.0);
    }
    if all && blocking && work.is_finite() {
        // One worker does the work of all branches.
        typical = typical.max(work);
    }
    Answer {
        ok: quorum(branches, require),
        typical,
        least,
        work,
        // Branches that nobody listens to still need the worker.
        held: most(|branch| branch.held).max(work),
    }
}

/// The probability that so many branches succeed.
fn quorum(branches: &[Answer], require: usize) -> f64 {
    /// Above, the share of successes is taken for certain.
    const FEW: usize = 32;
    if require == branches.len() {
        return branches.iter().map(|branch| branch.ok).product();
    }
    if branches.iter().filter(|branch| branch.ok == 1.0).count() >= require {
        return 1.0;
    }
    if branches.len() > FEW {
        let expected: f64 = branches.iter().map(|branch| branch.ok).sum();
        return f64::from(u8::from(expected >= require as f64));
    }
    // The probabilities of 0, 1, … successes among the branches so far.
    let mut counts = vec![1.0];
    for branch in branches {
        counts.push(0.0);
        for i in (0..counts.len()).rev() {
            let one_less = if i == 0 { 0.0 } else { counts[i - 1] };
            counts[i] = counts[i] * (1.0 - branch.ok) + one_less * branch.ok;
        }
    }
    counts[require..].iter().sum::<f64>().min(1.0)
}

/// The mean number of runs when up to `most` are made, and each leads to another one with this
/// probability.
fn rounds(again: f64, most: u32) -> f64 {
    let last = power(again, most);
    if again < 1.0 {
        (1.0 - last) / (1.0 - again)
    } else {
        f64::from(most)
    }
}

fn power(x: f64, n: u32) -> f64 {
    libm::pow(x, f64::from(n))
}

/// `p x`, where nothing of something infinite is nothing.
fn share(p: f64, x: f64) -> f64 {
    if p == 0.0 { 0.0 } else { p * x }
}

/// The callers of a kind, how many of them there are.
pub(super) fn callers(graph: &Graph<'_>, caller: Caller) -> f64 {
    match caller {
        // The clients of a workload share their policies' state.
        Caller::Workload(_) => 1.0,
        Caller::Endpoint(endpoint) => {
            let service = graph.endpoints[endpoint].target.service;
            f64::from(graph.model.services[service].instances)
        }
    }
}

//! A comparison: several settings under the same random numbers, their paired differences, and how
//! sure of them one may be.
//!
//! Replication `r` of every setting has the same seed and number, hence the same arrivals and
//! demands; the differences of a pair are independent from replication to replication, and their
//! mean has a Student's t interval. The first setting is the one that the others are compared
//! with. It refuses to know how a difference is put into words.

mod judge;
mod precision;
mod record;

pub use judge::Correction;
pub use precision::{Precision, Width};
pub use record::{Comparison, Difference, SettingRecord, Verdict};

use crate::StudyError;
use crate::metrics::{Metric, find_metric, is_of_workload};
use crate::progress::Progress;
use crate::run::{Options, chain};
use crate::trial::{Trial, Trials};
use judge::{Pairing, judge};
use model::{Model, Warmup};
use rayon::prelude::*;
use stats::next_look;

/// One of those that are compared.
#[derive(Clone, Debug)]
pub struct Setting {
    /// What it is called.
    pub name: String,
    /// The model file.
    pub file: String,
    /// What is changed in it, as PATH=VALUE.
    pub sets: Vec<String>,
    /// The model with these changes.
    pub model: Model,
}

/// How a comparison is made.
#[derive(Clone, Debug)]
pub struct ComparePlan {
    /// Of every setting; that of the first model when absent.
    pub seed: Option<u64>,
    /// How many pairs at first; at least 2.
    pub replications: u32,
    /// Go on until this is known so well.
    pub precision: Option<Precision>,
    /// At most so many replications, where there is a precision.
    pub most: u32,
    /// What is compared; when empty, availability, throughput, median and 99 % quantile of every
    /// workload.
    pub metrics: Vec<String>,
    /// How the error of the whole family is kept.
    pub correction: Correction,
    /// Of each replication.
    pub limits: cluster::Limits,
}

/// Runs all settings and compares each with the first, on the current rayon pool.
///
/// The record is the same, byte for byte, for any number of threads.
///
/// # Errors
/// [`StudyError::Stopped`] when it was stopped; [`StudyError::NoMetric`] for a metric that the first
/// model, or all others, lack; [`StudyError::Width`] for a precision in a unit that is not its
/// metric's.
pub fn compare(
    settings: &[Setting],
    plan: &ComparePlan,
    progress: &Progress,
) -> Result<Comparison, StudyError> {
    let seed = plan.seed.unwrap_or(settings[0].model.run.seed);
    let options = Options {
        seed: Some(seed),
        replications: None,
        limits: plan.limits,
    };
    // Before the first second is simulated: what the figures are, and whether they are there.
    let names: Vec<Vec<Metric>> = settings
        .iter()
        .map(|setting| Trials::metrics_of(&setting.model, &options, progress))
        .collect();
    let (pairings, missing) = pairings(settings, &names, plan)?;
    let goals = goals(&names[0], &pairings, plan.precision.as_ref())?;

    let trials = ready(settings, &options, progress)?;
    let mut done: Vec<Vec<Trial>> = vec![Vec::new(); settings.len()];
    let mut goal = plan.replications.max(2);
    let (differences, precise) = loop {
        run_up_to(goal, settings, &trials, &mut done, progress)?;
        let differences = judge(&pairings, &done, plan.correction);
        let Some(precision) = &plan.precision else {
            break (differences, None);
        };
        let next = goals
            .iter()
            .filter_map(|i| {
                let found = &differences[*i];
                let half = found.half_width?;
                let target = precision.target(found.unit, found.baseline.unwrap_or_default());
                next_look(half, target, goal)
            })
            .max();
        match next {
            None => break (differences, Some(true)),
            Some(_) if goal >= plan.most => break (differences, Some(false)),
            Some(next) => goal = next.min(plan.most),
        }
    };

    let mut warnings = about_spans_and_seeds(settings, &trials, plan.seed, seed);
    for ((setting, trials), done) in settings.iter().zip(&trials).zip(&done) {
        let own = trials.warnings().iter().cloned();
        let cut = done.iter().filter_map(|trial| {
            let cut = trial.cut.as_ref()?;
            Some(format!("replication {}: {cut}", trial.replication))
        });
        warnings.extend(
            own.chain(cut)
                .map(|what| format!("{}: {what}", setting.name)),
        );
    }
    Ok(Comparison {
        seed,
        replications: goal,
        confidence: judge::CONFIDENCE,
        correction: plan.correction,
        family: differences.iter().filter(|d| d.p.is_some()).count() as u32,
        precise,
        settings: (settings.iter().zip(&trials).zip(&done))
            .map(|((setting, trials), done)| recorded(setting, trials, done))
            .collect(),
        differences,
        missing,
        warnings,
        violations: done
            .iter()
            .flatten()
            .map(|t| t.violations.len() as u64)
            .sum(),
        values: values(&pairings, settings.len(), &done),
    })
}

/// Makes the models ready. Those that look for their warm-up all cut off the longest that any of
/// them found, so that pairs are measured over the same span.
fn ready<'a>(
    settings: &'a [Setting],
    options: &'a Options,
    progress: &'a Progress,
) -> Result<Vec<Trials<'a>>, StudyError> {
    let found: Result<Vec<Trials<'a>>, StudyError> = settings
        .par_iter()
        .map(|setting| Trials::new(&setting.model, options, progress))
        .collect();
    let mut found = found?;
    let automatic = |setting: &Setting| setting.model.run.warmup == Warmup::Auto;
    let longest = (settings.iter().zip(&found))
        .filter(|(setting, _)| automatic(setting))
        .map(|(_, trials)| trials.warmup())
        .max();
    if let Some(longest) = longest {
        for (setting, trials) in settings.iter().zip(&mut found) {
            if automatic(setting) {
                trials.cut_warmup(longest);
            }
        }
    }
    Ok(found)
}

/// Runs the replications up to `goal` of every setting that are not done yet.
fn run_up_to(
    goal: u32,
    settings: &[Setting],
    trials: &[Trials<'_>],
    done: &mut [Vec<Trial>],
    progress: &Progress,
) -> Result<(), StudyError> {
    let first = done[0].len() as u32;
    for setting in settings {
        let once = setting.model.run.duration;
        progress.expect(once.saturating_mul((goal - first).into()));
    }
    let jobs: Vec<(usize, u32)> = (first..goal)
        .flat_map(|replication| (0..settings.len()).map(move |setting| (setting, replication)))
        .collect();
    let results: Result<Vec<Trial>, StudyError> = jobs
        .par_iter()
        .map(|(setting, replication)| trials[*setting].run(*replication))
        .collect();
    for ((setting, _), trial) in jobs.into_iter().zip(results?) {
        done[setting].push(trial);
    }
    Ok(())
}

/// What is compared: each metric in each setting but the first, and what could not be.
fn pairings(
    settings: &[Setting],
    names: &[Vec<Metric>],
    plan: &ComparePlan,
) -> Result<(Vec<Pairing>, Vec<String>), StudyError> {
    let first = &names[0];
    let named = !plan.metrics.is_empty();
    let mut chosen = if named { Vec::new() } else { usual(first) };
    let sought = plan.precision.iter().map(|precision| &precision.metric);
    for word in plan.metrics.iter().chain(sought) {
        let at = find_metric(first, word).ok_or_else(|| StudyError::no_metric(word, first))?;
        if !chosen.contains(&at) {
            chosen.push(at);
        }
    }
    let mut pairings = Vec::new();
    let mut missing = Vec::new();
    for (of, (setting, known)) in settings.iter().zip(names).enumerate().skip(1) {
        let before = pairings.len();
        for at in &chosen {
            let metric = &first[*at];
            match known.iter().position(|other| other.name == metric.name) {
                Some(there) => pairings.push(Pairing {
                    setting: setting.name.clone(),
                    of,
                    metric: metric.clone(),
                    here: *at,
                    there,
                }),
                None => missing.push(format!("{} has no `{}`", setting.name, metric.name)),
            }
        }
        if pairings.len() == before {
            let word = chosen.first().map_or("availability", |at| &first[*at].name);
            return Err(StudyError::no_metric(word, known));
        }
        let more = usual(known)
            .into_iter()
            .filter(|at| known[*at].name.ends_with(".availability"))
            .filter(|at| first.iter().all(|m| m.name != known[*at].name))
            .map(|at| format!("only {} has `{}`", setting.name, known[at].name));
        if !named {
            missing.extend(more);
        }
    }
    Ok((pairings, missing))
}

/// What is compared when nothing is named: how well each workload was served.
fn usual(metrics: &[Metric]) -> Vec<usize> {
    const USUAL: [&str; 4] = [
        ".availability",
        ".latency.p50",
        ".latency.p99",
        ".throughput",
    ];
    let all = metrics.iter().enumerate();
    all.filter(|(_, m)| is_of_workload(&m.name))
        .filter(|(_, m)| USUAL.iter().any(|end| m.name.ends_with(end)))
        .map(|(at, _)| at)
        .collect()
}

/// The pairings whose half-width decides when to stop.
fn goals(
    first: &[Metric],
    pairings: &[Pairing],
    precision: Option<&Precision>,
) -> Result<Vec<usize>, StudyError> {
    let Some(precision) = precision else {
        return Ok(Vec::new());
    };
    let at = find_metric(first, &precision.metric)
        .ok_or_else(|| StudyError::no_metric(&precision.metric, first))?;
    let metric = &first[at];
    precision.check(metric)?;
    let goals: Vec<usize> = (0..pairings.len())
        .filter(|i| pairings[*i].metric.name == metric.name)
        .collect();
    if goals.is_empty() {
        let compared: Vec<Metric> = pairings.iter().map(|p| p.metric.clone()).collect();
        return Err(StudyError::no_metric(&precision.metric, &compared));
    }
    Ok(goals)
}

fn about_spans_and_seeds(
    settings: &[Setting],
    trials: &[Trials<'_>],
    asked: Option<u64>,
    seed: u64,
) -> Vec<String> {
    let mut warnings = Vec::new();
    let (first, rest) = (&settings[0], &settings[1..]);
    for (setting, own) in rest.iter().zip(&trials[1..]) {
        if setting.model.run.duration != first.model.run.duration {
            warnings.push(format!(
                "{} runs for {} and {} for {}: the differences are also those of the spans",
                first.name, first.model.run.duration, setting.name, setting.model.run.duration
            ));
        } else if own.warmup() != trials[0].warmup() {
            warnings.push(format!(
                "{} cuts off {} as its warm-up and {} {}: the differences are also those of the spans",
                first.name,
                trials[0].warmup(),
                setting.name,
                own.warmup()
            ));
        }
        if asked.is_none() && setting.model.run.seed != seed {
            warnings.push(format!(
                "the seed of {} is not used: all settings share seed {seed}, for common random numbers",
                setting.name
            ));
        }
    }
    warnings
}

fn recorded(setting: &Setting, trials: &Trials<'_>, done: &[Trial]) -> SettingRecord {
    let fingerprint = done.iter().map(|t| t.fingerprint).reduce(chain);
    SettingRecord {
        name: setting.name.clone(),
        model: setting.model.name.clone(),
        file: setting.file.clone(),
        set: setting.sets.clone(),
        simulated_s: setting.model.run.duration.as_secs_f64(),
        warmup_s: trials.warmup().as_secs_f64(),
        events: done.iter().map(|t| t.events).sum(),
        fingerprint: format!("{:016x}", fingerprint.unwrap_or_default()),
    }
}

/// By metric's name, then setting, then replication; settings that lack a metric have no values.
fn values(
    pairings: &[Pairing],
    settings: usize,
    done: &[Vec<Trial>],
) -> Vec<(String, Vec<Vec<Option<f64>>>)> {
    let mut values: Vec<(String, Vec<Vec<Option<f64>>>)> = Vec::new();
    for pairing in pairings {
        let of = |setting: usize, at: usize| -> Vec<Option<f64>> {
            done[setting].iter().map(|trial| trial.values[at]).collect()
        };
        let name = &pairing.metric.name;
        let place = values.iter().position(|(known, _)| known == name);
        let place = place.unwrap_or_else(|| {
            let mut all = vec![Vec::new(); settings];
            all[0] = of(0, pairing.here);
            values.push((name.clone(), all));
            values.len() - 1
        });
        values[place].1[pairing.of] = of(pairing.of, pairing.there);
    }
    values
}

#[cfg(test)]
mod tests;

//! Single requests: the slowest that were answered and some that failed, with everything that was done
//! for them.
//!
//! A replication is run twice. The first time, only the ends of requests are heard, and few are kept;
//! the second time those few are followed. Both are the same to the event, as nothing that is heard
//! changes what happens.

mod follow;
mod path;
mod pick;
pub mod record;
#[cfg(test)]
mod tests;
mod tree;

use crate::StudyError;
use crate::progress::Progress;
use crate::run::{Options, Study};
use clock::{Duration, Instant};
use cluster::{Ended, Observer, Reason, SpanFact, Tick, World};
use follow::Follow;
use model::{Model, Warmup};
use pick::{Pick, Request};
use record::Traces;

/// Which requests are wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TraceOptions {
    /// How many of the slowest that were answered.
    pub slowest: u32,
    /// How many that failed.
    pub failed: u32,
    /// Of which replication, counted from 0.
    pub replication: u32,
    /// Of this workload alone.
    pub workload: Option<String>,
}

/// Chooses requests of one replication, with the seed that the model names, and follows them.
///
/// Among those that began after warm-up and have ended, the slowest are those with the longest
/// latencies, of equals the earlier. Of the failed ones, the kinds of failure take turns, the
/// commonest first, and each kind is seen at even steps through its failures.
///
/// # Errors
/// [`StudyError::NoSuch`] where there is no such workload; [`StudyError::Stopped`] when `progress` asks for
/// a stop.
///
/// # Panics
/// When the two runs of the replication differ, which is a defect of the simulator.
pub fn trace(
    model: &Model,
    options: &TraceOptions,
    progress: &Progress,
) -> Result<Traces, StudyError> {
    let names = model.workloads.iter().map(|workload| &workload.name);
    let only = match &options.workload {
        None => None,
        Some(wanted) => Some(
            names
                .clone()
                .position(|name| name == wanted)
                .ok_or_else(|| StudyError::no_such("workload", wanted, names.cloned()))?,
        ),
    };
    let usual = Options::default();
    let warmup = match model.run.warmup {
        Warmup::Fixed(length) => length,
        Warmup::Auto => Study::new(model, &usual, progress).find_warmup()?.length,
    };
    let replication = Replication {
        model,
        number: options.replication,
        limits: usual.limits,
        progress,
    };
    let first = First {
        pick: Pick::new(options.slowest, options.failed),
        workloads: model.workloads.len(),
        only,
        from: Instant::ZERO + warmup,
        requests: vec![0; model.workloads.len()],
        calls: Vec::new(),
    };
    let (ended, pass) = replication.run(|_| Pass::First(first))?;
    let Pass::First(first) = pass else {
        unreachable!("it is handed back as it was given");
    };
    let chosen = first.pick.chosen();
    let follow = |world: &World| Pass::Second(Follow::new(model, world.edges(), &chosen));
    let (again, pass) = replication.run(follow)?;
    let Pass::Second(follow) = pass else {
        unreachable!("as above");
    };
    assert_eq!(
        (ended.fingerprint, ended.events),
        (again.fingerprint, again.events),
        "seed {}, replication {}: who listens has changed what happens",
        model.run.seed,
        options.replication,
    );
    let mut counts = first.pick.counts();
    let workloads = model.workloads.iter().enumerate();
    let workloads = workloads.filter(|(number, _)| only.is_none_or(|only| only == *number));
    Ok(Traces {
        model: model.name.clone(),
        seed: model.run.seed,
        replication: options.replication,
        fingerprint: format!("{:016x}", ended.fingerprint),
        simulated_s: ended.at.as_secs_f64(),
        warmup_s: warmup.as_secs_f64(),
        stopped: match ended.reason {
            Reason::Limit(what) => Some(what),
            _ => None,
        },
        workloads: workloads
            .map(|(number, workload)| {
                let ended = counts.remove(&(number as u32)).unwrap_or_default();
                (workload.name.clone(), ended)
            })
            .collect(),
        traces: follow.finish(again.at),
    })
}

/// What is run, twice.
struct Replication<'a> {
    model: &'a Model,
    number: u32,
    limits: cluster::Limits,
    progress: &'a Progress,
}

impl<'a> Replication<'a> {
    fn run(&self, pass: impl FnOnce(&World) -> Pass<'a>) -> Result<(Ended, Pass<'a>), StudyError> {
        let duration = self.model.run.duration;
        self.progress.expect(duration);
        let mut world = World::new(self.model, self.model.run.seed, self.number);
        let mut listener = Listener {
            pass: pass(&world),
            progress: self.progress,
            look: Duration::from_nanos((duration.as_nanos() / LOOKS).max(1)),
            told: Instant::ZERO,
        };
        let ended = world.run(&mut listener, Instant::ZERO + duration, &self.limits);
        if ended.reason == Reason::Stopped {
            return Err(StudyError::Stopped);
        }
        Ok((ended, listener.pass))
    }
}

/// How often it is looked whether to stop.
const LOOKS: u64 = 2000;

/// One listener for both passes, so that the world is compiled for it once.
struct Listener<'a> {
    pass: Pass<'a>,
    progress: &'a Progress,
    look: Duration,
    told: Instant,
}

// There is one of it at a time.
#[allow(clippy::large_enum_variant)]
enum Pass<'a> {
    First(First),
    Second(Follow<'a>),
}

/// Hears the ends of requests.
struct First {
    pick: Pick,
    /// Their edges come first.
    workloads: usize,
    only: Option<usize>,
    /// Earlier ones do not count.
    from: Instant,
    /// By workload: so many so far.
    requests: Vec<u64>,
    /// By slot of its call: a request under way.
    calls: Vec<Option<Request>>,
}

impl First {
    fn hear(&mut self, now: Instant, fact: SpanFact) {
        match fact {
            SpanFact::CallBegins { call, by, edge, .. } => {
                let call = call as usize;
                if self.calls.len() <= call {
                    self.calls.resize(call + 1, None);
                }
                self.calls[call] = None;
                if by.is_some() || edge as usize >= self.workloads {
                    return;
                }
                let count = &mut self.requests[edge as usize];
                let number = core::mem::replace(count, *count + 1);
                let wanted = self.only.is_none_or(|only| only == edge as usize);
                self.calls[call] = (wanted && now >= self.from).then_some(Request {
                    started: now,
                    workload: edge,
                    number,
                });
            }
            SpanFact::CallEnds { call, outcome } => {
                if let Some(request) = self.calls[call as usize].take() {
                    self.pick.ended(now, request, outcome);
                }
            }
            _ => {}
        }
    }
}

impl Observer for Listener<'_> {
    const SPANS: bool = true;

    fn tick(&mut self, now: Instant) -> Tick {
        self.progress.advance(now.since(self.told));
        self.told = now;
        if self.progress.is_stopped() {
            Tick::Stop
        } else {
            Tick::At(now + self.look)
        }
    }

    fn span(&mut self, now: Instant, fact: SpanFact) {
        match &mut self.pass {
            Pass::First(first) => first.hear(now, fact),
            Pass::Second(follow) => follow.hear(now, fact),
        }
    }
}

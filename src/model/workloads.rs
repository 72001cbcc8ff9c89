//! Workloads: who calls the system from outside, and when.

use crate::distribution::Moving;
use crate::names::Names;
use crate::quantity::{Count, Number, PositiveNumber, Rate};
use crate::reader::{At, List, Named, Reader, Value};
use crate::schema::Defs;
use crate::series::read_column;
use crate::shape::{choice, record};
use crate::tree::{Kind, Node};
use crate::types::{Distribution, Keys, MmppState, RateProfile, RateSegment, Source, Workload};
use clock::{Duration, Instant};
use serde_json::{Value as Json, json};

record! {
    /// Who calls the system from outside, and when: one of `arrivals`, `closed` and `batch`.
    WorkloadShape {
        /// What its requests ask for: SERVICE.ENDPOINT.
        required target: String,
        /// The clients' own policy; with none they wait for ever.
        optional policy: String,
        /// Smaller is served first where a queue's discipline is `priority`.
        default priority: Count<0, 4_294_967_295> = "0",
        /// The keys (customers) that its requests come from; all from one when absent.
        optional keys: KeysShape,
        /// Requests that come whether or not earlier ones were answered.
        optional arrivals: Arrivals,
        /// Users who each wait for their answer, think, and ask again.
        optional closed: ClosedShape,
        /// Many requests at one instant.
        optional batch: BatchShape,
    }
    one_of { "arrivals", "closed", "batch" }
    later { "weight" }
}

record! {
    /// Keys of requests, such as customers.
    KeysShape {
        /// How many.
        required count: Count<1, 1_000_000>,
        /// The share of the k-th key is proportional to k^-zipf; 0: all alike.
        default zipf: Number = "0",
    }
}

choice! {
    /// When requests come.
    "an arrival process": Arrivals {
        /// Exponential gaps: many independent clients.
        "poisson" => Poisson(RateShape),
        /// Even gaps.
        "deterministic" => Deterministic(RateShape),
        /// Independent gaps of this distribution.
        "renewal" => Renewal(Moving),
        /// Poisson with a rate that moves from state to state, in order and around.
        "mmpp" => Mmpp(MmppShape),
        /// From a CSV file: times of arrivals, or numbers of arrivals in successive periods.
        "trace" => Trace(TraceShape),
    }
}

record! {
    /// A rate, constant or over time.
    RateShape {
        /// A rate, or a profile: a list of `{at, rate, ramp}`.
        required rate: ProfileShape,
    }
}

record! {
    /// From `at` on, the rate moves in a straight line to `rate` over `ramp`, then stays.
    SegmentShape {
        /// When it begins; the first at 0s.
        required at: Duration,
        /// The rate that it leads to.
        required rate: Rate,
        /// How long the change takes; 0s jumps.
        default ramp: Duration = "0s",
    }
}

record! {
    /// States with a rate each.
    MmppShape {
        /// The states, in order; after the last comes the first.
        required states: List<MmppStateShape, 1>,
    }
}

record! {
    /// A state of a Markov-modulated Poisson process.
    MmppStateShape {
        /// The rate while it lasts.
        required rate: Rate,
        /// How long it lasts.
        required hold: Moving,
    }
}

record! {
    /// Arrivals from a CSV file.
    TraceShape {
        /// The CSV file, relative to the model file.
        required file: String,
        /// The column's name in the header, or its number, from 1.
        required column: String,
        /// What the column holds: times in this unit, or numbers of arrivals per period.
        required unit: TraceUnit,
        /// Multiplies the rate of arrivals; times are divided by it.
        default scale: PositiveNumber = "1",
    }
}

choice! {
    /// What a column of a trace holds.
    "a unit of a trace": TraceUnit {
        /// Times in seconds.
        "s" => Seconds,
        /// Times in milliseconds.
        "ms" => Milliseconds,
        /// Times in microseconds.
        "us" => Microseconds,
        /// Times in nanoseconds.
        "ns" => Nanoseconds,
        /// Numbers of arrivals in successive seconds.
        "per_second" => PerSecond,
        /// Numbers of arrivals in successive minutes.
        "per_minute" => PerMinute,
        /// Numbers of arrivals in successive hours.
        "per_hour" => PerHour,
    }
}

record! {
    /// Users who each wait for their answer, think, and ask again.
    ClosedShape {
        /// How many.
        required users: Count<1, 10_000_000>,
        /// The time between an answer and the next request; also before the first.
        default think: Distribution = "0s",
    }
}

record! {
    /// Many requests at one instant.
    BatchShape {
        /// How many.
        required size: Count<1, 10_000_000>,
        /// When.
        default at: Duration = "0s",
    }
}

/// A rate profile that has been checked.
#[derive(Clone, Debug)]
pub(crate) struct ProfileShape(RateProfile);

impl Value for ProfileShape {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        if !matches!(node.kind, Kind::List(_)) {
            let rate = Rate::read(node, cx)?.0;
            return Some(Self(RateProfile(vec![RateSegment {
                at: Instant::ZERO,
                rate,
                ramp: Duration::ZERO,
            }])));
        }
        let before = cx.problems.len();
        let segments = <List<SegmentShape, 1>>::read(node, cx)?.0;
        if !cx.clean_since(before) {
            return None;
        }
        let mut profile = Vec::with_capacity(segments.len());
        let mut earlier: Option<&SegmentShape> = None;
        for segment in &segments {
            match earlier {
                None if !segment.at.is_zero() => {
                    cx.problem(segment.at.span, "the first segment must begin at 0s");
                }
                Some(last) if *segment.at <= *last.at => {
                    cx.problem(
                        segment.at.span,
                        format!(
                            "segments must rise in time; the one before begins at {}",
                            *last.at
                        ),
                    );
                }
                Some(last) if last.at.saturating_add(*last.ramp) > *segment.at => {
                    let end = last.at.saturating_add(*last.ramp);
                    cx.problem(
                        last.ramp.span,
                        format!(
                            "this ramp ends at {end}, after the next segment has begun at {}",
                            *segment.at
                        ),
                    )
                    .note(segment.at.span, "the next segment begins here");
                }
                _ => {}
            }
            profile.push(RateSegment {
                at: Instant::ZERO + *segment.at,
                rate: segment.rate.0,
                ramp: *segment.ramp,
            });
            earlier = Some(segment);
        }
        Some(Self(RateProfile(profile)))
    }

    fn schema(defs: &mut Defs) -> Json {
        json!({"oneOf": [Rate::schema(defs), <List<SegmentShape, 1>>::schema(defs)]})
    }
}

/// Finds what workloads name; one that could not be read is left out.
pub(crate) fn resolve(
    workloads: Named<WorkloadShape, 1>,
    names: &Names,
    cx: &mut Reader<'_>,
) -> Vec<Workload> {
    let mut resolved = Vec::with_capacity(workloads.0.len());
    for (name, shape) in workloads.0 {
        let Some(shape) = shape else { continue };
        let target = names.target(&shape.target, cx);
        let policy = shape
            .policy
            .as_ref()
            .and_then(|policy| names.policy(policy, cx));
        let source = resolve_source(shape.arrivals, shape.closed, shape.batch, cx);
        if let (Some(target), Some(source)) = (target, source) {
            resolved.push(Workload {
                keys: shape.keys.map(|keys| Keys {
                    count: keys.count.0,
                    zipf: keys.zipf.0,
                }),
                name: name.value,
                target,
                policy,
                priority: shape.priority.0,
                source,
            });
        }
    }
    resolved
}

fn resolve_source(
    arrivals: Option<At<Arrivals>>,
    closed: Option<At<ClosedShape>>,
    batch: Option<At<BatchShape>>,
    cx: &mut Reader<'_>,
) -> Option<Source> {
    if let Some(closed) = closed {
        return Some(Source::Closed {
            users: closed.users.0,
            think: closed.value.think.value,
        });
    }
    if let Some(batch) = batch {
        return Some(Source::Batch {
            size: batch.size.0,
            at: Instant::ZERO + *batch.at,
        });
    }
    Some(match arrivals?.value {
        Arrivals::Poisson(shape) => Source::Poisson(shape.value.rate.value.0),
        Arrivals::Deterministic(shape) => Source::Deterministic(shape.value.rate.value.0),
        Arrivals::Renewal(gaps) => Source::Renewal(gaps.value.0),
        Arrivals::Mmpp(shape) => {
            let states = shape.value.states.value.0.into_iter();
            Source::Mmpp(
                states
                    .map(|s| MmppState {
                        rate: s.rate.0,
                        hold: s.hold.value.0,
                    })
                    .collect(),
            )
        }
        Arrivals::Trace(shape) => resolve_trace(&shape, cx)?,
    })
}

fn resolve_trace(trace: &TraceShape, cx: &mut Reader<'_>) -> Option<Source> {
    let values = read_column(&trace.file, &trace.column, cx)?;
    let scale = trace.scale.0;
    if let Some(row) = values.iter().position(|value| *value < 0.0) {
        cx.problem(
            trace.column.span,
            format!(
                "value {} of this column is negative: {}",
                row + 1,
                values[row]
            ),
        );
        return None;
    }
    match *trace.unit {
        TraceUnit::Seconds => times(&values, 1e9 / scale, trace, cx),
        TraceUnit::Milliseconds => times(&values, 1e6 / scale, trace, cx),
        TraceUnit::Microseconds => times(&values, 1e3 / scale, trace, cx),
        TraceUnit::Nanoseconds => times(&values, 1.0 / scale, trace, cx),
        TraceUnit::PerSecond => Some(counts(&values, 1, scale)),
        TraceUnit::PerMinute => Some(counts(&values, 60, scale)),
        TraceUnit::PerHour => Some(counts(&values, 3600, scale)),
    }
}

fn times(
    values: &[f64],
    nanoseconds: f64,
    trace: &TraceShape,
    cx: &mut Reader<'_>,
) -> Option<Source> {
    if let Some(row) = values.windows(2).position(|pair| pair[1] < pair[0]) {
        cx.problem(
            trace.column.span,
            format!(
                "times must rise, but value {} is {} after {}",
                row + 2,
                values[row + 1],
                values[row]
            ),
        )
        .help("numbers of arrivals have a unit such as `per_minute`");
        return None;
    }
    let instant = |value: &f64| Instant::ZERO + Duration::from_nanos_f64(value * nanoseconds);
    Some(Source::Times(values.iter().map(instant).collect()))
}

/// A rate that holds for one period each, and is 0 after the last.
fn counts(values: &[f64], period: u64, scale: f64) -> Source {
    let at =
        |index: usize| Instant::ZERO + Duration::from_secs(period).saturating_mul(index as u64);
    let segment = |index: usize, rate: f64| RateSegment {
        at: at(index),
        rate,
        ramp: Duration::ZERO,
    };
    let mut profile: Vec<RateSegment> = Vec::new();
    let rates = values
        .iter()
        .map(|count| count * scale / period as f64)
        .chain([0.0]);
    for (index, rate) in rates.enumerate() {
        if profile.last().is_none_or(|last| last.rate != rate) {
            profile.push(segment(index, rate));
        }
    }
    Source::Poisson(RateProfile(profile))
}

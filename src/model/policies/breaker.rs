//! Circuit breaker: over which calls it judges, and what opens and closes it.

use super::custom::{SettingsShape, resolve_custom};
use super::{Failure, ScopeWord, outcomes};
use crate::quantity::{Count, PositiveDuration, PositiveRatio};
use crate::reader::{Keyed, List, OrNone, Reader};
use crate::shape::{choice, record};
use clock::Duration;
use policy::config::{
    Alignment, BreakerConfig, EndOfOpen, Judged, Late, LayerConfig, Released, Role, SlowCall,
    Window,
};

record! {
    /// A circuit breaker: closed, open, half-open. Defaults are those of Resilience4j, or of the
    /// `preset`.
    BreakerShape {
        /// Whose breaker it is; other keys override what it says.
        optional preset: BreakerPreset,
        /// Over which calls the rates are taken: `{count: N}`, `{time: D, buckets: N}` or
        /// `{consecutive: N}`; the last 100 calls when absent.
        optional window: WindowShape,
        /// It opens when this share of the window has failed.
        usual failure_rate: PositiveRatio = "50%",
        /// No judgement before this many calls are in the window; never more than the window holds.
        usual minimum_calls: Count<1, 1_000_000> = "100",
        /// It also opens when too many calls are slow.
        usual slow_call: OrNone<SlowCallShape> = "none",
        /// How long it stays open before it lets probes through.
        usual open_for: PositiveDuration = "60s",
        /// How many probes it lets through, and judges, when half open.
        usual half_open_calls: Count<1, 1_000_000> = "10",
        /// By how many ended calls half open is judged; `half_open_calls` when absent.
        optional half_open_minimum: Count<1, 1_000_000>,
        /// Whether probes are let through after the end of `open_for`, or at it.
        usual end_of_open: EndOfOpenWord = "after",
        /// When a closed breaker looks at its window.
        usual judged: JudgedShape = "every_call",
        /// Where the buckets of a window of time begin.
        usual alignment: AlignmentWord = "epoch",
        /// The outcomes that count as failures; all when absent.
        optional failure_on: List<Failure, 1>,
        /// What is made of a call that ends in another state of the breaker than it began in.
        usual late: LateWord = "counts",
        /// What is made of a call that its caller gives up on.
        usual released: ReleasedWord = "gives_back",
        /// Whose state it keeps.
        default scope: ScopeWord = "service",
        /// The name of a breaker that somebody else wrote.
        optional implementation: String,
        /// Settings that only this implementation knows.
        optional with: Keyed<SettingsShape>,
    }
    needs { "with" => "implementation" }
}

choice! {
    /// Whose circuit breaker.
    "a preset": BreakerPreset {
        /// Resilience4j's, with its defaults.
        "resilience4j" => Resilience4j,
        /// Polly's of version 8, with its defaults.
        "polly" => Polly,
        /// Hystrix's, with its defaults.
        "hystrix" => Hystrix,
    }
}

choice! {
    /// Whether the instant at which `open_for` ends belongs to open or to half open.
    "an end of the open state": EndOfOpenWord {
        /// To open: Resilience4j, Hystrix.
        "after" => After,
        /// To half open: Polly.
        "at" => At,
    }
}

choice! {
    /// When a closed breaker looks at its window.
    "a time of judgement": JudgedShape {
        /// After every call (Resilience4j).
        "every_call" => EveryCall,
        /// After a failure (Polly).
        "on_failure" => OnFailure,
        /// At multiples of this time (Hystrix: 500 ms).
        "every" => Every(PositiveDuration),
    }
}

choice! {
    /// Where the buckets of a window of time begin.
    "an alignment": AlignmentWord {
        /// At multiples of their width (Resilience4j, Hystrix).
        "epoch" => Epoch,
        /// With the first call that finds none (Polly).
        "first_call" => FirstCall,
    }
}

choice! {
    /// What is made of a call that ends in another state than it began in.
    "what is made of late calls": LateWord {
        /// It counts where it ends.
        "counts" => Counts,
        /// It counts nowhere.
        "ignored" => Ignored,
    }
}

choice! {
    /// What is made of a call that its caller gives up on.
    "what is made of released calls": ReleasedWord {
        /// It counts nowhere, and a probe may be made again (Resilience4j).
        "gives_back" => GivesBack,
        /// It is a success (Polly).
        "succeeds" => Succeeds,
        /// It counts nowhere, but opens a half-open breaker again (Hystrix).
        "reopens" => Reopens,
    }
}

record! {
    /// The calls that a breaker looks back on; one of `count`, `time` and `consecutive`.
    WindowShape {
        /// The last N calls.
        optional count: Count<1, 1_000_000>,
        /// The calls of this last while.
        optional time: PositiveDuration,
        /// In how many steps the window of time moves; 10 when absent.
        optional buckets: Count<1, 1000>,
        /// Opens after this many failures in a row.
        optional consecutive: Count<1, 1_000_000>,
    }
    one_of { "count", "time", "consecutive" }
    needs { "buckets" => "time" }
}

record! {
    /// When a call is slow, and how many are too many.
    SlowCallShape {
        /// A call is slow when it takes longer than this.
        required longer_than: Duration,
        /// The breaker opens at this share of slow calls.
        default rate: PositiveRatio = "100%",
    }
}

/// What the breaker of a policy is given.
pub(super) fn resolve_breaker(
    breaker: Keyed<BreakerShape>,
    cx: &mut Reader<'_>,
) -> Option<LayerConfig> {
    let Keyed { value: shape, keys } = breaker;
    let config = configure(&shape, cx)?;
    match &shape.implementation {
        None => Some(LayerConfig::CircuitBreaker(config)),
        Some(name) => resolve_custom(name, shape.with, Role::CircuitBreaker(config), &keys, cx),
    }
}

fn configure(shape: &BreakerShape, cx: &mut Reader<'_>) -> Option<BreakerConfig> {
    let preset = shape.preset.as_ref().map(|preset| &preset.value);
    let mut config = match preset {
        None => BreakerConfig::default(),
        Some(BreakerPreset::Resilience4j) => BreakerConfig::resilience4j(),
        Some(BreakerPreset::Polly) => BreakerConfig::polly(),
        Some(BreakerPreset::Hystrix) => BreakerConfig::hystrix(),
    };
    if let Some(window) = &shape.window {
        config.window = resolve_window(window, cx)?;
    }
    if let Some(rate) = shape.failure_rate {
        config.failure_rate = rate.0;
    }
    if let Some(calls) = shape.minimum_calls {
        config.minimum_calls = calls.0;
    }
    if let Some(slow) = &shape.slow_call {
        config.slow_call = slow.0.as_ref().map(|slow| SlowCall {
            longer_than: *slow.longer_than,
            rate: slow.rate.0,
        });
    }
    if let Some(open_for) = shape.open_for {
        config.open_for = open_for.0;
    }
    if let Some(calls) = shape.half_open_calls {
        config.half_open_calls = calls.0;
    }
    match shape.half_open_minimum {
        Some(minimum) if minimum.0 > config.half_open_calls => {
            cx.problem(
                minimum.span,
                format!(
                    "`half_open_minimum` is more than `half_open_calls`, which is {}",
                    config.half_open_calls
                ),
            );
        }
        Some(minimum) => config.half_open_minimum = Some(minimum.0),
        // What it follows from may have been overridden.
        // Resilience4j has one number for both.
        None if matches!(preset, Some(BreakerPreset::Resilience4j)) => {
            config.half_open_minimum = Some(config.minimum_calls);
        }
        None => {}
    }
    if let Window::Count(count) = config.window {
        config.minimum_calls = config.minimum_calls.min(count);
    }
    if let Some(end) = &shape.end_of_open {
        config.end_of_open = match end.value {
            EndOfOpenWord::After => EndOfOpen::After,
            EndOfOpenWord::At => EndOfOpen::At,
        };
    }
    if let Some(judged) = &shape.judged {
        config.judged = match &judged.value {
            JudgedShape::EveryCall => Judged::EveryCall,
            JudgedShape::OnFailure => Judged::OnFailure,
            JudgedShape::Every(span) => Judged::Every(span.0),
        };
    }
    if let Some(alignment) = &shape.alignment {
        config.alignment = match alignment.value {
            AlignmentWord::Epoch => Alignment::Epoch,
            AlignmentWord::FirstCall => Alignment::FirstCall,
        };
    }
    if let Some(kinds) = &shape.failure_on {
        config.failure_on = outcomes(&kinds.value);
    }
    if let Some(late) = &shape.late {
        config.late = match late.value {
            LateWord::Counts => Late::Counts,
            LateWord::Ignored => Late::Ignored,
        };
    }
    if let Some(released) = &shape.released {
        config.released = match released.value {
            ReleasedWord::GivesBack => Released::GivesBack,
            ReleasedWord::Succeeds => Released::Succeeds,
            ReleasedWord::Reopens => Released::Reopens,
        };
    }
    config.scope = shape.scope.resolve();
    Some(config)
}

fn resolve_window(window: &WindowShape, cx: &mut Reader<'_>) -> Option<Window> {
    if let Some(count) = window.count {
        return Some(Window::Count(count.0));
    }
    if let Some(consecutive) = window.consecutive {
        return Some(Window::Consecutive(consecutive.0));
    }
    let time = window.time?;
    let buckets = window.buckets.map_or(10, |buckets| buckets.0);
    if time.0.as_nanos() < u64::from(buckets) {
        cx.problem(time.span, format!("too short for {buckets} buckets"));
    }
    Some(Window::Time {
        length: time.0,
        buckets,
    })
}

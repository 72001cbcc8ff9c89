//! What a hedge costs a call: where the first copy answers, and where a second one is sent.

use clock::{Duration, Instant};
use divan::{Bencher, black_box};
use stormglass_policy::config::*;
use stormglass_policy::{Actions, Env, Frame, Outcome, Pipeline};

fn main() {
    divan::main();
}

struct NoChance;

impl Env for NoChance {
    fn random(&mut self) -> u64 {
        0
    }
    fn sample(&mut self, _source: u32) -> Duration {
        Duration::ZERO
    }
    fn target(&mut self) -> u32 {
        1
    }
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

const DELAYS: [&str; 2] = ["after", "quantile"];

/// Fallback, hedge of two copies, breaker, bulkhead, timeout.
fn layers(delay: &str) -> Vec<LayerConfig> {
    let delay = match delay {
        "after" => HedgeDelay::After(ms(50)),
        _ => HedgeDelay::Quantile {
            quantile: 0.95,
            initial: ms(50),
        },
    };
    vec![
        LayerConfig::Fallback(FallbackConfig::default()),
        LayerConfig::Hedge(HedgeConfig {
            delay,
            ..HedgeConfig::default()
        }),
        LayerConfig::CircuitBreaker(BreakerConfig {
            window: Window::Count(100),
            ..BreakerConfig::default()
        }),
        LayerConfig::Bulkhead(BulkheadConfig {
            max_concurrent: 25,
            queue: 10,
            max_wait: None,
            scope: Scope::Service,
        }),
        LayerConfig::Timeout(Span::Constant(ms(300))),
    ]
}

/// A call and its two attempts at most; `second` says whether the second copy is sent.
fn run(bencher: Bencher<'_, '_>, delay: &str, second: bool) {
    let config = PolicyConfig {
        layers: layers(delay),
    };
    let mut pipeline = Pipeline::new(&config, 3);
    // Of a fixed size, so that clearing it is a few stores and not a part of the figure.
    let mut frames = [Frame::default(); 11];
    assert_eq!(pipeline.frames(), frames.len());
    let mut out = Actions::new();
    let (mut now, env) = (Instant::ZERO, &mut NoChance);
    bencher.bench_local(|| {
        now += ms(1);
        let now = black_box(now);
        frames = [Frame::default(); 11];
        out.clear();
        pipeline.start(now, 1, &mut frames, env, &mut out);
        if second {
            pipeline.on_timer(now, 1, &mut frames, 1, env, &mut out);
        }
        pipeline.on_attempt_end(now, 1, &mut frames, 0, Outcome::Success, env, &mut out);
        out.len()
    });
}

#[divan::bench(args = DELAYS)]
fn the_first_copy_answers(bencher: Bencher<'_, '_>, delay: &str) {
    run(bencher, delay, false);
}

#[divan::bench(args = DELAYS)]
fn a_second_copy_is_cancelled(bencher: Bencher<'_, '_>, delay: &str) {
    run(bencher, delay, true);
}

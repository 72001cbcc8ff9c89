//! What a random draw costs: the streams, and each kind of sampler.

use divan::{Bencher, black_box, counter::ItemsCount};
use stormglass_engine::Sampler;
use stormglass_engine::random::{Bits, Keyed, Stream};

/// Draws per sample.
const DRAWS: u64 = 100_000;

fn main() {
    divan::main();
}

fn sum(bencher: Bencher<'_, '_>, mut draw: impl FnMut(u64) -> u64) {
    bencher
        .counter(ItemsCount::new(DRAWS))
        .bench_local(|| (0..DRAWS).fold(0_u64, |sum, i| sum.wrapping_add(draw(i))));
}

#[divan::bench]
fn sequential(bencher: Bencher<'_, '_>) {
    let mut bits = Stream::new(1);
    sum(bencher, |_| bits.next_u64());
}

#[divan::bench]
fn keyed(bencher: Bencher<'_, '_>) {
    let mut bits = Keyed::new(1);
    sum(bencher, |_| bits.next_u64());
}

/// A stream of its own for each draw.
#[divan::bench]
fn keyed_first_draw(bencher: Bencher<'_, '_>) {
    sum(bencher, |i| Keyed::new(Keyed::child(1, i)).next_u64());
}

const KINDS: [&str; 14] = [
    "constant",
    "exponential",
    "uniform",
    "normal",
    "lognormal",
    "gamma 2.5",
    "gamma 0.5",
    "erlang 4",
    "weibull",
    "pareto",
    "pareto bounded",
    "hyperexponential",
    "mixture",
    "empirical",
];

fn sampler(kind: &str) -> Sampler {
    match kind {
        "constant" => Sampler::Constant(1_000_000),
        "uniform" => Sampler::Uniform {
            low: 1e5,
            width: 1e6,
        },
        "normal" => Sampler::Normal { mean: 1e6, sd: 2e5 },
        "lognormal" => Sampler::Lognormal {
            mu: 13.0,
            sigma: 0.5,
        },
        "gamma 2.5" => Sampler::Gamma {
            shape: 2.5,
            scale: 1e6,
        },
        "gamma 0.5" => Sampler::Gamma {
            shape: 0.5,
            scale: 1e6,
        },
        "erlang 4" => Sampler::Erlang { k: 4, scale: 1e6 },
        "weibull" => Sampler::Weibull {
            scale: 1e6,
            inv_shape: 0.7,
        },
        "pareto" => Sampler::Pareto {
            minimum: 1e5,
            inv_shape: 0.5,
            maximum: None,
        },
        "pareto bounded" => Sampler::Pareto {
            minimum: 1e5,
            inv_shape: 0.5,
            maximum: Some(1e7),
        },
        "hyperexponential" => Sampler::Hyperexponential {
            p: 0.1,
            mean1: 1e7,
            mean2: 1e5,
        },
        "mixture" => Sampler::mixture(vec![
            (1.0, Sampler::Exponential { mean: 1e6 }),
            (2.0, Sampler::Exponential { mean: 1e5 }),
        ]),
        "empirical" => Sampler::Empirical((0..1_000).map(f64::from).collect()),
        _ => Sampler::Exponential { mean: 1e6 },
    }
}

#[divan::bench(args = KINDS)]
fn samplers(bencher: Bencher<'_, '_>, kind: &str) {
    let sampler = sampler(kind);
    let mut bits = Stream::new(1);
    sum(bencher, |_| {
        black_box(&sampler).sample(&mut bits).as_nanos()
    });
}

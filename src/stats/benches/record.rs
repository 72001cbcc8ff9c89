//! What recording costs: it happens for every request.

use divan::{Bencher, black_box};
use stormglass_stats::{BoundedSeries, Gauge, Histogram};

fn main() {
    divan::main();
}

const N: usize = 10_000;

/// Values spread like latencies, over about six octaves around a millisecond.
fn latencies() -> Vec<u64> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut uniform = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..N)
        .map(|_| (-(1.0 - uniform()).ln() * 1e6) as u64)
        .collect()
}

#[divan::bench(items_count = N)]
fn histogram_record(bencher: Bencher) {
    let values = latencies();
    let mut histogram = Histogram::new();
    bencher.bench_local(|| values.iter().for_each(|v| histogram.record(*v)));
    black_box(histogram.count());
}

#[divan::bench]
fn histogram_quantiles(bencher: Bencher) {
    let mut histogram = Histogram::new();
    latencies().iter().for_each(|v| histogram.record(*v));
    bencher.bench(|| black_box(&histogram).quantiles([0.5, 0.99]));
}

#[divan::bench]
fn histogram_merge_and_clear(bencher: Bencher) {
    let mut window = Histogram::new();
    latencies().iter().for_each(|v| window.record(*v));
    let mut total = Histogram::new();
    bencher
        .with_inputs(|| window.clone())
        .bench_local_refs(|window| {
            total.merge(window);
            window.clear();
        });
}

#[divan::bench(items_count = N)]
fn gauge_set(bencher: Bencher) {
    let values = latencies();
    let mut gauge = Gauge::new();
    let mut now = 0;
    bencher.bench_local(|| {
        for v in &values {
            now += v & 1023;
            gauge.set(now, v & 15);
        }
    });
    black_box(gauge.integral(now));
}

#[divan::bench(items_count = N)]
fn series_push(bencher: Bencher) {
    let values = latencies();
    let mut series = BoundedSeries::new(5, 2000);
    bencher.bench_local(|| values.iter().for_each(|v| series.push(*v, *v as f64)));
}

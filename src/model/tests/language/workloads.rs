//! Workloads: every source, and traces from files.

use crate::{around_source, at, complaint, constant_poisson, ms, source};
use clock::{Duration, Instant};
use stormglass_model::{Distribution, MmppState, RateProfile, RateSegment, Source};

#[test]
fn sources_of_every_kind() {
    assert_eq!(
        source("arrivals: {poisson: {rate: 30/min}}"),
        constant_poisson(0.5)
    );
    let segment = |secs, rate, ramp| RateSegment {
        at: at(secs),
        rate,
        ramp: Duration::from_secs(ramp),
    };
    assert_eq!(
        source(
            "arrivals: {deterministic: {rate: [{at: 0s, rate: 100/s}, {at: 60s, rate: 300/s, ramp: 10s}, {at: 70s, rate: 0/s}]}}"
        ),
        Source::Deterministic(RateProfile(vec![
            segment(0, 100.0, 0),
            segment(60, 300.0, 10),
            segment(70, 0.0, 0)
        ]))
    );
    assert_eq!(
        source("arrivals: {renewal: {exponential: {mean: 1s}}}"),
        Source::Renewal(Distribution::Exponential { mean: 1e9 })
    );
    assert_eq!(
        source(
            "arrivals: {mmpp: {states: [{rate: 10/s, hold: 1s}, {rate: 0/s, hold: {exponential: {mean: 2s}}}]}}"
        ),
        Source::Mmpp(vec![
            MmppState {
                rate: 10.0,
                hold: Distribution::Constant(ms(1000))
            },
            MmppState {
                rate: 0.0,
                hold: Distribution::Exponential { mean: 2e9 }
            },
        ])
    );
    assert_eq!(
        source("closed: {users: 5, think: 2s}"),
        Source::Closed {
            users: 5,
            think: Distribution::Constant(ms(2000))
        }
    );
    assert_eq!(
        source("batch: {size: 9, at: 3s}"),
        Source::Batch { size: 9, at: at(3) }
    );

    let millis =
        |list: &[u64]| Source::Times(list.iter().map(|n| Instant::ZERO + ms(*n)).collect());
    assert_eq!(
        source("arrivals: {trace: {file: times.csv, column: at, unit: s}}"),
        millis(&[0, 500, 500, 2000])
    );
    assert_eq!(
        source("arrivals: {trace: {file: times.csv, column: at, unit: s, scale: 2}}"),
        millis(&[0, 250, 250, 1000])
    );
    // 60 a minute is 1 a second; equal periods are one segment; after the end nothing comes.
    assert_eq!(
        source(
            "arrivals: {trace: {file: counts.csv, column: count, unit: per_minute, scale: 0.5}}"
        ),
        Source::Poisson(RateProfile(vec![
            segment(0, 0.5, 0),
            segment(120, 0.0, 0),
            segment(180, 1.0, 0),
            segment(240, 0.0, 0)
        ]))
    );
}

#[test]
fn traces_that_can_not_be_read() {
    let told =
        |trace: &str| complaint(&around_source(&format!("arrivals: {{trace: {{{trace}}}}}")));
    assert!(
        told("file: falling.csv, column: at, unit: s")
            .contains("times must rise, but value 2 is 0.5 after 1")
    );
    assert!(
        told("file: words.csv, column: at, unit: s")
            .contains("line 3 of the file has no number in this column: `two`")
    );
    assert!(
        told("file: counts.csv, column: cuont, unit: per_hour").contains("did you mean `count`?")
    );
    assert!(told("file: none.csv, column: at, unit: s").contains("`none.csv` cannot be read"));
}

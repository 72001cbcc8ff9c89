//! Distributions: from the numbers that people know to those that a sampler needs.

use crate::{distribution, ms};
use stormglass_model::Distribution;

#[test]
fn distributions_by_the_numbers_that_people_know() {
    assert_eq!(distribution("5ms"), Distribution::Constant(ms(5)));
    assert_eq!(
        distribution("{uniform: {low: 1ms, high: 3ms}}"),
        Distribution::Uniform {
            low: 1e6,
            high: 3e6
        }
    );
    assert_eq!(
        distribution("{normal: {mean: 5ms, sd: 1ms}}"),
        Distribution::Normal { mean: 5e6, sd: 1e6 }
    );
    assert_eq!(
        distribution("{gamma: {mean: 5ms, cv: 0.5}}"),
        Distribution::Gamma {
            shape: 4.0,
            scale: 1.25e6
        }
    );
    assert_eq!(
        distribution("{erlang: {k: 4, mean: 5ms}}"),
        Distribution::Erlang { k: 4, mean: 5e6 }
    );
    assert_eq!(
        distribution("{weibull: {scale: 5ms, shape: 1.5}}"),
        Distribution::Weibull {
            scale: 5e6,
            shape: 1.5
        }
    );
    assert_eq!(
        distribution("{pareto: {minimum: 1ms, shape: 2.5}}"),
        Distribution::Pareto {
            minimum: 1e6,
            shape: 2.5,
            maximum: None
        }
    );
    assert_eq!(
        distribution("{pareto: {minimum: 1ms, shape: 2.5, maximum: 1s}}"),
        Distribution::Pareto {
            minimum: 1e6,
            shape: 2.5,
            maximum: Some(1e9)
        }
    );
    assert_eq!(
        distribution(
            "{mixture: [{weight: 9, value: 1ms}, {weight: 1, value: {exponential: {mean: 2ms}}}]}"
        ),
        Distribution::Mixture(vec![
            (9.0, Distribution::Constant(ms(1))),
            (1.0, Distribution::Exponential { mean: 2e6 }),
        ])
    );
    assert_eq!(
        distribution("{empirical: {file: service.csv, column: ms, unit: ms}}"),
        Distribution::Empirical(vec![1e6, 2.5e6, 4e6])
    );
    assert_eq!(
        distribution("{empirical: {file: service.csv, column: 1, unit: us}}"),
        Distribution::Empirical(vec![1e3, 2.5e3, 4e3])
    );
    assert_eq!(
        distribution("{empirical: {file: bare.csv, column: 1, unit: s}}"),
        Distribution::Empirical(vec![1e9, 3e9])
    );
}

/// The parameters must give back the moments and quantiles that they were made from.
#[test]
fn distributions_keep_their_moments() {
    let close = |a: f64, b: f64| assert!((a - b).abs() <= 1e-12 * b.abs(), "{a} is not {b}");
    let Distribution::Lognormal { mu, sigma } = distribution("{lognormal: {p50: 4ms, p99: 30ms}}")
    else {
        panic!("not lognormal")
    };
    close(mu.exp(), 4e6);
    close((mu + sigma * 2.326_347_874_040_840_8).exp(), 30e6);

    let Distribution::Lognormal { mu, sigma } = distribution("{lognormal: {mean: 10ms, cv: 2}}")
    else {
        panic!("not lognormal")
    };
    close((mu + sigma * sigma / 2.0).exp(), 10e6);
    close(((sigma * sigma).exp() - 1.0).sqrt(), 2.0);

    for cv in ["1", "1.5", "40", "1000"] {
        let text = format!("{{hyperexponential: {{mean: 10ms, cv: {cv}}}}}");
        let Distribution::Hyperexponential { p, mean1, mean2 } = distribution(&text) else {
            panic!("not hyperexponential")
        };
        let (first, second) = (p * mean1, (1.0 - p) * mean2);
        // `1 - p` cancels for a large cv; the rest is exact.
        let tolerance = 1e-9 * 10e6;
        assert!(
            (first - 5e6).abs() <= tolerance && (second - 5e6).abs() <= tolerance,
            "balanced means"
        );
        let square = 2.0 * (p * mean1 * mean1 + (1.0 - p) * mean2 * mean2) / 1e14;
        let wanted = cv.parse::<f64>().expect("a number").powi(2) + 1.0;
        assert!(
            (square - wanted).abs() <= 1e-9 * wanted,
            "cv {cv}: {square} is not {wanted}"
        );
    }
}

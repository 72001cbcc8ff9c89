//! That samplers draw from the distributions they are named after, and the same on every machine.

use rand_distr::{Distribution, Exp1, StandardNormal};
use stormglass_engine::Sampler;
use stormglass_engine::random::{Bits, Keyed, Stream, mix};

/// Standard normal distribution function.
fn phi(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

struct Case {
    name: &'static str,
    sampler: Sampler,
    cdf: fn(f64) -> f64,
    /// Standard deviation by closed form, and infinite where the fourth moment does not exist.
    sd: f64,
}

fn cases() -> Vec<Case> {
    let case = |name, sampler, sd, cdf| Case {
        name,
        sampler,
        cdf,
        sd,
    };
    vec![
        case(
            "exponential",
            Sampler::Exponential { mean: 1e6 },
            1e6,
            |x| 1.0 - (-x / 1e6).exp(),
        ),
        case(
            "uniform",
            Sampler::Uniform {
                low: 5e5,
                width: 1e6,
            },
            1e6 / 12_f64.sqrt(),
            |x| ((x - 5e5) / 1e6).clamp(0.0, 1.0),
        ),
        case(
            "normal",
            Sampler::Normal { mean: 1e6, sd: 1e6 },
            // With a = -1: sd² (1 + aλ - λ²), λ = φ(1)/Φ(1).
            {
                let hazard = (-0.5_f64).exp() / (2.0 * std::f64::consts::PI).sqrt() / phi(1.0);
                1e6 * (1.0 - hazard - hazard * hazard).sqrt()
            },
            |x| ((phi(x / 1e6 - 1.0) - phi(-1.0)) / phi(1.0)).max(0.0),
        ),
        case(
            "lognormal",
            Sampler::Lognormal {
                mu: 13.0,
                sigma: 1.5,
            },
            f64::INFINITY,
            |x| phi((x.ln() - 13.0) / 1.5),
        ),
        case(
            "gamma 2.5",
            Sampler::Gamma {
                shape: 2.5,
                scale: 4e5,
            },
            4e5 * 2.5_f64.sqrt(),
            |x| {
                // From shape 1/2 up by P(a + 1, x) = P(a, x) - x^a e^-x / Γ(a + 1).
                let x = x / 4e5;
                let step = |a: f64| x.powf(a) * (-x).exp() / libm::tgamma(a + 1.0);
                libm::erf(x.sqrt()) - step(0.5) - step(1.5)
            },
        ),
        case(
            "gamma 0.5",
            Sampler::Gamma {
                shape: 0.5,
                scale: 2e6,
            },
            2e6 * 0.5_f64.sqrt(),
            |x| libm::erf((x / 2e6).sqrt()),
        ),
        case(
            "erlang 3",
            Sampler::Erlang { k: 3, scale: 3e5 },
            3e5 * 3_f64.sqrt(),
            |x| erlang_cdf(3, x / 3e5),
        ),
        case(
            "erlang 20",
            Sampler::Erlang { k: 20, scale: 5e4 },
            5e4 * 20_f64.sqrt(),
            |x| erlang_cdf(20, x / 5e4),
        ),
        case(
            "weibull",
            Sampler::Weibull {
                scale: 1e6,
                inv_shape: 1.25,
            },
            1e6 * (libm::tgamma(3.5) - libm::tgamma(2.25).powi(2)).sqrt(),
            |x| 1.0 - (-(x / 1e6).powf(0.8)).exp(),
        ),
        case(
            "pareto",
            Sampler::Pareto {
                minimum: 2e5,
                inv_shape: 0.4,
                maximum: None,
            },
            f64::INFINITY,
            |x| (1.0 - (2e5 / x).powf(2.5)).max(0.0),
        ),
        case(
            "pareto bounded",
            Sampler::Pareto {
                minimum: 2e5,
                inv_shape: 0.8,
                maximum: Some(5e6),
            },
            bounded_pareto_sd(2e5, 5e6, 1.25),
            |x| bounded_pareto_cdf(x, 2e5, 5e6, 1.25),
        ),
        case(
            // So narrow that redrawing often fails.
            "pareto narrow",
            Sampler::Pareto {
                minimum: 2e5,
                inv_shape: 0.8,
                maximum: Some(3e5),
            },
            bounded_pareto_sd(2e5, 3e5, 1.25),
            |x| bounded_pareto_cdf(x, 2e5, 3e5, 1.25),
        ),
        case(
            "hyperexponential",
            Sampler::Hyperexponential {
                p: 0.1,
                mean1: 5e6,
                mean2: 5e5,
            },
            (2.0 * (0.1 * 25e12 + 0.9 * 25e10) - 0.95e6_f64.powi(2)).sqrt(),
            |x| 1.0 - 0.1 * (-x / 5e6).exp() - 0.9 * (-x / 5e5).exp(),
        ),
        case(
            "mixture",
            Sampler::mixture(vec![
                (1.0, Sampler::Exponential { mean: 1e6 }),
                (
                    3.0,
                    Sampler::Uniform {
                        low: 5e5,
                        width: 1e6,
                    },
                ),
            ]),
            // Both means are 1e6, so that the variances average.
            1e6 * (0.25 + 0.75 / 12.0_f64).sqrt(),
            |x| 0.25 * (1.0 - (-x / 1e6).exp()) + 0.75 * ((x - 5e5) / 1e6).clamp(0.0, 1.0),
        ),
        case(
            "empirical",
            Sampler::Empirical(Box::new(EMPIRICAL)),
            {
                let pairs = || EMPIRICAL.windows(2).map(|w| (w[0], w[1]));
                let mean: f64 = pairs().map(|(a, b)| (a + b) / 8.0).sum();
                let square: f64 = pairs().map(|(a, b)| (a * a + a * b + b * b) / 12.0).sum();
                (square - mean * mean).sqrt()
            },
            |x| {
                let pairs = EMPIRICAL.windows(2);
                pairs
                    .map(|w| ((x - w[0]) / (w[1] - w[0])).clamp(0.0, 1.0) / 4.0)
                    .sum()
            },
        ),
    ]
}

const EMPIRICAL: [f64; 5] = [1e5, 2e5, 4e5, 8e5, 3e6];

fn erlang_cdf(k: u32, x: f64) -> f64 {
    let mut term = (-x).exp();
    let mut below = 0.0;
    for i in 0..k {
        below += term;
        term *= x / f64::from(i + 1);
    }
    1.0 - below
}

fn bounded_pareto_cdf(x: f64, low: f64, high: f64, shape: f64) -> f64 {
    ((1.0 - (low / x).powf(shape)) / (1.0 - (low / high).powf(shape))).clamp(0.0, 1.0)
}

fn bounded_pareto_sd(low: f64, high: f64, shape: f64) -> f64 {
    let within = 1.0 - (low / high).powf(shape);
    let moment = |n: f64| {
        let integral = (high.powf(n - shape) - low.powf(n - shape)) / (n - shape);
        shape * low.powf(shape) * integral / within
    };
    (moment(2.0) - moment(1.0).powi(2)).sqrt()
}

fn draws(sampler: &Sampler, bits: &mut impl Bits, n: usize) -> Vec<f64> {
    (0..n)
        .map(|_| sampler.sample(bits).as_nanos() as f64)
        .collect()
}

#[test]
fn draws_follow_the_distribution_function() {
    // Kolmogorov-Smirnov: √n D exceeds 1.95 with a probability of 0.001.
    const N: usize = 200_000;
    for case in cases() {
        let mut values = draws(&case.sampler, &mut Stream::new(11), N);
        values.sort_by(f64::total_cmp);
        let distance = values.iter().enumerate().fold(0.0_f64, |most, (i, &x)| {
            // A draw is rounded: it stands for what is within half a nanosecond.
            let above = (i + 1) as f64 / N as f64 - (case.cdf)(x + 0.5);
            let below = (case.cdf)(x - 0.5) - i as f64 / N as f64;
            most.max(above).max(below)
        });
        let scaled = distance * (N as f64).sqrt();
        assert!(scaled < 1.95, "{}: {scaled}", case.name);
        // And no closer than chance: below 0.3 has a probability of 1e-5.
        assert!(scaled > 0.3, "{}: {scaled}", case.name);
    }
}

#[test]
fn moments_are_those_of_the_closed_forms() {
    const N: usize = 1_000_000;
    for case in cases().iter().filter(|case| case.sd.is_finite()) {
        let values = draws(&case.sampler, &mut Keyed::new(12), N);
        let mean = values.iter().sum::<f64>() / N as f64;
        let moment = |k| values.iter().map(|x| (x - mean).powi(k)).sum::<f64>() / N as f64;
        let error = (mean - case.sampler.mean()) / (case.sd / (N as f64).sqrt());
        assert!(error.abs() < 4.0, "{}: mean off by {error} σ", case.name);
        // The standard error of a variance is √((m4 - σ⁴)/n).
        let variance = case.sd * case.sd;
        let standard_error = ((moment(4) - variance * variance) / N as f64).sqrt();
        let error = (moment(2) - variance) / standard_error;
        assert!(error.abs() < 4.5, "{}: variance off by {error}", case.name);
    }
}

#[test]
fn means_without_a_variance_are_right_too() {
    // exp(13 + 1.5²/2); minimum * a/(a - 1).
    let lognormal = Sampler::Lognormal {
        mu: 13.0,
        sigma: 1.5,
    };
    assert!((lognormal.mean() / 14.125_f64.exp() - 1.0).abs() < 1e-12);
    let pareto = |inv_shape| Sampler::Pareto {
        minimum: 1e6,
        inv_shape,
        maximum: None,
    };
    assert!((pareto(0.4).mean() / (1e6 * 2.5 / 1.5) - 1.0).abs() < 1e-9);
    // Of shape 1 and below only the longest draw makes the mean finite: 1e6 (1 + ln(end / 1e6)).
    let end = 10.0 * 365.0 * 86_400.0 * 1e9;
    let expected = 1e6 * (1.0 + (end / 1e6_f64).ln());
    assert!((pareto(1.0).mean() / expected - 1.0).abs() < 1e-6);
    assert!((pareto(1.0 + 1e-7).mean() / expected - 1.0).abs() < 1e-5);
}

/// The draws come from a second implementation, in Python with tables of 50 digits: the first four,
/// and a hash of 100 000 (which walk the rare paths too).
#[test]
fn draws_are_the_same_everywhere() {
    let expected: [(&str, [u64; 4], u64); 15] = [
        (
            "exponential",
            [1_064_020, 467_272, 1_499_751, 725_937],
            0xc4e6_1899_6a49_b2d0,
        ),
        (
            "uniform",
            [1_314_305, 818_821, 1_483_894, 1_201_136],
            0x2416_606a_5438_0eb6,
        ),
        (
            "normal",
            [2_080_883, 546_909, 190_482, 2_289_144],
            0xe406_1b9a_08a4_ba03,
        ),
        (
            "lognormal",
            [2_238_518, 224_216, 51_703, 131_363],
            0x5700_36a3_c24d_6173,
        ),
        (
            "gamma 2.5",
            [1_671_558, 267_617, 1_868_842, 737_957],
            0x6071_7fcd_ee88_7cb6,
        ),
        (
            "gamma 0.5",
            [176_823, 1_492_130, 332_988, 165_689],
            0xcb56_83fa_88bd_eab2,
        ),
        (
            "erlang 3",
            [909_313, 956_917, 605_567, 1_857_003],
            0x7d16_f527_4c77_e4f7,
        ),
        (
            "erlang 20",
            [1_243_003, 698_908, 1_297_775, 933_122],
            0x2e5b_c583_bbca_a497,
        ),
        (
            "weibull",
            [1_080_656, 386_333, 1_659_678, 670_076],
            0x815d_f67d_d899_c381,
        ),
        (
            "pareto",
            [306_104, 241_103, 364_387, 267_386],
            0x834d_1c90_4acc_316f,
        ),
        (
            "pareto bounded",
            [468_499, 290_654, 663_891, 357_476],
            0x29f3_b351_0d3c_77cb,
        ),
        (
            "pareto narrow",
            [290_654, 208_350, 231_296, 204_536],
            0x2346_ce70_ca3b_144a,
        ),
        (
            "hyperexponential",
            [233_636, 362_969, 502_293, 775_980],
            0x31fc_8d7a_522c_52d7,
        ),
        (
            "mixture",
            [818_821, 1_201_136, 1_088_098, 1_551_960],
            0xb294_2217_f770_1bfd,
        ),
        (
            "empirical",
            [1_365_885, 255_057, 2_858_269, 721_817],
            0x9660_a561_8032_285c,
        ),
    ];
    assert_eq!(cases().len(), expected.len());
    for (case, (name, first, hash)) in cases().iter().zip(expected) {
        assert_eq!(case.name, name);
        let mut bits = Stream::new(42);
        let values: Vec<u64> = (0..100_000)
            .map(|_| case.sampler.sample(&mut bits).as_nanos())
            .collect();
        assert_eq!(values[..4], first, "{name}");
        let seen = values.iter().fold(0, |h, &x| mix(h ^ x));
        assert_eq!(seen, hash, "{name}");
    }
}

/// Two samples of one distribution: √(nm/(n+m)) D exceeds 1.95 with a probability of 0.001.
fn alike(name: &str, mut a: Vec<f64>, mut b: Vec<f64>) {
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    let (mut i, mut j, mut distance) = (0, 0, 0.0_f64);
    while i < a.len() && j < b.len() {
        if a[i] <= b[j] {
            i += 1;
        } else {
            j += 1;
        }
        let gap = i as f64 / a.len() as f64 - j as f64 / b.len() as f64;
        distance = distance.max(gap.abs());
    }
    let scaled = distance * (a.len() as f64 / 2.0).sqrt();
    assert!(scaled < 1.95, "{name}: {scaled}");
}

#[test]
fn exponential_and_normal_agree_with_rand_distr() {
    const N: usize = 500_000;
    let mut bits = Stream::new(21);
    let ours = draws(&Sampler::Exponential { mean: 1e9 }, &mut bits, N);
    let theirs = (0..N)
        .map(|_| -> f64 { Exp1.sample(&mut bits) })
        .map(|x| x * 1e9);
    alike("exponential", ours, theirs.collect());
    // Far enough from 0 not to be truncated.
    let sampler = Sampler::Normal {
        mean: 1e10,
        sd: 1e9,
    };
    let ours = draws(&sampler, &mut bits, N);
    let theirs = (0..N)
        .map(|_| -> f64 { StandardNormal.sample(&mut bits) })
        .map(|x| 1e10 + 1e9 * x);
    alike("normal", ours, theirs.collect());
}

#[test]
fn tails_have_their_weight() {
    // Beyond the last layer: e^-8 and 2 Φ(-3.7) of ten million draws, within four σ of the counts.
    const N: usize = 10_000_000;
    let mut bits = Stream::new(31);
    let count = |values: &mut dyn Iterator<Item = bool>| values.filter(|far| *far).count() as f64;
    let exponential = Sampler::Exponential { mean: 1e6 };
    let far = count(&mut (0..N).map(|_| exponential.sample(&mut bits).as_nanos() > 8_000_000));
    let expected = N as f64 * (-8_f64).exp();
    assert!(
        (far - expected).abs() < 4.0 * expected.sqrt(),
        "{far}, {expected}"
    );
    let normal = Sampler::Normal {
        mean: 1e10,
        sd: 1e9,
    };
    let far = count(
        &mut (0..N)
            .map(|_| normal.sample(&mut bits).as_nanos().abs_diff(10_000_000_000) > 3_700_000_000),
    );
    let expected = N as f64 * 2.0 * phi(-3.7);
    assert!(
        (far - expected).abs() < 4.0 * expected.sqrt(),
        "{far}, {expected}"
    );
}

#[test]
fn durations_stay_in_range() {
    const LONGEST: u64 = 10 * 365 * 86_400 * 1_000_000_000;
    let mut bits = Stream::new(1);
    let mut draw = |sampler: Sampler| sampler.sample(&mut bits).as_nanos();
    assert_eq!(draw(Sampler::Constant(5)), 5);
    assert_eq!(draw(Sampler::Constant(u64::MAX)), LONGEST);
    assert_eq!(draw(Sampler::Exponential { mean: f64::MAX }), LONGEST);
    assert_eq!(draw(Sampler::Exponential { mean: f64::NAN }), 0);
    let never_positive = Sampler::Normal {
        mean: -1e12,
        sd: 1.0,
    };
    assert_eq!(draw(never_positive), 0);
    let huge = Sampler::Lognormal {
        mu: 1e6,
        sigma: 0.0,
    };
    assert_eq!(draw(huge), LONGEST);
    assert_eq!(draw(Sampler::Empirical(Box::new([]))), 0);
    assert_eq!(draw(Sampler::Empirical(Box::new([7.0]))), 7);
    assert_eq!(draw(Sampler::mixture(Vec::new())), 0);
}

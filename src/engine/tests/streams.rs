//! That streams are what their keys say, and look random across neighbouring keys.

use rand_distr::Distribution;
use stormglass_engine::random::{Bits, Keyed, Stream, mix, stream_key};

#[test]
fn the_walk_is_splitmix64() {
    // The generator's published sequence for the seed 1234567.
    let mut bits = Keyed::new(1_234_567);
    let expected = [
        6_457_827_717_110_365_317,
        3_203_168_211_198_807_973,
        9_817_491_932_198_370_423,
        4_593_380_528_125_082_431,
        16_408_922_859_458_223_821,
    ];
    assert_eq!(expected, [(); 5].map(|()| bits.next_u64()));
}

/// The figures come from a second implementation, in Python.
#[test]
fn keys_and_streams_are_the_same_everywhere() {
    let key = stream_key(7, 3, "order", "demand");
    assert_eq!(key, 0xb073_5bc2_334a_a565);
    assert_eq!(Keyed::child(1, 2), 0x0ffb_34e9_9958_9587);
    let mut bits = Keyed::new(key);
    let expected = [
        0x0840_2f1f_5f4a_7114,
        0x666c_587f_cb4c_717d,
        0x73f9_f09e_c711_5a41,
    ];
    assert_eq!(expected, [(); 3].map(|()| bits.next_u64()));
    let mut bits = Stream::new(42);
    let expected = [
        0xd076_4d4f_4476_689f,
        0x519e_4174_576f_3791,
        0xfbe0_7cfb_0c24_ed8c,
    ];
    assert_eq!(expected, [(); 3].map(|()| bits.next_u64()));
}

#[test]
fn whatever_makes_up_a_key_changes_it() {
    let keys = [
        stream_key(1, 0, "a", "b"),
        stream_key(2, 0, "a", "b"),
        stream_key(1, 1, "a", "b"),
        stream_key(1, 0, "ab", ""),
        stream_key(1, 0, "", "ab"),
        stream_key(1, 0, "b", "a"),
        stream_key(1, 0, "a\0", "b"),
        stream_key(0, 1, "a", "b"),
        stream_key(1, 0, "a long path that takes words", "b"),
        stream_key(1, 0, "a long path that takes word", "sb"),
    ];
    for (i, key) in keys.iter().enumerate() {
        assert!(!keys[..i].contains(key), "key {i}");
    }
}

#[test]
fn one_bit_of_input_flips_half_of_the_output() {
    // 64 000 flips of a fair coin per input bit: five standard deviations are 0.0099.
    for bit in 0..64 {
        let flips: u32 = (0..1_000)
            .map(|i| (mix(i) ^ mix(i ^ 1 << bit)).count_ones())
            .sum();
        let share = f64::from(flips) / 64_000.0;
        assert!((share - 0.5).abs() < 0.0099, "bit {bit}: {share}");
    }
}

/// χ² of counts that should be equal, as a standard normal (Wilson and Hilferty, 1931).
fn chi_square_z(counts: &[u32]) -> f64 {
    let mean = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
    let chi: f64 = counts
        .iter()
        .map(|&c| (f64::from(c) - mean).powi(2) / mean)
        .sum();
    let k = (counts.len() - 1) as f64;
    ((chi / k).cbrt() - (1.0 - 2.0 / (9.0 * k))) / (2.0 / (9.0 * k)).sqrt()
}

/// Draws number `draw` of requests 0, 1, 2, ….
fn across(requests: u64, draw: usize) -> Vec<f64> {
    let parent = stream_key(1, 0, "gateway", "demand");
    (0..requests)
        .map(|i| {
            let mut bits = Keyed::new(Keyed::child(parent, i));
            (0..draw).for_each(|_| {
                bits.next_u64();
            });
            bits.unit()
        })
        .collect()
}

#[test]
fn neighbouring_requests_fill_the_square_evenly() {
    // Pairs of neighbours in 32 x 32 cells; |z| beyond 4 has a chance of 6e-5.
    for draw in 0..4 {
        let draws = across(200_001, draw);
        let mut cells = vec![0; 32 * 32];
        for pair in draws.chunks_exact(2) {
            let cell = |u: f64| (u * 32.0) as usize;
            cells[cell(pair[0]) * 32 + cell(pair[1])] += 1;
        }
        let z = chi_square_z(&cells);
        assert!(z.abs() < 4.0, "draw {draw}: z = {z}");
    }
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let centred = a.iter().zip(b).map(|(x, y)| (x - 0.5) * (y - 0.5));
    12.0 * centred.sum::<f64>() / a.len() as f64
}

#[test]
fn neighbouring_requests_are_uncorrelated() {
    // The standard error of a correlation of n pairs is 1/√n; four of them.
    let n = 100_000;
    let limit = 4.0 / (n as f64).sqrt();
    let (first, second) = (across(n + 64, 0), across(n + 64, 1));
    let n = n as usize;
    for lag in [1, 2, 3, 16, 64] {
        let r = correlation(&first[..n], &first[lag..n + lag]);
        assert!(r.abs() < limit, "lag {lag}: {r}");
        let r = correlation(&first[..n], &second[lag..n + lag]);
        assert!(r.abs() < limit, "first and second, lag {lag}: {r}");
    }
    let r = correlation(&first[..n], &second[..n]);
    assert!(r.abs() < limit, "first and second: {r}");
}

#[test]
fn purposes_are_uncorrelated() {
    let n = 100_000;
    let draws = |purpose| {
        let mut bits = Stream::new(stream_key(1, 0, "order", purpose));
        (0..n).map(|_| bits.unit()).collect::<Vec<_>>()
    };
    let r = correlation(&draws("a"), &draws("b"));
    assert!(r.abs() < 4.0 / f64::from(n).sqrt(), "{r}");
}

#[test]
fn numbers_below_n_are_even() {
    for n in [1, 2, 3, 10, 1_000] {
        let mut bits = Stream::new(u64::from(n));
        let mut counts = vec![0; n as usize];
        for _ in 0..100_000 {
            counts[bits.below(n) as usize] += 1;
        }
        if n > 1 {
            assert!(chi_square_z(&counts).abs() < 4.0, "n = {n}");
        }
    }
    assert_eq!(Stream::new(1).below(0), 0);
}

/// All bits alike: the ends of every range.
struct Flat(u64);

impl Bits for Flat {
    fn next_u64(&mut self) -> u64 {
        self.0
    }
}

#[test]
fn units_keep_to_their_ranges() {
    assert_eq!(Flat(0).unit(), 0.0);
    assert!(Flat(u64::MAX).unit() < 1.0);
    assert!(Flat(0).open_unit() > 0.0);
    assert!(Flat(u64::MAX).open_unit() < 1.0);
    assert_eq!(Flat(u64::MAX).below(7), 6);
}

#[test]
fn streams_serve_the_rand_crates() {
    // The mean of n standard normals is within four standard errors of 0.
    let n = 100_000;
    for bits in [
        &mut Keyed::new(5) as &mut dyn rand::Rng,
        &mut Stream::new(5),
    ] {
        let mut bits = bits;
        let sum: f64 = (0..n)
            .map(|_| -> f64 { rand_distr::StandardNormal.sample(&mut bits) })
            .sum();
        assert!((sum / f64::from(n)).abs() < 4.0 / f64::from(n).sqrt());
    }
    let (mut bytes, mut bits) = ([0; 11], Keyed::new(9));
    rand::Rng::fill_bytes(&mut bits, &mut bytes);
    let mut again = Keyed::new(9);
    assert_eq!(bytes[..8], again.next_u64().to_le_bytes());
    assert_eq!(bytes[8..], again.next_u64().to_le_bytes()[..3]);
}

//! Elections by the `raft` crate against the published figures of Ongaro's thesis, chapter 9.
//!
//! All replicas start together with fresh timers; some of them are dead from the start. Forced writes take no
//! time. A term is split when nobody leads in it; an election takes until a candidate has its majority.

use crate::random::Random;
use clock::{Duration, Instant, SECOND};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use stormglass_protocol::replication::*;

const TRUTH: &str = include_str!("../data/raft_election.csv");

/// Evenly spread, in nanoseconds.
#[derive(Clone, Copy)]
struct Span(u64, u64);

impl Span {
    fn draw(self, random: &mut Random) -> Duration {
        Duration::from_nanos(self.0 + (random.unit() * (self.1 - self.0) as f64) as u64)
    }
}

struct Setting {
    size: u32,
    failed: u32,
    latency: Span,
    timeout: Span,
}

struct Dice {
    random: Random,
    timeout: Span,
}

impl Chance for Dice {
    fn election_timeout(&mut self) -> Duration {
        self.timeout.draw(&mut self.random)
    }

    fn bits(&mut self) -> u64 {
        self.random.next()
    }
}

/// What became of one election.
struct Election {
    /// When the first stood.
    stood: Instant,
    /// The term in which somebody won, the first being 1, and when.
    won: (u64, Instant),
}

/// What is to come, by time and then in order, at which replica.
enum Event {
    Message(Node, Message),
    Timer(Timer),
}

fn elect(setting: &Setting, config: RaftConfig, seed: u64) -> Election {
    let group = GroupConfig {
        size: setting.size,
        heartbeat: Duration::from_nanos(setting.timeout.0 / 4),
        least_election_timeout: Duration::from_nanos(setting.timeout.0),
    };
    let mut dice = Dice {
        random: Random::new(seed),
        timeout: setting.timeout,
    };
    let alive = setting.size - setting.failed;
    let new = |n| Raft::new(group, Node(n), config).expect("a group");
    let mut replicas: Vec<Raft> = (0..alive).map(new).collect();
    let mut events: Vec<Option<(Node, Event)>> = Vec::new();
    let mut times: BinaryHeap<Reverse<(Instant, usize)>> = BinaryHeap::new();
    let mut stood = None;
    let mut now = Instant::ZERO;
    let mut out = Vec::new();
    let mut begun = 0;
    loop {
        let (at, event) = if begun < alive {
            begun += 1;
            (Node(begun - 1), None)
        } else {
            let Reverse((time, which)) = times.pop().expect("timers are set");
            now = time;
            let (at, event) = events[which].take().expect("each once");
            (at, Some(event))
        };
        let replica = &mut replicas[at.0 as usize];
        match event {
            None => replica.start(now, &mut dice, &mut out),
            Some(Event::Message(from, message)) => {
                replica.on_message(now, from, message, &mut dice, &mut out);
            }
            // Those that were set anew since do no harm.
            Some(Event::Timer(timer)) => replica.on_timer(now, timer, &mut dice, &mut out),
        }
        // The list grows while a disk that takes no time answers.
        let mut next = 0;
        while next < out.len() {
            let (time, event) = match out[next].clone() {
                Action::Send(to, message) if to.0 < alive => {
                    let time = now + setting.latency.draw(&mut dice.random);
                    (time, (to, Event::Message(at, message)))
                }
                Action::SetTimer(timer, time) => (time, (at, Event::Timer(timer))),
                Action::Force(token) => {
                    let replica = &mut replicas[at.0 as usize];
                    replica.on_forced(now, token, &mut dice, &mut out);
                    next += 1;
                    continue;
                }
                Action::Role(Role::Leader(Term(term))) => {
                    // One that is alone has won when it stands.
                    return Election {
                        stood: stood.unwrap_or(now),
                        won: (term, now),
                    };
                }
                Action::Role(Role::Candidate(_)) => {
                    stood.get_or_insert(now);
                    next += 1;
                    continue;
                }
                _ => {
                    next += 1;
                    continue;
                }
            };
            times.push(Reverse((time, events.len())));
            events.push(Some(event));
            next += 1;
        }
        out.clear();
    }
}

/// The number after `name=` in a row's parameters.
fn parameter(parameters: &str, name: &str) -> f64 {
    let at = parameters.find(&format!("{name}=")).expect(name) + name.len() + 1;
    let number = parameters[at..].split(|c: char| !c.is_ascii_digit() && c != '.');
    number
        .into_iter()
        .next()
        .and_then(|n| n.parse().ok())
        .expect(name)
}

/// The rows of a case: parameters, metric, what is expected, tolerance.
fn rows(case: &str) -> Vec<[String; 4]> {
    let mut rows = Vec::new();
    for line in TRUTH.lines().filter(|l| l.starts_with(&format!("{case},"))) {
        let mut fields = vec![String::new()];
        let mut quoted = false;
        for c in line.chars() {
            match c {
                '"' => quoted = !quoted,
                ',' if !quoted => fields.push(String::new()),
                c => fields.last_mut().expect("one at least").push(c),
            }
        }
        let mut take = |at: usize| core::mem::take(&mut fields[at]);
        rows.push([take(1), take(2), take(3), take(5)]);
    }
    assert!(!rows.is_empty());
    rows
}

/// How many elections: `STORMGLASS_ELECTIONS`, where somebody says so.
fn runs(few: u64) -> u64 {
    match std::env::var("STORMGLASS_ELECTIONS") {
        Ok(number) => number.parse().expect("a number of elections"),
        Err(_) => few,
    }
}

const T: u64 = SECOND;

#[test]
fn first_terms_split_as_often_as_published() {
    let runs = runs(1_000);
    for (row, [parameters, _, expected, _]) in rows("raft-split-vote").into_iter().enumerate() {
        let latency = (parameter(&parameters, "l") * T as f64) as u64;
        let setting = Setting {
            size: parameter(&parameters, "n") as u32,
            failed: parameter(&parameters, "failed") as u32,
            latency: Span(latency, latency),
            timeout: Span(T, 2 * T),
        };
        let split = (0..runs)
            .filter(|run| {
                let seed = (row as u64) << 32 | run;
                elect(&setting, RaftConfig::default(), seed).won.0 > 1
            })
            .count();
        let p: f64 = expected.parse().expect("a probability");
        let seen = split as f64 / runs as f64;
        let tolerance = 3.0 * (p * (1.0 - p) / runs as f64).sqrt();
        println!("{parameters}: {seen:.6} for {p:.6} ± {tolerance:.6}");
        assert!(
            (seen - p).abs() <= tolerance,
            "{parameters}: {seen} for {p}"
        );
    }
}

#[test]
fn the_first_stands_when_the_first_of_all_timeouts_is_over() {
    let [[_, _, _, tolerance]] = &rows("raft-first-timeout")[..] else {
        panic!("one row");
    };
    assert_eq!(tolerance, "1%");
    let runs = runs(6_000);
    for (size, failed) in [(1, 0), (3, 1), (5, 1)] {
        let setting = Setting {
            size,
            failed,
            latency: Span(T / 100, T / 100),
            timeout: Span(T, 2 * T),
        };
        let servers = f64::from(size - failed);
        let mut first: Vec<f64> = (0..runs)
            .map(|seed| {
                elect(&setting, RaftConfig::default(), seed)
                    .stood
                    .as_secs_f64()
            })
            .collect();
        first.sort_by(f64::total_cmp);
        let mean = first.iter().sum::<f64>() / runs as f64;
        let wanted = 1.0 + 1.0 / (servers + 1.0);
        println!("{servers} servers: {mean:.5} for {wanted:.5}");
        assert!((mean / wanted - 1.0).abs() <= 0.01, "{mean} for {wanted}");
        // 1 − (1 − t)^s, by Kolmogorov's distance at a level of 1 in 1000.
        let distance = (0..)
            .zip(&first)
            .map(|(n, at)| {
                let share = f64::from(n) / runs as f64;
                let cdf = 1.0 - (2.0 - at).powi(servers as i32);
                (cdf - share).abs()
            })
            .fold(0.0, f64::max);
        assert!(
            distance < 1.95 / (runs as f64).sqrt(),
            "{servers}: {distance}"
        );
    }
}

/// Numbers within a text, in order.
fn numbers(text: &str) -> Vec<f64> {
    let parts = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    parts.filter_map(|n| n.parse().ok()).collect()
}

#[test]
fn elections_over_wide_areas_take_as_long_as_published() {
    const MS: u64 = SECOND / 1_000;
    let runs = runs(5_000);
    let sorted = |failed| {
        let setting = Setting {
            size: 5,
            failed,
            latency: Span(30 * MS, 40 * MS),
            timeout: Span(300 * MS, 600 * MS),
        };
        let mut took: Vec<f64> = (0..runs)
            .map(|seed| {
                let election = elect(&setting, RaftConfig::default(), seed);
                election.won.1.as_secs_f64() * 1e3
            })
            .collect();
        took.sort_by(f64::total_cmp);
        took
    };
    let took: Vec<Vec<f64>> = (0..3).map(sorted).collect();
    for [parameters, metric, expected, tolerance] in rows("raft-election-WAN") {
        let took = &took[parameter(&parameters, "failed") as usize];
        // What is seen, and between which values it is with three standard errors.
        let mean = took.iter().sum::<f64>() / runs as f64;
        let variance = took.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / runs as f64;
        let error = 3.0 * (variance / runs as f64).sqrt();
        let quantile = |p: f64| {
            let at = |p: f64| took[((p * runs as f64) as usize).min(took.len() - 1)];
            let error = 3.0 * (p * (1.0 - p) / runs as f64).sqrt();
            (at(p), at(p - error), at(p + error))
        };
        let seen = match metric.as_str() {
            "mean election time ms" => vec![(mean, mean - error, mean + error)],
            "p50;p90;p99 ms" => vec![quantile(0.5), quantile(0.9), quantile(0.99)],
            "p99.9 ms" => vec![quantile(0.999)],
            other => panic!("{other}"),
        };
        // The first figure is the thesis', the others say how it was found.
        let (expected, tolerance) = (numbers(&expected), numbers(&tolerance));
        for (n, (seen, low, high)) in seen.into_iter().enumerate() {
            let (wanted, tolerance) = (expected[n], tolerance[n] / 100.0);
            println!(
                "{parameters}: {metric} {n}: {seen:.1} ({low:.1} to {high:.1}) for {wanted} ± {tolerance}"
            );
            let (least, most) = (wanted * (1.0 - tolerance), wanted * (1.0 + tolerance));
            assert!(
                low <= most && high >= least,
                "{metric}: {seen} for {wanted}"
            );
        }
    }
}

//! Raft's elections, through model files: how often votes are split, when the first follower stands for
//! election, and how long it takes until somebody leads.

use crate::truth::Truth;
use crate::{judge, load};
use clock::Instant;
use model::{Fault, FaultKind, Model, Occurrence, Place};
use stormglass_cluster::{GroupFact, Observer, Tick, World};

/// One election.
#[derive(Debug, Default)]
struct Election {
    first_candidate: Option<Instant>,
    /// Terms before the first leader in which the votes were split.
    split_votes: u32,
    led: Option<Instant>,
}

impl Observer for Election {
    fn tick(&mut self, now: Instant) -> Tick {
        match self.led {
            Some(_) => Tick::Stop,
            None => Tick::At(now + clock::Duration::from_nanos(1)),
        }
    }

    fn group(&mut self, now: Instant, _service: usize, fact: GroupFact) {
        match fact {
            GroupFact::Candidate => drop(self.first_candidate.get_or_insert(now)),
            GroupFact::SplitVote => self.split_votes += u32::from(self.led.is_none()),
            GroupFact::Leads { .. } => drop(self.led.get_or_insert(now)),
            _ => {}
        }
    }
}

/// Elections among `n` replicas of which the last `failed` crash at once.
fn elections(n: u32, failed: u32, latency: &str, timeout: &str, runs: u32) -> Vec<Election> {
    let sets = [
        ("services.group.instances", n.to_string()),
        ("network.within_zone.latency", latency.to_owned()),
        (
            "services.group.replication.election_timeout",
            timeout.to_owned(),
        ),
    ];
    let mut model = load("election", &sets);
    for instance in n - failed..n {
        model.faults.push(crash(instance));
    }
    (0..runs).map(|run| election(&model, run)).collect()
}

fn crash(instance: u32) -> Fault {
    Fault {
        when: Occurrence::Once {
            at: Instant::ZERO,
            lasts: None,
        },
        kind: FaultKind::Crash {
            place: Place::Instance(0, instance),
            mode: model::CrashMode::Refuse,
        },
    }
}

fn election(model: &Model, run: u32) -> Election {
    let mut election = Election::default();
    let mut world = World::new(model, model.run.seed, run);
    let until = Instant::ZERO + model.run.duration;
    let ended = world.run(&mut election, until, &Default::default());
    assert_eq!(ended.violations, []);
    assert!(election.led.is_some(), "run {run}: nobody leads");
    election
}

/// The number behind `name=` in the parameters of a row.
fn parameter(truth: &Truth, name: &str) -> f64 {
    let words = truth.parameters.split([' ', ';']);
    let found = words.filter_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let mut found = found.map(|number| number.parse().expect("a number"));
    found.next().expect("the row has it")
}

#[test]
fn votes_are_split_as_often_as_the_thesis_says() {
    let runs = 1500;
    let mut off = Vec::new();
    for truth in Truth::all().iter().filter(|t| t.case == "raft-split-vote") {
        let (n, failed) = (parameter(truth, "n"), parameter(truth, "failed"));
        // Of the range of timeouts, which is a second.
        let latency = format!("{}us", (parameter(truth, "l") * 1e6).round());
        let timeout = "{uniform: {low: 1s, high: 2s}}";
        let all = elections(n as u32, failed as u32, &latency, timeout, runs);
        let split = all.iter().filter(|one| one.split_votes > 0).count();
        let (p, found) = (truth.expected(0), split as f64 / f64::from(runs));
        let allowed = 3.0 * (p * (1.0 - p) / f64::from(runs)).sqrt();
        let line = format!(
            "{}: {found:.4}, expected {p} ± {allowed:.4}",
            truth.parameters
        );
        println!("{line}");
        if (found - p).abs() > allowed {
            off.push(line);
        }
    }
    assert!(off.is_empty(), "off:\n{}", off.join("\n"));
}

fn millis(at: Option<Instant>) -> f64 {
    at.expect("it happened").as_secs_f64() * 1e3
}

#[test]
fn the_first_follower_times_out_when_the_least_of_their_timeouts_is_over() {
    for s in [2, 4, 8] {
        let all = elections(s, 0, "1us", "{uniform: {low: 1s, high: 2s}}", 1000);
        let mut times: Vec<f64> = all
            .iter()
            .map(|e| millis(e.first_candidate) / 1e3)
            .collect();
        times.sort_by(f64::total_cmp);
        let mean = times.iter().sum::<f64>() / times.len() as f64;
        let expected = 1.0 + 1.0 / f64::from(s + 1);
        assert!(
            (mean / expected - 1.0).abs() < 0.01,
            "{s}: {mean} for {expected}"
        );
        // Kolmogorov and Smirnov's distance, at a level of 1 %.
        let n = times.len() as f64;
        for (number, time) in times.iter().enumerate() {
            let share = 1.0 - (2.0 - time).powi(s as i32);
            assert!(
                (number as f64 / n - share).abs() < 1.63 / n.sqrt(),
                "{s}: {time}"
            );
        }
    }
}

#[test]
fn an_election_over_a_wide_area_takes_as_long_as_measured() {
    let all = Truth::all();
    let rows: Vec<_> = all
        .iter()
        .filter(|t| t.case == "raft-election-WAN")
        .collect();
    let mut off = Vec::new();
    for failed in 0..3 {
        let (latency, timeout) = (
            "{uniform: {low: 30ms, high: 40ms}}",
            "{uniform: {low: 300ms, high: 600ms}}",
        );
        let elections = elections(5, failed, latency, timeout, 4000);
        let mut times: Vec<f64> = elections.iter().map(|e| millis(e.led)).collect();
        let word = format!("failed={failed}");
        let rows = rows.iter().filter(|t| t.parameters.contains(&word));
        for truth in rows {
            if truth.metric.starts_with("mean") {
                judge(truth, 0, times.iter().copied(), &mut off);
                continue;
            }
            times.sort_by(f64::total_cmp);
            for (part, name) in truth.metric.split(';').enumerate() {
                let name = name.trim_start_matches('p').trim_end_matches(" ms");
                let share: f64 = name.parse().expect("a percentage");
                let found = times[(times.len() as f64 * share / 100.0) as usize];
                let expected = truth.expected(part);
                let allowed = truth.allowed_of(part, expected);
                let line =
                    format!("{word} p{share}: {found:.1}, expected {expected} ± {allowed:.1}");
                println!("{line}");
                if (found - expected).abs() > allowed {
                    off.push(line);
                }
            }
        }
    }
    assert!(off.is_empty(), "off:\n{}", off.join("\n"));
}

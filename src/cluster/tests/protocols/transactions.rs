//! Two-phase commit against what is published, and what follows from memoryless crashes.

use crate::{find, judge_as, load};
use clock::{Duration, Instant};
use model::Model;
use stormglass_cluster::{Observer, TransactionFact, World};

/// What happened to transactions, and when the coordinator crashed.
#[derive(Debug, Default)]
struct Heard {
    facts: Vec<(Instant, Instant, TransactionFact)>,
    crashes: Vec<Instant>,
}

impl Observer for Heard {
    fn transaction(&mut self, now: Instant, _: usize, started: Instant, fact: TransactionFact) {
        // A run of hours asks often; nobody here counts how often.
        if fact != TransactionFact::Message || self.facts.len() < 1000 {
            self.facts.push((now, started, fact));
        }
    }

    fn fault(&mut self, now: Instant, _: usize, active: bool) {
        if active {
            self.crashes.push(now);
        }
    }
}

impl Heard {
    /// When the last participant learned the outcome.
    fn known(&self) -> Instant {
        let known = |fact: &TransactionFact| matches!(fact, TransactionFact::InDoubt(_));
        let all = self.facts.iter().filter(|(.., fact)| known(fact));
        all.map(|(now, ..)| *now).max().expect("all learn it")
    }

    /// How often something happened before then.
    fn before_known(&self, wanted: TransactionFact) -> u64 {
        let known = self.known();
        let facts = self.facts.iter();
        let before = facts.filter(|(now, _, fact)| *now < known && *fact == wanted);
        before.count() as u64
    }

    /// Milliseconds from the beginning until then.
    fn time(&self) -> f64 {
        let begun = self.facts[0].1;
        self.known().since(begun).as_millis_f64()
    }
}

fn run(model: &Model) -> Vec<Heard> {
    let until = Instant::ZERO + model.run.duration;
    let replications = 0..model.run.replications;
    let one = |replication| {
        let mut world = World::new(model, model.run.seed, replication);
        let mut heard = Heard::default();
        let ended = world.run(&mut heard, until, &Default::default());
        assert_eq!(ended.violations, []);
        heard
    };
    replications.map(one).collect()
}

/// One transaction of `n` resource managers, with these keys set beside.
fn once(n: u64, sets: &[(&str, &str)]) -> Heard {
    let others = vec!["rm.work"; n as usize - 1];
    let participants = format!("[first.work, {}]", others.join(", "));
    let step = "services.first.endpoints.begin.0.transaction";
    let mut all = vec![
        (format!("{step}.participants"), participants),
        ("services.rm.instances".to_owned(), (n - 1).to_string()),
    ];
    for (key, value) in sets {
        let path = match *key {
            "network" => "network.within_zone.latency".to_owned(),
            key => format!("{step}.{key}"),
        };
        all.push((path, (*value).to_owned()));
    }
    let sets: Vec<_> = all.iter().map(|(k, v)| (k.as_str(), v.clone())).collect();
    run(&load("two_phase_commit", &sets)).remove(0)
}

/// The value of `3N-1`, `N+1` or a number.
fn formula(text: &str, n: u64) -> u64 {
    let Some((times, plus)) = text.split_once('N') else {
        return text.parse().expect("a number");
    };
    let times = if times.is_empty() {
        1
    } else {
        times.parse().expect("a number")
    };
    let plus: i64 = plus.parse().expect("a number with its sign");
    (n * times).checked_add_signed(plus).expect("small numbers")
}

/// The messages until all know, and how many of them come one after the other: with messages of 1 ms
/// and nothing else that takes time, as many as milliseconds.
#[test]
fn messages_and_delays_are_those_of_gray_and_lamport() {
    for (parameters, sets) in [
        (
            "N resource managers, coordinator separate",
            &[("coordinator", "tm")][..],
        ),
        ("N resource managers, coordinator on the initiating", &[]),
    ] {
        let truth = find("2pc", |found| found.starts_with(parameters));
        for n in [2, 3, 5, 10] {
            let heard = once(n, sets);
            let messages = heard.before_known(TransactionFact::Message);
            assert_eq!(
                messages,
                formula(truth.words(0), n),
                "{parameters}, N = {n}"
            );
            let delays = formula(truth.words(1), n) as f64;
            assert_eq!(heard.time(), delays, "{parameters}, N = {n}");
        }
    }
}

/// The writes that the decision waits for; with messages that take no time, and writes of 1 ms, as many
/// in a row as milliseconds.
#[test]
fn forced_writes_are_those_of_gray_and_lamport() {
    let truth = find("2pc", |parameters| parameters == "forced writes");
    for n in [2, 3, 5, 10] {
        // Where nothing is forced on the way to the others, all write at once.
        let sets = [("network", "0s"), ("force", "1ms")];
        let heard = once(n, &sets);
        assert_eq!(
            heard.before_known(TransactionFact::Forced),
            formula(truth.words(0), n)
        );
        assert_eq!(heard.time(), formula(truth.words(1), n) as f64, "N = {n}");
    }
}

#[test]
fn the_decision_waits_for_the_slowest_of_n() {
    let mut off = Vec::new();
    for n in [2, 5, 10] {
        let truth = find("2pc-latency", |found| found.starts_with(&format!("N={n} ")));
        let participants = format!("[{}]", vec!["rm.work"; n].join(", "));
        let path = "services.tm.endpoints.begin.0.transaction.participants";
        let sets = [
            (path, participants),
            ("services.rm.instances", n.to_string()),
        ];
        let means = run(&load("two_phase_latency", &sets))
            .into_iter()
            .map(|heard| {
                let ended = heard.facts.iter().filter_map(|(now, started, fact)| {
                    let committed = *fact == TransactionFact::Ended { committed: true };
                    committed.then(|| now.since(*started).as_millis_f64())
                });
                let times: Vec<f64> = ended.collect();
                assert!(times.len() > 1900, "{}", times.len());
                times.iter().sum::<f64>() / times.len() as f64
            });
        judge_as(&truth, 0, truth.expected(0), means, &mut off);
    }
    assert!(off.is_empty(), "off:\n{}", off.join("\n"));
}

/// The coordinator asks the only participant at once, whose vote takes `w = 1 s` to it; the decision is
/// there at once. So the participant is in doubt for `w`, unless the coordinator crashes in that time:
/// with a rate `f = 1/5 s`, memoryless, that is `1 - exp(-f w)`. A coordinator that is down begins
/// nothing.
///
/// After a crash at `x` in the window and a repair that takes `D`, exponential with a rate `r = 1/5 s`, the
/// participant learns that it has aborted when its vote finds the coordinator up, or the next of its
/// questions does. They set out every `q = 50 ms`, so that something is there at `w`, `w + q`, `w + 2q`,
/// …, of which the first not before `x + D` counts: in the mean at `w + q Σ exp(-r (w + k q - x))` over
/// `k >= 0`. Less `x`, that is the time from the crash on: `1/r`, and what remains until the next
/// question arrives. A second crash before that is rare, `f q / 2`.
#[test]
fn who_is_in_doubt_is_blocked_by_a_crash() {
    let truth = find("2pc-blocking", |_| true);
    assert_eq!(truth.words(0), "1-exp(-f w)");
    assert_eq!(truth.words(1), "1/r + remaining delay");
    let (w, f, r, q) = (1.0_f64, 0.2_f64, 0.2_f64, 0.05_f64);
    let window = Duration::from_secs(1);

    let (mut shares, mut times) = (Vec::new(), Vec::new());
    for heard in run(&load("two_phase_blocking", &[])) {
        let (mut all, mut blocked, mut time) = (0_u32, 0_u32, 0.0);
        for (now, _, fact) in &heard.facts {
            let TransactionFact::InDoubt(doubt) = *fact else {
                continue;
            };
            all += 1;
            let voted = *now - doubt;
            let next = heard.crashes.partition_point(|crash| *crash < voted);
            let crash = heard.crashes.get(next);
            if let Some(crash) = crash.filter(|crash| crash.since(voted) < window) {
                blocked += 1;
                time += now.since(*crash).as_secs_f64();
            } else {
                assert_eq!(doubt, window);
            }
        }
        shares.push(f64::from(blocked) / f64::from(all));
        times.push(time / f64::from(blocked));
    }

    let share = 1.0 - (-f * w).exp();
    // Over x, whose density is f exp(-f x) / share in the window: the means of x and of exp(r x), which
    // is f w / share where r = f.
    let mean_x = 1.0 / f - w * (1.0 - share) / share;
    let mean_exp = f * w / share;
    let later = q * (-r * w).exp() / (1.0 - (-r * q).exp());
    let blocked = w + later * mean_exp - mean_x;
    let remaining = blocked - 1.0 / r;
    assert!(remaining > 0.0 && remaining < 0.2, "{remaining}");

    let mut off = Vec::new();
    judge_as(&truth, 0, share, shares.into_iter(), &mut off);
    judge_as(&truth, 1, 1.0 / r + remaining, times.into_iter(), &mut off);
    assert!(off.is_empty(), "off:\n{}", off.join("\n"));
}

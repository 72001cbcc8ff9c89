//! A group that gossips, and how long it takes: the closed forms of the paper.

use crate::net::{Cx, Net, Node, Weather};
use clock::{Duration, Instant};
use std::collections::BTreeSet;
use stormglass_protocol::discovery::*;

pub(crate) struct GossipNode {
    machine: Gossip,
    /// It begins among the others.
    is_first: bool,
    instances: u32,
    alive: BTreeSet<u32>,
}

impl GossipNode {
    pub(crate) fn new(
        config: &GossipConfig,
        instances: u32,
        node: u32,
        now: Instant,
        life: u32,
        seed: u64,
    ) -> Self {
        let everyone: Vec<u32> = (0..config.members).collect();
        let seed = seed ^ u64::from(node) << 32 ^ u64::from(life) << 48;
        Self {
            machine: Gossip::new(config, node, &everyone, now, seed).unwrap(),
            is_first: life == 0,
            instances,
            alive: BTreeSet::from([node]),
        }
    }

    fn act(&mut self, actions: Vec<GossipAction>, cx: &mut Cx<Box<[u8]>, GossipTimer>) {
        let news = actions
            .iter()
            .any(|action| matches!(action, GossipAction::Changed { .. }));
        for action in actions {
            match action {
                GossipAction::Send(to, bytes) => cx.sent.push((to, bytes)),
                GossipAction::SetTimer(timer, at) => cx.set.push((at, timer)),
                GossipAction::Changed {
                    address,
                    alive: true,
                } => assert!(self.alive.insert(address), "news of {address} are none"),
                GossipAction::Changed { address, .. } => {
                    assert!(self.alive.remove(&address), "news of {address} are none");
                }
            }
        }
        if !news {
            return;
        }
        let own = cx.me;
        let machine: BTreeSet<u32> = self.machine.alive().chain([own]).collect();
        assert_eq!(
            self.alive, machine,
            "what was told is what the machine knows"
        );
    }
}

impl Node for GossipNode {
    type Mail = Box<[u8]>;
    type Timer = GossipTimer;

    fn start(&mut self, cx: &mut Cx<Box<[u8]>, GossipTimer>) {
        let mut out = Vec::new();
        if self.is_first {
            self.machine.start_among(cx.now, &mut out);
        } else {
            self.machine.start(cx.now, &mut out);
        }
        self.act(out, cx);
    }

    fn on_mail(&mut self, _: u32, mail: Box<[u8]>, cx: &mut Cx<Box<[u8]>, GossipTimer>) {
        let mut out = Vec::new();
        self.machine.on_message(cx.now, &mail, &mut out);
        self.act(out, cx);
    }

    fn on_timer(&mut self, timer: GossipTimer, cx: &mut Cx<Box<[u8]>, GossipTimer>) {
        let mut out = Vec::new();
        self.machine.on_timer(cx.now, timer, &mut out);
        self.act(out, cx);
    }

    fn view(&self) -> Option<Vec<bool>> {
        let view = (0..self.instances).map(|instance| self.alive.contains(&instance));
        Some(view.collect())
    }
}

const SECOND: Duration = Duration::from_secs(1);

fn group(members: u32, seed: u64) -> Net<GossipNode> {
    let config = GossipConfig {
        probe_interval: SECOND,
        probe_timeout: Duration::from_millis(500),
        indirect_probes: 3,
        suspect_for: Duration::from_secs(4),
        members,
    };
    let weather = Weather {
        loss: 0.0,
        slowest: Duration::from_millis(1),
        calm: Instant::ZERO,
    };
    Net::new(members, seed, weather, move |node, now, life| {
        GossipNode::new(&config, members, node, now, life, seed)
    })
}

/// Member 0 crashes just before the probes of second `at`. In which of the periods from then on it
/// was first probed (they end with the suspicion), and how long until everyone knew; `None`: not
/// within `patience`.
fn periods(members: u32, seed: u64, at: u64, patience: u64) -> (u64, Option<Duration>) {
    let mut net = group(members, seed);
    let round = Instant::ZERO + SECOND.saturating_mul(at);
    net.crash(Instant::from_nanos(round.as_nanos() - 1), 0);
    let (mut first, mut all) = (None, None);
    net.run(round + Duration::from_secs(patience), |net| {
        if first.is_some() && all.is_some() {
            return;
        }
        let knows =
            |node: &Option<GossipNode>| node.as_ref().is_some_and(|n| !n.alive.contains(&0));
        let count = net.nodes.iter().filter(|node| knows(node)).count();
        if count > 0 && first.is_none() {
            first = Some(net.now);
        }
        if count as u32 == members - 1 && all.is_none() {
            all = Some(net.now.since(round));
        }
    });
    let first = first.expect("it is found out").since(round).as_nanos();
    let suspicion = first - 4 * SECOND.as_nanos();
    assert_eq!(suspicion % SECOND.as_nanos(), 0, "at the end of a period");
    (suspicion / SECOND.as_nanos(), all)
}

/// Each member draws its own shuffled rounds, all in step. That none of n − 1 members probes the
/// victim in one period has a probability of (1 − 1/(n − 1))^(n − 1), about 1/e: the first of them
/// comes in period e/(e − 1) ≈ 1.58 in the mean (the paper's section 3.1, for draws with replacement;
/// rounds only differ where that is small).
#[test]
fn the_first_probe_of_the_dead_comes_after_the_paper_s_mean_time() {
    let (seeds, members) = (400, 20);
    let found = (0..seeds).map(|seed| periods(members, seed, 2 + seed % 19, 14).0);
    let mean = found.sum::<u64>() as f64 / seeds as f64;
    let expected = 1.0 / (1.0 - (-1.0_f64).exp());
    // A geometric number of this mean has a standard deviation of 0.96: 3 standard errors are 0.14.
    assert!(
        (mean - expected).abs() < 0.14,
        "{mean}, expected {expected}"
    );
}

/// The paper's section 4.3: a round is a shuffle of all, so that between two probes of one member by
/// another lie at most 2(n − 1) − 2 others.
#[test]
fn nobody_is_left_out_for_longer_than_two_rounds() {
    for members in 2..7 {
        let longest = (0..60)
            .map(|seed| periods(members, seed, 20 + seed % 11, 30).0)
            .max();
        let most = 2 * u64::from(members - 1) - 1;
        assert!(longest <= Some(most), "{members}: {longest:?}");
    }
}

/// The first one knows after its suspicion, and tells: five times a second three members are told,
/// each news ⌈4·log₁₀ 21⌉ = 6 times by each who knows. That one of 19 is missed by all has a
/// probability of about 19·e⁻⁶ = 5 %; it finds out by its own probe, two rounds later at most.
#[test]
fn news_reach_everyone() {
    let (members, seeds) = (20, 100);
    let mut quick = 0;
    for seed in 0..seeds {
        let (period, all) = periods(members, seed, 2 + seed % 19, 60);
        let first = Duration::from_secs(period + 4);
        let all = all.expect("everyone knows within two rounds and a suspicion");
        assert!(all >= first);
        quick += u32::from(all <= first.saturating_add(Duration::from_secs(2)));
    }
    assert!(quick >= 85, "{quick}");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let mut net = group(9, seed);
        net.crash(Instant::ZERO + Duration::from_secs(7), 3);
        net.run(Instant::ZERO + Duration::from_secs(60), |_| {});
        net.messages
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

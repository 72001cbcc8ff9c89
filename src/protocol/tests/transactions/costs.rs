//! What sagas and TCC cost when nothing fails but a step: closed forms, counted by hand from the
//! pictures of the modules. N is the number of steps or participants, each at a site of its own,
//! the orchestrator at another; a message takes L, a forced write D, a host's job J.

use crate::net::{Net, Settings};
use crate::saga::{self, Sagas};
use crate::tcc::{self, Tcc};
use clock::{Duration, Instant};
use stormglass_protocol::saga::{OrchestratorConfig, Outcome, Site, Traffic, Txn};
use stormglass_protocol::tcc::{CoordinatorConfig, Ending, ParticipantConfig};

const L: u64 = 10;
const D: u64 = 5;
const J: u64 = 2;
const TXN: Txn = Txn(0);
const LONG: Duration = Duration::from_secs(60);

fn calm(nodes: u32) -> Settings {
    Settings {
        nodes,
        latency: (L, L),
        disk: (D, D),
        job: (J, J),
        loss: 0.0,
        doubling: 0.0,
        crash: 0.0,
        downtime: (0, 0),
        partition: (Instant::ZERO, Instant::ZERO, 0),
        calm: Instant::ZERO,
    }
}

fn at(millis: u64) -> Option<Instant> {
    Some(Instant::ZERO + Duration::from_millis(millis))
}

/// A saga of `n` steps of which one may fail, after it has come to rest.
fn saga_of(n: u32, fails: Option<u32>) -> Sagas {
    let steps = (1..=n).map(Site).collect();
    let config = OrchestratorConfig {
        step_timeout: LONG,
        retry_interval: LONG,
    };
    let plans = vec![saga::Plan { steps, fails }];
    let sagas = Sagas::new(plans, config, 0.0, saga::Sabotage::Nothing);
    let mut net = Net::new(calm(n + 1), sagas, 1, &[(Instant::ZERO, Site(0))]);
    assert!(net.run(10_000));
    assert_eq!(net.protocol.checker.violations(), []);
    net.protocol
}

fn tcc_of(n: u32, fails: Option<Site>) -> Tcc {
    let participants = (1..=n).map(Site).collect();
    let coordinator = CoordinatorConfig {
        try_timeout: LONG,
        retry_interval: LONG,
    };
    let participant = ParticipantConfig {
        reserved_for: LONG,
        retry_interval: LONG,
    };
    let plans = vec![tcc::Plan {
        participants,
        fails,
    }];
    let tcc = Tcc::new(plans, coordinator, participant, 0.0, tcc::Sabotage::Nothing);
    let mut net = Net::new(calm(n + 1), tcc, 1, &[(Instant::ZERO, Site(0))]);
    assert!(net.run(10_000));
    assert_eq!(net.protocol.checker.violations(), []);
    net.protocol
}

fn traffic(messages: u32, forced: u32) -> Option<Traffic> {
    let (messages, forced) = (messages.into(), forced.into());
    Some(Traffic { messages, forced })
}

#[test]
fn a_saga_takes_its_steps_one_after_the_other() {
    for n in 1..=7 {
        let sagas = saga_of(n, None);
        assert_eq!(sagas.checker.decision(TXN), Some(Outcome::Commit));
        assert_eq!(sagas.checker.traffic(TXN), traffic(2 * n, n + 2));
        let step = 2 * L + J + D;
        let decided = at(D + u64::from(n) * step + D);
        assert_eq!((sagas.decided[0], sagas.ended[0]), (decided, decided));
    }
}

#[test]
fn a_saga_undoes_what_came_before_the_step_that_failed() {
    for n in 1..=6 {
        for failed in 0..n {
            let sagas = saga_of(n, Some(failed));
            let done = failed as usize;
            assert_eq!(sagas.checker.decision(TXN), Some(Outcome::Abort));
            assert_eq!(sagas.checker.counts(TXN), (done, done));
            // Asked: the failed one, too. Undone: those before it.
            let messages = 2 * (failed + 1) + 2 * failed;
            let forced = 1 + (failed + 1) + failed;
            assert_eq!(sagas.checker.traffic(TXN), traffic(messages, forced));
            let step = 2 * L + J + D;
            let failed = u64::from(failed);
            assert_eq!(sagas.decided[0], at(D + (failed + 1) * step));
            assert_eq!(sagas.ended[0], at(D + (2 * failed + 1) * step));
        }
    }
}

#[test]
fn tcc_takes_two_rounds_however_many_take_part() {
    for n in 1..=7 {
        let tcc = tcc_of(n, None);
        assert_eq!(tcc.checker.ending(TXN), Some(Ending::Confirmed));
        assert_eq!(tcc.checker.traffic(TXN), traffic(4 * n, 2 * n + 1));
        let round = 2 * L + J + D;
        assert_eq!(tcc.decided[0], at(round + D));
        assert_eq!(tcc.ended[0], at(round + D + round));
    }
}

#[test]
fn tcc_cancels_what_the_others_have_reserved() {
    for n in 1..=7 {
        let tcc = tcc_of(n, Some(Site(1)));
        assert_eq!(tcc.checker.ending(TXN), Some(Ending::Cancelled));
        // Who refuses forces nothing, and is not told.
        let others = n - 1;
        let messages = 2 * n + 2 * others;
        assert_eq!(tcc.checker.traffic(TXN), traffic(messages, 2 * others));
        assert_eq!(tcc.decided[0], at(2 * L + J));
        let told = if others > 0 { 2 * L + J + D } else { 0 };
        assert_eq!(tcc.ended[0], at(2 * L + J + told));
    }
}

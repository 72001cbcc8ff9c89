//! Hosts that break the protocol on purpose: the checker sees it.

use crate::swarm;
use crate::world::Sabotage;
use stormglass_protocol::broker::Violation;

const SEEDS: u64 = 1_000;

/// Whether any of the seeds shows a violation of this kind.
fn is_caught(sabotage: Sabotage, kind: impl Fn(&Violation) -> bool) -> bool {
    (0..SEEDS).any(|seed| {
        let mut world = swarm::world(seed, sabotage);
        // What is broken need not come to rest.
        world.run(5_000);
        world.wrong().iter().any(&kind)
    })
}

#[test]
fn a_word_before_the_write_is_caught() {
    let lost = |v: &Violation| matches!(v, Violation::Lost { .. });
    assert!(is_caught(Sabotage::ToldEarly, lost));
}

#[test]
fn a_log_that_does_not_survive_is_caught() {
    let lost = |v: &Violation| matches!(v, Violation::Lost { .. });
    assert!(is_caught(Sabotage::ForgetsLog, lost));
}

#[test]
fn work_that_nobody_did_is_caught() {
    let invented = |v: &Violation| matches!(v, Violation::NotConsumed { .. });
    assert!(is_caught(Sabotage::InventsWork, invented));
}

#[test]
fn a_broker_that_does_not_stop_is_caught() {
    let ran_on = |v: &Violation| matches!(v, Violation::WhileStopped { .. });
    assert!(is_caught(Sabotage::IgnoresStop, ran_on));
}

#[test]
fn an_order_that_is_not_kept_is_caught() {
    let overtaken = |v: &Violation| matches!(v, Violation::OutOfOrder { .. });
    assert!(is_caught(Sabotage::MixesUp, overtaken));
}

#[test]
fn messages_that_are_kept_twice_are_caught() {
    let twice = |v: &Violation| matches!(v, Violation::Twice { .. });
    assert!(is_caught(Sabotage::Renumbers, twice));
}

#[test]
fn deliveries_beyond_the_most_are_caught() {
    let more = |v: &Violation| matches!(v, Violation::TooOften { .. });
    assert!(is_caught(Sabotage::ForgetsDeliveries, more));
}

//! Hosts that break the protocol on purpose: the checker must see both the rule that they break and
//! the harm that comes of it. The machines are the same as everywhere; only what the host does
//! with their actions is wrong.

use crate::swarm;
use crate::world::Sabotage;
use stormglass_protocol::two_phase_commit::*;

const SEEDS: u64 = 1_000;

/// How many of the seeds show a violation of this kind.
fn caught(sabotage: Sabotage, kind: impl Fn(&Violation) -> bool) -> u64 {
    let hit = |seed: &u64| {
        let mut world = swarm::world(*seed, sabotage);
        // What is broken need not come to rest.
        world.run(20_000);
        world.checker.violations().iter().any(&kind)
    };
    (0..SEEDS).filter(hit).count() as u64
}

fn is_disagreement(violation: &Violation) -> bool {
    matches!(violation, Violation::Disagreement { .. })
}

fn is_commit_without_vote(violation: &Violation) -> bool {
    matches!(violation, Violation::CommitWithoutVote { .. })
}

#[test]
fn a_commit_without_all_votes_is_caught() {
    let sabotage = Sabotage::InventVotes;
    assert!(caught(sabotage, is_commit_without_vote) > 0);
    assert!(caught(sabotage, is_disagreement) > 0);
}

#[test]
fn a_vote_before_the_prepared_record_is_forced_is_caught() {
    let sabotage = Sabotage::VoteEarly;
    let early = |v: &Violation| matches!(v, Violation::VoteBeforeLog { .. });
    assert!(caught(sabotage, early) > 0);
    // The harm: a commit while one of those who said yes has lost the record, and its work.
    assert!(caught(sabotage, is_commit_without_vote) > 0);
}

#[test]
fn a_commit_record_that_is_not_forced_is_caught() {
    let sabotage = Sabotage::ForgetCommitRecord;
    let early = |v: &Violation| matches!(v, Violation::CommitBeforeLog { .. });
    assert!(caught(sabotage, early) > 0);
    // The harm: the coordinator forgets that it committed, and presumes an abort.
    assert!(caught(sabotage, is_disagreement) > 0);
}

#[test]
fn an_acknowledgement_before_the_commit_record_is_forced_is_caught() {
    let sabotage = Sabotage::AckEarly;
    let early = |v: &Violation| matches!(v, Violation::AckBeforeLog { .. });
    assert!(caught(sabotage, early) > 0);
    // The harm: in doubt once more, it asks a coordinator that has ended the transaction.
    let reversal = |v: &Violation| matches!(v, Violation::Reversal { .. });
    assert!(caught(sabotage, reversal) > 0);
}

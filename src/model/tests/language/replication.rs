//! Replicated services, and the crash of their leader.

use crate::{complaint, model, ms};
use clock::Duration;
use stormglass_model::{
    CrashMode, Distribution, FailoverBuffer, FaultKind, Model, Reads, Replication,
    ReplicationProtocol, Set,
};

/// A service of three with this replication, and these faults.
fn text(replication: &str, faults: &str) -> String {
    format!(
        "services:\n  s: {{instances: 3, replication: {replication}, endpoints: {{e: []}}}}\n  \
           t: {{endpoints: {{e: []}}}}\n\
         workloads: {{w: {{target: s.e, batch: {{size: 1}}}}, v: {{target: t.e, batch: {{size: 1}}}}}}\n\
         faults: {faults}\n"
    )
}

fn replication(keys: &str) -> Replication {
    let model: Model = model(&text(keys, "[]"));
    model.services[0]
        .replication
        .clone()
        .expect("it is replicated")
}

#[test]
fn a_protocol_is_enough() {
    let usual = Replication {
        protocol: ReplicationProtocol::Raft,
        heartbeat: ms(50),
        election_timeout: Distribution::Uniform {
            low: 150e6,
            high: 300e6,
        },
        pre_vote: false,
        force: Distribution::Constant(Duration::ZERO),
        send: Distribution::Constant(Duration::ZERO),
        failover_buffer: FailoverBuffer {
            capacity: 1000,
            wait: ms(1000),
        },
        reads: Reads::Leader,
        catch_up: Distribution::Constant(Duration::ZERO),
        staleness: None,
    };
    assert_eq!(replication("{protocol: raft}"), usual);
    let of = |protocol| Replication {
        protocol,
        ..usual.clone()
    };
    assert_eq!(
        replication("{protocol: paxos}"),
        of(ReplicationProtocol::Paxos)
    );
    assert_eq!(
        replication("{protocol: primary_backup}"),
        of(ReplicationProtocol::PrimaryBackup)
    );
}

#[test]
fn every_key_says_what_it_says() {
    let all = replication(
        "{protocol: raft, heartbeat: 10ms, election_timeout: 40ms, pre_vote: true, force: 2ms, send: 1ms, \
          failover_buffer: {capacity: 0, wait: 3ms}, reads: any, catch_up: 4ms, staleness: 5ms}",
    );
    let constant = |millis| Distribution::Constant(ms(millis));
    assert_eq!(
        all,
        Replication {
            protocol: ReplicationProtocol::Raft,
            heartbeat: ms(10),
            election_timeout: constant(40),
            pre_vote: true,
            force: constant(2),
            send: constant(1),
            failover_buffer: FailoverBuffer {
                capacity: 0,
                wait: ms(3)
            },
            reads: Reads::Any,
            catch_up: constant(4),
            staleness: Some(ms(5)),
        }
    );
}

#[test]
fn what_cannot_be_a_group_is_refused_with_a_reason() {
    for (keys, words) in [
        ("{}", "`protocol` is missing"),
        ("{protocol: rafts}", "did you mean `raft`?"),
        ("{protocol: raft, heartbeat: 0s}", "above 0"),
        (
            "{protocol: raft, heartbeat: 150ms}",
            "as short as 150ms, and a leader gives a sign of life every 150ms",
        ),
        (
            "{protocol: raft, election_timeout: {exponential: {mean: 1s}}}",
            "as short as 0s",
        ),
        (
            "{protocol: raft, staleness: 1s}",
            "`staleness` goes with `reads: any`",
        ),
        (
            "{protocol: primary_backup, pre_vote: false}",
            "`pre_vote` goes with `protocol: raft`",
        ),
        (
            "{protocol: raft, failover_buffer: {size: 3}}",
            "unknown key `size`",
        ),
    ] {
        let told = complaint(&text(keys, "[]"));
        assert!(told.contains(words), "{keys}: {told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    let one = text("{protocol: paxos}", "[]").replace("instances: 3", "instances: 1");
    assert!(complaint(&one).contains("`paxos` needs at least 2 `instances`"));
}

#[test]
fn a_leader_crashes_where_there_is_one() {
    let crash = |words: &str| {
        let faults = format!("[{{at: 1s, for: 1s, crash: {{{words}}}}}]");
        text("{protocol: raft}", &faults)
    };
    let kind = |words: &str| model(&crash(words)).faults[0].kind.clone();
    let leader = |mode| FaultKind::CrashLeader { service: 0, mode };
    assert_eq!(kind("leader: s"), leader(CrashMode::Refuse));
    assert_eq!(
        kind("leader: s, mode: blackhole"),
        leader(CrashMode::Blackhole)
    );
    let told = complaint(&crash("leader: t"));
    assert!(
        told.contains("`t` has no leader: it is not replicated"),
        "{told}"
    );
    assert!(complaint(&crash("leader: u")).contains("there is no service `u`"));
    assert!(complaint(&crash("leader: s, service: s")).contains("exclude each other"));
}

#[test]
fn replication_has_paths() {
    let set = Set::new("services.s.replication.failover_buffer.wait", "7ms");
    let text = text("{protocol: raft, failover_buffer: {wait: 1ms}}", "[]");
    let loaded = stormglass_model::read(&text, "m.yaml", &(), &[set]).expect("a model");
    let replication = loaded.model.services[0].replication.as_ref();
    assert_eq!(replication.expect("as said").failover_buffer.wait, ms(7));
}

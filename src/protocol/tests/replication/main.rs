//! Every [`Replica`](stormglass_protocol::replication::Replica) in the same small worlds: a group of
//! them with clients, on a network that loses, doubles, delays and reorders messages, with links that
//! are cut in both directions or one, disks that take their time, crashes between any two actions,
//! pauses and power cuts; and the checker that hears it all.
//!
//! # To add a kind of replica
//!
//! A [`world::Kind`] says how one is made of a `GroupConfig` and a `Node`, whether its leader answers
//! reads alone, and what it asks of a world beyond what all do. Give it a file of its own with three
//! tests:
//!
//! * `swarm::survives(kind)`: a few hundred seeds of a default number, each a whole scenario, without
//!   a violation, and with progress once faults have ceased. `STORMGLASS_SWARM_SEEDS=10000` before
//!   `cargo test --release -p stormglass-protocol --test replication swarm` runs that many instead:
//!   name the test so that the filter finds it.
//! * `swarm::repeats(kind)`: the same seed gives the same run.
//! * `swarm::caught(kind, seeds, what)` for broken variants: a kind that wraps the replica and
//!   does one thing wrong (answers for others, forgets what was forced, …); it says in how many of the
//!   seeds the checker found such a violation.
//!
//! A seed that fails is run again with its trace, of which the end is in the panic.

mod alone;
#[cfg(any(feature = "paxos", feature = "raft"))]
mod broken;
#[cfg(feature = "raft")]
mod elections;
#[cfg(feature = "paxos")]
mod paxos;
mod primary_backup;
#[cfg(feature = "raft")]
mod raft;
#[path = "../two_phase_commit/random.rs"]
mod random;
mod rules;
mod swarm;
mod world;

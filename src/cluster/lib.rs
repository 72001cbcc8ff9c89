//! The simulated world: workloads, callers with their policies, the network, instances, faults.
//!
//! A [`World`] is made from a checked model and runs by itself; an [`Observer`] hears facts and
//! can not change what happens. One file for each station of a request's way:
//! `workload` → `client` (with `decision` and `attempt`) → `network` → `instance` → `handler`, and back.
//!
//! This crate refuses to read files, to know what is measured, and to run in parallel.

mod attempt;
mod audit;
mod blame;
mod cache;
mod cause;
mod client;
mod config;
mod copies;
mod decision;
mod deployment;
mod discovery;
mod edition;
mod errand;
mod event;
mod fault;
mod group;
mod guard;
mod handler;
mod hosting;
mod instance;
mod keys;
mod limits;
mod network;
mod observer;
mod order;
mod peers;
mod place;
mod post;
mod program;
mod queue;
mod run;
mod sampler;
mod scaling;
mod shared;
mod slab;
mod source;
mod span;
mod state;
mod store;
mod transaction;
mod workload;
mod world;

pub use cause::{ChainId, Chains, Link, Why};
pub use limits::{Ended, Limits, Reason, Violation};
pub use observer::{
    DeploymentFact, DiscoveryFact, EdgeId, GroupFact, MessageFact, Observer, Tick, TransactionFact,
};
pub use order::OrderState;
pub use span::{At, CallSlot, Cause, Doing, Note, Refusal, SpanFact, StrandSlot};
pub use state::Edge;
pub use transaction::TransactionStep;
pub use world::World;

//! Who is joined to whom, as a drawing of the cluster needs it: names and kinds, no figures.

use serde::{Deserialize, Serialize};

/// The parts of a model that requests and data move between.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Topology {
    /// Workloads, services, queues, stores, each in the order of the model. A name is one of its kind
    /// alone: a store may be called as its owner is.
    pub nodes: Vec<Node>,
    /// In the order of their ends' places in `nodes`.
    pub links: Vec<Link>,
}

/// One part.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Node {
    /// As in the model.
    pub name: String,
    /// What it is.
    pub kind: NodeKind,
    /// Instances of a service at the beginning, partitions of a queue, copies of a store; 1 for a
    /// workload.
    pub count: u32,
}

/// What a node is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// Users, or whoever else makes requests.
    Workload,
    /// Instances that answer.
    Service,
    /// Messages that wait.
    Queue,
    /// Data.
    Store,
}

/// What joins two of them, the way requests or data move.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Link {
    /// Index into [`Topology::nodes`].
    pub from: usize,
    /// Likewise.
    pub to: usize,
    /// How.
    pub kind: LinkKind,
    /// The keys of what it carries in `calls` and in `series.edges`, `caller->service.endpoint`, in
    /// their order; empty unless it is a call.
    pub edges: Vec<String>,
}

/// How two nodes are joined.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// Calls, and waits for the answer.
    Call,
    /// Takes part in its transactions.
    Transaction,
    /// Publishes messages into it.
    Publish,
    /// Hands messages to it.
    Consume,
    /// Moves messages on that were delivered in vain.
    DeadLetter,
    /// Reads from it; from the store to the reader.
    Read,
    /// Writes into it.
    Write,
}

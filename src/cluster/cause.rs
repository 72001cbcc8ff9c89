//! Chains of causes: where a failed call stood, from its caller down to what held it up.
//!
//! A chain is kept as its first link and the number of the rest, so that equal chains are one number
//! and a run has as many as it has ways to fail. This file refuses to know how a chain is found.

use crate::observer::EdgeId;
use policy::Outcome;

/// A chain of causes in [`Chains`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ChainId(u32);

impl ChainId {
    /// The chain without a link.
    pub const EMPTY: Self = Self(0);
}

/// What was in force where something went wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Why {
    /// Nothing that the world knows of: the load, or bad luck.
    Nothing,
    /// A fault, by its index in the model.
    Fault(u32),
    /// A version that its service has from a deployment, and that is worse than the model's own.
    Version(u32),
    /// A configuration that was pushed.
    Config(u32),
}

/// One cause. Those above the line lead on to the next link, those below it are the last ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Link {
    /// A handler failed because a call of its own had ended like this. Next: why.
    Failed {
        /// Whose call.
        edge: EdgeId,
        /// How it had ended.
        outcome: Outcome,
    },
    /// A handler waited for a call of its own. Next: where that stood.
    Waiting {
        /// Whose call.
        edge: EdgeId,
    },
    /// A call waited before it was tried again. Next: why it had failed before.
    BackingOff {
        /// Whose call.
        edge: EdgeId,
    },
    /// A layer of the caller's policy refused to send a call. Next: of a circuit breaker, and of whatever
    /// else goes by failures, the last failure before; of a limit, where one of the calls stood that it
    /// had let through.
    Refused {
        /// Whose call.
        edge: EdgeId,
        /// As the model language names it.
        layer: &'static str,
    },
    /// The caller's policy had let nothing out yet: a limit made the call wait. Next: as above.
    Held {
        /// Whose call.
        edge: EdgeId,
    },
    /// The caller ran a version or a configuration that is not the model's own. Next: what failed.
    Changed {
        /// The caller.
        service: u32,
        /// Never [`Why::Nothing`].
        why: Why,
    },
    /// A request waited for a worker. Next: what one of the workers was doing.
    Queued {
        /// Where.
        service: u32,
        /// What has taken workers away.
        why: Why,
    },
    /// A queue was full. Next: what one of the workers was doing.
    Full {
        /// Whose queue.
        service: u32,
        /// What has taken workers away.
        why: Why,
    },
    /// A queue dropped what had waited too long. Next: what one of the workers was doing.
    Overdue {
        /// Whose queue.
        service: u32,
        /// What has taken workers away.
        why: Why,
    },
    /// The admission of a service refused. Next: what one of the workers was doing.
    Admission {
        /// Whose.
        service: u32,
    },
    /// What follows was done for a caller who had given up.
    InVain {
        /// Where.
        service: u32,
    },
    /// A handler did what a miss of a cache takes. Next: where it stood.
    Missed {
        /// Whose handler.
        service: u32,
    },
    // ---- the last links
    /// Work was under way.
    Computing {
        /// Where.
        service: u32,
        /// What made it slow.
        why: Why,
    },
    /// A `wait` step.
    Sleeping {
        /// Where.
        service: u32,
        /// What made it so.
        why: Why,
    },
    /// A handler failed by itself.
    Failing {
        /// Whose.
        service: u32,
        /// What made it fail.
        why: Why,
    },
    /// A conditional write lost against another one.
    Conflict {
        /// Whose handler.
        service: u32,
    },
    /// The instance was down.
    Down {
        /// Whose.
        service: u32,
        /// What took it down.
        why: Why,
    },
    /// The instance was paused.
    Paused {
        /// Whose.
        service: u32,
        /// By what.
        why: Why,
    },
    /// The caller knew of no instance to send it to. Next: the last failure before, where failures made it
    /// leave instances out.
    Nobody {
        /// Whose call.
        edge: EdgeId,
        /// What took the instances down.
        why: Why,
    },
    /// A message was lost.
    Lost {
        /// Of whose call.
        edge: EdgeId,
        /// What lost it.
        why: Why,
    },
    /// A message was on its way.
    Travelling {
        /// Of whose call.
        edge: EdgeId,
        /// What delays it.
        why: Why,
    },
    /// A group of replicas had no leader, or none that was known where the request was.
    Leaderless {
        /// The replicated service.
        service: u32,
        /// What took a replica away.
        why: Why,
    },
    /// An entry was being replicated.
    Replicating {
        /// The replicated service.
        service: u32,
        /// What took a replica away.
        why: Why,
    },
    /// A transaction was under way, or was aborted.
    Transaction {
        /// Whose handler.
        service: u32,
        /// Whether it was aborted.
        aborted: bool,
    },
    /// A message was being published, or was refused.
    Publishing {
        /// The queue, by its index in the model.
        queue: u32,
        /// Whether the queue had refused it.
        full: bool,
    },
    /// The world does not say more.
    Unknown,
}

/// All chains that a world has stated.
#[derive(Debug)]
pub struct Chains {
    /// By number; the first stands for the empty chain.
    nodes: Vec<Node>,
    /// Numbers by what they stand for, open addressing; 0: free.
    table: Box<[u32]>,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    link: Link,
    rest: ChainId,
    length: u32,
}

/// The most links of a chain: a chain that goes in circles ends.
const LONGEST: u32 = 24;
/// The most chains. What is added beyond is left out: the chain goes on with what it had.
const MOST: usize = 1 << 14;
/// A table that is at most half full.
const TABLE: usize = 2 * MOST;

impl Default for Chains {
    fn default() -> Self {
        Self {
            nodes: vec![Node {
                link: Link::Unknown,
                rest: ChainId::EMPTY,
                length: 0,
            }],
            table: vec![0; TABLE].into_boxed_slice(),
        }
    }
}

impl Chains {
    /// The chain that begins with `link` and goes on as `rest` does.
    pub(crate) fn push(&mut self, link: Link, rest: ChainId) -> ChainId {
        let length = self.nodes[rest.0 as usize].length + 1;
        let mut place = hash(link, rest) as usize % TABLE;
        loop {
            match self.table[place] {
                0 if length > LONGEST || self.nodes.len() == MOST => return rest,
                0 => break,
                number => {
                    let node = &self.nodes[number as usize];
                    if (node.link, node.rest) == (link, rest) {
                        return ChainId(number);
                    }
                }
            }
            place = (place + 1) % TABLE;
        }
        let number = self.nodes.len() as u32;
        self.nodes.push(Node { link, rest, length });
        self.table[place] = number;
        ChainId(number)
    }

    /// The links of a chain, from the failed call down.
    pub fn links(&self, chain: ChainId) -> impl Iterator<Item = Link> + '_ {
        let mut at = chain;
        core::iter::from_fn(move || {
            let node = &self.nodes[at.0 as usize];
            (at != ChainId::EMPTY).then(|| {
                at = node.rest;
                node.link
            })
        })
    }
}

/// Spreads links over the table; nothing depends on how well.
fn hash(link: Link, rest: ChainId) -> u64 {
    let why = |why| match why {
        Why::Nothing => 0,
        Why::Fault(number) => 1 + 4 * u64::from(number),
        Why::Version(number) => 2 + 4 * u64::from(number),
        Why::Config(number) => 3 + 4 * u64::from(number),
    };
    let of = |service: u32| u64::from(service);
    let (kind, place, more) = match link {
        Link::Failed { edge, outcome } => (1, edge as u64, outcome as u64),
        Link::Waiting { edge } => (2, edge as u64, 0),
        Link::BackingOff { edge } => (3, edge as u64, 0),
        Link::Refused { edge, layer } => (4, edge as u64, layer.len() as u64),
        Link::Held { edge } => (5, edge as u64, 0),
        Link::Changed { service, why: by } => (6, of(service), why(by)),
        Link::Queued { service, why: by } => (7, of(service), why(by)),
        Link::Full { service, why: by } => (8, of(service), why(by)),
        Link::Overdue { service, why: by } => (9, of(service), why(by)),
        Link::Admission { service } => (10, of(service), 0),
        Link::InVain { service } => (11, of(service), 0),
        Link::Missed { service } => (12, of(service), 0),
        Link::Computing { service, why: by } => (13, of(service), why(by)),
        Link::Sleeping { service, why: by } => (14, of(service), why(by)),
        Link::Failing { service, why: by } => (15, of(service), why(by)),
        Link::Conflict { service } => (16, of(service), 0),
        Link::Down { service, why: by } => (17, of(service), why(by)),
        Link::Paused { service, why: by } => (18, of(service), why(by)),
        Link::Nobody { edge, why: by } => (19, edge as u64, why(by)),
        Link::Lost { edge, why: by } => (20, edge as u64, why(by)),
        Link::Travelling { edge, why: by } => (21, edge as u64, why(by)),
        Link::Leaderless { service, why: by } => (22, of(service), why(by)),
        Link::Replicating { service, why: by } => (23, of(service), why(by)),
        Link::Transaction { service, aborted } => (24, of(service), u64::from(aborted)),
        Link::Publishing { queue, full } => (25, of(queue), u64::from(full)),
        Link::Unknown => (26, 0, 0),
    };
    let all = kind | place << 8 | more << 40;
    (all ^ (u64::from(rest.0) << 20)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_chains_are_one_and_tell_their_links_in_order() {
        let mut chains = Chains::default();
        let slow = Link::Computing {
            service: 1,
            why: Why::Fault(0),
        };
        let end = chains.push(slow, ChainId::EMPTY);
        let one = chains.push(Link::Waiting { edge: 3 }, end);
        let other = chains.push(Link::Waiting { edge: 4 }, end);
        assert_ne!(one, other);
        assert_eq!(chains.push(Link::Waiting { edge: 3 }, end), one);
        let links: Vec<_> = chains.links(one).collect();
        assert_eq!(links, [Link::Waiting { edge: 3 }, slow]);
        assert_eq!(chains.links(ChainId::EMPTY).count(), 0);
    }

    #[test]
    fn neither_a_circle_nor_too_many_chains_use_up_the_memory() {
        let mut chains = Chains::default();
        let mut chain = ChainId::EMPTY;
        for edge in 0..1_000 {
            chain = chains.push(Link::Waiting { edge: edge % 2 }, chain);
        }
        assert_eq!(chains.links(chain).count(), LONGEST as usize);
        for edge in 0..3 * MOST {
            chains.push(Link::Held { edge }, ChainId::EMPTY);
        }
        assert_eq!(chains.nodes.len(), MOST);
    }
}

//! Links between replicas, as Omni-Paxos wants them: in order, each message once, and where one is
//! lost, both ends learn that the session has dropped.
//!
//! It makes such links of a network that loses, doubles and reorders. Messages are numbered. One that
//! comes early is held until those before it are there; when they are still missing at the second
//! heartbeat, they count as lost, and the session as dropped. Heartbeats say how many
//! messages were sent, so that the loss of the last one shows as well, and how often the
//! sender has seen the session drop, so that both ends know. This module refuses to know what the
//! messages say.

use super::store::Slot;
use omnipaxos::messages::Message as Letter;
use omnipaxos::messages::ballot_leader_election::HeartbeatMsg;
use std::collections::BTreeMap;

/// One message on a link.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    /// The sender's starts: which of its lives it is from.
    life: u64,
    /// How often the sender has seen the session drop.
    drops: u64,
    /// Of a message, its number, from 1; of a heartbeat, the number of the last message.
    number: u64,
    /// How many entries the sender has on disk, and knows there to be decided.
    decided: usize,
    pub(super) letter: Letter<Slot>,
}

/// One end of a link to one replica.
#[derive(Debug)]
pub(super) struct Link {
    life: u64,
    sent: u64,
    drops: u64,
    peer: Peer,
}

/// What is known of the other end.
#[derive(Debug, Default)]
struct Peer {
    life: u64,
    drops: u64,
    /// The number of the next message.
    next: u64,
    /// The number of the last message that was sent, as far as known.
    last: u64,
    held: BTreeMap<u64, Letter<Slot>>,
    /// What was missing at the heartbeat before.
    missing: Option<u64>,
    /// The latest of our heartbeats that was answered.
    answered: u32,
    /// How many entries it has on disk, and knows there to be decided.
    decided: usize,
}

impl Link {
    /// A link of a replica in this of its lives, counted from 1.
    pub(super) fn new(life: u64) -> Self {
        Self {
            life,
            sent: 0,
            drops: 0,
            peer: Peer::default(),
        }
    }

    /// How many entries the other end said to have on disk, known to be decided. A later life
    /// of it has no fewer.
    pub(super) fn decided(&self) -> usize {
        self.peer.decided
    }

    /// Packs what is sent, with how many entries are known on disk to be decided.
    pub(super) fn send(&mut self, letter: Letter<Slot>, decided: usize) -> Parcel {
        if matches!(letter, Letter::SequencePaxos(_)) {
            self.sent += 1;
        }
        Parcel {
            life: self.life,
            drops: self.drops,
            number: self.sent,
            decided,
            letter,
        }
    }

    /// Takes what has arrived; `deliver` gets what is next. `true`: the other end has seen the session
    /// drop, or has started anew.
    pub(super) fn receive(&mut self, parcel: Parcel, deliver: &mut Vec<Letter<Slot>>) -> bool {
        let peer = &mut self.peer;
        if parcel.life < peer.life {
            return false;
        }
        let ordered = matches!(parcel.letter, Letter::SequencePaxos(_));
        let mut dropped = false;
        if parcel.life > peer.life {
            // What it had sent before this end was there is not to be had any more.
            let late = self.life > 1 && peer.life == 0;
            let next = if late {
                parcel.number + u64::from(!ordered)
            } else {
                1
            };
            dropped = peer.life > 0;
            *peer = Peer {
                life: parcel.life,
                next,
                decided: peer.decided,
                ..Peer::default()
            };
        }
        if parcel.drops > peer.drops {
            peer.drops = parcel.drops;
            dropped = true;
        }
        peer.last = peer.last.max(parcel.number);
        peer.decided = peer.decided.max(parcel.decided);
        match parcel.letter {
            Letter::SequencePaxos(_) => {
                if parcel.number >= peer.next {
                    peer.held.insert(parcel.number, parcel.letter);
                }
                while let Some(letter) = peer.held.remove(&peer.next) {
                    deliver.push(letter);
                    peer.next += 1;
                }
            }
            Letter::BLE(ref beat) => {
                // The crate counts every answer as another replica's.
                if let HeartbeatMsg::Reply(reply) = &beat.msg {
                    if reply.round <= peer.answered {
                        return dropped;
                    }
                    peer.answered = reply.round;
                }
                deliver.push(parcel.letter);
            }
        }
        dropped
    }

    /// A heartbeat is due. `true`: something is lost, and the session has dropped.
    pub(super) fn beat(&mut self) -> bool {
        let peer = &mut self.peer;
        if peer.last < peer.next {
            peer.missing = None;
            return false;
        }
        if peer.missing != Some(peer.next) {
            peer.missing = Some(peer.next);
            return false;
        }
        peer.held.clear();
        peer.next = peer.last + 1;
        peer.missing = None;
        self.drops += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omnipaxos::ballot_leader_election::Ballot;
    use omnipaxos::messages::ballot_leader_election::{BLEMessage, HeartbeatRequest};
    use omnipaxos::messages::sequence_paxos::{Decide, PaxosMessage, PaxosMsg};
    use omnipaxos::util::SequenceNumber;

    fn letter(index: usize) -> Letter<Slot> {
        Letter::SequencePaxos(PaxosMessage {
            from: 1,
            to: 2,
            msg: PaxosMsg::Decide(Decide {
                n: Ballot::default(),
                seq_num: SequenceNumber::default(),
                decided_idx: index,
            }),
        })
    }

    fn beat() -> Letter<Slot> {
        Letter::BLE(BLEMessage {
            from: 1,
            to: 2,
            msg: HeartbeatMsg::Request(HeartbeatRequest { round: 1 }),
        })
    }

    /// What comes out of a link, messages by their index.
    fn hear(link: &mut Link, parcel: &Parcel) -> (Vec<usize>, bool) {
        let mut letters = Vec::new();
        let dropped = link.receive(parcel.clone(), &mut letters);
        let indices = letters.iter().filter_map(|l| match l {
            Letter::SequencePaxos(PaxosMessage {
                msg: PaxosMsg::Decide(d),
                ..
            }) => Some(d.decided_idx),
            _ => None,
        });
        (indices.collect(), dropped)
    }

    #[test]
    fn messages_come_out_once_and_in_order() {
        let (mut a, mut b) = (Link::new(1), Link::new(1));
        let parcels: Vec<Parcel> = (1..=3).map(|n| a.send(letter(n), 0)).collect();
        assert_eq!(hear(&mut b, &parcels[2]), (vec![], false));
        assert_eq!(hear(&mut b, &parcels[0]), (vec![1], false));
        assert_eq!(hear(&mut b, &parcels[0]), (vec![], false));
        assert_eq!(hear(&mut b, &parcels[1]), (vec![2, 3], false));
        assert_eq!(hear(&mut b, &parcels[2]), (vec![], false));
        assert!(!b.beat() && !b.beat());
    }

    #[test]
    fn a_loss_drops_the_session_at_both_ends_once() {
        let (mut a, mut b) = (Link::new(1), Link::new(1));
        let first = a.send(letter(1), 0);
        let _lost = a.send(letter(2), 0);
        hear(&mut b, &first);
        // Nothing follows: the heartbeat alone tells.
        hear(&mut b, &a.send(beat(), 0));
        assert!(!b.beat());
        assert!(b.beat());
        assert!(!b.beat());
        let told = b.send(beat(), 0);
        assert!(hear(&mut a, &told).1);
        assert!(!hear(&mut a, &told).1);
        assert_eq!(hear(&mut b, &a.send(letter(3), 0)), (vec![3], false));
    }

    #[test]
    fn another_life_is_another_session() {
        let (mut old, mut b) = (Link::new(1), Link::new(1));
        let late = old.send(letter(1), 0);
        hear(&mut b, &old.send(letter(2), 0));
        let mut new = Link::new(2);
        assert_eq!(hear(&mut b, &new.send(letter(3), 0)), (vec![3], true));
        assert_eq!(hear(&mut b, &late), (vec![], false));
        // The one that was down takes the stream where it is.
        for n in 4..9 {
            b.send(letter(n), 0);
        }
        assert_eq!(hear(&mut new, &b.send(letter(9), 0)), (vec![9], false));
    }
}

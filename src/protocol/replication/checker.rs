//! The checker: hears who leads, what is proposed, committed, acknowledged and read in one group, and
//! says whether that was one log. Refuses to know how the replicas work: it holds none of their code,
//! and can listen to any protocol.
//!
//! # Why an acknowledged write cannot be lost unseen
//!
//! An acknowledged entry has been told, at some place, by some replica. A later leader that lacks it
//! puts its own next entry there or before, for places are told without a gap: as soon as that is told
//! anywhere, two replicas disagree on the place. While nothing is told, the leader can still answer
//! reads: those are held to what was acknowledged before they began. What remains is a group that does
//! nothing; that it goes on is the host's to judge, who alone knows when faults have ceased.
//!
//! # Memory
//!
//! A committed entry costs about a hundred bytes until [`Checker::forget`]. What is forgotten is still
//! held to agreement, by a digest: a replica that is told the forgotten prefix otherwise is found
//! when it reaches the end of it.

use super::{Entry, Node, Term, Violation};
use clock::{Duration, Instant};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Violations are kept up to this number: what follows the first is mostly its consequence.
const MOST_KEPT: usize = 100;

/// Reigns are remembered, across [`Checker::forget`], up to this number.
const REIGNS_KEPT: usize = 64;

/// Listens to one group. The host tells it what happens, when it happens.
#[derive(Clone, Debug)]
pub struct Checker {
    nodes: Vec<Told>,
    staleness: Option<Duration>,
    reigns: BTreeMap<Term, Node>,
    /// Proposed, and not yet committed.
    proposed: BTreeSet<Entry>,
    /// Where the committed ones stand that are not forgotten.
    places: BTreeMap<Entry, u64>,
    /// This many places are forgotten.
    base: u64,
    base_digest: u64,
    /// The latest acknowledgement of a forgotten place.
    base_acknowledged: Option<Instant>,
    log: VecDeque<Slot>,
    /// The highest place that was acknowledged.
    acknowledged: u64,
    violations: Vec<Violation>,
}

/// What one replica was told since it began.
#[derive(Clone, Copy, Debug)]
struct Told {
    upto: u64,
    /// Of all of it; `None` where that cannot be known.
    digest: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    entry: Option<Entry>,
    digest: u64,
    acknowledged: Option<Instant>,
}

impl Told {
    const NOTHING: Self = Self {
        upto: 0,
        digest: Some(0),
    };
}

impl Checker {
    /// One for a group of this many, that has heard nothing. Reads at any replica are held to
    /// `staleness`, where it is given.
    pub fn new(size: u32, staleness: Option<Duration>) -> Self {
        Self {
            nodes: vec![Told::NOTHING; size as usize],
            staleness,
            reigns: BTreeMap::new(),
            proposed: BTreeSet::new(),
            places: BTreeMap::new(),
            base: 0,
            base_digest: 0,
            base_acknowledged: None,
            log: VecDeque::new(),
            acknowledged: 0,
            violations: Vec::new(),
        }
    }

    /// A replica leads from now on.
    pub fn leads(&mut self, node: Node, term: Term) {
        let first = *self.reigns.entry(term).or_insert(node);
        if first != node {
            self.found(Violation::TwoLeaders {
                term,
                first,
                second: node,
            });
        }
    }

    /// A replica has taken an entry.
    pub fn proposed(&mut self, entry: Entry) {
        self.proposed.insert(entry);
    }

    /// A replica was told an entry's place.
    pub fn committed(&mut self, node: Node, index: u64, entry: Option<Entry>) {
        let told = self.nodes[node.0 as usize];
        let due = told.upto + 1;
        if index != due {
            self.found(Violation::OutOfOrder { node, index, due });
        }
        if index == self.last() + 1 {
            self.first_told(index, entry);
        }
        let digest = match told.digest {
            Some(before) if index == due => Some(chained(before, entry)),
            _ => None,
        };
        let agreed = match self.slot(index) {
            Some(slot) => slot.entry == entry && digest.is_none_or(|digest| digest == slot.digest),
            None => index != self.base || digest.is_none_or(|digest| digest == self.base_digest),
        };
        if !agreed {
            self.found(Violation::Disagreement { index, node });
            if let Some(&Slot {
                entry: Some(lost),
                acknowledged: Some(_),
                ..
            }) = self.slot(index)
                && entry != Some(lost)
            {
                self.found(Violation::AcknowledgedLost {
                    entry: lost,
                    index,
                    node,
                });
            }
        }
        // One disagreement is told once: from here on it is held to what stands.
        let digest = if agreed {
            digest
        } else {
            self.digest_at(index)
        };
        let upto = index.max(told.upto);
        self.nodes[node.0 as usize] = Told { upto, digest };
    }

    /// A replica need not be told what stands up to this place: it has it already, or was given it.
    pub fn restored(&mut self, node: Node, index: u64) {
        let told = self.nodes[node.0 as usize];
        if index < told.upto || index > self.last() {
            self.found(Violation::FalseSnapshot { node, index });
            return;
        }
        let digest = self.digest_at(index);
        self.nodes[node.0 as usize] = Told {
            upto: index,
            digest,
        };
    }

    /// Somebody was told that an entry is written.
    pub fn acknowledged(&mut self, now: Instant, entry: Entry) {
        let Some(&place) = self.places.get(&entry) else {
            // One that is in neither has been committed and forgotten.
            if self.proposed.contains(&entry) {
                self.found(Violation::AcknowledgedEarly { entry });
            }
            return;
        };
        self.acknowledged = self.acknowledged.max(place);
        let slot = &mut self.log[(place - self.base - 1) as usize];
        slot.acknowledged.get_or_insert(now);
    }

    /// A replica has crashed: it will be told everything again.
    pub fn crashed(&mut self, node: Node) {
        self.nodes[node.0 as usize] = Told::NOTHING;
    }

    /// How much of the log has been acknowledged: what a read that begins now must see when a leader
    /// answers it alone. The host keeps it with the read, for [`Checker::read_at_leader`].
    pub fn floor(&self) -> u64 {
        self.acknowledged
    }

    /// A replica answers a read alone, as [may_read](super::Replica::may_read) allows.
    pub fn read_at_leader(&mut self, node: Node, floor: u64) {
        let knew = self.nodes[node.0 as usize].upto;
        if knew < floor {
            self.found(Violation::LeaderReadMissed {
                node,
                knew,
                acknowledged: floor,
            });
        }
    }

    /// A replica answers a read as far as it knows. Says by how much it is behind: how long ago the
    /// first entry that it misses was acknowledged (for a replica that is still being told what is
    /// forgotten, at least).
    pub fn read(&mut self, now: Instant, node: Node) -> Duration {
        let knew = self.nodes[node.0 as usize].upto;
        let forgotten = self.base_acknowledged.filter(|_| knew < self.base);
        let missed = self
            .log
            .iter()
            .skip(knew.saturating_sub(self.base) as usize);
        let missed = missed.filter_map(|slot| slot.acknowledged).chain(forgotten);
        let behind = missed.min().map_or(Duration::ZERO, |at| now.since(at));
        if let Some(bound) = self.staleness.filter(|&bound| behind > bound) {
            self.found(Violation::TooStale {
                node,
                behind,
                bound,
            });
        }
        behind
    }

    /// The rules broken so far, in the order of their breach; the first hundred.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// How much of the log any replica has been told.
    pub fn last(&self) -> u64 {
        self.base + self.log.len() as u64
    }

    /// How much of the log a replica has been told since it began.
    pub fn told(&self, node: Node) -> u64 {
        self.nodes[node.0 as usize].upto
    }

    /// How much of the log every replica knows now: what can be forgotten.
    pub fn everywhere(&self) -> u64 {
        self.nodes.iter().map(|told| told.upto).min().unwrap_or(0)
    }

    /// Lets go what stands up to this place; at most what any replica has been told. Of reigns, only
    /// the latest are kept. Worth calling for many places at a time.
    pub fn forget(&mut self, upto: u64) {
        while self.base < upto
            && let Some(slot) = self.log.pop_front()
        {
            self.base += 1;
            self.base_digest = slot.digest;
            self.base_acknowledged = self.base_acknowledged.max(slot.acknowledged);
            if let Some(entry) = slot.entry {
                self.places.remove(&entry);
            }
        }
        while self.reigns.len() > REIGNS_KEPT {
            self.reigns.pop_first();
        }
    }

    /// A place that nobody has been told before.
    fn first_told(&mut self, index: u64, entry: Option<Entry>) {
        if let Some(entry) = entry {
            if let Some(&first) = self.places.get(&entry) {
                self.found(Violation::CommittedTwice {
                    entry,
                    first,
                    second: index,
                });
            } else if !self.proposed.remove(&entry) {
                self.found(Violation::NeverProposed { entry, index });
            }
            self.places.entry(entry).or_insert(index);
        }
        let before = self.log.back().map_or(self.base_digest, |slot| slot.digest);
        self.log.push_back(Slot {
            entry,
            digest: chained(before, entry),
            acknowledged: None,
        });
    }

    fn slot(&self, index: u64) -> Option<&Slot> {
        let offset = index.checked_sub(self.base + 1)?;
        self.log.get(offset as usize)
    }

    fn digest_at(&self, index: u64) -> Option<u64> {
        if index == self.base {
            return Some(self.base_digest);
        }
        self.slot(index).map(|slot| slot.digest)
    }

    #[cold]
    fn found(&mut self, violation: Violation) {
        if self.violations.len() < MOST_KEPT {
            self.violations.push(violation);
        }
    }
}

/// A digest of a prefix and one more: the finalizer of SplitMix64 over both.
fn chained(before: u64, entry: Option<Entry>) -> u64 {
    let value = entry.map_or(0, |entry| entry.0.wrapping_add(1));
    let mut z = before.rotate_left(25) ^ value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Node = Node(0);
    const B: Node = Node(1);

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    /// Three entries, told at A in the order of their numbers.
    fn three_at_a() -> Checker {
        let mut checker = Checker::new(2, Some(Duration::from_millis(10)));
        for n in 1..=3 {
            checker.proposed(Entry(n));
            checker.committed(A, n, Some(Entry(n)));
        }
        checker
    }

    #[test]
    fn one_log_breaks_no_rule() {
        let mut checker = three_at_a();
        checker.leads(A, Term(1));
        checker.leads(A, Term(1));
        checker.acknowledged(at(1), Entry(1));
        checker.committed(B, 1, Some(Entry(1)));
        checker.crashed(A);
        checker.leads(B, Term(2));
        checker.committed(B, 2, Some(Entry(2)));
        for n in 1..=3 {
            checker.committed(A, n, Some(Entry(n)));
        }
        checker.committed(A, 4, None);
        checker.read_at_leader(B, checker.floor());
        assert_eq!(checker.read(at(100), B), Duration::ZERO);
        assert_eq!(checker.violations(), []);
    }

    #[test]
    fn a_term_has_one_leader() {
        let mut checker = three_at_a();
        checker.leads(A, Term(1));
        checker.leads(B, Term(1));
        let wanted = Violation::TwoLeaders {
            term: Term(1),
            first: A,
            second: B,
        };
        assert_eq!(checker.violations(), [wanted]);
    }

    #[test]
    fn another_entry_in_an_acknowledged_place_is_a_write_lost() {
        let mut checker = three_at_a();
        checker.acknowledged(at(1), Entry(1));
        checker.proposed(Entry(9));
        checker.committed(B, 1, Some(Entry(9)));
        let wanted = [
            Violation::Disagreement { index: 1, node: B },
            Violation::AcknowledgedLost {
                entry: Entry(1),
                index: 1,
                node: B,
            },
        ];
        assert_eq!(checker.violations(), wanted);
    }

    #[test]
    fn places_are_told_in_order_and_from_the_first_after_a_crash() {
        let mut checker = three_at_a();
        checker.committed(A, 3, Some(Entry(3)));
        checker.crashed(A);
        checker.committed(A, 2, Some(Entry(2)));
        let out = |index, due| Violation::OutOfOrder {
            node: A,
            index,
            due,
        };
        assert_eq!(checker.violations(), [out(3, 4), out(2, 1)]);
    }

    #[test]
    fn an_entry_is_proposed_once_and_has_one_place() {
        let mut checker = three_at_a();
        checker.committed(A, 4, Some(Entry(2)));
        checker.committed(A, 5, Some(Entry(7)));
        let wanted = [
            Violation::CommittedTwice {
                entry: Entry(2),
                first: 2,
                second: 4,
            },
            Violation::NeverProposed {
                entry: Entry(7),
                index: 5,
            },
        ];
        assert_eq!(checker.violations(), wanted);
    }

    #[test]
    fn what_is_acknowledged_is_committed() {
        let mut checker = three_at_a();
        checker.proposed(Entry(8));
        checker.acknowledged(at(1), Entry(8));
        let wanted = Violation::AcknowledgedEarly { entry: Entry(8) };
        assert_eq!(checker.violations(), [wanted]);
    }

    #[test]
    fn a_leader_s_read_sees_what_was_acknowledged_before_it_began() {
        let mut checker = three_at_a();
        let before = checker.floor();
        checker.acknowledged(at(1), Entry(2));
        checker.read_at_leader(B, before);
        assert_eq!(checker.violations(), []);
        checker.read_at_leader(B, checker.floor());
        let wanted = Violation::LeaderReadMissed {
            node: B,
            knew: 0,
            acknowledged: 2,
        };
        assert_eq!(checker.violations(), [wanted]);
    }

    #[test]
    fn staleness_counts_from_the_first_acknowledgement_that_was_missed() {
        let mut checker = three_at_a();
        checker.acknowledged(at(5), Entry(2));
        checker.acknowledged(at(7), Entry(1));
        checker.committed(B, 1, Some(Entry(1)));
        assert_eq!(checker.read(at(15), B), Duration::from_millis(10));
        assert_eq!(checker.violations(), []);
        checker.read(at(16), B);
        let wanted = Violation::TooStale {
            node: B,
            behind: Duration::from_millis(11),
            bound: Duration::from_millis(10),
        };
        assert_eq!(checker.violations(), [wanted]);
    }

    #[test]
    fn the_forgotten_is_still_agreed_on() {
        let mut checker = three_at_a();
        checker.acknowledged(at(1), Entry(1));
        checker.forget(2);
        assert_eq!((checker.last(), checker.everywhere()), (3, 0));
        checker.committed(B, 1, Some(Entry(2)));
        assert_eq!(checker.violations(), []);
        checker.committed(B, 2, Some(Entry(1)));
        let wanted = [Violation::Disagreement { index: 2, node: B }];
        assert_eq!(checker.violations(), wanted);
        checker.crashed(A);
        checker.restored(A, 2);
        checker.committed(A, 3, Some(Entry(3)));
        checker.acknowledged(at(2), Entry(1));
        assert_eq!(checker.violations(), wanted);
        assert_eq!(checker.everywhere(), 2);
    }

    #[test]
    fn a_replica_does_not_begin_at_what_nobody_was_told() {
        let mut checker = three_at_a();
        checker.restored(B, 4);
        let wanted = Violation::FalseSnapshot { node: B, index: 4 };
        assert_eq!(checker.violations(), [wanted]);
    }
}

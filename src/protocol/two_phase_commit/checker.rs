//! The checker: hears what each site sent, logged and decided, and says whether that was atomic
//! commitment and what it cost. Refuses to know how the machines work: it holds none of their code,
//! and can listen to any other implementation.
//!
//! The rules are those of Bernstein, Hadzilacos, Goodman 1987, section 7.3 (AC1: all that decide
//! decide the same; AC2: no decision is reversed; AC3: commit only if all voted yes), and the
//! write-ahead rules of presumed abort, whose breach does harm only when a crash hits the right
//! moment. That every participant learns the outcome in the end (AC5) is the host's to judge, who
//! alone knows when faults have ceased: see [`Checker::in_doubt`].

use super::cost::{Cost, Stamp};
use super::log::Record;
use super::message::{Message, Vote};
use super::violation::Violation;
use crate::transaction::{Outcome, Site, Txn};
use std::collections::{BTreeMap, BTreeSet};

/// Listens to any number of transactions. The host tells it what happens, when it happens.
#[derive(Clone, Debug, Default)]
pub struct Checker {
    txns: BTreeMap<Txn, Seen>,
    violations: Vec<Violation>,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    participants: BTreeSet<Site>,
    prepared: BTreeSet<Site>,
    committed: BTreeSet<Site>,
    read_only: BTreeSet<Site>,
    commit_logged: bool,
    decided: BTreeMap<Site, Outcome>,
    chains: BTreeMap<Site, Stamp>,
    cost: Cost,
}

impl Checker {
    /// One that has heard nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// A transaction and all who vote on it; before anything else about it.
    pub fn begun(&mut self, txn: Txn, participants: &[Site]) {
        let seen = self.txns.entry(txn).or_default();
        seen.participants = participants.iter().copied().collect();
    }

    /// A message leaves its site. A message between two roles of one site costs nothing when the
    /// host does not tell of it.
    pub fn sent(&mut self, from: Site, msg: &Message) -> Stamp {
        let txn = msg.txn();
        let seen = self.txns.entry(txn).or_default();
        let cost = &mut seen.cost;
        match msg {
            Message::Prepare { .. } => cost.prepares += 1,
            Message::Vote { vote, .. } => {
                cost.votes += 1;
                self.voted(from, txn, *vote);
            }
            Message::Decision { .. } => cost.decisions += 1,
            Message::Ack { .. } => {
                cost.acks += 1;
                if !seen.committed.contains(&from) {
                    self.violations
                        .push(Violation::AckBeforeLog { txn, site: from });
                }
            }
            Message::Inquiry { .. } | Message::PeerInquiry { .. } => cost.inquiries += 1,
        }
        let mut stamp = self.chain(from, txn);
        stamp.delays += 1;
        stamp
    }

    /// A participant votes, by a message within its site that [`Checker::sent`] is not told of.
    /// Needed where it has only read.
    pub fn voted(&mut self, site: Site, txn: Txn, vote: Vote) {
        let seen = self.txns.entry(txn).or_default();
        match vote {
            Vote::Yes if !seen.prepared.contains(&site) => {
                self.violations.push(Violation::VoteBeforeLog { txn, site });
            }
            Vote::ReadOnly => {
                seen.read_only.insert(site);
            }
            Vote::Yes | Vote::No => {}
        }
    }

    /// A message with this stamp arrives.
    pub fn received(&mut self, at: Site, msg: &Message, stamp: Stamp) {
        let seen = self.txns.entry(msg.txn()).or_default();
        let chain = seen.chains.entry(at).or_default();
        chain.delays = chain.delays.max(stamp.delays);
        chain.writes = chain.writes.max(stamp.writes);
    }

    /// A forced write has ended; before the machine hears of it.
    pub fn forced(&mut self, at: Site, record: &Record) {
        let seen = self.txns.entry(record.txn()).or_default();
        match record {
            Record::Prepared { .. } => seen.cost.forced_prepared += 1,
            Record::Commit { .. } => seen.cost.forced_commit += 1,
            Record::Committed { .. } => seen.cost.forced_committed += 1,
            Record::Abort { .. } | Record::End { .. } | Record::Aborted { .. } => {}
        }
        seen.chains.entry(at).or_default().writes += 1;
        self.stable(at, record);
    }

    /// A record has become stable without a force of its own having ended: with a later one, or
    /// found after a crash.
    pub fn stable(&mut self, at: Site, record: &Record) {
        let seen = self.txns.entry(record.txn()).or_default();
        match record {
            Record::Prepared { .. } => {
                seen.prepared.insert(at);
            }
            Record::Commit { .. } => seen.commit_logged = true,
            Record::Committed { .. } => {
                seen.committed.insert(at);
            }
            Record::Abort { .. } | Record::End { .. } | Record::Aborted { .. } => {}
        }
    }

    /// A site decides, in either role.
    pub fn decided(&mut self, site: Site, txn: Txn, outcome: Outcome) {
        let chain = self.chain(site, txn);
        let seen = self.txns.entry(txn).or_default();
        if let Some(&first) = seen.decided.get(&site) {
            if first != outcome {
                let broken = Violation::Reversal { txn, site, first };
                self.violations.push(broken);
            }
            return;
        }
        if let Some((&other, _)) = seen.decided.iter().find(|&(_, &told)| told != outcome) {
            let (committed, aborted) = match outcome {
                Outcome::Commit => (site, other),
                Outcome::Abort => (other, site),
            };
            self.violations.push(Violation::Disagreement {
                txn,
                committed,
                aborted,
            });
        }
        let first_commit = outcome == Outcome::Commit
            && !seen.decided.values().any(|&told| told == Outcome::Commit);
        if first_commit {
            let bound =
                |site: &&Site| !seen.prepared.contains(*site) && !seen.read_only.contains(*site);
            if let Some(&participant) = seen.participants.iter().find(bound) {
                self.violations
                    .push(Violation::CommitWithoutVote { txn, participant });
            }
            let writers = seen
                .participants
                .iter()
                .any(|p| !seen.read_only.contains(p));
            if writers && !seen.commit_logged {
                self.violations
                    .push(Violation::CommitBeforeLog { txn, site });
            }
        }
        seen.decided.insert(site, outcome);
        if seen.participants.contains(&site) {
            seen.cost.delays = seen.cost.delays.max(chain.delays);
            seen.cost.writes_in_a_row = seen.cost.writes_in_a_row.max(chain.writes);
        }
    }

    /// The rules broken so far, in the order of their breach.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// What the transaction has cost so far; `None` when nothing was heard of it.
    pub fn cost(&self, txn: Txn) -> Option<Cost> {
        self.txns.get(&txn).map(|seen| seen.cost)
    }

    /// What a site has decided.
    pub fn decision(&self, txn: Txn, site: Site) -> Option<Outcome> {
        self.txns.get(&txn)?.decided.get(&site).copied()
    }

    /// Who has a stable prepared record and has never decided.
    pub fn in_doubt(&self) -> impl Iterator<Item = (Txn, Site)> {
        self.txns.iter().flat_map(|(&txn, seen)| {
            let prepared = seen.prepared.iter();
            let waiting = prepared.filter(|site| !seen.decided.contains_key(site));
            waiting.map(move |&site| (txn, site))
        })
    }

    /// Lets a transaction go about which nothing more will be heard. Its violations stay.
    pub fn forget(&mut self, txn: Txn) {
        self.txns.remove(&txn);
    }

    fn chain(&self, site: Site, txn: Txn) -> Stamp {
        let seen = self.txns.get(&txn);
        seen.and_then(|seen| seen.chains.get(&site).copied())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const TXN: Txn = Txn(1);
    const A: Site = Site(1);
    const B: Site = Site(2);

    fn prepared(checker: &mut Checker, site: Site) {
        let record = Record::Prepared {
            txn: TXN,
            coordinator: Site(0),
            participants: Arc::from([A, B]),
        };
        checker.forced(site, &record);
    }

    fn commit_logged(checker: &mut Checker) {
        let record = Record::Commit {
            txn: TXN,
            participants: Arc::from([A, B]),
        };
        checker.forced(Site(0), &record);
    }

    #[test]
    fn a_clean_commit_breaks_no_rule() {
        let mut checker = Checker::new();
        checker.begun(TXN, &[A, B]);
        prepared(&mut checker, A);
        prepared(&mut checker, B);
        commit_logged(&mut checker);
        for site in [Site(0), A, B, A] {
            checker.decided(site, TXN, Outcome::Commit);
        }
        assert_eq!(checker.violations(), []);
        assert_eq!(checker.in_doubt().count(), 0);
    }

    #[test]
    fn who_is_prepared_and_hears_nothing_is_in_doubt() {
        let mut checker = Checker::new();
        checker.begun(TXN, &[A, B]);
        prepared(&mut checker, B);
        assert_eq!(checker.in_doubt().collect::<Vec<_>>(), [(TXN, B)]);
        checker.decided(B, TXN, Outcome::Abort);
        assert_eq!(checker.in_doubt().count(), 0);
    }

    #[test]
    fn each_rule_of_decisions_is_watched() {
        let mut checker = Checker::new();
        checker.begun(TXN, &[A, B]);
        prepared(&mut checker, A);
        checker.decided(A, TXN, Outcome::Commit);
        checker.decided(B, TXN, Outcome::Abort);
        checker.decided(A, TXN, Outcome::Abort);
        let (txn, site) = (TXN, A);
        let wanted = [
            Violation::CommitWithoutVote {
                txn,
                participant: B,
            },
            Violation::CommitBeforeLog { txn, site },
            Violation::Disagreement {
                txn,
                committed: A,
                aborted: B,
            },
            Violation::Reversal {
                txn,
                site,
                first: Outcome::Commit,
            },
        ];
        assert_eq!(checker.violations(), wanted);
    }

    #[test]
    fn each_rule_of_the_log_is_watched() {
        let mut checker = Checker::new();
        checker.begun(TXN, &[A, B]);
        let vote = Vote::Yes;
        checker.sent(A, &Message::Vote { txn: TXN, vote });
        checker.sent(A, &Message::Ack { txn: TXN });
        let (txn, site) = (TXN, A);
        let wanted = [
            Violation::VoteBeforeLog { txn, site },
            Violation::AckBeforeLog { txn, site },
        ];
        assert_eq!(checker.violations(), wanted);
    }

    #[test]
    fn a_reader_is_not_waited_for() {
        let mut checker = Checker::new();
        checker.begun(TXN, &[A, B]);
        prepared(&mut checker, A);
        commit_logged(&mut checker);
        checker.voted(B, TXN, Vote::ReadOnly);
        checker.decided(A, TXN, Outcome::Commit);
        assert_eq!(checker.violations(), []);
    }
}

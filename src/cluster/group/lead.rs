//! Who leads a group, as somebody would see who sees all: among the replicas that run and take
//! themselves for the leader, the one of the latest term.

use super::Groups;
use crate::observer::{GroupFact, Observer};
use crate::world::World;
use clock::Instant;
use protocol::replication::{Role, Term};

/// Who leads, and how elections go.
#[derive(Debug, Default)]
pub(super) struct Leadership {
    /// By member, and their term.
    leader: Option<(u32, Term)>,
    /// Since when nobody has led, while nobody does.
    since: Instant,
    contest: Contest,
}

/// The latest term in which somebody stood for election.
#[derive(Debug, Default)]
struct Contest {
    term: Term,
    candidates: u32,
    won: bool,
}

impl Contest {
    /// A later term may begin; answers whether the votes of this one were split.
    fn pass_to(&mut self, term: Term) -> bool {
        if term <= self.term {
            return false;
        }
        let split = !self.won && self.candidates > 1;
        *self = Self {
            term,
            ..Self::default()
        };
        split
    }
}

impl Leadership {
    pub(super) fn leader(&self) -> Option<u32> {
        self.leader.map(|(member, _)| member)
    }
}

impl Groups {
    /// The member that leads now, by its own word and the world's.
    fn who_leads(&self, member: u32, runs: impl Fn(u32) -> bool) -> Option<(u32, Term)> {
        let group = self.group(member);
        let members = group.first_member..group.first_member + group.size;
        let leads = |member: u32| match self.members[member as usize].role {
            Some(Role::Leader(term)) if runs(self.instance(member)) => Some((member, term)),
            _ => None,
        };
        members.filter_map(leads).max_by_key(|(_, term)| *term)
    }
}

impl World {
    /// A replica's part has changed.
    pub(super) fn takes_part<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        member: u32,
        role: Role,
    ) {
        let replica = &mut self.groups.members[member as usize];
        replica.role = Some(role);
        let group = &mut self.groups.groups[replica.group as usize];
        let service = group.service as usize;
        let contest = &mut group.lead.contest;
        match role {
            Role::Candidate(term) => {
                if contest.pass_to(term) {
                    obs.group(now, service, GroupFact::SplitVote);
                }
                contest.candidates += u32::from(term == contest.term);
                obs.group(now, service, GroupFact::Candidate);
            }
            Role::Leader(term) => {
                if contest.pass_to(term) {
                    obs.group(now, service, GroupFact::SplitVote);
                }
                contest.won |= term == contest.term;
                group.checker.leads(replica.node, term);
            }
            Role::Follower(..) => {}
        }
        self.look_who_leads(now, obs, member);
    }

    /// Finds out anew who leads the group of a member, and says what has changed.
    pub(super) fn look_who_leads<O: Observer>(&mut self, now: Instant, obs: &mut O, member: u32) {
        let instances = &self.instances;
        let runs = |id: u32| {
            let instance = &instances[id as usize];
            instance.is_up() && instance.pauses == 0
        };
        let leader = self.groups.who_leads(member, runs);
        let group = self.groups.members[member as usize].group;
        let group = &mut self.groups.groups[group as usize];
        let before = core::mem::replace(&mut group.lead.leader, leader);
        if before == leader {
            return;
        }
        let fact = match (before, leader) {
            (Some(_), None) => {
                group.lead.since = now;
                GroupFact::Leaderless
            }
            (None, _) => GroupFact::Leads {
                leaderless: now.since(group.lead.since),
            },
            (Some(_), Some(_)) => GroupFact::Leads {
                leaderless: clock::Duration::ZERO,
            },
        };
        obs.group(now, group.service as usize, fact);
    }
}

//! The network: delays and loses messages.
//!
//! It refuses to know what a message means. Between two instances the closest rule decides; on top
//! of it come the faults of the moment. A workload's clients count as standing in the zone of the
//! instance that they reach, so that their messages take `within_zone` unless a rule names them.

use crate::place::{Location, contains};
use crate::sampler;
use clock::Duration;
use engine::{Bits, Keyed, Sampler};
use model::{Model, Place};

/// What a message meets.
#[derive(Debug)]
struct Path {
    latency: Sampler,
    loss: f64,
}

#[derive(Debug)]
struct Rule {
    from: Place,
    to: Place,
    path: Path,
}

/// A disturbance of the moment, by the fault that makes it.
#[derive(Debug)]
struct Disturbance {
    fault: u32,
    kind: DisturbanceKind,
}

#[derive(Debug)]
pub(crate) enum DisturbanceKind {
    Delay {
        from: Option<Place>,
        to: Option<Place>,
        add: Sampler,
    },
    Loss {
        from: Option<Place>,
        to: Option<Place>,
        ratio: f64,
    },
    Partition {
        groups: Vec<Vec<Place>>,
    },
}

/// Delays and losses between all places.
#[derive(Debug)]
pub(crate) struct Network {
    within_zone: Path,
    between_zones: Path,
    rules: Vec<Rule>,
    disturbances: Vec<Disturbance>,
    /// No delay, no loss, no rule, no disturbance: every message arrives at once.
    ideal: bool,
}

impl Network {
    pub(crate) fn new(model: &Model) -> Self {
        let path = |link: &model::Link| Path {
            latency: sampler::lower(&link.latency),
            loss: link.loss,
        };
        let mut rules: Vec<Rule> = model
            .network
            .links
            .iter()
            .rev() // among equally close rules, the later one
            .map(|rule| Rule {
                from: rule.from,
                to: rule.to,
                path: path(&rule.link),
            })
            .collect();
        rules.sort_by_key(|rule| core::cmp::Reverse(closeness(rule.from) + closeness(rule.to)));
        let mut network = Self {
            within_zone: path(&model.network.within_zone),
            between_zones: path(&model.network.between_zones),
            rules,
            disturbances: Vec::new(),
            ideal: false,
        };
        network.ideal = network.is_ideal();
        network
    }

    fn is_ideal(&self) -> bool {
        let instant =
            |path: &Path| path.loss == 0.0 && matches!(path.latency, Sampler::Constant(0));
        self.rules.is_empty()
            && self.disturbances.is_empty()
            && instant(&self.within_zone)
            && instant(&self.between_zones)
    }

    /// Whether every message arrives at once, so that nobody need ask where it goes.
    #[inline]
    pub(crate) fn is_instant(&self) -> bool {
        self.ideal
    }

    /// Whether no fault disturbs it, and most messages arrive.
    pub(crate) fn is_calm(&self) -> bool {
        let most = |path: &Path| path.loss <= 0.5;
        self.disturbances.is_empty()
            && self.rules.iter().all(|rule| most(&rule.path))
            && most(&self.within_zone)
            && most(&self.between_zones)
    }

    /// How long a message takes; `None` when it is lost. `key` belongs to the message.
    pub(crate) fn carry(&self, from: Location, to: Location, key: u64) -> Option<Duration> {
        if let (Location::Instance { id: a, .. }, Location::Instance { id: b, .. }) = (from, to)
            && a == b
        {
            return Some(Duration::ZERO);
        }
        let mut bits = Keyed::new(key);
        let path = self.path(from, to);
        if path.loss > 0.0 && bits.unit() < path.loss {
            return None;
        }
        let mut time = path.latency.sample(&mut bits);
        for disturbance in &self.disturbances {
            match &disturbance.kind {
                DisturbanceKind::Delay {
                    from: a,
                    to: b,
                    add,
                } => {
                    if matches(*a, from) && matches(*b, to) {
                        time = time.saturating_add(add.sample(&mut bits));
                    }
                }
                DisturbanceKind::Loss {
                    from: a,
                    to: b,
                    ratio,
                } => {
                    if matches(*a, from) && matches(*b, to) && bits.unit() < *ratio {
                        return None;
                    }
                }
                DisturbanceKind::Partition { groups } => {
                    if divides(groups, from, to) {
                        return None;
                    }
                }
            }
        }
        Some(time)
    }

    fn path(&self, from: Location, to: Location) -> &Path {
        for rule in &self.rules {
            if contains(rule.from, from) && contains(rule.to, to) {
                return &rule.path;
            }
        }
        match (from, to) {
            (Location::Instance { zone: a, .. }, Location::Instance { zone: b, .. }) if a != b => {
                &self.between_zones
            }
            _ => &self.within_zone,
        }
    }

    /// The fault that a message between two places meets: one that loses it, or one that delays it.
    pub(crate) fn disturbed_by(&self, from: Location, to: Location, lost: bool) -> Option<u32> {
        let joins = |a: Option<Place>, b: Option<Place>| {
            matches(a, from) && matches(b, to) || matches(a, to) && matches(b, from)
        };
        let met = self.disturbances.iter().find(|one| match &one.kind {
            DisturbanceKind::Delay { from: a, to: b, .. } => !lost && joins(*a, *b),
            DisturbanceKind::Loss { from: a, to: b, .. } => lost && joins(*a, *b),
            DisturbanceKind::Partition { groups } => lost && divides(groups, from, to),
        });
        met.map(|one| one.fault)
    }

    /// A fault that divides the network.
    pub(crate) fn divided_by(&self) -> Option<u32> {
        let mut disturbances = self.disturbances.iter();
        let divides = |one: &&Disturbance| matches!(one.kind, DisturbanceKind::Partition { .. });
        disturbances.find(divides).map(|one| one.fault)
    }

    pub(crate) fn disturb(&mut self, fault: u32, kind: DisturbanceKind) {
        self.disturbances.push(Disturbance { fault, kind });
        self.ideal = false;
    }

    pub(crate) fn calm(&mut self, fault: u32) {
        self.disturbances
            .retain(|disturbance| disturbance.fault != fault);
        self.ideal = self.is_ideal();
    }
}

/// Whether two locations lie in different groups of a partition.
fn divides(groups: &[Vec<Place>], from: Location, to: Location) -> bool {
    let group = |l| {
        groups
            .iter()
            .position(|g| g.iter().any(|p| contains(*p, l)))
    };
    matches!((group(from), group(to)), (Some(a), Some(b)) if a != b)
}

/// How much a place says: a service says more than a zone, an instance more than a service.
fn closeness(place: Place) -> u32 {
    match place {
        Place::Zone(_) => 1,
        Place::Node(..) => 2,
        Place::Service(_) | Place::Workload(_) => 4,
        Place::Instance(..) => 8,
    }
}

fn matches(place: Option<Place>, location: Location) -> bool {
    place.is_none_or(|place| contains(place, location))
}

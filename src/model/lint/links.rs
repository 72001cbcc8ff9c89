//! What the network adds to a call at least, whatever the placement of instances: the least mean
//! among the links that its messages may take.

use super::graph::{Caller, Graph, Site, Time};
use crate::types::{Place, ServiceId};

/// The links of a model, the closest first.
pub(super) struct Links {
    rules: Vec<(Place, Place, Time)>,
    within: Time,
    between: Time,
    zones: usize,
}

/// How much is known of whether a place holds an instance of a service.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Holds {
    No,
    Perhaps,
    Yes,
}

impl Links {
    pub(super) fn new(graph: &Graph<'_>) -> Self {
        let network = &graph.model.network;
        let mut rules: Vec<_> = network
            .links
            .iter()
            .rev() // among equally close rules, the later one
            .map(|rule| (rule.from, rule.to, Time::of(&rule.link.latency)))
            .collect();
        rules.sort_by_key(|(from, to, _)| std::cmp::Reverse(closeness(*from) + closeness(*to)));
        Self {
            rules,
            within: Time::of(&network.within_zone.latency),
            between: Time::of(&network.between_zones.latency),
            zones: graph.model.zones.len(),
        }
    }

    /// There and back.
    pub(super) fn round_trip(&self, graph: &Graph<'_>, site: &Site) -> Time {
        let target = graph.service_of(site);
        let caller = match site.caller {
            // Clients stand in the zone of the instance that they reach, and no rule names them.
            Caller::Workload(_) => return twice(self.within, self.within),
            Caller::Endpoint(endpoint) => graph.endpoints[endpoint].target.service,
        };
        if caller == target {
            // An instance that calls itself uses no network.
            return Time::ZERO;
        }
        twice(self.one_way(caller, target), self.one_way(target, caller))
    }

    fn one_way(&self, from: ServiceId, to: ServiceId) -> Time {
        let mut best: Option<Time> = None;
        let mut take = |time: Time| best = Some(best.map_or(time, |best| lesser(best, time)));
        for (a, b, time) in &self.rules {
            match self.holds(*a, from).min(self.holds(*b, to)) {
                Holds::No => {}
                Holds::Perhaps => take(*time),
                Holds::Yes => {
                    take(*time);
                    return best.unwrap_or(*time);
                }
            }
        }
        take(self.within);
        if self.zones > 1 {
            take(self.between);
        }
        best.unwrap_or(self.within)
    }

    fn holds(&self, place: Place, service: ServiceId) -> Holds {
        let known = |yes| if yes { Holds::Yes } else { Holds::No };
        match place {
            Place::Service(this) => known(this == service),
            Place::Instance(this, _) if this == service => Holds::Perhaps,
            Place::Zone(_) if self.zones == 1 => Holds::Yes,
            Place::Zone(_) | Place::Node(..) => Holds::Perhaps,
            Place::Instance(..) | Place::Workload(_) => Holds::No,
        }
    }
}

/// The order in which rules are asked, as in a run: a service says more than a zone.
fn closeness(place: Place) -> u32 {
    match place {
        Place::Zone(_) => 1,
        Place::Node(..) => 2,
        Place::Service(_) | Place::Workload(_) => 4,
        Place::Instance(..) => 8,
    }
}

fn twice(a: Time, b: Time) -> Time {
    Time {
        mean: a.mean + b.mean,
        typical: a.typical + b.typical,
        least: a.least + b.least,
    }
}

fn lesser(a: Time, b: Time) -> Time {
    Time {
        mean: a.mean.min(b.mean),
        typical: a.typical.min(b.typical),
        least: a.least.min(b.least),
    }
}

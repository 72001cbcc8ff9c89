//! Zones, and the network within and between them.

use crate::names::{Kind as PlaceKind, Names};
use crate::quantity::{Count, Ratio};
use crate::reader::{At, List, Reader};
use crate::shape::record;
use crate::types::{Distribution, Link, LinkRule, Network};
use clock::Duration;

record! {
    /// A zone; its nodes are NAME-1, NAME-2, …
    ZoneShape {
        /// How many nodes it has.
        default nodes: Count<1, 10_000> = "1",
    }
}

record! {
    /// Delays and losses of messages.
    NetworkShape {
        /// Both ends in one zone; also between clients and the instance that they reach.
        default within_zone: LinkShape = "{}",
        /// The ends in different zones.
        default between_zones: LinkShape = "{}",
        /// Exceptions; the closest match wins.
        optional links: List<LinkRuleShape>,
    }
}

record! {
    /// What a message meets on its way.
    LinkShape {
        /// One way, per message.
        default latency: Distribution = "0s",
        /// The share of messages that vanish.
        default loss: Ratio = "0",
    }
}

record! {
    /// A link between two named places, in the direction given.
    LinkRuleShape {
        /// A zone or a service.
        required from: String,
        /// A zone or a service.
        required to: String,
        /// One way, per message.
        default latency: Distribution = "0s",
        /// The share of messages that vanish.
        default loss: Ratio = "0",
    }
}

/// Finds the places that links name.
pub(crate) fn resolve(
    network: Option<At<NetworkShape>>,
    names: &Names,
    cx: &mut Reader<'_>,
) -> Network {
    let Some(network) = network else {
        let none = Link {
            latency: Distribution::Constant(Duration::ZERO),
            loss: 0.0,
        };
        return Network {
            within_zone: none.clone(),
            between_zones: none,
            links: Vec::new(),
        };
    };
    let link = |shape: At<LinkShape>| Link {
        latency: shape.value.latency.value,
        loss: shape.value.loss.0,
    };
    let network = network.value;
    let rules = network.links.map_or_else(Vec::new, |links| links.value.0);
    let mut links = Vec::with_capacity(rules.len());
    for rule in rules {
        let from = names.place(&rule.from, &[PlaceKind::Zone, PlaceKind::Service], cx);
        let to = names.place(&rule.to, &[PlaceKind::Zone, PlaceKind::Service], cx);
        if let (Some(from), Some(to)) = (from, to) {
            links.push(LinkRule {
                from,
                to,
                link: Link {
                    latency: rule.latency.value,
                    loss: rule.loss.0,
                },
            });
        }
    }
    Network {
        within_zone: link(network.within_zone),
        between_zones: link(network.between_zones),
        links,
    }
}

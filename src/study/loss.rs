//! What a system is to do without: nodes, zones, instances, services that are down from the beginning.
//!
//! It is a crash that never ends, so that callers find out about it as the model says they do.

use crate::StudyError;
use clock::Instant;
use model::{CrashMode, Fault, FaultKind, Model, Occurrence, Place};
use std::fmt;
use std::str::FromStr;

/// What is lost at the same time: `node:a-1`, `zone:a`, or several, joined by commas.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loss {
    parts: Vec<(Kind, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Instance,
    Node,
    Zone,
    Service,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Instance, Self::Node, Self::Zone, Self::Service];

    const fn name(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Node => "node",
            Self::Zone => "zone",
            Self::Service => "service",
        }
    }

    /// Every place of this kind, by name.
    fn places(self, model: &Model) -> Vec<(String, Place)> {
        let numbered = |name: &str, count: u32, place: &dyn Fn(u32) -> Place| {
            (0..count)
                .map(|n| (format!("{name}-{}", n + 1), place(n)))
                .collect::<Vec<_>>()
        };
        let services = model.services.iter().enumerate();
        let zones = model.zones.iter().enumerate();
        match self {
            Self::Instance => services
                .flat_map(|(s, service)| {
                    numbered(&service.name, service.instances, &|n| Place::Instance(s, n))
                })
                .collect(),
            Self::Node => zones
                .flat_map(|(z, zone)| {
                    // The implied zone has a node for each instance.
                    let of_instances = || model.services.iter().map(|s| s.instances).sum();
                    let nodes = zone.nodes.unwrap_or_else(of_instances);
                    numbered(&zone.name, nodes, &|n| Place::Node(z, n))
                })
                .collect(),
            Self::Zone => zones
                .map(|(z, zone)| (zone.name.clone(), Place::Zone(z)))
                .collect(),
            Self::Service => services
                .map(|(s, service)| (service.name.clone(), Place::Service(s)))
                .collect(),
        }
    }
}

impl Loss {
    /// The model without what is lost.
    ///
    /// # Errors
    /// [`StudyError::NoSuch`] for a place that the model does not have.
    pub fn from(&self, model: &Model) -> Result<Model, StudyError> {
        let mut left = model.clone();
        for (kind, name) in &self.parts {
            let places = kind.places(model);
            let Some((_, place)) = places.iter().find(|(known, _)| known == name) else {
                let known = places.into_iter().map(|(name, _)| name);
                return Err(StudyError::no_such(kind.name(), name, known));
            };
            // After the model's own faults: these keep their numbers, and with them their draws.
            left.faults.push(Fault {
                when: Occurrence::Once {
                    at: Instant::ZERO,
                    lasts: None,
                },
                kind: FaultKind::Crash {
                    place: *place,
                    mode: CrashMode::Refuse,
                },
            });
        }
        Ok(left)
    }
}

impl FromStr for Loss {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let part = |part: &str| {
            let (kind, name) = part.trim().split_once(':')?;
            let kind = Kind::ALL.into_iter().find(|k| k.name() == kind)?;
            (!name.is_empty()).then(|| (kind, name.to_owned()))
        };
        let parts: Option<Vec<_>> = text.split(',').map(part).collect();
        let parts = parts.ok_or_else(|| {
            format!(
                "expected `node:NAME`, `zone:NAME`, `instance:NAME` or `service:NAME`, or several \
                 joined by commas, found `{text}`"
            )
        })?;
        Ok(Self { parts })
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (kind, name)) in self.parts.iter().enumerate() {
            let gap = if i > 0 { "," } else { "" };
            write!(f, "{gap}{}:{name}", kind.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn losses_are_read_and_written() {
        for text in ["node:a-1", "zone:a", "instance:pay-2,service:mail"] {
            assert_eq!(text.parse::<Loss>().unwrap().to_string(), text);
        }
        for wrong in ["", "a-1", "node:", "disk:a", "node:a-1,,"] {
            let error = wrong.parse::<Loss>().unwrap_err();
            assert!(error.contains("zone:NAME"), "{error}");
        }
    }

    #[test]
    fn a_loss_is_a_crash_of_a_place_that_is_there() {
        let model = testing::model(
            "zones: {a: {nodes: 2}, b: {nodes: 1}}\n\
             services: {pay: {instances: 3, endpoints: {e: []}}}\n\
             workloads: {users: {target: pay.e, arrivals: {poisson: {rate: 1/s}}}}\n",
        );
        let places = |text: &str| -> Result<Vec<Place>, StudyError> {
            let left = text.parse::<Loss>().unwrap().from(&model)?;
            let place = |fault: &Fault| match fault.kind {
                FaultKind::Crash { place, .. } => place,
                _ => panic!("{fault:?}"),
            };
            Ok(left.faults.iter().map(place).collect())
        };
        assert_eq!(places("node:a-2").unwrap(), [Place::Node(0, 1)]);
        let two = places("zone:b,instance:pay-3").unwrap();
        assert_eq!(two, [Place::Zone(1), Place::Instance(0, 2)]);
        assert_eq!(places("service:pay").unwrap(), [Place::Service(0)]);
        let error = places("node:a-3").unwrap_err().to_string();
        assert!(error.contains("`a-1`, `a-2`, `b-1`"), "{error}");
    }
}

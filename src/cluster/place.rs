//! Where something is: the end of a message, as network rules and faults name places.

use model::Place;

/// One end of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Location {
    /// The clients of a workload, outside every zone.
    Client(u32),
    /// An instance, with what it belongs to.
    Instance {
        id: u32,
        service: u32,
        local: u32,
        zone: u32,
        node: u32,
    },
}

/// Whether `location` lies in `place`.
pub(crate) fn contains(place: Place, location: Location) -> bool {
    match (place, location) {
        (Place::Workload(w), Location::Client(client)) => w == client as usize,
        (Place::Zone(z), Location::Instance { zone, .. }) => z == zone as usize,
        (Place::Service(s), Location::Instance { service, .. }) => s == service as usize,
        (Place::Node(z, n), Location::Instance { zone, node, .. }) => {
            z == zone as usize && n == node
        }
        (Place::Instance(s, i), Location::Instance { service, local, .. }) => {
            s == service as usize && i == local
        }
        _ => false,
    }
}

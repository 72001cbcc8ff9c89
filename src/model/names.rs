//! What a model names, and who is meant by a name: endpoints, policies, and the places that
//! network rules and faults speak of.

use crate::problem::Span;
use crate::reader::{At, Reader, did_you_mean, listed};
use crate::stores::StoreShape;
use crate::tree::shortened;
use crate::types::{Place, PolicyId, QueueId, ServiceId, Target};

/// The names of a model, in the order of the file; `None` where a section could not be read, so
/// that nothing can be called unknown.
#[derive(Debug)]
pub(crate) struct Names {
    /// With their nodes; `None`: one node per instance.
    pub(crate) zones: Option<Vec<(String, Option<u32>)>>,
    pub(crate) services: Option<Vec<ServiceNames>>,
    pub(crate) workloads: Option<Vec<String>>,
    pub(crate) policies: Option<Vec<String>>,
    pub(crate) stores: Option<Vec<StoreNames>>,
    pub(crate) queues: Option<Vec<String>>,
    /// The tables that make an order whole.
    pub(crate) effects: Option<Vec<String>>,
}

#[derive(Clone, Debug)]
pub(crate) struct StoreNames {
    pub(crate) name: String,
    /// `None` where it could not be read.
    pub(crate) owner: Option<ServiceId>,
    /// What else is said of it.
    pub(crate) shape: Option<StoreShape>,
}

#[derive(Debug)]
pub(crate) struct ServiceNames {
    pub(crate) name: String,
    /// Its instances and endpoints; `None` where it could not be read, and nothing is known.
    pub(crate) known: Option<(u32, Vec<String>)>,
    /// Whether it is replicated, as far as it could be read.
    pub(crate) replicated: bool,
    /// Whether it is autoscaled, likewise.
    pub(crate) autoscaled: bool,
    /// Whether a queue has its partitions there, likewise.
    pub(crate) broker: bool,
}

/// Which kinds of places may stand somewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Zone,
    Service,
    Workload,
    Node,
    Instance,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Zone,
        Self::Service,
        Self::Workload,
        Self::Node,
        Self::Instance,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Zone => "zone",
            Self::Service => "service",
            Self::Workload => "workload",
            Self::Node => "node",
            Self::Instance => "instance",
        }
    }
}

impl Names {
    fn service_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.services().iter().map(|service| service.name.as_str())
    }

    fn services(&self) -> &[ServiceNames] {
        self.services.as_deref().unwrap_or_default()
    }

    fn zones(&self) -> &[(String, Option<u32>)] {
        self.zones.as_deref().unwrap_or_default()
    }

    fn workloads(&self) -> &[String] {
        self.workloads.as_deref().unwrap_or_default()
    }

    /// The endpoint that `SERVICE.ENDPOINT` names.
    pub(crate) fn target(&self, word: &At<String>, cx: &mut Reader<'_>) -> Option<Target> {
        let (service, endpoint) = word.split_once('.').unwrap_or((word, ""));
        let index = self.service_at(service, word.span, cx)?;
        let services = self.services();
        let (_, endpoints) = services[index].known.as_ref()?;
        let known = endpoints.iter().map(String::as_str);
        if endpoint.is_empty() {
            let targets: Vec<_> = endpoints.iter().map(|e| format!("{service}.{e}")).collect();
            cx.problem(
                word.span,
                format!("`{}` names no endpoint", shortened(word)),
            )
            .help(format!(
                "write {}",
                listed(targets.iter().map(String::as_str))
            ));
            return None;
        }
        let Some(endpoint) = endpoints.iter().position(|e| e == endpoint) else {
            let help = did_you_mean(endpoint, known, "there is", "it has none");
            cx.problem(
                word.span,
                format!(
                    "service `{service}` has no endpoint `{}`",
                    shortened(endpoint)
                ),
            )
            .help(help);
            return None;
        };
        Some(Target {
            service: index,
            endpoint,
        })
    }

    /// The service of this name.
    pub(crate) fn service(&self, word: &At<String>, cx: &mut Reader<'_>) -> Option<ServiceId> {
        self.service_at(word, word.span, cx)
    }

    fn service_at(&self, name: &str, at: Span, cx: &mut Reader<'_>) -> Option<ServiceId> {
        self.services.as_ref()?;
        let found = self.find_service(name);
        if found.is_none() {
            let known = self.service_names();
            let help = did_you_mean(name, known, "there is", "there are no services");
            cx.problem(at, format!("there is no service `{}`", shortened(name)))
                .help(help);
        }
        found
    }

    /// The service of this name, if there is one.
    pub(crate) fn find_service(&self, name: &str) -> Option<ServiceId> {
        let mut services = self.services().iter();
        services.position(|service| service.name == name)
    }

    /// Whether a service is replicated, as far as it could be read.
    pub(crate) fn is_replicated(&self, service: ServiceId) -> bool {
        self.services()[service].replicated
    }

    pub(crate) fn is_broker(&self, service: ServiceId) -> bool {
        self.services()[service].broker
    }

    pub(crate) fn is_autoscaled(&self, service: ServiceId) -> bool {
        self.services()[service].autoscaled
    }

    /// The service of this name, which must have a leader.
    pub(crate) fn replicated(&self, word: &At<String>, cx: &mut Reader<'_>) -> Option<ServiceId> {
        let service = self.service(word, cx)?;
        let names = &self.services()[service];
        if names.known.is_some() && !names.replicated {
            let name = &names.name;
            cx.problem(
                word.span,
                format!("`{name}` has no leader: it is not replicated"),
            )
            .help(format!(
                "give `services.{name}` a `replication`, or crash an `instance`, or all of the `service`"
            ));
            return None;
        }
        Some(service)
    }

    /// The name of a service that was found.
    pub(crate) fn service_name(&self, service: ServiceId) -> &str {
        &self.services()[service].name
    }

    /// The policy of this name.
    pub(crate) fn policy(&self, word: &At<String>, cx: &mut Reader<'_>) -> Option<PolicyId> {
        let policies = self.policies.as_ref()?;
        let found = policies.iter().position(|name| *name == word.value);
        if found.is_none() {
            let names = policies.iter().map(String::as_str);
            let help = did_you_mean(word, names, "there is", "the model has no `policies`");
            cx.problem(
                word.span,
                format!("there is no policy `{}`", shortened(word)),
            )
            .help(help);
        }
        found
    }

    /// The queue of this name.
    pub(crate) fn queue(&self, word: &At<String>, cx: &mut Reader<'_>) -> Option<QueueId> {
        let queues = self.queues.as_ref()?;
        let known = queues.iter().map(String::as_str);
        named(word, "queue", known, "the model has no `queues`", cx)
    }

    /// The store of this name.
    pub(crate) fn store(&self, word: &At<String>, cx: &mut Reader<'_>) -> Option<usize> {
        let stores = self.stores.as_ref()?;
        let known = stores.iter().map(|store| store.name.as_str());
        named(word, "store", known, "the model has no `stores`", cx)
    }

    /// The workload of this name.
    pub(crate) fn workload(&self, word: &At<String>, cx: &mut Reader<'_>) -> Option<usize> {
        match self.place(word, &[Kind::Workload], cx) {
            Some(Place::Workload(workload)) => Some(workload),
            _ => None,
        }
    }

    /// The place of this name, of one of these kinds; `KIND:NAME` says which kind is meant.
    pub(crate) fn place(
        &self,
        word: &At<String>,
        kinds: &[Kind],
        cx: &mut Reader<'_>,
    ) -> Option<Place> {
        let prefixed = word
            .split_once(':')
            .map(|(kind, name)| (Kind::ALL.into_iter().find(|k| k.word() == kind), name));
        let (kinds, name) = match prefixed {
            None => (kinds.to_vec(), word.as_str()),
            Some((Some(kind), name)) if kinds.contains(&kind) => (vec![kind], name),
            Some(_) => {
                let allowed = listed(kinds.iter().map(|kind| kind.word()));
                cx.problem(
                    word.span,
                    format!("`{}` is not a place that is allowed here", shortened(word)),
                )
                .help(format!("what stands before the colon is one of {allowed}"));
                return None;
            }
        };
        let found: Vec<_> = kinds
            .iter()
            .filter_map(|kind| Some((*kind, self.find(*kind, name)?)))
            .collect();
        match found[..] {
            [(_, Found::Place(place))] => Some(place),
            [(_, Found::Unknowable)] => None,
            [] if kinds.iter().any(|kind| self.is_blind(*kind)) => None,
            [] => {
                self.no_place(name, &kinds, word.span, cx);
                None
            }
            _ => {
                let choices: Vec<_> = found
                    .iter()
                    .map(|(kind, _)| format!("{}:{name}", kind.word()))
                    .collect();
                cx.problem(
                    word.span,
                    format!("`{}` has several meanings", shortened(name)),
                )
                .help(format!(
                    "write {}",
                    choices
                        .iter()
                        .map(|c| format!("`{c}`"))
                        .collect::<Vec<_>>()
                        .join(" or ")
                ));
                None
            }
        }
    }

    /// Whether the names of this kind could not be read.
    fn is_blind(&self, kind: Kind) -> bool {
        match kind {
            Kind::Zone | Kind::Node => self.zones.is_none(),
            Kind::Service | Kind::Instance => self.services.is_none(),
            Kind::Workload => self.workloads.is_none(),
        }
    }

    fn find(&self, kind: Kind, name: &str) -> Option<Found> {
        let numbered = || {
            let (head, tail) = name.rsplit_once('-')?;
            let number = tail
                .parse::<u32>()
                .ok()
                .filter(|n| *n > 0 && !tail.starts_with(['0', '+']))?;
            Some((head, number - 1))
        };
        match kind {
            Kind::Zone => self
                .zones()
                .iter()
                .position(|(z, _)| z == name)
                .map(Place::Zone)
                .map(Found::Place),
            Kind::Service => self
                .service_names()
                .position(|s| s == name)
                .map(Place::Service)
                .map(Found::Place),
            Kind::Workload => self
                .workloads()
                .iter()
                .position(|w| w == name)
                .map(Place::Workload)
                .map(Found::Place),
            Kind::Node => {
                let (head, number) = numbered()?;
                let zone = self.zones().iter().position(|(z, _)| z == head)?;
                let nodes = self.zones()[zone].1.unwrap_or_else(|| self.instances());
                (number < nodes).then_some(Found::Place(Place::Node(zone, number)))
            }
            Kind::Instance => {
                let (head, number) = numbered()?;
                let service = self.service_names().position(|s| s == head)?;
                match &self.services()[service].known {
                    Some((instances, _)) => (number < *instances)
                        .then_some(Found::Place(Place::Instance(service, number))),
                    None => Some(Found::Unknowable),
                }
            }
        }
    }

    fn instances(&self) -> u32 {
        let known = self
            .services()
            .iter()
            .filter_map(|service| service.known.as_ref());
        known.fold(0, |sum, (instances, _)| sum.saturating_add(*instances))
    }

    fn no_place(&self, name: &str, kinds: &[Kind], at: Span, cx: &mut Reader<'_>) {
        let mut known: Vec<String> = Vec::new();
        for kind in kinds {
            match kind {
                Kind::Zone => known.extend(self.zones().iter().map(|(zone, _)| zone.clone())),
                Kind::Service => known.extend(self.service_names().map(str::to_owned)),
                Kind::Workload => known.extend(self.workloads().iter().cloned()),
                Kind::Node => {
                    known.extend(self.zones().iter().map(|(zone, nodes)| {
                        range(zone, nodes.unwrap_or_else(|| self.instances()))
                    }))
                }
                Kind::Instance => known.extend(
                    self.services()
                        .iter()
                        .filter_map(|s| Some(range(&s.name, s.known.as_ref()?.0))),
                ),
            }
        }
        let words: Vec<_> = kinds.iter().map(|kind| kind.word()).collect();
        let known = known.iter().map(String::as_str);
        let help = did_you_mean(name, known, "there is", "the model has none");
        cx.problem(
            at,
            format!("there is no {} `{}`", words.join(" or "), shortened(name)),
        )
        .help(help);
    }
}

/// What a name stands for.
#[derive(Clone, Copy)]
enum Found {
    Place(Place),
    /// A part of a service that could not be read.
    Unknowable,
}

/// `a-1` or `a-1 … a-3`.
fn range(name: &str, count: u32) -> String {
    if count <= 1 {
        format!("{name}-1")
    } else {
        format!("{name}-1 … {name}-{count}")
    }
}

/// The number of what a word names among `known`; `what` it is, and what is said where there is none.
fn named<'k>(
    word: &At<String>,
    what: &str,
    known: impl Iterator<Item = &'k str> + Clone,
    none: &str,
    cx: &mut Reader<'_>,
) -> Option<usize> {
    let found = known.clone().position(|name| name == word.value);
    if found.is_none() {
        let help = did_you_mean(word, known, "there is", none);
        let message = format!("there is no {what} `{}`", shortened(word));
        cx.problem(word.span, message).help(help);
    }
    found
}

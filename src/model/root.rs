//! The whole model: its sections, and the order in which they are brought together.

use crate::changes;
use crate::config::{self, ConfigShape};
use crate::cycles::{self, Calls};
use crate::deployments::{self, DeploymentShape};
use crate::faults::{self, FaultShape};
use crate::names::{Names, ServiceNames};
use crate::network::{self, NetworkShape, ZoneShape};
use crate::orders::{self, OrdersShape};
use crate::policies::{self, Layers};
use crate::queues::{self, MessageQueueShape};
use crate::reader::{At, List, Named, Reader, Value};
use crate::run::{RunShape, SloShape, resolve_run, resolve_slo};
use crate::services::{self, ServiceShape};
use crate::shape::record;
use crate::stores::{self, StoreShape};
use crate::tree::Node;
use crate::types::{FaultKind, Model, Policy, Service, Slo, Zone};
use crate::workloads::{self, WorkloadShape};

record! {
    /// A stormglass model: what exists, and what happens to it.
    Root {
        /// The model's name; that of the file when absent.
        optional name: String,
        /// How long and how often it runs.
        default run: RunShape = "{}",
        /// The objectives that a run is held against.
        optional slo: SloShape,
        /// Zones and their nodes; instances are spread over zones, then nodes, in order. When
        /// absent there is one zone, `default`, with one node per instance.
        optional zones: Named<ZoneShape, 1>,
        /// Delays and losses of messages; none when absent.
        optional network: NetworkShape,
        /// Policies: lists of layers, outermost first.
        optional policies: Named<Layers>,
        /// Services and what their endpoints do.
        needed services: Named<ServiceShape, 1>,
        /// Data with a single service that may write it.
        optional stores: Named<StoreShape>,
        /// Who calls the system from outside.
        needed workloads: Named<WorkloadShape, 1>,
        /// How configuration changes while the model runs; never when absent.
        optional config: ConfigShape,
        /// Messages that services leave for each other.
        optional queues: Named<MessageQueueShape>,
        /// Whose requests are orders, which are followed to their ends.
        optional orders: OrdersShape,
        /// New versions of services that go out while the model runs.
        optional deployments: List<DeploymentShape>,
        /// What goes wrong, and when.
        optional faults: List<FaultShape>,
    }
}

/// Reads a model from a tree. It is one only if no problem was noted.
pub(crate) fn read(tree: &Node, file_stem: &str, cx: &mut Reader<'_>) -> Option<Model> {
    if let (Some(vary), None) = (tree.get("vary"), tree.get("services")) {
        cx.problem(vary.span, "this is an experiment, not a model")
            .help("`stormglass sweep` runs it; or check and run the model that it names");
        return None;
    }
    let root = Root::read(tree, cx)?;
    let names = all_names(&root, tree, cx);
    let run = resolve_run(&root.run, cx);
    let slo = root
        .slo
        .as_ref()
        .map_or_else(Slo::default, |slo| resolve_slo(slo));
    let network = network::resolve(root.network, &names, cx);
    let (policies, services, calls) = changeable(root.policies, root.services, &names, cx);
    let workloads = root
        .workloads
        .map_or_else(Named::empty, |workloads| workloads.value);
    let workloads = workloads::resolve(workloads, &names, cx);
    let (faults, bad_pushes) = root.faults.map_or_else(Default::default, |list| {
        faults::resolve(list.value, &names, cx)
    });
    let config = root.config.map(|config| config.value);
    let (config, pushes) = config::resolve(config, bad_pushes, &names, cx);
    let mut faults = faults;
    for push in config.iter().flat_map(|config| &config.pushes) {
        if let Some(fault) = push.fault
            && let FaultKind::Config { config, .. } = &mut faults[fault].kind
        {
            *config = push.config;
        }
    }
    let deployments = root.deployments.map_or_else(Vec::new, |list| list.value.0);
    let (deployments, versions) = deployments::resolve(deployments, &names, cx);
    if slo.availability.is_none() {
        for burn_rate in std::mem::take(&mut cx.burn_rates) {
            cx.problem(burn_rate, "there is no error budget to burn")
                .help("add an objective, such as `slo: {availability: 99.9%}`: what it leaves is the budget");
        }
    }
    let queues = root.queues.map_or_else(Named::empty, |queues| queues.value);
    let queues = queues::resolve(queues, &services, &names, cx);
    let orders = root
        .orders
        .and_then(|orders| orders::resolve(orders.value, &services, &names, cx));
    let zones = names
        .zones
        .into_iter()
        .flatten()
        .map(|(name, nodes)| Zone { name, nodes })
        .collect();
    let name = root
        .name
        .map_or_else(|| file_stem.to_owned(), |name| name.value);
    let mut model = Model {
        stores: Vec::new(),
        queues,
        config,
        deployments,
        editions: Vec::new(),
        name,
        run,
        slo,
        zones,
        network,
        policies,
        policy_spans: Vec::new(),
        services,
        orders,
        workloads,
        faults,
    };
    if cx.problems.is_empty() {
        cycles::check(&model, &calls, cx);
        changes::editions(tree, &mut model, &pushes, &versions, cx);
    }
    // Changes may name more of them.
    model.policy_spans = std::mem::take(&mut cx.policy_spans);
    let tables = std::mem::take(&mut cx.tables);
    model.stores = stores::resolve(names.stores.unwrap_or_default(), tables);
    Some(model)
}

/// What a change of a running model can change, read from the changed tree of a model that was read
/// before.
pub(crate) fn read_changed(
    tree: &Node,
    cx: &mut Reader<'_>,
) -> Option<(Vec<Policy>, Vec<Service>, Calls)> {
    let root = Root::read(tree, cx)?;
    let names = all_names(&root, tree, cx);
    Some(changeable(root.policies, root.services, &names, cx))
}

fn changeable(
    policies: Option<At<Named<Layers>>>,
    services: Option<At<Named<ServiceShape, 1>>>,
    names: &Names,
    cx: &mut Reader<'_>,
) -> (Vec<Policy>, Vec<Service>, Calls) {
    let policies = policies.map_or_else(Named::empty, |policies| policies.value);
    let policies = policies::resolve(policies, cx);
    let services = services.map_or_else(Named::empty, |services| services.value);
    let calls = cycles::calls(&services);
    (policies, services::resolve(services, names, cx), calls)
}

fn all_names(root: &Root, tree: &Node, cx: &mut Reader<'_>) -> Names {
    let mut names = gather_names(root, tree);
    names.stores = match &root.stores {
        Some(shapes) => Some(stores::gather(shapes, &names, cx)),
        None => tree.get("stores").is_none().then(Vec::new),
    };
    names
}

fn gather_names(root: &Root, tree: &Node) -> Names {
    // A section that is there but could not be read leaves its names unknown.
    let absent = |key: &str| tree.get(key).is_none();
    let zones = match &root.zones {
        Some(zones) => {
            let nodes =
                |zone: &Option<ZoneShape>| zone.as_ref().map_or(u32::MAX, |zone| zone.nodes.0);
            let zones = zones.0.iter();
            Some(
                zones
                    .map(|(name, zone)| (name.value.clone(), Some(nodes(zone))))
                    .collect(),
            )
        }
        None => absent("zones").then(|| vec![("default".to_owned(), None)]),
    };
    let known = |service: &ServiceShape| {
        let endpoints = service.endpoints.as_ref()?;
        Some((
            service.instances.0,
            endpoints.names().map(str::to_owned).collect(),
        ))
    };
    let queues = root.queues.iter().flat_map(|queues| &queues.0);
    let brokers: Vec<&str> = queues
        .filter_map(|(_, queue)| Some(queue.as_ref()?.broker.as_ref()?.value.as_str()))
        .collect();
    let services = root.services.as_ref().map(|services| {
        let services = services.0.iter();
        let named = services.map(|(name, service)| ServiceNames {
            name: name.value.clone(),
            known: service.as_ref().and_then(known),
            replicated: service
                .as_ref()
                .is_some_and(|service| service.replication.is_some()),
            autoscaled: service
                .as_ref()
                .is_some_and(|service| service.autoscale.is_some()),
            broker: brokers.contains(&name.value.as_str()),
        });
        named.collect()
    });
    let policies = match &root.policies {
        Some(policies) => Some(policies.names().map(str::to_owned).collect()),
        None => absent("policies").then(Vec::new),
    };
    let workloads = root.workloads.as_ref();
    let workloads = workloads.map(|workloads| workloads.names().map(str::to_owned).collect());
    Names {
        zones,
        services,
        workloads,
        policies,
        stores: None,
        queues: match &root.queues {
            Some(queues) => Some(queues.names().map(str::to_owned).collect()),
            None => absent("queues").then(Vec::new),
        },
        effects: match &root.orders {
            Some(orders) => {
                let effects = orders.effects.0.iter();
                Some(effects.map(|effect| effect.value.clone()).collect())
            }
            None => absent("orders").then(Vec::new),
        },
    }
}

//! Changes: values at paths of the model, as pushes of configuration and deployments make them, and
//! the editions of services that follow from them.
//!
//! A change is put into a copy of the model's tree, which is read again. So it is checked like the
//! model, and a mistake in it is shown where it stands.

use crate::cycles;
use crate::reader::{Reader, Value, did_you_mean};
use crate::root;
use crate::schema::Defs;
use crate::set::put;
use crate::tree::{Key, Kind, Node, shortened};
use crate::types::{Edition, Model, ServiceId};
use serde_json::{Value as Json, json};

/// Values at paths, in the order of the file.
#[derive(Clone, Debug)]
pub(crate) struct Changes(Vec<(Key, Node)>);

/// What a change may concern within a service.
const OF_A_SERVICE: [&str; 6] = [
    "workers",
    "queue",
    "abandoned",
    "admission",
    "degrade",
    "endpoints",
];

impl Value for Changes {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let Kind::Map(entries) = &node.kind else {
            cx.expected("a map of paths and values", node)
                .help("such as `{services.payment.workers: 2}`");
            return None;
        };
        if entries.is_empty() {
            cx.problem(node.span, "this changes nothing")
                .help("name a path and its value, such as `services.payment.workers: 2`");
        }
        let before = cx.problems.len();
        for (key, _) in entries {
            check_path(key, cx);
        }
        cx.clean_since(before).then(|| Self(entries.clone()))
    }

    fn schema(_: &mut Defs) -> Json {
        json!({
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": r"^(policies|services)\..+"},
            "description": "Paths of the model, and their new values.",
        })
    }
}

/// Notes a path that a running system does not take.
fn check_path(key: &Key, cx: &mut Reader<'_>) {
    let segments: Vec<&str> = key.text.split('.').collect();
    let allowed = OF_A_SERVICE;
    match segments[..] {
        ["policies", _, ..] => {}
        ["services", _, "queue"] | ["services", _, "queue", "discipline", ..] => {
            cx.problem(key.span, "of a queue, only its `capacity` can change")
                .help("write the path on to `.queue.capacity`");
        }
        ["services", _, "endpoints"] => {
            cx.problem(
                key.span,
                "the endpoints of a service stay; their steps can change",
            )
            .help("write the path on, such as `.endpoints.NAME`");
        }
        ["services", _, known, ..] if allowed.contains(&known) => {}
        ["services", _, other, ..] => {
            let message = format!(
                "`{}` of a service does not change while it runs",
                shortened(other)
            );
            let help = did_you_mean(other, allowed, "what changes is", "");
            cx.problem(key.span, message).help(help);
        }
        _ => {
            let message = format!(
                "`{}` does not change while a model runs",
                shortened(&key.text)
            );
            cx.problem(key.span, message).help(
                "a change is of `policies.NAME…`, or of `services.NAME.…`: workers, queue.capacity, \
                 abandoned, admission, degrade, endpoints",
            );
        }
    }
}

impl Changes {
    /// What it says, for people: `services.payment.workers = 2`, and how many more.
    pub(crate) fn label(&self) -> String {
        let Some((key, value)) = self.0.first() else {
            return String::new();
        };
        let value = match &value.kind {
            Kind::Scalar(scalar) => shortened(&scalar.text).into_owned(),
            _ => "…".to_owned(),
        };
        let more = match self.0.len() {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        format!("{} = {value}{more}", shortened(&key.text))
    }

    /// Makes the changes in a tree.
    fn make(&self, tree: &mut Node, cx: &mut Reader<'_>) {
        for (key, value) in &self.0 {
            if let Err(problem) = put(tree, &key.text, value.clone(), key.span) {
                cx.problems.push(problem);
            }
        }
    }

    /// Whether it changes anything of a service itself.
    fn concerns(&self, service: &str) -> bool {
        self.0.iter().any(|(key, _)| {
            let mut segments = key.text.split('.');
            segments.next() == Some("services") && segments.next() == Some(service)
        })
    }

    /// Notes what a version of a service can not change: another one.
    pub(crate) fn check_of(&self, service: &str, cx: &mut Reader<'_>) {
        for (key, _) in &self.0 {
            let mut segments = key.text.split('.');
            if segments.next() == Some("services")
                && let Some(other) = segments.next()
                && other != service
            {
                let message = format!(
                    "a version of `{service}` does not change `{}`",
                    shortened(other)
                );
                cx.problem(key.span, message).help(format!(
                    "write `services.{service}.…`, or deploy a version of the other"
                ));
            }
        }
    }

    fn concerns_policies(&self) -> bool {
        self.0
            .iter()
            .any(|(key, _)| key.text.starts_with("policies."))
    }
}

/// A new version of a service.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) service: ServiceId,
    pub(crate) changes: Option<Changes>,
    pub(crate) slow: f64,
    pub(crate) errors: f64,
    pub(crate) corrupt: f64,
}

/// The editions that follow from pushes of configuration, in the order in which they make new ones,
/// and from deployments, in the order of their times. The model must be without mistakes.
pub(crate) fn editions(
    tree: &Node,
    model: &mut Model,
    pushes: &[Changes],
    versions: &[Version],
    cx: &mut Reader<'_>,
) {
    let mut plain = tree.clone();
    drop_changes(&mut plain);
    // Each once, also where it concerns nobody.
    let mut changed = plain.clone();
    for changes in pushes
        .iter()
        .chain(versions.iter().filter_map(|v| v.changes.as_ref()))
    {
        changes.make(&mut changed, cx);
    }
    if !cx.problems.is_empty() {
        return;
    }
    let mut made = Vec::new();
    for service in 0..model.services.len() {
        let name = model.services[service].name.clone();
        let own: Vec<&Version> = versions.iter().filter(|v| v.service == service).collect();
        let of_policies = pushes.iter().any(|push| push.concerns_policies());
        if own.is_empty() && !of_policies && !pushes.iter().any(|push| push.concerns(&name)) {
            continue;
        }
        for config in 0..=pushes.len() {
            for version in 0..=own.len() {
                if (config, version) == (0, 0) {
                    continue;
                }
                let version_of = version.checked_sub(1).map(|v| own[v]);
                let mut changed = plain.clone();
                for push in &pushes[..config] {
                    push.make(&mut changed, cx);
                }
                if let Some(changes) = version_of.and_then(|v| v.changes.as_ref()) {
                    changes.make(&mut changed, cx);
                }
                cx.steps = 0;
                let read = root::read_changed(&changed, cx);
                let Some((policies, services, calls)) = read.filter(|_| cx.problems.is_empty())
                else {
                    return;
                };
                let whole = Model {
                    services,
                    policies,
                    ..model.clone()
                };
                cycles::check(&whole, &calls, cx);
                let mut services = whole.services;
                made.push(Edition {
                    service,
                    version: version as u32,
                    config: config as u32,
                    shape: services.swap_remove(service),
                    policies: whole.policies,
                    slow: version_of.map_or(1.0, |v| v.slow),
                    errors: version_of.map_or(0.0, |v| v.errors),
                    corrupt: version_of.map_or(0.0, |v| v.corrupt),
                });
            }
        }
    }
    model.editions = made;
}

/// What a changed model is read without: it does not change again.
fn drop_changes(tree: &mut Node) {
    if let Kind::Map(entries) = &mut tree.kind {
        entries
            .retain(|(key, _)| !matches!(key.text.as_str(), "config" | "deployments" | "faults"));
    }
}

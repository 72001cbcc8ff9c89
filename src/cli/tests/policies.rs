//! `docs/policies.md` is true: its tables have every key of the policies with the default that the
//! program has, its lines of YAML are read, and presets are what the page says that they are.

use model::Policy;
use policy::config::{BreakerConfig, LayerConfig};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/policies.md");
    fs::read_to_string(path).unwrap()
}

/// A table: the cells of its head, and of each row.
struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
    inner
        .split('|')
        .map(|cell| cell.trim().to_owned())
        .collect()
}

fn tables(text: &str) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match (line.starts_with('|'), inside) {
            (true, true) if line.starts_with("| ---") => {}
            (true, true) => tables.last_mut().unwrap().rows.push(cells(line)),
            (true, false) => tables.push(Table {
                head: cells(line),
                rows: Vec::new(),
            }),
            (false, _) => {}
        }
        inside = line.starts_with('|');
    }
    for table in &tables {
        for row in &table.rows {
            assert_eq!(row.len(), table.head.len(), "{row:?}");
        }
    }
    tables
}

/// What stands in backquotes.
fn code(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The blocks of YAML of the page.
fn examples(text: &str) -> Vec<&str> {
    let blocks = text.split("```yaml\n").skip(1);
    let blocks: Vec<&str> = blocks
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(blocks.len() > 2, "examples");
    blocks
}

/// The policies of a model with these sections, which must be sound.
fn read(policies: &str, callee: &[&str]) -> Vec<Policy> {
    let callee: String = callee.iter().map(|key| format!("    {key}\n")).collect();
    let text = format!(
        "{policies}services:\n  callee:\n    instances: 6\n{callee}    endpoints: {{work: [{{compute: 1ms}}]}}\n\
         workloads:\n  users: {{target: callee.work, arrivals: {{poisson: {{rate: 10/s}}}}}}\n"
    );
    match model::read_with(&text, "page.yaml", &(), &[], &adapters::registry()) {
        Ok(loaded) => loaded.model.policies,
        Err(report) => panic!("{}\n{text}", report.render(100, false)),
    }
}

/// What a stack gives its users is a model that is read.
#[test]
fn stacks_are_models() {
    let text = page();
    let tables = tables(&text);
    let stacks = tables
        .iter()
        .find(|table| table.head[0] == "stack")
        .unwrap();
    for row in &stacks.rows {
        let (policies, callee) = (code(&row[1]), code(&row[2]));
        assert!(!policies.is_empty() || !callee.is_empty(), "{row:?}");
        let policies: String = policies
            .iter()
            .map(|list| format!("  guarded: {list}\n"))
            .collect();
        let policies = match &*policies {
            "" => String::new(),
            list => format!("policies:\n{list}"),
        };
        read(&policies, &callee);
    }
    assert!(stacks.rows.len() > 15);
}

/// `X` and `X_in_full` are equal, and nothing else is shown in blocks.
#[test]
fn presets_are_what_they_stand_for() {
    let mut count = 0;
    for example in examples(&page()) {
        let policies: BTreeMap<String, Vec<LayerConfig>> = read(example, &[])
            .into_iter()
            .map(|policy| (policy.name, policy.config.layers))
            .map(|(name, layers)| (name, layers.into_iter().map(bounded).collect()))
            .collect();
        for (name, layers) in &policies {
            match name.strip_suffix("_in_full") {
                Some(preset) => assert_eq!(policies[preset], *layers, "{preset}"),
                None => assert!(policies.contains_key(&format!("{name}_in_full")), "{name}"),
            }
            count += 1;
        }
    }
    assert!(count >= 30, "{count}");
}

/// A minimum of probes above their number is their number.
fn bounded(layer: LayerConfig) -> LayerConfig {
    let LayerConfig::CircuitBreaker(breaker) = layer else {
        return layer;
    };
    let probes = breaker.half_open_calls;
    let minimum = breaker
        .half_open_minimum
        .map_or(probes, |minimum| minimum.min(probes));
    LayerConfig::CircuitBreaker(BreakerConfig {
        half_open_minimum: Some(minimum),
        ..breaker
    })
}

/// The schema of models, from the policies down.
struct Schema {
    defs: Map<String, Value>,
}

/// A key of a record of the schema.
type Key = (String, String);

impl Schema {
    fn new() -> Self {
        let schema: Value = serde_json::from_str(&model::schema()).unwrap();
        let defs = schema["$defs"].as_object().unwrap().clone();
        Self { defs }
    }

    /// Layers of policies, and those keys of a service that are policies.
    fn root(&self, name: &str) -> Value {
        let service = &self.defs["ServiceShape"]["properties"][name];
        match name {
            "queue" | "balancer" | "outlier_ejection" | "admission" | "degrade" => service.clone(),
            _ => self.property(&self.defs["Layer"], "Layer", name).1,
        }
    }

    /// The property of this name, in the record or in one of its forms; with the record's name.
    fn property(&self, node: &Value, inside: &str, name: &str) -> (Key, Value) {
        let found = self
            .forms(node, inside)
            .into_iter()
            .find_map(|(owner, form)| {
                let property = form["properties"].get(name)?;
                Some(((owner, name.to_owned()), property.clone()))
            });
        found.unwrap_or_else(|| panic!("there is no `{name}` in {inside}"))
    }

    /// The records that a node stands for, each with its name.
    fn forms(&self, node: &Value, inside: &str) -> Vec<(String, Value)> {
        if let Some(path) = node["$ref"].as_str() {
            let name = path.rsplit('/').next().unwrap();
            return self.forms(&self.defs[name], name);
        }
        let mut forms = Vec::new();
        if node["properties"].is_object() {
            forms.push((inside.to_owned(), node.clone()));
        }
        for form in node["oneOf"].as_array().into_iter().flatten() {
            forms.extend(self.forms(form, inside));
        }
        forms
    }

    /// Every key of the records below a node, with its default; distributions left out.
    fn gather(&self, node: &Value, inside: &str, keys: &mut BTreeMap<Key, Option<String>>) {
        if node["$ref"] == "#/$defs/Distribution" {
            return;
        }
        for (owner, form) in self.forms(node, inside) {
            for (name, property) in form["properties"].as_object().unwrap() {
                let key = (owner.clone(), name.clone());
                if keys.insert(key, default(property)).is_none() {
                    self.gather(property, &format!("{owner}.{name}"), keys);
                }
            }
        }
    }
}

/// The default as the page writes it.
fn default(property: &Value) -> Option<String> {
    match property.get("default")? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[test]
fn tables_are_the_schema() {
    let schema = Schema::new();
    let text = page();
    let mut told = BTreeSet::new();
    let mut roots = BTreeSet::new();
    for table in tables(&text) {
        if table.head.get(1).is_none_or(|head| head != "default") {
            continue;
        }
        let root = code(&table.head[0])[0];
        let mut path = root.split('.');
        let first = path.next().unwrap();
        roots.insert(first.to_owned());
        let mut above = schema.root(first);
        for name in path {
            above = schema.property(&above, root, name).1;
        }
        for row in &table.rows {
            let path = code(&row[0])[0];
            let mut node = above.clone();
            let mut key = None;
            for name in path.split('.') {
                let (found, below) = schema.property(&node, root, name);
                (key, node) = (Some(found), below);
            }
            let shown = row[1]
                .strip_prefix('`')
                .and_then(|rest| rest.split('`').next());
            let shown = shown.map(str::to_owned);
            assert_eq!(shown, default(&node), "the default of {root}.{path}");
            told.insert(key.unwrap());
        }
    }

    let mut keys = BTreeMap::new();
    schema.gather(&schema.defs["Layer"], "Layer", &mut keys);
    for root in [
        "queue",
        "balancer",
        "outlier_ejection",
        "admission",
        "degrade",
    ] {
        schema.gather(&schema.root(root), root, &mut keys);
    }
    assert!(keys.len() > 100, "{keys:?}");
    let known: BTreeSet<&str> = code(&text)
        .into_iter()
        .flat_map(|code| code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
        .collect();
    for (key, default) in keys {
        match default {
            Some(_) => assert!(told.contains(&key), "no row for {key:?}"),
            None => assert!(known.contains(&*key.1), "nothing is said of {key:?}"),
        }
    }
}

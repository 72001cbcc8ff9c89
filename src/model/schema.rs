//! The JSON Schema of the model language, for editors: it comes from the same declarations as the
//! readers.

use crate::reader::Value;
use crate::root::Root;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// The JSON Schema (draft 2020-12) of a model file, pretty-printed.
pub fn schema() -> String {
    let mut defs = Defs::default();
    let root = Root::schema(&mut defs);
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "stormglass model",
        "$ref": root["$ref"],
        "$defs": defs.into_json(),
    });
    // `{:#}` of a JSON value is its pretty form and does not fail.
    format!("{schema:#}\n")
}

/// The named parts of a JSON Schema.
#[derive(Default)]
pub(crate) struct Defs {
    made: Map<String, Json>,
    /// By name: the type that it is of.
    owners: BTreeMap<String, &'static str>,
}

impl Defs {
    /// A reference to the definition `name` of a type, which `build` makes when it is asked for first.
    ///
    /// # Panics
    /// When two types go by one name: an editor would take one for the other. Every test that makes
    /// the schema finds that.
    pub(crate) fn named<T>(&mut self, name: &str, build: impl FnOnce(&mut Self) -> Json) -> Json {
        let owner = std::any::type_name::<T>();
        match self.owners.get(name) {
            Some(other) => assert_eq!(*other, owner, "two types go by the name {name}"),
            None => {
                // Taken before it is built: steps contain steps.
                self.owners.insert(name.to_owned(), owner);
                let schema = build(self);
                self.made.insert(name.to_owned(), schema);
            }
        }
        json!({"$ref": format!("#/$defs/{name}")})
    }

    /// A definition that has been made.
    pub(crate) fn get(&self, name: &str) -> &Json {
        &self.made[name]
    }

    pub(crate) fn into_json(self) -> Json {
        Json::Object(self.made)
    }
}

/// The JSON Schema of a record.
pub(crate) struct ObjectSchema {
    description: String,
    properties: Map<String, Json>,
    required: Vec<&'static str>,
    one_of: Vec<Json>,
    needs: Map<String, Json>,
}

impl ObjectSchema {
    pub(crate) fn new(doc: &[&str]) -> Self {
        Self {
            description: prose(doc),
            properties: Map::new(),
            required: Vec::new(),
            one_of: Vec::new(),
            needs: Map::new(),
        }
    }

    pub(crate) fn property(
        &mut self,
        key: &'static str,
        required: bool,
        mut schema: Json,
        doc: &[&str],
        default: Option<&str>,
    ) {
        if !doc.is_empty() {
            schema["description"] = json!(prose(doc));
        }
        if let Some(default) = default {
            schema["default"] = serde_json::from_str(default).unwrap_or_else(|_| json!(default));
        }
        if required {
            self.required.push(key);
        }
        self.properties.insert(key.to_owned(), schema);
    }

    /// Exactly one of these keys is there.
    pub(crate) fn one_of(&mut self, keys: &[&str]) {
        let forms: Vec<_> = keys.iter().map(|key| json!({"required": [key]})).collect();
        self.one_of.push(json!({"oneOf": forms}));
    }

    /// At least one of these keys is there.
    pub(crate) fn some_of(&mut self, keys: &[&str]) {
        // The first that is there decides, so that exactly one form fits.
        let forms: Vec<_> = (0..keys.len())
            .map(|first| {
                let absent = |key: &&str| json!({"not": {"required": [key]}});
                let before: Vec<_> = keys[..first].iter().map(absent).collect();
                let mut form = json!({"required": [keys[first]]});
                if !before.is_empty() {
                    form["allOf"] = json!(before);
                }
                form
            })
            .collect();
        self.one_of.push(json!({"oneOf": forms}));
    }

    /// Who writes `key` must write `other`.
    pub(crate) fn needs(&mut self, key: &str, other: &str) {
        self.needs.insert(key.to_owned(), json!([other]));
    }

    pub(crate) fn finish(self) -> Json {
        let mut schema = json!({
            "description": self.description,
            "type": "object",
            "properties": self.properties,
            "additionalProperties": false,
        });
        if !self.required.is_empty() {
            schema["required"] = json!(self.required);
        }
        if !self.one_of.is_empty() {
            schema["allOf"] = json!(self.one_of);
        }
        if !self.needs.is_empty() {
            schema["dependentRequired"] = json!(self.needs);
        }
        schema
    }
}

/// The JSON Schema of a choice.
pub(crate) struct ChoiceSchema {
    description: String,
    one_of: Vec<Json>,
}

impl ChoiceSchema {
    pub(crate) fn new(doc: &[&str]) -> Self {
        Self {
            description: prose(doc),
            one_of: Vec::new(),
        }
    }

    pub(crate) fn word(&mut self, word: &str, doc: &[&str]) {
        self.one_of
            .push(json!({"const": word, "description": prose(doc)}));
    }

    pub(crate) fn map(&mut self, word: &str, schema: Json, bare: bool, doc: &[&str]) {
        if bare {
            self.word(word, doc);
        }
        let mut object = ObjectSchema::new(doc);
        object.properties.insert(word.to_owned(), schema);
        let mut object = object.finish();
        object["required"] = json!([word]);
        self.one_of.push(object);
    }

    pub(crate) fn finish(self) -> Json {
        json!({"description": self.description, "oneOf": self.one_of})
    }
}

/// Doc comment lines as one paragraph.
fn prose(lines: &[&str]) -> String {
    lines
        .iter()
        .map(|line| line.trim())
        .collect::<Vec<_>>()
        .join(" ")
        .trim()
        .to_owned()
}

//! The JSON Schema of the model language, for editors: it comes from the same declarations as the
//! readers.

use crate::reader::{Defs, Value};
use crate::root::Root;
use serde_json::json;

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

//! Results as JSON, and the schema that they keep to.

use crate::record::RunRecord;

/// The record of a run as indented JSON, without a newline at the end. The same record gives the
/// same bytes; `wall_s` is the only figure in it that differs between equal runs.
pub fn to_json(record: &RunRecord) -> String {
    serde_json::to_string_pretty(record).expect("maps of a record have names as keys")
}

/// The JSON Schema (2020-12) of what [`to_json`] writes.
pub fn results_schema() -> String {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    let schema = settings
        .into_generator()
        .into_root_schema_for::<RunRecord>();
    serde_json::to_string_pretty(&schema).expect("a schema is JSON")
}

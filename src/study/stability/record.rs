//! What a study of stability tells; what its JSON, tables and charts are made of.
//!
//! Loads are requests a second, times seconds, shares 0..=1.

use crate::record::Estimate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether a system recovers by itself from a trigger that is over, under each load.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Stability {
    /// The model's name.
    pub model: String,
    /// Whose load was varied, and whose requests are watched.
    pub workload: String,
    /// Of every run.
    pub seed: u64,
    /// Of every cell.
    pub replications: u32,
    /// Simulated seconds of one replication.
    pub simulated_s: f64,
    /// The windows in which requests are counted: no time to recover is known better.
    pub window_s: f64,
    /// The load that the model has.
    pub own_load: f64,
    /// The least share of requests that are answered in a healthy system.
    pub healthy: f64,
    /// The most that its median latency may be, in milliseconds; null: any.
    pub slowest_ms: Option<f64>,
    /// The width of the boundaries' intervals that was asked for, as a share of the load.
    pub within: f64,
    /// The faults that are the trigger, in few words.
    pub trigger: Vec<String>,
    /// When the trigger begins.
    pub begins_s: f64,
    /// The path whose values are the settings; null where nothing is varied.
    pub vary: Option<String>,
    /// The loads of the map, rising; every trigger of every setting has a cell for each.
    pub loads: Vec<f64>,
    /// In the order in which they were asked for.
    pub settings: Vec<SettingRecord>,
    /// What to mind when reading the figures, in words.
    pub warnings: Vec<String>,
    /// Broken invariants of stormglass itself; 0 in sound runs.
    pub violations: u64,
}

/// The system with one value of what is varied.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SettingRecord {
    /// The value; empty where nothing is varied.
    pub setting: String,
    /// The highest load that is served without a trigger.
    pub capacity: Boundary,
    /// The highest load from which every trigger that was tried is recovered.
    pub hidden_capacity: Boundary,
    /// By load of the map.
    pub states: Vec<State>,
    /// By length of the trigger, in the order in which they were asked for.
    pub triggers: Vec<TriggerRecord>,
}

/// What a load is, by what all triggers do to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Served without a trigger, and again after every one.
    Stable,
    /// Served without a trigger, but after some it is not served any more, though they are over.
    Vulnerable,
    /// Not served even without a trigger.
    Overloaded,
}

impl State {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Vulnerable => "vulnerable",
            Self::Overloaded => "overloaded",
        }
    }
}

/// A trigger of one length.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TriggerRecord {
    /// How long it lasts.
    pub lasts_s: f64,
    /// The highest load from which it is recovered.
    pub hidden_capacity: Boundary,
    /// Every load that was simulated, rising.
    pub cells: Vec<Cell>,
}

/// The boundary between two states, on the axis of loads.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Boundary {
    /// The middle between both ends; null unless both are known.
    pub value: Option<f64>,
    /// The highest load at which all replications are well; null where none was.
    pub low: Option<f64>,
    /// The lowest load at which none is; null where there was none.
    pub high: Option<f64>,
}

/// What a trigger did to one load.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// Requests a second.
    pub load: f64,
    /// Whether it was tried in the search for the boundary only, and is not in the map.
    pub searched: bool,
    /// What came of it.
    pub outcome: Outcome,
    /// Replications that were well again before the end.
    pub recovered: u32,
    /// Replications that were run; 0 where the load is not served even without a trigger.
    pub replications: u32,
    /// From the end of the trigger to the end of the last window that was not healthy: over the
    /// replications that recovered.
    pub time_to_recover_s: Estimate,
    /// The longest of these times.
    pub longest_s: Option<f64>,
}

/// What came of a trigger.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every replication was well again.
    Recovers,
    /// Some were.
    Sometimes,
    /// None was: the failure has outlived its trigger until the end of the run.
    Metastable,
    /// The load is not served even without a trigger.
    Overloaded,
}

impl Outcome {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recovers => "recovers",
            Self::Sometimes => "sometimes",
            Self::Metastable => "metastable",
            Self::Overloaded => "overloaded",
        }
    }
}

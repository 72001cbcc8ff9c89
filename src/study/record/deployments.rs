//! What a run tells of deployments and of pushes that may be rolled back.

use super::Estimate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A change of the running system; counts are sums over replications, the warm-up included. Times are
/// seconds: of the run where they say when, else from one thing to the next.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DeploymentRecord {
    /// Whose version it is; `config`: a push of configuration.
    pub service: String,
    /// Its number, counted from 1; the model's own is 0.
    pub version: u32,
    /// In how many replications it began.
    pub began: u64,
    /// In how many there was an alarm.
    pub detected: u64,
    /// Of these alarms, those about a version that makes nothing worse.
    pub false_alarms: u64,
    /// In how many the way back was gone to its end.
    pub rolled_back: u64,
    /// Of these, how often what was put back failed its probes each time.
    pub given_up: u64,
    /// How often it did not begin, because one before it was being taken back.
    pub held_back: u64,
    /// How often what was put back failed its probes.
    pub failed_probes: u64,
    /// When the alarm came.
    pub detected_s: Estimate,
    /// When all instances had again what they had before.
    pub rolled_back_s: Estimate,
    /// When probes had made sure of it.
    pub verified_s: Estimate,
    /// From the beginning of the change to the alarm.
    pub detect_s: Estimate,
    /// From the alarm to the first step back: what a person needs.
    pub react_s: Estimate,
    /// From there until all instances had again what they had before; the probes of batches but the
    /// last one are in it.
    pub execute_s: Estimate,
    /// From there until everything was over: the last probes, and the replay of queues.
    pub verify_s: Estimate,
    /// Wrong records that its instances wrote.
    pub wrong_writes: u64,
    /// Writes that the restoring of stores undid.
    pub undone_writes: u64,
    /// Of these, those that were right: lost, unless a queue brings them again.
    pub lost_writes: u64,
}

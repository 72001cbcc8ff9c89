//! `groups.csv`: one row for each replicated service. Counts are sums over replications, times are of
//! all of them together, in milliseconds; what was not measured is an empty cell.

use super::{finish, number};
use crate::Error;
use study::record::RunRecord;

/// The table; `None` where no service is replicated.
///
/// # Errors
/// When the table cannot be formed, which is a defect of this crate.
pub fn groups(record: &RunRecord) -> Result<Option<Vec<u8>>, Error> {
    if record.groups.is_empty() {
        return Ok(None);
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "name",
        "protocol",
        "elections",
        "split_votes",
        "leaderless_count",
        "leaderless_mean_ms",
        "leaderless_p50_ms",
        "leaderless_p90_ms",
        "leaderless_p99_ms",
        "leaderless_max_ms",
        "leaderless_total_ms",
        "buffered",
        "refused",
        "stale_reads",
        "staleness_mean_ms",
        "staleness_p99_ms",
        "staleness_max_ms",
        "messages",
        "forced_writes",
        "acknowledged",
    ])?;
    for (name, group) in &record.groups {
        let cell = |value: Option<f64>| value.map_or(String::new(), number);
        let (leaderless, staleness) = (&group.leaderless_ms, &group.staleness_ms);
        writer.write_record([
            name.clone(),
            group.protocol.to_string(),
            group.elections.to_string(),
            group.split_votes.to_string(),
            leaderless.count.to_string(),
            cell(leaderless.mean),
            cell(leaderless.p50),
            cell(leaderless.p90),
            cell(leaderless.p99),
            cell(leaderless.max),
            number(leaderless.total),
            group.buffered.to_string(),
            group.refused.to_string(),
            group.stale_reads.to_string(),
            cell(staleness.mean),
            cell(staleness.p99),
            cell(staleness.max),
            group.messages.to_string(),
            group.forced_writes.to_string(),
            group.acknowledged.to_string(),
        ])?;
    }
    finish(writer).map(Some)
}

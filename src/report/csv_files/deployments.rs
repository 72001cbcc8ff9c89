//! `deployments.csv`: one row for each deployment, and for each push that may be rolled back. Counts are
//! sums over replications, times are means in seconds; what did not happen is an empty cell.

use super::{finish, number};
use crate::Error;
use study::record::{Estimate, RunRecord};

/// The table; `None` where nothing is deployed.
///
/// # Errors
/// When the table cannot be formed, which is a defect of this crate.
pub fn deployments(record: &RunRecord) -> Result<Option<Vec<u8>>, Error> {
    if record.deployments.is_empty() {
        return Ok(None);
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "service",
        "version",
        "began",
        "detected",
        "false_alarms",
        "rolled_back",
        "given_up",
        "held_back",
        "failed_probes",
        "detected_s",
        "rolled_back_s",
        "verified_s",
        "detect_s",
        "react_s",
        "execute_s",
        "verify_s",
        "wrong_writes",
        "undone_writes",
        "lost_writes",
    ])?;
    let cell = |estimate: &Estimate| estimate.mean.map_or(String::new(), number);
    for d in &record.deployments {
        let mut row = vec![d.service.clone(), d.version.to_string()];
        let counts = [
            d.began,
            d.detected,
            d.false_alarms,
            d.rolled_back,
            d.given_up,
            d.held_back,
            d.failed_probes,
        ];
        row.extend(counts.map(|n| n.to_string()));
        let times = [
            &d.detected_s,
            &d.rolled_back_s,
            &d.verified_s,
            &d.detect_s,
            &d.react_s,
            &d.execute_s,
            &d.verify_s,
        ];
        row.extend(times.map(cell));
        let writes = [d.wrong_writes, d.undone_writes, d.lost_writes];
        row.extend(writes.map(|n| n.to_string()));
        writer.write_record(row)?;
    }
    finish(writer).map(Some)
}

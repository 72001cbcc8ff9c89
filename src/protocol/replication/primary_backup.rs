//! Primary and backups: leases granted by a majority.

/// What replicas say to each other.
#[derive(Clone, PartialEq, Debug)]
pub enum Message {}

/// A replica.
#[derive(Debug)]
pub struct PrimaryBackup {}

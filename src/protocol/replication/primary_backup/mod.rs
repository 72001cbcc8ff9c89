//! Primary and backups: leases granted by a majority.

mod message;

pub use message::{Batch, Message, Position, Run};

/// A replica.
#[derive(Debug)]
pub struct PrimaryBackup {}

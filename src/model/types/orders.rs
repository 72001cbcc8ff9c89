//! Orders: which requests are orders, and what must be written for one to be whole.

use super::Table;

/// The requests of one workload are orders, and each is followed to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Orders {
    /// Whose requests they are, an index into [`Model::workloads`](super::Model::workloads).
    pub workload: usize,
    /// A whole order has written each of these exactly once; at least one, no two alike.
    pub effects: Vec<Table>,
}

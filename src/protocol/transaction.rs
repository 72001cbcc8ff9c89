//! What the protocols of transactions have in common: sites, transactions, outcomes. It refuses to
//! know how the parts of a transaction agree, and what they say to each other.

use clock::Duration;
use core::fmt;

/// A site: one process with one log, by a number that the host chooses. All roles of a transaction
/// may live at the same site.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Site(pub u32);

/// A transaction. Unique over all coordinators and never used again, not even after a crash: sites
/// have answers about numbers that they do not know.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Txn(pub u64);

/// How a transaction ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// At every site.
    Commit,
    /// At every site.
    Abort,
}

/// What a transaction has cost so far. Messages count when sent, lost or not.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Traffic {
    /// Messages between sites.
    pub messages: u64,
    /// Forced writes, at all sites.
    pub forced: u64,
}

/// Why a machine cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConfigError {
    /// The named interval is zero: the machine would repeat itself without time passing.
    ZeroInterval(&'static str),
}

/// The transaction is known already, or was: numbers are used once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AlreadyKnown(pub Txn);

pub(crate) fn positive(name: &'static str, interval: Duration) -> Result<(), ConfigError> {
    if interval.is_zero() {
        return Err(ConfigError::ZeroInterval(name));
    }
    Ok(())
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "site {}", self.0)
    }
}

impl fmt::Display for Txn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "transaction {}", self.0)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Commit => "commit",
            Self::Abort => "abort",
        })
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroInterval(name) => write!(f, "{name} is zero; it must be at least 1ns"),
        }
    }
}

impl core::error::Error for ConfigError {}

impl fmt::Display for AlreadyKnown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is known already", self.0)
    }
}

impl core::error::Error for AlreadyKnown {}

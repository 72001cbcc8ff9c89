//! Which policies of others models may name: those that this binary was built with.

use policy::custom::Registry;

/// The light ones; with the feature `aws` the AWS SDK's retries, too.
pub(crate) fn registry() -> Registry {
    adapters::registry()
}

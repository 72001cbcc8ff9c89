//! A policy's state, once for the whole target service or once for each of its instances.

use crate::config::Scope;
use crate::frame::Root;
use crate::pipeline::Env;

/// One `T`, or one for each target instance.
#[derive(Clone, Debug)]
pub(crate) struct Scoped<T> {
    per_instance: bool,
    fresh: T,
    states: Vec<T>,
}

impl<T: Clone> Scoped<T> {
    pub(crate) fn new(scope: Scope, instances: u32, fresh: T) -> Self {
        let per_instance = scope == Scope::Instance;
        let count = if per_instance {
            instances.max(1) as usize
        } else {
            1
        };
        Self {
            per_instance,
            states: vec![fresh.clone(); count],
            fresh,
        }
    }

    /// The index of the state that the attempt being prepared meets.
    #[inline]
    pub(crate) fn select(&mut self, root: &mut Root<'_>, env: &mut impl Env) -> u32 {
        if !self.per_instance {
            return 0;
        }
        let target = root.target(env);
        if target as usize >= self.states.len() {
            // A service that grew since the pipeline was made.
            self.states.resize(target as usize + 1, self.fresh.clone());
        }
        target
    }

    #[inline]
    pub(crate) fn get(&mut self, index: u32) -> &mut T {
        &mut self.states[index as usize]
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.states.iter()
    }
}

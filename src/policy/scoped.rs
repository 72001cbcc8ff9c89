//! A policy's state, once for the whole target service or once for each of its instances.

use crate::config::Scope;
use crate::driver::Env;
use crate::frame::Root;

/// One `T`, or one for each target instance.
#[derive(Clone, Debug)]
pub(crate) struct Scoped<T> {
    per_instance: bool,
    states: Vec<T>,
}

impl<T: Clone> Scoped<T> {
    pub(crate) fn new(scope: Scope, instances: u32, fresh: T) -> Self {
        let per_instance = scope == Scope::Instance;
        let count = if per_instance { instances as usize } else { 1 };
        Self {
            per_instance,
            states: vec![fresh; count],
        }
    }

    /// The index of the state that the attempt being prepared meets; `None` when it has no target.
    #[inline]
    pub(crate) fn select(&self, root: &mut Root<'_>, env: &mut impl Env) -> Option<u32> {
        if !self.per_instance {
            return Some(0);
        }
        let target = root.target(env);
        ((target as usize) < self.states.len()).then_some(target)
    }

    /// How many states there are.
    pub(crate) fn count(&self) -> u32 {
        self.states.len() as u32
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

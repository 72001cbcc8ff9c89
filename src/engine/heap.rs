//! A binary heap of keys.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

#[derive(Default)]
pub(crate) struct Heap(BinaryHeap<Reverse<u128>>);

impl Heap {
    #[inline]
    pub(crate) fn push(&mut self, key: u128) {
        self.0.push(Reverse(key));
    }

    #[inline]
    pub(crate) fn pop_before(&mut self, bound: u128) -> Option<u128> {
        if self.0.peek()?.0 < bound {
            self.0.pop().map(|k| k.0)
        } else {
            None
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

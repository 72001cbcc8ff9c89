//! A binary heap as a future event list: slower than the ladder, and so plain that it serves as its
//! oracle.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::fel::FutureEventList;

#[derive(Default)]
pub(crate) struct Heap(BinaryHeap<Reverse<u128>>);

impl FutureEventList for Heap {
    #[inline]
    fn push(&mut self, key: u128) {
        self.0.push(Reverse(key));
    }

    #[inline]
    fn pop_before(&mut self, bound: u128) -> Option<u128> {
        if self.0.peek()?.0 < bound {
            self.0.pop().map(|k| k.0)
        } else {
            None
        }
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

//! Timers of one constant timeout, as a queue: they fall due in the order in which they were armed.
//!
//! Most timers are cancelled, so they should cost next to nothing. A timer here is one `u128` at the
//! end of a queue; only the head of the queue is represented in the future event list, by a
//! *sentinel* that carries the head's own key but for the payload. The total order (time, sequence)
//! is therefore exactly as if each timer were in the list. What a timer is about, and whether it is
//! still wanted, only the user knows.

use std::collections::VecDeque;

use clock::Duration;

use crate::key::{self, RESERVED};

/// Names the timers of one constant timeout; made by [`Engine::timer_class`](crate::Engine::timer_class).
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct TimerClass(pub(crate) u32);

/// The timers of one class.
pub(crate) struct Fifo {
    pub(crate) timeout: Duration,
    /// Rising. Not empty exactly while a sentinel for the front (or for what was the front when the
    /// sentinel was made) is in the future event list.
    pub(crate) keys: VecDeque<u128>,
}

impl Fifo {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            keys: VecDeque::new(),
        }
    }
}

/// The key under which `class` is represented while `head` is its first timer.
#[inline]
pub(crate) fn sentinel(head: u128, class: u32) -> u128 {
    key::with_payload(head, RESERVED | class)
}

/// The class that a reserved payload stands for.
#[inline]
pub(crate) fn class_of(payload: u32) -> usize {
    (payload & !RESERVED) as usize
}

//! A server's queue: who is served next, and who waited too long to be served at all.
//!
//! The queue knows neither what its items are nor how many it may hold: a full queue refuses before
//! it asks.

use crate::codel::Codel;
use crate::config::Discipline;
use clock::Instant;
use core::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// A queue of items, which are numbers to it.
#[derive(Clone, Debug)]
pub struct Queue(Kind);

/// What a queue gives out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Popped {
    /// The item.
    pub item: u32,
    /// When it was pushed.
    pub since: Instant,
    /// What is to be done with it.
    pub verdict: Verdict,
}

/// What is to be done with an item that left a queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Its turn has come.
    Serve,
    /// It waited too long: refuse it, and pop again.
    Drop,
}

type Entry = (Instant, u32);

#[derive(Clone, Debug)]
enum Kind {
    Fifo(VecDeque<Entry>),
    Lifo(Vec<Entry>),
    Priority {
        heap: BinaryHeap<Reverse<(u32, u64, Entry)>>,
        pushed: u64,
    },
    Codel(VecDeque<Entry>, Codel),
    AdaptiveLifo(VecDeque<Entry>, Codel),
}

impl Queue {
    /// An empty queue.
    pub fn new(discipline: Discipline) -> Self {
        Self(match discipline {
            Discipline::Fifo => Kind::Fifo(VecDeque::new()),
            Discipline::Lifo => Kind::Lifo(Vec::new()),
            Discipline::Priority => Kind::Priority {
                heap: BinaryHeap::new(),
                pushed: 0,
            },
            Discipline::Codel(config) => Kind::Codel(VecDeque::new(), Codel::new(config)),
            Discipline::AdaptiveLifo(config) => {
                Kind::AdaptiveLifo(VecDeque::new(), Codel::new(config))
            }
        })
    }

    /// Puts an item in. `priority` counts with [`Discipline::Priority`] only: the smallest first.
    #[inline(always)]
    pub fn push(&mut self, now: Instant, item: u32, priority: u32) {
        if let Kind::Fifo(queue) = &mut self.0 {
            queue.push_back((now, item));
        } else {
            self.push_other(now, item, priority);
        }
    }

    fn push_other(&mut self, now: Instant, item: u32, priority: u32) {
        let entry = (now, item);
        match &mut self.0 {
            Kind::Fifo(queue) | Kind::Codel(queue, _) | Kind::AdaptiveLifo(queue, _) => {
                queue.push_back(entry);
            }
            Kind::Lifo(stack) => stack.push(entry),
            Kind::Priority { heap, pushed } => {
                heap.push(Reverse((priority, *pushed, entry)));
                *pushed += 1;
            }
        }
    }

    /// Takes the next item out; `None` when there is none.
    #[inline(always)]
    pub fn pop(&mut self, now: Instant) -> Option<Popped> {
        // By far the commonest discipline, and on every server's shortest way.
        if let Kind::Fifo(queue) = &mut self.0 {
            let (since, item) = queue.pop_front()?;
            let verdict = Verdict::Serve;
            return Some(Popped {
                item,
                since,
                verdict,
            });
        }
        self.pop_other(now)
    }

    fn pop_other(&mut self, now: Instant) -> Option<Popped> {
        let mut verdict = Verdict::Serve;
        let (since, item) = match &mut self.0 {
            Kind::Codel(queue, codel) => {
                let entry = queue.pop_front()?;
                if codel.observe(now, now.since(entry.0)) {
                    verdict = Verdict::Drop;
                }
                entry
            }
            Kind::AdaptiveLifo(queue, codel) => {
                // The oldest tells whether the queue stands: under load the newest, who are served,
                // hardly wait.
                codel.observe(now, now.since(queue.front()?.0));
                let entry = if codel.overloaded() {
                    queue.pop_back()
                } else {
                    queue.pop_front()
                }?;
                if queue.is_empty() {
                    codel.observe(now, clock::Duration::ZERO);
                }
                entry
            }
            _ => self.take()?,
        };
        Some(Popped {
            item,
            since,
            verdict,
        })
    }

    /// A request was served without waiting in the queue. Disciplines that watch the wait must
    /// hear of it, or they would take the last crowd for the present one.
    #[inline]
    pub fn passed(&mut self, now: Instant) {
        if let Kind::Codel(_, codel) | Kind::AdaptiveLifo(_, codel) = &mut self.0 {
            codel.observe(now, clock::Duration::ZERO);
        }
    }

    /// Forgets what it has seen of waits, as a server does that starts anew. Its items stay.
    pub fn forget(&mut self) {
        if let Kind::Codel(_, codel) | Kind::AdaptiveLifo(_, codel) = &mut self.0 {
            codel.forget();
        }
    }

    /// How many items there are.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Kind::Fifo(queue) | Kind::Codel(queue, _) | Kind::AdaptiveLifo(queue, _) => queue.len(),
            Kind::Lifo(stack) => stack.len(),
            Kind::Priority { heap, .. } => heap.len(),
        }
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes out items that are `gone` where they would be the next to leave, so that no discipline
    /// takes their waits for somebody's. An item is asked about again as long as it stays.
    pub fn trim(&mut self, mut gone: impl FnMut(u32) -> bool) {
        match &mut self.0 {
            Kind::Fifo(queue) | Kind::Codel(queue, _) => trim_front(queue, &mut gone),
            Kind::AdaptiveLifo(queue, _) => {
                trim_front(queue, &mut gone);
                while queue.back().is_some_and(|(_, item)| gone(*item)) {
                    queue.pop_back();
                }
            }
            Kind::Lifo(stack) => {
                while stack.last().is_some_and(|(_, item)| gone(*item)) {
                    stack.pop();
                }
            }
            Kind::Priority { heap, .. } => {
                while heap
                    .peek()
                    .is_some_and(|Reverse((_, _, (_, item)))| gone(*item))
                {
                    heap.pop();
                }
            }
        }
    }

    /// Takes out whatever `keep` says no to; the rest keeps its order and its times. Costs a look at
    /// every item.
    pub fn retain(&mut self, mut keep: impl FnMut(u32) -> bool) {
        match &mut self.0 {
            Kind::Fifo(queue) | Kind::Codel(queue, _) | Kind::AdaptiveLifo(queue, _) => {
                queue.retain(|(_, item)| keep(*item));
            }
            Kind::Lifo(stack) => stack.retain(|(_, item)| keep(*item)),
            Kind::Priority { heap, .. } => {
                heap.retain(|Reverse((_, _, (_, item)))| keep(*item));
            }
        }
    }

    /// Empties the queue, as a crash does; gives each item with its time, in the order of a calm
    /// server. Whoever stops in between leaves the rest in.
    pub fn drain(&mut self) -> impl Iterator<Item = (Instant, u32)> + '_ {
        core::iter::from_fn(|| self.take())
    }

    /// The next one without a look at the clock.
    #[inline]
    fn take(&mut self) -> Option<Entry> {
        match &mut self.0 {
            Kind::Fifo(queue) | Kind::Codel(queue, _) | Kind::AdaptiveLifo(queue, _) => {
                queue.pop_front()
            }
            Kind::Lifo(stack) => stack.pop(),
            Kind::Priority { heap, .. } => heap.pop().map(|Reverse((_, _, entry))| entry),
        }
    }
}

fn trim_front(queue: &mut VecDeque<Entry>, gone: &mut impl FnMut(u32) -> bool) {
    while queue.front().is_some_and(|(_, item)| gone(*item)) {
        queue.pop_front();
    }
}

//! The queue disciplines, against plain lists, and at their edges.

use clock::{Duration, Instant};
use proptest::prelude::*;
use stormglass_policy::Queue;
use stormglass_policy::Verdict::{Drop, Serve};
use stormglass_policy::config::{Codel, Discipline};

fn at(ms: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(ms)
}

fn disciplines() -> [Discipline; 5] {
    let codel = Codel::default();
    [
        Discipline::Fifo,
        Discipline::Lifo,
        Discipline::Priority,
        Discipline::Codel(codel),
        Discipline::AdaptiveLifo(codel),
    ]
}

fn pop(queue: &mut Queue, ms: u64) -> Option<u32> {
    queue.pop(at(ms)).map(|popped| popped.item)
}

/// Items 0, 3, 6, … are gone; they leave by the ends, or all at once.
#[test]
fn what_is_gone_leaves_without_being_seen() {
    let gone = |item: u32| item.is_multiple_of(3);
    let filled = |discipline| {
        let mut queue = Queue::new(discipline);
        (0..10).for_each(|item| queue.push(at(0), item, item % 2));
        queue
    };
    for discipline in disciplines() {
        let (mut trimmed, mut swept) = (filled(discipline), filled(discipline));
        swept.retain(|item| !gone(item));
        assert_eq!(swept.len(), 6, "{discipline:?}");
        let mut left = Vec::new();
        loop {
            trimmed.trim(gone);
            assert_eq!(swept.is_empty(), trimmed.is_empty(), "{discipline:?}");
            let Some(popped) = trimmed.pop(at(1)) else {
                break;
            };
            assert_eq!(swept.pop(at(1)), Some(popped), "{discipline:?}");
            left.push(popped.item);
        }
        left.sort_unstable();
        assert_eq!(left, [1, 2, 4, 5, 7, 8], "{discipline:?}");
    }
}

#[test]
fn a_server_that_starts_anew_is_calm() {
    let codel = Codel::default();
    let mut queue = Queue::new(Discipline::AdaptiveLifo(codel));
    (0..4).for_each(|item| queue.push(at(0), item, 0));
    assert_eq!(pop(&mut queue, 20), Some(0));
    assert_eq!(pop(&mut queue, 30), Some(3), "overloaded: the newest");
    queue.forget();
    assert_eq!(pop(&mut queue, 30), Some(1));
}

#[test]
fn codel_drops_what_waited_too_long_while_the_queue_stands() {
    let mut queue = Queue::new(Discipline::Codel(Codel::default()));
    for item in 0..6 {
        queue.push(at(0), item, 0);
    }
    let verdicts: Vec<_> = [50, 60, 170, 180]
        .map(|ms| queue.pop(at(ms)).expect("an item").verdict)
        .into_iter()
        .collect();
    // The second and the third wait each begin an interval, and the first wait of an interval is
    // never dropped; after it, what waited more than 10 ms is.
    assert_eq!(verdicts, [Serve, Serve, Serve, Drop]);
    queue.push(at(181), 9, 0);
    assert_eq!(queue.pop(at(181)).expect("an item").verdict, Drop);
    assert_eq!(queue.pop(at(182)).expect("an item").verdict, Drop);
    assert_eq!(queue.pop(at(190)).expect("an item").verdict, Serve);
}

#[test]
fn adaptive_lifo_serves_the_newest_while_the_queue_stands_and_the_oldest_after() {
    let mut queue = Queue::new(Discipline::AdaptiveLifo(Codel::default()));
    for item in 0..5 {
        queue.push(at(0), item, 0);
    }
    assert_eq!(pop(&mut queue, 20), Some(0));
    assert_eq!(pop(&mut queue, 30), Some(4));
    queue.push(at(31), 5, 0);
    assert_eq!(pop(&mut queue, 40), Some(5));
    assert_eq!(pop(&mut queue, 200), Some(3));
    assert_eq!(pop(&mut queue, 201), Some(2));
    // The queue empties, which ends the overload with the interval.
    assert_eq!(pop(&mut queue, 202), Some(1));
    assert_eq!(pop(&mut queue, 203), None);
    for item in 6..9 {
        queue.push(at(400), item, 0);
    }
    assert_eq!(pop(&mut queue, 401), Some(6));
    assert_eq!(pop(&mut queue, 401), Some(7));
}

#[test]
fn adaptive_lifo_goes_by_the_oldest_however_fresh_the_newest_are() {
    let mut queue = Queue::new(Discipline::AdaptiveLifo(Codel::default()));
    for item in 0..3 {
        queue.push(at(0), item, 0);
    }
    assert_eq!(pop(&mut queue, 20), Some(0));
    for (ms, item) in [(30, 3), (100, 4), (140, 5), (250, 6), (260, 7)] {
        queue.push(at(ms), item, 0);
        assert_eq!(pop(&mut queue, ms), Some(item));
    }
}

/// A list that is searched from end to end.
#[derive(Default)]
struct Plain(Vec<(u32, u64, u32)>);

impl Plain {
    fn pop(&mut self, discipline: Discipline) -> Option<(u64, u32)> {
        let first = match discipline {
            Discipline::Lifo => self.0.len().checked_sub(1)?,
            Discipline::Priority => {
                let best = self.0.iter().map(|entry| entry.0).min()?;
                self.0.iter().position(|entry| entry.0 == best)?
            }
            _ => 0,
        };
        if self.0.is_empty() {
            return None;
        }
        let (_, since, item) = self.0.remove(first);
        Some((since, item))
    }
}

proptest! {
    #[test]
    fn fixed_orders_are_those_of_a_list(
        kind in 0usize..3,
        steps in prop::collection::vec((0u64..9, any::<bool>(), 0u32..4), 1..120),
    ) {
        let discipline = disciplines()[kind];
        let mut queue = Queue::new(discipline);
        let mut plain = Plain::default();
        let mut now = 0;
        for (item, (pause, push, priority)) in (0u32..).zip(steps) {
            now += pause;
            if push {
                queue.push(at(now), item, priority);
                plain.0.push((priority, now, item));
            } else {
                let popped = queue.pop(at(now));
                let expected = plain.pop(discipline);
                prop_assert_eq!(popped.map(|p| (p.since, p.item)), expected.map(|(t, i)| (at(t), i)));
                prop_assert!(popped.is_none_or(|p| p.verdict == Serve));
            }
            prop_assert_eq!(queue.len(), plain.0.len());
            prop_assert_eq!(queue.is_empty(), plain.0.is_empty());
        }
        let rest: Vec<_> = queue.drain().collect();
        let expected: Vec<_> =
            std::iter::from_fn(|| plain.pop(discipline)).map(|(t, i)| (at(t), i)).collect();
        prop_assert_eq!(rest, expected);
        prop_assert!(queue.is_empty());
    }

    #[test]
    fn every_item_comes_out_once_as_it_went_in(
        kind in 0usize..5,
        steps in prop::collection::vec((0u64..30, 0u8..5, 0u32..4), 1..200),
    ) {
        let mut queue = Queue::new(disciplines()[kind]);
        let (mut now, mut inside, mut last) = (0, Vec::new(), None);
        for (item, (pause, what, priority)) in (0u32..).zip(steps) {
            now += pause;
            if what < 3 {
                queue.push(at(now), item, priority);
                inside.push((at(now), item));
            } else if let Some(popped) = queue.pop(at(now)) {
                let place = inside.iter().position(|&e| e == (popped.since, popped.item));
                prop_assert!(place.is_some(), "{popped:?} was not in the queue");
                let place = place.unwrap_or_default();
                inside.remove(place);
                let codel = matches!(disciplines()[kind], Discipline::Codel(_));
                // Only CoDel drops, only what waited more than twice the target, and in order.
                if popped.verdict == Drop {
                    prop_assert!(codel && at(now).since(popped.since) > Duration::from_millis(10));
                }
                if codel {
                    prop_assert!(last < Some(popped.item));
                    last = Some(popped.item);
                }
                // An adaptive queue has two ends and no middle.
                if matches!(disciplines()[kind], Discipline::AdaptiveLifo(_)) {
                    prop_assert!(place == 0 || place == inside.len());
                }
            }
        }
        let mut rest: Vec<_> = queue.drain().collect();
        rest.sort_unstable();
        inside.sort_unstable();
        prop_assert_eq!(rest, inside);
    }
}

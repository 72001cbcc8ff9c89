//! How many instances a service should have, by the rule of Kubernetes' horizontal pod autoscaler.
//!
//! Wanted are *instances × seen ÷ target*, rounded up; a tenth around the target is near enough. More
//! are there at once, but never more than twice as many, or four more, after one look. Fewer are there
//! only when for the whole time of stabilisation nobody wanted more. It refuses to know what an
//! instance is, how its load is measured, and which one goes.

use clock::{Duration, Instant};
use std::collections::VecDeque;

/// So far from the target, as a ratio, is near enough (`--horizontal-pod-autoscaler-tolerance`).
const TOLERANCE: f64 = 0.1;
/// After one look there are so many more, or twice as many, whichever is more (`scaleUp.policies`).
const MORE_AT_ONCE: u32 = 4;

/// What an autoscaler keeps to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Terms {
    /// Never fewer instances; at least 1.
    pub min: u32,
    /// Never more; at least `min`.
    pub max: u32,
    /// What one instance should show; above 0.
    pub target: f64,
    /// Stabilisation: fewer instances only when for so long no look wanted more.
    pub cooldown: Duration,
}

/// What is seen in one look.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Load {
    /// Instances that serve.
    pub ready: u32,
    /// Those that should, and start or are down: each counts as idle where more instances would follow
    /// from what is seen, and as on target where fewer would.
    pub unready: u32,
    /// Over those that serve: what each shows, added.
    pub total: f64,
}

impl Load {
    /// Instances, ready or not.
    pub fn instances(&self) -> u32 {
        self.ready + self.unready
    }
}

/// Decides how many instances there should be.
#[derive(Clone, PartialEq, Debug)]
pub struct Autoscaler {
    terms: Terms,
    /// What was wanted when, within the time of stabilisation: falling, since only the largest counts.
    wanted: VecDeque<(Instant, u32)>,
}

impl Autoscaler {
    /// From now on, where so many instances are there.
    pub fn new(now: Instant, terms: Terms, instances: u32) -> Self {
        debug_assert!(1 <= terms.min && terms.min <= terms.max && terms.target > 0.0);
        Self {
            terms,
            wanted: VecDeque::from([(now, instances)]),
        }
    }

    /// How many instances there should be from now on.
    pub fn look(&mut self, now: Instant, load: &Load) -> u32 {
        let there = load.instances();
        let wanted = self.wants(load);
        while self.wanted.back().is_some_and(|last| last.1 <= wanted) {
            self.wanted.pop_back();
        }
        self.wanted.push_back((now, wanted));
        let cooldown = self.terms.cooldown;
        while self.wanted[0].0 + cooldown < now {
            self.wanted.pop_front();
        }
        if wanted >= there {
            let at_once = there
                .saturating_mul(2)
                .max(there.saturating_add(MORE_AT_ONCE));
            return wanted.min(at_once);
        }
        self.wanted[0].1.min(there)
    }

    /// What one look wants by itself.
    fn wants(&self, load: &Load) -> u32 {
        let there = load.instances();
        let unready = f64::from(load.unready);
        let wanted = if load.ready == 0 {
            f64::from(there)
        } else {
            // In instances on target.
            let needed = load.total / self.terms.target;
            let more = needed > f64::from(load.ready);
            let needed = if more { needed } else { needed + unready };
            let ratio = needed / f64::from(there);
            // 55 % are a tenth above 50 %, and three on target are three, also where binary says a little
            // more.
            let near = (ratio - 1.0).abs() <= TOLERANCE + 1e-9;
            if near || more != (ratio > 1.0) {
                f64::from(there)
            } else {
                libm::ceil(needed - 1e-9)
            }
        };
        (wanted as u32).clamp(self.terms.min, self.terms.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TERMS: Terms = Terms {
        min: 1,
        max: 100,
        target: 0.5,
        cooldown: Duration::from_secs(300),
    };

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn ready(ready: u32, each: f64) -> Load {
        Load {
            ready,
            unready: 0,
            total: each * f64::from(ready),
        }
    }

    fn once(terms: Terms, load: &Load) -> u32 {
        Autoscaler::new(at(0), terms, load.instances()).look(at(15), load)
    }

    /// The examples of the autoscaler's documentation: twice the target doubles, half of it halves.
    #[test]
    fn wanted_is_the_ratio_times_the_instances_rounded_up() {
        assert_eq!(once(TERMS, &ready(2, 1.0)), 4);
        assert_eq!(once(TERMS, &ready(3, 0.7)), 5); // 4.2
        let quick = Terms {
            cooldown: Duration::ZERO,
            ..TERMS
        };
        assert_eq!(once(quick, &ready(2, 0.25)), 1);
        assert_eq!(once(quick, &ready(10, 0.0)), 1);
    }

    #[test]
    fn a_tenth_around_the_target_is_near_enough() {
        for near in [0.45, 0.5, 0.55] {
            assert_eq!(once(TERMS, &ready(10, near)), 10);
        }
        assert_eq!(once(TERMS, &ready(10, 0.56)), 12); // 11.2
    }

    #[test]
    fn after_one_look_there_are_twice_as_many_or_four_more() {
        assert_eq!(once(TERMS, &ready(1, 50.0)), 5);
        assert_eq!(once(TERMS, &ready(10, 50.0)), 20);
        assert_eq!(once(TERMS, &ready(60, 50.0)), 100);
    }

    #[test]
    fn fewer_come_only_when_nobody_wanted_more_for_the_whole_time() {
        let mut scaler = Autoscaler::new(at(0), TERMS, 4);
        assert_eq!(scaler.look(at(100), &ready(4, 0.3)), 4); // wants 3
        assert_eq!(scaler.look(at(300), &ready(4, 0.1)), 4); // wants 1
        // What was there at the beginning is forgotten; at 100 three were wanted.
        assert_eq!(scaler.look(at(301), &ready(4, 0.1)), 3);
        assert_eq!(scaler.look(at(400), &ready(3, 0.1)), 3);
        assert_eq!(scaler.look(at(401), &ready(3, 0.1)), 1);
    }

    #[test]
    fn who_is_not_ready_is_idle_or_on_target_whichever_changes_less() {
        let load = |unready, total| Load {
            ready: 4,
            unready,
            total,
        };
        // 7.2 are needed: four are too few, the four that start will do.
        assert_eq!(once(TERMS, &load(0, 3.6)), 8);
        assert_eq!(once(TERMS, &load(4, 3.6)), 8);
        let quick = Terms {
            cooldown: Duration::ZERO,
            ..TERMS
        };
        // Two are needed, and what the four that are down will get.
        assert_eq!(once(quick, &load(0, 1.0)), 2);
        assert_eq!(once(quick, &load(4, 1.0)), 6);
        // Nobody is there to be looked at.
        let none = Load {
            unready: 3,
            ..Load::default()
        };
        assert_eq!(once(quick, &none), 3);
    }

    proptest! {
        /// The largest of all that was wanted in time, looked up in a plain list, bounds every way down.
        #[test]
        fn fewer_is_never_less_than_what_was_wanted_in_time(
            looks in prop::collection::vec((0u64..200, 0u32..6, 0u32..3, 0.0f64..2.0), 1..60),
        ) {
            let terms = Terms { min: 2, max: 9, ..TERMS };
            let mut scaler = Autoscaler::new(at(0), terms, 4);
            let (mut now, mut there) = (0, 4u32);
            let mut history = vec![(0, 4)];
            for (later, down, start, each) in looks {
                now += later;
                let unready = down.min(there).max(start.min(there));
                let ready = there - unready;
                let load = Load { ready, unready, total: each * f64::from(ready) };
                history.push((now, scaler.wants(&load)));
                let most = history.iter().filter(|(at, _)| at + 300 >= now);
                let most = most.map(|(_, wanted)| *wanted).max().unwrap_or(0);
                let next = scaler.look(at(now), &load);
                prop_assert!((2..=9).contains(&next));
                prop_assert!(next <= there || next == scaler.wants(&load).min((2 * there).max(there + 4)));
                prop_assert!(next >= there || next == most);
                there = next;
            }
        }

        /// A steady load is answered once: the number that it needs is not left again.
        #[test]
        fn a_steady_load_comes_to_rest(load in 0.01f64..40.0, first in 1u32..40) {
            let mut scaler = Autoscaler::new(at(0), TERMS, first);
            let mut there = first;
            let mut seen = Vec::new();
            for look in 1..80 {
                let load = Load { ready: there, unready: 0, total: load };
                there = scaler.look(at(15 * look), &load);
                seen.push(there);
            }
            let last = seen[seen.len() - 1];
            prop_assert!(seen[60..].iter().all(|there| *there == last));
            let ratio = load / 0.5 / f64::from(last);
            prop_assert!(ratio <= 1.1 + 1e-9, "{} instances for {}", last, load);
        }
    }
}

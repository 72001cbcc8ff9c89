//! The way back: its steps in their order, the pauses before them, and another try when what was put
//! back does not hold.
//!
//! It refuses to know how a step is done: it says which one is next, and hears how it ended.

use clock::Duration;
use std::collections::VecDeque;

/// What a way back consists of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Queues that stop forwarding first, and are replayed last.
    pub queues: u32,
    /// Stores that are restored between them.
    pub stores: u32,
    /// How often the version is put back at most, when it does not hold; at least 1.
    pub attempts: u32,
}

/// A step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Task {
    /// A queue, by its number in the plan, forwards no new messages.
    StopQueue(u32),
    /// A store, by its number in the plan, is as it was before the change.
    Restore(u32),
    /// The version before the change is put back, and made sure of.
    PutBack,
    /// A queue forwards again, from the last message before the change.
    Replay(u32),
}

/// What a person needs time for. A system that acts by itself needs none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delay {
    /// To notice the alarm.
    Notice,
    /// To do a step.
    Step,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Nothing for so long; then [`Rollback::wake`].
    Wait(Duration),
    /// This step; then [`Rollback::done`].
    Do(Task),
    /// It is over.
    Over(End),
}

/// How a way back ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Everything is as it was.
    Back,
    /// What was put back did not hold, each time.
    GivenUp,
}

/// A way back that is being gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rollback {
    plan: Plan,
    left: VecDeque<Task>,
    attempts: u32,
    end: End,
}

impl Rollback {
    /// Begins at an alarm. `delay` says how long a person takes, or zero.
    pub fn begin(plan: Plan, delay: &mut dyn FnMut(Delay) -> Duration) -> (Self, Next) {
        let mut left: VecDeque<Task> = (0..plan.queues).map(Task::StopQueue).collect();
        left.extend((0..plan.stores).map(Task::Restore));
        left.push_back(Task::PutBack);
        left.extend((0..plan.queues).map(Task::Replay));
        let rollback = Self {
            plan,
            left,
            attempts: 1,
            end: End::Back,
        };
        let pause = delay(Delay::Notice).saturating_add(delay(Delay::Step));
        let next = rollback.after(pause);
        (rollback, next)
    }

    /// How often the version was put back, or is being.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The step that is being done, or comes next.
    pub fn present(&self) -> Option<Task> {
        self.left.front().copied()
    }

    /// Whether a version that does not hold now is not put back again.
    pub fn is_last(&self) -> bool {
        self.attempts >= self.plan.attempts.max(1)
    }

    /// The pause is over.
    pub fn wake(&mut self) -> Next {
        self.after(Duration::ZERO)
    }

    /// The step that was to be done is done; `holds`: a version that was put back stood the probes.
    /// Where it did not, it is put back again. Queues run again in the end, whatever has become of it.
    pub fn done(&mut self, holds: bool, delay: &mut dyn FnMut(Delay) -> Duration) -> Next {
        match self.left.front() {
            Some(Task::PutBack) if !holds && self.attempts < self.plan.attempts.max(1) => {
                self.attempts += 1;
            }
            Some(Task::PutBack) if !holds => {
                self.end = End::GivenUp;
                self.left.pop_front();
            }
            _ => {
                self.left.pop_front();
            }
        }
        match self.left.is_empty() {
            true => Next::Over(self.end),
            false => self.after(delay(Delay::Step)),
        }
    }

    fn after(&self, pause: Duration) -> Next {
        match self.left.front() {
            Some(_) if pause > Duration::ZERO => Next::Wait(pause),
            Some(task) => Next::Do(*task),
            None => Next::Over(self.end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Goes through a rollback; answers the steps with the time at which each was begun, and the end.
    fn go(
        plan: Plan,
        notice: u64,
        step: u64,
        mut holds: impl FnMut(u32) -> bool,
    ) -> (Vec<(u64, Task)>, End) {
        let mut delay = |what| {
            Duration::from_secs(match what {
                Delay::Notice => notice,
                Delay::Step => step,
            })
        };
        let (mut rollback, mut next) = Rollback::begin(plan, &mut delay);
        let (mut now, mut steps) = (0, Vec::new());
        loop {
            next = match next {
                Next::Wait(time) => {
                    now += time.as_nanos() / 1_000_000_000;
                    rollback.wake()
                }
                Next::Do(task) => {
                    steps.push((now, task));
                    let good = task != Task::PutBack || holds(rollback.attempts());
                    rollback.done(good, &mut delay)
                }
                Next::Over(end) => return (steps, end),
            };
        }
    }

    #[test]
    fn a_person_notices_and_does_one_step_after_the_other() {
        let plan = Plan {
            queues: 1,
            stores: 1,
            attempts: 1,
        };
        let (steps, end) = go(plan, 300, 60, |_| true);
        let expected = [
            (360, Task::StopQueue(0)),
            (420, Task::Restore(0)),
            (480, Task::PutBack),
            (540, Task::Replay(0)),
        ];
        assert_eq!((steps, end), (expected.to_vec(), End::Back));
    }

    #[test]
    fn what_does_not_hold_is_put_back_again_and_queues_run_in_any_case() {
        let plan = Plan {
            queues: 1,
            stores: 0,
            attempts: 3,
        };
        let (steps, end) = go(plan, 0, 0, |attempt| attempt == 2);
        let tasks: Vec<Task> = steps.into_iter().map(|(_, task)| task).collect();
        use Task::{PutBack, Replay, StopQueue};
        assert_eq!(tasks, [StopQueue(0), PutBack, PutBack, Replay(0)]);
        assert_eq!(end, End::Back);
        let (steps, end) = go(plan, 0, 0, |_| false);
        assert_eq!(steps.len(), 5);
        assert_eq!(steps.last(), Some(&(0, Replay(0))));
        assert_eq!(end, End::GivenUp);
    }

    proptest! {
        #[test]
        fn queues_that_stop_are_replayed_and_stores_come_before_the_version(
            queues in 0u32..4,
            stores in 0u32..4,
            attempts in 1u32..5,
            holds_at in 1u32..8,
            step in 0u64..3,
        ) {
            let plan = Plan { queues, stores, attempts };
            let (steps, end) = go(plan, step, step, |attempt| attempt >= holds_at);
            let tasks: Vec<Task> = steps.iter().map(|(_, task)| *task).collect();
            let place = |task: Task| tasks.iter().position(|other| *other == task);
            let back = place(Task::PutBack).expect("always");
            for queue in 0..queues {
                prop_assert!(place(Task::StopQueue(queue)).is_some_and(|at| at < back));
                prop_assert!(place(Task::Replay(queue)).is_some_and(|at| at > back));
            }
            for store in 0..stores {
                prop_assert!(place(Task::Restore(store)).is_some_and(|at| at < back));
            }
            let tried = tasks.iter().filter(|task| **task == Task::PutBack).count() as u32;
            prop_assert_eq!(tried, holds_at.min(attempts));
            prop_assert_eq!(end == End::Back, holds_at <= attempts);
            // Each step, the repeated ones included, and the notice.
            let spent = steps.last().map_or(0, |(at, _)| *at);
            prop_assert_eq!(spent, step * (1 + tasks.len() as u64));
        }
    }
}

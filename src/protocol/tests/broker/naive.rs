//! A broker of one partition and one group against a naive model, which keeps every message for ever
//! with a word on its state, and finds out by looking through all of them what has to be forwarded.

use clock::{Duration, Instant};
use proptest::prelude::*;
use stormglass_protocol::broker::*;

const ACK: Duration = Duration::from_millis(20);
const BACKOFF: Duration = Duration::from_millis(5);
const MOST: u32 = 3;

#[derive(Clone, Copy, Debug)]
enum Step {
    Publish,
    /// Acknowledge, or reject, the delivery of this number among those ever made.
    Answer(usize, bool),
    Pass(u64),
    Connect(u32),
    Disconnect(u32),
    Crash,
    Stop,
    Resume,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Publish),
        4 => (0_usize..60, any::<bool>()).prop_map(|(n, good)| Step::Answer(n, good)),
        3 => (0_u64..12).prop_map(Step::Pass),
        1 => (0_u32..3).prop_map(Step::Connect),
        1 => (0_u32..3).prop_map(Step::Disconnect),
        1 => Just(Step::Crash),
        1 => Just(Step::Stop),
        1 => Just(Step::Resume),
    ];
    prop::collection::vec(step, 0..80)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Waits,
    WaitsUntil(Instant),
    Out {
        by: u32,
        until: Instant,
        delivery: usize,
    },
    Done,
    Dead,
}

struct Naive {
    messages: Vec<(State, u32)>,
    members: Vec<u32>,
    stopped: bool,
    exclusive: bool,
    prefetch: usize,
}

impl Naive {
    /// A delivery was in vain.
    fn fail(&mut self, message: usize, next: State) {
        let (state, deliveries) = &mut self.messages[message];
        *state = if *deliveries >= MOST {
            State::Dead
        } else {
            next
        };
    }

    fn pass(&mut self, now: Instant) {
        for message in 0..self.messages.len() {
            match self.messages[message].0 {
                State::Out { until, .. } if until <= now => {
                    self.fail(message, State::WaitsUntil(now + BACKOFF));
                }
                State::WaitsUntil(at) if at <= now => self.messages[message].0 = State::Waits,
                _ => {}
            }
        }
    }

    fn at(&self, consumer: u32) -> usize {
        let out = |state: &State| matches!(state, State::Out { by, .. } if *by == consumer);
        self.messages.iter().filter(|(state, _)| out(state)).count()
    }

    /// Whether something should have been forwarded that was not.
    fn is_idle_in_vain(&self) -> bool {
        if self.stopped {
            return false;
        }
        if self.exclusive {
            let first = self
                .messages
                .iter()
                .find(|(state, _)| !matches!(state, State::Done | State::Dead));
            let waits = matches!(first, Some((State::Waits, _)));
            // The first of the members has the only partition.
            return waits
                && self
                    .members
                    .first()
                    .is_some_and(|m| self.at(*m) < self.prefetch);
        }
        let waits = self
            .messages
            .iter()
            .any(|(state, _)| *state == State::Waits);
        waits && self.members.iter().any(|m| self.at(*m) < self.prefetch)
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(300)
    })]

    #[test]
    fn a_broker_does_what_a_naive_model_allows_and_leaves_nothing_undone(
        steps in steps(),
        exclusive in any::<bool>(),
        prefetch in 1_u32..4,
    ) {
        let sharing = match exclusive {
            true => Sharing::Exclusive { rebalance: Duration::ZERO },
            false => Sharing::Competing,
        };
        let config = Config {
            sharing,
            prefetch,
            ack_timeout: ACK,
            max_deliveries: Some(MOST),
            backoff: Backoff { initial: BACKOFF, factor: 1.0, max: BACKOFF },
            ..Config::default()
        };
        let mut broker = Broker::new(config, [0]).expect("it is in range");
        let mut naive = Naive {
            messages: Vec::new(),
            members: Vec::new(),
            stopped: false,
            exclusive,
            prefetch: prefetch as usize,
        };
        let mut now = Instant::ZERO;
        let mut receipts: Vec<Receipt> = Vec::new();
        for step in steps {
            let mut out = Vec::new();
            match step {
                Step::Publish => {
                    let message = Message(naive.messages.len() as u64);
                    broker.publish(now, Publish::new(message, 0), &mut out);
                    prop_assert_eq!(&out, &[Action::Taken(message), Action::Force]);
                    out.clear();
                    naive.messages.push((State::Waits, 0));
                    broker.forced(now, &mut out);
                }
                Step::Answer(number, good) => {
                    let Some(&receipt) = receipts.get(number) else { continue };
                    let message = receipt.place.offset as usize;
                    let current = matches!(
                        naive.messages[message].0,
                        State::Out { delivery, .. } if delivery == number
                    );
                    match (current, good) {
                        (true, true) => naive.messages[message].0 = State::Done,
                        (true, false) => naive.fail(message, State::WaitsUntil(now + BACKOFF)),
                        (false, _) => {}
                    }
                    match good {
                        true => broker.acknowledge(now, receipt, &mut out),
                        false => broker.reject(now, receipt, &mut out),
                    }
                    prop_assert!(current || out.is_empty(), "{out:?} for what is over");
                }
                Step::Pass(ms) => {
                    for _ in 0..ms {
                        now += Duration::from_millis(1);
                        naive.pass(now);
                        let due = broker.due();
                        prop_assert!(due >= now, "due at {due}, and it is {now}");
                        let mut here = Vec::new();
                        broker.on_timer(now, &mut here);
                        prop_assert!(here.is_empty() || due == now, "{here:?} before {due}");
                        follow(&mut naive, &here, now, &mut receipts)?;
                    }
                }
                Step::Connect(member) => {
                    if !naive.members.contains(&member) {
                        naive.members.push(member);
                        naive.members.sort_unstable();
                    }
                    give_back(&mut naive, exclusive);
                    broker.connect(now, Group(0), Consumer(member), &mut out);
                }
                Step::Disconnect(member) => {
                    naive.members.retain(|m| *m != member);
                    give_back(&mut naive, exclusive);
                    broker.disconnect(now, Group(0), Consumer(member), &mut out);
                }
                Step::Crash => {
                    broker.crash(&mut out);
                    for message in 0..naive.messages.len() {
                        if let State::Out { .. } = naive.messages[message].0 {
                            naive.fail(message, State::Waits);
                        }
                    }
                    let there = naive.members.iter().map(|m| (Group(0), Consumer(*m)));
                    broker.recover(now, there.collect::<Vec<_>>(), &mut out);
                }
                Step::Stop => {
                    naive.stopped = true;
                    broker.stop();
                }
                Step::Resume => {
                    naive.stopped = false;
                    broker.resume(now, &mut out);
                }
            }
            follow(&mut naive, &out, now, &mut receipts)?;
            prop_assert!(!naive.is_idle_in_vain(), "{:?} after {step:?}", naive.messages);
            let open = naive.messages.iter().filter(|(s, _)| !matches!(s, State::Done | State::Dead));
            prop_assert_eq!(broker.depth(), open.count() as u64);
        }
    }
}

/// What was out at those who are gone, or no longer own it, is delivered again.
fn give_back(naive: &mut Naive, exclusive: bool) {
    let owner = naive.members.first().copied();
    for message in 0..naive.messages.len() {
        if let State::Out { by, .. } = naive.messages[message].0 {
            let has = match exclusive {
                true => owner == Some(by),
                false => naive.members.contains(&by),
            };
            if !has {
                naive.fail(message, State::Waits);
            }
        }
    }
}

/// Takes down what was forwarded, and holds it against what may be.
fn follow(
    naive: &mut Naive,
    out: &[Action],
    now: Instant,
    receipts: &mut Vec<Receipt>,
) -> Result<(), TestCaseError> {
    for action in out {
        let &Action::Deliver {
            message,
            consumer,
            receipt,
            deliveries,
            ..
        } = action
        else {
            if let Action::Ended { message, end, .. } = action {
                let wanted = match end {
                    End::Acknowledged => State::Done,
                    End::Dead => State::Dead,
                    End::Dropped => State::Waits,
                };
                prop_assert_eq!(naive.messages[message.0 as usize].0, wanted);
            }
            continue;
        };
        let index = message.0 as usize;
        prop_assert!(!naive.stopped);
        prop_assert_eq!(receipt.place.offset, message.0);
        prop_assert_eq!(naive.messages[index].0, State::Waits);
        prop_assert!(naive.members.contains(&consumer.0));
        prop_assert!(naive.at(consumer.0) < naive.prefetch);
        if naive.exclusive {
            let before = naive.messages[..index].iter();
            let mut before = before.filter(|(s, _)| !matches!(s, State::Done | State::Dead));
            prop_assert!(before.next().is_none());
        }
        let entry = &mut naive.messages[index];
        entry.1 += 1;
        prop_assert_eq!(entry.1, deliveries);
        entry.0 = State::Out {
            by: consumer.0,
            until: now + ACK,
            delivery: receipts.len(),
        };
        receipts.push(receipt);
    }
    Ok(())
}

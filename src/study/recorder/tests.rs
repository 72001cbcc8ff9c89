use super::*;
use proptest::prelude::*;

const MS: u64 = 1_000_000;

fn at(ns: u64) -> Instant {
    Instant::from_nanos(ns)
}

/// What the world would say.
#[derive(Clone, Debug)]
enum Fact {
    Started(usize),
    Sent(usize, u64),
    Ended(usize, u64, Outcome),
    Arrived,
    Refused,
    Served(u64),
    Completed,
    Queue(u32),
    Busy(u32),
    Wasted(u64),
    Open(usize, (u32, u32)),
    Fault(usize, bool),
}

/// Tells the facts as the world does: ticks when they were asked for, then what happens.
fn tell(recorder: &mut Recorder, facts: &[(u64, Fact)]) {
    let mut next = Instant::ZERO;
    for (time, fact) in facts {
        let now = at(*time);
        while now >= next {
            let Tick::At(then) = recorder.tick(next.max(Instant::ZERO)) else {
                return;
            };
            assert!(then > next, "a tick asks for the past");
            next = then;
        }
        match *fact {
            Fact::Started(edge) => recorder.call_started(now, edge),
            Fact::Sent(edge, started) => recorder.attempt_sent(now, edge, at(started)),
            Fact::Ended(edge, started, outcome) => {
                recorder.call_ended(now, edge, at(started), outcome)
            }
            Fact::Arrived => recorder.arrived(now, 0),
            Fact::Refused => recorder.refused(now, 0),
            Fact::Served(arrived) => recorder.served(now, 0, at(arrived)),
            Fact::Completed => recorder.completed(now, 0),
            Fact::Queue(length) => recorder.queue_length(now, 0, length),
            Fact::Busy(busy) => recorder.busy_workers(now, 0, busy),
            Fact::Wasted(time) => recorder.wasted(now, 0, Duration::from_nanos(time)),
            Fact::Open(edge, (before, after)) => {
                recorder.breakers(now, edge, (before, 0), (after, 1))
            }
            Fact::Fault(fault, active) => recorder.fault(now, fault, active),
        }
    }
}

/// One workload (edge 0), one call between services (edge 1, with a breaker), one service; a run
/// of 200 ms in windows of 1 ms.
fn measure(warmup: u64, facts: &[(u64, Fact)]) -> Measured {
    let progress = Progress::new();
    let plan = Plan::new(Duration::from_nanos(200 * MS), Duration::from_nanos(warmup));
    assert_eq!(plan.window, Duration::from_nanos(MS));
    let mut recorder = Recorder::new(plan, [1, 1, 0], &[false, true], &progress);
    tell(&mut recorder, facts);
    let measured = recorder.finish(at(200 * MS));
    assert_eq!(progress.simulated(), Duration::from_nanos(200 * MS));
    measured
}

#[test]
fn calls_count_when_they_began_after_the_warm_up() {
    let measured = measure(
        100 * MS,
        &[
            (99 * MS, Fact::Started(0)),
            (99 * MS, Fact::Sent(0, 99 * MS)),
            (100 * MS, Fact::Started(0)),
            (100 * MS, Fact::Sent(0, 100 * MS)),
            (101 * MS, Fact::Sent(0, 99 * MS)),
            (101 * MS, Fact::Sent(0, 100 * MS)),
            (102 * MS, Fact::Ended(0, 99 * MS, Outcome::Success)),
            (150 * MS, Fact::Started(0)),
            (150 * MS + 7, Fact::Ended(0, 100 * MS, Outcome::Degraded)),
        ],
    );
    let edge = measured.edges[0];
    assert_eq!((edge.calls, edge.attempts), (2, 2));
    assert_eq!(edge.ended, [0, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(measured.time, Duration::from_nanos(100 * MS));
    // One latency, of the request that was issued as the warm-up ended.
    assert_eq!(
        (measured.latencies[0].count(), measured.latencies[0].max()),
        (1, Some(50 * MS + 7))
    );
}

#[test]
fn a_request_belongs_to_the_window_in_which_it_ended() {
    let measured = measure(
        100 * MS,
        &[
            (0, Fact::Started(0)),
            (3 * MS, Fact::Ended(0, 0, Outcome::Success)),
            (4 * MS - 1, Fact::Started(0)),
            (4 * MS, Fact::Ended(0, 4 * MS - 1, Outcome::Timeout)),
        ],
    );
    let rows = &measured.windows.workloads[0];
    assert_eq!(rows.len(), 200);
    assert_eq!((rows[0].issued, rows[3].issued, rows[4].issued), (1, 1, 0));
    assert_eq!(rows[3].ended, [1, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(rows[4].ended, [0, 0, 1, 0, 0, 0, 0, 0]);
    assert_eq!(
        (rows[3].quantiles, rows[3].measured),
        ([(3 * MS).into(); 5], 1)
    );
    assert_eq!(rows[4].measured, 0);
    assert!(measured.latencies[0].is_empty(), "all of it was warm-up");
}

#[test]
fn a_service_is_averaged_over_the_time_after_warm_up() {
    let measured = measure(
        100 * MS,
        &[
            (10 * MS, Fact::Queue(9)),
            (90 * MS, Fact::Queue(2)),
            (90 * MS, Fact::Busy(1)),
            (95 * MS, Fact::Arrived),
            (110 * MS, Fact::Queue(4)),
            (115 * MS, Fact::Arrived),
            (120 * MS, Fact::Queue(0)),
            (120 * MS, Fact::Served(95 * MS)),
            (121 * MS, Fact::Served(115 * MS)),
            (130 * MS, Fact::Refused),
            (140 * MS, Fact::Busy(0)),
            (140 * MS, Fact::Completed),
            (140 * MS, Fact::Wasted(50 * MS)),
        ],
    );
    let service = &measured.services[0];
    let ServiceTotals {
        arrived,
        completed,
        refused,
        queue,
        busy,
        ..
    } = service.totals;
    assert_eq!((arrived, completed, refused), (1, 1, 1));
    assert_eq!(queue, u128::from((2 * 10 + 4 * 10) * MS));
    assert_eq!(busy, u128::from(40 * MS));
    assert_eq!(service.max_queue, 4);
    assert_eq!(
        (service.wait.count(), service.wait.max()),
        (1, Some(6 * MS))
    );
    // The work began ten milliseconds before the warm-up ended.
    assert_eq!(service.totals.wasted, u128::from(40 * MS));
    let rows = &measured.windows.services[0];
    assert_eq!(
        (rows[95].arrived, rows[90].busy, rows[89].busy),
        (1, u128::from(MS), 0)
    );
    assert_eq!(
        (rows[50].queue, rows[105].queue),
        (u128::from(9 * MS), u128::from(2 * MS))
    );
}

#[test]
fn open_breakers_are_averaged_over_windows() {
    // One caller opens two, another one opens one; then both close theirs.
    let measured = measure(
        0,
        &[
            (MS / 2, Fact::Open(1, (0, 2))),
            (2 * MS, Fact::Open(1, (0, 1))),
            (3 * MS, Fact::Open(1, (2, 0))),
            (4 * MS, Fact::Open(1, (1, 0))),
        ],
    );
    let (edge, open) = &measured.windows.breakers[0];
    let open: Vec<u64> = open[..5]
        .iter()
        .map(|area| (area / u128::from(MS)) as u64)
        .collect();
    assert_eq!((*edge, open), (1, vec![1, 2, 3, 1, 0]));
}

#[test]
fn faults_are_remembered_with_their_spans() {
    let facts = [
        (1, Fact::Fault(3, true)),
        (2, Fact::Fault(0, true)),
        (5, Fact::Fault(3, false)),
    ];
    let measured = measure(0, &facts);
    assert_eq!(
        measured.faults,
        [(3, at(1), at(5)), (0, at(2), at(200 * MS))]
    );
}

#[test]
fn a_run_that_is_cut_short_has_the_windows_that_it_reached() {
    let progress = Progress::new();
    let plan = Plan::new(
        Duration::from_nanos(200 * MS),
        Duration::from_nanos(100 * MS),
    );
    let mut recorder = Recorder::new(plan, [1, 1, 0], &[false], &progress);
    tell(
        &mut recorder,
        &[
            (0, Fact::Started(0)),
            (MS, Fact::Ended(0, 0, Outcome::Error)),
        ],
    );
    progress.stop();
    assert_eq!(recorder.tick(at(MS + MS / 2)), Tick::Stop);
    let measured = recorder.finish(at(MS + MS / 2));
    assert_eq!(
        measured.windows.covered,
        [u128::from(MS), u128::from(MS / 2)]
    );
    assert_eq!(measured.time, Duration::ZERO);
    assert_eq!(measured.edges[0], EdgeMeasured::default());
    assert_eq!(progress.fraction(), 0.0, "nobody said how much to expect");
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop::sample::select(&Outcome::ALL[..])
}

proptest! {
    /// Against counting by hand, whatever the warm-up, with calls that end in the last instant.
    #[test]
    fn nothing_is_lost_or_counted_twice(
        calls in prop::collection::vec((0..2usize, 0..200 * MS, 0..100 * MS, outcome()), 0..300),
        warmup in 0..200 * MS,
    ) {
        let end = 200 * MS;
        let mut facts = Vec::new();
        for (edge, start, length, outcome) in &calls {
            facts.push((*start, Fact::Started(*edge)));
            facts.push((*start, Fact::Sent(*edge, *start)));
            if start + length <= end {
                facts.push((start + length, Fact::Ended(*edge, *start, *outcome)));
            }
        }
        facts.sort_by_key(|(time, _)| *time);
        let measured = measure(warmup, &facts);
        for edge in 0..2 {
            let mine = calls.iter().filter(|(e, start, ..)| *e == edge && *start >= warmup);
            let ended = mine.clone().filter(|(_, start, length, _)| start + length <= end);
            let counted = measured.edges[edge];
            prop_assert_eq!(counted.calls, mine.clone().count() as u64);
            prop_assert_eq!(counted.attempts, counted.calls);
            prop_assert_eq!(counted.ended.iter().sum::<u64>(), ended.clone().count() as u64);
            if edge == 0 {
                let sum: u64 = ended.filter(|(.., outcome)| outcome.is_success()).map(|(_, _, length, _)| length).sum();
                prop_assert_eq!(measured.latencies[0].sum(), u128::from(sum));
            }
        }
        let rows = &measured.windows.workloads[0];
        let all = calls.iter().filter(|(edge, ..)| *edge == 0);
        prop_assert_eq!(rows.iter().map(|row| row.issued).sum::<u64>(), all.clone().count() as u64);
        let ended = rows.iter().flat_map(|row| row.ended).sum::<u64>();
        prop_assert_eq!(ended, all.filter(|(_, start, length, _)| start + length <= end).count() as u64);
        prop_assert_eq!(measured.windows.covered.iter().sum::<u128>(), u128::from(end));
    }
}

//! Measures, from the world's facts, what no record of a run holds: the law of the number in a
//! system, departures, busy periods, waits below a bound, outages as an operator and as a caller
//! sees them. Exact sums, no histogram, so that an error of the recorder can not hide here.
//!
//! It looks at the first service and at the first workload.

use clock::{Duration, Instant};
use policy::Outcome;
use stormglass_cluster::{EdgeId, Observer, Tick};

/// Bounds of the waiting times that are counted, in seconds.
const WAITS: [f64; 4] = [0.0, 1.0, 5.0, 10.0];

/// An answer slower than this is slow (the leaves answer in 10 ms or in 1 s).
const SLOW: f64 = 0.5;

/// Hears one replication.
#[derive(Debug)]
pub(crate) struct Meter {
    /// Nothing is measured before.
    from: Instant,

    waiting: u32,
    busy: u32,
    changed: Instant,
    /// Seconds during which `n` were in the system.
    seconds_at: Vec<f64>,

    busy_since: Instant,
    idle_since: Option<Instant>,
    busy_periods: u64,
    busy_seconds: f64,

    departed: Option<Instant>,
    gaps: u64,
    gap_sum: f64,
    gap_squares: f64,

    served: u64,
    wait_sum: f64,
    waited_at_most: [u64; WAITS.len()],

    answers: u64,
    slow: u64,

    down: u32,
    down_since: Instant,
    /// Callers in the present outage, and the sum of their times since it began.
    callers: u64,
    since_begin: f64,
    outages: u64,
    outage_sum: f64,
    met: u64,
    met_outage_sum: f64,
    met_residual_sum: f64,
    /// When two units were down at the same time first.
    two_down: Option<Instant>,
    /// Whether to stop then.
    until_two_down: bool,
}

impl Meter {
    pub(crate) fn new(from: Duration, until_two_down: bool) -> Self {
        Self {
            from: Instant::ZERO + from,
            waiting: 0,
            busy: 0,
            changed: Instant::ZERO,
            seconds_at: Vec::new(),
            busy_since: Instant::ZERO,
            idle_since: Some(Instant::ZERO),
            busy_periods: 0,
            busy_seconds: 0.0,
            departed: None,
            gaps: 0,
            gap_sum: 0.0,
            gap_squares: 0.0,
            served: 0,
            wait_sum: 0.0,
            waited_at_most: [0; WAITS.len()],
            answers: 0,
            slow: 0,
            down: 0,
            down_since: Instant::ZERO,
            callers: 0,
            since_begin: 0.0,
            outages: 0,
            outage_sum: 0.0,
            met: 0,
            met_outage_sum: 0.0,
            met_residual_sum: 0.0,
            two_down: None,
            until_two_down,
        }
    }

    /// The share of time with at least `n` in the system.
    pub(crate) fn at_least(&self, n: usize) -> f64 {
        self.seconds_at[n..].iter().sum::<f64>() / self.seconds_at.iter().sum::<f64>()
    }

    /// Over time.
    pub(crate) fn mean_number(&self) -> f64 {
        self.number_moment(1)
    }

    /// Over time.
    pub(crate) fn variance_of_number(&self) -> f64 {
        self.number_moment(2) - self.number_moment(1).powi(2)
    }

    fn number_moment(&self, power: i32) -> f64 {
        let weighted = self
            .seconds_at
            .iter()
            .enumerate()
            .map(|(n, s)| (n as f64).powi(power) * s);
        weighted.sum::<f64>() / self.seconds_at.iter().sum::<f64>()
    }

    pub(crate) fn mean_busy_period(&self) -> f64 {
        self.busy_seconds / self.busy_periods as f64
    }

    /// Squared coefficient of variation of the time between departures.
    pub(crate) fn departure_scv(&self) -> f64 {
        let mean = self.gap_sum / self.gaps as f64;
        (self.gap_squares / self.gaps as f64 - mean * mean) / (mean * mean)
    }

    /// In seconds, over requests.
    pub(crate) fn mean_wait(&self) -> f64 {
        self.wait_sum / self.served as f64
    }

    /// The share of requests whose wait was at most `WAITS[bound]`.
    pub(crate) fn waited_at_most(&self, bound: usize) -> f64 {
        self.waited_at_most[bound] as f64 / self.served as f64
    }

    /// The share of requests that did not begin at once.
    pub(crate) fn had_to_wait(&self) -> f64 {
        1.0 - self.waited_at_most(0)
    }

    /// The share of answers that were slow.
    pub(crate) fn slow(&self) -> f64 {
        self.slow as f64 / self.answers as f64
    }

    /// In seconds, every outage once.
    pub(crate) fn mean_outage(&self) -> f64 {
        self.outage_sum / self.outages as f64
    }

    /// In seconds, every caller's outage once per caller.
    pub(crate) fn mean_outage_met(&self) -> f64 {
        self.met_outage_sum / self.met as f64
    }

    /// In seconds, from a caller's coming to the end of the outage.
    pub(crate) fn mean_residual(&self) -> f64 {
        self.met_residual_sum / self.met as f64
    }

    /// In seconds.
    pub(crate) fn first_two_down(&self) -> f64 {
        self.two_down
            .expect("two units are down at the same time some day")
            .as_secs_f64()
    }

    fn number_changes(&mut self, now: Instant, waiting: u32, busy: u32) {
        let n = (self.waiting + self.busy) as usize;
        if self.seconds_at.len() <= n {
            self.seconds_at.resize(n + 1, 0.0);
        }
        self.seconds_at[n] += now.since(self.changed.max(self.from)).as_secs_f64();
        (self.waiting, self.busy, self.changed) = (waiting, busy, now);
    }
}

impl Observer for Meter {
    fn tick(&mut self, now: Instant) -> Tick {
        match (self.until_two_down, self.two_down) {
            (true, Some(_)) => Tick::Stop,
            (true, None) => Tick::At(now + Duration::from_secs(20)),
            (false, _) => Tick::At(Instant::NEVER),
        }
    }

    fn call_started(&mut self, now: Instant, edge: EdgeId) {
        if edge == 0 && self.down > 0 {
            self.callers += 1;
            self.since_begin += now.since(self.down_since).as_secs_f64();
        }
    }

    fn call_ended(&mut self, now: Instant, edge: EdgeId, started: Instant, outcome: Outcome) {
        if edge == 0 && started >= self.from && outcome.is_success() {
            self.answers += 1;
            self.slow += u64::from(now.since(started).as_secs_f64() > SLOW);
        }
    }

    fn served(&mut self, now: Instant, service: usize, arrived: Instant) {
        if service == 0 && arrived >= self.from {
            self.served += 1;
            let wait = now.since(arrived).as_secs_f64();
            self.wait_sum += wait;
            for (count, bound) in self.waited_at_most.iter_mut().zip(WAITS) {
                *count += u64::from(wait <= bound);
            }
        }
    }

    fn completed(&mut self, now: Instant, service: usize) {
        if service != 0 || now < self.from {
            return;
        }
        if let Some(before) = self.departed {
            let gap = now.since(before).as_secs_f64();
            self.gaps += 1;
            self.gap_sum += gap;
            self.gap_squares += gap * gap;
        }
        self.departed = Some(now);
    }

    fn queue_length(&mut self, now: Instant, service: usize, length: u32) {
        if service == 0 {
            self.number_changes(now, length, self.busy);
        }
    }

    fn busy_workers(&mut self, now: Instant, service: usize, busy: u32) {
        if service != 0 {
            return;
        }
        self.number_changes(now, self.waiting, busy);
        if busy == 0 {
            self.idle_since = Some(now);
        } else if let Some(idle) = self.idle_since.take()
            && now > idle
        {
            // Idle for no time at all is the next customer's turn, not the end of a busy period.
            if self.busy_since >= self.from && self.busy_since < idle {
                self.busy_periods += 1;
                self.busy_seconds += idle.since(self.busy_since).as_secs_f64();
            }
            self.busy_since = now;
        }
    }

    fn fault(&mut self, now: Instant, _fault: usize, active: bool) {
        if active {
            self.down += 1;
            self.down_since = now;
            if self.down == 2 && self.two_down.is_none() {
                self.two_down = Some(now);
            }
            return;
        }
        self.down -= 1;
        let outage = now.since(self.down_since).as_secs_f64();
        self.outages += 1;
        self.outage_sum += outage;
        self.met += self.callers;
        self.met_outage_sum += outage * self.callers as f64;
        self.met_residual_sum += outage * self.callers as f64 - self.since_begin;
        (self.callers, self.since_begin) = (0, 0.0);
    }
}

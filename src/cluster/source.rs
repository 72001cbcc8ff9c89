//! When a workload makes its requests: the sources of arrivals.
//!
//! A source refuses to know what is requested. Poisson and even arrivals are one process: work of
//! one unit per request (exponential or constant) flows off at the rate of the moment, so that a
//! change of the rate, also one that comes unannounced (a surge), is exact.

use crate::sampler;
use clock::{Duration, Instant, SECOND};
use engine::{Sampler, Stream};
use model::{MmppState, RateProfile};
use std::collections::VecDeque;

/// Answers when the next request is made.
#[derive(Debug)]
pub(crate) enum Source {
    Rate(RateProcess),
    Renewal(Renewal),
    Mmpp(Mmpp),
    Times {
        times: Box<[Instant]>,
        next: usize,
    },
    /// Requests follow answers; the workload asks for the think time only.
    Closed {
        think: Sampler,
    },
    /// One event makes all requests.
    Batch,
}

impl Source {
    /// The next request after one at `now` (or after the start); `None`: never.
    #[inline]
    pub(crate) fn next(
        &mut self,
        now: Instant,
        surge: f64,
        stream: &mut Stream,
    ) -> Option<Instant> {
        match self {
            Self::Rate(process) => process.next(now, surge, stream),
            Self::Renewal(process) => process.next(now, surge, stream),
            Self::Mmpp(process) => process.next(now, surge, stream),
            Self::Times { times, next } => {
                let at = times.get(*next).copied();
                *next += 1;
                at
            }
            Self::Closed { .. } | Self::Batch => None,
        }
    }

    /// The surge factor changed at `now` from `old` to `new`: when the request that was due comes
    /// instead. `None` where a surge does not move it; `Some(None)`: not before the next change.
    pub(crate) fn resurge(&mut self, now: Instant, old: f64, new: f64) -> Option<Option<Instant>> {
        match self {
            Self::Rate(process) => {
                process.flow(now, old);
                Some(process.due(new))
            }
            Self::Renewal(process) => {
                process.flow(now, old);
                Some(process.due(new))
            }
            Self::Mmpp(process) => {
                process.flow(now, old);
                Some(process.due(new))
            }
            _ => None,
        }
    }

    /// Whether nothing is requested at the time that was answered last: it is one to ask again.
    #[inline]
    pub(crate) fn only_looks(&self) -> bool {
        matches!(self, Self::Mmpp(process) if process.looks)
    }
}

/// Independent gaps. A surge changes how fast the present one passes.
#[derive(Debug)]
pub(crate) struct Renewal {
    gap: Sampler,
    /// What is left of the present gap without a surge, as of `since`; nanoseconds.
    left: f64,
    since: Instant,
}

impl Renewal {
    pub(crate) fn new(gap: &model::Distribution) -> Self {
        Self {
            gap: sampler::lower(gap),
            left: 0.0,
            since: Instant::ZERO,
        }
    }

    #[inline]
    fn next(&mut self, now: Instant, surge: f64, stream: &mut Stream) -> Option<Instant> {
        let gap = self.gap.sample(stream);
        self.left = gap.as_nanos() as f64;
        self.since = now;
        if surge == 1.0 {
            return Some(now + gap);
        }
        self.due(surge)
    }

    fn flow(&mut self, now: Instant, surge: f64) {
        let passed = surge * now.since(self.since).as_nanos() as f64;
        self.left = (self.left - passed).max(0.0);
        self.since = now;
    }

    fn due(&self, surge: f64) -> Option<Instant> {
        (surge > 0.0).then(|| self.since + Duration::from_nanos_f64(self.left / surge))
    }
}

/// Arrivals at a rate that follows a profile.
#[derive(Debug)]
pub(crate) struct RateProcess {
    profile: RateProfile,
    even: bool,
    /// Work until the next request, as of `since`.
    left: f64,
    since: Instant,
    /// The last segment that began at or before `since`.
    segment: usize,
    /// Nanoseconds per request, where the rate never changes.
    steady: Option<f64>,
}

impl RateProcess {
    pub(crate) fn new(profile: RateProfile, even: bool) -> Self {
        let steady = match profile.0[..] {
            [only] if only.rate > 0.0 && only.ramp.is_zero() => Some(SECOND as f64 / only.rate),
            _ => None,
        };
        Self {
            profile,
            even,
            left: 0.0,
            since: Instant::ZERO,
            segment: 0,
            steady,
        }
    }

    #[inline]
    fn next(&mut self, now: Instant, surge: f64, stream: &mut Stream) -> Option<Instant> {
        self.left = if self.even {
            1.0
        } else {
            engine::standard_exponential(stream)
        };
        self.since = now;
        // A rate that never changes is the common case, and worth its short way.
        if let Some(gap) = self.steady
            && surge == 1.0
        {
            return Some(now + Duration::from_nanos_f64(self.left * gap));
        }
        self.segment = self.segment_at(self.segment, now);
        self.due(surge)
    }

    /// Lets the work flow off until `now`.
    fn flow(&mut self, now: Instant, surge: f64) {
        let mut at = self.since;
        while at < now {
            self.segment = self.segment_at(self.segment, at);
            let piece = self.piece(self.segment, at);
            let end = piece.end.min(now);
            self.left -= surge * piece.work(end.since(at).as_secs_f64());
            at = end;
        }
        self.left = self.left.max(0.0);
        self.since = now;
    }

    /// When the work is done at this surge. Changes nothing, so that a surge may still come before.
    fn due(&self, surge: f64) -> Option<Instant> {
        let mut at = self.since;
        let mut left = self.left;
        let mut segment = self.segment;
        loop {
            segment = self.segment_at(segment, at);
            let piece = self.piece(segment, at);
            let time = piece.time_for(left / surge);
            let end = at + Duration::from_secs_f64(time);
            if time.is_finite() && end <= piece.end {
                return Some(end);
            }
            if piece.end == Instant::NEVER {
                return None;
            }
            left = (left - surge * piece.work(piece.end.since(at).as_secs_f64())).max(0.0);
            at = piece.end;
        }
    }

    /// The segment that holds at `at`; it is this one or a later one.
    fn segment_at(&self, segment: usize, at: Instant) -> usize {
        let later = &self.profile.0[segment + 1..];
        segment + later.iter().take_while(|segment| segment.at <= at).count()
    }

    /// The straight piece of the profile that begins at `at`, in the segment of this index.
    fn piece(&self, index: usize, at: Instant) -> Piece {
        let current = self.profile.0[index];
        let next = self
            .profile
            .0
            .get(index + 1)
            .map_or(Instant::NEVER, |next| next.at);
        let ramp_end = current.at + current.ramp;
        if at < ramp_end {
            let before = if index == 0 {
                0.0
            } else {
                self.profile.0[index - 1].rate
            };
            let slope = (current.rate - before) / current.ramp.as_secs_f64();
            let rate = before + slope * at.since(current.at).as_secs_f64();
            return Piece {
                rate,
                slope,
                end: ramp_end.min(next),
            };
        }
        Piece {
            rate: current.rate,
            slope: 0.0,
            end: next,
        }
    }
}

/// A rate that moves in a straight line; seconds and requests per second.
struct Piece {
    rate: f64,
    slope: f64,
    end: Instant,
}

impl Piece {
    /// Requests in the first `time` seconds.
    fn work(&self, time: f64) -> f64 {
        (self.rate + 0.5 * self.slope * time) * time
    }

    /// Seconds until `work` requests; infinite when the line never gets there.
    fn time_for(&self, work: f64) -> f64 {
        let discriminant = self.rate * self.rate + 2.0 * self.slope * work;
        if discriminant < 0.0 {
            return f64::INFINITY;
        }
        // The form without cancellation of 2·work = rate·t + ….
        let time = 2.0 * work / (self.rate + discriminant.sqrt());
        if time.is_nan() { f64::INFINITY } else { time }
    }
}

/// How many states are drawn ahead of time.
const LOOK_AHEAD: usize = 1_000;

/// Poisson arrivals at a rate that jumps between states, each held for a random time.
#[derive(Debug)]
pub(crate) struct Mmpp {
    states: Vec<(f64, Sampler)>,
    /// The state drawn last.
    state: usize,
    /// Rate and end of the present state, and of those drawn ahead of time.
    holds: VecDeque<(f64, Instant)>,
    /// The states change so often that the next request lies behind all that were drawn.
    looks: bool,
    left: f64,
    since: Instant,
    stream: Stream,
}

impl Mmpp {
    pub(crate) fn new(states: &[MmppState], stream: Stream) -> Self {
        let states: Vec<_> = states
            .iter()
            .map(|s| (s.rate, sampler::lower(&s.hold)))
            .collect();
        let state = states.len() - 1;
        let mut mmpp = Self {
            states,
            state,
            holds: VecDeque::new(),
            looks: false,
            left: 0.0,
            since: Instant::ZERO,
            stream,
        };
        mmpp.draw();
        mmpp
    }

    fn draw(&mut self) {
        self.state = (self.state + 1) % self.states.len();
        let (rate, hold) = &self.states[self.state];
        let begin = self.holds.back().map_or(Instant::ZERO, |(_, end)| *end);
        // A state that is held for no time would let the states follow each other for ever.
        let hold = hold.sample(&mut self.stream).max(Duration::from_nanos(1));
        self.holds.push_back((*rate, begin + hold));
    }

    fn next(&mut self, now: Instant, surge: f64, stream: &mut Stream) -> Option<Instant> {
        self.flow(now, surge);
        if !core::mem::take(&mut self.looks) {
            self.left = engine::standard_exponential(stream);
        }
        self.due(surge)
    }

    fn flow(&mut self, now: Instant, surge: f64) {
        while let Some(&(rate, end)) = self.holds.front()
            && self.since < now
        {
            let until = end.min(now);
            self.left -= surge * rate * until.since(self.since).as_secs_f64();
            self.since = until;
            if until == end {
                if self.holds.len() == 1 {
                    self.draw();
                }
                self.holds.pop_front();
            }
        }
        self.left = self.left.max(0.0);
    }

    /// When the next request comes at this surge, or when to look again.
    fn due(&mut self, surge: f64) -> Option<Instant> {
        self.looks = false;
        if surge <= 0.0 || self.states.iter().all(|(rate, _)| *rate <= 0.0) {
            return None;
        }
        let mut at = self.since;
        let mut left = self.left;
        let mut index = 0;
        loop {
            let (rate, state_end) = self.holds[index];
            let end = at + Duration::from_secs_f64(left / (rate * surge));
            if rate > 0.0 && end <= state_end {
                return Some(end);
            }
            if state_end == Instant::NEVER {
                return None;
            }
            if index == LOOK_AHEAD {
                self.looks = true;
                return Some(state_end);
            }
            left -= rate * surge * state_end.since(at).as_secs_f64();
            at = state_end;
            index += 1;
            if index == self.holds.len() {
                self.draw();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::RateSegment;

    fn profile(segments: &[(u64, f64, u64)]) -> RateProfile {
        let second = |s: u64| Instant::from_nanos(s * SECOND);
        RateProfile(
            segments
                .iter()
                .map(|&(at, rate, ramp)| RateSegment {
                    at: second(at),
                    rate,
                    ramp: Duration::from_secs(ramp),
                })
                .collect(),
        )
    }

    fn even(segments: &[(u64, f64, u64)], until_s: u64) -> Vec<f64> {
        let mut process = RateProcess::new(profile(segments), true);
        let mut stream = Stream::new(1);
        let mut now = Instant::ZERO;
        let mut times = Vec::new();
        while let Some(at) = process.next(now, 1.0, &mut stream) {
            if at > Instant::from_nanos(until_s * SECOND) {
                break;
            }
            times.push(at.as_secs_f64());
            now = at;
        }
        times
    }

    #[test]
    fn even_arrivals_follow_a_jump_of_the_rate_within_a_gap() {
        // 1/s until 2.5 s, then 2/s: the third request has half its work left at the jump.
        let times = even(&[(0, 1.0, 0)], 3);
        assert_eq!(times, [1.0, 2.0, 3.0]);
        let mut process = RateProcess::new(profile(&[(0, 1.0, 0)]), true);
        let mut stream = Stream::new(1);
        let at = process.next(Instant::from_nanos(2 * SECOND), 1.0, &mut stream);
        assert_eq!(at, Some(Instant::from_nanos(3 * SECOND)));
        let half = Instant::from_nanos(2 * SECOND + SECOND / 2);
        process.flow(half, 1.0);
        assert_eq!(
            process.due(2.0),
            Some(Instant::from_nanos(2 * SECOND + 3 * SECOND / 4))
        );
        assert_eq!(process.due(0.0), None);
    }

    #[test]
    fn a_ramp_holds_the_area_under_its_line() {
        // From 0 to 10/s over 10 s: 50 requests by 10 s, then ten a second.
        let times = even(&[(0, 10.0, 10)], 12);
        let by = |t: f64| times.iter().filter(|&&x| x <= t + 1e-6).count();
        assert_eq!(by(10.0), 50);
        assert_eq!(by(5.0), 12); // 12.5
        assert_eq!(by(12.0), 70);
    }

    #[test]
    fn a_rate_of_zero_ends_the_arrivals_and_a_later_one_begins_them_again() {
        assert_eq!(even(&[(0, 1.0, 0), (2, 0.0, 0)], 100), [1.0, 2.0]);
        assert_eq!(even(&[(0, 0.0, 0), (5, 1.0, 0)], 6), [6.0]);
    }
}

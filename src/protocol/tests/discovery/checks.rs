//! Callers that probe instances, and instances that answer.

use crate::net::{Cx, Node};
use clock::Duration;
use stormglass_protocol::discovery::*;

/// Instances first, then callers.
pub(crate) struct CheckNode {
    checkers: Vec<HealthChecker>,
    config: HealthCheckConfig,
    /// The broken variant: a probe that is not answered in time counts as a good one.
    ignores_timeouts: bool,
}

pub(crate) enum Mail {
    Probe(u64),
    Answer(u64),
}

impl CheckNode {
    pub(crate) fn new(
        node: u32,
        instances: u32,
        config: HealthCheckConfig,
        life: u32,
        ignores_timeouts: bool,
    ) -> Self {
        let checker = HealthChecker::new(config, u64::from(life) << 32).unwrap();
        let count = if node < instances { 0 } else { instances };
        Self {
            checkers: vec![checker; count as usize],
            config,
            ignores_timeouts,
        }
    }

    fn act(instance: usize, actions: Vec<HealthAction>, cx: &mut Cx<Mail, (usize, HealthTimer)>) {
        for action in actions {
            match action {
                HealthAction::Probe(number) => cx.sent.push((instance as u32, Mail::Probe(number))),
                HealthAction::SetTimer(timer, at) => cx.set.push((at, (instance, timer))),
                HealthAction::Changed(_) => {}
            }
        }
    }
}

impl Node for CheckNode {
    type Mail = Mail;
    type Timer = (usize, HealthTimer);

    fn start(&mut self, cx: &mut Cx<Mail, Self::Timer>) {
        for (instance, checker) in self.checkers.iter_mut().enumerate() {
            let mut out = Vec::new();
            // Some other moment of the interval for each.
            let share = (instance as f64 * 0.37 + f64::from(cx.me) * 0.11).fract();
            checker.start(cx.now, self.config.interval.mul_f64(share), &mut out);
            Self::act(instance, out, cx);
        }
    }

    fn on_mail(&mut self, from: u32, mail: Mail, cx: &mut Cx<Mail, Self::Timer>) {
        match mail {
            Mail::Probe(number) => cx.sent.push((from, Mail::Answer(number))),
            Mail::Answer(number) => {
                let mut out = Vec::new();
                self.checkers[from as usize].on_answer(number, true, &mut out);
                Self::act(from as usize, out, cx);
            }
        }
    }

    fn on_timer(&mut self, (instance, timer): Self::Timer, cx: &mut Cx<Mail, Self::Timer>) {
        let mut out = Vec::new();
        let checker = &mut self.checkers[instance];
        match timer {
            HealthTimer::Timeout(number) if self.ignores_timeouts => {
                checker.on_answer(number, true, &mut out);
            }
            timer => checker.on_timer(cx.now, timer, &mut out),
        }
        Self::act(instance, out, cx);
    }

    fn view(&self) -> Option<Vec<bool>> {
        let views = self.checkers.iter().map(HealthChecker::is_healthy);
        (!self.checkers.is_empty()).then(|| views.collect())
    }
}

/// When everyone knows, after all is calm.
pub(crate) fn settled(config: &HealthCheckConfig, slowest: Duration) -> Duration {
    let most = u64::from(config.unhealthy.max(config.healthy)) + 1;
    config
        .interval
        .saturating_mul(most)
        .saturating_add(config.timeout)
        .saturating_add(slowest)
}

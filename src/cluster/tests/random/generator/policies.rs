//! Policies with every kind of layer, in any order.

use super::{Generator, line};
use std::fmt::Write;

impl Generator<'_> {
    pub(super) fn policies(&mut self) {
        self.shape.policies = self.choices.below(5);
        if self.shape.policies > 0 {
            line!(self, "policies:");
        }
        for policy in 0..self.shape.policies {
            let mut layers: Vec<_> = (0..self.choices.below(5)).map(|_| self.layer()).collect();
            // At most one in a policy.
            if self.choices.chance(3) {
                let at = self.choices.below(layers.len() + 1);
                layers.insert(at, self.hedge());
            }
            line!(self, "  p{policy}: [{}]", layers.join(", "));
        }
    }

    pub(super) fn layer(&mut self) -> String {
        match self.choices.below(8) {
            0 => format!("timeout: {}", self.moving()),
            1 => self.retry(),
            2 => self.breaker(),
            3 => self.bulkhead(),
            4 => {
                let (rate, burst) = (self.rate(true), 1 + self.choices.below(3));
                let (wait, scope) = (self.span(), self.scope());
                format!(
                    "rate_limit: {{token_bucket: {{rate: {rate}, burst: {burst}}}, \
                     max_wait: {wait}, scope: {scope}}}"
                )
            }
            5 => {
                let (limit, scope) = (1 + self.choices.below(4), self.scope());
                format!("concurrency_limit: {{fixed: {limit}, scope: {scope}}}")
            }
            6 => format!("client_throttle: {{k: 1, window: {}}}", self.positive()),
            _ => {
                let on = self.failures();
                format!("fallback: {{on: {on}}}")
            }
        }
    }

    pub(super) fn retry(&mut self) -> String {
        let attempts = 1 + self.choices.below(3);
        let first = self.span();
        let backoff = match self.choices.below(4) {
            0 | 1 => first.into(),
            2 => format!("{{exponential: {{initial: {first}, factor: 2, max: 500ms}}}}"),
            _ => format!("{{linear: {{initial: {first}, increment: 1ms, max: 210ms}}}}"),
        };
        let jitter = self
            .choices
            .of(&["none", "full", "equal", "decorrelated", "0.5"]);
        let budget = match self.choices.below(4) {
            0 | 1 => "",
            2 => ", budget: {ratio: 20%, min_per_second: 1}",
            _ => ", budget: {tokens: {capacity: 10, cost: 5, refund: 1}}",
        };
        let heed = self.choices.of(&["", ", heed: replace"]);
        let on = self.failures();
        format!(
            "retry: {{attempts: {attempts}, backoff: {backoff}, jitter: {jitter}, \
             retry_on: {on}{budget}{heed}}}"
        )
    }

    pub(super) fn hedge(&mut self) -> String {
        let attempts = 1 + self.choices.below(3);
        let delay = match self.choices.below(4) {
            0 => "on_failure".into(),
            1 => format!("{{quantile: 50%, initial: {}}}", self.span()),
            _ => self.span().to_owned(),
        };
        let on = self.failures();
        format!("hedge: {{attempts: {attempts}, delay: {delay}, hedge_on: {on}}}")
    }

    pub(super) fn failures(&mut self) -> &'static str {
        self.choices.of(&[
            "[timeout, rejected, unavailable, error, aborted, conflict]",
            "[timeout]",
            "[rejected, unavailable]",
            "[error]",
        ])
    }

    pub(super) fn breaker(&mut self) -> String {
        let window = match self.choices.below(3) {
            0 => format!("consecutive: {}", 1 + self.choices.below(4)),
            1 => format!("count: {}", 1 + self.choices.below(10)),
            _ => format!("time: {}, buckets: 5", self.positive()),
        };
        let slow = if self.choices.chance(2) {
            format!(", slow_call: {{longer_than: {}}}", self.span())
        } else {
            String::new()
        };
        let (open_for, probes) = (self.positive(), 1 + self.choices.below(3));
        let (minimum, scope) = (1 + self.choices.below(3), self.scope());
        format!(
            "circuit_breaker: {{window: {{{window}}}, minimum_calls: {minimum}, \
             open_for: {open_for}, half_open_calls: {probes}, scope: {scope}{slow}}}"
        )
    }

    pub(super) fn bulkhead(&mut self) -> String {
        let (places, queue) = (1 + self.choices.below(3), self.choices.below(4));
        let wait = if self.choices.chance(4) {
            format!(", max_wait: {}", self.span())
        } else {
            String::new()
        };
        let scope = self.scope();
        format!("bulkhead: {{max_concurrent: {places}, queue: {queue}, scope: {scope}{wait}}}")
    }

    pub(super) fn scope(&mut self) -> &'static str {
        self.choices.of(&["service", "instance"])
    }
}

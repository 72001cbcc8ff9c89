//! What happens: workloads of every kind, and faults of every kind at every kind of place.

use super::{Generator, TRACE_FILE, line};
use std::fmt::Write;

impl Generator<'_> {
    pub(super) fn workloads(&mut self) {
        line!(self, "workloads:");
        for workload in 0..self.shape.workloads {
            let service = self.choices.below(self.shape.services.len());
            let endpoint = self.choices.below(self.shape.services[service].1);
            let (policy, priority) = (self.policy(), self.choices.below(3));
            let keys = self
                .choices
                .of(&["", "keys: {count: 1}, ", "keys: {count: 5, zipf: 1}, "]);
            let source = self.source();
            line!(
                self,
                "  w{workload}: {{target: s{service}.e{endpoint}{policy}, priority: {priority}, {keys}{source}}}"
            );
        }
    }

    /// Versions of every kind by every strategy, and every way back.
    pub(super) fn deployments(&mut self) {
        let count = self.choices.below(4).saturating_sub(1);
        if count == 0 {
            return;
        }
        line!(self, "deployments:");
        for number in 0..count {
            let service = self.choices.below(self.shape.services.len());
            let mut strategy = self.choices.of(&[
                "all_at_once",
                "{rolling: {}}",
                "{rolling: {batch: 2, pause: 20ms}}",
                "{canary: {share: 30%, for: 100ms}}",
                "blue_green",
            ]);
            let stays =
                self.shape.replicated.contains(&service) || self.shape.brokers.contains(&service);
            if stays && strategy == "blue_green" {
                strategy = "all_at_once";
            }
            if strategy == "blue_green" {
                self.shape.settled.push(service);
            }
            let at = 20 + number * 150;
            let change = self
                .choices
                .of(&["slow: 1", "slow: 5", "errors: 1", "corrupt: 50%"]);
            let mode = self.choices.of(&[
                "none",
                "automatic",
                "automatic",
                "{manual: {notice: 50ms, per_step: 10ms}}",
            ]);
            let detect = self.choices.of(&[
                "error_rate: 10%",
                "latency: {p50: 20ms}",
                "unhealthy_for: 30ms",
            ]);
            let verify = self
                .choices
                .of(&["", ", verify: {for: 50ms, interval: 10ms}"]);
            let restore = match self.choices.chance(2) {
                true => format!(", restore: [st{service}], restore_time: 20ms"),
                false => String::new(),
            };
            let replay = match self.shape.queues {
                0 => String::new(),
                queues => format!(", replay: [q{}]", self.choices.below(queues)),
            };
            line!(
                self,
                "- {{service: s{service}, at: {at}ms, strategy: {strategy}, change: {{{change}}}, \
                 rollback: {{mode: {mode}, detect: {{{detect}, over: 100ms, minimum: 2}}\
                 {verify}{restore}{replay}}}}}"
            );
        }
    }

    pub(super) fn source(&mut self) -> String {
        match self.choices.below(9) {
            0 => {
                let size = 1 + self.choices.below(30);
                format!("batch: {{size: {size}, at: {}}}", self.span())
            }
            1 | 2 => {
                let users = 1 + self.choices.below(10);
                format!("closed: {{users: {users}, think: {}}}", self.distribution())
            }
            3 => format!("arrivals: {{deterministic: {{rate: {}}}}}", self.profile()),
            4 | 5 => format!("arrivals: {{poisson: {{rate: {}}}}}", self.profile()),
            6 => format!("arrivals: {{renewal: {}}}", self.moving()),
            7 => {
                let states: Vec<_> = (0..1 + self.choices.below(3))
                    .map(|_| {
                        let (rate, hold) = (self.rate(false), self.moving());
                        format!("{{rate: {rate}, hold: {hold}}}")
                    })
                    .collect();
                format!("arrivals: {{mmpp: {{states: [{}]}}}}", states.join(", "))
            }
            _ => format!("arrivals: {{trace: {{file: {TRACE_FILE}, column: t, unit: ms}}}}"),
        }
    }

    pub(super) fn profile(&mut self) -> String {
        let rate = self.rate(false);
        if self.choices.chance(4) {
            return rate.into();
        }
        let (second, third, ramp) = (
            self.rate(false),
            self.rate(false),
            self.choices.of(&["0s", "50ms"]),
        );
        format!(
            "[{{at: 0s, rate: {rate}}}, {{at: 100ms, rate: {second}, ramp: {ramp}}}, \
             {{at: 250ms, rate: {third}}}]"
        )
    }

    pub(super) fn faults(&mut self) {
        let faults = self.choices.below(6);
        if faults > 0 {
            line!(self, "faults:");
        }
        for _ in 0..faults {
            let when = match self.choices.below(4) {
                0 | 1 => {
                    let at = self
                        .choices
                        .of(&["50ms", "0s", "10ms", "51ms", "100ms", "200ms"]);
                    format!("at: {at}, for: {}", self.positive())
                }
                2 => format!("at: {}", self.span()),
                _ => format!("mtbf: {}, mttr: {}", self.moving(), self.distribution()),
            };
            let kind = self.fault();
            line!(self, "  - {{{when}, {kind}}}");
        }
    }

    pub(super) fn fault(&mut self) -> String {
        match self.choices.below(10) {
            0 | 1 => {
                let mode = self.choices.of(&["refuse", "blackhole"]);
                let whom = match self.shape.replicated.is_empty() {
                    false if self.choices.chance(5) => {
                        let replicated = self.shape.replicated.clone();
                        format!("leader: s{}", self.choices.of(&replicated))
                    }
                    _ => self.machines(),
                };
                format!("crash: {{{whom}, mode: {mode}}}")
            }
            2 | 3 => format!("pause: {{{}}}", self.machines()),
            4 => {
                let factor = self.choices.of(&["2", "0.5", "10", "0.01"]);
                format!("slow: {{{}, factor: {factor}}}", self.machines())
            }
            5 => format!("errors: {{{}, ratio: {}}}", self.machines(), self.ratio()),
            6 => format!("latency: {{{}add: {}}}", self.ends(), self.distribution()),
            7 => format!("loss: {{{}ratio: {}}}", self.ends(), self.ratio()),
            8 => {
                let groups: Vec<_> = (0..2 + self.choices.below(2))
                    .map(|_| format!("[{}]", self.place()))
                    .collect();
                format!("partition: {{groups: [{}]}}", groups.join(", "))
            }
            _ => {
                let workload = self.choices.below(self.shape.workloads);
                let factor = self.choices.of(&["2", "0", "0.5", "5"]);
                format!("surge: {{workload: w{workload}, factor: {factor}}}")
            }
        }
    }

    /// Where instances are, as a fault of instances names it.
    pub(super) fn machines(&mut self) -> String {
        match self.choices.below(4) {
            1 if !self.shape.zones.is_empty() => format!("zone: {}", self.zone()),
            2 if !self.shape.zones.is_empty() => format!("node: {}", self.node()),
            3 => format!("service: {}", self.service()),
            _ => format!("instance: {}", self.instance()),
        }
    }

    pub(super) fn zone(&mut self) -> String {
        format!("z{}", self.choices.below(self.shape.zones.len()))
    }

    pub(super) fn node(&mut self) -> String {
        let zone = self.choices.below(self.shape.zones.len());
        format!("z{zone}-{}", 1 + self.choices.below(self.shape.zones[zone]))
    }

    pub(super) fn service(&mut self) -> String {
        format!("s{}", self.choices.below(self.shape.services.len()))
    }

    pub(super) fn instance(&mut self) -> String {
        let service = self.choices.below(self.shape.services.len());
        format!(
            "s{service}-{}",
            1 + self.choices.below(self.shape.services[service].0)
        )
    }

    pub(super) fn ends(&mut self) -> String {
        let mut ends = String::new();
        for end in ["from", "to"] {
            if self.choices.chance(4) {
                let place = self.place();
                write!(ends, "{end}: {place}, ").expect("a string takes all");
            }
        }
        ends
    }

    /// Any end of a message.
    pub(super) fn place(&mut self) -> String {
        match self.choices.below(5) {
            1 if !self.shape.zones.is_empty() => self.zone(),
            2 if !self.shape.zones.is_empty() => self.node(),
            3 => self.service(),
            4 => self.instance(),
            _ => format!("w{}", self.choices.below(self.shape.workloads)),
        }
    }
}

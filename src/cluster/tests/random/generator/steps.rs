//! Handlers: steps inside steps, and calls.

use super::Generator;
use std::fmt::Write;

impl Generator<'_> {
    pub(super) fn steps(&mut self, service: usize, depth: u32) -> String {
        let most = if depth == 0 { 5 } else { 4 };
        let steps: Vec<_> = (0..self.choices.below(most))
            .map(|_| self.step(service, depth))
            .collect();
        format!("[{}]", steps.join(", "))
    }

    pub(super) fn step(&mut self, service: usize, depth: u32) -> String {
        let kinds = if depth < 3 { 13 } else { 10 };
        match self.choices.below(kinds) {
            0 | 1 => format!("{{compute: {}}}", self.distribution()),
            2 => format!("{{wait: {}}}", self.distribution()),
            3 | 4 => self.call(service),
            5 => format!("{{fail: {}}}", self.choices.of(&["10%", "0", "1"])),
            6 => {
                let store = self.choices.below(self.shape.services.len());
                format!("{{read: st{store}.t}}")
            }
            7 if self.choices.chance(2) => format!("{{write: st{service}.t}}"),
            7 => {
                let (table, wait) = (format!("st{service}.t"), self.distribution());
                format!(
                    "{{parallel: [[{{read: {table}}}, {{wait: {wait}}}, \
                     {{write: {table}, if_unchanged: true}}]]}}"
                )
            }
            8 => self.transaction(service),
            9 => self.publish(),
            10 => {
                let branches = 1 + self.choices.below(3);
                let require = 1 + self.choices.below(branches);
                let branches: Vec<_> = (0..branches)
                    .map(|_| self.steps(service, depth + 1))
                    .collect();
                format!(
                    "{{parallel: [{}], require: {require}}}",
                    branches.join(", ")
                )
            }
            11 => {
                let weights = ["1", "0", "3"];
                let alternatives: Vec<_> = (0..self.choices.below(3))
                    .map(|_| {
                        let weight = self.choices.of(&weights);
                        let steps = self.steps(service, depth + 1);
                        format!("{{weight: {weight}, steps: {steps}}}, ")
                    })
                    .collect();
                format!(
                    "{{choose: [{}{{weight: 1, steps: []}}]}}",
                    alternatives.concat()
                )
            }
            _ => {
                let times = self.choices.below(4);
                let steps = self.steps(service, depth + 1);
                format!("{{repeat: {{times: {times}, steps: {steps}}}}}")
            }
        }
    }

    /// To a queue, where there is one, and not every time: a consumer that publishes to its own queue
    /// must not do that for ever.
    fn publish(&mut self) -> String {
        if self.shape.queues == 0 {
            return "{compute: 1ms}".into();
        }
        let queue = self.choices.below(self.shape.queues);
        let out = 1 + self.choices.below(4);
        format!(
            "{{choose: [{{weight: {out}, steps: []}}, {{weight: 1, steps: [{{publish: q{queue}}}]}}]}}"
        )
    }

    /// An endpoint of a later service; of any, itself included, only where the circle can be left.
    fn target(&mut self, service: usize, anywhere: bool) -> String {
        let services = self.shape.services.len();
        let target = if anywhere {
            self.choices.below(services)
        } else {
            service + 1 + self.choices.below(services - service - 1)
        };
        let endpoint = self.choices.below(self.shape.services[target].1);
        format!("s{target}.e{endpoint}")
    }

    /// Whether a step names any endpoint.
    fn anywhere(&mut self, service: usize) -> bool {
        service + 1 == self.shape.services.len() || self.choices.chance(1)
    }

    /// A step that leads anywhere, and a way around it.
    fn around(&mut self, step: String, anywhere: bool) -> String {
        if anywhere {
            let out = 1 + self.choices.below(4);
            format!("{{choose: [{{weight: {out}, steps: []}}, {{weight: 1, steps: [{step}]}}]}}")
        } else {
            step
        }
    }

    pub(super) fn call(&mut self, service: usize) -> String {
        let anywhere = self.anywhere(service);
        let target = self.target(service, anywhere);
        let policy = self.policy();
        let optional = self.choices.of(&["", "", ", optional: true"]);
        self.around(format!("{{call: {target}{policy}{optional}}}"), anywhere)
    }

    /// Time-outs are not shorter than a thousandth of a run: who waits asks as often.
    fn transaction(&mut self, service: usize) -> String {
        let anywhere = self.anywhere(service);
        let protocol = self.choices.of(&["two_phase_commit", "saga", "tcc"]);
        let parts: Vec<_> = (0..1 + self.choices.below(3))
            .map(|_| self.part(service, anywhere))
            .collect();
        let mut keys = format!("protocol: {protocol}, participants: [{}]", parts.join(", "));
        match protocol {
            "two_phase_commit" => {
                if self.choices.chance(3) {
                    write!(keys, ", coordinator: {}", self.service()).expect("a string takes all");
                }
                let cooperative = self
                    .choices
                    .of(&[", cooperative: false", ", cooperative: true"]);
                keys.push_str(cooperative);
            }
            "tcc" => keys.push_str(self.choices.of(&[
                "",
                ", reserved_for: 20ms",
                ", reserved_for: 2ms",
                ", reserved_for: 200ms",
            ])),
            _ => {}
        }
        let locks = self.choices.of(&[
            "",
            "keys: {count: 1}, ",
            "keys: {count: 3, zipf: 1, each: 2}, on_conflict: wait, ",
        ]);
        let timeout = self.choices.of(&["10ms", "1s", "2ms", "50ms"]);
        let retry = self.choices.of(&["5ms", "2ms", "50ms"]);
        let force = self.distribution();
        let step = format!(
            "{{transaction: {{{keys}, {locks}prepare_timeout: {timeout}, \
             retry_interval: {retry}, force: {force}}}}}"
        );
        self.around(step, anywhere)
    }

    /// The work of a participant, and what undoes it or makes it final.
    fn part(&mut self, service: usize, anywhere: bool) -> String {
        let work = self.target(service, anywhere);
        let mut part = format!("{{work: {work}");
        let at = work.split('.').next().unwrap_or_default();
        let number: usize = at[1..].parse().expect("services are numbered");
        for key in ["undo", "confirm"] {
            if self.choices.chance(5) {
                let endpoint = self.choices.below(self.shape.services[number].1);
                write!(part, ", {key}: {at}.e{endpoint}").expect("a string takes all");
            }
        }
        part + "}"
    }

    pub(super) fn policy(&mut self) -> String {
        match self.choices.below(self.shape.policies + 1) {
            0 => String::new(),
            n => format!(", policy: p{}", n - 1),
        }
    }
}

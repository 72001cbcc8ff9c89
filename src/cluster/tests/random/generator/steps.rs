//! Handlers: steps inside steps, and calls.

use super::Generator;

impl Generator<'_> {
    pub(super) fn steps(&mut self, service: usize, depth: u32) -> String {
        let most = if depth == 0 { 5 } else { 4 };
        let steps: Vec<_> = (0..self.choices.below(most))
            .map(|_| self.step(service, depth))
            .collect();
        format!("[{}]", steps.join(", "))
    }

    pub(super) fn step(&mut self, service: usize, depth: u32) -> String {
        let kinds = if depth < 3 { 12 } else { 8 };
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
            8 | 9 => {
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
            10 => {
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

    /// Of a later service; of any, itself included, only where the circle can be left.
    pub(super) fn call(&mut self, service: usize) -> String {
        let services = self.shape.services.len();
        let anywhere = service + 1 == services || self.choices.chance(1);
        let target = if anywhere {
            self.choices.below(services)
        } else {
            service + 1 + self.choices.below(services - service - 1)
        };
        let endpoint = self.choices.below(self.shape.services[target].1);
        let policy = self.policy();
        let optional = self.choices.of(&["", "", ", optional: true"]);
        let call = format!("{{call: s{target}.e{endpoint}{policy}{optional}}}");
        if anywhere {
            let out = 1 + self.choices.below(4);
            format!("{{choose: [{{weight: {out}, steps: []}}, {{weight: 1, steps: [{call}]}}]}}")
        } else {
            call
        }
    }

    pub(super) fn policy(&mut self) -> String {
        match self.choices.below(self.shape.policies + 1) {
            0 => String::new(),
            n => format!(", policy: p{}", n - 1),
        }
    }
}

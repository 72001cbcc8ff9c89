//! Small models made of bytes: every byte is a choice, and no bytes at all make the smallest model.
//!
//! What makes a failing case small (a byte less, a byte nearer to 0) therefore makes a simpler
//! model. The text that comes out is always valid; times are few and round, so that much happens
//! at the same instant, and rare orders of events are not rare here.

use std::fmt::Write;

/// A CSV file of rising times in milliseconds, for traces and measured distributions.
pub(crate) const TRACE: &str = "t\n0\n0\n3\n10\n10\n40\n41\n100\n";
/// Its name in the models.
pub(crate) const TRACE_FILE: &str = "trace.csv";

/// The model that these bytes stand for.
pub(crate) fn model(bytes: &[u8]) -> String {
    let mut generator = Generator {
        choices: Choices { bytes, at: 0 },
        text: String::new(),
        shape: Shape::default(),
    };
    generator.model();
    generator.text
}

/// A tape of choices; where it ends, every choice is the first.
pub(crate) struct Choices<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte
    }

    /// Below `n`, which is at most 256.
    fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }

    /// True in `share` of eight cases; false where the tape has ended.
    fn chance(&mut self, share: u8) -> bool {
        self.byte() % 8 > 7 - share
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

/// Who is there to be named.
#[derive(Default)]
struct Shape {
    /// Nodes of each zone; none: the implied zone.
    zones: Vec<usize>,
    policies: usize,
    /// Instances and endpoints of each service.
    services: Vec<(usize, usize)>,
    workloads: usize,
}

struct Generator<'a> {
    choices: Choices<'a>,
    text: String,
    shape: Shape,
}

/// Appends a line of YAML.
macro_rules! line {
    ($g:ident, $($format:tt)*) => {
        writeln!($g.text, $($format)*).expect("a string takes all")
    };
}

const SPANS: [&str; 10] = [
    "1ms", "0s", "2ms", "5ms", "10ms", "10ms", "20ms", "50ms", "1us", "200ms",
];
const POSITIVE: [&str; 8] = ["1ms", "2ms", "5ms", "10ms", "20ms", "50ms", "1us", "200ms"];
const RATIOS: [&str; 5] = ["50%", "0", "10%", "1", "90%"];

impl Generator<'_> {
    fn model(&mut self) {
        let duration = self.choices.of(&["300ms", "1s", "2s"]);
        let seed = self.choices.byte();
        line!(self, "run: {{duration: {duration}, seed: {seed}}}");
        self.shape.workloads = 1 + self.choices.below(3);
        self.zones();
        self.services_shape();
        self.policies();
        self.network();
        self.services();
        self.workloads();
        self.faults();
    }

    fn zones(&mut self) {
        let zones = self.choices.below(4);
        self.shape.zones = (0..zones).map(|_| 1 + self.choices.below(3)).collect();
        if zones > 0 {
            let nodes = self.shape.zones.iter().enumerate();
            let zones: Vec<_> = nodes
                .map(|(z, n)| format!("z{z}: {{nodes: {n}}}"))
                .collect();
            line!(self, "zones: {{{}}}", zones.join(", "));
        }
    }

    fn services_shape(&mut self) {
        let services = 1 + self.choices.below(5);
        self.shape.services = (0..services)
            .map(|_| (1 + self.choices.below(4), 1 + self.choices.below(2)))
            .collect();
    }

    fn span(&mut self) -> &'static str {
        self.choices.of(&SPANS)
    }

    fn positive(&mut self) -> &'static str {
        self.choices.of(&POSITIVE)
    }

    fn ratio(&mut self) -> &'static str {
        self.choices.of(&RATIOS)
    }

    /// A distribution that may be 0.
    fn distribution(&mut self) -> String {
        match self.choices.below(12) {
            0..4 => self.span().into(),
            4 => format!("{{uniform: {{low: 0s, high: {}}}}}", self.positive()),
            5 => format!("{{empirical: {{file: {TRACE_FILE}, column: t, unit: ms}}}}"),
            6 => format!(
                "{{normal: {{mean: {}, sd: {}}}}}",
                self.positive(),
                self.span()
            ),
            7 => {
                let (a, b) = (self.span(), self.moving());
                format!("{{mixture: [{{weight: 1, value: {a}}}, {{weight: 2, value: {b}}}]}}")
            }
            _ => self.moving(),
        }
    }

    /// A distribution that is not always 0.
    fn moving(&mut self) -> String {
        let mean = self.positive();
        match self.choices.below(10) {
            0..4 => mean.into(),
            4 | 5 => format!("{{exponential: {{mean: {mean}}}}}"),
            6 => format!("{{hyperexponential: {{mean: {mean}, cv: 3}}}}"),
            7 => format!("{{lognormal: {{mean: {mean}, cv: 2}}}}"),
            8 => format!("{{pareto: {{minimum: {mean}, shape: 1.1}}}}"),
            _ => format!("{{erlang: {{k: 3, mean: {mean}}}}}"),
        }
    }

    fn policies(&mut self) {
        self.shape.policies = self.choices.below(5);
        if self.shape.policies > 0 {
            line!(self, "policies:");
        }
        for policy in 0..self.shape.policies {
            let layers: Vec<_> = (0..self.choices.below(5)).map(|_| self.layer()).collect();
            line!(self, "  p{policy}: [{}]", layers.join(", "));
        }
    }

    fn layer(&mut self) -> String {
        match self.choices.below(6) {
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
            _ => {
                let on = self.failures();
                format!("fallback: {{on: {on}}}")
            }
        }
    }

    fn retry(&mut self) -> String {
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
        let on = self.failures();
        format!(
            "retry: {{attempts: {attempts}, backoff: {backoff}, jitter: {jitter}, \
             retry_on: {on}{budget}}}"
        )
    }

    fn failures(&mut self) -> &'static str {
        self.choices.of(&[
            "[timeout, rejected, unavailable, error, aborted, conflict]",
            "[timeout]",
            "[rejected, unavailable]",
            "[error]",
        ])
    }

    fn breaker(&mut self) -> String {
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

    fn bulkhead(&mut self) -> String {
        let (places, queue) = (1 + self.choices.below(3), self.choices.below(4));
        let wait = if self.choices.chance(4) {
            format!(", max_wait: {}", self.span())
        } else {
            String::new()
        };
        let scope = self.scope();
        format!("bulkhead: {{max_concurrent: {places}, queue: {queue}, scope: {scope}{wait}}}")
    }

    fn scope(&mut self) -> &'static str {
        self.choices.of(&["service", "instance"])
    }

    fn rate(&mut self, positive: bool) -> &'static str {
        let rates = ["100/s", "10/s", "500/s", "2000/s", "1/s", "0/s"];
        self.choices
            .of(&rates[..rates.len() - usize::from(positive)])
    }

    fn network(&mut self) {
        if !self.choices.chance(4) {
            return;
        }
        line!(self, "network:");
        for link in ["within_zone", "between_zones"] {
            let link_text = self.link();
            line!(self, "  {link}: {{{link_text}}}");
        }
        let links = self.choices.below(3);
        if links > 0 {
            line!(self, "  links:");
        }
        for _ in 0..links {
            let (from, to, link) = (self.broad_place(), self.broad_place(), self.link());
            line!(self, "    - {{from: {from}, to: {to}, {link}}}");
        }
    }

    fn link(&mut self) -> String {
        let latency = self.distribution();
        let loss = self.choices.of(&["0", "0", "0", "5%", "30%"]);
        format!("latency: {latency}, loss: {loss}")
    }

    /// A zone or a service.
    fn broad_place(&mut self) -> String {
        let zones = self.shape.zones.len();
        let place = self.choices.below(zones + self.shape.services.len());
        if place < zones {
            format!("z{place}")
        } else {
            format!("s{}", place - zones)
        }
    }

    fn services(&mut self) {
        line!(self, "services:");
        for service in 0..self.shape.services.len() {
            let (instances, endpoints) = self.shape.services[service];
            line!(self, "  s{service}:");
            let workers = 1 + self.choices.below(3);
            line!(self, "    instances: {instances}\n    workers: {workers}");
            let threading = self.choices.of(&["blocking", "async"]);
            line!(self, "    threading: {threading}");
            if self.choices.chance(2) {
                let cores = 1 + self.choices.below(2);
                line!(
                    self,
                    "    scheduling: processor_sharing\n    cores: {cores}"
                );
            }
            self.queue();
            let abandoned = self.choices.of(&["serve", "cancel", "drop_queued"]);
            line!(self, "    abandoned: {abandoned}");
            let balancer = self.choices.of(&[
                "random",
                "round_robin",
                "{least_requests: {}}",
                "{least_requests: {choices: 2}}",
                "{peak_ewma: {decay: 50ms}}",
                "{consistent_hash: {keys: 10}}",
                "{weighted: [1, 2, 0, 1]}",
            ]);
            line!(self, "    balancer: {balancer}");
            if self.choices.chance(3) {
                let startup = self.distribution();
                line!(self, "    startup: {startup}");
            }
            line!(self, "    endpoints:");
            for endpoint in 0..endpoints {
                let steps = self.steps(service, 0);
                line!(self, "      e{endpoint}: {steps}");
            }
        }
    }

    fn queue(&mut self) {
        let discipline = match self.choices.below(8) {
            0 | 1 => "fifo".into(),
            2 | 3 => "lifo".into(),
            4 | 5 => "priority".into(),
            other => {
                let name = if other == 6 { "codel" } else { "adaptive_lifo" };
                let (target, interval) = (self.positive(), self.positive());
                format!("{{{name}: {{target: {target}, interval: {interval}}}}}")
            }
        };
        let capacity = match self.choices.below(5) {
            0 => String::new(),
            n => format!("capacity: {}, ", [0, 1, 2, 20][n - 1]),
        };
        line!(self, "    queue: {{{capacity}discipline: {discipline}}}");
    }

    fn steps(&mut self, service: usize, depth: u32) -> String {
        let most = if depth == 0 { 5 } else { 4 };
        let steps: Vec<_> = (0..self.choices.below(most))
            .map(|_| self.step(service, depth))
            .collect();
        format!("[{}]", steps.join(", "))
    }

    fn step(&mut self, service: usize, depth: u32) -> String {
        let kinds = if depth < 3 { 10 } else { 6 };
        match self.choices.below(kinds) {
            0 | 1 => format!("{{compute: {}}}", self.distribution()),
            2 => format!("{{wait: {}}}", self.distribution()),
            3 | 4 => self.call(service),
            5 => format!("{{fail: {}}}", self.choices.of(&["10%", "0", "1"])),
            6 | 7 => {
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
            8 => {
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
    fn call(&mut self, service: usize) -> String {
        let services = self.shape.services.len();
        let anywhere = service + 1 == services || self.choices.chance(1);
        let target = if anywhere {
            self.choices.below(services)
        } else {
            service + 1 + self.choices.below(services - service - 1)
        };
        let endpoint = self.choices.below(self.shape.services[target].1);
        let policy = self.policy();
        let call = format!("{{call: s{target}.e{endpoint}{policy}}}");
        if anywhere {
            let out = 1 + self.choices.below(4);
            format!("{{choose: [{{weight: {out}, steps: []}}, {{weight: 1, steps: [{call}]}}]}}")
        } else {
            call
        }
    }

    fn policy(&mut self) -> String {
        match self.choices.below(self.shape.policies + 1) {
            0 => String::new(),
            n => format!(", policy: p{}", n - 1),
        }
    }

    fn workloads(&mut self) {
        line!(self, "workloads:");
        for workload in 0..self.shape.workloads {
            let service = self.choices.below(self.shape.services.len());
            let endpoint = self.choices.below(self.shape.services[service].1);
            let (policy, priority) = (self.policy(), self.choices.below(3));
            let source = self.source();
            line!(
                self,
                "  w{workload}: {{target: s{service}.e{endpoint}{policy}, priority: {priority}, {source}}}"
            );
        }
    }

    fn source(&mut self) -> String {
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

    fn profile(&mut self) -> String {
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

    fn faults(&mut self) {
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

    fn fault(&mut self) -> String {
        match self.choices.below(10) {
            0 | 1 => {
                let mode = self.choices.of(&["refuse", "blackhole"]);
                format!("crash: {{{}, mode: {mode}}}", self.machines())
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
    fn machines(&mut self) -> String {
        match self.choices.below(4) {
            1 if !self.shape.zones.is_empty() => format!("zone: {}", self.zone()),
            2 if !self.shape.zones.is_empty() => format!("node: {}", self.node()),
            3 => format!("service: {}", self.service()),
            _ => format!("instance: {}", self.instance()),
        }
    }

    fn zone(&mut self) -> String {
        format!("z{}", self.choices.below(self.shape.zones.len()))
    }

    fn node(&mut self) -> String {
        let zone = self.choices.below(self.shape.zones.len());
        format!("z{zone}-{}", 1 + self.choices.below(self.shape.zones[zone]))
    }

    fn service(&mut self) -> String {
        format!("s{}", self.choices.below(self.shape.services.len()))
    }

    fn instance(&mut self) -> String {
        let service = self.choices.below(self.shape.services.len());
        format!(
            "s{service}-{}",
            1 + self.choices.below(self.shape.services[service].0)
        )
    }

    fn ends(&mut self) -> String {
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
    fn place(&mut self) -> String {
        match self.choices.below(5) {
            1 if !self.shape.zones.is_empty() => self.zone(),
            2 if !self.shape.zones.is_empty() => self.node(),
            3 => self.service(),
            4 => self.instance(),
            _ => format!("w{}", self.choices.below(self.shape.workloads)),
        }
    }
}

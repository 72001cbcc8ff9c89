//! Small models made of bytes: every byte is a choice, and no bytes at all make the smallest model.
//!
//! What makes a failing case small (a byte less, a byte nearer to 0) therefore makes a simpler
//! model. The text that comes out is always valid; times are few and round, so that much happens
//! at the same instant, and rare orders of events are not rare here.

// By path, so that other programs may take this file in by path, too.
#[path = "generator/events.rs"]
mod events;
#[path = "generator/policies.rs"]
mod policies;
#[path = "generator/steps.rs"]
mod steps;

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
    /// Services with a leader.
    replicated: Vec<usize>,
    queues: usize,
    /// Services with partitions of queues.
    brokers: Vec<usize>,
    /// Services whose number of instances must stay.
    settled: Vec<usize>,
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

use line;

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
        self.stores();
        self.queues();
        self.services();
        self.workloads();
        self.faults();
        self.deployments();
        self.copies();
        self.orders();
        self.autoscaling();
    }

    /// Copies of stores, but not of those that have them by replication.
    fn copies(&mut self) {
        for service in 0..self.shape.services.len() {
            if self.shape.replicated.contains(&service) || !self.choices.chance(2) {
                continue;
            }
            let (replicas, lag) = (1 + self.choices.below(3), self.span());
            let owner = format!("{{owner: s{service}}}");
            let copied = format!("{{owner: s{service}, replicas: {replicas}, lag: {lag}}}");
            self.text = self.text.replacen(&owner, &copied, 1);
        }
    }

    /// The requests of the first workload, where anything is written.
    fn orders(&mut self) {
        let services = 0..self.shape.services.len();
        let effects = services.map(|service| format!("st{service}.t"));
        let is_written = |table: &String| self.text.contains(&format!("{{write: {table}"));
        let effects: Vec<String> = effects.filter(is_written).collect();
        if effects.is_empty() || !self.choices.chance(5) {
            return;
        }
        for table in &effects {
            if self.choices.chance(3) {
                let (write, once) = (
                    format!("{{write: {table}}}"),
                    format!("{{write: {table}, once: true}}"),
                );
                self.text = self.text.replace(&write, &once);
            }
        }
        line!(
            self,
            "orders: {{workload: w0, effects: [{}]}}",
            effects.join(", ")
        );
    }

    /// One for each service, which owns it.
    fn stores(&mut self) {
        line!(self, "stores:");
        for service in 0..self.shape.services.len() {
            line!(self, "  st{service}: {{owner: s{service}}}");
        }
    }

    /// Consumers may publish in turn, also to their own queue.
    fn queues(&mut self) {
        self.shape.queues = self.choices.below(3);
        if self.shape.queues == 0 {
            return;
        }
        line!(self, "queues:");
        for queue in 0..self.shape.queues {
            let keys = self.message_queue(queue);
            line!(self, "  q{queue}: {{{}}}", keys.join(", "));
        }
    }

    fn message_queue(&mut self, queue: usize) -> Vec<String> {
        let consumer = |g: &mut Self| {
            let service = g.choices.below(g.shape.services.len());
            let endpoint = g.choices.below(g.shape.services[service].1);
            format!("s{service}.e{endpoint}")
        };
        let mut keys = vec![match self.choices.below(3) {
            2 => format!("consumers: [{}, {}]", consumer(self), consumer(self)),
            _ => format!("consumer: {}", consumer(self)),
        }];
        if self.choices.chance(4) {
            let broker = self.choices.below(self.shape.services.len());
            self.shape.settled.push(broker);
            self.shape.brokers.push(broker);
            keys.push(format!("broker: s{broker}"));
        }
        let partitions = 1 + self.choices.below(3);
        keys.push(format!("partitions: {partitions}"));
        let others = [
            "",
            "sharing: {exclusive: {rebalance: 0s}}",
            "sharing: {exclusive: {rebalance: 20ms}}",
        ];
        keys.push(self.choices.of(&others).into());
        if self.choices.chance(4) {
            let capacity = partitions + self.choices.below(4);
            let full = self.choices.of(&["refuse", "block", "drop_oldest"]);
            keys.push(format!("capacity: {capacity}, when_full: {full}"));
        }
        let others = ["", "prefetch: 1", "prefetch: 3"];
        keys.push(self.choices.of(&others).into());
        let timeout = self.choices.of(&["10ms", "none", "50ms", "1ms"]);
        keys.push(format!("ack_timeout: {timeout}"));
        // Without an end of deliveries, without time between them, some go on for ever at one instant.
        let most = 1 + self.choices.below(3);
        keys.push(format!("max_deliveries: {most}"));
        if queue > 0 && self.choices.chance(4) {
            keys.push(format!("dead_letter: q{}", queue - 1));
        }
        let others = [
            "",
            "redelivery: 5ms",
            "redelivery: {initial: 1ms, max: 20ms}",
        ];
        keys.push(self.choices.of(&others).into());
        if self.choices.chance(4) {
            let timeout = self.positive();
            let retries = self.choices.below(3);
            let idempotent = self.choices.chance(4);
            let wait = !self.choices.chance(1);
            keys.push(format!(
                "producer: {{timeout: {timeout}, retries: {retries}, idempotent: {idempotent}, \
                 wait: {wait}}}"
            ));
        }
        keys.push(format!("force: {}", self.distribution()));
        let others = ["", "deduplicate_for: 100ms", "poison: 10%"];
        keys.push(self.choices.of(&others).into());
        if timeout != "none" && self.choices.chance(3) {
            keys.push("requeue: false".into());
        }
        keys.retain(|key| !key.is_empty());
        keys
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
            self.waiting_room();
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
                "{maglev: {keys: 10, table_size: 13}}",
                "{zone_aware: {min_cluster_size: 1}}",
                "{zone_aware: {min_cluster_size: 1, within: {consistent_hash: {}}}}",
            ]);
            line!(self, "    balancer: {balancer}");
            self.replication(service);
            self.door();
            self.discovery();
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

    /// With times that let elections end, and ones that do not.
    fn replication(&mut self, service: usize) {
        if !self.choices.chance(2) {
            return;
        }
        self.shape.replicated.push(service);
        self.shape.settled.push(service);
        let protocols = ["raft", "primary_backup", "paxos"];
        let all = if self.shape.services[service].0 > 1 {
            3
        } else {
            2
        };
        let protocol = self.choices.of(&protocols[..all]);
        let timeout = self.choices.of(&[
            "{uniform: {low: 30ms, high: 60ms}}",
            "{uniform: {low: 150ms, high: 300ms}}",
            "30ms",
        ]);
        let (force, send) = (
            self.choices
                .of(&["0s", "1ms", "{exponential: {mean: 5ms}}"]),
            self.span(),
        );
        let (capacity, wait) = (self.choices.of(&[1000, 0, 2]), self.span());
        let (reads, catch_up) = (self.choices.of(&["leader", "any"]), self.span());
        line!(
            self,
            "    replication: {{protocol: {protocol}, heartbeat: 10ms, election_timeout: {timeout}, \
             force: {force}, send: {send}, failover_buffer: {{capacity: {capacity}, wait: {wait}}}, \
             reads: {reads}, catch_up: {catch_up}}}"
        );
    }

    /// Put in where the services stand, when it is known who may be scaled.
    fn autoscaling(&mut self) {
        for service in 0..self.shape.services.len() {
            if !self.choices.chance(2) || self.shape.settled.contains(&service) {
                continue;
            }
            let instances = self.shape.services[service].0;
            let (min, max) = (
                1 + self.choices.below(instances),
                instances + self.choices.below(4),
            );
            let target = self.choices.of(&[
                "utilization: 50%",
                "utilization: 5%",
                "queue_length: 1",
                "queue_length: 0.1",
            ]);
            let interval = self.choices.of(&["20ms", "5ms", "100ms"]);
            let cooldown = self.choices.of(&["0s", "50ms", "200ms"]);
            let key = format!(
                "    autoscale: {{min: {min}, max: {max}, {target}, interval: {interval}, cooldown: {cooldown}}}\n"
            );
            let head = format!("\n  s{service}:\n");
            if let Some(at) = self.text.find(&head) {
                self.text.insert_str(at + head.len(), &key);
            }
        }
    }

    /// Services of one registry agree on what that does, so that this follows from who it is.
    fn discovery(&mut self) {
        if !self.choices.chance(2) {
            return;
        }
        let pace = self.choices.of(&["20ms", "50ms", "200ms"]);
        let discovery = match self.choices.below(4) {
            0 => {
                let (timeout, row) = (self.choices.of(&["5ms", "20ms"]), 1 + self.choices.below(3));
                format!(
                    "{{health_check: {{interval: {pace}, timeout: {timeout}, unhealthy: {row}}}}}"
                )
            }
            1 => format!(
                "{{lease: {{heartbeat: {pace}, expiry: 300ms, eviction: 100ms, refresh: {pace}}}}}"
            ),
            2 => {
                let registry = self.choices.below(self.shape.services.len());
                self.shape.settled.push(registry);
                let share = ["0", "50%"][registry % 2];
                format!(
                    "{{lease: {{registry: s{registry}, heartbeat: {pace}, expiry: 300ms, \
                     eviction: 100ms, refresh: {pace}, self_preservation: {share}}}}}"
                )
            }
            _ => format!(
                "{{gossip: {{probe_interval: {pace}, probe_timeout: 5ms, suspect_for: 50ms}}}}"
            ),
        };
        line!(self, "    discovery: {discovery}");
    }

    /// Ejection, admission and degradation.
    fn door(&mut self) {
        if self.choices.chance(3) {
            let (row, share) = (1 + self.choices.below(3), self.choices.of(&["1", "50%"]));
            let (interval, time) = (self.positive(), self.positive());
            let rates = self.choices.of(&[
                "success_rate: none",
                "success_rate: {factor: 0.5, minimum_hosts: 2, request_volume: 2}",
                "success_rate: none, failure_percentage: 50%",
            ]);
            line!(
                self,
                "    outlier_ejection: {{consecutive: {row}, interval: {interval}, \
                 base_ejection_time: {time}, max_ejection: {share}, {rates}}}"
            );
        }
        if self.choices.chance(3) {
            let layers: Vec<_> = (0..1 + self.choices.below(3))
                .map(|_| self.admission())
                .collect();
            line!(self, "    admission: [{}]", layers.join(", "));
        }
        if self.choices.chance(3) {
            let bound = match self.choices.below(2) {
                0 => format!("queue_length: {}", self.choices.below(3)),
                _ => format!("queue_wait: {}", self.span()),
            };
            let after = self.span();
            line!(self, "    degrade: {{{bound}, recover_after: {after}}}");
        }
    }

    fn admission(&mut self) -> String {
        match self.choices.below(8) {
            0..3 => format!(
                "concurrency_limit: {{fixed: {}}}",
                1 + self.choices.below(4)
            ),
            3 => "concurrency_limit: {gradient: {}}".into(),
            4 => "concurrency_limit: {vegas: {}}".into(),
            5 => {
                let (rate, keys) = (self.rate(true), 1 + self.choices.below(3));
                format!("rate_limit: {{token_bucket: {{rate: {rate}, burst: 2}}, keys: {keys}}}")
            }
            6 => {
                let (wait, window) = (self.positive(), self.positive());
                format!(
                    "priority_shedding: {{queue_wait: {wait}, window: {window}, \
                     window_requests: 10, user_levels: 4}}"
                )
            }
            _ => format!("admission_control: {{window: {}}}", self.positive()),
        }
    }

    /// The queue of a service.
    fn waiting_room(&mut self) {
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
}

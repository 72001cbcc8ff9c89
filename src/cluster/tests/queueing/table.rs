//! Which model shows which closed form, and where its figure is read.
//!
//! Models count in seconds where the closed forms count in units of the mean service time.

use crate::meter::Meter;
use study::record::{Estimate, RunRecord};

/// A model with its overrides, and the closed forms that it shows.
pub(crate) struct Run {
    /// A file in `tests/models`, without its ending.
    pub(crate) model: &'static str,
    /// As `--set` takes them.
    pub(crate) sets: &'static [(&'static str, &'static str)],
    pub(crate) rows: &'static [Row],
}

/// One part of one line of `queueing.csv`.
pub(crate) struct Row {
    pub(crate) case: &'static str,
    pub(crate) parameters: &'static str,
    pub(crate) metric: &'static str,
    /// Which of the values, where the metric has several.
    pub(crate) part: usize,
    pub(crate) read: Read,
}

/// Where a figure is read.
#[derive(Clone, Copy)]
pub(crate) enum Read {
    /// In the record of a run, which has its interval.
    Record(fn(&RunRecord) -> Measured),
    /// In the facts of each replication.
    Facts(fn(&Meter) -> f64),
    /// The time until two units are down; ends each replication.
    FirstPassage,
}

/// A figure over replications.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) mean: f64,
    /// Of the 95 % interval; 0 where the record has none.
    pub(crate) half_width: f64,
}

impl Measured {
    fn of(estimate: Estimate) -> Self {
        match (estimate.mean, estimate.low, estimate.high) {
            (Some(mean), Some(low), Some(high)) => Self {
                mean,
                half_width: (high - low) / 2.0,
            },
            found => panic!("not measured over replications: {found:?}"),
        }
    }

    fn map(self, scale: f64, offset: f64) -> Self {
        Self {
            mean: self.mean * scale + offset,
            half_width: self.half_width * scale.abs(),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            mean: self.mean + other.mean,
            half_width: self.half_width + other.half_width,
        }
    }
}

/// Milliseconds of a record, in seconds.
fn seconds(estimate: Estimate) -> Measured {
    Measured::of(estimate).map(1e-3, 0.0)
}

/// A workload's mean latency, in seconds.
fn sojourn(record: &RunRecord, workload: &str) -> Measured {
    seconds(record.workloads[workload].latency_ms.mean)
}

/// What a class waits: its latency without its mean service, which the model fixes.
fn wait(record: &RunRecord, workload: &str, service: f64) -> Measured {
    sojourn(record, workload).map(1.0, -service)
}

fn customers_mean(record: &RunRecord) -> Measured {
    sojourn(record, "customers")
}

fn customers_p99(record: &RunRecord) -> Measured {
    seconds(record.workloads["customers"].latency_ms.p99)
}

fn callers_p99(record: &RunRecord) -> Measured {
    seconds(record.workloads["callers"].latency_ms.p99)
}

fn server_wait(record: &RunRecord) -> Measured {
    seconds(record.services["server"].wait_ms.mean)
}

fn server_wait_p99(record: &RunRecord) -> Measured {
    seconds(record.services["server"].wait_ms.p99)
}

fn loss(record: &RunRecord) -> Measured {
    Measured::of(record.workloads["customers"].availability).map(-1.0, 1.0)
}

fn callers_availability(record: &RunRecord) -> Measured {
    Measured::of(record.workloads["callers"].availability)
}

/// Attempts per call, summed over replications.
fn load_factor(record: &RunRecord) -> Measured {
    let call = &record.calls["callers->server.serve"];
    Measured {
        mean: call.amplification.expect("calls were made"),
        half_width: 0.0,
    }
}

const fn row(
    case: &'static str,
    parameters: &'static str,
    metric: &'static str,
    read: Read,
) -> Row {
    part(case, parameters, metric, 0, read)
}

const fn part(
    case: &'static str,
    parameters: &'static str,
    metric: &'static str,
    part: usize,
    read: Read,
) -> Row {
    Row {
        case,
        parameters,
        metric,
        part,
        read,
    }
}

const fn run(
    model: &'static str,
    sets: &'static [(&'static str, &'static str)],
    rows: &'static [Row],
) -> Run {
    Run { model, sets, rows }
}

/// Every run, by model.
pub(crate) const RUNS: &[Run] = &[
    run(
        "mm1",
        &[("workloads.customers.arrivals.poisson.rate", "0.5/s")],
        &[row(
            "MM1",
            "lambda=0.5 mu=1 FIFO",
            "mean sojourn W",
            Read::Record(customers_mean),
        )],
    ),
    run(
        "mm1",
        &[],
        &[
            row(
                "MM1",
                "lambda=0.8 mu=1 FIFO",
                "mean sojourn W",
                Read::Record(customers_mean),
            ),
            row(
                "MM1",
                "lambda=0.8 mu=1",
                "mean number in system L",
                Read::Record(|r| {
                    let server = &r.services["server"];
                    Measured::of(server.queue_length.mean).plus(Measured::of(server.utilization))
                }),
            ),
            row(
                "MM1",
                "lambda=0.8 mu=1",
                "p99.9 sojourn",
                Read::Record(|r| seconds(r.workloads["customers"].latency_ms.p99_9)),
            ),
            row(
                "MM1",
                "lambda=0.8 mu=1",
                "P(N>=10)",
                Read::Facts(|m| m.at_least(10)),
            ),
            row(
                "MM1-departures",
                "lambda=0.8 mu=1",
                "squared CV of inter-departure time (Burke: =1)",
                Read::Facts(Meter::departure_scv),
            ),
            row(
                "MM1-busy",
                "lambda=0.8 mu=1",
                "mean busy period",
                Read::Facts(Meter::mean_busy_period),
            ),
        ],
    ),
    run(
        "mm1",
        &[("workloads.customers.arrivals.poisson.rate", "0.9/s")],
        &[
            row(
                "MM1",
                "lambda=0.9 mu=1 FIFO",
                "mean sojourn W",
                Read::Record(customers_mean),
            ),
            row(
                "MM1",
                "lambda=0.9 mu=1",
                "p50 sojourn",
                Read::Record(|r| seconds(r.workloads["customers"].latency_ms.p50)),
            ),
            row(
                "MM1",
                "lambda=0.9 mu=1",
                "p99 sojourn",
                Read::Record(customers_p99),
            ),
            row(
                "MM1",
                "lambda=0.9 mu=1",
                "p99 waiting time in queue",
                Read::Record(server_wait_p99),
            ),
        ],
    ),
    run(
        "mmc",
        &[
            ("services.server.workers", "2"),
            ("workloads.customers.arrivals.poisson.rate", "1.5/s"),
        ],
        &[
            row(
                "MMc",
                "c=2 lambda=1.5 mu=1",
                "P(wait)",
                Read::Facts(Meter::had_to_wait),
            ),
            row(
                "MMc",
                "c=2 lambda=1.5 mu=1",
                "mean wait Wq",
                Read::Record(server_wait),
            ),
        ],
    ),
    run(
        "mmc",
        &[
            ("services.server.workers", "5"),
            ("workloads.customers.arrivals.poisson.rate", "4/s"),
        ],
        &[
            row(
                "MMc",
                "c=5 lambda=4 mu=1",
                "P(wait)",
                Read::Facts(Meter::had_to_wait),
            ),
            row(
                "MMc",
                "c=5 lambda=4 mu=1",
                "mean wait Wq",
                Read::Record(server_wait),
            ),
        ],
    ),
    run(
        "mmc",
        &[
            ("services.server.workers", "10"),
            ("workloads.customers.arrivals.poisson.rate", "8/s"),
        ],
        &[
            row(
                "MMc",
                "c=10 lambda=8 mu=1",
                "P(wait)",
                Read::Facts(Meter::had_to_wait),
            ),
            row(
                "MMc",
                "c=10 lambda=8 mu=1",
                "mean wait Wq",
                Read::Record(server_wait),
            ),
            row(
                "MMc",
                "c=10 lambda=8 mu=1",
                "p99 wait in queue",
                Read::Record(server_wait_p99),
            ),
        ],
    ),
    run(
        "mmc",
        &[
            ("services.server.workers", "10"),
            ("workloads.customers.arrivals.poisson.rate", "9.5/s"),
            ("run.duration", "300000s"),
        ],
        &[
            row(
                "MMc",
                "c=10 lambda=9.5 mu=1",
                "P(wait)",
                Read::Facts(Meter::had_to_wait),
            ),
            row(
                "MMc",
                "c=10 lambda=9.5 mu=1",
                "mean wait Wq",
                Read::Facts(Meter::mean_wait),
            ),
        ],
    ),
    run(
        "mmc",
        &[
            ("services.server.workers", "100"),
            ("workloads.customers.arrivals.poisson.rate", "95/s"),
            ("run.duration", "50000s"),
        ],
        &[
            row(
                "MMc",
                "c=100 lambda=95 mu=1",
                "P(wait)",
                Read::Facts(Meter::had_to_wait),
            ),
            row(
                "MMc",
                "c=100 lambda=95 mu=1",
                "mean wait Wq",
                Read::Facts(Meter::mean_wait),
            ),
        ],
    ),
    run(
        "mmc",
        &[
            ("services.server.workers", "5"),
            ("workloads.customers.arrivals.poisson.rate", "2.5/s"),
        ],
        &[row(
            "MMc-Brooker",
            "c=5 lambda=2.5 mu=1",
            "P(wait)",
            Read::Facts(Meter::had_to_wait),
        )],
    ),
    run(
        "mmc",
        &[
            ("services.server.workers", "10"),
            ("workloads.customers.arrivals.poisson.rate", "5/s"),
        ],
        &[row(
            "MMc-Brooker",
            "c=10 lambda=5 mu=1",
            "P(wait)",
            Read::Facts(Meter::had_to_wait),
        )],
    ),
    run(
        "erlang_b",
        &[
            ("services.server.workers", "1"),
            ("workloads.customers.arrivals.poisson.rate", "1/s"),
        ],
        &[row(
            "MMcc-ErlangB",
            "c=1 offered a=1, exponential service",
            "blocking probability",
            Read::Record(loss),
        )],
    ),
    run(
        "erlang_b",
        &[
            ("services.server.workers", "5"),
            ("workloads.customers.arrivals.poisson.rate", "5/s"),
        ],
        &[row(
            "MMcc-ErlangB",
            "c=5 offered a=5, exponential service",
            "blocking probability",
            Read::Record(loss),
        )],
    ),
    run(
        "erlang_b",
        &[
            ("services.server.workers", "10"),
            ("workloads.customers.arrivals.poisson.rate", "8/s"),
        ],
        &[row(
            "MMcc-ErlangB",
            "c=10 offered a=8, exponential service",
            "blocking probability",
            Read::Record(loss),
        )],
    ),
    run(
        "erlang_b",
        &[
            ("services.server.workers", "10"),
            ("workloads.customers.arrivals.poisson.rate", "5/s"),
        ],
        &[row(
            "MMcc-ErlangB",
            "c=10 offered a=5, exponential service",
            "blocking probability",
            Read::Record(loss),
        )],
    ),
    run(
        "erlang_b",
        &[
            ("services.server.workers", "100"),
            ("workloads.customers.arrivals.poisson.rate", "95/s"),
        ],
        &[row(
            "MMcc-ErlangB",
            "c=100 offered a=95, exponential service",
            "blocking probability",
            Read::Record(loss),
        )],
    ),
    run(
        "mm1k",
        &[
            ("services.server.queue.capacity", "4"),
            ("workloads.customers.arrivals.poisson.rate", "0.8/s"),
        ],
        &[
            row(
                "MM1K",
                "lambda=0.8 mu=1 K=5 (places incl. server)",
                "loss probability",
                Read::Record(loss),
            ),
            row(
                "MM1K",
                "lambda=0.8 mu=1 K=5 (places incl. server)",
                "mean sojourn of accepted",
                Read::Record(customers_mean),
            ),
        ],
    ),
    run(
        "mm1k",
        &[
            ("services.server.queue.capacity", "9"),
            ("workloads.customers.arrivals.poisson.rate", "1/s"),
        ],
        &[
            row(
                "MM1K",
                "lambda=1 mu=1 K=10 (places incl. server)",
                "loss probability",
                Read::Record(loss),
            ),
            row(
                "MM1K",
                "lambda=1 mu=1 K=10 (places incl. server)",
                "mean sojourn of accepted",
                Read::Record(customers_mean),
            ),
        ],
    ),
    run(
        "mm1k",
        &[
            ("services.server.queue.capacity", "4"),
            ("workloads.customers.arrivals.poisson.rate", "2/s"),
        ],
        &[
            row(
                "MM1K",
                "lambda=2 mu=1 K=5 (places incl. server)",
                "loss probability",
                Read::Record(loss),
            ),
            row(
                "MM1K",
                "lambda=2 mu=1 K=5 (places incl. server)",
                "mean sojourn of accepted",
                Read::Record(customers_mean),
            ),
        ],
    ),
    run(
        "mmck",
        &[],
        &[
            row(
                "MMcK",
                "c=4 K=12 lambda=4.5 mu=1 (overload, bounded queue 8)",
                "loss probability",
                Read::Record(loss),
            ),
            row(
                "MMcK",
                "c=4 K=12 lambda=4.5 mu=1 (overload, bounded queue 8)",
                "mean queueing wait of accepted",
                Read::Record(server_wait),
            ),
        ],
    ),
    run(
        "md1",
        &[],
        &[
            row(
                "MD1",
                "lambda=0.8 S=1",
                "mean wait Wq",
                Read::Record(server_wait),
            ),
            row(
                "MD1",
                "lambda=0.8 S=1",
                "P(Wq<=0)",
                Read::Facts(|m| m.waited_at_most(0)),
            ),
            row(
                "MD1",
                "lambda=0.8 S=1",
                "P(Wq<=1)",
                Read::Facts(|m| m.waited_at_most(1)),
            ),
            row(
                "MD1",
                "lambda=0.8 S=1",
                "P(Wq<=5)",
                Read::Facts(|m| m.waited_at_most(2)),
            ),
            row(
                "MD1",
                "lambda=0.8 S=1",
                "P(Wq<=10)",
                Read::Facts(|m| m.waited_at_most(3)),
            ),
            row(
                "MD1",
                "lambda=0.8 S=1",
                "p99 wait in queue",
                Read::Record(server_wait_p99),
            ),
        ],
    ),
    run(
        "md1",
        &[("workloads.customers.arrivals.poisson.rate", "0.5/s")],
        &[row(
            "MD1",
            "lambda=0.5 S=1",
            "mean wait Wq",
            Read::Record(server_wait),
        )],
    ),
    run(
        "me4_1",
        &[],
        &[row(
            "ME4-1",
            "lambda=0.8 Erlang-4 mean 1",
            "mean wait Wq",
            Read::Record(server_wait),
        )],
    ),
    run(
        "mh2_1",
        &[],
        &[row(
            "MH2-1",
            "lambda=0.8 H2 balanced means, mean 1, scv=4",
            "mean wait Wq",
            Read::Record(server_wait),
        )],
    ),
    run(
        "mln1",
        &[],
        &[row(
            "MLN1",
            "lambda=0.7 lognormal mean 1 scv=2 (sigma^2=ln3, mu=-ln3/2)",
            "mean wait Wq",
            Read::Record(server_wait),
        )],
    ),
    run(
        "tandem",
        &[],
        &[
            row(
                "tandem",
                "lambda=0.5, mu1=1, mu2=0.8 single servers",
                "mean end-to-end",
                Read::Record(customers_mean),
            ),
            row(
                "tandem",
                "lambda=0.5, mu1=1, mu2=0.8 single servers",
                "p99 end-to-end",
                Read::Record(customers_p99),
            ),
        ],
    ),
    run(
        "jackson_feedback",
        &[],
        &[row(
            "jackson-feedback",
            "gamma=0.3 external, mu=1, repeat prob 0.5",
            "mean total sojourn",
            Read::Record(customers_mean),
        )],
    ),
    run(
        "mminf",
        &[],
        &[
            row(
                "MMinf",
                "lambda=20 mean hold 1 (any service law)",
                "mean number",
                Read::Facts(Meter::mean_number),
            ),
            row(
                "MMinf",
                "lambda=20 mean hold 1 (any service law)",
                "variance of number",
                Read::Facts(Meter::variance_of_number),
            ),
        ],
    ),
    run(
        "forkjoin2",
        &[("workloads.customers.arrivals.poisson.rate", "0.3/s")],
        &[row(
            "forkjoin2",
            "lambda=0.3 mu=1 two FIFO M/M/1 queues, join=max",
            "mean response",
            Read::Record(customers_mean),
        )],
    ),
    run(
        "forkjoin2",
        &[("workloads.customers.arrivals.poisson.rate", "0.5/s")],
        &[row(
            "forkjoin2",
            "lambda=0.5 mu=1 two FIFO M/M/1 queues, join=max",
            "mean response",
            Read::Record(customers_mean),
        )],
    ),
    run(
        "forkjoin2",
        &[("workloads.customers.arrivals.poisson.rate", "0.7/s")],
        &[row(
            "forkjoin2",
            "lambda=0.7 mu=1 two FIFO M/M/1 queues, join=max",
            "mean response",
            Read::Record(customers_mean),
        )],
    ),
    run(
        "forkjoin2",
        &[
            ("workloads.customers.arrivals.poisson.rate", "0.9/s"),
            ("run.duration", "700000s"),
        ],
        &[row(
            "forkjoin2",
            "lambda=0.9 mu=1 two FIFO M/M/1 queues, join=max",
            "mean response",
            Read::Record(customers_mean),
        )],
    ),
    run(
        "forkjoin10",
        &[("workloads.customers.arrivals.poisson.rate", "0.5/s")],
        &[row(
            "forkjoinN-approx",
            "n=10 lambda=0.5 mu=1",
            "mean response (APPROXIMATION, <5% error claimed)",
            Read::Record(customers_mean),
        )],
    ),
    run(
        "forkjoin10",
        &[("workloads.customers.arrivals.poisson.rate", "0.8/s")],
        &[row(
            "forkjoinN-approx",
            "n=10 lambda=0.8 mu=1",
            "mean response (APPROXIMATION, <5% error claimed)",
            Read::Record(customers_mean),
        )],
    ),
    run(
        "forkjoin32",
        &[("workloads.customers.arrivals.poisson.rate", "0.5/s")],
        &[row(
            "forkjoinN-approx",
            "n=32 lambda=0.5 mu=1",
            "mean response (APPROXIMATION, <5% error claimed)",
            Read::Record(customers_mean),
        )],
    ),
    run(
        "dm1",
        &[],
        &[row(
            "DM1",
            "D arrivals rate 0.8, mu=1",
            "mean sojourn",
            Read::Record(customers_mean),
        )],
    ),
    run(
        "e2m1",
        &[],
        &[row(
            "E2M1",
            "Erlang-2 arrivals rate 0.8 (=one of 2 servers behind round robin of Poisson 1.6), mu=1",
            "mean sojourn",
            Read::Record(customers_mean),
        )],
    ),
    run(
        "e2m1_round_robin",
        &[],
        &[row(
            "E2M1",
            "Erlang-2 arrivals rate 0.8 (=one of 2 servers behind round robin of Poisson 1.6), mu=1",
            "mean sojourn",
            Read::Record(customers_mean),
        )],
    ),
    run(
        "priority",
        &[],
        &[
            row(
                "priority-np",
                "two classes lambda=0.4 each, exp mean 1, 1 server, non-preemptive",
                "mean wait class 1 ; class 2",
                Read::Record(|r| wait(r, "first", 1.0)),
            ),
            part(
                "priority-np",
                "two classes lambda=0.4 each, exp mean 1, 1 server, non-preemptive",
                "mean wait class 1 ; class 2",
                1,
                Read::Record(|r| wait(r, "second", 1.0)),
            ),
            row(
                "priority-np",
                "any work-conserving order",
                "Kleinrock conservation: sum rho_i Wq_i = rho W0/(1-rho)",
                Read::Record(|r| {
                    wait(r, "first", 1.0)
                        .map(0.4, 0.0)
                        .plus(wait(r, "second", 1.0).map(0.4, 0.0))
                }),
            ),
        ],
    ),
    run(
        "lifo",
        &[],
        &[row(
            "priority-np",
            "any work-conserving order",
            "Kleinrock conservation: sum rho_i Wq_i = rho W0/(1-rho)",
            Read::Record(|r| server_wait(r).map(0.8, 0.0)),
        )],
    ),
    run(
        "priority3",
        &[],
        &[
            row(
                "priority-np3",
                "lambda=(.2,.3,.1) exp means (1,.8,2)",
                "mean waits",
                Read::Record(|r| wait(r, "first", 1.0)),
            ),
            part(
                "priority-np3",
                "lambda=(.2,.3,.1) exp means (1,.8,2)",
                "mean waits",
                1,
                Read::Record(|r| wait(r, "second", 0.8)),
            ),
            part(
                "priority-np3",
                "lambda=(.2,.3,.1) exp means (1,.8,2)",
                "mean waits",
                2,
                Read::Record(|r| wait(r, "third", 2.0)),
            ),
        ],
    ),
    run(
        "closed_loop",
        &[("workloads.users.closed.users", "10")],
        &[
            row(
                "closed-loop",
                "N=10 clients think Exp(mean 10), one exp server mean 1",
                "mean response ; throughput",
                Read::Record(|r| sojourn(r, "users")),
            ),
            part(
                "closed-loop",
                "N=10 clients think Exp(mean 10), one exp server mean 1",
                "mean response ; throughput",
                1,
                Read::Record(|r| Measured::of(r.workloads["users"].throughput)),
            ),
        ],
    ),
    run(
        "closed_loop",
        &[("workloads.users.closed.users", "20")],
        &[
            row(
                "closed-loop",
                "N=20 clients think Exp(mean 10), one exp server mean 1",
                "mean response ; throughput",
                Read::Record(|r| sojourn(r, "users")),
            ),
            part(
                "closed-loop",
                "N=20 clients think Exp(mean 10), one exp server mean 1",
                "mean response ; throughput",
                1,
                Read::Record(|r| Measured::of(r.workloads["users"].throughput)),
            ),
        ],
    ),
    run(
        "closed_loop",
        &[("workloads.users.closed.users", "50")],
        &[
            row(
                "closed-loop",
                "N=50 clients think Exp(mean 10), one exp server mean 1",
                "mean response ; throughput",
                Read::Record(|r| sojourn(r, "users")),
            ),
            part(
                "closed-loop",
                "N=50 clients think Exp(mean 10), one exp server mean 1",
                "mean response ; throughput",
                1,
                Read::Record(|r| Measured::of(r.workloads["users"].throughput)),
            ),
        ],
    ),
    run(
        "quorum",
        &[],
        &[
            row(
                "quorum",
                "5 replicas iid Exp(1), wait for 3rd",
                "mean ; p99",
                Read::Record(|r| sojourn(r, "readers")),
            ),
            part(
                "quorum",
                "5 replicas iid Exp(1), wait for 3rd",
                "mean ; p99",
                1,
                Read::Record(|r| seconds(r.workloads["readers"].latency_ms.p99)),
            ),
        ],
    ),
    run(
        "chain",
        &[],
        &[row(
            "chain",
            "3 serial Exp(1)",
            "p99",
            Read::Record(callers_p99),
        )],
    ),
    run(
        "fanout_max",
        &[],
        &[
            row(
                "fanout-max",
                "100 iid Exp(1)",
                "mean (H_100) ; p99",
                Read::Record(|r| sojourn(r, "callers")),
            ),
            part(
                "fanout-max",
                "100 iid Exp(1)",
                "mean (H_100) ; p99",
                1,
                Read::Record(callers_p99),
            ),
        ],
    ),
    run(
        "tail_100",
        &[],
        &[row(
            "tail-at-scale",
            "100 leaves, 1% slow",
            "P(request slow)",
            Read::Facts(Meter::slow),
        )],
    ),
    run(
        "tail_2000",
        &[],
        &[row(
            "tail-at-scale",
            "2000 leaves, 0.01% slow",
            "P(request slow)",
            Read::Facts(Meter::slow),
        )],
    ),
    run(
        "token_bucket",
        &[("workloads.callers.arrivals.poisson.rate", "2/s")],
        &[row(
            "token-bucket",
            "burst 1, refill r=1/s continuous, Poisson lambda=2/s",
            "accepted fraction",
            Read::Record(callers_availability),
        )],
    ),
    run(
        "token_bucket",
        &[("workloads.callers.arrivals.poisson.rate", "0.5/s")],
        &[row(
            "token-bucket",
            "burst 1, refill r=1/s, Poisson lambda=0.5/s",
            "accepted fraction",
            Read::Record(callers_availability),
        )],
    ),
    run(
        "retries",
        &[("services.server.endpoints.serve.0.fail", "0.1")],
        &[
            row(
                "retries",
                "iid failure p=0.1, 3 retries",
                "success ; load factor",
                Read::Record(callers_availability),
            ),
            part(
                "retries",
                "iid failure p=0.1, 3 retries",
                "success ; load factor",
                1,
                Read::Record(load_factor),
            ),
        ],
    ),
    run(
        "retries",
        &[("services.server.endpoints.serve.0.fail", "0.5")],
        &[
            row(
                "retries",
                "iid failure p=0.5, 3 retries",
                "success ; load factor",
                Read::Record(callers_availability),
            ),
            part(
                "retries",
                "iid failure p=0.5, 3 retries",
                "success ; load factor",
                1,
                Read::Record(load_factor),
            ),
        ],
    ),
    run(
        "availability",
        &[],
        &[row(
            "availability",
            "MTBF 100 (exp), MTTR 10 (any law)",
            "steady availability",
            Read::Record(callers_availability),
        )],
    ),
    run(
        "mttf_1of2",
        &[("run.replications", "10000")],
        &[row(
            "MTTF",
            "2 units in parallel, f=.01 each, r=.1 repair, from all up",
            "mean time to both down",
            Read::FirstPassage,
        )],
    ),
    run(
        "mttf_2of3",
        &[("run.replications", "10000")],
        &[row(
            "MTTF",
            "2-of-3, f=.01, r=.1 (one repair at a time)",
            "mean time to <2 up",
            Read::FirstPassage,
        )],
    ),
    run(
        "inspection_paradox",
        &[],
        &[
            row(
                "inspection-paradox",
                "outage lognormal median 30, p99 600; Poisson callers",
                "mean outage (operator) ; length-weighted mean outage ; mean residual seen by arrival",
                Read::Facts(Meter::mean_outage),
            ),
            part(
                "inspection-paradox",
                "outage lognormal median 30, p99 600; Poisson callers",
                "mean outage (operator) ; length-weighted mean outage ; mean residual seen by arrival",
                1,
                Read::Facts(Meter::mean_outage_met),
            ),
            part(
                "inspection-paradox",
                "outage lognormal median 30, p99 600; Poisson callers",
                "mean outage (operator) ; length-weighted mean outage ; mean residual seen by arrival",
                2,
                Read::Facts(Meter::mean_residual),
            ),
        ],
    ),
];

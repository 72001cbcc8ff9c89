//! Which model shows which closed form, and where its figure is read.

use crate::figures::*;
use crate::meter::Meter;
use Read::{Facts, FirstPassage, Record};

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

/// `model {path => value, …}`, then `case parameters metric [part] = where;` for each figure.
macro_rules! runs {
    ($($model:ident {$($path:expr => $value:literal),*}
        $($case:literal $parameters:literal $metric:literal [$part:literal] = $read:expr;)+)*) => {
        /// Every run, by model.
        pub(crate) const RUNS: &[Run] = &[$(Run {
            model: stringify!($model),
            sets: &[$(($path, $value)),*],
            rows: &[$(Row {
                case: $case,
                parameters: $parameters,
                metric: $metric,
                part: $part,
                read: $read,
            }),+],
        }),*];
    };
}

const RATE: &str = "workloads.customers.arrivals.poisson.rate";

runs! {
    mm1 {RATE => "0.5/s"}
        "MM1" "lambda=0.5 mu=1 FIFO" "mean sojourn W" [0] = Record(customers_mean);
    mm1 {}
        "MM1" "lambda=0.8 mu=1 FIFO" "mean sojourn W" [0] = Record(customers_mean);
        "MM1" "lambda=0.8 mu=1" "mean number in system L" [0] = Record(number_in_system);
        "MM1" "lambda=0.8 mu=1" "p99.9 sojourn" [0]
            = Record(|r| seconds(r.workloads["customers"].latency_ms.p99_9));
        "MM1" "lambda=0.8 mu=1" "P(N>=10)" [0] = Facts(|m| m.at_least(10));
        "MM1-departures" "lambda=0.8 mu=1" "squared CV of inter-departure time (Burke: =1)" [0]
            = Facts(Meter::departure_scv);
        "MM1-busy" "lambda=0.8 mu=1" "mean busy period" [0] = Facts(Meter::mean_busy_period);
    mm1 {RATE => "0.9/s"}
        "MM1" "lambda=0.9 mu=1 FIFO" "mean sojourn W" [0] = Record(customers_mean);
        "MM1" "lambda=0.9 mu=1" "p50 sojourn" [0]
            = Record(|r| seconds(r.workloads["customers"].latency_ms.p50));
        "MM1" "lambda=0.9 mu=1" "p99 sojourn" [0] = Record(customers_p99);
        "MM1" "lambda=0.9 mu=1" "p99 waiting time in queue" [0] = Record(server_wait_p99);
    mmc {"services.server.workers" => "2", RATE => "1.5/s"}
        "MMc" "c=2 lambda=1.5 mu=1" "P(wait)" [0] = Facts(Meter::had_to_wait);
        "MMc" "c=2 lambda=1.5 mu=1" "mean wait Wq" [0] = Record(server_wait);
    mmc {"services.server.workers" => "5", RATE => "4/s"}
        "MMc" "c=5 lambda=4 mu=1" "P(wait)" [0] = Facts(Meter::had_to_wait);
        "MMc" "c=5 lambda=4 mu=1" "mean wait Wq" [0] = Record(server_wait);
    mmc {"services.server.workers" => "10", RATE => "8/s"}
        "MMc" "c=10 lambda=8 mu=1" "P(wait)" [0] = Facts(Meter::had_to_wait);
        "MMc" "c=10 lambda=8 mu=1" "mean wait Wq" [0] = Record(server_wait);
        "MMc" "c=10 lambda=8 mu=1" "p99 wait in queue" [0] = Record(server_wait_p99);
    mmc {"services.server.workers" => "10", RATE => "9.5/s", "run.duration" => "300000s"}
        "MMc" "c=10 lambda=9.5 mu=1" "P(wait)" [0] = Facts(Meter::had_to_wait);
        "MMc" "c=10 lambda=9.5 mu=1" "mean wait Wq" [0] = Facts(Meter::mean_wait);
    mmc {"services.server.workers" => "100", RATE => "95/s", "run.duration" => "50000s"}
        "MMc" "c=100 lambda=95 mu=1" "P(wait)" [0] = Facts(Meter::had_to_wait);
        "MMc" "c=100 lambda=95 mu=1" "mean wait Wq" [0] = Facts(Meter::mean_wait);
    mmc {"services.server.workers" => "5", RATE => "2.5/s"}
        "MMc-Brooker" "c=5 lambda=2.5 mu=1" "P(wait)" [0] = Facts(Meter::had_to_wait);
    mmc {"services.server.workers" => "10", RATE => "5/s"}
        "MMc-Brooker" "c=10 lambda=5 mu=1" "P(wait)" [0] = Facts(Meter::had_to_wait);
    erlang_b {"services.server.workers" => "1", RATE => "1/s"}
        "MMcc-ErlangB" "c=1 offered a=1, exponential service" "blocking probability" [0]
            = Record(loss);
    erlang_b {"services.server.workers" => "5", RATE => "5/s"}
        "MMcc-ErlangB" "c=5 offered a=5, exponential service" "blocking probability" [0]
            = Record(loss);
    erlang_b {"services.server.workers" => "10", RATE => "8/s"}
        "MMcc-ErlangB" "c=10 offered a=8, exponential service" "blocking probability" [0]
            = Record(loss);
    erlang_b {"services.server.workers" => "10", RATE => "5/s"}
        "MMcc-ErlangB" "c=10 offered a=5, exponential service" "blocking probability" [0]
            = Record(loss);
    erlang_b {"services.server.workers" => "100", RATE => "95/s"}
        "MMcc-ErlangB" "c=100 offered a=95, exponential service" "blocking probability" [0]
            = Record(loss);
    mm1k {"services.server.queue.capacity" => "4", RATE => "0.8/s"}
        "MM1K" "lambda=0.8 mu=1 K=5 (places incl. server)" "loss probability" [0] = Record(loss);
        "MM1K" "lambda=0.8 mu=1 K=5 (places incl. server)" "mean sojourn of accepted" [0]
            = Record(customers_mean);
    mm1k {"services.server.queue.capacity" => "9", RATE => "1/s"}
        "MM1K" "lambda=1 mu=1 K=10 (places incl. server)" "loss probability" [0] = Record(loss);
        "MM1K" "lambda=1 mu=1 K=10 (places incl. server)" "mean sojourn of accepted" [0]
            = Record(customers_mean);
    mm1k {"services.server.queue.capacity" => "4", RATE => "2/s"}
        "MM1K" "lambda=2 mu=1 K=5 (places incl. server)" "loss probability" [0] = Record(loss);
        "MM1K" "lambda=2 mu=1 K=5 (places incl. server)" "mean sojourn of accepted" [0]
            = Record(customers_mean);
    mmck {}
        "MMcK" "c=4 K=12 lambda=4.5 mu=1 (overload, bounded queue 8)" "loss probability" [0]
            = Record(loss);
        "MMcK" "c=4 K=12 lambda=4.5 mu=1 (overload, bounded queue 8)" "mean queueing wait of accepted" [0]
            = Record(server_wait);
    md1 {}
        "MD1" "lambda=0.8 S=1" "mean wait Wq" [0] = Record(server_wait);
        "MD1" "lambda=0.8 S=1" "P(Wq<=0)" [0] = Facts(|m| m.waited_at_most(0));
        "MD1" "lambda=0.8 S=1" "P(Wq<=1)" [0] = Facts(|m| m.waited_at_most(1));
        "MD1" "lambda=0.8 S=1" "P(Wq<=5)" [0] = Facts(|m| m.waited_at_most(2));
        "MD1" "lambda=0.8 S=1" "P(Wq<=10)" [0] = Facts(|m| m.waited_at_most(3));
        "MD1" "lambda=0.8 S=1" "p99 wait in queue" [0] = Record(server_wait_p99);
    md1 {RATE => "0.5/s"}
        "MD1" "lambda=0.5 S=1" "mean wait Wq" [0] = Record(server_wait);
    me4_1 {}
        "ME4-1" "lambda=0.8 Erlang-4 mean 1" "mean wait Wq" [0] = Record(server_wait);
    mh2_1 {}
        "MH2-1" "lambda=0.8 H2 balanced means, mean 1, scv=4" "mean wait Wq" [0]
            = Record(server_wait);
    mln1 {}
        "MLN1" "lambda=0.7 lognormal mean 1 scv=2 (sigma^2=ln3, mu=-ln3/2)" "mean wait Wq" [0]
            = Record(server_wait);
    tandem {}
        "tandem" "lambda=0.5, mu1=1, mu2=0.8 single servers" "mean end-to-end" [0]
            = Record(customers_mean);
        "tandem" "lambda=0.5, mu1=1, mu2=0.8 single servers" "p99 end-to-end" [0]
            = Record(customers_p99);
    jackson_feedback {}
        "jackson-feedback" "gamma=0.3 external, mu=1, repeat prob 0.5" "mean total sojourn" [0]
            = Record(customers_mean);
    mminf {}
        "MMinf" "lambda=20 mean hold 1 (any service law)" "mean number" [0]
            = Facts(Meter::mean_number);
        "MMinf" "lambda=20 mean hold 1 (any service law)" "variance of number" [0]
            = Facts(Meter::variance_of_number);
    forkjoin2 {RATE => "0.3/s"}
        "forkjoin2" "lambda=0.3 mu=1 two FIFO M/M/1 queues, join=max" "mean response" [0]
            = Record(customers_mean);
    forkjoin2 {RATE => "0.5/s"}
        "forkjoin2" "lambda=0.5 mu=1 two FIFO M/M/1 queues, join=max" "mean response" [0]
            = Record(customers_mean);
    forkjoin2 {RATE => "0.7/s"}
        "forkjoin2" "lambda=0.7 mu=1 two FIFO M/M/1 queues, join=max" "mean response" [0]
            = Record(customers_mean);
    forkjoin2 {RATE => "0.9/s", "run.duration" => "700000s"}
        "forkjoin2" "lambda=0.9 mu=1 two FIFO M/M/1 queues, join=max" "mean response" [0]
            = Record(customers_mean);
    forkjoin10 {RATE => "0.5/s"}
        "forkjoinN-approx" "n=10 lambda=0.5 mu=1" "mean response (APPROXIMATION, <5% error claimed)" [0]
            = Record(customers_mean);
    forkjoin10 {RATE => "0.8/s"}
        "forkjoinN-approx" "n=10 lambda=0.8 mu=1" "mean response (APPROXIMATION, <5% error claimed)" [0]
            = Record(customers_mean);
    forkjoin32 {RATE => "0.5/s"}
        "forkjoinN-approx" "n=32 lambda=0.5 mu=1" "mean response (APPROXIMATION, <5% error claimed)" [0]
            = Record(customers_mean);
    dm1 {}
        "DM1" "D arrivals rate 0.8, mu=1" "mean sojourn" [0] = Record(customers_mean);
    e2m1 {}
        "E2M1" "Erlang-2 arrivals rate 0.8 (=one of 2 servers behind round robin of Poisson 1.6), mu=1" "mean sojourn" [0]
            = Record(customers_mean);
    e2m1_round_robin {}
        "E2M1" "Erlang-2 arrivals rate 0.8 (=one of 2 servers behind round robin of Poisson 1.6), mu=1" "mean sojourn" [0]
            = Record(customers_mean);
    priority {}
        "priority-np" "two classes lambda=0.4 each, exp mean 1, 1 server, non-preemptive" "mean wait class 1 ; class 2" [0]
            = Record(|r| wait(r, "first", 1.0));
        "priority-np" "two classes lambda=0.4 each, exp mean 1, 1 server, non-preemptive" "mean wait class 1 ; class 2" [1]
            = Record(|r| wait(r, "second", 1.0));
        "priority-np" "any work-conserving order" "Kleinrock conservation: sum rho_i Wq_i = rho W0/(1-rho)" [0]
            = Record(wait_of_both_classes);
    lifo {}
        "priority-np" "any work-conserving order" "Kleinrock conservation: sum rho_i Wq_i = rho W0/(1-rho)" [0]
            = Record(|r| server_wait(r).map(0.8, 0.0));
    priority3 {}
        "priority-np3" "lambda=(.2,.3,.1) exp means (1,.8,2)" "mean waits" [0]
            = Record(|r| wait(r, "first", 1.0));
        "priority-np3" "lambda=(.2,.3,.1) exp means (1,.8,2)" "mean waits" [1]
            = Record(|r| wait(r, "second", 0.8));
        "priority-np3" "lambda=(.2,.3,.1) exp means (1,.8,2)" "mean waits" [2]
            = Record(|r| wait(r, "third", 2.0));
    closed_loop {"workloads.users.closed.users" => "10"}
        "closed-loop" "N=10 clients think Exp(mean 10), one exp server mean 1" "mean response ; throughput" [0]
            = Record(|r| sojourn(r, "users"));
        "closed-loop" "N=10 clients think Exp(mean 10), one exp server mean 1" "mean response ; throughput" [1]
            = Record(|r| Measured::of(r.workloads["users"].throughput));
    closed_loop {"workloads.users.closed.users" => "20"}
        "closed-loop" "N=20 clients think Exp(mean 10), one exp server mean 1" "mean response ; throughput" [0]
            = Record(|r| sojourn(r, "users"));
        "closed-loop" "N=20 clients think Exp(mean 10), one exp server mean 1" "mean response ; throughput" [1]
            = Record(|r| Measured::of(r.workloads["users"].throughput));
    closed_loop {"workloads.users.closed.users" => "50"}
        "closed-loop" "N=50 clients think Exp(mean 10), one exp server mean 1" "mean response ; throughput" [0]
            = Record(|r| sojourn(r, "users"));
        "closed-loop" "N=50 clients think Exp(mean 10), one exp server mean 1" "mean response ; throughput" [1]
            = Record(|r| Measured::of(r.workloads["users"].throughput));
    quorum {}
        "quorum" "5 replicas iid Exp(1), wait for 3rd" "mean ; p99" [0]
            = Record(|r| sojourn(r, "readers"));
        "quorum" "5 replicas iid Exp(1), wait for 3rd" "mean ; p99" [1]
            = Record(|r| seconds(r.workloads["readers"].latency_ms.p99));
    chain {}
        "chain" "3 serial Exp(1)" "p99" [0] = Record(callers_p99);
    fanout_max {}
        "fanout-max" "100 iid Exp(1)" "mean (H_100) ; p99" [0] = Record(|r| sojourn(r, "callers"));
        "fanout-max" "100 iid Exp(1)" "mean (H_100) ; p99" [1] = Record(callers_p99);
    tail_100 {}
        "tail-at-scale" "100 leaves, 1% slow" "P(request slow)" [0] = Facts(Meter::slow);
    tail_2000 {}
        "tail-at-scale" "2000 leaves, 0.01% slow" "P(request slow)" [0] = Facts(Meter::slow);
    token_bucket {"workloads.callers.arrivals.poisson.rate" => "2/s"}
        "token-bucket" "burst 1, refill r=1/s continuous, Poisson lambda=2/s" "accepted fraction" [0]
            = Record(callers_availability);
    token_bucket {"workloads.callers.arrivals.poisson.rate" => "0.5/s"}
        "token-bucket" "burst 1, refill r=1/s, Poisson lambda=0.5/s" "accepted fraction" [0]
            = Record(callers_availability);
    retries {"services.server.endpoints.serve.0.fail" => "0.1"}
        "retries" "iid failure p=0.1, 3 retries" "success ; load factor" [0]
            = Record(callers_availability);
        "retries" "iid failure p=0.1, 3 retries" "success ; load factor" [1] = Record(load_factor);
    retries {"services.server.endpoints.serve.0.fail" => "0.5"}
        "retries" "iid failure p=0.5, 3 retries" "success ; load factor" [0]
            = Record(callers_availability);
        "retries" "iid failure p=0.5, 3 retries" "success ; load factor" [1] = Record(load_factor);
    availability {}
        "availability" "MTBF 100 (exp), MTTR 10 (any law)" "steady availability" [0]
            = Record(callers_availability);
    mttf_1of2 {"run.replications" => "10000"}
        "MTTF" "2 units in parallel, f=.01 each, r=.1 repair, from all up" "mean time to both down" [0]
            = FirstPassage;
    mttf_2of3 {"run.replications" => "10000"}
        "MTTF" "2-of-3, f=.01, r=.1 (one repair at a time)" "mean time to <2 up" [0] = FirstPassage;
    inspection_paradox {}
        "inspection-paradox" "outage lognormal median 30, p99 600; Poisson callers" "mean outage (operator) ; length-weighted mean outage ; mean residual seen by arrival" [0]
            = Facts(Meter::mean_outage);
        "inspection-paradox" "outage lognormal median 30, p99 600; Poisson callers" "mean outage (operator) ; length-weighted mean outage ; mean residual seen by arrival" [1]
            = Facts(Meter::mean_outage_met);
        "inspection-paradox" "outage lognormal median 30, p99 600; Poisson callers" "mean outage (operator) ; length-weighted mean outage ; mean residual seen by arrival" [2]
            = Facts(Meter::mean_residual);
}

//! The command line.

use crate::quantities::{Length, Rate, Share, Vary};
use crate::shard::Shard;
use crate::variant::Variant;
use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use model::Set;
use std::path::PathBuf;
use study::Loss;
use study::compare::{Correction, Precision};

/// Shows how a microservice cluster weathers failure before it does.
#[derive(Parser, Debug)]
#[command(
    name = "stormglass",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 done, 1 a failure of stormglass or of the machine, 2 bad input, \
                  3 an objective missed under `--fail-on slo`, 4 a precision not reached, 130 \
                  interrupted."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run a model and show how it did.
    Run(RunArgs),
    /// Say what is wrong with model files, without running them.
    Check(CheckArgs),
    /// Run every cell of an experiment, and go on after a stop.
    Sweep(SweepArgs),
    /// Join the shards of a sweep into what one machine would have written.
    Merge(MergeArgs),
    /// Compare models, or settings of one, under the same random numbers.
    Compare(CompareArgs),
    /// Find the highest load that meets the objectives, and how latency grows on the way there.
    Capacity(CapacityArgs),
    /// Find from which load on a trigger that is over leaves a failure that stays.
    Stability(StabilityArgs),
    /// Follow single requests: the slowest that were answered, and some that failed.
    Trace(TraceArgs),
    /// Make one HTML file of what a command left in a folder: verdicts, charts, tables.
    Report(ReportArgs),
    /// Say why requests of a run failed: bursts, their roots, and the way from there to the user.
    Explain(ExplainArgs),
    /// Print the JSON Schema of model files, experiment files or what is written.
    Schema {
        /// Of what.
        #[arg(value_enum, default_value_t = SchemaOf::Model)]
        of: SchemaOf,
    },
    /// Write a commented model and an experiment to start from.
    New {
        /// The folder to write them into; it is made when it is not there.
        dir: PathBuf,
    },
    /// Print what a shell needs to complete commands, options and files.
    Completions {
        /// For which shell.
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print the manual page, or write one for each command.
    Man {
        /// The folder for the pages of all commands, such as `~/.local/share/man/man1`.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

/// What has a schema.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SchemaOf {
    /// Model files.
    Model,
    /// Experiment files.
    Experiment,
    /// What `run --format json` prints.
    Results,
    /// What `compare --format json` prints.
    Comparison,
    /// What `capacity --format json` prints.
    Capacity,
    /// What `stability --format json` prints.
    Stability,
    /// What `trace --format json` prints.
    Trace,
    /// What `explain --format json` prints.
    Explanation,
    /// What `sweep --dry-run --format json` prints.
    Plan,
    /// The `manifest.json` of a sweep.
    Manifest,
}

/// Options of `run`.
#[derive(clap::Args, Debug)]
pub(crate) struct RunArgs {
    /// The model file.
    pub(crate) file: PathBuf,

    /// Change a value of the model, such as `policies.browser.timeout=2s`; may be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(crate) sets: Vec<Set>,

    /// Another seed: the same as `--set run.seed=N`.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// How many independent replications: the same as `--set run.replications=N`.
    #[arg(long, value_name = "N")]
    pub(crate) replications: Option<u32>,

    /// Simulated time, warm-up included: the same as `--set run.duration=D`.
    #[arg(long, value_name = "D")]
    pub(crate) duration: Option<String>,

    /// What is cut off the front: the same as `--set run.warmup=D`.
    #[arg(long, value_name = "D")]
    pub(crate) warmup: Option<String>,

    /// How many threads; as many as the machine has cores by default. The results are the same.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,

    /// What to print. Text also writes files; JSON writes files only with `--out`.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,

    /// The folder for tables, charts and `result.json` [default: output/MODEL].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Run one replication up to this event and show what led there; a broken invariant names it.
    #[arg(long, value_name = "EVENT", conflicts_with_all = ["out", "fail_on", "format", "threads"])]
    pub(crate) until: Option<u64>,

    /// Which replication `--until` runs, counted from 0 [default: 0].
    #[arg(long, value_name = "N", requires = "until")]
    pub(crate) replication: Option<u32>,

    /// End with exit code 3 when an objective is missed.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) fail_on: Option<FailOn>,
}

impl RunArgs {
    /// All changes to the model. The short options come last: they win over `--set`.
    pub(crate) fn all_sets(&self) -> Vec<Set> {
        let short = [
            ("run.seed", self.seed.map(|n| n.to_string())),
            ("run.replications", self.replications.map(|n| n.to_string())),
            ("run.duration", self.duration.clone()),
            ("run.warmup", self.warmup.clone()),
        ];
        let short = short
            .into_iter()
            .filter_map(|(path, value)| Some(Set::new(path, value?)));
        self.sets.iter().cloned().chain(short).collect()
    }
}

/// What `run` prints.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// A page to be read.
    Text,
    /// One object, as `schema results` describes it.
    Json,
}

/// What makes a run end with an exit code of its own.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FailOn {
    /// An objective under `slo` was missed.
    Slo,
}

/// Options of `sweep`.
#[derive(clap::Args, Debug)]
pub(crate) struct SweepArgs {
    /// The experiment file.
    pub(crate) file: PathBuf,

    /// Say what would be run and about how long it would take, and run nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// How many threads; as many as the machine has cores by default. The results are the same.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,

    /// The folder for the tables and for what is finished [default: output/EXPERIMENT].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Run one part of N only, for `merge` to join: `3/8`, or `auto/8` in a job of Slurm or Kubernetes.
    #[arg(long, value_name = "I/N", conflicts_with = "dry_run")]
    pub(crate) shard: Option<Shard>,

    /// What `--dry-run` prints; JSON is a plan for drivers.
    #[arg(long, value_enum, default_value_t = Format::Text, requires = "dry_run")]
    pub(crate) format: Format,

    /// How many tasks the plan has [default: one for each cell, at most 1000].
    #[arg(long, value_name = "N", requires = "dry_run")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) shards: Option<u32>,
}

/// Options of `merge`.
#[derive(clap::Args, Debug)]
pub(crate) struct MergeArgs {
    /// The folders in which shards were written; one may have several.
    #[arg(required = true, value_name = "DIR")]
    pub(crate) folders: Vec<PathBuf>,

    /// The folder for the tables; it may be one of the others.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

/// Options of `explain`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  stormglass run models/checkout.yaml
  stormglass explain output/checkout
  stormglass explain output/checkout --format json")]
pub(crate) struct ExplainArgs {
    /// The folder that `stormglass run` wrote.
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,

    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// Options of `compare`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  stormglass compare shop.yaml shop-with-hedges.yaml
  stormglass compare shop.yaml --with policies.pay.retry.attempts=1
  stormglass compare shop.yaml --with 'none: policies.pay.retry.attempts=1' \\
      --with 'many: policies.pay.retry.attempts=5; policies.pay.timeout=1s'")]
pub(crate) struct CompareArgs {
    /// The model files; the others are compared with the first.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Compare the first model with itself as changed by this; several changes are parted by `;`;
    /// may be repeated.
    #[arg(long = "with", value_name = "[NAME:] PATH=VALUE")]
    pub(crate) with: Vec<Variant>,

    /// Change a value in all of them; may be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(crate) sets: Vec<Set>,

    /// How many pairs of replications; at first, with `--precision` [default: the first model's
    /// `run.replications`, or 10].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub(crate) replications: Option<u32>,

    /// What to compare, such as `shoppers.latency.p99`; may be repeated [default: availability, p50,
    /// p99 and throughput of every workload].
    #[arg(long = "metric", value_name = "METRIC")]
    pub(crate) metrics: Vec<String>,

    /// Go on until the interval of this metric's difference is so narrow: `shoppers.latency.p99=5ms`,
    /// `shoppers.availability=0.1%`. Ends with exit code 4 when it is not reached.
    #[arg(long, value_name = "METRIC=HALF-WIDTH")]
    pub(crate) precision: Option<Precision>,

    /// At most so many pairs, with `--precision`.
    #[arg(long, value_name = "N", default_value_t = 200, requires = "precision",
          value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub(crate) max_replications: u32,

    /// How the error of all verdicts together is kept at 5 %.
    #[arg(long, value_enum, default_value_t = CorrectionArg::Holm)]
    pub(crate) correction: CorrectionArg,

    /// The seed of all of them [default: the first model's].
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// How many threads; as many as the machine has cores by default. The results are the same.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,

    /// What to print. Text also writes files; JSON writes files only with `--out`.
    #[arg(long, value_enum, default_value_t = CompareFormat::Text)]
    pub(crate) format: CompareFormat,

    /// The folder for tables and chart [default: output/B-against-A].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// Options of `capacity`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  stormglass capacity shop.yaml
  stormglass capacity shop.yaml --workload shoppers --without node:a-1 --without zone:a
  stormglass capacity shop.yaml --set policies.pay.retry.attempts=1 --within 1%")]
pub(crate) struct CapacityArgs {
    /// The model file; it has objectives under `slo`.
    pub(crate) file: PathBuf,

    /// Whose load is varied; may be left out where only one workload has a rate.
    #[arg(long, value_name = "NAME")]
    pub(crate) workload: Option<String>,

    /// Change a value of the model; may be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(crate) sets: Vec<Set>,

    /// Also the capacity without this: `node:a-1`, `zone:a`, `instance:pay-1`, `service:mail`, or
    /// several at once, joined by commas; may be repeated.
    #[arg(long, value_name = "PLACE")]
    pub(crate) without: Vec<Loss>,

    /// Leave the model's own faults out.
    #[arg(long)]
    pub(crate) calm: bool,

    /// How narrow the interval of the capacity shall be, as a share of it, such as `1%`. Ends with
    /// exit code 4 when that is not reached [default: 2%, and no exit code].
    #[arg(long, value_name = "SHARE")]
    pub(crate) within: Option<Share>,

    /// How many replications of each load at first.
    #[arg(long, value_name = "N", default_value_t = 8,
          value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub(crate) replications: u32,

    /// At most so many where a load is close to the capacity.
    #[arg(long, value_name = "N", default_value_t = 64,
          value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub(crate) max_replications: u32,

    /// How many loads the curve has, beside those of the search.
    #[arg(long, value_name = "N", default_value_t = 12,
          value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) points: u32,

    /// Another seed [default: the model's].
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// How many threads; as many as the machine has cores by default. The results are the same.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,

    /// What to print. Text also writes files; JSON writes files only with `--out`.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,

    /// The folder for the table and the charts [default: output/MODEL-capacity].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// Options of `stability`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  stormglass stability shop.yaml
  stormglass stability shop.yaml --load 100/s,200/s,300/s --trigger 1s,10s,60s
  stormglass stability shop.yaml --vary policies.browser.retry.attempts=1,2,3")]
pub(crate) struct StabilityArgs {
    /// The model file; its faults are the trigger.
    pub(crate) file: PathBuf,

    /// Whose load is varied, and whose requests are watched; may be left out where only one workload
    /// has a rate.
    #[arg(long, value_name = "NAME")]
    pub(crate) workload: Option<String>,

    /// Change a value of the model; may be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(crate) sets: Vec<Set>,

    /// The loads of the map, such as `100/s,200/s` [default: evenly up to the capacity].
    #[arg(long, value_name = "RATE,…", value_delimiter = ',')]
    pub(crate) load: Vec<Rate>,

    /// How many loads the map has when none are named.
    #[arg(long, value_name = "N", default_value_t = 10, conflicts_with = "load",
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) points: u32,

    /// How long the faults last, such as `1s,10s,60s` [default: as the model says].
    #[arg(long, value_name = "DURATION,…", value_delimiter = ',')]
    pub(crate) trigger: Vec<Length>,

    /// A map for each value of a setting.
    #[arg(long, value_name = "PATH=VALUE,…")]
    pub(crate) vary: Option<Vary>,

    /// How many replications of each place of the map.
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) replications: u32,

    /// The least share of requests that a healthy system answers.
    #[arg(long, value_name = "SHARE", default_value = "90%")]
    pub(crate) healthy: Share,

    /// How narrow the interval of a boundary shall be, as a share of the load.
    #[arg(long, value_name = "SHARE", default_value = "5%")]
    pub(crate) within: Share,

    /// Another seed [default: the model's].
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// How many threads; as many as the machine has cores by default. The results are the same.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,

    /// What to print. Text also writes files; JSON writes files only with `--out`.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,

    /// The folder for the table and the map [default: output/MODEL-stability].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// Options of `trace`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  stormglass trace shop.yaml
  stormglass trace shop.yaml --slowest 1 --failed 0
  stormglass trace shop.yaml --workload shoppers --set policies.pay.retry.attempts=1")]
pub(crate) struct TraceArgs {
    /// The model file.
    pub(crate) file: PathBuf,

    /// How many of the slowest that were answered.
    #[arg(long, value_name = "N", default_value_t = 5,
          value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) slowest: u32,

    /// How many that failed: of each kind of failure, and from the whole run.
    #[arg(long, value_name = "N", default_value_t = 5,
          value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) failed: u32,

    /// Only requests of this workload.
    #[arg(long, value_name = "NAME")]
    pub(crate) workload: Option<String>,

    /// Change a value of the model; may be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(crate) sets: Vec<Set>,

    /// Another seed: the same as `--set run.seed=N`.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// Which replication, counted from 0.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) replication: u32,

    /// What to print. Text also writes files; JSON writes files only with `--out`.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,

    /// The folder for `traces.otlp.json` and `traces.chrome.json` [default: output/MODEL-trace].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

impl TraceArgs {
    /// All changes to the model; the seed comes last.
    pub(crate) fn all_sets(&self) -> Vec<Set> {
        let seed = self.seed.map(|n| Set::new("run.seed", n.to_string()));
        self.sets.iter().cloned().chain(seed).collect()
    }
}

/// What `compare` prints.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CompareFormat {
    /// A page to be read.
    Text,
    /// One object, as `schema comparison` describes it.
    Json,
}

/// How many verdicts are kept right together.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CorrectionArg {
    /// Holm's step-down procedure.
    Holm,
    /// Bonferroni's, which finds less, and agrees with the intervals.
    Bonferroni,
}

impl From<CorrectionArg> for Correction {
    fn from(arg: CorrectionArg) -> Self {
        match arg {
            CorrectionArg::Holm => Self::Holm,
            CorrectionArg::Bonferroni => Self::Bonferroni,
        }
    }
}

/// Options of `report`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  stormglass report output/checkout
  stormglass report output/checkout --title 'Checkout, week 12' --out review.html")]
pub(crate) struct ReportArgs {
    /// The folder that `run`, `sweep`, `compare`, `capacity` or `stability` wrote.
    pub(crate) dir: PathBuf,

    /// The file to write [default: DIR/report.html].
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// What the report is called [default: the name of the model or of the experiment].
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,
}

/// Options of `check`.
#[derive(clap::Args, Debug)]
pub(crate) struct CheckArgs {
    /// Take warnings for mistakes: end with exit code 2 when there are any.
    #[arg(long)]
    pub(crate) strict: bool,

    /// The model files.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

//! The binary `stormglass`: arguments in, exit code out. What it does is done by the other crates;
//! this one wires them together and talks to the terminal.

mod args;
mod capacity;
mod check;
mod compare;
mod ending;
mod explain;
mod implementations;
mod manual;
mod merge;
mod new;
mod program;
mod progress;
mod quantities;
mod report;
mod run;
mod shard;
mod stability;
mod sweep;
mod terminal;
mod trace;
mod variant;

use args::{Args, Command, SchemaOf};
use clap::Parser;
use ending::Ending;
use std::process::ExitCode;

fn main() -> ExitCode {
    let ending = match Args::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::check(&args),
        Command::Sweep(args) => sweep::sweep(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Capacity(args) => capacity::capacity(&args),
        Command::Stability(args) => stability::stability(&args),
        Command::Trace(args) => trace::trace(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Merge(args) => merge::merge(&args),
        Command::Report(args) => report::report(&args),
        Command::Schema { of } => schema(of),
        Command::New { dir } => new::new(&dir),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { out } => manual::man(out.as_deref()),
    };
    ending.unwrap_or_else(Ending::from).report()
}

fn schema(of: SchemaOf) -> Result<Ending, terminal::Unwritable> {
    let schema = match of {
        SchemaOf::Model => model::schema(),
        SchemaOf::Experiment => model::experiment_schema(),
        SchemaOf::Results => study::results_schema(),
        SchemaOf::Comparison => study::comparison_schema(),
        SchemaOf::Capacity => study::capacity_schema(),
        SchemaOf::Stability => study::stability_schema(),
        SchemaOf::Trace => study::trace_schema(),
        SchemaOf::Explanation => study::explain::schema(),
        SchemaOf::Plan => study::sweep::plan_schema(),
        SchemaOf::Manifest => study::sweep::manifest_schema(),
    };
    terminal::print(schema.trim_end())?;
    terminal::print("\n")?;
    Ok(Ending::Done)
}

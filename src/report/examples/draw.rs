//! Draws the charts of an output folder again, without running anything, and says how long it took:
//! `cargo run --release -p stormglass-report --example draw output/checkout`.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "how long it took is what it says"
)]

use std::path::PathBuf;
use std::time::Instant;
use stormglass_report::chart::{self, Chart};
use study::folder::{Found, read};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or("draw what? Name an output folder")?;
    let found = read(&folder)?;
    let start = Instant::now();
    let charts: Vec<Chart> = match &found {
        Found::Run(run) => chart::all(&run.record)?,
        Found::Sweep(sweep) => chart::sweep(&sweep.outline, &sweep.record)?,
        Found::Comparison(record) => vec![chart::differences(record)?],
        Found::Capacity(record) => chart::capacity(record)?,
        Found::Stability(record) => vec![chart::stability(record)?],
    };
    println!("{} charts in {:.2?}", charts.len(), start.elapsed());
    for chart in charts {
        let (svg, png) = (chart.svg.len() / 1024, chart.png.len() / 1024);
        println!("  {}: {svg} KiB as SVG, {png} KiB as PNG", chart.stem());
        std::fs::write(folder.join(chart.stem() + ".svg"), &chart.svg)?;
        std::fs::write(folder.join(chart.stem() + ".png"), &chart.png)?;
    }
    Ok(())
}

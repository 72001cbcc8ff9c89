//! About how long a sweep will take, measured by short pilots of a few of its cells.

use super::outline::Cell;
use super::plan::SweepPlan;
use crate::progress::Progress;
use crate::run::Options;
use crate::stopwatch::Stopwatch;
use crate::trial::Trials;
use model::Warmup;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Cells that are tried, spread over the plan.
const PILOTS: usize = 5;
/// For each of them; one that is not done by then is taken to go on at the same speed.
const PATIENCE: Duration = Duration::from_millis(400);

/// Seconds of one core, over all cells that are left.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Forecast {
    /// When every cell stops after its least number of replications.
    pub least_s: f64,
    /// When every cell goes on to its greatest.
    pub most_s: f64,
}

/// Runs parts of a few of the cells; takes two seconds at most. `None` when there are no cells, or
/// when they are so slow that nothing was measured.
pub fn forecast(plan: &SweepPlan, cells: &[&Cell], options: &Options) -> Option<Forecast> {
    let pilots = cells.len().min(PILOTS);
    // The middles of equal parts of the plan.
    let places = (0..pilots).map(|i| (2 * i + 1) * cells.len() / (2 * pilots));
    let speeds: Vec<f64> = places
        .filter_map(|place| seconds_per_second(plan, cells[place], options))
        .collect();
    if speeds.is_empty() {
        return None;
    }
    let speed = speeds.iter().sum::<f64>() / speeds.len() as f64;
    let total = |replications: u32| {
        let of_cell = |cell: &&Cell| {
            let run = &plan.models[cell.index].run;
            // `auto` simulates once more to find the warm-up.
            let extra = u32::from(run.warmup == Warmup::Auto);
            run.duration.as_secs_f64() * f64::from(replications + extra)
        };
        cells.iter().map(of_cell).sum::<f64>() * speed
    };
    Some(Forecast {
        least_s: total(plan.replications.min),
        most_s: total(plan.replications.max),
    })
}

/// Seconds of a core for a simulated second.
fn seconds_per_second(plan: &SweepPlan, cell: &Cell, options: &Options) -> Option<f64> {
    let progress = Progress::new();
    let watch = Stopwatch::start();
    thread::scope(|scope| {
        let (done, waiting) = channel::<()>();
        let progress = &progress;
        scope.spawn(move || {
            if waiting.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                progress.stop();
            }
        });
        // That it was stopped says nothing new: how far it came is what counts.
        if let Ok(trials) = Trials::new(&plan.models[cell.index], options, progress) {
            let _ = trials.run(0);
        }
        drop(done);
    });
    let simulated = progress.simulated().as_secs_f64();
    (simulated > 0.0).then(|| watch.seconds() / simulated)
}

//! Doing a study while the user watches: a bar for the eye, an interrupt for the hand.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Once};
use std::thread;
use std::time::Duration;
use study::Progress;

/// How often the bar moves.
const BEAT: Duration = Duration::from_millis(100);
/// The parts that the bar is made of.
const PARTS: u64 = 10_000;

/// Lets the first interrupt stop the study, so that what was measured is kept, and a second one
/// end the program at once.
///
/// # Errors
/// When the operating system refuses.
pub(crate) fn stop_on_interrupt(progress: &Arc<Progress>) -> Result<(), String> {
    let progress = Arc::clone(progress);
    let told = Once::new();
    ctrlc::set_handler(move || {
        if progress.is_stopped() {
            std::process::exit(130);
        }
        progress.stop();
        told.call_once(|| {
            if io::stderr().is_terminal() {
                eprintln!("\nstopping; interrupt again to end at once");
            }
        });
    })
    .map_err(|error| format!("cannot watch for interrupts: {error}"))
}

/// Does the work while a bar on standard error follows it, if that is a terminal.
pub(crate) fn watched<T>(progress: &Progress, work: impl FnOnce() -> T) -> T {
    if !io::stderr().is_terminal() {
        return work();
    }
    thread::scope(|scope| {
        let (done, waiting) = channel::<()>();
        scope.spawn(move || {
            let mut bar = None;
            while waiting.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
                // Short runs end before a bar would say anything.
                let bar = bar.get_or_insert_with(bar_of_simulated_time);
                bar.set_position((progress.fraction() * PARTS as f64) as u64);
                bar.set_message(match progress.cells() {
                    (_, 0) => {
                        let seconds = progress.simulated().as_nanos() / 1_000_000_000;
                        format!("{seconds} s simulated")
                    }
                    (finished, all) => format!("{finished} of {all} cells"),
                });
            }
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
        });
        let result = work();
        // The bar is gone before anything else is written; dropping it also ends the wait when the
        // work panics.
        drop(done);
        result
    })
}

fn bar_of_simulated_time() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(PARTS), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{wide_bar} {percent:>3} %  {msg}  {eta} left");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

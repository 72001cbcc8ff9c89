//! When faults began and were over, in bounded memory.

use clock::Instant;

/// Spans of faults that are kept: a chart shows no more, and a fault may come again for ever.
const MOST_FAULT_SPANS: usize = 500;

/// When faults were there.
#[derive(Default)]
pub(crate) struct FaultLog {
    spans: Vec<(usize, Instant, Instant)>,
}

impl FaultLog {
    pub(crate) fn set(&mut self, now: Instant, fault: usize, active: bool) {
        if !active {
            let open = self
                .spans
                .iter_mut()
                .rev()
                .find(|(f, _, to)| *f == fault && *to == Instant::NEVER);
            if let Some((_, _, to)) = open {
                *to = now;
            }
        } else if self.spans.len() < MOST_FAULT_SPANS {
            self.spans.push((fault, now, Instant::NEVER));
        }
    }

    pub(crate) fn finish(mut self, end: Instant) -> Vec<(usize, Instant, Instant)> {
        for (_, _, to) in &mut self.spans {
            *to = (*to).min(end);
        }
        self.spans
    }
}

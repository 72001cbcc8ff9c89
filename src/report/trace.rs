//! Single requests: as OTLP/JSON for Jaeger and its like, as a Chrome trace for Perfetto, and as a
//! waterfall in the terminal.

mod bars;
mod chrome;
mod lanes;
mod otlp;
mod page;
mod rows;
mod words;

use crate::File;
pub use page::trace_page;
use study::trace::record::Traces;

/// The traces in the two formats that other tools read.
pub fn trace_files(traces: &Traces) -> Vec<File> {
    vec![
        File {
            name: "traces.otlp.json".into(),
            bytes: otlp::json(traces),
        },
        File {
            name: "traces.chrome.json".into(),
            bytes: chrome::json(traces),
        },
    ]
}

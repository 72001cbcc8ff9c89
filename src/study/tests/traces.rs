//! Every model of the project, with requests of it followed: what is told of them hangs together.

use model::Set;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use stormglass_study::Progress;
use stormglass_study::trace::record::{Kind, Trace};
use stormglass_study::trace::{TraceOptions, trace};

/// The storm that a model was made for is in it.
const DURATION: &str = "150s";

fn traces_of(name: &str) -> Vec<Trace> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let file = folder.join(name).with_extension("yaml");
    let sets = [
        Set::new("run.duration", DURATION),
        Set::new("run.warmup", "5s"),
    ];
    let loaded = match model::load(&file, &sets) {
        Ok(loaded) => loaded,
        Err(report) => panic!("{}", report.render(100, false)),
    };
    let options = TraceOptions {
        slowest: 3,
        failed: 6,
        replication: 0,
        workload: None,
    };
    let found = trace(&loaded.model, &options, &Progress::new()).unwrap();
    assert!(!found.traces.is_empty(), "{name}");
    found.traces
}

fn sound(name: &str, trace: &Trace) {
    let spans = &trace.spans;
    assert_eq!(spans[0].length_ns(), trace.latency_ns, "{name}");
    let spent: u64 = trace.spent.iter().map(|spent| spent.ns).sum();
    assert_eq!(spent, trace.latency_ns, "{name}");
    for (index, span) in spans.iter().enumerate() {
        assert_eq!(span.parent.is_none(), index == 0, "{name}: {span:?}");
        let Some(above) = span.parent.map(|parent| &spans[parent as usize]) else {
            continue;
        };
        assert!(above.start_ns <= span.start_ns, "{name}: {span:?}");
        assert!(
            span.end_ns <= above.end_ns || span.kind.may_outlive(),
            "{name}: {span:?} in {above:?}"
        );
        let below = spans.iter().filter(|s| s.parent == Some(index as u32));
        let hedged = below.clone().any(|span| span.hedge);
        let mut steps: Vec<_> = below
            .filter(|s| !s.outlives_parent && s.kind != Kind::Branch && !hedged)
            .filter(|s| s.kind != Kind::Participate && s.kind != Kind::Consume)
            .collect();
        steps.sort_by_key(|span| (span.start_ns, span.end_ns));
        for pair in steps.windows(2) {
            assert!(
                pair[0].end_ns <= pair[1].start_ns,
                "{name}: {:?} and {:?}",
                pair[0],
                pair[1]
            );
        }
    }
}

#[test]
fn what_is_told_of_requests_hangs_together_in_every_model() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let mut kinds = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        for trace in traces_of(&name) {
            sound(&name, &trace);
            kinds.extend(trace.spans.iter().map(|span| span.kind));
        }
    }
    // The models have nearly everything that a request can meet.
    for kind in [
        Kind::Call,
        Kind::Attempt,
        Kind::Serve,
        Kind::Consume,
        Kind::Participate,
        Kind::Branch,
        Kind::Network,
        Kind::Queue,
        Kind::Work,
        Kind::Leader,
        Kind::Rest,
        Kind::Publish,
        Kind::Transaction,
        Kind::Replicate,
    ] {
        assert!(kinds.contains(&kind), "{kind:?}");
    }
}

//! Names that try to be more than text, in every place that a name can have.

use super::{About, html};
use crate::fixture;
use proptest::prelude::*;
use std::collections::BTreeMap;
use study::folder::{Found, RunFolder, RunManifest};
use study::record::RunRecord;
use study::sweep::{Program, Source};

/// The record with every name changed, wherever it stands.
fn renamed(mut record: RunRecord, evil: &str) -> RunRecord {
    fn keys<T>(map: BTreeMap<String, T>, evil: &str) -> BTreeMap<String, T> {
        let renamed = map
            .into_iter()
            .map(|(name, value)| (format!("{name}{evil}"), value));
        renamed.collect()
    }
    record.model.push_str(evil);
    record.workloads = keys(record.workloads, evil);
    record.services = keys(record.services, evil);
    record.calls = keys(record.calls, evil);
    record.transactions = keys(record.transactions, evil);
    record.series.workloads = keys(record.series.workloads, evil);
    record.series.services = keys(record.series.services, evil);
    record.series.edges = keys(record.series.edges, evil);
    record.series.breakers = keys(record.series.breakers, evil);
    for objective in &mut record.slo {
        objective.workload.push_str(evil);
    }
    for fault in &mut record.series.faults {
        fault.label.push_str(evil);
    }
    for node in &mut record.topology.nodes {
        node.name.push_str(evil);
    }
    for link in &mut record.topology.links {
        for edge in &mut link.edges {
            edge.push_str(evil);
        }
    }
    record.warnings.push(evil.to_owned());
    record
}

fn report(record: RunRecord, text: &str) -> String {
    let run = RunFolder {
        record,
        manifest: RunManifest {
            manifest_format: 1,
            command: text.to_owned(),
            program: Program {
                version: text.to_owned(),
                hash: String::new(),
            },
            model: Source {
                file: text.to_owned(),
                sha256: String::new(),
            },
            set: Vec::new(),
            seed: 1,
            replications: 1,
        },
        model: text.to_owned(),
    };
    let about = About {
        title: None,
        manifest: Some(text.to_owned()),
    };
    html(&Found::Run(Box::new(run)), &about)
}

/// What opens an element or ends one, of all elements, in order.
fn tags(page: &str) -> Vec<&str> {
    let tags = page.match_indices('<').map(|(at, _)| {
        let rest = &page[at + 1..];
        let end = rest.find([' ', '>', '\n', '"']).unwrap_or(rest.len());
        &rest[..end]
    });
    tags.collect()
}

#[test]
fn the_same_record_gives_the_same_bytes() {
    let page = || report(fixture::checkout(), "name: shop");
    assert_eq!(page(), page());
}

#[test]
fn a_run_that_measured_nothing_has_a_report() {
    let page = report(fixture::empty(), "");
    assert!(page.contains("No objective was set"));
}

#[test]
fn a_crowd_of_workloads_has_a_report() {
    let page = report(fixture::crowded(12), "");
    assert!(page.contains("number-11"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_name_becomes_an_element_or_an_attribute(
        evil in prop_oneof![
            "[<>\"'&/=a-z !\u{2028}-]{1,24}",
            Just("\"><svg onload=alert(1)>".to_owned()),
            Just("</script><script>alert(1)</script>".to_owned()),
            Just("</style><!--".to_owned()),
        ],
    ) {
        // The same names, tame: as many letters, so that the same things are drawn.
        let tame: String = evil.chars().map(|_| 'x').collect();
        let page = report(renamed(fixture::checkout(), &evil), &evil);
        let plain = report(renamed(fixture::checkout(), &tame), &tame);
        prop_assert_eq!(tags(&page), tags(&plain));
        let quotes = |page: &str| page.split("<script").next().map(|p| p.matches('"').count());
        prop_assert_eq!(quotes(&page), quotes(&plain));
        let data = page.split("type=\"application/json\">").nth(1).unwrap();
        let data = data.split("</script>").next().unwrap();
        prop_assert!(serde_json::from_str::<serde_json::Value>(data).is_ok());
    }
}

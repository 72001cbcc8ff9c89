//! Limits, files, and other edges of a model.

use crate::{around_layers, around_service, around_source, around_steps, complaint, model};
use stormglass_model::{Distribution, Step, Warmup, load};

#[test]
fn limits_keep_a_model_from_eating_the_machine() {
    let nested = |depth: usize| {
        let (open, close) = ("[{repeat: {times: 1, steps: ", "}}]");
        around_steps(&format!("{}[]{}", open.repeat(depth), close.repeat(depth)))
    };
    model(&nested(32));
    assert!(complaint(&nested(33)).contains("nested more than 32 deep"));
    let many = |count: usize| around_steps(&format!("[{}]", "{fail: 0}, ".repeat(count)));
    model(&many(100_000));
    assert!(complaint(&many(100_001)).contains("more than 100000 steps"));
    assert!(
        complaint(&format!(
            "run: {{duration: 87601h}}\n{}",
            around_steps("[]")
        ))
        .contains("ten years")
    );
    for (text, words) in [
        (around_service("instances: 10001"), "1 to 10000"),
        (around_service("workers: 1000001"), "1 to 1000000"),
        (around_source("closed: {users: 10000001}"), "1 to 10000000"),
        (around_source("batch: {size: 10000001}"), "1 to 10000000"),
        (
            around_source("arrivals: {renewal: 0s}"),
            "must not always be 0",
        ),
        (
            around_steps("[{compute: {erlang: {k: 10001, mean: 1ms}}}]"),
            "1 to 10000",
        ),
        (
            around_steps("[{repeat: {times: 1000001, steps: []}}]"),
            "0 to 1000000",
        ),
        (around_layers("[{retry: {attempts: 101}}]"), "1 to 100"),
        (around_layers("[{timeout: 0s}]"), "must not always be 0"),
        (
            format!("run: {{replications: 1000001}}\n{}", around_steps("[]")),
            "1 to 1000000",
        ),
    ] {
        let told = complaint(&text);
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn files_are_read_from_the_folder_of_the_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = around_steps("[{compute: {empirical: {file: data/t.csv, column: ms, unit: ms}}}]");
    std::fs::write(folder.path().join("mine.yaml"), text).expect("written");
    std::fs::create_dir(folder.path().join("data")).expect("made");
    std::fs::write(folder.path().join("data/t.csv"), "ms\n7\n").expect("written");
    let loaded = load(&folder.path().join("mine.yaml"), &[]).expect("a model");
    assert_eq!(loaded.model.name, "mine");
    assert_eq!(
        loaded.model.services[0].endpoints[0].steps,
        [Step::Compute(Distribution::Empirical(vec![7e6]))]
    );

    std::fs::write(folder.path().join("latin.yaml"), b"name: caf\xe9\n").expect("written");
    let report = load(&folder.path().join("latin.yaml"), &[]).expect_err("not UTF-8");
    assert!(
        report.to_string().contains("it is not UTF-8 (line 1)"),
        "{report}"
    );
    let report = load(&folder.path().join("none.yaml"), &[]).expect_err("no such file");
    assert!(
        report
            .to_string()
            .contains("none.yaml:1:1: the file cannot be read"),
        "{report}"
    );
}

#[test]
fn warmup_may_be_left_to_the_statistics() {
    let text = format!("run: {{warmup: auto}}\n{}", around_steps("[]"));
    assert_eq!(model(&text).run.warmup, Warmup::Auto);
}

#[test]
fn anchors_aliases_and_a_byte_order_mark_are_read() {
    let text = "\u{feff}policies: {p: &usual [{timeout: 1s}], q: *usual}\n".to_owned()
        + &around_steps("[]");
    let model = model(&text);
    assert_eq!(model.policies[0].config, model.policies[1].config);
}

//! `report`: what it reads, what it writes, and what it says of folders that are none.

use assert_cmd::Command;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const TINY: &str = "
# </script><b>
name: tiny
run: {duration: 3s}
slo: {availability: 99%}
services: {s: {endpoints: {e: [{compute: 1ms}]}}}
workloads: {users: {target: s.e, arrivals: {deterministic: {rate: 100/s}}}}
";

fn with_model() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("tiny.yaml"), TINY).unwrap();
    dir
}

/// A folder with a run in `out`.
fn with_run() -> TempDir {
    let dir = with_model();
    stormglass(dir.path(), &["run", "tiny.yaml", "--out", "out"], 0);
    dir
}

/// What it printed, and what it complained of.
fn stormglass(dir: &Path, args: &[&str], code: i32) -> (String, String) {
    let mut command = Command::cargo_bin("stormglass").unwrap();
    let done = command
        .current_dir(dir)
        .env_clear()
        .args(args)
        .assert()
        .code(code);
    let output = done.get_output();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_report_is_beside_what_it_reports_or_where_it_is_asked_for() {
    let dir = with_run();
    let (said, _) = stormglass(dir.path(), &["report", "out"], 0);
    assert_eq!(said, "out/report.html\n");
    let page = fs::read_to_string(dir.path().join("out/report.html")).unwrap();
    assert!(page.contains("<title>tiny</title>") && page.contains("The objective is met"));
    // The model is shown, and is not part of the page.
    assert!(page.contains("# &lt;/script&gt;&lt;b&gt;") && !page.contains("<b>\n"));
    assert!(page.contains("stormglass run tiny.yaml"));
    let (said, _) = stormglass(
        dir.path(),
        &["report", "out", "--out", "a/b.html", "--title", "tiny"],
        0,
    );
    assert_eq!(said, "a/b.html\n");
    // The same folder gives the same bytes.
    let again = fs::read_to_string(dir.path().join("a/b.html")).unwrap();
    assert_eq!(again, page);
}

#[test]
fn a_folder_of_nothing_is_bad_input_and_leaves_nothing() {
    let dir = with_model();
    for (folder, why) in [
        ("nowhere", "there is no such folder"),
        (".", "none of result.json"),
        ("tiny.yaml", "it is not a folder"),
    ] {
        let (_, complaint) = stormglass(dir.path(), &["report", folder], 2);
        assert!(complaint.contains(why), "{complaint}");
        assert!(complaint.contains("stormglass run FILE"), "{complaint}");
    }
    assert!(!dir.path().join("report.html").exists());
}

#[test]
fn what_cannot_be_read_or_written_is_refused_with_a_way_out() {
    let dir = with_run();
    let (_, complaint) = stormglass(dir.path(), &["report", "out", "--out", "."], 2);
    assert!(complaint.contains("names no file"), "{complaint}");
    assert!(complaint.contains("report.html"), "{complaint}");
    // As an older version left it.
    fs::remove_file(dir.path().join("out/details.json")).unwrap();
    let (_, complaint) = stormglass(dir.path(), &["report", "out"], 2);
    assert!(complaint.contains("details.json"), "{complaint}");
    assert!(complaint.contains("stormglass run"), "{complaint}");
    assert!(!dir.path().join("out/report.html").exists());
}

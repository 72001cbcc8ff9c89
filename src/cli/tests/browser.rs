//! Reports in a real browser: they are drawn, they answer to mouse and keyboard, they complain of
//! nothing and ask no network for anything, in light and in dark.
//!
//! Where no Chromium is installed there is nothing to be tested with, and the tests say so.

#![cfg(unix)] // the browser is spoken to over named pipes

#[path = "browser/devtools.rs"]
mod devtools;

use assert_cmd::Command;
use devtools::{Browser, chromium};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A shop whose back end is slow for a while; its text tries to be a page of its own.
const SHOP: &str = "
# </script><script>document.title = 'taken'</script> <img src=x onerror=\"document.title='taken'\">
name: shop
run: {duration: 40s, warmup: 2s, seed: 3, replications: 2}
slo: {availability: 99.9%, latency: {p99: 1s}}
policies:
  client: [{retry: {attempts: 2, backoff: 5ms, jitter: none}}, {timeout: 40ms}]
services:
  front: {workers: 8, threading: async, endpoints: {get: [{compute: 1ms}, {call: back.get, policy: client}]}}
  back: {workers: 2, queue: {capacity: 20}, endpoints: {get: [{compute: {exponential: {mean: 5ms}}}]}}
  mail: {endpoints: {send: [{compute: 2ms}]}}
workloads:
  users: {target: front.get, arrivals: {poisson: {rate: 100/s}}}
  robots: {target: front.get, arrivals: {poisson: {rate: 20/s}}}
  letters: {target: mail.send, arrivals: {poisson: {rate: 9/s}}}
faults:
  - {at: 10s, for: 5s, slow: {service: back, factor: 10}}
";

/// Cells of two axes, one of numbers.
const SWEEP: &str = "
name: loads
model: shop.yaml
set: {run.duration: 4s}
vary:
  workloads.users.arrivals.poisson.rate: {from: 50/s, to: 200/s, steps: 4}
  policies.client.timeout: [20ms, 40ms]
replications: 2
";

fn stormglass(dir: &Path, args: &[&str]) -> String {
    let mut command = Command::cargo_bin("stormglass").unwrap();
    let done = command
        .current_dir(dir)
        .env_clear()
        .args(args)
        .assert()
        .code(0);
    String::from_utf8(done.get_output().stdout.clone()).unwrap()
}

fn shop() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("shop.yaml"), SHOP).unwrap();
    fs::write(dir.path().join("loads.yaml"), SWEEP).unwrap();
    dir
}

/// The browser, or a word that there is none.
fn browser() -> Option<Browser> {
    let Some(program) = chromium() else {
        println!("SKIPPED: Chromium is not installed");
        return None;
    };
    Some(Browser::start(&program))
}

fn report(dir: &Path, folder: &str, more: &[&str]) -> PathBuf {
    stormglass(dir, &[&["report", folder], more].concat());
    dir.join(folder).join("report.html")
}

#[test]
fn a_run_is_drawn_and_answers_to_mouse_and_keyboard() {
    let Some(mut browser) = browser() else { return };
    let dir = shop();
    stormglass(dir.path(), &["run", "shop.yaml", "--out", "out"]);
    let title = "<b>Week 12</b> \"&\" </title><script>document.title = 'taken'</script>";
    let page = report(dir.path(), "out", &["--title", title]);

    browser.open(&page, "light", 1240);
    assert_eq!(
        browser.value("document.documentElement.dataset.ready"),
        "yes"
    );
    assert_eq!(browser.text("document.title"), title);
    assert_eq!(
        browser.text("document.querySelector('h1').textContent"),
        title
    );
    assert_eq!(
        browser.value("document.querySelectorAll('b script, pre img, pre script').length"),
        0
    );
    let model = browser.text(
        "[...document.querySelectorAll('pre.file span')].map(s => s.textContent).join('\\n')",
    );
    assert!(
        model.contains("onerror=\"document.title='taken'\""),
        "{model}"
    );
    assert!(
        browser
            .text("document.querySelector('.verdict').textContent")
            .contains("objectives missed")
    );

    sorts(&mut browser);
    charts(&mut browser);

    let dark = "getComputedStyle(document.body).backgroundColor";
    let light = browser.text(dark);
    browser.click("#theme");
    assert_ne!(browser.text(dark), light);
    assert_eq!(browser.complaints(), [""; 0]);

    browser.open(&page, "dark", 800);
    assert_ne!(browser.text(dark), light);
    assert_eq!(
        browser.value("document.documentElement.scrollWidth <= innerWidth"),
        true
    );
    assert_eq!(browser.complaints(), [""; 0]);
}

/// A click sorts by a column, another turns it round; the keyboard does the same.
fn sorts(browser: &mut Browser) {
    let column = |at: usize| {
        format!(
            "[...document.querySelectorAll('#workloads tbody tr')].map(r => r.cells[{at}].textContent).join(' ')"
        )
    };
    let sorted = "document.querySelector('#workloads th:nth-child(2)').getAttribute('aria-sort')";
    assert_eq!(browser.text(sorted), "none");
    assert_eq!(browser.text(&column(0)), "letters robots users");
    browser.click("#workloads th:nth-child(2) button");
    assert_eq!(browser.text(sorted), "descending");
    // By how much they issue, which is not the order of their letters or digits.
    assert_eq!(browser.text(&column(0)), "users robots letters");
    browser.click("#workloads th:nth-child(2) button");
    assert_eq!(browser.text(sorted), "ascending");
    assert_eq!(browser.text(&column(0)), "letters robots users");
    browser.value("document.querySelector('#workloads th:nth-child(1) button').focus()");
    browser.key("Enter", "\r");
    assert_eq!(browser.text(sorted), "none");
    browser.key("Enter", "\r");
    assert_eq!(browser.text(&column(0)), "users robots letters");
}

/// A chart says its values under the mouse, hides a curve, zooms all charts of time, and out again.
fn charts(browser: &mut Browser) {
    let chart = "#anatomy figure[data-plot]";
    let values =
        "[...document.querySelectorAll('#anatomy .key b')].filter(b => b.textContent).length";
    assert_eq!(browser.value(values), 0);
    browser.hover(&format!("{chart} .plot"), 10.0);
    // All charts of time, strips too, show the moment.
    let charts = browser.value("document.querySelectorAll('#anatomy figure[data-plot]').length");
    let crossed = "[...document.querySelectorAll('#anatomy .cross')].filter(c => !c.hidden).length";
    assert!(charts.as_u64() > Some(3));
    assert_eq!(browser.value(crossed), charts);
    assert!(browser.value(values).as_u64() >= charts.as_u64());

    let ticks = "[...document.querySelectorAll('#anatomy .x')].map(x => x.textContent).join('|')";
    let whole = browser.text(ticks);
    browser.drag(&format!("{chart} .plot"), -100.0, 100.0);
    assert_ne!(browser.text(ticks), whole);
    browser.click("#anatomy button.reset:not([hidden])");
    assert_eq!(browser.text(ticks), whole);

    let shown = "getComputedStyle(document.querySelector('#anatomy path[data-c=\"0\"]')).display";
    browser.click(&format!("{chart} .key"));
    assert_eq!(browser.text(shown), "none");
    browser.click(&format!("{chart} .key"));
    assert_eq!(browser.text(shown), "inline");
}

#[test]
fn every_kind_of_folder_has_a_report_that_complains_of_nothing() {
    let Some(mut browser) = browser() else { return };
    let dir = shop();
    let short = ["--set", "run.duration=4s", "--set", "faults=[]"];
    let hostile = "</script><script>taken()</script>: policies.client.timeout=20ms";
    stormglass(dir.path(), &["sweep", "loads.yaml", "--out", "sweep"]);
    stormglass(
        dir.path(),
        &[
            &[
                "compare",
                "shop.yaml",
                "--with",
                hostile,
                "--out",
                "compare",
            ][..],
            &short,
        ]
        .concat(),
    );
    let capacity = [
        "capacity",
        "shop.yaml",
        "--workload",
        "users",
        "--points",
        "3",
        "--out",
        "capacity",
    ];
    stormglass(
        dir.path(),
        &[
            &capacity[..],
            &short,
            &["--replications", "2", "--max-replications", "2"],
        ]
        .concat(),
    );
    let stability = [
        "stability",
        "shop.yaml",
        "--workload",
        "users",
        "--load",
        "50/s,100/s",
        "--out",
        "stability",
    ];
    stormglass(
        dir.path(),
        &[
            &stability[..],
            &[
                "--replications",
                "1",
                "--within",
                "50%",
                "--set",
                "run.duration=20s",
            ],
        ]
        .concat(),
    );
    for (folder, least) in [
        ("sweep", 8),
        ("compare", 8),
        ("capacity", 3),
        ("stability", 2),
    ] {
        let page = report(dir.path(), folder, &[]);
        for scheme in ["light", "dark"] {
            browser.open(&page, scheme, 1240);
            assert_eq!(
                browser.value("document.documentElement.dataset.ready"),
                "yes",
                "{folder}"
            );
            let rows = browser.value("document.querySelectorAll('table.sorts tbody tr').length");
            assert!(rows.as_u64() >= Some(least), "{folder}: {rows} rows");
            assert_ne!(browser.text("document.title"), "taken", "{folder}");
            assert_eq!(browser.complaints(), [""; 0], "{folder}");
        }
    }
}

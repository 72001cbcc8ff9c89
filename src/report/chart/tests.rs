use super::all;
use crate::fixture::{checkout, crowded, empty};
use study::record::RunRecord;

fn size(png: &[u8]) -> (u32, u32) {
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    let word = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (word(16), word(20))
}

fn sound(record: &RunRecord) {
    let charts = all(record).unwrap();
    let failed = record.series.workloads.values().any(|w| {
        let mut rates = w.failed.values().flatten();
        rates.any(|rate| *rate > 0.0)
    });
    let names: Vec<&str> = charts.iter().map(|c| c.name).collect();
    assert_eq!(names[..2], ["latency", "availability"]);
    assert_eq!(names.contains(&"failures"), failed);
    assert_eq!(
        names.contains(&"anatomy"),
        !record.series.services.is_empty()
    );
    assert_eq!(names[names.len() - 2..], ["ccdf", "percentiles"]);
    for chart in charts {
        assert_eq!(size(&chart.png), (1600, 900));
        assert!(chart.svg.starts_with("<svg "), "{}", chart.name);
        assert!(chart.svg.contains("viewBox=\"0 0 1600 900\""));
        assert!(chart.svg.ends_with("</svg>\n"));
        assert!(!chart.svg.contains("<text"), "letters must be outlines");
        assert!(!chart.svg.contains("NaN"));
    }
}

#[test]
fn the_same_record_gives_the_same_bytes() {
    assert_eq!(all(&checkout()).unwrap(), all(&checkout()).unwrap());
}

#[test]
fn a_chart_stands_alone_and_says_what_it_shows() {
    let charts = all(&checkout()).unwrap();
    assert!(
        charts[0]
            .svg
            .contains("<title>Latency of admins and shoppers over time</title>")
    );
    sound(&checkout());
}

#[test]
fn many_workloads_are_drawn() {
    sound(&crowded(12));
}

#[test]
fn a_run_without_measurements_is_drawn() {
    sound(&empty());
    let mut record = checkout();
    for workload in record.series.workloads.values_mut() {
        workload.p50_ms.fill(f64::NAN);
        workload.p99_ms.fill(f64::NAN);
        workload.goodput.fill(0.0);
        workload.failed.clear();
        workload.ccdf.clear();
    }
    sound(&record);
}

#[test]
fn a_single_window_and_a_gap_are_drawn() {
    let mut record = checkout();
    for workload in record.series.workloads.values_mut() {
        workload.issued.truncate(1);
        workload.goodput.truncate(1);
        workload.p50_ms.truncate(1);
        workload.p99_ms.truncate(1);
        workload.ccdf.truncate(1);
    }
    sound(&record);

    let mut record = checkout();
    for workload in record.series.workloads.values_mut() {
        workload.p99_ms[200..400].fill(f64::NAN);
        workload.p99_ms[300] = 50.0;
        workload.goodput[200..400].fill(0.0);
    }
    sound(&record);
}

#[test]
fn names_and_figures_from_elsewhere_do_no_harm() {
    let mut record = checkout();
    record.model = "<b>&\u{1b}[31m\0\u{202e}".into();
    let series = record.series.workloads.remove("admins").unwrap();
    record
        .series
        .workloads
        .insert("</svg><script>\u{7}名前".into(), series);
    record.series.faults[0].label = "\n".repeat(300);
    record.series.faults[1].to_s = f64::INFINITY;
    let series = record.series.workloads.get_mut("shoppers").unwrap();
    series.p99_ms[3] = f64::MAX;
    series.p50_ms[4] = f64::MIN_POSITIVE;
    sound(&record);
}

#[test]
fn hundreds_of_faults_are_drawn() {
    let mut record = checkout();
    let fault = record.series.faults[0].clone();
    for i in 0..400 {
        let mut again = fault.clone();
        again.from_s = f64::from(i) * 1.5;
        again.to_s = again.from_s + 0.5;
        if i % 3 == 0 {
            again.label = format!("instance {i} paused");
        }
        record.series.faults.push(again);
    }
    sound(&record);
}

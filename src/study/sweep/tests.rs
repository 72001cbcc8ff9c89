//! Sweeps of a small model: what is run, what is not run again, and what shards become.

use super::*;
use crate::{Options, Progress, StudyError};
use policy::custom::Registry;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const MODEL: &str = "
run: {duration: 5s}
services: {server: {workers: 1, endpoints: {serve: [{compute: {exponential: {mean: 10ms}}}]}}}
workloads: {users: {target: server.serve, arrivals: {poisson: {rate: 60/s}}}}
";

struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("m.yaml"), MODEL).unwrap();
        Self { dir }
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn plan(&self, text: &str) -> SweepPlan {
        let file = self.dir.path().join("e.yaml");
        fs::write(&file, format!("model: m.yaml\n{text}")).unwrap();
        let experiment = model::load_experiment(&file).unwrap_or_else(|e| panic!("{e:?}"));
        let program = Program {
            version: "0".into(),
            hash: "none".into(),
        };
        SweepPlan::new(&experiment, &file, &Registry::new(), &program).unwrap()
    }
}

/// Runs a shard, and gives what it gave and how many replications were made for it.
fn part(plan: &SweepPlan, folder: &Path, (shard, of): (u32, u32)) -> (Swept, u32) {
    let (store, progress) = (CellStore::new(folder), Progress::new());
    let wanted = |cell: &Cell| Outline::shard_of(cell.index, of) == shard;
    let swept = sweep(plan, wanted, &store, &Options::default(), &progress).unwrap();
    store.put_shard(shard, of, &plan.outline).unwrap();
    (swept, progress.finished())
}

fn whole(plan: &SweepPlan, folder: &Path) -> (Swept, u32) {
    part(plan, folder, (1, 1))
}

#[test]
fn one_more_value_runs_the_new_cells_only() {
    let place = Place::new();
    let folder = place.folder("out");
    let small =
        place.plan("vary: {services.server.workers: [1, 2], run.seed: [1, 2]}\nreplications: 3");
    let (swept, runs) = whole(&small, &folder);
    assert_eq!((swept.reused, runs), (0, 4 * 3));
    let (again, runs) = whole(&small, &folder);
    assert_eq!((again.reused, runs), (4, 0));
    assert_eq!(again.results, swept.results);
    let large =
        place.plan("vary: {services.server.workers: [1, 2, 3], run.seed: [1, 2]}\nreplications: 3");
    let (more, runs) = whole(&large, &folder);
    assert_eq!((more.reused, runs), (4, 2 * 3));
    assert_eq!(more.results[..4], swept.results);
}

#[test]
fn cells_that_are_the_same_are_run_once() {
    let place = Place::new();
    // Rounded to whole numbers: 1, 2, 2, 3, 3.
    let range = "{from: 1, to: 3, steps: 5}";
    let plan = place.plan(&format!(
        "vary: {{services.server.workers: {range}}}\nreplications: 2"
    ));
    assert_eq!(plan.outline.cells[1].key, plan.outline.cells[2].key);
    let (swept, runs) = whole(&plan, &place.folder("out"));
    assert_eq!(runs, 3 * 2);
    assert_eq!(swept.results.len(), 5);
    assert_eq!(swept.results[1], swept.results[2]);
}

#[test]
fn shards_give_what_one_machine_gives_with_sequential_stopping_too() {
    let place = Place::new();
    let plan = place.plan(
        "vary: {workloads.users.arrivals.poisson.rate: {from: 10/s, to: 90/s, steps: 7}}
replications: {min: 2, max: 9, until: {metric: users.latency.mean, half_width: 10%}}",
    );
    let (one, _) = whole(&plan, &place.folder("one"));
    let counts: Vec<usize> = one.results.iter().map(|r| r.values.len()).collect();
    assert!(counts.iter().any(|n| *n != counts[0]), "{counts:?}");
    for of in [2, 3, 10] {
        let folders: Vec<PathBuf> = (1..=of)
            .map(|shard| place.folder(&format!("{shard} of {of}")))
            .collect();
        for (shard, folder) in (1..=of).zip(&folders) {
            part(&plan, folder, (shard, of));
        }
        let reversed: Vec<PathBuf> = folders.into_iter().rev().collect();
        let (outline, results) = merge(&reversed).unwrap();
        assert_eq!((outline, &results), (plan.outline.clone(), &one.results));
    }
}

#[test]
fn shards_that_do_not_fit_are_refused() {
    const EXPERIMENT: &str = "vary: {services.server.workers: [1, 2, 3]}\nreplications: 2";
    let place = Place::new();
    let plan = place.plan(EXPERIMENT);
    let [a, b, c, none] = ["a", "b", "c", "none"].map(|name| place.folder(name));
    part(&plan, &a, (1, 3));
    part(&plan, &a, (3, 3));
    part(&plan, &b, (1, 3));
    part(&plan, &c, (2, 2));
    let error = |folders: &[&PathBuf]| {
        let folders: Vec<PathBuf> = folders.iter().map(|f| (*f).clone()).collect();
        merge(&folders).unwrap_err().to_string()
    };
    assert!(
        error(&[&a]).starts_with("of 3 shards, 2 is missing"),
        "{}",
        error(&[&a])
    );
    assert!(error(&[&a]).contains("--shard 2/3"));
    assert!(error(&[&b]).starts_with("of 3 shards, 2, 3 are missing"));
    assert!(error(&[&a, &b]).starts_with("shard 1 of 3 is there twice"));
    assert!(error(&[&a, &a]).starts_with("shard 1 of 3 is there twice"));
    assert!(error(&[&a, &c]).contains("one of 2 shards, not of 3"));
    assert!(error(&[&a, &none]).contains("has no finished shard"));

    // A cell that has gone, and half of one.
    let (swept, _) = part(&plan, &b, (2, 3));
    part(&plan, &b, (3, 3));
    assert!(merge(std::slice::from_ref(&b)).is_ok());
    let cell = b.join(format!("cells/{}.json", swept.results[0].key));
    let bytes = fs::read(&cell).unwrap();
    fs::write(&cell, &bytes[..bytes.len() / 2]).unwrap();
    let half = error(&[&b]);
    assert!(
        half.contains("shard 2 of 3") && half.contains("cell 1"),
        "{half}"
    );
    fs::remove_file(&cell).unwrap();
    assert_eq!(error(&[&b]), half);
    // What it says helps: the shard makes what is missing.
    part(&plan, &b, (2, 3));
    assert!(merge(std::slice::from_ref(&b)).is_ok());

    // A record that was changed, or is not whole.
    let record = b.join("shard-2-of-3.json");
    let text = fs::read_to_string(&record).unwrap();
    for wrong in [
        text.replace("\"seed\": 1", "\"seed\": 2"),
        text[..99].to_owned(),
    ] {
        fs::write(&record, wrong).unwrap();
        assert!(error(&[&b]).contains("can not be read"));
    }
    fs::write(&record, text).unwrap();

    // Other studies.
    let other = place.plan(&EXPERIMENT.replace("replications: 2", "replications: 3"));
    part(&other, &none, (2, 3));
    assert!(error(&[&a, &none]).contains("the experiment file was another one"));
    fs::write(
        place.dir.path().join("m.yaml"),
        MODEL.replace("60/s", "61/s"),
    )
    .unwrap();
    part(&place.plan(EXPERIMENT), &none, (2, 3));
    assert!(error(&[&a, &none]).contains("the model file was another one"));
    fs::write(place.dir.path().join("m.yaml"), MODEL).unwrap();
    let mut other = plan.clone();
    other.outline.program.hash = "other".into();
    other.outline = other.outline.hashed();
    part(&other, &none, (2, 3));
    assert!(error(&[&a, &none]).contains("another program"));
}

#[test]
fn a_figure_that_some_cells_lack_is_empty_there() {
    let place = Place::new();
    let more = "{serve: [{compute: 1ms}], other: [{compute: 1ms}]}";
    let users = "{users: {target: server.serve, arrivals: {poisson: {rate: 60/s}}}}";
    let both = "{users: {target: server.serve, arrivals: {poisson: {rate: 60/s}}}, \
                bots: {target: server.serve, arrivals: {poisson: {rate: 60/s}}}}";
    let plan = place.plan(&format!(
        "set: {{services.server.endpoints: {more}}}\nvary: {{workloads: [{both}, {users}]}}
replications: 2\nmetrics: [users.throughput, bots.throughput]"
    ));
    let (swept, _) = whole(&plan, &place.folder("out"));
    let record = SweepRecord::new(&plan.outline, swept.results);
    let names: Vec<&str> = record.figures.iter().map(|f| &*f.name).collect();
    assert_eq!(names, ["users.throughput", "bots.throughput"]);
    for (cell, there) in [(0, [true, true]), (1, [true, false])] {
        let places = [0, 1].map(|figure| record.place(cell, figure));
        assert_eq!(places.map(|place| place.is_some()), there);
        for (figure, place) in places.into_iter().enumerate() {
            if let Some(place) = place {
                let found = &record.results[cell].figures[place];
                assert_eq!(found, &record.figures[figure]);
            }
        }
    }
    // One that no cell has is a mistake.
    let mut wrong = plan.clone();
    wrong.outline.metrics.push("nobody.throughput".into());
    let store = CellStore::new(&place.folder("wrong"));
    let error = sweep(
        &wrong,
        |_| true,
        &store,
        &Options::default(),
        &Progress::new(),
    );
    assert!(matches!(error, Err(StudyError::NoMetric { name, .. }) if name == "nobody.throughput"));
}

#[test]
fn what_a_kill_left_half_written_is_cleared_away() {
    let place = Place::new();
    let folder = place.folder("out");
    let plan = place.plan("vary: {run.seed: [1, 2]}\nreplications: 2");
    let key = &plan.outline.cells[0].key;
    fs::create_dir_all(folder.join("cells")).unwrap();
    let part = folder.join(format!("cells/{key}.json.77.part"));
    let others = folder.join("cells/0123.json.77.part");
    for path in [&part, &others] {
        fs::write(path, "{").unwrap();
    }
    whole(&plan, &folder);
    assert!(!part.exists() && others.exists());
}

#[test]
fn a_forecast_counts_cells_and_replications() {
    let place = Place::new();
    let plan = place.plan(
        "vary: {run.seed: [1, 2, 3, 4]}
replications: {min: 2, max: 6, until: {metric: users.availability, half_width: 1%}}",
    );
    let cells: Vec<&Cell> = plan.outline.cells.iter().collect();
    let forecast = forecast(&plan, &cells, &Options::default()).unwrap();
    assert!(forecast.least_s > 0.0);
    assert!((forecast.most_s / forecast.least_s - 3.0).abs() < 1e-9);
    assert_eq!(super::forecast(&plan, &[], &Options::default()), None);
}

#[test]
fn what_is_written_keeps_to_its_schema() {
    let place = Place::new();
    let folder = place.folder("out");
    let plan = place.plan(
        "set: {run.duration: 4s}
vary: {services.server.queue: {none: {capacity: 1}, some: {capacity: 9}}}
replications: {min: 2, max: 3, until: {metric: users.availability, half_width: 1%}}",
    );
    let (swept, _) = whole(&plan, &folder);
    let record = SweepRecord::new(&plan.outline, swept.results);
    let store = CellStore::new(&folder);
    for (text, schema) in [
        (manifest(&plan.outline, &record), manifest_schema()),
        (tasks(&plan.outline, &store, 3), plan_schema()),
    ] {
        let [value, schema] = [text, schema].map(|text| serde_json::from_str(&text).unwrap());
        crate::json::conforms_to(&value, &schema);
    }
}

/// The only replication of a cell has the intervals that a run of the same model has, by whatever way it came to
/// them; where something changes at a set time, and with several replications, there are none within.
#[test]
fn one_replication_has_an_interval_within_it() {
    let place = Place::new();
    let faults = "faults: [[], [{at: 30s, for: 1s, pause: {service: server}}]]";
    let text = format!("set: {{run.duration: 60s}}\nvary: {{{faults}}}\nreplications:");
    let plan = place.plan(&format!("{text} 1"));
    let (swept, _) = whole(&plan, &place.folder("one"));
    let [steady, faulty] = &swept.results[..] else {
        panic!("two cells");
    };
    assert_eq!(faulty.within, None);

    let run = crate::run(&plan.models[0], &Options::default(), &Progress::new()).unwrap();
    let within = run.within_run.unwrap();
    let mut checked = 0;
    for (at, figure) in steady.figures.iter().enumerate() {
        let expected = within.metrics.get(&figure.name).filter(|w| w.reliable);
        let expected = expected.filter(|w| w.low < w.high);
        let estimate = steady.estimate(at);
        let ends = estimate.low.zip(estimate.high);
        assert_eq!(ends, expected.map(|w| (w.low, w.high)), "{}", figure.name);
        let method = expected.map(|_| Method::BatchMeans);
        assert_eq!(steady.method(at), method, "{}", figure.name);
        assert_eq!(faulty.method(at), None, "{}", figure.name);
        checked += usize::from(method.is_some());
    }
    assert!(checked >= 3, "{checked} intervals");
    // What is read back is what was kept.
    let kept = CellStore::new(&place.folder("one")).get(&steady.key);
    assert_eq!(kept.as_ref(), Some(steady));

    let plan = place.plan(&format!("{text} 2"));
    let (swept, _) = whole(&plan, &place.folder("two"));
    let throughput = |figure: &Figure| figure.name == "users.throughput";
    for result in &swept.results {
        assert_eq!(result.within, None);
        let at = result.figures.iter().position(throughput).unwrap();
        assert_eq!(result.method(at), Some(Method::Replications));
    }
}

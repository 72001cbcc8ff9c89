use super::*;
use crate::testing;

const QUEUE: &str = "
run: {duration: 60s, warmup: 5s}
services: {server: {workers: 1, endpoints: {serve: [{compute: {exponential: {mean: 10ms}}}]}}}
workloads: {users: {target: server.serve, arrivals: {poisson: {rate: 50/s}}}}
";

fn setting(name: &str, text: &str) -> Setting {
    Setting {
        name: name.to_owned(),
        file: format!("{name}.yaml"),
        sets: Vec::new(),
        model: testing::model(text),
    }
}

fn plan() -> ComparePlan {
    ComparePlan {
        seed: None,
        replications: 6,
        precision: None,
        most: 6,
        metrics: Vec::new(),
        correction: Correction::Holm,
        limits: cluster::Limits::default(),
    }
}

fn of(settings: &[Setting], plan: &ComparePlan) -> Comparison {
    compare(settings, plan, &Progress::new()).unwrap()
}

fn found<'a>(record: &'a Comparison, metric: &str) -> &'a Difference {
    let mut all = record.differences.iter();
    all.find(|d| d.metric == metric).unwrap()
}

#[test]
fn a_model_is_the_same_as_itself() {
    let record = of(&[setting("a", QUEUE), setting("b", QUEUE)], &plan());
    assert_eq!((record.family, record.differences.len()), (4, 4));
    for difference in &record.differences {
        assert_eq!((difference.mean, difference.p), (Some(0.0), Some(1.0)));
        assert_eq!(difference.verdict, Verdict::Same, "{}", difference.metric);
    }
    assert_eq!(
        record.settings[0].fingerprint,
        record.settings[1].fingerprint
    );
}

/// Service times are the same ones, stretched: M/M/1 at 50/s with 10 ms and with 9 ms has means of
/// 1/(100 - 50) = 20 ms and 1/(111.1 - 50) = 16.36 ms.
#[test]
fn a_faster_server_is_better_by_what_theory_says() {
    let faster = QUEUE.replace("10ms", "9ms");
    let plan = ComparePlan {
        metrics: vec![
            "users.latency.mean".into(),
            "services.server.utilization".into(),
        ],
        replications: 10,
        ..plan()
    };
    let record = of(&[setting("a", QUEUE), setting("b", &faster)], &plan);
    let mean = found(&record, "users.latency.mean");
    assert_eq!(mean.verdict, Verdict::Better);
    assert!(
        mean.low.unwrap() < -3.636 && -3.636 < mean.high.unwrap(),
        "{mean:?}"
    );
    assert!(mean.variance_ratio.unwrap() > 10.0, "{mean:?}");
    let busy = found(&record, "services.server.utilization");
    assert_eq!(busy.verdict, Verdict::Less);
    // Two verdicts: each interval is at 97.5 %, and one p-value is doubled.
    let only = ComparePlan {
        metrics: vec!["users.latency.mean".into()],
        ..plan
    };
    let alone = of(&[setting("a", QUEUE), setting("b", &faster)], &only);
    let alone = found(&alone, "users.latency.mean");
    assert!(alone.half_width.unwrap() < mean.half_width.unwrap());
    assert_eq!(alone.p, mean.p);
    assert!(mean.p_adjusted.unwrap() >= alone.p_adjusted.unwrap());
}

#[test]
fn what_one_of_them_lacks_is_told() {
    let more = QUEUE.replace(
        "arrivals: {poisson: {rate: 50/s}}}",
        "arrivals: {poisson: {rate: 50/s}}}, bots: {target: server.serve, arrivals: {poisson: {rate: 1/s}}}",
    );
    let (few, many) = (setting("few", QUEUE), setting("many", &more));
    let record = of(&[few.clone(), many.clone()], &plan());
    assert_eq!(record.missing, ["only many has `bots.availability`"]);
    let record = of(&[many.clone(), few.clone()], &plan());
    assert_eq!(record.missing.len(), 4);
    assert_eq!(record.missing[0], "few has no `bots.availability`");
    let plan = ComparePlan {
        metrics: vec!["bots.availability".into()],
        ..plan()
    };
    for settings in [[few.clone(), many.clone()], [many, few]] {
        let error = compare(&settings, &plan, &Progress::new()).unwrap_err();
        assert!(matches!(error, StudyError::NoMetric { .. }), "{error}");
    }
}

#[test]
fn it_goes_on_until_the_difference_is_known() {
    let faster = QUEUE.replace("10ms", "9ms");
    let settings = [setting("a", QUEUE), setting("b", &faster)];
    let wanted = |width: &str, most| ComparePlan {
        replications: 4,
        most,
        precision: Some(format!("users.latency.mean={width}").parse().unwrap()),
        ..plan()
    };
    let record = of(&settings, &wanted("2%", 200));
    let half = found(&record, "users.latency.mean").half_width.unwrap();
    let mean = found(&record, "users.latency.mean").baseline.unwrap();
    assert_eq!(record.precise, Some(true));
    assert!(half <= 0.02 * mean && record.replications > 4);
    let record = of(&settings, &wanted("0.01ms", 6));
    assert_eq!((record.precise, record.replications), (Some(false), 6));
    let wrong = compare(&settings, &wanted("1/s", 6), &Progress::new()).unwrap_err();
    assert!(
        wrong.to_string().contains("it takes a time, such as `5ms`"),
        "{wrong}"
    );
}

#[test]
fn spans_and_seeds_that_differ_are_told() {
    let other = QUEUE.replace("warmup: 5s", "warmup: 6s, seed: 9");
    let record = of(&[setting("a", QUEUE), setting("b", &other)], &plan());
    assert!(
        record.warnings[0].contains("warm-up"),
        "{:?}",
        record.warnings
    );
    assert!(
        record.warnings[1].contains("all settings share seed 1"),
        "{:?}",
        record.warnings
    );
}

#[test]
fn a_warm_up_that_is_looked_for_is_the_same_for_all() {
    let text = QUEUE.replace("warmup: 5s", "warmup: auto");
    let slower = text.replace("10ms", "15ms");
    let record = of(&[setting("a", &text), setting("b", &slower)], &plan());
    assert_eq!(record.settings[0].warmup_s, record.settings[1].warmup_s);
}

#[test]
fn threads_change_nothing() {
    let faster = QUEUE.replace("10ms", "9ms");
    let settings = [setting("a", QUEUE), setting("b", &faster)];
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| of(&settings, &plan()))
    };
    assert_eq!(with(1), with(3));
}

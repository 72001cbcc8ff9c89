//! The trigger: the faults of a model, as long as it is asked for, and the model without them.

use crate::StudyError;
use crate::faults::label;
use clock::{Duration, Instant};
use model::{FaultKind, Model, Occurrence};

/// The trigger must be over before this part of the run, so that there is time to recover.
const LATEST: f64 = 0.8;

/// When the faults of a model begin and end.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Times {
    pub(super) begins: Instant,
    pub(super) ends: Instant,
}

/// The faults of a model as triggers, in few words.
pub(super) fn words(model: &Model) -> Vec<String> {
    let faults = model.faults.iter();
    faults.map(|fault| label(model, fault)).collect()
}

/// The model whose faults all last so long; as long as it says without a length.
pub(super) fn lasting(model: &Model, length: Option<Duration>) -> Model {
    let mut model = model.clone();
    for fault in &mut model.faults {
        if let (Occurrence::Once { lasts, .. }, Some(length)) = (&mut fault.when, length) {
            *lasts = Some(length);
        }
    }
    model
}

/// The model without its faults.
pub(super) fn without(model: &Model) -> Model {
    Model {
        faults: Vec::new(),
        ..model.clone()
    }
}

/// When the trigger begins and ends.
///
/// # Errors
/// [`StudyError::NoTrigger`] where faults are no trigger.
pub(super) fn times(model: &Model) -> Result<Times, StudyError> {
    let wrong = |why: String| StudyError::NoTrigger { why };
    let mut times: Option<Times> = None;
    for fault in &model.faults {
        let name = label(model, fault);
        if let FaultKind::Config { .. } = fault.kind {
            let why = format!("`{name}` cannot be left out: its pushes are the configuration's");
            return Err(wrong(why));
        }
        let (begins, lasts) = match &fault.when {
            Occurrence::Once { at, lasts } => (*at, *lasts),
            Occurrence::Renewal { .. } => {
                return Err(wrong(format!("`{name}` comes again and again")));
            }
        };
        let lasts = lasts.ok_or_else(|| wrong(format!("`{name}` never ends")))?;
        let ends = begins + lasts;
        let both = times.unwrap_or(Times { begins, ends });
        times = Some(Times {
            begins: both.begins.min(begins),
            ends: both.ends.max(ends),
        });
    }
    let times = times.ok_or_else(|| wrong("the model has no faults".to_owned()))?;
    let run = model.run.duration;
    if times.ends.as_secs_f64() > LATEST * run.as_secs_f64() {
        let over = times.ends.since(Instant::ZERO);
        return Err(wrong(format!(
            "the trigger is over at {over}, and the run at {run}: there is no time to recover"
        )));
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn model(faults: &str) -> Model {
        testing::model(&format!(
            "run: {{duration: 100s}}\n\
             services: {{db: {{endpoints: {{get: [{{compute: 1ms}}]}}}}}}\n\
             workloads: {{users: {{target: db.get, arrivals: {{poisson: {{rate: 1/s}}}}}}}}\n\
             faults: {faults}\n"
        ))
    }

    #[test]
    fn a_trigger_begins_with_its_first_fault_and_ends_with_its_last() {
        let model = model(
            "[{at: 20s, for: 10s, pause: {service: db}}, {at: 15s, for: 2s, slow: {service: db, factor: 3}}]",
        );
        let at = |s| Instant::ZERO + Duration::from_secs(s);
        let found = times(&model).unwrap();
        assert_eq!((found.begins, found.ends), (at(15), at(30)));
        let longer = lasting(&model, Some(Duration::from_secs(40)));
        assert_eq!(times(&longer).unwrap().ends, at(60));
        assert_eq!(lasting(&model, None), model);
        assert_eq!(words(&model), ["db pause", "db slow x3"]);
        assert!(without(&model).faults.is_empty());
    }

    #[test]
    fn what_is_no_trigger() {
        for (faults, says) in [
            ("[]", "no faults"),
            ("[{at: 20s, pause: {service: db}}]", "never ends"),
            (
                "[{mtbf: 9s, mttr: 1s, pause: {service: db}}]",
                "again and again",
            ),
            (
                "[{at: 20s, for: 70s, pause: {service: db}}]",
                "no time to recover",
            ),
        ] {
            let error = times(&model(faults)).unwrap_err().to_string();
            assert!(error.contains(says), "{faults}: {error}");
        }
    }
}

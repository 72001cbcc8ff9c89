//! Layers of implementations that somebody else wrote.

use crate::{SHELF, around_layers};
use clock::{Duration, Instant};
use policy::Outcome;
use policy::config::{BreakerConfig, CustomConfig, LayerConfig, RateAlgorithm, RetryConfig, Role};
use policy::custom::{Admit, Custom, Record, Registry, Setting};
use stormglass_model::read_with;

/// Lets everything pass.
#[derive(Clone, Debug)]
struct Open;

impl Custom for Open {
    fn admit(&mut self, _: Instant, _: &mut u64, _: &mut dyn FnMut() -> u64) -> Admit {
        Admit::Pass
    }

    fn record(
        &mut self,
        _: Instant,
        _: &mut u64,
        outcome: Outcome,
        _: &mut dyn FnMut() -> u64,
    ) -> Record {
        Record::End(outcome)
    }

    fn boxed_clone(&self) -> Box<dyn Custom> {
        Box::new(self.clone())
    }
}

/// Knows the settings `speed` and `pause`, and breakers that open at 50 % only.
fn make(config: &CustomConfig) -> Result<Box<dyn Custom>, String> {
    config.settings.only(&[
        "speed", "pause", "strict", "mode", "share", "flow", "quoted",
    ])?;
    config.settings.number("speed", 1.0)?;
    config.settings.duration("pause", Duration::ZERO)?;
    match &config.role {
        Role::CircuitBreaker(breaker) if breaker.failure_rate != 0.5 => {
            Err("`failure_rate` is 50%, always".to_owned())
        }
        _ => Ok(Box::new(Open)),
    }
}

fn custom(layer: &str) -> Result<CustomConfig, String> {
    let registry = Registry::new()
        .with("failsafe", make)
        .with("recloser", make);
    let text = around_layers(&format!("[{{{layer}}}]"));
    match read_with(&text, "m.yaml", &SHELF, &[], &registry) {
        Ok(mut loaded) => match loaded.model.policies.remove(0).config.layers.remove(0) {
            LayerConfig::Custom(custom) => Ok(custom),
            other => panic!("{other:?}"),
        },
        Err(report) => Err(report.to_string()),
    }
}

#[test]
fn settings_are_what_they_look_like() {
    let read = custom(
        "custom: {implementation: recloser, with: {speed: 1.5, pause: 250ms, strict: true, \
         mode: fast, share: 150%, flow: 30/min, quoted: \"7\"}}",
    );
    let config = read.expect("a layer");
    assert_eq!(
        (config.maker.name(), &config.role),
        ("recloser", &Role::Other)
    );
    let expected = [
        ("speed", Setting::Number(1.5)),
        ("pause", Setting::Duration(Duration::from_millis(250))),
        ("strict", Setting::Flag(true)),
        ("mode", Setting::Text("fast".to_owned())),
        ("share", Setting::Number(1.5)),
        ("flow", Setting::Number(0.5)),
        ("quoted", Setting::Text("7".to_owned())),
    ];
    let expected = expected.map(|(name, setting)| (name.to_owned(), setting));
    assert_eq!(config.settings.0, expected);
}

#[test]
fn roles_have_the_settings_that_all_know() {
    let role = |layer: &str| custom(layer).expect("a layer").role;
    assert_eq!(
        role("circuit_breaker: {implementation: failsafe, open_for: 1s}"),
        Role::CircuitBreaker(BreakerConfig {
            open_for: Duration::from_secs(1),
            ..BreakerConfig::default()
        })
    );
    assert_eq!(
        role("retry: {implementation: failsafe, attempts: 5, with: {speed: 1}}"),
        Role::Retry(RetryConfig {
            attempts: 5,
            ..RetryConfig::default()
        })
    );
    let Role::RateLimit(limit) =
        role("rate_limit: {implementation: failsafe, gcra: {rate: 5/s}, keys: 3}")
    else {
        panic!("not a rate limit")
    };
    let gcra = RateAlgorithm::Gcra {
        rate: 5.0,
        burst: 1,
    };
    assert_eq!((limit.algorithm, limit.keys), (gcra, Some(3)));
}

#[test]
fn what_an_implementation_refuses_is_told_at_its_place() {
    for (layer, place, words) in [
        (
            "circuit_breaker: {implementation: failsave}",
            "implementation",
            "did you mean `failsafe`?",
        ),
        (
            "custom: {implementation: failsafe, with: {sped: 3}}",
            "with.sped",
            "there is no setting `sped`",
        ),
        (
            "retry: {implementation: failsafe, attempts: 2, with: {pause: 3}}",
            "with.pause",
            "`pause` is a duration",
        ),
        (
            "circuit_breaker: {implementation: failsafe, failure_rate: 20%}",
            "failure_rate",
            "`failure_rate` is 50%, always",
        ),
        (
            "circuit_breaker: {preset: polly, implementation: failsafe}",
            "implementation",
            "`failure_rate` is 50%, always",
        ),
        (
            "custom: {implementation: failsafe, with: {speed: [1]}}",
            "with.speed",
            "expected a single value",
        ),
        (
            "retry: {attempts: 2, with: {speed: 1}}",
            "with",
            "`with` goes with `implementation`",
        ),
    ] {
        let told = custom(layer).expect_err("a mistake");
        let kind = layer.split(':').next().unwrap_or_default();
        let path = format!(" policies.p.0.{kind}.{place}: ");
        assert!(
            told.contains(&path) && told.contains(words),
            "{layer}: {told}"
        );
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

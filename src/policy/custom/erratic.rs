//! A layer that does anything that a layer may, by chance, and knows whether it still holds calls.

use super::{Admit, Custom, Record, Registry};
use crate::breaker::BreakerState;
use crate::config::{BreakerConfig, CustomConfig, LayerConfig, Role, Scope};
use crate::outcome::Outcome;
use clock::{Duration, Instant};

/// How often a call runs at most.
pub(crate) const RUNS: u64 = 3;

/// Calls itself an open breaker while it holds a call, so that the counts of the layer say whether
/// every call was given back.
#[derive(Clone, Debug, Default)]
struct Erratic {
    held: u32,
}

pub(crate) fn layer(scope: Scope) -> LayerConfig {
    let registry = Registry::new().with("erratic", |_| Ok(Box::<Erratic>::default()));
    LayerConfig::Custom(CustomConfig {
        role: Role::CircuitBreaker(BreakerConfig {
            scope,
            ..BreakerConfig::default()
        }),
        settings: crate::custom::Settings::default(),
        maker: registry.get("erratic").expect("it was added").clone(),
    })
}

impl Custom for Erratic {
    fn admit(&mut self, _now: Instant, call: &mut u64, random: &mut dyn FnMut() -> u64) -> Admit {
        assert_eq!(*call, 0, "a call begins once");
        let chance = random();
        if chance.is_multiple_of(5) {
            return Admit::Refuse;
        }
        *call = 1;
        self.held += 1;
        match chance % 5 {
            1 => Admit::Wait(Duration::from_nanos(chance >> 8 & 15)),
            _ => Admit::Pass,
        }
    }

    fn record(
        &mut self,
        _now: Instant,
        call: &mut u64,
        outcome: Outcome,
        random: &mut dyn FnMut() -> u64,
    ) -> Record {
        assert!((1..=RUNS).contains(call), "it runs, and not too often");
        let chance = random();
        if *call < RUNS && chance.is_multiple_of(3) {
            *call += 1;
            return Record::Again(Duration::from_nanos(chance >> 8 & 15));
        }
        self.let_go(call);
        Record::End(outcome)
    }

    fn release(&mut self, _now: Instant, call: &mut u64) {
        self.let_go(call);
    }

    fn breaker_state(&self) -> Option<BreakerState> {
        Some(match self.held {
            0 => BreakerState::Closed,
            _ => BreakerState::Open,
        })
    }

    fn boxed_clone(&self) -> Box<dyn Custom> {
        Box::new(self.clone())
    }
}

impl Erratic {
    fn let_go(&mut self, call: &mut u64) {
        assert_ne!(*call, 0, "a call is given back once");
        *call = 0;
        self.held -= 1;
    }
}

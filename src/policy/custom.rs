//! Policies that somebody else wrote: what one must answer, and where it is found by its name.
//!
//! A custom layer takes part in the same walk as the built-in ones. It keeps the state that all
//! calls share in itself, and sixty-four bits for each call. It refuses to know the other layers.

use crate::breaker::BreakerState;
use crate::config::CustomConfig;
use crate::outcome::Outcome;
use clock::{Duration, Instant};
use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;

#[cfg(test)]
pub(crate) mod erratic;
mod layer;

pub(crate) use layer::CustomLayer;

/// A layer of a pipeline, around every call of one caller instance and target service.
///
/// `call` is 64 bits of its own for each call, 0 before `admit`. Time comes in, and randomness by
/// `random`: an implementation that reads a clock or draws by itself is not repeatable.
pub trait Custom: fmt::Debug + Send {
    /// A call comes in.
    fn admit(&mut self, now: Instant, call: &mut u64, random: &mut dyn FnMut() -> u64) -> Admit;

    /// What is inside has ended, for a call that was admitted; after [`Record::Again`] that is
    /// heard once more, without an `admit` in between.
    fn record(
        &mut self,
        now: Instant,
        call: &mut u64,
        outcome: Outcome,
        random: &mut dyn FnMut() -> u64,
    ) -> Record;

    /// An admitted call goes away without an outcome, from inside the layer or while it waits here;
    /// nothing else is heard of it.
    fn release(&mut self, _now: Instant, _call: &mut u64) {}

    /// For those that are circuit breakers: the state that the last word left.
    fn breaker_state(&self) -> Option<BreakerState> {
        None
    }

    /// A copy in the same state. Pipelines copy a layer before its first word only, for each of the
    /// target's instances; what cannot be copied later may then answer one in its first state.
    fn boxed_clone(&self) -> Box<dyn Custom>;
}

/// What a custom layer says to a call on its way in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admit {
    /// It may go on.
    Pass,
    /// It may go on after this long.
    Wait(Duration),
    /// It is `rejected`; the layer holds nothing for it.
    Refuse,
}

/// What a custom layer makes of an outcome on its way out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Record {
    /// The layer is done with the call; this goes on outwards.
    End(Outcome),
    /// What is inside is run once more, after this long. Where the call has no attempt left (256 in
    /// all, and as many runs), it is released instead and the outcome goes on outwards.
    Again(Duration),
}

impl Clone for Box<dyn Custom> {
    fn clone(&self) -> Self {
        self.boxed_clone()
    }
}

/// Settings that only one implementation knows, by name, in the order of the file.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Settings(pub Vec<(String, Setting)>);

/// One of them.
#[derive(Clone, PartialEq, Debug)]
pub enum Setting {
    /// `true` or `false`.
    Flag(bool),
    /// A number; a ratio written `20%` is 0.2, a rate is per second.
    Number(f64),
    /// A duration.
    Duration(Duration),
    /// Anything else.
    Text(String),
}

impl Settings {
    /// The setting of this name.
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.0
            .iter()
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    /// The number of this name, or `default` where there is none.
    ///
    /// # Errors
    /// When it is something else.
    pub fn number(&self, name: &str, default: f64) -> Result<f64, String> {
        match self.get(name) {
            None => Ok(default),
            Some(Setting::Number(number)) => Ok(*number),
            Some(_) => Err(format!("`{name}` is a number")),
        }
    }

    /// The duration of this name, or `default` where there is none.
    ///
    /// # Errors
    /// When it is something else.
    pub fn duration(&self, name: &str, default: Duration) -> Result<Duration, String> {
        match self.get(name) {
            None => Ok(default),
            Some(Setting::Duration(duration)) => Ok(*duration),
            Some(_) => Err(format!("`{name}` is a duration, such as `250ms`")),
        }
    }

    /// Refuses names that are not among `known`.
    ///
    /// # Errors
    /// Says which, and what is known.
    pub fn only(&self, known: &[&str]) -> Result<(), String> {
        match self
            .0
            .iter()
            .find(|(name, _)| !known.contains(&name.as_str()))
        {
            None => Ok(()),
            Some((name, _)) if known.is_empty() => {
                Err(format!("there is no setting `{name}`; it has none"))
            }
            Some((name, _)) => Err(format!(
                "there is no setting `{name}`; there are `{}`",
                known.join("`, `")
            )),
        }
    }
}

/// Makes a layer of one implementation. A wrong configuration is refused with words that name the
/// setting; whoever reads the model adds file and line.
#[derive(Clone)]
pub struct Maker {
    name: Arc<str>,
    make: Make,
}

/// A function that makes a layer in its first state, or says why it cannot do what the
/// configuration asks for.
pub type Make = fn(&CustomConfig) -> Result<Box<dyn Custom>, String>;

impl Maker {
    /// The name of the implementation.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A layer in its first state.
    ///
    /// # Errors
    /// When the implementation cannot do what the configuration asks for.
    pub fn make(&self, config: &CustomConfig) -> Result<Box<dyn Custom>, String> {
        (self.make)(config)
    }
}

impl PartialEq for Maker {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The implementations that models may name.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    makers: BTreeMap<String, Maker>,
}

impl Registry {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an implementation under a name; one of the same name is replaced.
    #[must_use]
    pub fn with(mut self, name: &str, make: Make) -> Self {
        let maker = Maker {
            name: name.into(),
            make,
        };
        self.makers.insert(name.to_owned(), maker);
        self
    }

    /// The implementation of this name.
    pub fn get(&self, name: &str) -> Option<&Maker> {
        self.makers.get(name)
    }

    /// All names, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.makers.keys().map(String::as_str)
    }
}

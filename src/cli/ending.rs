//! How the program ends: what it says at last, and its exit code.

use crate::terminal::{self, Unwritable};
use std::process::ExitCode;

/// How the program ends.
pub(crate) enum Ending {
    /// All was done: 0.
    Done,
    /// A failure of ours or of the machine, in words: 1.
    Failed(String),
    /// Bad input, already explained in full: 2. Clap uses the same code for bad arguments.
    BadInput(String),
    /// An objective was missed, and the user asked to be told: 3.
    ObjectiveMissed,
    /// The precision that was asked for was not reached; what was measured has been shown: 4.
    Imprecise,
    /// The user stopped the run; what was measured has been shown: 130, as for any program that an
    /// interrupt ends, so that a script's loop ends too.
    Interrupted,
}

impl Ending {
    /// Says what is left to be said, and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        let code = match self {
            Self::Done => 0,
            Self::Failed(why) => {
                terminal::complain(&format!("error: {why}\n"));
                1
            }
            Self::BadInput(why) => {
                terminal::complain(&why);
                2
            }
            Self::ObjectiveMissed => 3,
            Self::Imprecise => 4,
            Self::Interrupted => 130,
        };
        ExitCode::from(code)
    }
}

/// When nobody reads on (`stormglass … | head`), there is nothing left to do and no one to tell.
impl From<Unwritable> for Ending {
    fn from(error: Unwritable) -> Self {
        match error {
            Unwritable::NobodyReads => Self::Done,
            Unwritable::Failed(error) => Self::Failed(format!("cannot write the output: {error}")),
        }
    }
}

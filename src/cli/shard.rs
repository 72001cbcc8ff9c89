//! `--shard`: which part of a sweep this machine runs, by the user's word or by its scheduler's.

use std::env;
use std::str::FromStr;

/// What was written after `--shard`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shard {
    /// `I/N`, I from 1.
    Given { shard: u32, of: u32 },
    /// `auto/N`, or `auto`, which takes N from Slurm.
    Auto { of: Option<u32> },
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const USAGE: &str = "write `I/N`, such as `3/8`, I from 1; or `auto/N`, or `auto`";
        let count = |word: &str| word.parse().ok().filter(|of| *of > 0).ok_or(USAGE);
        match text.split_once('/') {
            None if text == "auto" => Ok(Self::Auto { of: None }),
            None => Err(USAGE.to_owned()),
            Some(("auto", of)) => Ok(Self::Auto {
                of: Some(count(of)?),
            }),
            Some((shard, of)) => {
                let (shard, of) = (count(shard)?, count(of)?);
                match shard <= of {
                    true => Ok(Self::Given { shard, of }),
                    false => Err(format!("there is no shard {shard} of {of}; {USAGE}")),
                }
            }
        }
    }
}

impl Shard {
    /// The shard's number, from 1, and how many there are.
    ///
    /// # Errors
    /// In words: `auto` where no scheduler says which.
    pub(crate) fn resolve(self) -> Result<(u32, u32), String> {
        match self {
            Self::Given { shard, of } => Ok((shard, of)),
            Self::Auto { of } => automatic(of, |name| env::var(name).ok()),
        }
    }
}

/// Slurm counts from where `--array` says, Kubernetes from 0.
fn automatic(
    of: Option<u32>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(u32, u32), String> {
    let number = |name: &str| -> Result<Option<u32>, String> {
        let value = variable(name).filter(|value| !value.is_empty());
        value
            .map(|value| value.parse::<u32>())
            .transpose()
            .map_err(|_| format!("--shard auto: {name} is not a number"))
    };
    let (shard, of) = match (
        number("SLURM_ARRAY_TASK_ID")?,
        number("JOB_COMPLETION_INDEX")?,
        of,
    ) {
        (Some(task), None, Some(of)) => (task, of),
        (Some(task), None, None) => {
            let part = |name: &str| -> Result<u32, String> {
                number(name)?.ok_or_else(|| format!("--shard auto: {name} is not set"))
            };
            let (first, last) = (part("SLURM_ARRAY_TASK_MIN")?, part("SLURM_ARRAY_TASK_MAX")?);
            let of = part("SLURM_ARRAY_TASK_COUNT")?;
            // A part of an array that is run again says nothing of the others.
            if first != 1 || last != of {
                return Err(format!(
                    "--shard auto: the array is not 1-{of}, so that it does not say how many shards \
                     there are; write `--shard auto/N`"
                ));
            }
            (task, of)
        }
        (None, Some(index), Some(of)) => (index.saturating_add(1), of),
        (None, Some(_), None) => {
            return Err(
                "--shard auto: Kubernetes does not say how many shards there are; write \
                 `--shard auto/N` with N as in `completions`"
                    .to_owned(),
            );
        }
        (None, None, _) => {
            return Err(
                "--shard auto: neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set; write \
                 `--shard I/N`"
                    .to_owned(),
            );
        }
        (Some(_), Some(_), _) => {
            return Err(
                "--shard auto: both SLURM_ARRAY_TASK_ID and JOB_COMPLETION_INDEX are set; write \
                 `--shard I/N`"
                    .to_owned(),
            );
        }
    };
    match (1..=of).contains(&shard) {
        true => Ok((shard, of)),
        false => Err(format!(
            "--shard auto: there is no shard {shard} of {of}; give Slurm `--array=1-{of}`, Kubernetes \
             `completions: {of}`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auto(of: Option<u32>, set: &[(&str, &str)]) -> Result<(u32, u32), String> {
        automatic(of, |name| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_shard_is_written_as_a_fraction() {
        assert_eq!("3/8".parse(), Ok(Shard::Given { shard: 3, of: 8 }));
        assert_eq!("auto/8".parse(), Ok(Shard::Auto { of: Some(8) }));
        assert_eq!("auto".parse(), Ok(Shard::Auto { of: None }));
        for wrong in [
            "0/8",
            "9/8",
            "3",
            "3/",
            "/8",
            "3/0",
            "auto/0",
            "-1/8",
            "automatic",
        ] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn schedulers_say_which() {
        const ID: &str = "SLURM_ARRAY_TASK_ID";
        let array = |id, min, max, count| {
            [
                (ID, id),
                ("SLURM_ARRAY_TASK_MIN", min),
                ("SLURM_ARRAY_TASK_MAX", max),
                ("SLURM_ARRAY_TASK_COUNT", count),
            ]
        };
        assert_eq!(auto(None, &array("3", "1", "8", "8")), Ok((3, 8)));
        assert_eq!(auto(Some(8), &array("3", "3", "3", "1")), Ok((3, 8)));
        assert_eq!(auto(Some(8), &[("JOB_COMPLETION_INDEX", "0")]), Ok((1, 8)));
        assert_eq!(auto(Some(8), &[("JOB_COMPLETION_INDEX", "7")]), Ok((8, 8)));
    }

    #[test]
    fn where_nobody_says_which_nothing_is_guessed() {
        const ID: &str = "SLURM_ARRAY_TASK_ID";
        const INDEX: &str = "JOB_COMPLETION_INDEX";
        let part = [
            (ID, "3"),
            ("SLURM_ARRAY_TASK_MIN", "3"),
            ("SLURM_ARRAY_TASK_MAX", "3"),
            ("SLURM_ARRAY_TASK_COUNT", "1"),
        ];
        for (of, set, says) in [
            (Some(8), &[][..], "neither"),
            (None, &[(INDEX, "0")], "auto/N"),
            (None, &part, "auto/N"),
            (None, &[(ID, "3")], "SLURM_ARRAY_TASK_MIN"),
            (Some(8), &[(ID, "0")], "--array=1-8"),
            (Some(8), &[(INDEX, "8")], "completions: 8"),
            (Some(8), &[(ID, "x")], "not a number"),
            (Some(8), &[(ID, "1"), (INDEX, "0")], "both"),
        ] {
            let error = auto(of, set).unwrap_err();
            assert!(error.contains(says), "{set:?}: {error}");
        }
    }
}

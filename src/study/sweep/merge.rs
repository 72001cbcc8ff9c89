//! Shards from many machines become what one machine would have given.

use super::cell::CellResult;
use super::outline::Outline;
use super::store::{CellStore, ShardRecord};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Why shards can not be joined.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// A folder without shards.
    #[error("`{}` has no finished shard; `stormglass sweep FILE --shard I/N --out DIR` makes one", .0.display())]
    NoShard(PathBuf),
    /// A file that is not what a shard says of itself.
    #[error("`{}` can not be read; run that shard again", .0.display())]
    Unreadable(PathBuf),
    /// Shards of two studies.
    #[error("`{}` is not of the same study as `{}`: {what}", this.display(), first.display())]
    OtherStudy {
        /// Which file.
        this: PathBuf,
        /// That of the first shard.
        first: PathBuf,
        /// Wherein they differ.
        what: String,
    },
    /// A shard that is there twice.
    #[error("shard {shard} of {of} is there twice: `{}` and `{}`", one.display(), other.display())]
    Double {
        /// Its number, from 1.
        shard: u32,
        /// How many there are.
        of: u32,
        /// A file.
        one: PathBuf,
        /// Another.
        other: PathBuf,
    },
    /// Shards that are not there.
    #[error("of {of} shards, {} missing; `stormglass sweep {experiment} --shard {}/{of}` makes the first of them", listed(shards), shards[0])]
    Missing {
        /// Their numbers, from 1.
        shards: Vec<u32>,
        /// How many there are in all.
        of: u32,
        /// The experiment file.
        experiment: String,
    },
    /// A shard without the result of one of its cells.
    #[error("shard {shard} of {of} in `{}` has no result of cell {cell}, or half of one; run that shard again: it makes what is missing", folder.display())]
    NoCell {
        /// The cell.
        cell: usize,
        /// The shard's number, from 1.
        shard: u32,
        /// How many there are.
        of: u32,
        /// Where it was looked for.
        folder: PathBuf,
    },
}

/// Joins all shards that are in the folders: what the sweep is, and the results of all its cells.
///
/// # Errors
/// [`MergeError`] unless every shard of one study is there once, and whole.
pub fn merge(folders: &[PathBuf]) -> Result<(Outline, Vec<CellResult>), MergeError> {
    let mut shards: BTreeMap<u32, (PathBuf, ShardRecord, CellStore)> = BTreeMap::new();
    let mut first: Option<(PathBuf, Outline, u32)> = None;
    for folder in folders {
        let store = CellStore::new(folder);
        let found = store.shards();
        if found.is_empty() {
            return Err(MergeError::NoShard(folder.clone()));
        }
        for (path, record) in found {
            let record = record.filter(ShardRecord::is_sound);
            let record = record.ok_or_else(|| MergeError::Unreadable(path.clone()))?;
            match &first {
                None => first = Some((path.clone(), record.sweep.clone(), record.of)),
                Some((first, sweep, of)) => same_study(first, sweep, *of, &path, &record)?,
            }
            if let Some((one, ..)) = shards.get(&record.shard) {
                return Err(MergeError::Double {
                    shard: record.shard,
                    of: record.of,
                    one: one.clone(),
                    other: path,
                });
            }
            shards.insert(record.shard, (path, record, store.clone()));
        }
    }
    let Some((_, _, of)) = first else {
        return Err(MergeError::NoShard(PathBuf::new()));
    };
    let missing: Vec<u32> = (1..=of).filter(|n| !shards.contains_key(n)).collect();
    // Which paths are told must not depend on the order of the folders.
    let (_, lowest, _) = shards.values().next().expect("there is a first one");
    let outline = lowest.sweep.clone();
    if !missing.is_empty() {
        return Err(MergeError::Missing {
            shards: missing,
            of,
            experiment: outline.experiment.file,
        });
    }
    let mut results: Vec<Option<CellResult>> = vec![None; outline.cells.len()];
    for (path, record, store) in shards.values() {
        for cell in outline.cells_of(record.shard, of) {
            let result = store.get(&cell.key).ok_or_else(|| MergeError::NoCell {
                cell: cell.index,
                shard: record.shard,
                of,
                folder: path.parent().map_or_else(PathBuf::new, Path::to_path_buf),
            })?;
            results[cell.index] = Some(result);
        }
    }
    Ok((outline, results.into_iter().flatten().collect()))
}

fn same_study(
    first: &Path,
    sweep: &Outline,
    of: u32,
    path: &Path,
    record: &ShardRecord,
) -> Result<(), MergeError> {
    let other = &record.sweep;
    let what = if other.program != sweep.program {
        format!(
            "it was run by another program ({} {}, not {} {})",
            other.program.version, other.program.hash, sweep.program.version, sweep.program.hash
        )
    } else if other.model.sha256 != sweep.model.sha256 {
        "the model file was another one".to_owned()
    } else if other.experiment.sha256 != sweep.experiment.sha256 {
        "the experiment file was another one".to_owned()
    } else if other.plan != sweep.plan {
        "a file that the model reads was another one".to_owned()
    } else if record.of != of {
        format!("it is one of {} shards, not of {of}", record.of)
    } else {
        return Ok(());
    };
    Err(MergeError::OtherStudy {
        this: path.to_owned(),
        first: first.to_owned(),
        what,
    })
}

fn listed(shards: &[u32]) -> String {
    const MOST: usize = 8;
    let shown: Vec<String> = shards.iter().take(MOST).map(u32::to_string).collect();
    let rest = shards.len().saturating_sub(MOST);
    let more = if rest > 0 {
        format!(" and {rest} more")
    } else {
        String::new()
    };
    let verb = if shards.len() == 1 { "is" } else { "are" };
    format!("{}{more} {verb}", shown.join(", "))
}

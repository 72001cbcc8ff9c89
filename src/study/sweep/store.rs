//! Where the results of cells are kept between two starts: one file for each, named by its key.
//!
//! A file is there whole or not at all, so that a kill at any moment loses the cells in hand and no
//! others. What can not be read is run again.

use super::cell::CellResult;
use crate::StudyError;
use crate::output::write_files;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder of results.
#[derive(Clone, Debug)]
pub struct CellStore {
    folder: PathBuf,
}

/// What a shard of a sweep says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShardRecord {
    /// The hash of the plan that it belongs to.
    pub plan: String,
    /// Its number, from 1.
    pub shard: u32,
    /// How many there are.
    pub of: u32,
    /// The keys of its cells.
    pub cells: Vec<String>,
}

impl CellStore {
    /// The results below a folder.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The result of a cell, if it is there and whole.
    pub fn get(&self, key: &str) -> Option<CellResult> {
        let text = fs::read(self.folder.join(name(key))).ok()?;
        let result: CellResult = serde_json::from_slice(&text).ok()?;
        let whole = result
            .values
            .iter()
            .all(|v| v.len() == result.metrics.len());
        (result.key == key && whole).then_some(result)
    }

    /// Keeps a result.
    ///
    /// # Errors
    /// [`StudyError::Output`] when the file can not be written.
    pub fn put(&self, result: &CellResult) -> Result<(), StudyError> {
        let text = serde_json::to_string(result).expect("plain data becomes JSON");
        write_files(&self.folder, &[(name(&result.key), text + "\n")])?;
        Ok(())
    }

    /// Keeps what a shard says of itself.
    ///
    /// # Errors
    /// [`StudyError::Output`] when the file can not be written.
    pub fn put_shard(&self, shard: &ShardRecord) -> Result<(), StudyError> {
        let text = serde_json::to_string_pretty(shard).expect("plain data becomes JSON");
        let name = format!("shard-{}-of-{}.json", shard.shard, shard.of);
        write_files(&self.folder, &[(name, text + "\n")])?;
        Ok(())
    }

    /// The shards that have been finished into this folder.
    pub fn shards(&self) -> Vec<ShardRecord> {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        paths
            .iter()
            .filter(|path| {
                let name = path.file_name().and_then(|name| name.to_str());
                name.is_some_and(|name| name.starts_with("shard-") && name.ends_with(".json"))
            })
            .filter_map(|path| serde_json::from_slice(&fs::read(path).ok()?).ok())
            .collect()
    }
}

fn name(key: &str) -> String {
    format!("cells/{key}.json")
}

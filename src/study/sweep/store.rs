//! Where the results of cells are kept between two starts: one file for each, named by its key.
//!
//! A file is there whole or not at all, so that a kill at any moment loses the cells in hand and no
//! others. What can not be read is run again.

use super::cell::CellResult;
use super::outline::Outline;
use crate::StudyError;
use crate::output::write_files;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Of the files of shards; a change that `merge` must know of gives another number.
pub(crate) const SHARD_FORMAT: u32 = 1;

/// A folder of results.
#[derive(Clone, Debug)]
pub struct CellStore {
    folder: PathBuf,
}

/// What a finished shard of a sweep says of itself.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ShardRecord {
    /// Of this file: 1.
    pub shard_format: u32,
    /// Its number, from 1.
    pub shard: u32,
    /// How many there are.
    pub of: u32,
    /// The whole sweep, of which this shard has [`Outline::cells_of`].
    pub sweep: Outline,
}

impl ShardRecord {
    /// Whether this program wrote it so: neither another version of the format nor a hand.
    pub(crate) fn is_sound(&self) -> bool {
        let there = (1..=self.of).contains(&self.shard);
        self.shard_format == SHARD_FORMAT && there && self.sweep.is_sound()
    }
}

impl CellStore {
    /// The results below a folder.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The result of a cell, if it is there and whole.
    pub fn get(&self, key: &str) -> Option<CellResult> {
        let text = fs::read(self.folder.join(file_of_cell(key))).ok()?;
        let result: CellResult = serde_json::from_slice(&text).ok()?;
        let whole = result
            .values
            .iter()
            .all(|v| v.len() == result.figures.len());
        (result.key == key && whole).then_some(result)
    }

    /// Keeps a result.
    ///
    /// # Errors
    /// [`StudyError::Output`] when the file can not be written.
    pub fn put(&self, result: &CellResult) -> Result<(), StudyError> {
        let text = serde_json::to_string(result).expect("plain data becomes JSON");
        write_files(&self.folder, &[(file_of_cell(&result.key), text + "\n")])?;
        Ok(())
    }

    /// Says that all cells of a shard, from 1, are there.
    ///
    /// # Errors
    /// [`StudyError::Output`] when the file can not be written.
    pub fn put_shard(&self, shard: u32, of: u32, sweep: &Outline) -> Result<(), StudyError> {
        let record = ShardRecord {
            shard_format: SHARD_FORMAT,
            shard,
            of,
            sweep: sweep.clone(),
        };
        let text = serde_json::to_string_pretty(&record).expect("plain data becomes JSON");
        let name = file_of_shard(shard, of);
        write_files(&self.folder, &[(name, text + "\n")])?;
        Ok(())
    }

    /// A shard that has been finished into this folder.
    pub fn shard(&self, shard: u32, of: u32) -> Option<ShardRecord> {
        let text = fs::read(self.folder.join(file_of_shard(shard, of))).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// The shards that have been finished into this folder, by the names of their files; `None` for
    /// a file that can not be read.
    pub fn shards(&self) -> Vec<(PathBuf, Option<ShardRecord>)> {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        let is_shard = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with("shard-") && name.ends_with(".json"))
        };
        let read = |path: PathBuf| {
            let text = fs::read(&path).ok();
            let shard = text.and_then(|text| serde_json::from_slice(&text).ok());
            (path, shard)
        };
        paths.into_iter().filter(is_shard).map(read).collect()
    }

    /// Removes what a kill left of these cells half-written, now that they are whole. What can not
    /// be removed does no harm.
    pub fn clear_away<'k>(&self, keys: impl Iterator<Item = &'k str>) {
        let keys: BTreeSet<&str> = keys.collect();
        let entries = fs::read_dir(self.folder.join("cells"));
        for entry in entries.into_iter().flatten().flatten() {
            let name = entry.file_name();
            let key = name.to_str().and_then(|name| {
                let (key, rest) = name.split_once('.')?;
                rest.ends_with(".part").then_some(key)
            });
            if key.is_some_and(|key| keys.contains(key)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// The name of the file of a cell, below the folder.
pub(crate) fn file_of_cell(key: &str) -> String {
    format!("cells/{key}.json")
}

/// The name of the file of a shard.
pub(crate) fn file_of_shard(shard: u32, of: u32) -> String {
    format!("shard-{shard}-of-{of}.json")
}

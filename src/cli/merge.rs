//! `stormglass merge`: the shards of a sweep in, the tables of the whole out.

use crate::args::MergeArgs;
use crate::ending::Ending;
use crate::sweep::finish;
use crate::terminal::Unwritable;
use study::sweep::CellStore;

/// Joins, shows, keeps: what one machine would have written, cells included.
pub(crate) fn merge(args: &MergeArgs) -> Result<Ending, Unwritable> {
    let (outline, results) = match study::sweep::merge(&args.folders) {
        Ok(merged) => merged,
        Err(error) => return Ok(Ending::BadInput(format!("error: {error}\n"))),
    };
    let store = CellStore::new(&args.out);
    for result in &results {
        if store.get(&result.key).as_ref() == Some(result) {
            continue;
        }
        if let Err(error) = store.put(result) {
            return Ok(Ending::Failed(error.to_string()));
        }
    }
    finish(&outline, results, &store)
}

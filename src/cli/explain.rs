//! `stormglass explain`: the folder of a run in, why its requests failed out.

use crate::args::{ExplainArgs, Format};
use crate::ending::Ending;
use crate::terminal::{self, Unwritable};
use study::folder::{Found, read};

/// Reads, explains, shows.
pub(crate) fn explain(args: &ExplainArgs) -> Result<Ending, Unwritable> {
    let found = match read(&args.folder) {
        Ok(found) => found,
        Err(error) => return Ok(Ending::BadInput(format!("error: {error}\n"))),
    };
    let Found::Run(run) = found else {
        return Ok(Ending::BadInput(format!(
            "error: {}: only a run can be explained, and this is another command's folder; \
             `stormglass run FILE` writes one and says where\n",
            args.folder.display()
        )));
    };
    let explanation = study::explain::explain(&run.record);
    match args.format {
        Format::Text => {
            let text = report::text::explanation(&explanation, &terminal::style());
            terminal::print(&text)?;
        }
        Format::Json => {
            terminal::print(&study::explain::to_json(&explanation))?;
            terminal::print("\n")?;
        }
    }
    Ok(Ending::Done)
}

//! `stormglass completions` and `stormglass man`: what the command line says of itself, in the forms that
//! shells and `man` read. Both are made from the arguments' own declarations, and cannot disagree with them.

use crate::args::Args;
use crate::ending::Ending;
use crate::terminal::{self, Unwritable};
use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;
use std::io;
use std::path::Path;

/// Prints the script that a shell sources.
pub(crate) fn completions(shell: Shell) -> Result<Ending, Unwritable> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "stormglass", &mut script);
    terminal::print(&String::from_utf8_lossy(&script))?;
    Ok(Ending::Done)
}

/// Prints the page of the program, or writes it and one for each command into a folder.
pub(crate) fn man(out: Option<&Path>) -> Result<Ending, Unwritable> {
    let pages = match pages() {
        Ok(pages) => pages,
        Err(error) => return Ok(Ending::Failed(format!("cannot form the manual: {error}"))),
    };
    let Some(folder) = out else {
        let first = pages.first().map_or(&[][..], |(_, page)| page);
        terminal::print(&String::from_utf8_lossy(first))?;
        return Ok(Ending::Done);
    };
    match study::write_files(folder, &pages) {
        Ok(paths) => {
            for path in paths {
                terminal::print(&format!("wrote {}\n", path.display()))?;
            }
            Ok(Ending::Done)
        }
        Err(error) => Ok(Ending::Failed(error.to_string())),
    }
}

/// Names and texts, the program's own first.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    // Without `help`, which would have a page that says less than this one.
    let mut program = Args::command().disable_help_subcommand(true);
    program.build();
    let commands = program.get_subcommands().cloned();
    let all = [program.clone()].into_iter().chain(commands);
    all.map(|command| {
        let man = Man::new(command);
        let mut page = Vec::new();
        man.render(&mut page)?;
        Ok((man.get_filename(), usual(&String::from_utf8_lossy(&page))))
    })
    .collect()
}

/// With the headings that manual pages have, and with letters beyond ASCII as every `troff` reads them.
fn usual(page: &str) -> Vec<u8> {
    let page = page
        .replace("\n.SH EXTRA\nExamples:\n", "\n.SH EXAMPLES\n")
        .replace("\n.SH EXTRA\nExit codes: ", "\n.SH \"EXIT STATUS\"\n")
        .replace("\n.SH EXTRA\n", "\n.SH NOTES\n");
    let mut plain = String::with_capacity(page.len());
    for letter in page.chars() {
        match letter {
            letter if letter.is_ascii() => plain.push(letter),
            letter => plain.push_str(&format!("\\[u{:04X}]", u32::from(letter))),
        }
    }
    plain.into_bytes()
}

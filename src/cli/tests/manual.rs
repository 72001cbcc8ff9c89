//! `stormglass completions` and `stormglass man`, as the programs that read them see them.

#![cfg(unix)] // scripts are handed to a shell

use assert_cmd::Command;
use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

fn stormglass(args: &[&str]) -> String {
    let mut command = Command::cargo_bin("stormglass").unwrap();
    let output = command.args(args).assert().code(0).get_output().clone();
    assert_eq!(output.stderr, b"");
    String::from_utf8(output.stdout).unwrap()
}

/// The commands that the help lists, but for `help` itself.
fn commands() -> Vec<String> {
    let help = stormglass(&["--help"]);
    let list = help.split("Commands:\n").nth(1).unwrap();
    let list = list.split("\n\n").next().unwrap();
    let names = list.lines().filter_map(|line| {
        let name = line.strip_prefix("  ")?.split(' ').next()?;
        (!name.is_empty() && name != "help").then(|| name.to_owned())
    });
    let names: Vec<String> = names.collect();
    assert!(names.len() > 8, "{names:?}");
    names
}

/// What a program makes of it, or nothing where it is not installed.
fn told(program: &str, args: &[&str]) -> Option<Output> {
    let mut command = std::process::Command::new(program);
    command.args(args).stdin(Stdio::null()).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.output().ok()
}

#[test]
fn every_shell_hears_of_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stormglass(&["completions", shell]);
        for command in commands() {
            assert!(script.contains(&command), "{shell}: {command}");
        }
        assert!(script.contains("max-replications"), "{shell}");
    }
}

/// Sources the script, and asks the function that it leaves behind as the shell does.
#[test]
fn bash_completes_commands_options_and_values() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("stormglass.bash");
    fs::write(&script, stormglass(&["completions", "bash"])).unwrap();
    let complete = |words: &str| -> Vec<String> {
        let program = format!(
            "source '{}' && complete -p stormglass >/dev/null && COMP_WORDS=({words}) && \
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)) && cur=${{COMP_WORDS[COMP_CWORD]}} && \
             prev=${{COMP_WORDS[COMP_CWORD-1]}} && _stormglass stormglass \"$cur\" \"$prev\" && \
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            script.display()
        );
        let output = told("bash", &["--norc", "-c", &program]).expect("bash is there");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{words}");
        assert!(output.status.success(), "{words}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    assert_eq!(complete("stormglass cap"), ["capacity"]);
    assert_eq!(
        complete("stormglass run --rep"),
        ["--replications", "--replication"]
    );
    assert_eq!(complete("stormglass run --format ''"), ["text", "json"]);
    assert_eq!(complete("stormglass completions pow"), ["powershell"]);
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("man/man1");
    let printed = stormglass(&["man", "--out", folder.to_str().unwrap()]);
    let mut expected: Vec<String> = commands()
        .iter()
        .map(|command| format!("stormglass-{command}.1"))
        .collect();
    expected.push("stormglass.1".to_owned());
    expected.sort();
    let mut written: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    written.sort();
    assert_eq!(written, expected);
    assert_eq!(printed.lines().count(), expected.len());

    let page = fs::read_to_string(folder.join("stormglass.1")).unwrap();
    assert_eq!(page, stormglass(&["man"]));
    for name in &written {
        sets_cleanly(&folder.join(name));
    }
    assert!(page.contains("EXIT STATUS"), "{page}");
    let compare = fs::read_to_string(folder.join("stormglass-compare.1")).unwrap();
    assert!(
        compare.contains(".SH EXAMPLES\n  stormglass compare "),
        "{compare}"
    );
    let run = shown(&folder.join("stormglass-run.1"));
    for said in [
        "stormglass run",
        "--fail-on",
        "Run a model and show how it did",
    ] {
        // Lines are spread to a margin.
        let words: Vec<&str> = run.split_whitespace().collect();
        assert!(
            run.is_empty() || words.join(" ").contains(said),
            "{said}: {run}"
        );
    }
}

/// Typesets a page without a warning, where there is something to do that.
fn sets_cleanly(page: &Path) {
    let page = page.to_str().unwrap();
    if let Some(output) = told("groff", &["-man", "-Tutf8", "-ww", "-z", page]) {
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success() && complaint.is_empty(),
            "{page}: {complaint}"
        );
    }
}

/// A page as text without bold and underlined letters; empty where nothing can set it.
fn shown(page: &Path) -> String {
    let page = page.to_str().unwrap();
    let args = ["-man", "-Tascii", "-P-cbou", "-rLL=78n", page];
    let output = told("groff", &args).filter(|output| output.status.success());
    output.map_or_else(String::new, |output| {
        String::from_utf8_lossy(&output.stdout).into_owned()
    })
}

#[test]
fn a_folder_that_cannot_be_written_and_an_unknown_shell_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("taken");
    fs::write(&file, "").unwrap();
    let mut command = Command::cargo_bin("stormglass").unwrap();
    command.arg("man").arg("--out").arg(&file).assert().code(1);
    let mut command = Command::cargo_bin("stormglass").unwrap();
    let output = command.args(["completions", "tcsh"]).assert().code(2);
    let complaint = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    assert!(complaint.contains("powershell"), "{complaint}");
}

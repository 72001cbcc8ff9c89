//! The documentation is true: its commands run and end as it says, the pages that it shows look
//! like those that are printed, its models are sound, the reference misses no key, and its links
//! lead somewhere.
//!
//! It judges the form of what is shown, never its figures.

#![cfg(unix)] // commands are written for a shell

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A fenced block of a page.
struct Block {
    language: String,
    text: String,
    /// Of its first line, from 1.
    line: usize,
}

/// A command of a page, and what the page says of it.
struct Line {
    /// What follows the name of the program.
    args: String,
    code: i32,
    /// Its output is shown, or its end depends on how much is run: it is run as it stands.
    in_full: bool,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap()
}

/// `README.md` and everything in `docs/`.
fn pages() -> Vec<String> {
    let docs = fs::read_dir(root().join("docs")).unwrap();
    let names = docs.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut pages: Vec<String> = names
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    pages.push("README.md".to_owned());
    pages.sort();
    pages
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if inside => inside = false,
            Some(language) => {
                inside = true;
                blocks.push(Block {
                    language: language.to_owned(),
                    text: String::new(),
                    line: index + 2,
                });
            }
            None if inside => {
                let block = blocks.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            None => {}
        }
    }
    assert!(!inside, "a block is not closed");
    blocks
}

/// The commands of a block that are stormglass's; `shown` when their output follows.
fn lines(block: &Block, shown: bool) -> Vec<Line> {
    let joined = block.text.replace("\\\n", " ");
    let ours = joined.lines().filter_map(|line| {
        ["stormglass ", "cargo run --release -- "]
            .iter()
            .find_map(|name| line.strip_prefix(name))
    });
    ours.map(|args| {
        let says = args.split_once(" exits ").map(|(_, rest)| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().expect("`exits` is followed by a code")
        });
        Line {
            args: args.to_owned(),
            code: says.unwrap_or(0),
            in_full: shown || says.is_some() || args.contains("duration"),
        }
    })
    .collect()
}

/// A folder with the project's models in it, for the commands of one page.
fn place() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["models", "experiments"] {
        copy(&root().join(folder), &dir.path().join(folder));
    }
    dir
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

/// Runs a command line and gives all that it printed.
fn run(dir: &Path, line: &Line, at: &str) -> String {
    let mut args = line.args.clone();
    if let (Some(rest), false) = (args.strip_prefix("run "), line.in_full) {
        args = format!("run --duration 5s --warmup 0s {rest}");
    }
    if let (Some(rest), false) = (args.strip_prefix("compare "), line.in_full) {
        let fewer = rest
            .replace("--replications 8 ", "--replications 2 ")
            .replace("--replications 16 ", "--replications 2 ");
        args = format!("compare --set run.duration=20s --set run.warmup=0s {fewer}");
    }
    if let (Some(rest), false) = (args.strip_prefix("sweep "), line.in_full) {
        shorten(&dir.join(rest.split(' ').next().unwrap_or_default()));
    }
    let output = Command::new("/bin/sh")
        .args(["-c", &format!("\"$STORMGLASS\" {args}")])
        .env("STORMGLASS", assert_cmd::cargo::cargo_bin("stormglass"))
        .env("NO_COLOR", "1")
        .env_remove("CLICOLOR_FORCE")
        .env_remove("COLUMNS")
        .current_dir(dir)
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8(printed).unwrap();
    let code = output.status.code();
    assert_eq!(code, Some(line.code), "{at}: stormglass {args}\n{printed}");
    printed
}

/// Makes a copy of an experiment run for seconds, where it says nothing of its own of that.
fn shorten(experiment: &Path) {
    let Ok(text) = fs::read_to_string(experiment) else {
        return;
    };
    if text.lines().any(|line| line.starts_with("set:")) {
        return;
    }
    let kept = text
        .lines()
        .filter(|line| !line.starts_with("replications:"));
    let mut short: String = kept.flat_map(|line| [line, "\n"]).collect();
    short.push_str("set: {run.duration: 20s, run.warmup: 0s}\nreplications: {min: 2, max: 2}\n");
    fs::write(experiment, short).unwrap();
}

/// The words of a printed page without its figures: digits become `#`, units of time `T`, and what
/// is drawn is left out.
fn form(text: &str) -> Vec<String> {
    let plain = text.replace(
        |c: char| ('\u{2500}'..'\u{25a0}').contains(&c) && !matches!(c, '─' | '│'),
        " ",
    );
    plain.split_whitespace().map(form_of_word).collect()
}

fn form_of_word(word: &str) -> String {
    if word.len() == 16 && word.bytes().all(|b| b.is_ascii_hexdigit()) {
        return "FINGERPRINT".to_owned();
    }
    let (word, end) = match word.strip_suffix([',', ')']) {
        Some(shorter) => (shorter, &word[shorter.len()..]),
        None => (word, ""),
    };
    if ["ns", "µs", "ms", "s", "min", "h"].contains(&word) {
        return format!("T{end}");
    }
    let mut form = String::new();
    for letter in word.chars() {
        let figure = letter.is_ascii_digit() || matches!(letter, ',' | '.');
        match (figure, form.ends_with('#')) {
            (true, true) => {}
            (true, false) => form.push('#'),
            (false, _) => form.push(letter),
        }
    }
    form + end
}

#[test]
fn commands_run_and_print_what_is_shown() {
    let mut count = 0;
    for page in pages() {
        let dir = place();
        let blocks = blocks(&read(&page));
        for (index, block) in blocks.iter().enumerate() {
            if block.language != "sh" {
                continue;
            }
            let at = format!("{page}:{}", block.line);
            let shown = blocks.get(index + 1).filter(|next| next.language == "text");
            let mut printed = String::new();
            for line in lines(block, shown.is_some()) {
                printed += &run(dir.path(), &line, &at);
                count += 1;
            }
            if let (Some(shown), false) = (shown, printed.is_empty()) {
                let form_of_all = form(&printed);
                let mut rest = &form_of_all[..];
                for part in shown.text.split("…\n") {
                    let part = form(part);
                    if part.is_empty() {
                        continue;
                    }
                    let found = rest.windows(part.len()).position(|words| words == part);
                    let found = found.unwrap_or_else(|| {
                        panic!(
                            "{page}:{}: not what is printed:\n{printed}\n{}",
                            shown.line,
                            part.join(" ")
                        )
                    });
                    rest = &rest[found + part.len()..];
                }
            }
        }
    }
    assert!(count > 20, "only {count} commands were found");
}

/// A YAML text by its top-level keys, each with its lines.
fn sections(text: &str) -> Vec<(String, String)> {
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let key = line.split_once(':').map(|(key, _)| key);
        match (key, sections.last_mut()) {
            (Some(key), _) if line.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                sections.push((key.to_owned(), format!("{line}\n")));
            }
            (_, Some((_, lines))) => lines.push_str(&format!("{line}\n")),
            _ => {}
        }
    }
    sections
}

/// A model with the sections of an example: what has names, and faults, are added, the rest is
/// replaced.
fn with_example(model: &str, example: &str) -> String {
    let mut sections_of_all = sections(model);
    for (key, lines) in sections(example) {
        let adds = [
            "zones",
            "policies",
            "services",
            "stores",
            "workloads",
            "faults",
        ]
        .contains(&&*key);
        match sections_of_all.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) if adds => {
                known.push_str(lines.split_once('\n').map_or("", |(_, body)| body));
            }
            Some((_, known)) => *known = lines,
            None => sections_of_all.push((key, lines)),
        }
    }
    sections_of_all
        .into_iter()
        .map(|(_, lines)| lines)
        .collect()
}

fn is_whole(text: &str) -> bool {
    let keys: Vec<String> = sections(text).into_iter().map(|(key, _)| key).collect();
    ["services", "workloads"].map(|key| keys.iter().any(|known| known == key)) == [true; 2]
}

/// Models that a page shows whole, and in the reference every example besides.
#[test]
fn models_are_sound() {
    let dir = tempfile::tempdir().unwrap();
    let mut count = 0;
    for page in pages() {
        let reference = page == "docs/model.md";
        let blocks = blocks(&read(&page));
        let yaml = || blocks.iter().filter(|block| block.language == "yaml");
        let whole = yaml().find(|block| is_whole(&block.text));
        for block in yaml() {
            let text = match whole {
                _ if is_whole(&block.text) => block.text.clone(),
                Some(whole) if reference => with_example(&whole.text, &block.text),
                _ => continue,
            };
            fs::write(dir.path().join("model.yaml"), text).unwrap();
            let line = Line {
                args: "check model.yaml".to_owned(),
                code: 0,
                in_full: true,
            };
            run(dir.path(), &line, &format!("{page}:{}", block.line));
            count += 1;
        }
    }
    assert!(count > 5, "only {count} models were found");
}

/// Every key and every word of the schema stands in the reference, as code.
#[test]
fn the_reference_is_complete() {
    let line = Line {
        args: "schema model".to_owned(),
        code: 0,
        in_full: true,
    };
    let schema = run(Path::new("."), &line, "docs/model.md");
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let mut words = BTreeSet::new();
    gather(&schema, &mut words);
    assert!(words.len() > 100, "{words:?}");

    let text = read("docs/model.md");
    let blocks: String = blocks(&text).into_iter().map(|block| block.text).collect();
    let spans = text.split('`').skip(1).step_by(2);
    let code: Vec<&str> = spans.chain([&*blocks]).collect();
    let parts = |text: &str| -> BTreeSet<String> {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .map(str::to_owned)
            .collect()
    };
    let known: BTreeSet<String> = code.into_iter().flat_map(parts).collect();
    let missing: Vec<_> = words.difference(&known).collect();
    assert!(
        missing.is_empty(),
        "docs/model.md says nothing of {missing:?}"
    );
}

/// The list of metrics in docs/sweeps.md, by what they are of: each is one of some model, and no model has others.
#[test]
fn every_metric_is_listed() {
    let text = read("docs/sweeps.md");
    let list = text.split("## Metrics").nth(1).unwrap();
    let list = list.split("\n## ").next().unwrap();
    let listed: Vec<(&str, BTreeSet<&str>)> = list
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|row| {
            let (of, words) = row.split_once("` | ").unwrap();
            let scope = of.split_once('.').unwrap().0;
            (scope, words.split('`').skip(1).step_by(2).collect())
        })
        .collect();
    assert!(listed.len() > 8, "{list}");
    let dir = place();
    let mut met = BTreeSet::new();
    for args in [
        "bad_config.yaml",
        "discovery_lease_vs_gossip.yaml",
        "failover_raft.yaml",
        "order_rollback.yaml --set stores.stock.replicas=1 --set stores.stock.lag=100ms",
        "saga.yaml",
        "sock_shop.yaml --set 'services.edge-router.autoscale={max: 4, utilization: 70%}'",
    ] {
        let line = Line {
            args: format!("run models/{args} --duration 2s --warmup 0s --format json"),
            code: 0,
            in_full: true,
        };
        let record = run(dir.path(), &line, "docs/sweeps.md");
        let record: serde_json::Value = serde_json::from_str(&record).unwrap();
        for name in record["metrics"].as_object().unwrap().keys() {
            let first = name.split('.').next().unwrap();
            let of_workload = record["workloads"].get(first).is_some();
            let scope = if of_workload { "WORKLOAD" } else { first };
            let row = listed.iter().find(|(known, _)| *known == scope);
            let (scope, words) = row.unwrap_or_else(|| panic!("{args}: {name}"));
            // The longest: `latency.mean`, not `mean`.
            let ends = words
                .iter()
                .filter(|word| name.ends_with(&format!(".{word}")));
            let word = ends.max_by_key(|word| word.len());
            met.insert((
                *scope,
                *word.unwrap_or_else(|| panic!("{args}: `{name}` is not listed")),
            ));
        }
    }
    for (scope, words) in &listed {
        for word in words {
            let known = met.contains(&(*scope, *word));
            assert!(known, "no model has `{word}` of `{scope}`");
        }
    }
}

fn gather(schema: &serde_json::Value, words: &mut BTreeSet<String>) {
    match schema {
        serde_json::Value::Object(map) => {
            if let Some(properties) = map.get("properties").and_then(|p| p.as_object()) {
                words.extend(properties.keys().cloned());
            }
            words.extend(map.get("const").and_then(|c| c.as_str()).map(str::to_owned));
            map.values().for_each(|value| gather(value, words));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| gather(item, words)),
        _ => {}
    }
}

#[test]
fn links_lead_somewhere() {
    let mut pages = pages();
    pages.extend(["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(str::to_owned));
    let mut count = 0;
    for page in pages {
        let text = read(&page);
        let links = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("http")) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => root().join(&page),
                path => root().join(&page).parent().unwrap().join(path),
            };
            assert!(target.exists(), "{page}: {link}");
            if !anchor.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                let known = text.lines().filter(|line| line.starts_with('#')).map(slug);
                assert!(
                    known.into_iter().any(|slug| slug == anchor),
                    "{page}: {link}"
                );
            }
            count += 1;
        }
    }
    assert!(count > 20, "only {count} links were found");
}

/// The anchor that a heading gets.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || matches!(c, '-' | '_') => Some(c),
        _ => None,
    });
    kept.collect()
}

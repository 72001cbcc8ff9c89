//! Whatever the bytes, reading ends in a model or in a report that can be drawn; never in a panic.

use proptest::prelude::*;
use stormglass_model::{Set, lint, read};

const WHOLE: &str = include_str!("whole.yaml");

/// Reads, and draws what is wrong, or odd.
fn survives(text: &str, sets: &[Set]) {
    match read(text, "model.yaml", &(), sets) {
        Ok(loaded) => {
            let names = loaded
                .model
                .services
                .iter()
                .map(|service| format!("services.{}", service.name));
            names.for_each(|path| assert!(loaded.sources.locate(&path).is_some(), "{path}"));
            for warning in lint(&loaded) {
                warning.render(80, true);
            }
        }
        Err(report) => {
            assert!(!report.diagnostics().is_empty(), "a refusal says why");
            for diagnostic in report.diagnostics() {
                let location = diagnostic.location();
                assert!(location.line >= 1 && location.column >= 1);
            }
            report.render(80, true);
        }
    }
}

/// Pieces of YAML and of the language.
const PIECES: [&str; 40] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    ",",
    "\n",
    "\n  ",
    "\n    - ",
    "- ",
    "\t",
    "#",
    "&a ",
    "*a",
    "!!str ",
    "---\n",
    "...\n",
    "? ",
    "| ",
    "> ",
    "\"",
    "'",
    "%",
    "\u{feff}",
    "\0",
    "é",
    "\r\n",
    "~",
    "<<: ",
    "services",
    "call: order.create",
    "{call: gateway.checkout}",
    "policies:",
    "5ms",
    "99999999999999999999h",
    "1e400",
    "-1",
    "0.0000000000000000000001s",
    "repeat: {times: 5, steps: [",
];

#[derive(Clone, Debug)]
enum Edit {
    Insert(usize, &'static str),
    Remove(usize, usize),
    Copy(usize, usize, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (0..WHOLE.len(), proptest::sample::select(&PIECES[..]))
            .prop_map(|(at, piece)| Edit::Insert(at, piece)),
        (0..WHOLE.len(), 1..40_usize).prop_map(|(at, length)| Edit::Remove(at, length)),
        (0..WHOLE.len(), 1..60_usize, 0..WHOLE.len())
            .prop_map(|(from, length, to)| Edit::Copy(from, length, to)),
    ]
}

fn apply(text: &mut String, edit: &Edit) {
    let clip = |text: &str, at: usize| text.floor_char_boundary(at.min(text.len()));
    match *edit {
        Edit::Insert(at, piece) => text.insert_str(clip(text, at), piece),
        Edit::Remove(at, length) => {
            let (start, end) = (clip(text, at), clip(text, at + length));
            text.replace_range(start..end, "");
        }
        Edit::Copy(from, length, to) => {
            let piece = text[clip(text, from)..clip(text, from + length)].to_owned();
            text.insert_str(clip(text, to), &piece);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn any_text(text in "\\PC{0,200}") {
        survives(&text, &[]);
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        survives(&String::from_utf8_lossy(&bytes), &[]);
    }

    #[test]
    fn any_pieces_of_yaml(pieces in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..40)) {
        survives(&pieces.concat(), &[]);
    }

    #[test]
    fn a_model_with_slips(edits in proptest::collection::vec(edit(), 1..5)) {
        let mut text = WHOLE.to_owned();
        edits.iter().for_each(|edit| apply(&mut text, edit));
        survives(&text, &[]);
    }

    #[test]
    fn any_sets(
        path in "(policies|services|workloads|faults|run|x)(\\.(interactive|order|retry|endpoints|create|0|1|99|shoppers|é)){0,4}",
        value in prop_oneof![Just("{a: [".to_owned()), Just("*a".to_owned()), Just("- 1".to_owned()), "\\PC{0,20}"],
    ) {
        survives(WHOLE, &[Set::new(path, value)]);
    }
}

/// Long chains of everything that nests or repeats end quickly and on a small stack.
#[test]
fn hostile_files() {
    let long = 1 << 20;
    for text in [
        "[".repeat(long),
        "{a: ".repeat(long),
        "- ".repeat(long),
        "? ".repeat(long),
        "a: &a ".repeat(1000),
        "&a ".repeat(long),
        "\n".repeat(long),
        " ".repeat(long),
        "\"".to_owned() + &"\\".repeat(long),
        "a".repeat(long),
        (0..200_000).map(|n| format!("k{n}: {n}\n")).collect(),
        format!(
            "services:\n{}",
            (0..50_000)
                .map(|n| format!("  s{n}: 5\n"))
                .collect::<String>()
        ),
        format!(
            "a: &a [{}]\nb: {}",
            "1, ".repeat(50_000),
            "[*a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a]"
        ),
        "x".repeat((8 << 20) + 1),
    ] {
        survives(&text, &[]);
    }
}

//! The page of a stability: the boundaries first, then the map, a row for each load.

use crate::Style;
use crate::capacity_load as load;
use crate::style::Ink;
use crate::table::{Table, wrap};
use crate::units::{NOTHING, milliseconds, percent, seconds};
use study::stability::{Boundary, Cell, Outcome, SettingRecord, Stability, State};

/// The page: what is stable, then what every trigger did, then how that was had.
pub fn stability_page(record: &Stability, style: &Style) -> String {
    let mut out = String::new();
    let head = format!("Stability of {} under {}", record.model, record.workload);
    lines(&head, Ink::Heading, 0, style, &mut out);
    let text = format!(
        "trigger: {} at {}",
        record.trigger.join(" and "),
        seconds(record.begins_s)
    );
    lines(&text, Ink::Plain, 2, style, &mut out);
    for setting in &record.settings {
        out.push('\n');
        answer(record, setting, style, &mut out);
    }
    out.push('\n');
    for warning in &record.warnings {
        lines(&format!("! {warning}"), Ink::Warning, 0, style, &mut out);
    }
    if !record.warnings.is_empty() {
        out.push('\n');
    }
    for setting in &record.settings {
        map(record, setting, style, &mut out);
        out.push('\n');
    }
    method(record, style, &mut out);
    out
}

/// What is varied and its value; nothing where nothing is.
pub(crate) fn named(record: &Stability, setting: &SettingRecord) -> Option<String> {
    let path = record.vary.as_ref()?;
    let last = path.rsplit('.').next().unwrap_or(path);
    Some(format!("{last} {}", setting.setting))
}

fn answer(record: &Stability, setting: &SettingRecord, style: &Style, out: &mut String) {
    if let Some(name) = named(record, setting) {
        lines(&name, Ink::Heading, 2, style, out);
    }
    for (ink, text) in said(record, setting) {
        lines(&text, ink, 2, style, out);
    }
}

/// The boundaries in words, and at last what that is for the model's own load.
pub(crate) fn said(record: &Stability, setting: &SettingRecord) -> [(Ink, String); 3] {
    let own = record.own_load;
    let below = |boundary: Boundary| boundary.low.is_some_and(|low| own <= low);
    let above = |boundary: Boundary| boundary.high.is_some_and(|high| own >= high);
    let (text, ink) = if below(setting.hidden_capacity) {
        ("stable", Ink::Good)
    } else if above(setting.capacity) {
        ("overloaded", Ink::Bad)
    } else if above(setting.hidden_capacity) && below(setting.capacity) {
        ("vulnerable", Ink::Warning)
    } else {
        ("at a boundary", Ink::Warning)
    };
    let hidden = words(setting.hidden_capacity);
    let capacity = words(setting.capacity);
    [
        (
            Ink::Good,
            format!(
                "hidden capacity {hidden}: below it every trigger that was tried is recovered from"
            ),
        ),
        (Ink::Plain, format!("capacity without a trigger {capacity}")),
        (
            ink,
            format!("the model's own load of {} is {text}", load(own)),
        ),
    ]
}

fn words(boundary: Boundary) -> String {
    match (boundary.value, boundary.low, boundary.high) {
        (Some(value), Some(low), Some(high)) => {
            format!("{} (between {} and {})", load(value), load(low), load(high))
        }
        (_, Some(low), _) => format!("above {}", load(low)),
        (_, None, Some(high)) => format!("below {}", load(high)),
        (_, None, None) => NOTHING.to_owned(),
    }
}

fn map(record: &Stability, setting: &SettingRecord, style: &Style, out: &mut String) {
    let head = match named(record, setting) {
        Some(name) => format!("Time to recover, {name}"),
        None => "Time to recover".to_owned(),
    };
    lines(&head, Ink::Heading, 0, style, out);
    let build = |count: usize| {
        let names: Vec<String> = (setting.triggers.iter().take(count))
            .map(|trigger| format!("after {}", seconds(trigger.lasts_s)))
            .collect();
        let mut heads = vec!["load", "state"];
        heads.extend(names.iter().map(String::as_str));
        let mut table = Table::new(&heads);
        for (at, (rate, state)) in record.loads.iter().zip(&setting.states).enumerate() {
            let mut row = vec![(load(*rate), Ink::Plain), shown(*state)];
            for trigger in setting.triggers.iter().take(count) {
                let mut cells = trigger.cells.iter().filter(|cell| !cell.searched);
                row.push(cells.nth(at).map_or((NOTHING.into(), Ink::Plain), told));
            }
            table.row(row);
        }
        table
    };
    // As many triggers as have room; all are in the files.
    let most = setting.triggers.len();
    let fits = |count: &usize| build(*count).least_width(style) <= style.columns();
    let count = (1..=most).rev().find(fits).unwrap_or(1);
    build(count).render(style, out);
    if count < most {
        let text = format!("… and {} more triggers in stability.csv", most - count);
        lines(&text, Ink::Faint, 2, style, out);
    }
}

fn shown(state: State) -> (String, Ink) {
    let ink = match state {
        State::Stable => Ink::Good,
        State::Vulnerable => Ink::Warning,
        State::Overloaded => Ink::Bad,
    };
    (state.name().to_owned(), ink)
}

/// What a trigger did.
pub(crate) fn told(cell: &Cell) -> (String, Ink) {
    let time = cell.time_to_recover_s.mean.map(seconds);
    match cell.outcome {
        Outcome::Recovers => (time.unwrap_or(NOTHING.into()), Ink::Good),
        Outcome::Sometimes => {
            let (n, all) = (cell.recovered, cell.replications);
            (format!("{n} of {all} recover"), Ink::Warning)
        }
        Outcome::Metastable => ("never".to_owned(), Ink::Bad),
        Outcome::Overloaded => (NOTHING.to_owned(), Ink::Faint),
    }
}

/// How the figures were had, and how sure they are.
fn method(record: &Stability, style: &Style, out: &mut String) {
    let n = record.replications;
    let text = format!(
        "{n} {} of {} for each cell · seed {}",
        if n == 1 {
            "replication"
        } else {
            "replications"
        },
        seconds(record.simulated_s),
        record.seed
    );
    lines(&text, Ink::Plain, 2, style, out);
    let slow = record.slowest_ms.map_or_else(String::new, |most| {
        format!(", half of them within {}", milliseconds(most))
    });
    let text = format!(
        "well: at least {} of the requests are answered{slow}; the time to recover runs from the \
         end of the trigger to the last window of {} that is not well; never: not until the end of \
         the run",
        percent(record.healthy),
        seconds(record.window_s)
    );
    lines(&text, Ink::Faint, 2, style, out);
    // Clopper and Pearson's bound where all of n were well: 1 - 0.05^(1/n).
    let missed = 1.0 - 0.05f64.powf(1.0 / f64::from(n.max(1)));
    let text = format!(
        "where every replication recovered, with 95 % confidence no more than {} of such triggers \
         are not recovered from",
        percent(missed)
    );
    lines(&text, Ink::Faint, 2, style, out);
}

/// Wrapped lines, those after the first two columns further in.
fn lines(text: &str, ink: Ink, indent: usize, style: &Style, out: &mut String) {
    let wrapped = wrap(&style.letters(text), style.columns() - indent - 2);
    for (i, line) in wrapped.iter().enumerate() {
        let more = if i > 0 { 2 } else { 0 };
        out.push_str(&" ".repeat(indent + more));
        out.push_str(&style.paint(ink, line));
        out.push('\n');
    }
}

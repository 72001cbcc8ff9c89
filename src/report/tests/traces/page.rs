use crate::{of, read, traces};
use stormglass_report::{Style, trace_page};
use unicode_width::UnicodeWidthStr;

#[test]
fn the_page_says_which_requests_when_and_where_their_time_went() {
    let page = trace_page(traces(), &Style::default());
    assert!(
        page.starts_with("shop · seed 3, replication 0 · fingerprint "),
        "{page}"
    );
    for part in [
        "slowest 1: request ",
        "failed 10: request ",
        " of shoppers, at ",
        "retry order-",
        "hedge stock-",
        "message mail-1 send",
        "█ work",
    ] {
        assert!(page.contains(part), "{part} is not in\n{page}");
    }
}

#[test]
fn no_line_is_wider_than_the_terminal_and_plain_letters_are_plain() {
    for width in [60, 80, 100, 120] {
        for unicode in [true, false] {
            let style = Style {
                width,
                unicode,
                color: false,
            };
            let page = trace_page(traces(), &style);
            for line in page.lines() {
                assert!(line.width() <= width, "{} > {width}: {line}", line.width());
            }
            assert!(unicode || page.is_ascii());
            assert!(!page.contains('\u{1b}'));
        }
    }
    let style = Style {
        color: true,
        ..Style::default()
    };
    assert!(trace_page(traces(), &style).contains("\u{1b}[1;31m"));
}

const WAITS: &str = "
run: {duration: 10s}
services: {order: {workers: 1, endpoints: {place: [{compute: 10ms}]}}}
workloads: {w: {target: order.place, batch: {at: 1s, size: 10}}}
";

#[test]
fn the_headline_names_what_took_the_time() {
    let page = trace_page(&of(&read(WAITS), 1, 0), &Style::default());
    assert!(
        page.contains("slowest 1: request 10 of w, at 1.000 s: answered after 100 ms"),
        "{page}"
    );
    assert!(
        page.contains("90 % waiting in order's queue, 10 % working in order"),
        "{page}"
    );
    let bar = page
        .lines()
        .find(|line| line.contains("order-1 place"))
        .unwrap();
    let count = |letter| bar.chars().filter(|&c| c == letter).count() as f64;
    let share = count('█') / (count('█') + count('░'));
    assert!((0.06..0.14).contains(&share), "{bar}");
    assert!(!bar.contains('─'), "{bar}");
}

#[test]
fn a_long_trace_is_folded() {
    let text = "
run: {duration: 10s}
services:
  front: {workers: 9, endpoints: {get: [{repeat: {times: 100, steps: [{call: back.get}]}}]}}
  back: {workers: 9, endpoints: {get: [{compute: 1ms}]}}
workloads: {w: {target: front.get, batch: {at: 1s, size: 1}}}
";
    let page = trace_page(&of(&read(text), 1, 0), &Style::default());
    // The request, the repeat, and so many rounds of a hundred.
    assert_eq!(page.matches("back-1 get").count(), 38);
    assert!(page.contains("… 62 more, shorter"), "{page}");
}

#[test]
fn nothing_to_show_is_said() {
    let page = trace_page(&of(&read(WAITS), 0, 5), &Style::default());
    assert!(page.contains("w: 10 answered, none failed"), "{page}");
    assert!(page.contains("there is no request to show"), "{page}");
}

#[test]
fn names_do_not_move_the_cursor() {
    let mut found = of(&read(WAITS), 1, 0);
    found.traces[0].workload = "\u{1b}[2J".to_owned();
    found.traces[0].spans[0].name = "a\u{1b}[31m.b".to_owned();
    found.traces[0].spans[0].to = None;
    let page = trace_page(&found, &Style::default());
    assert!(!page.contains('\u{1b}'));
}

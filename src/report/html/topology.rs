//! Who calls whom, drawn: boxes with how busy they are, edges with how many of their calls failed. It
//! takes what it draws from any source; places are `layered`'s to find.

use super::layered::{Spacing, layout};
use crate::units::{count, percent};
use maud::{Markup, html};

/// Of a box, in the drawing's units, which are those of its letters.
const WIDTH: f64 = 138.0;
const HEIGHT: f64 = 40.0;
/// Between the boxes of one layer and those of the next.
const GAP: f64 = 78.0;
/// The same where there are many boxes.
const NARROW: f64 = 56.0;
/// More boxes or edges than this are many.
const CROWDED: usize = 40;
/// Around everything.
const MARGIN: f64 = 14.0;
/// Letters of a name that have room in a box.
const LETTERS: usize = 20;

/// Shares of failed calls from which an edge has the next colour.
const STEPS: [(f64, &str, &str); 5] = [
    (0.0, "e0", "no failed calls"),
    (f64::MIN_POSITIVE, "e1", "below 0.1 %"),
    (0.001, "e2", "0.1 to 1 %"),
    (0.01, "e3", "1 to 10 %"),
    (0.1, "e4", "10 % and more"),
];
/// From this share on an edge says how many failed.
const SAID: f64 = 0.01;

/// What a box stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Workload,
    Service,
    Queue,
    Store,
}

/// A box.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// A few words below the name.
    pub(crate) note: String,
    /// More of it, for who asks.
    pub(crate) detail: String,
    /// 0 to 1: the part of the box that is filled.
    pub(crate) busy: Option<f64>,
}

/// An arrow; those with the same ends are drawn as one.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Link {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// What is called, published or written.
    pub(crate) label: String,
    /// A call that a caller waits for, and not a message or a write.
    pub(crate) is_call: bool,
    /// Ended calls, if they were counted.
    pub(crate) ended: u64,
    pub(crate) failed: u64,
}

/// The drawing and what its colours mean.
pub(crate) fn draw(places: &[Place], links: &[Link]) -> Markup {
    let arrows = merged(links);
    let ends: Vec<(usize, usize)> = arrows.iter().map(|arrow| (arrow.from, arrow.to)).collect();
    let spacing = spacing(places, &ends);
    let drawn = layout(places.len(), &ends, spacing);
    let most = arrows.iter().map(|arrow| arrow.ended).max().unwrap_or(0);
    let width = (drawn.layers.max(1) - 1) as f64 * spacing.layer + WIDTH + 2.0 * MARGIN;
    let height = drawn.height + HEIGHT + 2.0 * MARGIN + 12.0;
    let shapes: Vec<Shape> = (arrows.iter().zip(&drawn.edges))
        .map(|(arrow, path)| match path.as_slice() {
            [] => circle(corner(drawn.nodes[arrow.from])),
            path => curve(path),
        })
        .collect();
    // What failed most lies on top, and is the first to have its label.
    let mut above: Vec<usize> = (0..arrows.len()).collect();
    above.sort_by(|a, b| arrows[*a].share().total_cmp(&arrows[*b].share()));
    let mut said = vec![false; arrows.len()];
    let mut taken: Vec<(f64, f64)> = Vec::new();
    let failing = above.iter().rev();
    for at in failing.filter(|at| arrows[**at].share() >= SAID) {
        let (x, y) = shapes[*at].middle;
        let free = |other: &(f64, f64)| (other.0 - x).abs() > 38.0 || (other.1 - y).abs() > 11.0;
        if taken.iter().all(free) {
            taken.push((x, y));
            said[*at] = true;
        }
    }
    let size = format!(
        "max-width:{:.0}px;min-width:{:.0}px",
        width * 1.15,
        width * 0.66
    );
    html! {
        div.topology {
            svg viewBox=(format!("0 0 {width:.0} {height:.0}")) style=(size) role="img"
                aria-label=(format!("{} nodes and {} edges", places.len(), arrows.len())) {
                @for at in &above {
                    (edge(&arrows[*at], &shapes[*at], places, most, said[*at], arrows.len() > CROWDED))
                }
                @for (number, (place, at)) in places.iter().zip(&drawn.nodes).enumerate() { (node(number, place, corner(*at))) }
            }
        }
        (legend(&arrows))
    }
}

fn spacing(places: &[Place], ends: &[(usize, usize)]) -> Spacing {
    let crowded = places.len() > CROWDED || ends.len() > CROWDED;
    let gap = if crowded { NARROW } else { GAP };
    Spacing {
        layer: WIDTH + gap,
        node: HEIGHT + 14.0,
        edge: if crowded { 9.0 } else { 15.0 },
    }
}

/// The boxes from left to right and from top to bottom, as they are drawn.
pub(crate) fn order(places: &[Place], links: &[Link]) -> Vec<usize> {
    let arrows = merged(links);
    let ends: Vec<(usize, usize)> = arrows.iter().map(|arrow| (arrow.from, arrow.to)).collect();
    let at = layout(places.len(), &ends, spacing(places, &ends)).nodes;
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|a, b| {
        at[*a]
            .0
            .total_cmp(&at[*b].0)
            .then(at[*a].1.total_cmp(&at[*b].1))
    });
    order
}

/// All arrows with the same ends.
struct Arrow<'a> {
    from: usize,
    to: usize,
    labels: Vec<&'a str>,
    is_call: bool,
    ended: u64,
    failed: u64,
}

fn merged(links: &[Link]) -> Vec<Arrow<'_>> {
    let mut arrows: Vec<Arrow<'_>> = Vec::new();
    for link in links {
        let same = |arrow: &&mut Arrow<'_>| (arrow.from, arrow.to) == (link.from, link.to);
        match arrows.iter_mut().find(same) {
            Some(arrow) => {
                arrow.labels.push(&link.label);
                arrow.is_call |= link.is_call;
                arrow.ended += link.ended;
                arrow.failed += link.failed;
            }
            None => arrows.push(Arrow {
                from: link.from,
                to: link.to,
                labels: vec![link.label.as_str()],
                is_call: link.is_call,
                ended: link.ended,
                failed: link.failed,
            }),
        }
    }
    arrows
}

impl Arrow<'_> {
    fn share(&self) -> f64 {
        match self.ended {
            0 => 0.0,
            ended => self.failed as f64 / ended as f64,
        }
    }

    fn class(&self) -> &'static str {
        let step = STEPS
            .iter()
            .rev()
            .find(|(least, ..)| self.share() >= *least);
        step.map_or("e0", |(_, class, _)| class)
    }
}

/// The upper left corner of a box whose middle the layout has.
fn corner((x, y): (f64, f64)) -> (f64, f64) {
    (x + MARGIN, y + MARGIN + 8.0)
}

fn node(number: usize, place: &Place, (x, y): (f64, f64)) -> Markup {
    let round = match place.kind {
        Kind::Workload => HEIGHT / 2.0,
        Kind::Service => 5.0,
        Kind::Queue | Kind::Store => 0.0,
    };
    let busy = place.busy.unwrap_or(0.0).clamp(0.0, 1.0);
    let shape = match place.kind {
        // A barrel on its side, and one that stands.
        Kind::Queue => Some(format!(
            "M{a} {y}H{b}a8 20 0 0 1 0 {HEIGHT}H{a}a8 20 0 0 1 0 -{HEIGHT}M{b} {y}a8 20 0 0 0 0 {HEIGHT}",
            a = x + 8.0,
            b = x + WIDTH - 8.0,
        )),
        Kind::Store => Some(format!(
            "M{x} {a}v{h}a{r} 5 0 0 0 {WIDTH} 0v-{h}a{r} 5 0 0 0 -{WIDTH} 0a{r} 5 0 0 0 {WIDTH} 0",
            a = y + 5.0,
            h = HEIGHT - 10.0,
            r = WIDTH / 2.0,
        )),
        _ => None,
    };
    let more = [place.name.as_str(), &place.note, &place.detail];
    let more: Vec<&str> = more.into_iter().filter(|text| !text.is_empty()).collect();
    html! {
        g.node data-node=(number) tabindex="0" role="button" {
            title { (more.join("\n")) }
            @if let Some(shape) = shape { path.box d=(shape) {} }
            @else {
                rect.box x=(x) y=(y) width=(WIDTH) height=(HEIGHT) rx=(round) {}
                @if busy > 0.0 {
                    rect.busy[busy < 0.9].hot[busy >= 0.9] x=(x + 1.0) y=(y + 1.0) rx=(round - 1.0)
                        width=(((WIDTH - 2.0) * busy * 10.0).round() / 10.0) height=(HEIGHT - 2.0) {}
                }
            }
            text x=(x + WIDTH / 2.0) y=(y + 17.0) text-anchor="middle" { (short(&place.name)) }
            text.small x=(x + WIDTH / 2.0) y=(y + 32.0) text-anchor="middle" { (place.note) }
        }
    }
}

/// The beginning and the end of a name that is too long: what differs is at either.
fn short(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= LETTERS {
        return name.to_owned();
    }
    let head: String = letters[..LETTERS / 2].iter().collect();
    let tail: String = letters[letters.len() - (LETTERS / 2 - 1)..]
        .iter()
        .collect();
    format!("{head}…{tail}")
}

fn edge(
    arrow: &Arrow<'_>,
    shape: &Shape,
    places: &[Place],
    most: u64,
    said: bool,
    crowded: bool,
) -> Markup {
    let class = arrow.class();
    let width = match (most, arrow.ended) {
        (0, _) | (_, 0) => 1.2,
        (most, n) => 1.2 + 2.6 * (n as f64).ln_1p() / (most as f64).ln_1p(),
    };
    let (from, to) = (&places[arrow.from].name, &places[arrow.to].name);
    let mut words = format!("{from} → {to}\n{}", arrow.labels.join(", "));
    if arrow.ended > 0 {
        let (ended, failed) = (count(arrow.ended), count(arrow.failed));
        words.push_str(&format!(
            "\n{ended} calls, {failed} failed ({})",
            percent(arrow.share())
        ));
    }
    html! {
        g.link.crowded[crowded] data-from=(arrow.from) data-to=(arrow.to) {
            title { (words) }
            path.edge.(class).aside[!arrow.is_call] d=(shape.line) stroke-width=(format!("{width:.1}")) {}
            path.tip.(class) d=(shape.tip) {}
            @if said {
                text.share x=(shape.middle.0) y=(shape.middle.1 - 4.0) text-anchor="middle" { (percent(arrow.share())) }
            }
        }
    }
}

struct Shape {
    line: String,
    tip: String,
    middle: (f64, f64),
}

/// From the side of the first box to that of the last, level at each point on the way.
fn curve(path: &[(f64, f64)]) -> Shape {
    let last = path.len() - 1;
    let right = path[last].0 > path[0].0;
    let way = if right { 1.0 } else { -1.0 };
    let middle = |at: usize| {
        let (x, y) = corner(path[at]);
        (x + WIDTH / 2.0, y + HEIGHT / 2.0)
    };
    let start = (middle(0).0 + way * WIDTH / 2.0, middle(0).1);
    let end = (middle(last).0 - way * (WIDTH / 2.0 + 6.0), middle(last).1);
    let mut line = format!("M{:.0} {:.1}", start.0, start.1);
    let mut from = start;
    let mut longest = (start, end);
    for at in 1..=last {
        // Where an edge passes a layer, it goes straight along the boxes there.
        let (into, out) = match at {
            _ if at == last => (end, end),
            _ => {
                let (x, y) = middle(at);
                ((x - way * WIDTH / 2.0, y), (x + way * WIDTH / 2.0, y))
            }
        };
        let half = (from.0 + into.0) / 2.0;
        line.push_str(&format!(
            "C{half:.0} {:.1} {half:.0} {:.1} {:.0} {:.1}",
            from.1, into.1, into.0, into.1
        ));
        if at != last {
            line.push_str(&format!("H{:.0}", out.0));
        }
        if at == 1 {
            longest = (from, into);
        }
        from = out;
    }
    let (x, y) = end;
    Shape {
        line,
        tip: format!(
            "M{:.0} {y:.1}L{x:.0} {:.1}V{:.1}Z",
            x + way * 6.0,
            y - 4.0,
            y + 4.0
        ),
        middle: (
            (longest.0.0 + longest.1.0) / 2.0,
            (longest.0.1 + longest.1.1) / 2.0,
        ),
    }
}

/// A node that calls itself.
fn circle((x, y): (f64, f64)) -> Shape {
    let (a, b) = (x + WIDTH - 34.0, x + WIDTH - 14.0);
    Shape {
        line: format!(
            "M{a:.0} {y:.1}C{a:.0} {:.1} {b:.0} {:.1} {b:.0} {:.1}",
            y - 16.0,
            y - 16.0,
            y - 5.0
        ),
        tip: format!(
            "M{b:.0} {y:.1}L{:.0} {:.1}H{:.0}Z",
            b - 4.0,
            y - 6.0,
            b + 4.0
        ),
        middle: ((a + b) / 2.0, y - 12.0),
    }
}

fn legend(arrows: &[Arrow<'_>]) -> Markup {
    let counted = arrows.iter().any(|arrow| arrow.ended > 0);
    let aside = arrows.iter().any(|arrow| !arrow.is_call);
    html! {
        div.legend {
            @if counted { @for (_, class, words) in STEPS {
                span { svg viewBox="0 0 34 10" aria-hidden="true" { line.(class) x1="0" x2="34" y1="5" y2="5" {} } (words) }
            } }
            @if aside {
                span { svg viewBox="0 0 34 10" aria-hidden="true" { line x1="0" x2="34" y1="5" y2="5" stroke-dasharray="5 4" {} } "messages, reads and writes" }
            }
            span { "thicker: more calls · the fill of a box: how busy its workers were · click a box to see its neighbours alone" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> Place {
        Place {
            name: name.into(),
            kind: Kind::Service,
            note: "40 % busy".into(),
            detail: String::new(),
            busy: Some(0.4),
        }
    }

    fn link(from: usize, to: usize, ended: u64, failed: u64) -> Link {
        Link {
            from,
            to,
            label: "e".into(),
            is_call: true,
            ended,
            failed,
        }
    }

    #[test]
    fn edges_with_the_same_ends_are_one_and_a_share_has_its_colour() {
        let links = [link(0, 1, 900, 0), link(0, 1, 100, 20), link(1, 0, 10, 0)];
        let arrows = merged(&links);
        assert_eq!(arrows.len(), 2);
        assert_eq!((arrows[0].share(), arrows[0].class()), (0.02, "e3"));
        assert_eq!(arrows[1].class(), "e0");
        let rare = [link(0, 1, 1_000_000, 1)];
        assert_eq!(merged(&rare)[0].class(), "e1");
    }

    #[test]
    fn hostile_names_stay_names() {
        let name = "\"><script>alert(1)</script>";
        let text = draw(&[place(name), place("b")], &[link(0, 1, 1, 1)]).into_string();
        assert!(!text.contains("<script"), "{text}");
        assert!(text.contains("<title>&quot;&gt;&lt;script"), "{text}");
    }

    #[test]
    fn a_long_name_keeps_both_ends() {
        assert_eq!(short("ts-consign-price-service"), "ts-consign…e-service");
        assert_eq!(short("pay"), "pay");
    }
}

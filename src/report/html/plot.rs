//! A chart of the page: drawn here, so that it is there without a script and on paper; its values go
//! with it as data, by which the script reads, zooms and hides.
//!
//! The plot is SVG that stretches to its place; letters around it are text of the page, which does
//! not. It knows nothing of what the values are of.

mod axis;
mod trace;

pub(crate) use axis::Axis;

use super::script::{json, short};
use super::show::Show;
use maud::{Markup, html};
use serde::{Serialize, Serializer};
use trace::trace;

/// A plot's own units, across and up; `page.js` has the same.
const WIDE: f64 = 4000.0;
const HIGH: f64 = 1000.0;
/// Letters of a band's label that have room in a plot's width.
const LETTERS: f64 = 170.0;

/// How a curve looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Line,
    Dash,
    /// Filled down to zero.
    Area,
    /// Filled down to the one before it.
    Stack,
    /// A bar at the top wherever it is not zero.
    Flag,
    /// Points without a line.
    Dots,
}

/// Values under one name.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Curve {
    #[serde(skip)]
    pub(crate) name: String,
    /// Its colour, a class of the style sheet: `s0` to `s5`, `sx`, `sk`.
    #[serde(skip)]
    pub(crate) ink: &'static str,
    #[serde(rename = "k")]
    pub(crate) kind: Kind,
    /// Where the values are; `None`: in the middle of windows.
    #[serde(
        rename = "x",
        skip_serializing_if = "Option::is_none",
        serialize_with = "maybe"
    )]
    pub(crate) x: Option<Vec<f64>>,
    #[serde(rename = "y", serialize_with = "numbers")]
    pub(crate) y: Vec<f64>,
    /// Ends of the values' intervals.
    #[serde(flatten)]
    pub(crate) ribbon: Option<Ribbon>,
    /// What values are multiplied by to be drawn on the axis.
    #[serde(rename = "f", skip_serializing_if = "Option::is_none")]
    pub(crate) factor: Option<f64>,
    /// How they are written, if not as the axis says.
    #[serde(rename = "u", skip_serializing_if = "Option::is_none")]
    pub(crate) show: Option<Show>,
}

/// An interval around each value.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Ribbon {
    #[serde(rename = "lo", serialize_with = "numbers")]
    pub(crate) low: Vec<f64>,
    #[serde(rename = "hi", serialize_with = "numbers")]
    pub(crate) high: Vec<f64>,
}

/// A shaded part of the x axis.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Band {
    pub(crate) label: String,
    pub(crate) from: f64,
    pub(crate) to: f64,
    /// A class of the style sheet: `fault`, `warmup`, `leaderless`, `span`.
    pub(crate) class: &'static str,
}

impl Serialize for Band {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (&self.label, self.from, self.to).serialize(to)
    }
}

/// A line across at a value.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Rule {
    pub(crate) label: String,
    pub(crate) y: f64,
}

/// A chart.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Plot {
    #[serde(skip)]
    pub(crate) title: String,
    /// What is to be known to read it.
    #[serde(skip)]
    pub(crate) about: String,
    /// Charts of one group show the same place, and are zoomed together.
    #[serde(rename = "g", skip_serializing_if = "str::is_empty")]
    pub(crate) group: &'static str,
    /// The length of a window.
    #[serde(rename = "w")]
    pub(crate) window: f64,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    #[serde(rename = "c")]
    pub(crate) curves: Vec<Curve>,
    #[serde(rename = "b", skip_serializing_if = "Vec::is_empty")]
    pub(crate) bands: Vec<Band>,
    #[serde(skip)]
    pub(crate) rules: Vec<Rule>,
    /// A low strip: letters beside its title, no names along the x axis.
    #[serde(skip)]
    pub(crate) lane: bool,
}

fn numbers<S: Serializer>(values: &[f64], to: S) -> Result<S::Ok, S::Error> {
    short(values, to)
}

fn maybe<S: Serializer>(values: &Option<Vec<f64>>, to: S) -> Result<S::Ok, S::Error> {
    short(values.as_deref().unwrap_or_default(), to)
}

impl Curve {
    /// A line of values in the middle of windows.
    pub(crate) fn new(name: impl Into<String>, ink: &'static str, kind: Kind, y: Vec<f64>) -> Self {
        Self {
            name: name.into(),
            ink,
            kind,
            x: None,
            y,
            ribbon: None,
            factor: None,
            show: None,
        }
    }
}

/// The charts of a page and their data.
#[derive(Default)]
pub(crate) struct Plots {
    data: Vec<String>,
}

impl Plots {
    /// What the script reads, safe inside of `<script>`.
    pub(crate) fn data(&self) -> String {
        format!("[{}]", self.data.join(",\n"))
    }

    /// The chart as it stands on the page.
    pub(crate) fn draw(&mut self, plot: &Plot) -> Markup {
        let number = self.data.len();
        self.data.push(json(plot));
        let levels = plot.y.ticks(if plot.lane { 1.0 } else { 4.0 });
        let places = plot.x.ticks(8.0);
        let keys = html! {
            div.keys {
                @for curve in &plot.curves {
                    button.key.(curve.ink) type="button" aria-pressed="true" title="show or hide" {
                        i.dash[curve.kind == Kind::Dash]
                            .block[matches!(curve.kind, Kind::Area | Kind::Stack | Kind::Flag)] {}
                        span { (curve.name) } b {}
                    }
                }
            }
        };
        html! {
            figure.lane[plot.lane] data-plot=(number) tabindex="0" role="group" aria-label=(plot.title) {
                figcaption {
                    (plot.title)
                    @if !plot.about.is_empty() { small { (plot.about) } }
                    @if plot.lane { (keys) }
                    @else { button.reset type="button" hidden { "whole range" } }
                }
                @if !plot.lane { (keys) }
                div.frame.lean[plot.lane] {
                    div.plot {
                        svg viewBox=(format!("0 0 {WIDE} {HIGH}")) preserveAspectRatio="none" aria-hidden="true" {
                            @for band in &plot.bands { (shade(plot, band)) }
                            path.grid d=(grid(plot, &levels)) {}
                            @for (at, curve) in plot.curves.iter().enumerate() { (trace(plot, at, curve)) }
                            @for rule in &plot.rules {
                                line.rule x1="0" x2=(WIDE) y1=(up(plot, rule.y)) y2=(up(plot, rule.y)) data-y=(rule.y) {}
                            }
                        }
                        div.bands { @for (at, band) in labelled(plot) {
                            span data-b=(at) style=(format!("left:{:.2}%", plot.x.share(band.from).max(0.0) * 100.0)) { (band.label) }
                        } }
                        div.rules { @for rule in &plot.rules {
                            span data-y=(rule.y) style=(format!("bottom:{:.2}%", plot.y.share(rule.y) * 100.0)) { (rule.label) }
                        } }
                        div.y { @for level in &levels {
                            span style=(format!("bottom:{:.2}%", plot.y.share(*level) * 100.0)) { (plot.y.label(*level)) }
                        } }
                    }
                    @if !plot.lane {
                        div.x { @for place in &places {
                            span.end[plot.x.share(*place) > 0.97] style=(format!("left:{:.2}%", plot.x.share(*place) * 100.0)) { (plot.x.label(*place)) }
                        } }
                    }
                }
            }
        }
    }
}

fn shade(plot: &Plot, band: &Band) -> Markup {
    let from = plot.x.share(band.from).clamp(0.0, 1.0) * WIDE;
    let to = plot.x.share(band.to).clamp(0.0, 1.0) * WIDE;
    // A moment is to be seen, too.
    let width = (to - from).max(4.0).round();
    html! { rect.(band.class) x=(from.round()) y="0" width=(width) height=(HIGH) {} }
}

/// Bands whose label has room before the next one; strips have none.
fn labelled(plot: &Plot) -> Vec<(usize, &Band)> {
    let mut free = 0.0;
    let bands = plot.bands.iter().enumerate();
    let mut shown: Vec<(usize, &Band)> = bands.filter(|_| !plot.lane).collect();
    shown.sort_by(|a, b| a.1.from.total_cmp(&b.1.from));
    shown.retain(|(_, band)| {
        let from = plot.x.share(band.from);
        let width = band.label.chars().count() as f64 / LETTERS;
        let fits = (free..1.0).contains(&from) && from + width < 1.02;
        if fits {
            free = from + width;
        }
        fits
    });
    shown
}

fn grid(plot: &Plot, levels: &[f64]) -> String {
    let lines = levels
        .iter()
        .map(|level| format!("M0 {}H{WIDE}", up(plot, *level)));
    lines.collect()
}

/// The height of a value, counted from the top.
fn up(plot: &Plot, value: f64) -> f64 {
    (HIGH - plot.y.share(value).clamp(-0.2, 1.2) * HIGH).round()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn plot(curves: Vec<Curve>) -> Plot {
        Plot {
            title: "Rates".into(),
            about: String::new(),
            group: "time",
            window: 1.0,
            x: Axis::linear(Show::Seconds, 0.0, 4.0),
            y: Axis::linear(Show::Rate, 0.0, 10.0),
            curves,
            bands: Vec::new(),
            rules: Vec::new(),
            lane: false,
        }
    }

    #[test]
    fn names_are_escaped_in_the_chart_and_in_its_data() {
        let name = "</script><b onclick=\"x\">";
        let mut plot = plot(vec![Curve::new(name, "s0", Kind::Line, vec![1.0])]);
        plot.title = name.into();
        plot.bands = vec![Band {
            label: name.into(),
            from: 0.0,
            to: 1.0,
            class: "fault",
        }];
        let mut plots = Plots::default();
        let text = plots.draw(&plot).into_string() + &plots.data();
        assert!(
            !text.contains("<b ") && !text.contains("</script"),
            "{text}"
        );
    }

    #[test]
    fn labels_of_bands_do_not_lie_on_each_other() {
        let mut plot = plot(Vec::new());
        let band = |from: f64| Band {
            label: "a-service slow x8".into(),
            from,
            to: from + 0.1,
            class: "fault",
        };
        plot.bands = vec![band(1.0), band(1.1), band(2.0)];
        let shown: Vec<usize> = labelled(&plot).iter().map(|(at, _)| *at).collect();
        assert_eq!(shown, [0, 2]);
    }
}

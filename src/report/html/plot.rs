//! A chart of the page: drawn here, so that it is there without a script and on paper; its values go
//! with it as data, by which the script reads, zooms and hides.
//!
//! The plot is SVG that stretches to its place; letters around it are text of the page, which does
//! not. It knows nothing of what the values are of.

use super::script::{json, short};
use super::show::Show;
use crate::chart::scale::{log_ticks, multiples, round_step};
use maud::{Markup, html};
use serde::{Serialize, Serializer};

/// A plot's own units, across and up; `page.js` has the same.
const WIDE: f64 = 4000.0;
const HIGH: f64 = 1000.0;
/// Letters of a band's label that have room in a plot's width.
const LETTERS: f64 = 170.0;

/// An axis.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Axis {
    #[serde(rename = "u")]
    pub(crate) show: Show,
    #[serde(rename = "lo")]
    pub(crate) low: f64,
    #[serde(rename = "hi")]
    pub(crate) high: f64,
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) log: bool,
    /// Whether the range stays when curves are hidden.
    #[serde(rename = "fix", skip_serializing_if = "is_not")]
    pub(crate) fixed: bool,
}

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

fn is_not(flag: &bool) -> bool {
    !flag
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

impl Axis {
    pub(crate) fn linear(show: Show, low: f64, high: f64) -> Self {
        Self {
            show,
            low,
            high: if high > low { high } else { low + 1.0 },
            log: false,
            fixed: false,
        }
    }

    /// From zero to a little above the largest value.
    pub(crate) fn from_zero(show: Show, values: impl Iterator<Item = f64>) -> Self {
        let most = values.filter(|v| v.is_finite()).fold(0.0, f64::max);
        Self::linear(show, 0.0, most * 1.08)
    }

    /// From a little below the least value to a little above the largest, on a log scale where they are
    /// far apart, from zero where not.
    pub(crate) fn of_latencies(values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.filter(|v| v.is_finite() && *v > 0.0).collect();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(0.0, f64::max);
        if most > 20.0 * least {
            Self::log(Show::Milliseconds, least / 1.3, most * 1.3)
        } else {
            Self::from_zero(Show::Milliseconds, values.into_iter())
        }
    }

    pub(crate) fn log(show: Show, low: f64, high: f64) -> Self {
        Self {
            log: true,
            ..Self::linear(show, low, high.max(low * 1.01))
        }
    }

    /// 0 at the low end, 1 at the high one.
    fn share(&self, value: f64) -> f64 {
        if self.log {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }

    /// A tick's value; a clock's axis that counts in minutes counts so from the first.
    fn label(&self, value: f64) -> String {
        let minutes = self.show == Show::Seconds && self.high - self.low > 120.0;
        match minutes && value > 0.0 && value % 60.0 == 0.0 && value < 7200.0 {
            true => format!("{} min", value / 60.0),
            false => self.show.text(value),
        }
    }

    fn ticks(&self, many: f64) -> Vec<f64> {
        if self.log {
            let ticks = if self.high / self.low > 3e3 {
                decades(self.low, self.high)
            } else {
                log_ticks(self.low, self.high)
            };
            let inside = |v: &f64| (self.low..=self.high).contains(v);
            let ticks: Vec<f64> = ticks.into_iter().filter(inside).collect();
            let wide = self.high / self.low > 60.0;
            let few = |v: &f64| !wide || leads_with_one(*v);
            return match ticks.iter().filter(|v| few(v)).count() {
                0 | 1 => ticks,
                _ => ticks.into_iter().filter(few).collect(),
            };
        }
        const TIMES: [f64; 11] = [
            15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0,
        ];
        let range = self.high - self.low;
        let step = if self.show == Show::Seconds && range > 120.0 {
            let fits = TIMES.into_iter().find(|step| *step >= range / many);
            fits.unwrap_or(86400.0)
        } else {
            round_step(range, many)
        };
        multiples(self.low, self.high, step)
    }
}

fn decades(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (low.log10().ceil() as i32, high.log10().floor() as i32);
    (first..=last).map(|power| 10f64.powi(power)).collect()
}

fn leads_with_one(value: f64) -> bool {
    let power = value.log10();
    (power - power.round()).abs() < 1e-9
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

fn trace(plot: &Plot, at: usize, curve: &Curve) -> Markup {
    let factor = curve.factor.unwrap_or(1.0);
    let own: Vec<f64> = curve.y.iter().map(|v| v * factor).collect();
    let (class, path) = match curve.kind {
        Kind::Line => ("", line(plot, curve, &own)),
        Kind::Dash => ("dash", line(plot, curve, &own)),
        Kind::Dots => ("dots", dots(plot, curve, &own)),
        Kind::Flag => {
            let top = |v: &f64| if *v > 0.005 { 1.0 } else { f64::NAN };
            let flags: Vec<f64> = curve.y.iter().map(top).collect();
            ("flag", line(plot, curve, &flags))
        }
        Kind::Area => {
            let top: Vec<f64> = own.iter().map(|v| measured(*v)).collect();
            ("wash", area(plot, curve, &top, &vec![0.0; top.len()]))
        }
        Kind::Stack => {
            let base = below(plot, at);
            let top: Vec<f64> = own
                .iter()
                .zip(&base)
                .map(|(v, base)| base + measured(*v))
                .collect();
            ("area", area(plot, curve, &top, &base))
        }
    };
    html! {
        @if let Some(ribbon) = &curve.ribbon {
            path.ribbon.(curve.ink) data-c=(at) data-r="" d=(area(plot, curve, &ribbon.high, &ribbon.low)) {}
        }
        path.(class).(curve.ink) data-c=(at) d=(path) {}
    }
}

/// What is stacked below a curve.
fn below(plot: &Plot, at: usize) -> Vec<f64> {
    let mut sum = vec![0.0; plot.curves[at].y.len()];
    for curve in plot.curves[..at].iter().filter(|c| c.kind == Kind::Stack) {
        for (sum, v) in sum.iter_mut().zip(&curve.y) {
            *sum += measured(*v);
        }
    }
    sum
}

fn measured(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

fn across(plot: &Plot, curve: &Curve, at: usize) -> f64 {
    let x = match &curve.x {
        Some(x) => x.get(at).copied().unwrap_or(f64::NAN),
        None => (at as f64 + 0.5) * plot.window,
    };
    (plot.x.share(x) * WIDE).round()
}

fn line(plot: &Plot, curve: &Curve, values: &[f64]) -> String {
    let mut path = String::new();
    let mut drawing = false;
    for (at, value) in values.iter().enumerate() {
        let x = across(plot, curve, at);
        if !value.is_finite() || !x.is_finite() {
            drawing = false;
            continue;
        }
        let y = up(plot, *value);
        // A lone value is a dot, which a line of no length with a round end is.
        match drawing {
            true => path.push_str(&format!("L{x} {y}")),
            false => path.push_str(&format!("M{x} {y}h0")),
        }
        drawing = true;
    }
    path
}

fn dots(plot: &Plot, curve: &Curve, values: &[f64]) -> String {
    let values = values.iter().enumerate();
    let places = values.map(|(at, value)| (across(plot, curve, at), *value));
    let places = places.filter(|(x, value)| x.is_finite() && value.is_finite());
    places
        .map(|(x, value)| format!("M{x} {}h0", up(plot, value)))
        .collect()
}

/// Everything between two lines, which are measured at the same places.
fn area(plot: &Plot, curve: &Curve, top: &[f64], base: &[f64]) -> String {
    let mut path = String::new();
    let places = |values: &[f64]| -> Vec<(f64, f64)> {
        let values = values.iter().enumerate();
        let places = values.map(|(at, v)| (across(plot, curve, at), *v));
        let places = places.filter(|(x, v)| x.is_finite() && v.is_finite());
        places.map(|(x, v)| (x, up(plot, v))).collect()
    };
    let there = places(top);
    let back = places(base);
    for (at, (x, y)) in there.iter().chain(back.iter().rev()).enumerate() {
        path.push_str(&format!("{}{x} {y}", if at == 0 { "M" } else { "L" }));
    }
    if !path.is_empty() {
        path.push('Z');
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(curves: Vec<Curve>) -> Plot {
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
    fn a_line_breaks_where_nothing_was_measured() {
        let curve = Curve::new("a", "s0", Kind::Line, vec![0.0, 5.0, f64::NAN, 10.0]);
        let plot = plot(vec![curve]);
        let path = line(&plot, &plot.curves[0], &plot.curves[0].y);
        // Windows of a second on an axis of four: their middles are at 1/8, 3/8, 7/8.
        assert_eq!(path, "M500 1000h0L1500 500M3500 0h0");
    }

    #[test]
    fn what_is_stacked_lies_on_what_was_before() {
        let stack = |y: [f64; 2]| Curve::new("a", "s0", Kind::Stack, y.to_vec());
        let plot = plot(vec![
            stack([1.0, 2.0]),
            stack([3.0, f64::NAN]),
            stack([1.0, 1.0]),
        ]);
        assert_eq!(below(&plot, 2), [4.0, 2.0]);
    }

    #[test]
    fn ticks_of_time_are_of_the_clock_and_those_of_latency_lead_with_one() {
        let time = Axis::linear(Show::Seconds, 0.0, 480.0);
        assert_eq!(time.ticks(8.0)[..3], [0.0, 60.0, 120.0]);
        let latency = Axis::log(Show::Milliseconds, 3.0, 4000.0);
        assert_eq!(latency.ticks(4.0), [10.0, 100.0, 1000.0]);
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

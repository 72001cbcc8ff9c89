//! The shapes of curves in a plot: lines that break where nothing was measured, areas, points.

use super::{Curve, Kind, Plot, WIDE, up};
use maud::{Markup, html};

pub(super) fn trace(plot: &Plot, at: usize, curve: &Curve) -> Markup {
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
    use super::super::tests::plot;
    use super::*;

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
}

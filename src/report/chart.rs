//! The three charts of a run, ready for a slide: latency over time, availability over time, and
//! the tail of the latency; that of a comparison, its differences; and those of a capacity, latency and
//! availability against load; and the map of stability.
//!
//! A chart is drawn once, as SVG; its letters are then turned into outlines, so that it looks the
//! same where the font is missing, and the PNG is made from that. It knows nothing of files.

mod availability;
mod canvas;
mod cast;
mod ccdf;
mod differences;
mod font;
mod frame;
mod image;
mod labels;
mod latency;
mod load;
mod points;
mod scale;
mod stability;
mod theme;

use crate::Error;
use study::capacity::Capacity;
use study::compare::Comparison;
use study::record::RunRecord;
use study::stability::Stability;

/// A chart in its two forms.
#[derive(Clone, PartialEq, Debug)]
pub struct Chart {
    /// `latency`, `availability`, `ccdf`, `differences`, `latency_load`, …: its file's name without the ending.
    pub name: &'static str,
    /// 1600 x 900, scales with its place, needs no font.
    pub svg: String,
    /// 1600 x 900 pixels.
    pub png: Vec<u8>,
}

/// All charts of a run: `latency`, `availability`, `ccdf`.
///
/// # Errors
/// When a chart cannot be drawn, which is a defect of this crate.
pub fn all(record: &RunRecord) -> Result<Vec<Chart>, Error> {
    let fonts = image::fonts();
    let drawings: [(&str, Draw); 3] = [
        ("latency", latency::draw),
        ("availability", availability::draw),
        ("ccdf", ccdf::draw),
    ];
    drawings
        .into_iter()
        .map(|(name, draw)| {
            let (svg, png) = image::finish(&draw(record)?, &fonts)?;
            Ok(Chart { name, svg, png })
        })
        .collect()
}

/// The chart of a comparison, `differences`: each difference with its interval.
///
/// # Errors
/// When it cannot be drawn, which is a defect of this crate.
pub fn differences(record: &Comparison) -> Result<Chart, Error> {
    let (svg, png) = image::finish(&differences::draw(record)?, &image::fonts())?;
    Ok(Chart {
        name: "differences",
        svg,
        png,
    })
}

/// The charts of a capacity, `latency_load` and `availability_load`.
///
/// # Errors
/// When one cannot be drawn, which is a defect of this crate.
pub fn capacity(record: &Capacity) -> Result<Vec<Chart>, Error> {
    let fonts = image::fonts();
    let sketches = [
        ("latency_load", load::latency(record)?),
        ("availability_load", load::share_of_successes(record)?),
    ];
    sketches
        .into_iter()
        .map(|(name, sketch)| {
            let (svg, png) = image::finish(&sketch, &fonts)?;
            Ok(Chart { name, svg, png })
        })
        .collect()
}

/// The map of a stability, `stability`.
///
/// # Errors
/// When it cannot be drawn, which is a defect of this crate.
pub fn stability(record: &Stability) -> Result<Chart, Error> {
    let (svg, png) = image::finish(&stability::draw(record)?, &image::fonts())?;
    Ok(Chart {
        name: "stability",
        svg,
        png,
    })
}

type Draw = fn(&RunRecord) -> Result<Sketch, Error>;

/// A chart as it is drawn, its letters not yet outlines.
pub(crate) struct Sketch {
    /// What it shows, for those who cannot see it.
    pub(crate) title: String,
    /// SVG with text.
    pub(crate) svg: String,
}

#[cfg(test)]
mod tests;

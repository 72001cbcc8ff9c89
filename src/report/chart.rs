//! Charts that are ready for a slide. Of a run: latency, availability and failures over time, the
//! anatomy of an outage and how it spread, the latency's tail and its percentiles; of a comparison its differences; of a capacity latency and
//! availability against load; of a stability its map.
//!
//! A chart is drawn once, as SVG; its letters are then turned into outlines, so that it looks the
//! same where the font is missing, and the PNG is made from that. It knows nothing of files.

mod anatomy;
mod availability;
mod axes;
mod bands;
mod beside;
mod canvas;
mod cascade;
mod cast;
mod ccdf;
mod differences;
mod failures;
mod font;
mod frame;
mod graph;
mod image;
mod labels;
mod latency;
mod load;
mod outline;
mod panels;
mod percentiles;
mod points;
pub(crate) mod scale;
mod stability;
mod steps;
mod sweep;
mod theme;

use crate::Error;
use resvg::usvg::fontdb;
use std::sync::Arc;
use study::capacity::Capacity;
use study::compare::Comparison;
use study::record::RunRecord;
use study::stability::Stability;
use study::sweep::{Outline, SweepRecord};

/// A chart in its two forms.
#[derive(Clone, PartialEq, Debug)]
pub struct Chart {
    /// `latency`, `availability`, `ccdf`, `differences`, `latency_load`, `heatmap`, …
    pub name: &'static str,
    /// The metric, where there is a chart of this name for each of several.
    pub of: Option<String>,
    /// 1600 x 900, scales with its place, needs no font.
    pub svg: String,
    /// 1600 x 900 pixels.
    pub png: Vec<u8>,
}

impl Chart {
    fn of(
        name: &'static str,
        of: Option<String>,
        sketch: &Sketch,
        fonts: &Arc<fontdb::Database>,
    ) -> Result<Self, Error> {
        let (svg, png) = image::finish(sketch, fonts)?;
        Ok(Self { name, of, svg, png })
    }

    /// The name of its files without the ending: `latency`, `heatmap-shoppers.availability`.
    pub fn stem(&self) -> String {
        let Some(of) = &self.of else {
            return self.name.to_owned();
        };
        let mut stem = format!("{}-", self.name);
        for letter in of.chars() {
            let safe = letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.');
            // `->` is one dash.
            if safe {
                stem.push(letter);
            } else if !stem.ends_with('-') {
                stem.push('-');
            }
        }
        stem
    }

    /// Both files.
    pub(crate) fn files(self) -> [crate::File; 2] {
        let stem = self.stem();
        [
            crate::File {
                name: format!("{stem}.svg"),
                bytes: self.svg.into_bytes(),
            },
            crate::File {
                name: format!("{stem}.png"),
                bytes: self.png,
            },
        ]
    }
}

/// All charts of a run that say something: `latency`, `availability`, `failures` where any request
/// failed, `anatomy` where services did anything, `cascade` where many calls to one failed, `ccdf`,
/// `percentiles`.
///
/// # Errors
/// When a chart cannot be drawn, which is a defect of this crate.
pub fn all(record: &RunRecord) -> Result<Vec<Chart>, Error> {
    let sketches = [
        ("latency", Some(latency::draw(record)?)),
        ("availability", Some(availability::draw(record)?)),
        ("failures", failures::draw(record)?),
        ("anatomy", anatomy::draw(record)?),
        ("cascade", cascade::draw(record)?),
        ("ccdf", Some(ccdf::draw(record)?)),
        ("percentiles", Some(percentiles::draw(record)?)),
    ];
    let drawn = sketches.into_iter();
    finish(drawn.filter_map(|(name, sketch)| Some((name, None, sketch?))))
}

/// The chart of a comparison, `differences`: each difference with its interval.
///
/// # Errors
/// When it cannot be drawn, which is a defect of this crate.
pub fn differences(record: &Comparison) -> Result<Chart, Error> {
    let sketch = differences::draw(record)?;
    Chart::of("differences", None, &sketch, &image::fonts())
}

/// The charts of a capacity, `latency_load` and `availability_load`.
///
/// # Errors
/// When one cannot be drawn, which is a defect of this crate.
pub fn capacity(record: &Capacity) -> Result<Vec<Chart>, Error> {
    finish([
        ("latency_load", None, load::latency(record)?),
        ("availability_load", None, load::share_of_successes(record)?),
    ])
}

/// The map of a stability, `stability`.
///
/// # Errors
/// When it cannot be drawn, which is a defect of this crate.
pub fn stability(record: &Stability) -> Result<Chart, Error> {
    let sketch = stability::draw(record)?;
    Chart::of("stability", None, &sketch, &image::fonts())
}

/// The charts of a sweep: `lines` or `rows` against one axis, and for each of its first metrics
/// `heatmap` against two or three, or `scatter` where settings were sampled. None where nothing was
/// varied.
///
/// # Errors
/// When one cannot be drawn, which is a defect of this crate.
pub fn sweep(outline: &Outline, record: &SweepRecord) -> Result<Vec<Chart>, Error> {
    let drawn = sweep::draw(outline, record)?.into_iter();
    finish(drawn.map(|chart| (chart.name, chart.of, chart.sketch)))
}

fn finish(
    sketches: impl IntoIterator<Item = (&'static str, Option<String>, Sketch)>,
) -> Result<Vec<Chart>, Error> {
    let fonts = image::fonts();
    sketches
        .into_iter()
        .map(|(name, of, sketch)| Chart::of(name, of, &sketch, &fonts))
        .collect()
}

/// A chart as it is drawn, its letters not yet outlines.
pub(crate) struct Sketch {
    /// What it shows, for those who cannot see it.
    pub(crate) title: String,
    /// SVG with text.
    pub(crate) svg: String,
}

#[cfg(test)]
mod tests;

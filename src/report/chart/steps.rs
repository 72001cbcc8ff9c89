//! Amounts over time as filled steps, a window wide each: a burst within a single window is seen.

use super::canvas::Canvas;
use super::frame::Frame;
use crate::Error;
use plotters::style::RGBColor;

/// Steps across a frame; of windows that share one, the highest is drawn.
const MOST: usize = 1200;

/// Fills from the frame's bottom, or from `floor`, up to `edge`. What is not a number counts as none.
pub(crate) fn fill(
    canvas: &Canvas<'_>,
    frame: &Frame,
    (floor, edge): (Option<&[f64]>, &[f64]),
    window: f64,
    (color, alpha): (RGBColor, f64),
) -> Result<(), Error> {
    let group = edge.len().div_ceil(MOST).max(1);
    let steps = |values: &[f64]| -> Vec<(f64, f64)> {
        let chunks = values.chunks(group).enumerate();
        let corners = chunks.flat_map(|(at, chunk)| {
            let value = chunk.iter().copied().fold(0.0, f64::max);
            let from = (at * group) as f64 * window;
            let to = from + chunk.len() as f64 * window;
            [from, to].map(|t| (frame.x.place(t), frame.y.place(value)))
        });
        straightened(corners)
    };
    let mut corners = steps(edge);
    match floor {
        Some(floor) => corners.extend(steps(floor).into_iter().rev()),
        None => {
            let ends = [corners.last(), corners.first()];
            let ends = ends.map(|end| end.map(|(x, _)| (*x, frame.bottom)));
            corners.extend(ends.into_iter().flatten());
        }
    }
    if corners.len() > 2 {
        canvas.area(&corners, color, alpha)?;
    }
    Ok(())
}

/// Without the corners in the middle of a level line.
fn straightened(corners: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for corner in corners {
        if let [.., (_, a), (_, b)] = kept.as_slice()
            && *a == corner.1
            && *b == corner.1
        {
            kept.pop();
        }
        kept.push(corner);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_line_has_two_corners() {
        let corners = [(0.0, 1.0), (1.0, 1.0), (1.0, 1.0), (2.0, 1.0), (2.0, 3.0)];
        assert_eq!(
            straightened(corners.into_iter()),
            [(0.0, 1.0), (2.0, 1.0), (2.0, 3.0)]
        );
    }
}

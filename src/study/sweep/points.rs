//! Which combinations of values the cells have.
//!
//! The points of a design depend on the number of axes and points and on a seed, on nothing else.

use super::quantity::number;
use model::{Axis, Constraint, Experiment, Order, Sampling};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::cmp::Ordering;

/// The most cells that a sweep may have.
pub(crate) const MOST: usize = 1_000_000;

/// The longest sequence of `sobol_burley`.
const SOBOL_SAMPLES: u32 = 1 << 16;

/// The values of each cell, by axis; cells that break a constraint are left out.
///
/// # Errors
/// In words: too many cells, or a constraint that compares what can not be compared.
pub(crate) fn points(experiment: &Experiment, seed: u64) -> Result<Vec<Vec<String>>, String> {
    let axes = &experiment.vary;
    let all = match experiment.sampling {
        Sampling::Grid => grid(axes)?,
        Sampling::Zip => (0..axes[0].len())
            .map(|i| axes.iter().map(|axis| axis.value(i)).collect())
            .collect(),
        Sampling::LatinHypercube(samples) => {
            placed(axes, &latin_hypercube(axes.len(), samples, seed))
        }
        Sampling::Sobol(samples) => placed(axes, &sobol(axes.len(), samples, seed)?),
    };
    let mut kept = Vec::with_capacity(all.len());
    for point in all {
        let mut good = true;
        for constraint in &experiment.constraints {
            good &= holds(constraint, axes, &point)?;
        }
        if good {
            kept.push(point);
        }
    }
    Ok(kept)
}

fn grid(axes: &[Axis]) -> Result<Vec<Vec<String>>, String> {
    let count = axes
        .iter()
        .try_fold(1usize, |product, axis| product.checked_mul(axis.len()))
        .filter(|count| *count <= MOST)
        .ok_or_else(|| format!("the grid has more than {MOST} cells"))?;
    let cell = |mut index: usize| {
        let mut point: Vec<String> = axes
            .iter()
            .rev()
            .map(|axis| {
                let value = axis.value(index % axis.len());
                index /= axis.len();
                value
            })
            .collect();
        point.reverse();
        point
    };
    Ok((0..count).map(cell).collect())
}

fn placed(axes: &[Axis], places: &[Vec<f64>]) -> Vec<Vec<String>> {
    places
        .iter()
        .map(|place| {
            axes.iter()
                .zip(place)
                .map(|(axis, p)| axis.at(*p))
                .collect()
        })
        .collect()
}

/// McKay, Beckman and Conover (1979): each axis is cut into as many parts as there are points, and
/// each part holds one point, at random within it.
fn latin_hypercube(axes: usize, samples: u32, seed: u64) -> Vec<Vec<f64>> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let n = samples as usize;
    let mut points = vec![vec![0.0; axes]; n];
    for axis in 0..axes {
        let mut parts: Vec<usize> = (0..n).collect();
        // Fisher and Yates.
        for last in (1..n).rev() {
            let other = ((u128::from(random.next_u64()) * (last as u128 + 1)) >> 64) as usize;
            parts.swap(last, other);
        }
        for (point, part) in points.iter_mut().zip(parts) {
            let within = (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            point[axis] = (part as f64 + within) / n as f64;
        }
    }
    points
}

/// Sobol's sequence with Owen's scrambling, so that the points of one seed are as good as another's.
fn sobol(axes: usize, samples: u32, seed: u64) -> Result<Vec<Vec<f64>>, String> {
    let most = sobol_burley::NUM_DIMENSIONS as usize;
    if axes > most {
        return Err(format!("`sobol` takes at most {most} axes"));
    }
    if samples > SOBOL_SAMPLES {
        return Err(format!("`sobol` takes at most {SOBOL_SAMPLES} samples"));
    }
    let seed = (seed ^ seed >> 32) as u32;
    let point = |i| {
        (0..axes)
            .map(|axis| f64::from(sobol_burley::sample(i, axis as u32, seed)))
            .collect()
    };
    Ok((0..samples).map(point).collect())
}

fn holds(constraint: &Constraint, axes: &[Axis], point: &[String]) -> Result<bool, String> {
    let value = |word: &str| {
        let axis = axes.iter().position(|axis| axis.path == word);
        axis.map_or_else(|| word.to_owned(), |axis| point[axis].clone())
    };
    let (left, right) = (value(&constraint.left), value(&constraint.right));
    let order = match (number(&left), number(&right)) {
        (Some(left), Some(right)) => left.partial_cmp(&right),
        _ if matches!(constraint.order, Order::Same | Order::Other) => Some(left.cmp(&right)),
        _ => None,
    };
    let Some(order) = order else {
        return Err(format!(
            "a constraint compares `{left}` and `{right}`, which are not both quantities"
        ));
    };
    Ok(match constraint.order {
        Order::Less => order == Ordering::Less,
        Order::AtMost => order != Ordering::Greater,
        Order::More => order == Ordering::Greater,
        Order::AtLeast => order != Ordering::Less,
        Order::Same => order == Ordering::Equal,
        Order::Other => order != Ordering::Equal,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn experiment(text: &str) -> Experiment {
        let text = format!("model: m.yaml\n{text}");
        model::read_experiment(&text, "e.yaml").unwrap_or_else(|error| panic!("{error:?}"))
    }

    fn of(text: &str) -> Vec<String> {
        let points = points(&experiment(text), 1).unwrap();
        points.iter().map(|point| point.join(" ")).collect()
    }

    #[test]
    fn a_grid_has_every_combination_and_its_last_axis_moves_fastest() {
        let cells = of("vary: {a: [1, 2], b: {from: 10ms, to: 30ms, steps: 3}}");
        assert_eq!(
            cells,
            ["1 10ms", "1 20ms", "1 30ms", "2 10ms", "2 20ms", "2 30ms"]
        );
    }

    #[test]
    fn a_zip_takes_the_first_of_each() {
        assert_eq!(
            of("vary: {a: [1, 2], b: [x, y]}\nsampling: zip"),
            ["1 x", "2 y"]
        );
    }

    #[test]
    fn constraints_leave_cells_out() {
        let cells = of("vary: {a: [500ms, 2s], b: [1s, 3s]}\nconstraints: ['a < b', 'b != 3s']");
        assert_eq!(cells, ["500ms 1s"]);
        let wrong = experiment("vary: {a: [x], b: [y]}\nconstraints: ['a < b']");
        assert!(points(&wrong, 1).unwrap_err().contains("`x` and `y`"));
    }

    #[test]
    fn each_part_of_a_latin_hypercube_holds_one_point() {
        let points = latin_hypercube(3, 20, 7);
        for axis in 0..3 {
            let mut parts: Vec<usize> = points.iter().map(|p| (p[axis] * 20.0) as usize).collect();
            parts.sort_unstable();
            assert_eq!(parts, (0..20).collect::<Vec<_>>());
        }
        assert_ne!(points, latin_hypercube(3, 20, 8));
    }

    #[test]
    fn sobol_points_fill_every_box_of_a_net() {
        // A (0, 4, 2)-net: each elementary box of area 1/16 holds one of 16 points, in every shape.
        let points = sobol(2, 16, 3).unwrap();
        for (columns, rows) in [(16, 1), (8, 2), (4, 4), (2, 8), (1, 16)] {
            let mut boxes: Vec<usize> = points
                .iter()
                .map(|p| (p[0] * columns as f64) as usize * rows + (p[1] * rows as f64) as usize)
                .collect();
            boxes.sort_unstable();
            assert_eq!(boxes, (0..16).collect::<Vec<_>>(), "{columns} x {rows}");
        }
    }

    #[test]
    fn a_grid_too_large_is_refused() {
        let axis = "{from: 1, to: 9, steps: 2000}";
        let large = experiment(&format!("vary: {{a: {axis}, b: {axis}}}"));
        assert!(points(&large, 1).unwrap_err().contains("1000000"));
    }
}

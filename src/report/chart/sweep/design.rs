//! A sweep as a chart sees it: what was really varied, in which order its values stand, and which
//! cell has which. It knows nothing of drawing.

use crate::sweep::endings;
use std::collections::BTreeMap;
use study::Unit;
use study::record::Estimate;
use study::sweep::{Kind, Outline, SweepRecord};

/// Figures that charts are drawn of; the tables have all.
pub(super) const MOST_FIGURES: usize = 6;
/// What is looked for when an experiment names no metrics.
const USUAL: [&str; 4] = [
    ".availability",
    ".latency.p99",
    ".throughput",
    ".latency.p50",
];

/// The varied axes of a sweep and its figures.
pub(super) struct Design<'a> {
    pub(super) name: &'a str,
    record: &'a SweepRecord,
    /// Those with the most values first.
    pub(super) axes: Vec<Dimension>,
    /// Numbers of the figures that are drawn.
    pub(super) figures: Vec<usize>,
    /// By the levels of all axes.
    places: BTreeMap<Vec<usize>, usize>,
}

/// A path that has several values.
pub(super) struct Dimension {
    /// As many words of the path as tell it from the others.
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Numbers rise; words are in the order of the plan.
    pub(super) levels: Vec<Level>,
    /// By cell.
    pub(super) of_cell: Vec<usize>,
}

/// One of an axis' values.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Level {
    /// As it was written.
    pub(super) label: String,
    /// In the unit of its kind.
    pub(super) number: Option<f64>,
}

impl<'a> Design<'a> {
    pub(super) fn of(outline: &'a Outline, record: &'a SweepRecord) -> Self {
        let names = endings(outline);
        let mut axes: Vec<Dimension> = Vec::new();
        for (at, name) in names.into_iter().enumerate() {
            let axis = Dimension::of(outline, record.results.len(), at, name);
            if axis.levels.len() < 2 {
                continue;
            }
            // What always changes together, as in `zip`, is one axis.
            match axes.iter_mut().find(|other| other.moves_with(&axis)) {
                Some(other) => other.name = format!("{} and {}", other.name, axis.name),
                None => axes.push(axis),
            }
        }
        axes.sort_by_key(|axis| (axis.kind == Kind::Text, usize::MAX - axis.levels.len()));
        let mut design = Self {
            name: &outline.name,
            record,
            axes,
            figures: Vec::new(),
            places: BTreeMap::new(),
        };
        design.figures = design.choose(outline);
        for cell in 0..design.cells() {
            let levels = design.axes.iter().map(|axis| axis.of_cell[cell]);
            design.places.entry(levels.collect()).or_insert(cell);
        }
        design
    }

    /// Whether most combinations of the axes' values are there. Samples of a cube are not a grid.
    pub(super) fn is_grid(&self) -> bool {
        let all = self.axes.iter().try_fold(1usize, |product, axis| {
            product.checked_mul(axis.levels.len())
        });
        all.is_some_and(|all| all <= 2 * self.cells())
    }

    pub(super) fn cells(&self) -> usize {
        self.record.results.len()
    }

    pub(super) fn figure(&self, figure: usize) -> (&'a str, Unit) {
        let figure = &self.record.figures[figure];
        (&figure.name, figure.unit)
    }

    /// What a cell says of a figure; the mean is there and finite.
    pub(super) fn estimate(&self, cell: usize, figure: usize) -> Option<Estimate> {
        let place = self.record.place(cell, figure)?;
        let estimate = self.record.results[cell].estimate(place);
        estimate.mean.filter(|mean| mean.is_finite())?;
        Some(estimate)
    }

    /// The cell with these values of the first axes, and the first of all others.
    pub(super) fn cell(&self, levels: &[usize]) -> Option<usize> {
        let mut all = levels.to_vec();
        all.resize(self.axes.len(), 0);
        self.places.get(&all).copied()
    }

    /// What the line below a title says of the figures that are not drawn.
    pub(super) fn left_out(&self) -> String {
        match self.record.figures.len() - self.figures.len() {
            0 => String::new(),
            1 => " · 1 more metric in sweep.csv".into(),
            n => format!(" · {n} more metrics in sweep.csv"),
        }
    }

    fn choose(&self, outline: &Outline) -> Vec<usize> {
        let measured =
            |figure: &usize| (0..self.cells()).any(|cell| self.estimate(cell, *figure).is_some());
        let all = (0..self.record.figures.len()).filter(measured);
        if !outline.metrics.is_empty() {
            return all.take(MOST_FIGURES).collect();
        }
        let all: Vec<usize> = all.collect();
        let of_workloads = |end: &str| {
            all.iter()
                .copied()
                .filter(|figure| {
                    let name = self.figure(*figure).0;
                    // Names of workloads have no dot.
                    name.strip_suffix(end).is_some_and(|w| !w.contains('.'))
                })
                .collect::<Vec<usize>>()
        };
        let usual: Vec<usize> = USUAL.into_iter().flat_map(of_workloads).collect();
        let chosen = if usual.is_empty() { all } else { usual };
        chosen.into_iter().take(MOST_FIGURES).collect()
    }
}

impl Dimension {
    fn of(outline: &Outline, cells: usize, at: usize, name: String) -> Self {
        let kind = outline.axes[at].kind;
        let mut levels: Vec<Level> = Vec::new();
        for cell in &outline.cells[..cells] {
            let level = Level {
                label: cell.labels[at].clone(),
                number: match kind {
                    Kind::Text | Kind::Boolean => None,
                    kind => kind.number(&cell.values[at]).filter(|n| n.is_finite()),
                },
            };
            if !levels.contains(&level) {
                levels.push(level);
            }
        }
        if levels.iter().all(|level| level.number.is_some()) {
            let number = |level: &Level| level.number.unwrap_or(0.0);
            levels.sort_by(|a, b| number(a).total_cmp(&number(b)));
        }
        let place = |label: &String| levels.iter().position(|l| l.label == *label);
        let of_cell = outline.cells[..cells]
            .iter()
            .map(|cell| place(&cell.labels[at]).unwrap_or(0))
            .collect();
        Self {
            name,
            kind,
            levels,
            of_cell,
        }
    }

    /// Whether its values are numbers.
    pub(super) fn is_numeric(&self) -> bool {
        self.levels.iter().all(|level| level.number.is_some())
    }

    /// The values as numbers; none of them missing where it is numeric.
    pub(super) fn numbers(&self) -> Vec<f64> {
        self.levels.iter().filter_map(|l| l.number).collect()
    }

    /// Whether factors rather than differences are equal between its values.
    pub(super) fn is_geometric(&self) -> bool {
        let numbers = self.numbers();
        let [first, .., last] = numbers.as_slice() else {
            return false;
        };
        if *first <= 0.0 || last / first < 8.0 || numbers.len() < 3 {
            return false;
        }
        let steps = numbers.windows(2).map(|pair| pair[1] / pair[0]);
        let (least, most) = steps.fold((f64::INFINITY, 0.0_f64), |(least, most), step| {
            (least.min(step), most.max(step))
        });
        // 1, 2, 5, 10 are; samples of a straight axis are not.
        most.ln() <= least.ln() * 1.4
    }

    /// Whether each value comes with one value of the other axis, and the other way round. Where no
    /// value comes twice, as in samples, that says nothing, unless both rise or fall together.
    fn moves_with(&self, other: &Self) -> bool {
        if self.levels.len() != other.levels.len() {
            return false;
        }
        let mut partners = vec![None; self.levels.len()];
        let one_to_one = self
            .of_cell
            .iter()
            .zip(&other.of_cell)
            .all(|(mine, theirs)| *partners[*mine].get_or_insert(*theirs) == *theirs);
        let partners: Vec<usize> = partners.into_iter().flatten().collect();
        let mut distinct = partners.clone();
        distinct.sort_unstable();
        distinct.dedup();
        if !one_to_one || distinct.len() != self.levels.len() {
            return false;
        }
        let samples = self.levels.len() == self.of_cell.len();
        let numbers = self.is_numeric() && other.is_numeric();
        let rises = partners.is_sorted();
        let falls = partners.iter().rev().is_sorted();
        !(samples && numbers) || rises || falls
    }
}

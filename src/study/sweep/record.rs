//! What a sweep gave: the results of all its cells side by side, and the figures that they share.

use super::cell::{CellResult, Figure};
use super::outline::Outline;
use crate::metrics::plain_name;

/// The results of all cells of a sweep.
#[derive(Clone, Debug)]
pub struct SweepRecord {
    /// What is tabulated.
    pub figures: Vec<Figure>,
    /// In the order of the plan.
    pub results: Vec<CellResult>,
    /// By cell and figure, where it stands in the cell's result; `None` where the model of the cell
    /// has no such thing.
    places: Vec<Vec<Option<usize>>>,
}

impl SweepRecord {
    /// Finds the figures that the outline asks for; all that any cell has when it asks for none.
    pub fn new(outline: &Outline, results: Vec<CellResult>) -> Self {
        let mut figures: Vec<Figure> = Vec::new();
        let mut seen: Option<&[Figure]> = None;
        for result in &results {
            // Nearly always all cells have the same.
            if seen == Some(&result.figures) {
                continue;
            }
            for figure in &result.figures {
                if !figures.contains(figure) {
                    figures.push(figure.clone());
                }
            }
            seen = Some(&result.figures);
        }
        if !outline.metrics.is_empty() {
            let asked = outline.metrics.iter().map(|word| plain_name(word));
            figures = asked
                .filter_map(|name| figures.iter().find(|figure| figure.name == name))
                .cloned()
                .collect();
        }
        let mut places: Vec<Vec<Option<usize>>> = Vec::with_capacity(results.len());
        for (at, result) in results.iter().enumerate() {
            let same = at > 0 && results[at - 1].figures == result.figures;
            let find = |figure| result.figures.iter().position(|other| other == figure);
            places.push(match same {
                true => places[at - 1].clone(),
                false => figures.iter().map(find).collect(),
            });
        }
        Self {
            figures,
            results,
            places,
        }
    }

    /// Where a figure stands in the result of a cell; `None` where its model has no such thing.
    pub fn place(&self, cell: usize, figure: usize) -> Option<usize> {
        self.places[cell][figure]
    }

    /// How many cells are not known as well as was asked for.
    pub fn imprecise(&self) -> usize {
        let wide = self.results.iter().filter(|r| r.precise == Some(false));
        wide.count()
    }
}

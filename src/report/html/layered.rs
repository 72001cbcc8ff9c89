//! Where the boxes of a graph go, so that its edges lead from left to right and cross seldom.
//!
//! The layered drawing of Sugiyama, Tagawa and Toda (1981): edges that close a circle are turned,
//! nodes get layers by their longest path, edges over several layers get a place in each, the order
//! within layers follows the barycentres of neighbours, and heights are the least squares that keep
//! order and distance. It knows nothing of what is drawn.

use std::collections::BTreeMap;

/// How far apart things are, in the units of the drawing.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Spacing {
    /// From one layer to the next.
    pub(crate) layer: f64,
    /// Between the middles of two boxes of one layer.
    pub(crate) node: f64,
    /// Between an edge that passes and its neighbour.
    pub(crate) edge: f64,
}

/// A drawing: the middles of boxes, and the points through which edges go.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Layout {
    /// By node.
    pub(crate) nodes: Vec<(f64, f64)>,
    /// By edge, from its beginning to its end; empty for an edge from a node to itself.
    pub(crate) edges: Vec<Vec<(f64, f64)>>,
    /// How many layers there are.
    pub(crate) layers: usize,
    /// From the least to the largest y of any point.
    pub(crate) height: f64,
}

/// Sweeps over all layers, in each direction; more changed nothing on the largest models.
const SWEEPS: usize = 12;

/// Lays out `count` nodes. Edges are pairs of nodes; a node's number decides where nothing else does.
pub(crate) fn layout(count: usize, edges: &[(usize, usize)], spacing: Spacing) -> Layout {
    let turned = turned(count, edges);
    let layer = layers(count, edges, &turned);
    let mut grid = Grid::new(count, edges, &turned, layer);
    grid.order();
    grid.place(spacing);
    let lowest = grid.y.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = grid.y.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let lowest = if lowest.is_finite() { lowest } else { 0.0 };
    let at = |cell: usize| {
        (
            grid.layer[cell] as f64 * spacing.layer,
            grid.y[cell] - lowest,
        )
    };
    let through = grid.paths.iter().zip(&turned).map(|(path, turned)| {
        let mut points: Vec<(f64, f64)> = path.iter().map(|cell| at(*cell)).collect();
        if *turned {
            points.reverse();
        }
        points
    });
    Layout {
        nodes: (0..count).map(at).collect(),
        edges: through.collect(),
        layers: grid.rows.len(),
        height: (highest - lowest).max(0.0),
    }
}

/// Which edges are turned so that no circle is left: those that lead back to where a walk from the
/// sources is on its way.
fn turned(count: usize, edges: &[(usize, usize)]) -> Vec<bool> {
    let mut out = vec![Vec::new(); count];
    let mut entered = vec![0usize; count];
    for (at, (from, to)) in edges.iter().enumerate() {
        if from != to {
            out[*from].push(at);
            entered[*to] += 1;
        }
    }
    let mut starts: Vec<usize> = (0..count).collect();
    starts.sort_by_key(|node| entered[*node] > 0);
    let mut turned = vec![false; edges.len()];
    // 0: not seen, 1: on the way, 2: done.
    let mut state = vec![0u8; count];
    for start in starts {
        if state[start] > 0 {
            continue;
        }
        let mut way = vec![(start, 0)];
        state[start] = 1;
        while let Some((node, next)) = way.last_mut() {
            let Some(edge) = out[*node].get(*next) else {
                state[*node] = 2;
                way.pop();
                continue;
            };
            *next += 1;
            let to = edges[*edge].1;
            match state[to] {
                0 => {
                    state[to] = 1;
                    way.push((to, 0));
                }
                1 => turned[*edge] = true,
                _ => {}
            }
        }
    }
    turned
}

/// The longest path to each node; then nodes that nothing enters move up to what they call.
fn layers(count: usize, edges: &[(usize, usize)], turned: &[bool]) -> Vec<usize> {
    let arrows: Vec<(usize, usize)> = (edges.iter().zip(turned))
        .filter(|((from, to), _)| from != to)
        .map(|((from, to), turned)| if *turned { (*to, *from) } else { (*from, *to) })
        .collect();
    let mut layer = vec![0usize; count];
    // At most as many rounds as a path has nodes.
    for _ in 0..count {
        let mut changed = false;
        for (from, to) in &arrows {
            if layer[*to] <= layer[*from] {
                layer[*to] = layer[*from] + 1;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    for node in 0..count {
        let entered = arrows.iter().any(|(_, to)| *to == node);
        let nearest = (arrows.iter().filter(|(from, _)| *from == node))
            .map(|(_, to)| layer[*to])
            .min();
        if let (false, Some(nearest)) = (entered, nearest) {
            layer[node] = nearest - 1;
        }
    }
    layer
}

/// Nodes and the places of passing edges, by layer.
struct Grid {
    /// By cell: nodes come first.
    layer: Vec<usize>,
    /// How many cells are nodes.
    nodes: usize,
    /// Neighbours in the layer before, and in the one behind.
    before: Vec<Vec<usize>>,
    behind: Vec<Vec<usize>>,
    rows: Vec<Vec<usize>>,
    /// By edge, the cells on its way, left to right.
    paths: Vec<Vec<usize>>,
    y: Vec<f64>,
}

impl Grid {
    fn new(count: usize, edges: &[(usize, usize)], turned: &[bool], mut layer: Vec<usize>) -> Self {
        let mut paths = Vec::with_capacity(edges.len());
        // Edges that have the same ends share their way.
        let mut known: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for ((from, to), turned) in edges.iter().zip(turned) {
            if from == to {
                paths.push(Vec::new());
                continue;
            }
            let (from, to) = if *turned { (*to, *from) } else { (*from, *to) };
            let path = known.entry((from, to)).or_insert_with(|| {
                let mut path = vec![from];
                for between in layer[from] + 1..layer[to] {
                    path.push(layer.len());
                    layer.push(between);
                }
                path.push(to);
                path
            });
            paths.push(path.clone());
        }
        let cells = layer.len();
        let mut grid = Self {
            nodes: count,
            before: vec![Vec::new(); cells],
            behind: vec![Vec::new(); cells],
            rows: vec![Vec::new(); layer.iter().max().map_or(0, |last| last + 1)],
            layer,
            paths,
            y: vec![0.0; cells],
        };
        for path in known.values() {
            for step in path.windows(2) {
                grid.behind[step[0]].push(step[1]);
                grid.before[step[1]].push(step[0]);
            }
        }
        for cell in grid.walk() {
            let row = grid.layer[cell];
            grid.rows[row].push(cell);
        }
        grid
    }

    /// All cells, those of one walk beside each other: a first order with few crossings.
    fn walk(&self) -> Vec<usize> {
        let mut seen = vec![false; self.layer.len()];
        let mut all = Vec::with_capacity(self.layer.len());
        let mut starts: Vec<usize> = (0..self.layer.len()).collect();
        starts.sort_by_key(|cell| self.layer[*cell]);
        for start in starts {
            let mut stack = vec![start];
            while let Some(cell) = stack.pop() {
                if !std::mem::replace(&mut seen[cell], true) {
                    all.push(cell);
                    stack.extend(self.behind[cell].iter().rev());
                }
            }
        }
        all
    }

    /// Orders each layer by its neighbours' places, there and back, and keeps the best.
    fn order(&mut self) {
        let mut best = (self.crossings(), self.rows.clone());
        for sweep in 0..2 * SWEEPS {
            let last = self.rows.len();
            let rows: Vec<usize> = match sweep % 2 {
                0 => (1..last).collect(),
                _ => (0..last.saturating_sub(1)).rev().collect(),
            };
            let mut place = self.places();
            for row in rows {
                let beside = if sweep % 2 == 0 {
                    &self.before
                } else {
                    &self.behind
                };
                let weight = |cell: usize| {
                    let sum: f64 = beside[cell].iter().map(|other| place[*other]).sum();
                    match beside[cell].len() {
                        0 => place[cell],
                        n => sum / n as f64,
                    }
                };
                let mut weighed: Vec<(f64, usize)> = self.rows[row]
                    .iter()
                    .map(|cell| (weight(*cell), *cell))
                    .collect();
                weighed.sort_by(|a, b| a.0.total_cmp(&b.0));
                self.rows[row] = weighed.into_iter().map(|(_, cell)| cell).collect();
                self.exchange(row, &mut place);
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.rows.clone());
            }
        }
        self.rows = best.1;
    }

    /// Exchanges neighbours of a layer as long as that spares crossings.
    fn exchange(&mut self, row: usize, place: &mut [f64]) {
        self.renumber(row, place);
        for _ in 0..self.rows[row].len() {
            let mut better = false;
            for at in 1..self.rows[row].len() {
                let (a, b) = (self.rows[row][at - 1], self.rows[row][at]);
                let crossed = |a: usize, b: usize| {
                    pairs_crossed(&self.before[a], &self.before[b], place)
                        + pairs_crossed(&self.behind[a], &self.behind[b], place)
                };
                if crossed(b, a) < crossed(a, b) {
                    self.rows[row].swap(at - 1, at);
                    better = true;
                }
            }
            self.renumber(row, place);
            if !better {
                break;
            }
        }
    }

    fn renumber(&self, row: usize, place: &mut [f64]) {
        let cells = &self.rows[row];
        for (at, cell) in cells.iter().enumerate() {
            // Layers are as if centred: a short one is not drawn to the top.
            place[*cell] = at as f64 - cells.len() as f64 / 2.0;
        }
    }

    fn places(&self) -> Vec<f64> {
        let mut place = vec![0.0; self.layer.len()];
        for row in 0..self.rows.len() {
            self.renumber(row, &mut place);
        }
        place
    }

    fn crossings(&self) -> usize {
        let place = self.places();
        let in_row = |cells: &Vec<usize>| -> usize {
            let pairs = cells
                .iter()
                .enumerate()
                .flat_map(|(at, a)| cells[at + 1..].iter().map(move |b| (*a, *b)));
            pairs
                .map(|(a, b)| pairs_crossed(&self.behind[a], &self.behind[b], &place))
                .sum()
        };
        self.rows.iter().map(in_row).sum()
    }

    /// Heights: each cell near the mean of its neighbours, in order, and at a distance.
    fn place(&mut self, spacing: Spacing) {
        let room = |cell: usize| {
            if cell < self.nodes {
                spacing.node
            } else {
                spacing.edge
            }
        };
        for row in &self.rows {
            let mut y = 0.0;
            for (at, cell) in row.iter().enumerate() {
                if at > 0 {
                    y += (room(row[at - 1]) + room(*cell)) / 2.0;
                }
                self.y[*cell] = y;
            }
            // About zero.
            for cell in row {
                self.y[*cell] -= y / 2.0;
            }
        }
        for sweep in 0..4 * SWEEPS {
            let mut rows: Vec<&Vec<usize>> = self.rows.iter().collect();
            if sweep % 2 == 1 {
                rows.reverse();
            }
            for row in rows {
                // Where each would be, less the room that those before it take: then only the order
                // is left to be kept.
                let mut offset = 0.0;
                let mut wanted = Vec::with_capacity(row.len());
                for (at, cell) in row.iter().enumerate() {
                    if at > 0 {
                        offset += (room(row[at - 1]) + room(*cell)) / 2.0;
                    }
                    let near = self.before[*cell].iter().chain(&self.behind[*cell]);
                    // A passing edge wants to be straight more than a box wants to be near.
                    let straight = |other: usize| {
                        if *cell >= self.nodes && other >= self.nodes {
                            8.0
                        } else {
                            1.0
                        }
                    };
                    let (sum, weight) = near.fold((0.0, 0.0), |(sum, weight), other| {
                        let one = straight(*other);
                        (sum + one * self.y[*other], weight + one)
                    });
                    let mean = if weight > 0.0 {
                        sum / weight
                    } else {
                        self.y[*cell]
                    };
                    wanted.push((mean - offset, weight.max(0.1), offset));
                }
                let levels = rising(&wanted.iter().map(|w| (w.0, w.1)).collect::<Vec<_>>());
                for ((cell, level), (.., offset)) in row.iter().zip(levels).zip(wanted) {
                    self.y[*cell] = level + offset;
                }
            }
        }
    }
}

/// How many edges of the upper cell `a` cross edges of the lower cell `b`, to one side.
fn pairs_crossed(a: &[usize], b: &[usize], place: &[f64]) -> usize {
    a.iter()
        .map(|x| b.iter().filter(|y| place[**y] < place[*x]).count())
        .sum()
}

/// The rising sequence that is nearest to the wanted values by weighted least squares, by joining
/// neighbours that violate the order.
fn rising(wanted: &[(f64, f64)]) -> Vec<f64> {
    // Value, weight, how many.
    let mut blocks: Vec<(f64, f64, usize)> = Vec::with_capacity(wanted.len());
    for (value, weight) in wanted {
        let mut block = (*value, *weight, 1);
        while let Some(last) = blocks.last()
            && last.0 > block.0
        {
            let weight = last.1 + block.1;
            let value = (last.0 * last.1 + block.0 * block.1) / weight;
            block = (value, weight, last.2 + block.2);
            blocks.pop();
        }
        blocks.push(block);
    }
    let values = blocks
        .iter()
        .flat_map(|(value, _, n)| std::iter::repeat_n(*value, *n));
    values.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SPACING: Spacing = Spacing {
        layer: 100.0,
        node: 50.0,
        edge: 20.0,
    };

    #[test]
    fn a_chain_is_a_straight_line_from_left_to_right() {
        let drawn = layout(3, &[(0, 1), (1, 2)], SPACING);
        assert_eq!(drawn.nodes, [(0.0, 0.0), (100.0, 0.0), (200.0, 0.0)]);
        assert_eq!((drawn.layers, drawn.height), (3, 0.0));
    }

    #[test]
    fn two_parallel_chains_do_not_cross_whatever_their_numbers() {
        // 0 -> 3 and 1 -> 2: in the order of numbers they would cross.
        let drawn = layout(4, &[(0, 3), (1, 2)], SPACING);
        let above = |a: usize, b: usize| drawn.nodes[a].1 < drawn.nodes[b].1;
        assert_eq!(above(0, 1), above(3, 2));
    }

    #[test]
    fn a_circle_and_a_loop_are_drawn_and_point_where_they_pointed() {
        let drawn = layout(2, &[(0, 1), (1, 0), (0, 0)], SPACING);
        assert_eq!(drawn.edges[0], [drawn.nodes[0], drawn.nodes[1]]);
        assert_eq!(drawn.edges[1], [drawn.nodes[1], drawn.nodes[0]]);
        assert!(drawn.edges[2].is_empty());
    }

    #[test]
    fn nothing_at_all_has_a_layout() {
        let drawn = layout(0, &[], SPACING);
        assert_eq!((drawn.layers, drawn.height), (0, 0.0));
    }

    #[test]
    fn a_rising_sequence_is_the_nearest_one() {
        // 3 and 1 meet in their mean; what rises already stays.
        let weights = |values: &[f64]| values.iter().map(|v| (*v, 1.0)).collect::<Vec<_>>();
        assert_eq!(rising(&weights(&[3.0, 1.0, 5.0])), [2.0, 2.0, 5.0]);
        assert_eq!(rising(&[(3.0, 3.0), (1.0, 1.0)]), [2.5, 2.5]);
    }

    proptest! {
        #[test]
        fn boxes_keep_their_distance_and_edges_their_ends(
            edges in prop::collection::vec((0usize..12, 0usize..12), 0..40),
        ) {
            let drawn = layout(12, &edges, SPACING);
            for (a, one) in drawn.nodes.iter().enumerate() {
                for other in &drawn.nodes[a + 1..] {
                    let apart = (one.1 - other.1).abs() >= SPACING.node - 1e-6;
                    prop_assert!(one.0 != other.0 || apart, "{one:?} {other:?}");
                }
            }
            for ((from, to), path) in edges.iter().zip(&drawn.edges) {
                if from == to {
                    prop_assert!(path.is_empty());
                    continue;
                }
                prop_assert_eq!(path[0], drawn.nodes[*from]);
                prop_assert_eq!(path[path.len() - 1], drawn.nodes[*to]);
                // One way or the other, but never back and forth.
                let steps: Vec<f64> = path.windows(2).map(|p| p[1].0 - p[0].0).collect();
                prop_assert!(steps.iter().all(|s| *s == SPACING.layer)
                    || steps.iter().all(|s| *s == -SPACING.layer));
            }
        }
    }
}

//! One data set with structured covariances, ready for evaluation at any θ.

use std::sync::Arc;

use super::blocks::{Blocks, Pattern};
use super::design::Design;
use super::parameters::{Freedom, Places, Value};
use super::pattern::Plan;
use super::whitening::Rows;
use crate::basis::Basis;
use crate::covariance::{Order, Quantity, Templates, root};
use crate::cross_products::CrossProducts;
use crate::data::Data;
use crate::error::{EngineError, Result};
use crate::memory::{self, Available, unlimited};

/// A design with everything that depends on it alone.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The data.
    pub design: Arc<Design>,
    /// Which parameter is where.
    pub places: Places,
    /// Which parameters are free.
    pub freedom: Freedom,
    /// Coordinates of X and y.
    pub basis: Basis,
    /// Blocks of rows.
    pub blocks: Arc<Blocks>,
    /// The plan of the factorisation.
    pub plan: Arc<Plan>,
    /// [x̃ ỹ] row by row in the order of the blocks.
    pub(super) right: Arc<Vec<f64>>,
    /// Where the z of each block start.
    pub(super) z_start: Arc<Vec<usize>>,
    /// Memory for M − I.
    pub(super) empty: CrossProducts,
    /// Σ r_k log|Q_k|.
    pub(super) log_precision: f64,
    /// Per entry of the full vector: its unit in the data.
    units: Vec<f64>,
}

impl Problem {
    /// Plans the factorisation. `values` says which parameters are free; None: all but the residual's
    /// first standard deviation, which σ stands for. `sigma` is σ where it is known.
    pub fn new(
        design: Design,
        y: &[f64],
        values: Option<Vec<Value>>,
        sigma: Option<f64>,
    ) -> Result<Self> {
        Self::within(design, y, values, sigma, &unlimited)
    }

    /// [`Self::new`], unless its fit needs more memory than is `available`.
    pub fn within(
        design: Design,
        y: &[f64],
        values: Option<Vec<Value>>,
        sigma: Option<f64>,
        available: Available<'_>,
    ) -> Result<Self> {
        design.check()?;
        check_response(&design, y)?;
        let places = Places::new(&design);
        let freedom = Freedom::new(values.unwrap_or_else(|| default_values(&places)));
        if freedom.values.len() != places.total {
            let (expected, found) = (places.total, freedom.values.len());
            return Err(EngineError::Shape { what: "the parameters", expected, found });
        }
        let basis = Basis::new(&rows_of(&design, y), &Templates::new(&[], 0))?;
        let blocks = Blocks::new(&design);
        let widths: Vec<usize> = design.terms.iter().map(u_width).collect::<Result<_>>()?;
        let k = design.x.len() + 1;
        let plan = Plan::new(&design, &blocks, &widths, k)?;
        let mut z_start = vec![0];
        for block in 0..blocks.len() {
            let n = blocks.start[block + 1] - blocks.start[block];
            let width = |v: &u32| plan.grid.width[*v as usize] as usize;
            let q: usize = plan.nodes_of(block).iter().map(width).sum();
            z_start.push(z_start[block] + n * q);
        }
        memory::require(of_search(&plan, &z_start, design.n()), available)?;
        let empty = CrossProducts::empty(plan.layout.symbolic.clone(), k)?;
        let right = right(&design, y, &basis, &blocks);
        let known = design.terms.iter().zip(&widths);
        let log_precision =
            known.map(|(t, r)| t.precision.as_ref().map_or(0.0, |q| *r as f64 * q.log_det)).sum();
        let spread = sigma.map_or([1.0; 2], |sigma| spreads(&design, y, &basis).map(|s| s / sigma));
        let units = units(&design, &places, spread);
        Ok(Self {
            design: Arc::new(design),
            places,
            freedom,
            basis,
            blocks: Arc::new(blocks),
            plan: Arc::new(plan),
            right: Arc::new(right),
            z_start: Arc::new(z_start),
            empty,
            log_precision,
            units,
        })
    }

    /// The same design with another response.
    pub fn with_response(&self, y: &[f64]) -> Result<Self> {
        check_response(&self.design, y)?;
        let basis = self.basis.with_response(&rows_of(&self.design, y));
        let right = Arc::new(right(&self.design, y, &basis, &self.blocks));
        Ok(Self { basis, right, ..self.clone() })
    }

    /// Multiplications of one evaluation, roughly: roots of the patterns, whitened rows, their
    /// cross-products, and the factorisation.
    pub fn cost(&self) -> f64 {
        let (blocks, n) = (&self.blocks, self.design.n() as f64);
        let roots: f64 = blocks.patterns.iter().map(|p| (p.n() as f64).powi(3)).sum();
        let width = self.k() + self.design.terms.iter().map(|t| t.q).sum::<usize>();
        let longest = blocks.patterns.iter().map(Pattern::n).max().unwrap_or(1);
        let rows = n * (width * (width + longest)) as f64;
        roots + rows + self.plan.layout.symbolic.cost()
    }

    /// Number of right-hand columns p + 1.
    pub fn k(&self) -> usize {
        self.plan.layout.k
    }

    /// Length of θ.
    pub fn n_theta(&self) -> usize {
        self.freedom.n_free
    }

    /// Where a search starts: unit standard deviations in the units of the data.
    pub fn start(&self) -> Vec<f64> {
        let terms = self.design.terms.iter().map(|t| &t.structure);
        let parts = self.design.residual.iter().flat_map(|r| &r.structures);
        let mut full: Vec<f64> = terms.chain(parts).flat_map(|s| s.start()).collect();
        full.resize(self.places.total, 0.0);
        let scaled: Vec<f64> = full.iter().zip(&self.units).map(|(v, u)| v * u).collect();
        self.freedom.free(&scaled)
    }

    /// The unit of every element of θ.
    pub fn units(&self) -> Vec<f64> {
        self.freedom.free(&self.units)
    }

    /// θ with the signs that results have.
    pub fn canonical(&self, theta: &[f64]) -> Vec<f64> {
        let mut full = self.freedom.full(theta);
        let terms = self.design.terms.iter().map(|t| &t.structure).zip(&self.places.terms);
        let parts = self.design.residual.iter().flat_map(|r| &r.structures);
        for (structure, place) in terms.chain(parts.zip(&self.places.parts)) {
            let signed = structure.canonical(&full[place.clone()]);
            full[place.clone()].copy_from_slice(&signed);
        }
        let signed = self.freedom.free(&full);
        // Where a free parameter is shared or others are held, signs may not move one by one.
        let same = self.freedom.full(&signed);
        if same.iter().zip(&full).all(|(a, b)| a == b) { signed } else { theta.to_vec() }
    }

    pub(super) fn rows(&self) -> Rows<'_> {
        Rows {
            design: &self.design,
            blocks: &self.blocks,
            plan: &self.plan,
            right: &self.right,
            k: self.k(),
            z_start: &self.z_start,
        }
    }
}

/// All free but the first standard deviation of the residual's first part.
fn default_values(places: &Places) -> Vec<Value> {
    let held = places.parts.first().map(|r| r.start);
    let mut next = 0;
    let one = |i: usize| {
        if Some(i) == held {
            return Value::Fixed(1.0);
        }
        next += 1;
        Value::Free(next - 1)
    };
    (0..places.total).map(one).collect()
}

/// The rows as the plain engine sees them, for the coordinates of X and y.
fn rows_of<'a>(design: &'a Design, y: &'a [f64]) -> Data<'a> {
    Data {
        y,
        x: design.x.iter().map(Vec::as_slice).collect(),
        groups: vec![],
        terms: vec![],
        weights: design.weights.as_deref(),
    }
}

fn check_response(design: &Design, y: &[f64]) -> Result<()> {
    if y.len() != design.n() {
        return Err(EngineError::Shape { what: "y", expected: design.n(), found: y.len() });
    }
    let fine = y.iter().all(|v| v.is_finite());
    if fine { Ok(()) } else { Err(EngineError::NotFinite { what: "y" }) }
}

fn right(design: &Design, y: &[f64], basis: &Basis, blocks: &Blocks) -> Vec<f64> {
    let data = rows_of(design, y);
    let k = design.x.len() + 1;
    let mut out = vec![0.0; design.n() * k];
    for (row, out) in blocks.rows.iter().zip(out.chunks_exact_mut(k)) {
        basis.row(&data, *row as usize, out);
    }
    out
}

/// Bytes that a search holds at its peak, beyond the design and its plan: the rows, two points with
/// their whitened rows, equations and factors, and the inverse at one of them.
fn of_search(plan: &Plan, z_start: &[usize], n: usize) -> usize {
    let last = |p: &[usize]| p[p.len() - 1];
    let (layout, grid) = (&plan.layout, &plan.grid);
    let k = layout.k;
    let cross = CrossProducts::size(&layout.symbolic, k);
    let white = n * (k + 1) + last(z_start);
    let raw = last(&grid.start) + last(&grid.offset) * k;
    let factor = last(&layout.front) + last(&layout.factor) + last(&layout.rows);
    let point = white + raw + cross + factor;
    let inverse = last(&layout.inverse) + cross + 3 * layout.symbolic.dim() * k;
    (n * k + cross + 2 * point + inverse) * size_of::<f64>()
}

/// Number of spherical effects of a level.
fn u_width(term: &super::design::Term) -> Result<usize> {
    let phi = term.structure.start();
    let found = root(&*term.structure, &phi, &term.positions, Order::Value);
    let refused = EngineError::Structure { reason: "its correlations start outside their range" };
    found.map(|t| t.value.columns).ok_or(refused)
}

/// The size of one standard deviation of a column's effect beside σ: 1 over its root-mean-square, one
/// number per term where its columns are compared with each other.
fn units(design: &Design, places: &Places, [plain, weighted]: [f64; 2]) -> Vec<f64> {
    let mut units = vec![1.0; places.total];
    for (term, place) in design.terms.iter().zip(&places.terms) {
        let n = design.n().max(1) as f64;
        let mut squares = vec![0.0; term.q];
        for row in term.z.chunks_exact(term.q) {
            squares.iter_mut().zip(row).for_each(|(s, z)| *s += z * z / n);
        }
        let positive = |s: f64| positive(s.sqrt());
        let common = positive(squares.iter().sum::<f64>() / term.q as f64);
        for (i, column) in term.structure.scales().into_iter().enumerate() {
            let own = match column {
                Some(Quantity::Sd(j) | Quantity::SpecificSd(j) | Quantity::Loading(j, _)) => {
                    positive(squares[j])
                }
                Some(_) => common,
                None => 1.0,
            };
            units[place.start + i] = if column.is_some() { own * plain } else { own };
        }
    }
    let parts = design.residual.iter().flat_map(|r| &r.structures);
    for (structure, place) in parts.zip(&places.parts) {
        for (i, column) in structure.scales().into_iter().enumerate() {
            units[place.start + i] = if column.is_some() { weighted } else { 1.0 };
        }
    }
    for (spread, place) in design.spread.iter().zip(&places.spread) {
        units[place.end - 1] = positive(spread.deviation());
    }
    units
}

/// 1/s, or 1 where nothing varies.
fn positive(s: f64) -> f64 {
    if s > 0.0 { s.recip() } else { 1.0 }
}

/// Root-mean-square of the least-squares residual, without and with weights: what standard deviations
/// are about where σ is known.
fn spreads(design: &Design, y: &[f64], basis: &Basis) -> [f64; 2] {
    let n = design.n().max(1) as f64;
    let fitted =
        |row: usize| design.x.iter().zip(&basis.beta0).map(|(x, b)| x[row] * b).sum::<f64>();
    let squares: f64 = y.iter().enumerate().map(|(row, y)| (y - fitted(row)).powi(2)).sum();
    [(squares / n).sqrt(), basis.y_scale]
}

//! tr(V⁻¹G_r) and tr(V⁻¹G_rV⁻¹G_s), exactly.
//!
//! With B = Z'V⁻¹Z they are tr(E_r B) and tr(E_r B E_s B). The levels fall into the connected
//! components of their graph, and within one into leaves, which meet no other leaf, and the
//! remainder R. Eliminating the leaves first (A = Z'WZ, W_i = Λ_i(Λ_i'A_iiΛ_i + I)⁻¹Λ_i',
//! G_i = (I − A_iiW_i)A_iR) leaves C = A_RR − Σ A_Ri W_i A_iR on the remainder, and with
//! Q = Λ_R(I + Λ_R'CΛ_R)⁻¹Λ_R' and K = I − QC
//!
//! ```text
//!     B_ii = A_ii(I − W_iA_ii) − G_iQG_i'     B_ij = −G_iQG_j'     B_iR = G_iK     B_RR = CK
//! ```
//!
//! so that the sums over all pairs of leaves become traces of products of the size of the
//! remainder: with H_r = Σ_i G_i'E_rG_i they are tr(QH_rQH_s), and tr(H_r K E_s K') across. One
//! factor has no remainder, and nested chains one of a few levels per component: there the cost is
//! linear in the number of levels.

use rayon::prelude::*;

use crate::covariance::{Parameter, Templates};
use crate::cross_products::CrossProducts;
use crate::dense::{Square, solve_lower};
use crate::error::{EngineError, Result};
use crate::factor::Factor;
use crate::inference::remainder::Remainder;
use crate::layout::{Layout, piece};
use crate::solve::symmetric;
use crate::watch::{self, Watch};

/// Bytes that the dense matrices of one component may take.
pub const MEMORY: usize = 2 << 30;

/// Traces over the parameters, in the order of θ.
#[derive(Debug, Clone)]
pub struct Traces {
    /// tr(V⁻¹G_r).
    pub first: Vec<f64>,
    /// tr(V⁻¹G_rV⁻¹G_s).
    pub second: Square,
}

/// A leaf with its part of the inverse.
pub(super) struct Leaf {
    /// Grouping factor.
    pub factor: usize,
    /// A(I − WA), q × q.
    pub own: Square,
    /// G = (I − AW)A_R, q × r.
    pub g: Vec<f64>,
    /// WA_R, q × r.
    pub w: Vec<f64>,
    /// A_R, q × r.
    pub a: Vec<f64>,
}

/// Connected levels: positions of leaves and of the others.
#[derive(Debug, Default)]
struct Component {
    leaves: Vec<u32>,
    rest: Vec<u32>,
}

impl Traces {
    /// Zeros.
    pub(super) fn zeros(m: usize) -> Self {
        Self { first: vec![0.0; m], second: Square::zeros(m) }
    }

    fn add(&mut self, other: &Self) {
        self.first.iter_mut().zip(&other.first).for_each(|(a, b)| *a += b);
        self.second.add(&other.second);
    }

    /// Computes the traces at the templates of `factor`.
    pub fn new(factor: &Factor, cross: &CrossProducts, templates: &Templates) -> Result<Self> {
        let layout = &*factor.layout;
        let m = templates.parameters.len();
        let by_factor = Parameters::new(templates);
        let (alone, components) = components(layout);
        let job = Job { factor, cross, by_factor: &by_factor, m };
        let mut total = Self::zeros(m);
        let size = layout.leaves_per_task.max(1);
        let watch = Watch::current();
        let shares: Vec<Self> = alone.par_chunks(size).map(|part| job.alone(part)).collect();
        shares.iter().for_each(|share| total.add(share));
        // Many components share the cores among them, a few have them one after the other.
        let shares: Vec<Result<Self>> = if components.len() > rayon::current_num_threads() {
            let chunk = components.len().div_ceil(256);
            let several = |part| watch.during(|| job.several(part, faer::Par::Seq));
            components.par_chunks(chunk).map(several).collect()
        } else {
            vec![job.several(&components, crate::parallel::all_threads())]
        };
        for share in shares {
            total.add(&share?);
        }
        symmetric(&mut total.second);
        Ok(total)
    }
}

/// Entries of θ by grouping factor.
pub(super) struct Parameters {
    of: Vec<Vec<(usize, Parameter)>>,
}

impl Parameters {
    pub fn new(templates: &Templates) -> Self {
        let mut of = vec![Vec::new(); templates.widths.len()];
        for (i, at) in templates.parameters.iter().enumerate() {
            of[at.factor].push((i, *at));
        }
        Self { of }
    }

    /// The entries of one factor with their places in θ.
    #[inline]
    pub fn of(&self, factor: usize) -> &[(usize, Parameter)] {
        &self.of[factor]
    }
}

/// Ones in E_r: one of a variance, two of a covariance.
#[inline]
pub(super) fn ones(at: &Parameter) -> f64 {
    if at.row == at.column { 1.0 } else { 2.0 }
}

/// first += sign · tr(E_r B) for one diagonal block.
#[inline]
pub(super) fn add_first(out: &mut Traces, own: &[(usize, Parameter)], b: &Square) {
    for (i, at) in own {
        out.first[*i] += ones(at) * b[(at.row, at.column)];
    }
}

/// second += sign · tr(E_r B E_s B') (lower triangle) for one block B(i, j) of two factors.
#[inline]
pub(super) fn add_second(
    out: &mut Traces,
    sign: f64,
    left: &[(usize, Parameter)],
    right: &[(usize, Parameter)],
    b: impl Fn(usize, usize) -> f64,
) {
    for (r, x) in left {
        for (s, y) in right {
            if s <= r {
                let twice = b(x.row, y.row) * b(x.column, y.column)
                    + b(x.row, y.column) * b(x.column, y.row);
                out.second[(*r, *s)] += sign * 0.5 * ones(x) * ones(y) * twice;
            }
        }
    }
}

struct Job<'a> {
    factor: &'a Factor,
    cross: &'a CrossProducts,
    by_factor: &'a Parameters,
    m: usize,
}

impl Job<'_> {
    /// Leaves that meet no other level at all.
    fn alone(&self, positions: &[u32]) -> Traces {
        let mut out = Traces::zeros(self.m);
        for &v in positions {
            let leaf = leaf(self.factor, self.cross, v as usize);
            let own = self.by_factor.of(leaf.factor);
            add_first(&mut out, own, &leaf.own);
            add_second(&mut out, 1.0, own, own, |i, j| leaf.own[(i, j)]);
        }
        out
    }

    fn several(&self, components: &[Component], par: faer::Par) -> Result<Traces> {
        let mut out = Traces::zeros(self.m);
        components.iter().try_for_each(|c| {
            watch::check()?;
            self.component(c, par, &mut out)
        })?;
        Ok(out)
    }

    fn component(&self, component: &Component, par: faer::Par, out: &mut Traces) -> Result<()> {
        let symbolic = &self.factor.layout.symbolic;
        let n: usize = component.rest.iter().map(|&v| symbolic.width(v as usize)).sum();
        let mut reached = vec![false; self.m];
        let leaves: Vec<Leaf> =
            component.leaves.iter().map(|&v| leaf(self.factor, self.cross, v as usize)).collect();
        for leaf in &leaves {
            self.by_factor.of(leaf.factor).iter().for_each(|(i, _)| reached[*i] = true);
        }
        let matrices = 6 + reached.iter().filter(|r| **r).count();
        let needed = matrices * n * n * size_of::<f64>();
        if needed > MEMORY {
            return Err(EngineError::Traces { needed });
        }
        let remainder = Remainder {
            factor: self.factor,
            cross: self.cross,
            by_factor: self.by_factor,
            positions: &component.rest,
            leaf_positions: &component.leaves,
            leaves: &leaves,
            n,
            par,
        };
        remainder.add_to(out)
    }
}

/// The leaf at a position, at the templates of the factorisation.
pub(super) fn leaf(factor: &Factor, cross: &CrossProducts, v: usize) -> Leaf {
    let layout = &*factor.layout;
    let block = cross.block(v);
    let (q, r) = (block.q, block.r);
    let f = layout.symbolic.factor[v] as usize;
    // W = RR' with R' = L⁻¹T'.
    let mut root = factor.templates[f].transpose();
    solve_lower(q, piece(&factor.factors, &layout.factor, layout.slot_of(v)), &mut root.data, q);
    let w = root.transpose().times(&root);
    let mut a = Square::zeros(q);
    a.data.copy_from_slice(block.own());
    symmetric(&mut a);
    let mut left = a.times(&w);
    left.data.iter_mut().for_each(|v| *v = -*v);
    (0..q).for_each(|i| left[(i, i)] += 1.0);
    let later = &block.later()[..q * r];
    Leaf {
        factor: f,
        own: left.times(&a),
        g: times(&left, later),
        w: times(&w, later),
        a: later.to_vec(),
    }
}

/// A B for a square A and column-major B.
fn times(a: &Square, b: &[f64]) -> Vec<f64> {
    let q = a.n;
    let mut out = vec![0.0; b.len()];
    for (out, b) in out.chunks_exact_mut(q).zip(b.chunks_exact(q)) {
        for (s, b) in b.iter().enumerate() {
            (0..q).for_each(|i| out[i] += a[(i, s)] * b);
        }
    }
    out
}

/// Multiplications of dense matrices that the components take.
pub(super) fn dense_cost(layout: &Layout, templates: &Templates) -> f64 {
    let symbolic = &layout.symbolic;
    let parameters = Parameters::new(templates);
    let one = |component: &Component| {
        let mut factors: Vec<u16> =
            component.leaves.iter().map(|&v| symbolic.factor[v as usize]).collect();
        factors.sort_unstable();
        factors.dedup();
        let pairs: usize = factors.iter().map(|&f| parameters.of(f as usize).len()).sum();
        let n: usize = component.rest.iter().map(|&v| symbolic.width(v as usize)).sum();
        2.0 * (3 + pairs) as f64 * (n as f64).powi(3)
    };
    components(layout).1.iter().map(one).sum()
}

/// Leaves without neighbours, and the connected components of the others.
fn components(layout: &Layout) -> (Vec<u32>, Vec<Component>) {
    let symbolic = &layout.symbolic;
    let n = symbolic.factor.len();
    let mut parent: Vec<u32> = (0..n as u32).collect();
    for v in 0..n {
        for &l in symbolic.later.of(v) {
            let (a, b) = (root(&mut parent, v as u32), root(&mut parent, l));
            parent[a as usize] = b;
        }
    }
    let is_leaf = |v: usize| layout.slot_of(v) < layout.n_leaves();
    let mut index = vec![u32::MAX; n];
    let mut alone = Vec::new();
    let mut out: Vec<Component> = Vec::new();
    for v in 0..n {
        if is_leaf(v) && symbolic.later.of(v).is_empty() {
            alone.push(v as u32);
            continue;
        }
        let r = root(&mut parent, v as u32) as usize;
        if index[r] == u32::MAX {
            index[r] = out.len() as u32;
            out.push(Component::default());
        }
        let component = &mut out[index[r] as usize];
        if is_leaf(v) { &mut component.leaves } else { &mut component.rest }.push(v as u32);
    }
    (alone, out)
}

fn root(parent: &mut [u32], mut v: u32) -> u32 {
    while parent[v as usize] != v {
        let above = parent[parent[v as usize] as usize];
        parent[v as usize] = above;
        v = above;
    }
    v
}

//! Components too large for V: everything on the side of their Q random effects. With A = Z'R⁻¹Z,
//! D = ΛΛ' and C = Λ(Λ'AΛ + I)⁻¹Λ'
//!
//! ```text
//!     V⁻¹ = R⁻¹ − R⁻¹ZCZ'R⁻¹         B = Z'V⁻¹Z = A − ACA        A_i = Z'R⁻¹R_iR⁻¹Z
//!     tr(V⁻¹R_iV⁻¹R_j)     = tr(R⁻¹R_iR⁻¹R_j) − 2 tr(C Z'R⁻¹R_iR⁻¹R_jR⁻¹Z) + tr(CA_iCA_j)
//!     tr(V⁻¹R_iV⁻¹ZD_jZ')  = tr((I − AC)A_i(I − CA)D_j)
//!     tr(V⁻¹ZD_iZ'V⁻¹ZD_jZ') = tr(BD_iBD_j)
//! ```
//!
//! Residual blocks are small and visited one by one; per class of blocks S = Σ R⁻¹ZCZ'R⁻¹ gives the
//! traces with C.

use std::collections::{BTreeMap, HashMap};

use super::View;
use super::chart::Expanded;
use super::moments::{Moments, packed};
use super::product::product;
use crate::dense::Square;
use crate::error::{EngineError, Result};
use crate::wide;

/// Effects of a component: where those of each node start.
struct Layout {
    /// (term, level, first effect) per node.
    nodes: Vec<(usize, usize, usize)>,
    place: HashMap<u32, usize>,
    /// Q.
    q: usize,
}

/// One class of blocks: R⁻¹, and S summed over its blocks.
struct Class {
    r: Expanded,
    inverse: Square,
    count: f64,
    s: Square,
}

/// A block's Z (rows × columns) and the effects that its columns are of.
struct Rows {
    z: Vec<f64>,
    at: Vec<usize>,
}

/// What is known of a component.
struct Component<'a> {
    view: &'a View<'a>,
    blocks: &'a [u32],
    layout: Layout,
    classes: BTreeMap<u32, Class>,
    /// A, C and I − CA, Q × Q.
    a: Vec<f64>,
    c: Vec<f64>,
    kept: Vec<f64>,
    /// A_i by parameter.
    slopes: BTreeMap<usize, Vec<f64>>,
}

/// Number of effects of a component.
pub fn size(view: &View<'_>, blocks: &[u32]) -> usize {
    Layout::new(view, blocks).q
}

/// Bytes of the matrices of Q × Q.
pub fn memory(view: &View<'_>, q: usize) -> usize {
    8 * q * q * (8 + 3 * view.chart.m)
}

/// Adds the sums over a component.
pub fn add_component(view: &View<'_>, blocks: &[u32], out: &mut Moments) -> Result<()> {
    let mut component = Component::new(view, blocks)?;
    let z_u = component.right_hand_sides(out.k);
    component.visit(&z_u, out);
    component.add_traces(out);
    Ok(())
}

impl Layout {
    fn new(view: &View<'_>, blocks: &[u32]) -> Self {
        let problem = view.problem;
        let symbolic = &problem.plan.layout.symbolic;
        let mut out = Self { nodes: vec![], place: HashMap::new(), q: 0 };
        for &block in blocks {
            for &v in problem.plan.nodes_of(block as usize) {
                if out.place.contains_key(&v) {
                    continue;
                }
                let (t, level) =
                    (symbolic.factor[v as usize] as usize, symbolic.level[v as usize] as usize);
                out.place.insert(v, out.nodes.len());
                out.nodes.push((t, level, out.q));
                out.q += problem.design.terms[t].q;
            }
        }
        out
    }
}

impl<'a> Component<'a> {
    fn new(view: &'a View<'a>, blocks: &'a [u32]) -> Result<Self> {
        let layout = Layout::new(view, blocks);
        let square = layout.q * layout.q;
        let mut out = Self {
            view,
            blocks,
            layout,
            classes: BTreeMap::new(),
            a: vec![0.0; square],
            c: vec![],
            kept: vec![],
            slopes: BTreeMap::new(),
        };
        for &block in blocks {
            let class = view.residuals.class[block as usize];
            if let std::collections::btree_map::Entry::Vacant(entry) = out.classes.entry(class) {
                entry.insert(Class::new(view.residuals.block(block as usize))?);
            }
        }
        out.fill_a();
        out.c = out.inverse()?;
        let q = out.layout.q;
        out.kept = product(&out.c, false, &out.a, q, q, q);
        out.kept.iter_mut().for_each(|v| *v = -*v);
        (0..q).for_each(|i| out.kept[i * (q + 1)] += 1.0);
        Ok(out)
    }

    fn class(&self, block: u32) -> &Class {
        &self.classes[&self.view.residuals.class[block as usize]]
    }

    /// Z of a block.
    fn rows(&self, block: u32) -> Rows {
        let problem = self.view.problem;
        let b = block as usize;
        let (start, stop) = (problem.blocks.start[b], problem.blocks.start[b + 1]);
        let n = stop - start;
        let nodes = problem.plan.nodes_of(b);
        let (mut first, mut at) = (Vec::with_capacity(nodes.len()), Vec::new());
        for v in nodes {
            let (t, _, effect) = self.layout.nodes[self.layout.place[v]];
            first.push(at.len());
            at.extend(effect..effect + problem.design.terms[t].q);
        }
        let mut z = vec![0.0; n * at.len()];
        for i in 0..n {
            let row = problem.blocks.rows[start + i] as usize;
            for entry in problem.plan.entries_of(start + i) {
                let term = &problem.design.terms[entry.term as usize];
                for (j, v) in term.z[row * term.q..(row + 1) * term.q].iter().enumerate() {
                    z[i + n * (first[entry.local as usize] + j)] += entry.weight * v;
                }
            }
        }
        Rows { z, at }
    }

    fn fill_a(&mut self) {
        let q = self.layout.q;
        for &block in self.blocks {
            let Rows { z, at } = self.rows(block);
            let inverse = &self.class(block).inverse;
            let n = inverse.n;
            let x = product(&inverse.data, false, &z, n, n, at.len());
            let own = product(&z, true, &x, at.len(), n, at.len());
            scatter(&own, &at, q, &mut self.a);
        }
    }

    /// K ⊗ C of the terms whose C is given.
    fn known(&self, of: impl Fn(usize) -> Option<&'a Square>) -> Vec<f64> {
        let q = self.layout.q;
        let mut out = vec![0.0; q * q];
        for t in 0..self.view.terms.len() {
            if let Some(c) = of(t) {
                let (nodes, k) = self.between(t);
                place(q, &nodes, k.as_ref(), c, &mut out);
            }
        }
        out
    }

    /// Where the levels of a term start, and K between them.
    fn between(&self, t: usize) -> (Vec<usize>, Option<Square>) {
        let mine: Vec<_> = self.layout.nodes.iter().filter(|(u, _, _)| *u == t).collect();
        let k = self.view.known[t].as_ref().map(|k| {
            let mut own = Square::zeros(mine.len());
            for (b, (_, right, _)) in mine.iter().enumerate() {
                for (a, (_, left, _)) in mine.iter().enumerate() {
                    own[(a, b)] = k[(*left, *right)];
                }
            }
            own
        });
        (mine.iter().map(|(_, _, start)| *start).collect(), k)
    }

    /// Λ with ΛΛ' = D.
    fn root(&self) -> Result<Vec<f64>> {
        let q = self.layout.q;
        let mut out = vec![0.0; q * q];
        for (t, term) in self.view.terms.iter().enumerate() {
            let (nodes, mut k) = self.between(t);
            if let Some(k) = &mut k {
                let n = k.n;
                wide::cholesky(n, &mut k.data)
                    .map_err(|level| EngineError::Factorisation { group: t, level })?;
                (1..n).for_each(|j| (0..j).for_each(|i| k[(i, j)] = 0.0));
            }
            place(q, &nodes, k.as_ref(), &root_of(&term.value)?, &mut out);
        }
        Ok(out)
    }

    /// C = Λ(Λ'AΛ + I)⁻¹Λ' = D − D(A⁻¹ + D)⁻¹D, from a root of D.
    fn inverse(&self) -> Result<Vec<f64>> {
        let q = self.layout.q;
        let root = self.root()?;
        let half = product(&self.a, false, &root, q, q, q);
        let mut m = product(&root, true, &half, q, q, q);
        (0..q).for_each(|i| m[i * (q + 1)] += 1.0);
        wide::cholesky(q, &mut m).map_err(|_| EngineError::Factorisation { group: 0, level: 0 })?;
        let mut g = transpose(q, &root);
        wide::solve_lower(q, &m, &mut g, q);
        Ok(product(&g, true, &g, q, q, q))
    }

    /// The columns of a block, n × k.
    fn columns(&self, block: u32, k: usize) -> Vec<f64> {
        let start = &self.view.problem.blocks.start;
        let rows = start[block as usize]..start[block as usize + 1];
        let n = rows.len();
        let mut u = vec![0.0; n * k];
        for (a, i) in rows.enumerate() {
            let row = &self.view.columns[i * k..(i + 1) * k];
            row.iter().enumerate().for_each(|(c, v)| u[a + n * c] = *v);
        }
        u
    }

    /// Z'R⁻¹u, Q × k.
    fn right_hand_sides(&self, k: usize) -> Vec<f64> {
        let q = self.layout.q;
        let mut out = vec![0.0; q * k];
        for &block in self.blocks {
            let Rows { z, at } = self.rows(block);
            let inverse = &self.class(block).inverse;
            let n = inverse.n;
            let x = product(&inverse.data, false, &self.columns(block, k), n, n, k);
            add_rows(&product(&z, true, &x, at.len(), n, k), &at, q, &mut out);
        }
        out
    }

    /// One pass over the blocks: forms, A_i and S.
    fn visit(&mut self, z_u: &[f64], out: &mut Moments) {
        let (q, k, m) = (self.layout.q, out.k, out.m);
        let c_u = product(&self.c, false, z_u, q, q, k);
        let z_y = product(&self.kept, true, z_u, q, q, k);
        let view = self.view;
        let moved: Vec<Option<Vec<f64>>> =
            (0..m).map(|i| self.derivative(i).map(|d| product(&d, false, &z_y, q, q, k))).collect();
        self.add_bends_of_terms(&z_y, out);
        let mut gram = vec![0.0; (m * k) * (m * k)];
        let mut cross = vec![0.0; q * m * k];
        for &block in self.blocks {
            let Rows { z, at } = self.rows(block);
            let class = view.residuals.class[block as usize];
            let (r, w) = (&self.classes[&class].r, &self.classes[&class].inverse);
            let (n, width) = (w.n, at.len());
            let x = product(&w.data, false, &z, n, n, width);
            let mut y = product(&w.data, false, &self.columns(block, k), n, n, k);
            let taken = product(&x, false, &rows_of(&c_u, &at, q), n, width, k);
            y.iter_mut().zip(&taken).for_each(|(y, t)| *y -= t);
            let mut b = vec![0.0; n * m * k];
            for i in 0..m {
                let to = &mut b[i * n * k..(i + 1) * n * k];
                if let Some(slope) = r.first.get(&i) {
                    add(to, &product(&slope.data, false, &y, n, n, k));
                    let half = product(&slope.data, false, &x, n, n, width);
                    let own = product(&x, true, &half, width, n, width);
                    let all = self.slopes.entry(i).or_insert_with(|| vec![0.0; q * q]);
                    scatter(&own, &at, q, all);
                }
                if let Some(effects) = &moved[i] {
                    add(to, &product(&z, false, &rows_of(effects, &at, q), n, width, k));
                }
                let own = product(&y, true, to, k, n, k);
                add(&mut out.grams[i * k * k..(i + 1) * k * k], &own);
            }
            for (key, bend) in &r.second {
                let half = product(&bend.data, false, &y, n, n, k);
                out.add_bend(*key, 0.0, &product(&y, true, &half, k, n, k));
            }
            let rb = product(&w.data, false, &b, n, n, m * k);
            add(&mut gram, &product(&b, true, &rb, m * k, n, m * k));
            add_rows(&product(&z, true, &rb, width, n, m * k), &at, q, &mut cross);
            let c = block_of(&self.c, &at, q);
            let half = product(&x, false, &c, n, width, width);
            let s = product(&half, false, &transposed(n, width, &x), n, width, n);
            if let Some(class) = self.classes.get_mut(&class) {
                class.count += 1.0;
                add(&mut class.s.data, &s);
            }
        }
        let half = product(&self.c, false, &cross, q, q, m * k);
        let taken = product(&cross, true, &half, m * k, q, m * k);
        gram.iter_mut().zip(&taken).for_each(|(g, t)| *g -= t);
        add_forms(&gram, out);
    }

    /// D_i; None where it is zero.
    fn derivative(&self, i: usize) -> Option<Vec<f64>> {
        let view = self.view;
        let touched = view.terms.iter().any(|t| t.first.contains_key(&i));
        touched.then(|| self.known(|t| view.terms[t].first.get(&i)))
    }

    fn add_bends_of_terms(&self, z_y: &[f64], out: &mut Moments) {
        let (q, k, view) = (self.layout.q, out.k, self.view);
        let b = self.z_v_z();
        for t in 0..view.terms.len() {
            for (key, bend) in &view.terms[t].second {
                let d = self.known(|u| (u == t).then_some(bend));
                let half = product(&d, false, z_y, q, q, k);
                out.add_bend(*key, dot(&d, &b), &product(z_y, true, &half, k, q, k));
            }
        }
    }

    /// B = A(I − CA).
    fn z_v_z(&self) -> Vec<f64> {
        let q = self.layout.q;
        product(&self.a, false, &self.kept, q, q, q)
    }

    fn add_traces(&self, out: &mut Moments) {
        let (q, m) = (self.layout.q, out.m);
        let b = self.z_v_z();
        let d: Vec<Option<Vec<f64>>> = (0..m).map(|i| self.derivative(i)).collect();
        // B D_i, C A_i and (I − AC)A_i(I − CA).
        let bd: Vec<_> = d.iter().map(|d| Some(product(&b, false, d.as_ref()?, q, q, q))).collect();
        let ca: Vec<_> =
            (0..m).map(|i| Some(product(&self.c, false, self.slopes.get(&i)?, q, q, q))).collect();
        for i in 0..m {
            out.first[i] += d[i].as_ref().map_or(0.0, |d| dot(d, &b));
            let projected = self.slopes.get(&i).map(|a| {
                let half = product(a, false, &self.kept, q, q, q);
                product(&self.kept, true, &half, q, q, q)
            });
            for j in 0..m {
                let mut sum = 0.0;
                if let (Some(n), Some(d)) = (&projected, &d[j]) {
                    // The place of (i, j) collects both orders.
                    sum += if i == j { 2.0 } else { 1.0 } * dot(n, d);
                }
                if j <= i {
                    sum += both(&bd[i], &bd[j], q) + both(&ca[i], &ca[j], q);
                }
                out.second[packed(i.max(j), i.min(j))] += sum;
            }
        }
        self.classes.values().for_each(|class| class.add_traces(out));
    }
}

impl Class {
    fn new(r: Expanded) -> Result<Self> {
        let n = r.value.n;
        let mut l = r.value.clone();
        wide::cholesky(n, &mut l.data).map_err(|_| EngineError::Residual { part: 0 })?;
        let mut inverse = Square::identity(n);
        wide::solve_lower(n, &l.data, &mut inverse.data, n);
        wide::solve_lower_transpose(n, &l.data, &mut inverse.data, n);
        Ok(Self { r, inverse, count: 0.0, s: Square::zeros(n) })
    }

    fn add_traces(&self, out: &mut Moments) {
        let n = self.inverse.n;
        let mut left = self.s.clone();
        let pairs = left.data.iter_mut().zip(&self.inverse.data);
        pairs.for_each(|(s, w)| *s = self.count * w - *s);
        let mut twice = left.clone();
        twice.data.iter_mut().zip(&self.s.data).for_each(|(t, s)| *t -= s);
        let all: Vec<_> = self.r.first.iter().collect();
        for (a, (i, slope)) in all.iter().enumerate() {
            out.first[**i] += dot(&slope.data, &left.data);
            let half = product(&slope.data, false, &self.inverse.data, n, n, n);
            for (j, other) in &all[..=a] {
                let middle = product(&half, false, &other.data, n, n, n);
                out.second[packed(**i, **j)] += dot(&middle, &twice.data);
            }
        }
        for (key, bend) in &self.r.second {
            let none = vec![0.0; out.width()];
            out.add_reduced_bend(*key, dot(&bend.data, &left.data), &none);
        }
    }
}

/// Blocks of the mk × mk matrix of all pairs.
fn add_forms(gram: &[f64], out: &mut Moments) {
    let (m, k) = (out.m, out.k);
    let mut form = vec![0.0; k * k];
    for i in 0..m {
        for j in 0..=i {
            for d in 0..k {
                let column = &gram[(j * k + d) * m * k..];
                form[d * k..(d + 1) * k].copy_from_slice(&column[i * k..(i + 1) * k]);
            }
            out.add_form(i, j, &form);
        }
    }
}

/// Writes K ⊗ C at the effects of some nodes; I for no K.
fn place(q: usize, nodes: &[usize], k: Option<&Square>, c: &Square, out: &mut [f64]) {
    for (b, &right) in nodes.iter().enumerate() {
        for (a, &left) in nodes.iter().enumerate() {
            let f = k.map_or(f64::from(u8::from(a == b)), |k| k[(a, b)]);
            if f != 0.0 {
                for j in 0..c.n {
                    (0..c.n).for_each(|i| out[left + i + q * (right + j)] = f * c[(i, j)]);
                }
            }
        }
    }
}

/// R with RR' = C, positive semidefinite.
fn root_of(c: &Square) -> Result<Square> {
    let n = c.n;
    let view = faer::MatRef::from_column_major_slice(&c.data, n, n);
    let eigen = view
        .self_adjoint_eigen(faer::Side::Lower)
        .map_err(|_| EngineError::Factorisation { group: 0, level: 0 })?;
    let mut out = Square::zeros(n);
    for j in 0..n {
        let f = eigen.S()[j].max(0.0).sqrt();
        (0..n).for_each(|i| out[(i, j)] = eigen.U()[(i, j)] * f);
    }
    Ok(out)
}

fn transpose(n: usize, a: &[f64]) -> Vec<f64> {
    transposed(n, n, a)
}

fn transposed(rows: usize, columns: usize, a: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; a.len()];
    for j in 0..columns {
        (0..rows).for_each(|i| out[j + columns * i] = a[i + rows * j]);
    }
    out
}

fn add(to: &mut [f64], from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(t, f)| *t += f);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// tr(EF) of two square matrices.
fn both(e: &Option<Vec<f64>>, f: &Option<Vec<f64>>, n: usize) -> f64 {
    let (Some(e), Some(f)) = (e, f) else { return 0.0 };
    (0..n).map(|j| (0..n).map(|i| e[i + n * j] * f[j + n * i]).sum::<f64>()).sum()
}

/// Adds a block to the rows and columns `at`.
fn scatter(own: &[f64], at: &[usize], n: usize, out: &mut [f64]) {
    for (column, &j) in own.chunks_exact(at.len().max(1)).zip(at) {
        column.iter().zip(at).for_each(|(v, &i)| out[i + n * j] += v);
    }
}

/// Adds rows to the rows `at` of a matrix with n rows.
fn add_rows(own: &[f64], at: &[usize], n: usize, out: &mut [f64]) {
    for (column, to) in own.chunks_exact(at.len().max(1)).zip(out.chunks_exact_mut(n)) {
        column.iter().zip(at).for_each(|(v, &i)| to[i] += v);
    }
}

/// The rows `at` of a matrix with n rows.
fn rows_of(a: &[f64], at: &[usize], n: usize) -> Vec<f64> {
    a.chunks_exact(n).flat_map(|c| at.iter().map(|&i| c[i])).collect()
}

fn block_of(a: &[f64], at: &[usize], n: usize) -> Vec<f64> {
    at.iter().flat_map(|&j| at.iter().map(move |&i| a[i + n * j])).collect()
}

//! Components whose V is formed: n × n matrices, once for all components that look the same.
//!
//! Derivatives of V touch few rows (a covariance of two visits touches two), so each is held on its
//! support. Quadratic forms of many alike components go by K_ad = Σ y_a y_d' over their rows a, d of
//! Y = V⁻¹[X …]:
//!
//! ```text
//!     Σ Y'V_iY = Σ_ad (V_i)_ad K_ad        Σ Y'V_iV⁻¹V_jY = Σ_ad (V_iV⁻¹V_j)_ad K_ad
//! ```

use super::View;
use super::chart::Expanded;
use super::components::{Group, rows_of};
use super::moments::{Kept, Moments, packed};
use super::product::product;
use crate::dense::Square;
use crate::error::{EngineError, Result};
use crate::structured::design::Term;
use crate::wide;

/// Rows up to which products of derivatives are formed.
const SMALL: usize = 64;

/// Most numbers of K.
const MOMENTS: usize = 4_000_000;

/// A symmetric matrix on the rows that are not zero.
struct Piece {
    rows: Vec<usize>,
    values: Vec<f64>,
}

impl Piece {
    fn new(matrix: &Square) -> Self {
        let n = matrix.n;
        let touched = |a: &usize| matrix.data[a * n..(a + 1) * n].iter().any(|v| *v != 0.0);
        let rows: Vec<usize> = (0..n).filter(touched).collect();
        let mut values = Vec::with_capacity(rows.len() * rows.len());
        for &d in &rows {
            values.extend(rows.iter().map(|&a| matrix[(a, d)]));
        }
        Self { rows, values }
    }

    fn s(&self) -> usize {
        self.rows.len()
    }

    /// ⟨W, ·⟩.
    fn with(&self, w: &Square) -> f64 {
        let columns = self.rows.iter().zip(self.values.chunks_exact(self.s().max(1)));
        columns
            .map(|(&d, column)| {
                self.rows.iter().zip(column).map(|(&a, v)| w[(a, d)] * v).sum::<f64>()
            })
            .sum()
    }

    /// The rows of its support of column-major `y` with n rows, s × k.
    fn gather(&self, y: &[f64], n: usize) -> Vec<f64> {
        y.chunks_exact(n).flat_map(|c| self.rows.iter().map(|&a| c[a])).collect()
    }
}

/// V⁻¹ and the derivatives of V.
struct Component {
    n: usize,
    w: Square,
    first: Vec<(usize, Piece)>,
    second: Vec<((usize, usize), Piece)>,
}

/// Adds the sums over a group.
pub fn add_group(view: &View<'_>, group: &Group, out: &mut Moments) -> Result<()> {
    let component = Component::new(view, &group.members[0])?;
    component.add_traces(group.members.len() as f64, out);
    if component.prefers_moments(group.members.len(), out) {
        component.add_by_moments(view, group, out);
    } else {
        group.members.iter().for_each(|blocks| component.add_directly(view, blocks, out));
    }
    Ok(())
}

impl Component {
    fn new(view: &View<'_>, blocks: &[u32]) -> Result<Self> {
        let Expanded { value, first, second } = covariance(view, blocks);
        let n = value.n;
        let mut l = value;
        wide::cholesky(n, &mut l.data)
            .map_err(|_| EngineError::Factorisation { group: 0, level: 0 })?;
        let mut w = Square::identity(n);
        wide::solve_lower(n, &l.data, &mut w.data, n);
        wide::solve_lower_transpose(n, &l.data, &mut w.data, n);
        let first = first.iter().map(|(i, m)| (*i, Piece::new(m))).collect();
        let second = second.iter().map(|(key, m)| (*key, Piece::new(m))).collect();
        Ok(Self { n, w, first, second })
    }

    fn add_traces(&self, count: f64, out: &mut Moments) {
        for (i, piece) in &self.first {
            out.first[*i] += count * piece.with(&self.w);
        }
        if self.n > SMALL {
            self.add_second_traces(count, out);
        }
    }

    /// tr(V⁻¹V_iV⁻¹V_j) from V⁻¹V_i, n × s_i.
    fn add_second_traces(&self, count: f64, out: &mut Moments) {
        let n = self.n;
        let times = |(_, piece): &(usize, Piece)| {
            let s = piece.s();
            let columns: Vec<f64> = piece
                .rows
                .iter()
                .flat_map(|&d| self.w.data[d * n..(d + 1) * n].iter().copied())
                .collect();
            product(&columns, false, &piece.values, n, s, s)
        };
        let u: Vec<Vec<f64>> = self.first.iter().map(times).collect();
        for (a, (i, pi)) in self.first.iter().enumerate() {
            for (b, (j, pj)) in self.first[..=a].iter().enumerate() {
                let mut sum = 0.0;
                for (c, &row) in pi.rows.iter().enumerate() {
                    let column = &u[a][c * n..(c + 1) * n];
                    sum += pj
                        .rows
                        .iter()
                        .enumerate()
                        .map(|(d, &other)| column[other] * u[b][row + n * d])
                        .sum::<f64>();
                }
                out.second[packed(*i, *j)] += count * sum;
            }
        }
    }

    /// V_iV⁻¹V_j on the supports of i and j, and its product with V⁻¹ there.
    fn middle(&self, i: &Piece, j: &Piece) -> (Vec<f64>, f64) {
        let (si, sj) = (i.s(), j.s());
        let between: Vec<f64> =
            j.rows.iter().flat_map(|&d| i.rows.iter().map(move |&a| self.w[(a, d)])).collect();
        let half = product(&i.values, false, &between, si, si, sj);
        let whole = product(&half, false, &j.values, si, sj, sj);
        let trace = whole.iter().zip(&between).map(|(m, w)| m * w).sum();
        (whole, trace)
    }

    fn prefers_moments(&self, count: usize, out: &Moments) -> bool {
        let (n, k) = (self.n, out.k);
        let triangle = packed(n, 0);
        if n > SMALL || triangle * k * k > MOMENTS {
            return false;
        }
        let m = self.first.len();
        let supports: usize = self.first.iter().map(|(_, p)| p.s()).sum();
        let bends: usize = self.second.iter().map(|(_, p)| p.s() * p.s()).sum();
        let width = out.width();
        let by_moments =
            count * triangle * k * k + (supports * supports / 2 + bends) * width + m * n * k * k;
        let directly = count * (2 * m * n * k * (1 + n) + m * m * n * k * k / 2 + bends * k);
        by_moments < directly
    }

    /// Y of one member, n × k.
    fn solved(&self, view: &View<'_>, blocks: &[u32], k: usize) -> Vec<f64> {
        let n = self.n;
        let mut u = vec![0.0; n * k];
        for (a, i) in rows_of(view.problem, blocks).enumerate() {
            let row = &view.columns[i * k..(i + 1) * k];
            row.iter().enumerate().for_each(|(c, v)| u[a + n * c] = *v);
        }
        product(&self.w.data, false, &u, n, n, k)
    }

    fn add_by_moments(&self, view: &View<'_>, group: &Group, out: &mut Moments) {
        let (n, k) = (self.n, out.k);
        let size = k * k;
        let mut whole = vec![0.0; packed(n, 0) * size];
        for blocks in &group.members {
            let y = self.solved(view, blocks, k);
            let rows: Vec<Vec<f64>> =
                (0..n).map(|a| (0..k).map(|c| y[a + n * c]).collect()).collect();
            for a in 0..n {
                for d in 0..=a {
                    let to = &mut whole[packed(a, d) * size..][..size];
                    for (column, f) in to.chunks_exact_mut(k).zip(&rows[d]) {
                        column.iter_mut().zip(&rows[a]).for_each(|(t, v)| *t += f * v);
                    }
                }
            }
        }
        let mut form = vec![0.0; size];
        for (i, piece) in &self.first {
            piece.contract(&whole, size, &mut out.grams[i * size..(i + 1) * size]);
        }
        let count = group.members.len() as f64;
        let width = out.width();
        let reduced = match out.kept {
            Kept::Whole => whole,
            Kept::Traces => {
                let mut reduced = vec![0.0; packed(n, 0) * width];
                let pairs = whole.chunks_exact(size).zip(reduced.chunks_exact_mut(width));
                pairs.for_each(|(k, r)| out.reduced(k, r));
                reduced
            }
        };
        form.resize(width, 0.0);
        for (a, (i, pi)) in self.first.iter().enumerate() {
            for (j, pj) in &self.first[..=a] {
                let (middle, trace) = self.middle(pi, pj);
                let at = packed(*i, *j);
                out.second[at] += count * trace;
                let to = &mut out.forms[at * width..(at + 1) * width];
                let mut entries = middle.iter();
                for &d in &pj.rows {
                    for &r in &pi.rows {
                        let f = *entries.next().unwrap_or(&0.0);
                        let from = &reduced[packed(r.max(d), r.min(d)) * width..][..width];
                        to.iter_mut().zip(from).for_each(|(t, v)| *t += f * v);
                    }
                }
            }
        }
        for (key, piece) in &self.second {
            form.fill(0.0);
            piece.contract(&reduced, width, &mut form);
            out.add_reduced_bend(*key, count * piece.with(&self.w), &form);
        }
    }

    fn add_directly(&self, view: &View<'_>, blocks: &[u32], out: &mut Moments) {
        let (n, k) = (self.n, out.k);
        let y = self.solved(view, blocks, k);
        let mut moved = Vec::with_capacity(self.first.len());
        for (i, piece) in &self.first {
            let s = piece.s();
            let mine = piece.gather(&y, n);
            let b = product(&piece.values, false, &mine, s, s, k);
            let gram = product(&mine, true, &b, k, s, k);
            out.grams[i * k * k..(i + 1) * k * k].iter_mut().zip(&gram).for_each(|(o, g)| *o += g);
            let columns: Vec<f64> = piece
                .rows
                .iter()
                .flat_map(|&d| self.w.data[d * n..(d + 1) * n].iter().copied())
                .collect();
            let h = product(&columns, false, &b, n, s, k);
            moved.push((b, h));
        }
        for (a, (i, pi)) in self.first.iter().enumerate() {
            for (b, (j, pj)) in self.first[..=a].iter().enumerate() {
                let h = pi.gather(&moved[b].1, n);
                let form = product(&moved[a].0, true, &h, k, pi.s(), k);
                out.add_form(*i, *j, &form);
                if n <= SMALL {
                    out.second[packed(*i, *j)] += self.middle(pi, pj).1;
                }
            }
        }
        for (key, piece) in &self.second {
            let mine = piece.gather(&y, n);
            let b = product(&piece.values, false, &mine, piece.s(), piece.s(), k);
            let form = product(&mine, true, &b, k, piece.s(), k);
            out.add_bend(*key, piece.with(&self.w), &form);
        }
    }
}

impl Piece {
    /// Σ_ad (·)_ad K_ad, K by its lower triangle, `width` numbers each.
    fn contract(&self, k: &[f64], width: usize, out: &mut [f64]) {
        let s = self.s();
        for d in 0..s {
            for a in d..s {
                let f = self.values[a + s * d] * if a == d { 1.0 } else { 2.0 };
                let from = &k[packed(self.rows[a], self.rows[d]) * width..][..width];
                out.iter_mut().zip(from).for_each(|(o, v)| *o += f * v);
            }
        }
    }
}

/// V of a component.
fn covariance(view: &View<'_>, blocks: &[u32]) -> Expanded {
    let rows: Vec<usize> = rows_of(view.problem, blocks).collect();
    let n = rows.len();
    let mut out = Expanded::new(Square::zeros(n));
    let mut start = 0;
    for &block in blocks {
        let r = view.residuals.block(block as usize);
        let place = |part: &Square| {
            let mut whole = Square::zeros(n);
            for j in 0..part.n {
                (0..part.n).for_each(|i| whole[(start + i, start + j)] = part[(i, j)]);
            }
            whole
        };
        out.value.add(&place(&r.value));
        r.first.iter().for_each(|(i, part)| out.add_first(*i, &place(part)));
        for ((i, j), part) in &r.second {
            out.add_second(*i, *j, place(part), false);
        }
        start += r.value.n;
    }
    for (t, term) in view.problem.design.terms.iter().enumerate() {
        let rows: Vec<usize> = rows.iter().map(|&i| view.problem.blocks.rows[i] as usize).collect();
        let together = together(term, &rows, view.known[t].as_ref());
        let place = |part: &Square| between_rows(term, &rows, &together, part);
        out.value.add(&place(&view.terms[t].value));
        view.terms[t].first.iter().for_each(|(i, part)| out.add_first(*i, &place(part)));
        for ((i, j), part) in &view.terms[t].second {
            out.add_second(*i, *j, place(part), false);
        }
    }
    out
}

/// Σ w_a w_d K_ld over the levels l of row a and d of row d.
fn together(term: &Term, rows: &[usize], known: Option<&Square>) -> Square {
    let mut out = Square::zeros(rows.len());
    for (d, &right) in rows.iter().enumerate() {
        for (a, &left) in rows.iter().enumerate() {
            for (l, w) in term.incidence.of(left) {
                for (m, v) in term.incidence.of(right) {
                    let k = match known {
                        Some(k) => k[(l as usize, m as usize)],
                        None => f64::from(u8::from(l == m)),
                    };
                    out[(a, d)] += w * v * k;
                }
            }
        }
    }
    out
}

/// z_a'C z_d times what the rows have together.
fn between_rows(term: &Term, rows: &[usize], together: &Square, c: &Square) -> Square {
    let (n, q) = (rows.len(), term.q);
    let z = |row: usize| &term.z[row * q..(row + 1) * q];
    let mut out = Square::zeros(n);
    for (d, &right) in rows.iter().enumerate() {
        let cz: Vec<f64> =
            (0..q).map(|i| z(right).iter().enumerate().map(|(j, v)| c[(i, j)] * v).sum()).collect();
        for (a, &left) in rows.iter().enumerate() {
            let f = together[(a, d)];
            if f != 0.0 {
                out[(a, d)] = f * z(left).iter().zip(&cz).map(|(z, v)| z * v).sum::<f64>();
            }
        }
    }
    out
}

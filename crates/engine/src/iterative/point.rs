//! The criterion with its derivatives at one θ.

use super::corner::Corner;
use super::operator::Operator;
use super::panel::{LANES, Lanes, Pair, Row, load};
use super::probes::{Probed, Probes};
use super::problem::IterativeProblem;
use super::right::{RightSides, Solutions, add_own, solve_columns};
use super::sides::{Side, Span, pull};
use crate::curvature::{FirstOrder, Moves, assemble};
use crate::dense::{Square, solve_lower};
use crate::error::Result;
use crate::objective::{Criterion, Profile};
use crate::row_major::Columns;

/// How exactly to solve.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// The probes of log|M| and of the traces.
    pub probes: Probes,
    /// Relative residual of the probes.
    pub of_probes: f64,
    /// Relative residual of [X y].
    pub of_columns: f64,
    /// Relative residual of the directions of the curvature.
    pub of_directions: f64,
}

/// What there is to know at one θ, in the engine's coordinates.
pub struct Point<'a> {
    /// The equations.
    pub operator: Operator<'a>,
    /// The small factors.
    pub corner: Corner,
    /// Z'V₀⁻¹c and what else was solved for the right-hand columns.
    pub solutions: Solutions,
    /// β̂, σ̂ and the criterion.
    pub profile: Profile,
    /// Per factor Z'V⁻¹[X | y − Xβ̂].
    pub a: Vec<Columns>,
    /// S_f, and the slopes of r².
    pub first: FirstOrder,
    /// ∂d/∂θ̃.
    pub gradient: Vec<f64>,
    /// Per probe, what it adds to log|M|.
    pub log_dets: Vec<f64>,
    /// Per probe, what it adds to ∂d/∂θ̃.
    pub slopes: Vec<Vec<f64>>,
    /// Per probe, what it adds to S_f.
    pub traces: Vec<Vec<Square>>,
    /// The probes.
    pub probes: Probes,
    /// The least eigenvalue of P⁻¹S that was met.
    pub least: f64,
}

impl<'a> Point<'a> {
    /// Evaluates.
    pub fn new(
        problem: &'a IterativeProblem,
        theta: &[f64],
        criterion: Criterion,
        effort: Effort,
    ) -> Result<Self> {
        Self::with(problem, theta, criterion, effort, None)
    }

    /// The same where the probes have been run at this θ before.
    pub fn with(
        problem: &'a IterativeProblem,
        theta: &[f64],
        criterion: Criterion,
        effort: Effort,
        probed: Option<Probed>,
    ) -> Result<Self> {
        let t = problem.templates().fill(theta);
        let operator = Operator::new(&problem.condensed, &problem.roles, t)?;
        let right = &problem.right;
        let solutions = solve_columns(&operator, right, effort.of_columns)?;
        let f = crossed(problem, &operator, &solutions);
        let corner = Corner::new(f, &problem.roles, &operator.templates)?;
        let probed = match probed {
            Some(probed) => probed,
            None => effort.probes.run(&operator, effort.of_probes)?,
        };
        let weight = effort.probes.weight();
        let probes: f64 = probed.log_det.iter().map(|v| v * weight).sum();
        let log_m = operator.log_det + probes + corner.log_det;
        let (basis, n) = (&problem.condensed.basis, problem.condensed.n);
        let log_v = log_m - basis.log_weights;
        let profile = Profile::from_parts(&corner.right(), log_v, basis, n, criterion)?;
        let a = residual_columns(problem, &operator, &corner, &solutions, &profile);
        let mut point = Self {
            operator,
            corner,
            solutions,
            profile,
            a,
            first: FirstOrder::default(),
            gradient: vec![],
            log_dets: probed.log_det.clone(),
            slopes: vec![],
            traces: vec![],
            probes: effort.probes,
            least: probed.least,
        };
        point.differentiate(problem, probed);
        Ok(point)
    }

    /// What the probes found.
    pub fn probed(&self) -> Probed {
        let (log_det, traces) = (self.log_dets.clone(), self.traces.clone());
        Probed { log_det, traces, least: self.least }
    }

    /// S_f = Σ_j (Z_j'PZ_j − a_j a_j'/σ²) and ∂d/∂T_f = 2 S_f T_f.
    fn differentiate(&mut self, problem: &IterativeProblem, probed: Probed) {
        let (t, templates) = (&self.operator.templates, problem.templates());
        let p = self.profile.x_factor.n;
        let weight = self.probes.weight();
        let mut s = self.traces_without_chance(problem);
        for one in &probed.traces {
            for (s, one) in s.iter_mut().zip(one) {
                s.data.iter_mut().zip(&one.data).for_each(|(s, v)| *s += weight * v);
            }
        }
        let mut of_r2 = vec![];
        for (f, a) in self.a.iter().enumerate() {
            let modes = gram(a, t[f].n, p..p + 1);
            s[f].data.iter_mut().zip(&modes.data).for_each(|(s, m)| {
                *s -= m / self.profile.variance;
            });
            if self.profile.criterion.reml {
                let fixed = gram(&standardised(a, &self.profile), t[f].n, 0..p);
                s[f].data.iter_mut().zip(&fixed.data).for_each(|(s, m)| *s -= m);
            }
            of_r2.push(modes.times(&t[f]));
        }
        let times =
            |s: &[Square]| -> Vec<Square> { s.iter().zip(t).map(|(s, t)| s.times(t)).collect() };
        let along = |s: &Vec<Square>| -> Vec<f64> {
            templates.theta(&times(s)).iter().map(|v| 2.0 * v).collect()
        };
        self.slopes = probed.traces.iter().map(along).collect();
        self.traces = probed.traces;
        let products = times(&s);
        (self.gradient, self.first) = FirstOrder::new(templates, s, products, of_r2);
    }

    /// Σ_j Z_j'V⁻¹Z_j per factor, without what the probes add.
    fn traces_without_chance(&self, problem: &IterativeProblem) -> Vec<Square> {
        let roles = &problem.roles;
        let mut out: Vec<Square> =
            self.operator.templates.iter().map(|t| Square::zeros(t.n)).collect();
        self.operator.own_traces(&mut out);
        if let (Some(sum), Some(e)) =
            (self.operator.explained_by_blocks(), roles.eliminated.spans.first())
        {
            out[e.factor].data.iter_mut().zip(&sum.data).for_each(|(o, s)| *o -= s);
        }
        let within = self.corner.within();
        for &(factor, q, first) in &roles.small {
            for start in (first..roles.end_of(first)).step_by(q) {
                for j in 0..q {
                    (0..q).for_each(|i| out[factor][(i, j)] += within[(start + i, start + j)]);
                }
            }
        }
        if roles.n_small > 0 {
            for (side, a) in self.sides(problem) {
                for (factor, sum) in explained_by_small(side, a, &self.corner.n) {
                    out[factor].data.iter_mut().zip(&sum.data).for_each(|(o, s)| *o -= s);
                }
            }
        }
        out
    }

    fn sides<'b>(&'b self, problem: &'b IterativeProblem) -> [(&'b Side, &'b Columns); 2] {
        let (roles, a) = (&problem.roles, &self.solutions.a);
        [(&roles.eliminated, &a.eliminated), (&roles.large, &a.large)]
    }

    /// The average information with the curvature of ΛΛ' in T.
    pub fn hessian(&self, problem: &IterativeProblem, effort: Effort) -> Result<Square> {
        let templates = problem.templates();
        let (m, p) = (templates.parameters.len(), self.profile.x_factor.n);
        let mut quadratic = Square::zeros(m);
        let mut mixed = vec![0.0; p * m];
        let h = self.directions(problem);
        for first in (0..m).step_by(LANES) {
            let range = first..m.min(first + LANES);
            let part: Vec<&Direction> = h[range.clone()].iter().collect();
            let a = self.forms_with(problem, &part, effort.of_directions)?;
            for (lane, l) in range.enumerate() {
                for (i, direction) in h.iter().enumerate() {
                    let a = &a[direction.factor];
                    let column = a.values.iter().skip(lane).step_by(a.m);
                    quadratic[(i, l)] =
                        direction.values.iter().zip(column).map(|(h, a)| h * a).sum();
                }
                let own = &self.a[h[l].factor];
                for (h, row) in h[l].values.iter().zip(own.values.chunks_exact(own.m)) {
                    let out = &mut mixed[p * l..p * (l + 1)];
                    out.iter_mut().zip(row).for_each(|(o, x)| *o += h * x);
                }
            }
        }
        let other = quadratic.transpose();
        quadratic.data.iter_mut().zip(&other.data).for_each(|(a, b)| *a = 0.5 * (*a + b));
        let moves = Moves::in_order(m);
        Ok(assemble(templates, &self.profile, &self.first, &moves, &quadratic, mixed))
    }

    /// h_i = (∂ΛΛ'/∂θ_i) a.
    fn directions(&self, problem: &IterativeProblem) -> Vec<Direction> {
        let p = self.profile.x_factor.n;
        let of = |at: &crate::covariance::Parameter| {
            let (a, t) = (&self.a[at.factor], &self.operator.templates[at.factor]);
            let q = t.n;
            let mut values = vec![0.0; a.values.len() / a.m];
            for (level, out) in values.chunks_exact_mut(q).enumerate() {
                let a = |s: usize| a.rows(level * q + s, 1)[p];
                out[at.row] += (at.column..q).map(|s| t[(s, at.column)] * a(s)).sum::<f64>();
                (at.column..q).for_each(|s| out[s] += t[(s, at.column)] * a(at.row));
            }
            Direction { factor: at.factor, values }
        };
        problem.templates().parameters.iter().map(of).collect()
    }

    /// Per factor Z'V⁻¹Z h for at most eight directions h.
    fn forms_with(
        &self,
        problem: &IterativeProblem,
        h: &[&Direction],
        tolerance: f64,
    ) -> Result<Vec<Columns>> {
        let (roles, m) = (&problem.roles, h.len());
        let column = |rows: usize, find: &dyn Fn(usize) -> Option<usize>| {
            let mut out = Columns::zeros(rows, m);
            for (lane, h) in h.iter().enumerate() {
                if let Some(start) = find(h.factor) {
                    for (i, v) in h.values.iter().enumerate() {
                        out.values[(start + i) * m + lane] = *v;
                    }
                }
            }
            out
        };
        let of = |side: &Side, f: usize| side.spans.iter().find(|s| s.factor == f).map(|s| s.row);
        let h_e = column(roles.eliminated.rows, &|f| of(&roles.eliminated, f));
        let h_l = column(roles.large.rows, &|f| of(&roles.large, f));
        let h_s = column(roles.n_small, &|f| roles.small.iter().find(|s| s.0 == f).map(|s| s.2));
        let right = if m <= Pair::LANES {
            self.multiplied::<Pair>(problem, &h_e, &h_l, &h_s)
        } else {
            self.multiplied::<Lanes>(problem, &h_e, &h_l, &h_s)
        };
        let solved = solve_columns(&self.operator, &right, tolerance)?;
        // Z_s'V₀⁻¹Z h, by symmetry from what was solved before.
        let s = roles.n_small;
        let mut f = Columns::zeros(s, m);
        for (columns, h) in [(&self.solutions.a.eliminated, &h_e), (&self.solutions.a.large, &h_l)]
        {
            for (a, h) in columns.values.chunks_exact(columns.m).zip(h.values.chunks_exact(m)) {
                for (i, a) in a[..s].iter().enumerate() {
                    let out = &mut f.values[i * m..(i + 1) * m];
                    out.iter_mut().zip(h).for_each(|(o, h)| *o += a * h);
                }
            }
        }
        let own = self.corner.own();
        add_product(&own, &h_s, &mut f);
        let shift = self.corner.shift_of(&f);
        let mut out: Vec<Columns> = self.a.iter().map(|_| Columns::zeros(0, m)).collect();
        for ((side, base), found) in
            self.sides(problem).into_iter().zip([&solved.a.eliminated, &solved.a.large])
        {
            for span in &side.spans {
                let whole = shifted(span, found, 0..m, base, &shift);
                out[span.factor] = whole;
            }
        }
        add_product(&own, &shift, &mut f);
        for &(factor, _, first) in &roles.small {
            let rows = f.rows(first, roles.end_of(first) - first);
            out[factor] = Columns { m, values: rows.to_vec() };
        }
        Ok(out)
    }

    /// Z'WZ h on the sides of the eliminated and the large factors.
    fn multiplied<R: Row>(
        &self,
        problem: &IterativeProblem,
        h_e: &Columns,
        h_l: &Columns,
        h_s: &Columns,
    ) -> RightSides {
        let (roles, m, condensed) = (&problem.roles, h_e.m, &problem.condensed);
        let (e, l) = (load::<R>(h_e, 0..m), load::<R>(h_l, 0..m));
        let mut out_e = self.operator.from_large(&l);
        let mut own = vec![R::ZERO; e.len()];
        add_own(&self.operator, &roles.eliminated, &e, &mut own);
        out_e.iter_mut().zip(&own).for_each(|(o, x)| o.add(x));
        let mut out_l = vec![R::ZERO; l.len()];
        roles.large.each(&mut out_l, |span, level, out| {
            for (side, x) in [(&roles.eliminated, &e), (&roles.large, &l)] {
                for other in side.spans.iter().filter(|o| o.factor != span.factor) {
                    let pair = condensed.pair(span.factor, other.factor);
                    let x = &x[other.row..other.row + other.levels * other.q];
                    pull(pair, level, other.q, 1.0, x, out);
                }
            }
        });
        add_own(&self.operator, &roles.large, &l, &mut out_l);
        let mut right = RightSides {
            eliminated: Columns::zeros(e.len(), m),
            large: Columns::zeros(l.len(), m),
        };
        super::panel::store(&out_e, 0..m, &mut right.eliminated);
        super::panel::store(&out_l, 0..m, &mut right.large);
        for (out, c) in [
            (&mut right.eliminated, &problem.right.eliminated),
            (&mut right.large, &problem.right.large),
        ] {
            add_small(c, h_s, out);
        }
        right
    }
}

/// A vector on the levels of one factor.
struct Direction {
    factor: usize,
    values: Vec<f64>,
}

/// out += A x for a square A.
fn add_product(a: &Square, x: &Columns, out: &mut Columns) {
    let m = x.m;
    for i in 0..a.n {
        for j in 0..a.n {
            let f = a[(i, j)];
            let row = &mut out.values[i * m..(i + 1) * m];
            row.iter_mut().zip(x.rows(j, 1)).for_each(|(o, x)| *o += f * x);
        }
    }
}

/// out += C x for the first columns of C.
fn add_small(c: &Columns, x: &Columns, out: &mut Columns) {
    let s = x.values.len() / x.m.max(1);
    if s == 0 {
        return;
    }
    for (row, out) in c.values.chunks_exact(c.m).zip(out.values.chunks_exact_mut(x.m)) {
        for (f, x) in row[..s].iter().zip(x.values.chunks_exact(x.m)) {
            out.iter_mut().zip(x).for_each(|(o, x)| *o += f * x);
        }
    }
}

/// The rows of a factor: the columns `range` of `found`, plus the small factors' columns of `base`
/// times `shift`.
fn shifted(
    span: &Span,
    found: &Columns,
    range: std::ops::Range<usize>,
    base: &Columns,
    shift: &Columns,
) -> Columns {
    let (m, n) = (shift.m, span.levels * span.q);
    let mut out = Columns::zeros(n, m);
    for (i, out) in out.values.chunks_exact_mut(m).enumerate() {
        out.copy_from_slice(&found.rows(span.row + i, 1)[range.clone()]);
        let base = base.rows(span.row + i, 1);
        for (f, shift) in base.iter().zip(shift.values.chunks_exact(m)) {
            out.iter_mut().zip(shift).for_each(|(o, s)| *o += f * s);
        }
    }
    out
}

/// Per factor Z'V⁻¹[X | y − Xβ̂].
fn residual_columns(
    problem: &IterativeProblem,
    operator: &Operator<'_>,
    corner: &Corner,
    solutions: &Solutions,
    profile: &Profile,
) -> Vec<Columns> {
    let (roles, k) = (&problem.roles, problem.condensed.k);
    let (s, p) = (roles.n_small, k - 1);
    let shift = corner.shift();
    let mut out: Vec<Columns> = operator.templates.iter().map(|_| Columns::zeros(0, k)).collect();
    for (side, a) in
        [(&roles.eliminated, &solutions.a.eliminated), (&roles.large, &solutions.a.large)]
    {
        for span in &side.spans {
            out[span.factor] = shifted(span, a, s..s + k, a, &shift);
        }
    }
    let mut f = Columns::zeros(s, k);
    for i in 0..s {
        (0..k).for_each(|j| f.values[i * k + j] = corner.f[(i, s + j)]);
    }
    add_product(&corner.own(), &shift, &mut f);
    for &(factor, _, first) in &roles.small {
        let rows = f.rows(first, roles.end_of(first) - first);
        out[factor] = Columns { m: k, values: rows.to_vec() };
    }
    for columns in &mut out {
        for row in columns.values.chunks_exact_mut(k) {
            row[p] -= (0..p).map(|j| row[j] * profile.beta[j]).sum::<f64>();
        }
    }
    out
}

/// Z'V⁻¹XL_X⁻ᵀ in the place of Z'V⁻¹X.
fn standardised(a: &Columns, profile: &Profile) -> Columns {
    let mut out = Columns { m: a.m, values: a.values.clone() };
    let p = profile.x_factor.n;
    for row in out.values.chunks_exact_mut(a.m) {
        solve_lower(p, &profile.x_factor.data, &mut row[..p], 1);
    }
    out
}

/// Σ_j a_j a_j' over the levels of a factor, for some columns of a.
pub fn gram(a: &Columns, q: usize, range: std::ops::Range<usize>) -> Square {
    let mut out = Square::zeros(q);
    for level in a.values.chunks_exact(q * a.m) {
        for j in 0..q {
            let right = &level[j * a.m..][range.clone()];
            for i in 0..q {
                let left = &level[i * a.m..][range.clone()];
                out[(i, j)] += left.iter().zip(right).map(|(a, b)| a * b).sum::<f64>();
            }
        }
    }
    out
}

/// Σ_j a_j N a_j' per factor, a_j being the small factors' columns of a level.
fn explained_by_small(side: &Side, a: &Columns, n: &Square) -> Vec<(usize, Square)> {
    side.sums(
        |span| Square::zeros(span.q),
        |sum, span, level| {
            for j in 0..span.q {
                let right = &a.rows(span.row + level * span.q + j, 1)[..n.n];
                let product: Vec<f64> =
                    (0..n.n).map(|r| (0..n.n).map(|c| n[(r, c)] * right[c]).sum()).collect();
                for i in 0..span.q {
                    let left = &a.rows(span.row + level * span.q + i, 1)[..n.n];
                    sum[(i, j)] += left.iter().zip(&product).map(|(a, b)| a * b).sum::<f64>();
                }
            }
        },
    )
}

/// c'V₀⁻¹c for all right-hand columns c.
pub(super) fn crossed(
    problem: &IterativeProblem,
    operator: &Operator<'_>,
    solved: &Solutions,
) -> Square {
    let mut out = problem.total.clone();
    let (roles, k) = (&problem.roles, out.n);
    let right = &problem.right.eliminated;
    let e = roles.eliminated.sums(
        |_| Square::zeros(k),
        |sum, span, level| {
            let (h, q) = (&operator.held[span.block(level)], span.q);
            for j in 0..q {
                let b = right.rows(level * q + j, 1);
                for i in 0..q {
                    add_outer(h[i + q * j], right.rows(level * q + i, 1), b, sum);
                }
            }
        },
    );
    let l = roles.large.sums(
        |_| Square::zeros(k),
        |sum, span, level| {
            for row in span.rows(level) {
                add_outer(1.0, solved.reduced.rows(row, 1), solved.b.rows(row, 1), sum);
            }
        },
    );
    for (_, sum) in e.iter().chain(&l) {
        out.data.iter_mut().zip(&sum.data).for_each(|(o, s)| *o -= s);
    }
    let other = out.transpose();
    out.data.iter_mut().zip(&other.data).for_each(|(a, b)| *a = 0.5 * (*a + b));
    out
}

fn add_outer(f: f64, x: &[f64], y: &[f64], out: &mut Square) {
    for (j, y) in y.iter().enumerate() {
        let column = &mut out.data[out.n * j..out.n * (j + 1)];
        column.iter_mut().zip(x).for_each(|(o, x)| *o += f * x * y);
    }
}

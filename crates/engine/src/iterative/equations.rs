//! M x = c for any columns c, and the conditional covariances that are its diagonal blocks.
//!
//! ```text
//!     M₀⁻¹c:  S x_L = c_L − Λ_L'A_LEΛ_E D⁻¹c_E,   x_E = D⁻¹(c_E − Λ_E'A_ELΛ_L x_L),   D = Λ_E'A_EEΛ_E + I
//!     M⁻¹c:   (I + Λ_s'F_ssΛ_s) x_s = c_s − B'M₀⁻¹c₀,   x₀ = M₀⁻¹(c₀ − B x_s),          B = Λ₀'A_0sΛ_s
//! ```

use std::sync::Arc;

use super::conjugate::solve_checked;
use super::corner::Corner;
use super::operator::Operator;
use super::panel::{
    LANES, Lanes, Panel, Row, solve_lower, solve_lower_transpose, template_times, transpose_times,
    zeros,
};
use super::point::crossed;
use super::problem::IterativeProblem;
use super::right::solve_columns;
use super::search::AT_THE_END;
use crate::dense::Square;
use crate::error::{EngineError, Result};
use crate::projection::Sparse;
use crate::watch::Watch;

/// M at one θ.
#[derive(Debug, Clone)]
pub struct Equations {
    problem: Arc<IterativeProblem>,
    templates: Vec<Square>,
    corner: Arc<Corner>,
}

/// The three parts of a vector of spherical effects.
struct Parts {
    eliminated: Panel,
    large: Panel,
    small: Panel,
}

/// Where an effect is.
enum Place {
    Eliminated(usize),
    Large(usize),
    Small(usize),
}

impl IterativeProblem {
    /// The equations at θ̃.
    pub fn equations(self: &Arc<Self>, theta: &[f64]) -> Result<Equations> {
        let templates = self.templates().fill(theta);
        let corner = if self.roles.n_small == 0 {
            Corner::new(Square::zeros(0), &self.roles, &templates)?
        } else {
            let operator = Operator::new(&self.condensed, &self.roles, templates.clone())?;
            let solved = solve_columns(&operator, &self.right, AT_THE_END)?;
            Corner::new(crossed(self, &operator, &solved), &self.roles, &templates)?
        };
        Ok(Equations { problem: Arc::clone(self), templates, corner: Arc::new(corner) })
    }
}

impl Equations {
    fn operator(&self) -> Result<Operator<'_>> {
        let (condensed, roles) = (&self.problem.condensed, &self.problem.roles);
        Operator::new(condensed, roles, self.templates.clone())
    }

    /// Number of random effects.
    pub fn dim(&self) -> usize {
        let condensed = &self.problem.condensed;
        condensed.n_levels.iter().zip(&condensed.templates.widths).map(|(l, q)| l * q).sum()
    }

    /// Multiplications for `count` columns.
    pub fn cost(&self, count: usize) -> f64 {
        self.problem.cost() * count as f64 / LANES as f64
    }

    /// M⁻¹ times columns of [`Self::dim`] numbers, one behind the other, in place.
    pub fn solve(&self, values: &mut [f64]) -> Result<()> {
        let (operator, n) = (self.operator()?, self.dim().max(1));
        for some in values.chunks_mut(n * LANES) {
            let mut parts = self.blank();
            for (lane, column) in some.chunks_exact(n).enumerate() {
                for (effect, value) in column.iter().enumerate() {
                    self.at(&mut parts, effect).0[lane] = *value;
                }
            }
            let mut solved = self.solved(&operator, parts)?;
            for (lane, column) in some.chunks_exact_mut(n).enumerate() {
                for (effect, value) in column.iter_mut().enumerate() {
                    *value = self.at(&mut solved, effect).0[lane];
                }
            }
        }
        Ok(())
    }

    /// v_i'M⁻¹w_i of the columns of `left` and `right`, or of `left` with itself.
    pub fn inner(&self, left: Sparse<'_>, right: Option<Sparse<'_>>) -> Result<Vec<f64>> {
        let other = right.unwrap_or(left);
        self.check(left)?;
        self.check(other)?;
        if other.len() != left.len() {
            let (what, expected, found) = ("right columns", left.len(), other.len());
            return Err(EngineError::Shape { what, expected, found });
        }
        let mut out = vec![0.0; left.len()];
        self.each_solved(left, |first, lanes, solved| {
            for lane in 0..lanes {
                out[first + lane] = self.dot(other, first + lane, solved, lane);
            }
        })?;
        Ok(out)
    }

    /// V'M⁻¹V of the columns of V.
    pub fn gram(&self, columns: Sparse<'_>) -> Result<Vec<f64>> {
        self.check(columns)?;
        let m = columns.len();
        let mut out = vec![0.0; m * m];
        self.each_solved(columns, |first, lanes, solved| {
            for lane in 0..lanes {
                for i in 0..m {
                    out[i + m * (first + lane)] = self.dot(columns, i, solved, lane);
                }
            }
        })?;
        for j in 0..m {
            for i in 0..j {
                let mean = 0.5 * (out[i + m * j] + out[j + m * i]);
                (out[i + m * j], out[j + m * i]) = (mean, mean);
            }
        }
        Ok(out)
    }

    fn check(&self, columns: Sparse<'_>) -> Result<()> {
        columns.check(self.dim())
    }

    /// Calls `read` with M⁻¹ of eight columns at a time.
    fn each_solved(
        &self,
        columns: Sparse<'_>,
        mut read: impl FnMut(usize, usize, &mut Parts),
    ) -> Result<()> {
        let operator = self.operator()?;
        for first in (0..columns.len()).step_by(LANES) {
            let lanes = LANES.min(columns.len() - first);
            let mut parts = self.blank();
            for lane in 0..lanes {
                for (effect, value) in columns.of(first + lane) {
                    self.at(&mut parts, effect).0[lane] += value;
                }
            }
            let mut solved = self.solved(&operator, parts)?;
            read(first, lanes, &mut solved);
        }
        Ok(())
    }

    fn dot(&self, columns: Sparse<'_>, column: usize, solved: &mut Parts, lane: usize) -> f64 {
        columns.of(column).map(|(effect, v)| v * self.at(solved, effect).0[lane]).sum()
    }

    fn blank(&self) -> Parts {
        let roles = &self.problem.roles;
        Parts {
            eliminated: zeros(roles.eliminated.rows),
            large: zeros(roles.large.rows),
            small: zeros(roles.n_small),
        }
    }

    /// The row of an effect; they are ordered by factor, level and column.
    fn at<'a>(&self, parts: &'a mut Parts, effect: usize) -> &'a mut Lanes {
        match self.place(effect) {
            Place::Eliminated(row) => &mut parts.eliminated[row],
            Place::Large(row) => &mut parts.large[row],
            Place::Small(row) => &mut parts.small[row],
        }
    }

    fn place(&self, mut effect: usize) -> Place {
        let (condensed, roles) = (&self.problem.condensed, &self.problem.roles);
        for (f, (levels, q)) in
            condensed.n_levels.iter().zip(&condensed.templates.widths).enumerate()
        {
            if effect >= levels * q {
                effect -= levels * q;
                continue;
            }
            if let Some(span) = roles.eliminated.spans.iter().find(|s| s.factor == f) {
                return Place::Eliminated(span.row + effect);
            }
            if let Some(span) = roles.large.spans.iter().find(|s| s.factor == f) {
                return Place::Large(span.row + effect);
            }
            let first = roles.small.iter().find(|s| s.0 == f).map_or(0, |s| s.2);
            return Place::Small(first + effect);
        }
        unreachable!("an effect of the model")
    }

    fn solved(&self, operator: &Operator<'_>, c: Parts) -> Result<Parts> {
        Watch::current().pause()?;
        if self.problem.roles.n_small == 0 {
            let (eliminated, large) = without_small(operator, &c.eliminated, &c.large)?;
            return Ok(Parts { eliminated, large, small: vec![] });
        }
        let (e, l) = without_small(operator, &c.eliminated, &c.large)?;
        let mut small = c.small;
        let reached = self.small_from(operator, e, l);
        small.iter_mut().zip(&reached).for_each(|(s, r)| s.add_scaled(-1.0, r));
        solve_lower(&self.corner.root.data, &mut small);
        solve_lower_transpose(&self.corner.root.data, &mut small);
        let (mut e, mut l) = (c.eliminated, c.large);
        self.subtract_from_small(operator, &small, &mut e, &mut l);
        let (eliminated, large) = without_small(operator, &e, &l)?;
        Ok(Parts { eliminated, large, small })
    }

    /// B'x₀.
    fn small_from(&self, operator: &Operator<'_>, mut e: Panel, mut l: Panel) -> Panel {
        let (roles, right) = (&self.problem.roles, &self.problem.right);
        let mut out: Panel = zeros(roles.n_small);
        for (side, x, c) in
            [(&roles.eliminated, &mut e, &right.eliminated), (&roles.large, &mut l, &right.large)]
        {
            side.each(x, |span, _, x| template_times(&operator.templates[span.factor], x));
            for (x, c) in x.iter().zip(c.values.chunks_exact(c.m)) {
                out.iter_mut().zip(c).for_each(|(o, c)| o.add_scaled(*c, x));
            }
        }
        self.times_lambda(&mut out, true);
        out
    }

    /// x₀ −= B x_s.
    fn subtract_from_small(
        &self,
        op: &Operator<'_>,
        s: &[Lanes],
        e: &mut [Lanes],
        l: &mut [Lanes],
    ) {
        let (roles, right) = (&self.problem.roles, &self.problem.right);
        let mut s = s.to_vec();
        self.times_lambda(&mut s, false);
        for (side, x, c) in
            [(&roles.eliminated, e, &right.eliminated), (&roles.large, l, &right.large)]
        {
            side.each(x, |span, level, x| {
                let mut sum: Panel = zeros(span.q);
                for (i, sum) in sum.iter_mut().enumerate() {
                    let row = c.rows(span.row + level * span.q + i, 1);
                    s.iter().zip(row).for_each(|(s, c)| sum.add_scaled(*c, s));
                }
                transpose_times(&op.templates[span.factor], &mut sum);
                x.iter_mut().zip(&sum).for_each(|(x, s)| x.add_scaled(-1.0, s));
            });
        }
    }

    /// Λ_s x or Λ_s'x, in place.
    fn times_lambda(&self, x: &mut [Lanes], transposed: bool) {
        for &(factor, q, first) in &self.problem.roles.small {
            let (t, end) = (&self.templates[factor], self.problem.roles.end_of(first));
            for x in x[first..end].chunks_exact_mut(q) {
                if transposed { transpose_times(t, x) } else { template_times(t, x) }
            }
        }
    }

    /// Covariances of a term's effects given the data over σ², levels × q × q, and the largest
    /// root-mean-square error of their roots that chance leaves.
    pub fn conditional(&self, term: usize) -> Result<(Vec<f64>, f64)> {
        let problem = &self.problem;
        let place = problem.templates().places[term];
        let (f, q) = (place.factor, problem.templates().widths[place.factor]);
        let levels = problem.condensed.n_levels[f];
        let (blocks, error) = if levels * q <= super::conditional::EXACT {
            (self.unit_blocks(f, levels, q)?, 0.0)
        } else {
            super::conditional::blocks(problem, &self.templates, &self.corner, f)?
        };
        let mut out = Vec::with_capacity(levels * place.width * place.width);
        for block in blocks.chunks_exact(q * q) {
            let inner = Square { n: q, data: block.to_vec() };
            let outer = problem.condensed.basis.effects_covariance(f, &inner);
            for i in place.start..place.start + place.width {
                (place.start..place.start + place.width).for_each(|j| out.push(outer[(i, j)]));
            }
        }
        Ok((out, error))
    }

    /// T (M⁻¹)_jj T' of every level, by unit vectors.
    fn unit_blocks(&self, f: usize, levels: usize, q: usize) -> Result<Vec<f64>> {
        let condensed = &self.problem.condensed;
        let sizes = condensed.n_levels.iter().zip(&condensed.templates.widths);
        let first: usize = sizes.take(f).map(|(l, q)| l * q).sum();
        let effects: Vec<i64> = (0..levels * q).map(|i| (first + i) as i64).collect();
        let pointers: Vec<i64> = (0..=levels * q).map(|i| i as i64).collect();
        let values = vec![1.0; levels * q];
        let units = Sparse { pointers: &pointers, effects: &effects, values: &values };
        let mut out = vec![0.0; levels * q * q];
        self.each_solved(units, |start, lanes, solved| {
            for lane in 0..lanes {
                let (level, j) = ((start + lane) / q, (start + lane) % q);
                for i in 0..q {
                    let value = self.at(solved, first + level * q + i).0[lane];
                    out[level * q * q + i + q * j] = value;
                }
            }
        })?;
        let t = &self.templates[f];
        for block in out.chunks_exact_mut(q * q) {
            let m = Square { n: q, data: block.to_vec() };
            block.copy_from_slice(&t.times(&m).times(&t.transpose()).data);
        }
        Ok(out)
    }
}

/// M₀⁻¹c.
fn without_small(op: &Operator<'_>, c_e: &[Lanes], c_l: &[Lanes]) -> Result<(Panel, Panel)> {
    let roles = op.roles;
    let mut y = c_e.to_vec();
    solve_eliminated(op, &mut y);
    let mut t = y.clone();
    roles.eliminated.each(&mut t, |span, _, t| template_times(&op.templates[span.factor], t));
    let mut d = op.reduced(&zeros::<Lanes>(c_l.len()), &t);
    op.gather_by_template(&mut d);
    d.iter_mut().zip(c_l).for_each(|(d, c)| d.add(c));
    let x_l = solve_checked(op, d, AT_THE_END)?;
    let mut t = op.from_large(&op.spread_by_template(&x_l));
    roles.eliminated.each(&mut t, |span, _, t| transpose_times(&op.templates[span.factor], t));
    solve_eliminated(op, &mut t);
    y.iter_mut().zip(&t).for_each(|(y, t)| y.add_scaled(-1.0, t));
    Ok((y, x_l))
}

/// D⁻¹ x, in place.
fn solve_eliminated(op: &Operator<'_>, x: &mut [Lanes]) {
    op.roles.eliminated.each(x, |span, level, x| {
        let l = &op.roots[span.block(level)];
        solve_lower(l, x);
        solve_lower_transpose(l, x);
    });
}

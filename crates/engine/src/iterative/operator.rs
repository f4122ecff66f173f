//! The equations at one θ, without forming them. With factor E eliminated and the large factors L,
//!
//! ```text
//!     H = Λ_E (Λ_E'A_EE Λ_E + I)⁻¹ Λ_E'            per level of E
//!     C = A_LL − A_LE H A_EL = Z_L'V_E⁻¹Z_L,        V_E = W⁻¹ + Z_EΣ_EZ_E'
//!     S = I + Λ_L'C Λ_L
//! ```
//!
//! P, the diagonal blocks of S, is exact; it preconditions conjugate gradients and takes the greater
//! part of log|S| and of the traces. Nothing is divided by T, which may be singular.

use super::panel::{
    self, Row, add_block, solve_lower, solve_lower_transpose, template_times, transpose_times,
    zeros,
};
use super::sides::{Roles, Side, Span, pull, visit};
use crate::dense::{Square, cholesky};
use crate::error::{EngineError, Result};
use crate::sums::Condensed;

/// S at one θ.
pub struct Operator<'a> {
    /// Cross-products.
    pub condensed: &'a Condensed,
    /// What becomes of which factor.
    pub roles: &'a Roles,
    /// T per factor.
    pub templates: Vec<Square>,
    /// Lower Cholesky factors of Λ_E'A_EE Λ_E + I.
    pub roots: Vec<f64>,
    /// H.
    pub held: Vec<f64>,
    /// The diagonal blocks of C.
    pub own: Vec<f64>,
    /// Lower Cholesky factors of P.
    pub factors: Vec<f64>,
    /// Λ_L P⁻¹ Λ_L'.
    pub spread: Vec<f64>,
    /// log|Λ_E'A_EE Λ_E + I| + log|P|.
    pub log_det: f64,
}

impl<'a> Operator<'a> {
    /// Forms the blocks of single levels.
    pub fn new(condensed: &'a Condensed, roles: &'a Roles, templates: Vec<Square>) -> Result<Self> {
        let (e, l) = (&roles.eliminated, &roles.large);
        let mut out = Self {
            condensed,
            roles,
            templates,
            roots: vec![],
            held: vec![0.0; e.blocks],
            own: vec![0.0; l.blocks],
            factors: vec![0.0; l.blocks],
            spread: vec![0.0; l.blocks],
            log_det: 0.0,
        };
        let mut held = std::mem::take(&mut out.held);
        let mut factors = vec![0.0; e.blocks];
        e.each_block(&mut factors, |span, level, f| out.factor(span, out.raw(span, level), f));
        let first = out.log_det_of(e, &factors)?;
        e.each_block(&mut held, |span, level, h| {
            out.spread_of(span, &factors[span.block(level)], h)
        });
        (out.held, out.roots) = (held, factors);
        let mut own = std::mem::take(&mut out.own);
        l.each_block(&mut own, |span, level, c| out.schur_block(span, level, c));
        out.own = own;
        let mut factors = std::mem::take(&mut out.factors);
        l.each_block(&mut factors, |span, level, f| {
            out.factor(span, &out.own[span.block(level)], f);
        });
        out.factors = factors;
        out.log_det = first + out.log_det_of(l, &out.factors)?;
        let mut spread = std::mem::take(&mut out.spread);
        l.each_block(&mut spread, |span, level, w| {
            out.spread_of(span, &out.factors[span.block(level)], w);
        });
        out.spread = spread;
        Ok(out)
    }

    fn template(&self, span: &Span) -> &Square {
        &self.templates[span.factor]
    }

    /// Z_j'WZ_j.
    pub fn raw(&self, span: &Span, level: usize) -> &[f64] {
        let size = span.q * span.q;
        &self.condensed.levels[span.factor].own[level * size..][..size]
    }

    /// Lower Cholesky factor of T'AT + I, or nan.
    fn factor(&self, span: &Span, a: &[f64], out: &mut [f64]) {
        let (q, t) = (span.q, self.template(span));
        if q == 1 {
            out[0] = (t[(0, 0)] * t[(0, 0)] * a[0] + 1.0).sqrt();
            return;
        }
        let a = Square { n: q, data: a.to_vec() };
        let mut m = t.transpose().times(&a).times(t);
        (0..q).for_each(|i| m[(i, i)] += 1.0);
        match cholesky(q, &mut m.data) {
            Ok(_) => out.copy_from_slice(&m.data),
            Err(_) => out.fill(f64::NAN),
        }
    }

    /// log of the product of the squared pivots of all levels.
    fn log_det_of(&self, side: &Side, factors: &[f64]) -> Result<f64> {
        let pivots = |span: &Span, level: usize| -> f64 {
            let l = &factors[span.block(level)];
            (0..span.q).map(|i| 2.0 * l[i + span.q * i].ln()).sum()
        };
        let sums = side.sums(
            |_| (0.0, None),
            |(sum, failed): &mut (f64, Option<usize>), span, level| {
                let log = pivots(span, level);
                *sum += log;
                if !log.is_finite() && failed.is_none() {
                    *failed = Some(level);
                }
            },
        );
        let mut log_det = 0.0;
        for (group, (sum, failed)) in sums {
            if let Some(level) = failed {
                return Err(EngineError::Factorisation { group, level });
            }
            log_det += sum;
        }
        Ok(log_det)
    }

    /// T (LL')⁻¹ T'.
    fn spread_of(&self, span: &Span, l: &[f64], out: &mut [f64]) {
        let (q, t) = (span.q, self.template(span));
        if q == 1 {
            out[0] = (t[(0, 0)] / l[0]).powi(2);
            return;
        }
        let mut half = t.transpose();
        crate::dense::solve_lower(q, l, &mut half.data, q);
        out.copy_from_slice(&half.transpose().times(&half).data);
    }

    /// A_rr − Σ_e A_re H_e A_er.
    fn schur_block(&self, span: &Span, level: usize, out: &mut [f64]) {
        out.copy_from_slice(self.raw(span, level));
        let q = span.q;
        for e in &self.roles.eliminated.spans {
            let r = e.q;
            let mut half = vec![0.0; q * r];
            visit(self.condensed.pair(span.factor, e.factor), level, |other, a| {
                let h = &self.held[e.block(other)];
                if q * r == 1 {
                    out[0] -= a[0] * a[0] * h[0];
                    return;
                }
                for j in 0..r {
                    for i in 0..q {
                        half[i + q * j] = (0..r).map(|s| a[i + q * s] * h[s + r * j]).sum();
                    }
                }
                for j in 0..q {
                    for i in 0..q {
                        let sum: f64 = (0..r).map(|s| half[i + q * s] * a[j + q * s]).sum();
                        out[i + q * j] -= sum;
                    }
                }
            });
        }
    }

    /// A_EL x, raw.
    pub fn from_large<R: Row>(&self, x: &[R]) -> Vec<R> {
        let mut out = zeros(self.roles.eliminated.rows);
        self.roles.eliminated.each(&mut out, |span, level, out| {
            for l in &self.roles.large.spans {
                let pair = self.condensed.pair(span.factor, l.factor);
                pull(pair, level, l.q, 1.0, &x[l.row..l.row + l.levels * l.q], out);
            }
        });
        out
    }

    /// H t.
    pub fn hold<R: Row>(&self, t: &[R]) -> Vec<R> {
        let mut out = zeros(t.len());
        self.roles.eliminated.each(&mut out, |span, level, out| {
            add_block(&self.held[span.block(level)], 1.0, &t[span.rows(level)], out);
        });
        out
    }

    /// A_LL x − A_LE t, with only the blocks off the diagonal of A_LL unless `whole`.
    fn on_large<R: Row>(
        &self,
        x: &[R],
        t: &[R],
        own: impl Fn(&Span, usize, &mut [R]) + Sync,
    ) -> Vec<R> {
        let large = &self.roles.large;
        let mut out = zeros(large.rows);
        large.each(&mut out, |span, level, out| {
            own(span, level, out);
            for other in large.spans.iter().filter(|o| o.factor != span.factor) {
                let pair = self.condensed.pair(span.factor, other.factor);
                let x = &x[other.row..other.row + other.levels * other.q];
                pull(pair, level, other.q, 1.0, x, out);
            }
            for e in &self.roles.eliminated.spans {
                pull(self.condensed.pair(span.factor, e.factor), level, e.q, -1.0, t, out);
            }
        });
        out
    }

    /// C x, and A_EL x.
    pub fn schur_times<R: Row>(&self, x: &[R]) -> (Vec<R>, Vec<R>) {
        let t = self.from_large(x);
        let c = self.on_large(x, &self.hold(&t), |span, level, out| {
            add_block(self.raw(span, level), 1.0, &x[span.rows(level)], out);
        });
        (c, t)
    }

    /// c_L − A_LE t.
    pub fn reduced<R: Row>(&self, c: &[R], t: &[R]) -> Vec<R> {
        let nothing: Vec<R> = zeros(self.roles.large.rows);
        self.on_large(&nothing, t, |span, level, out| {
            out.copy_from_slice(&c[span.rows(level)]);
        })
    }

    /// S x.
    pub fn times<R: Row>(&self, x: &[R]) -> Vec<R> {
        let (mut out, _) = self.schur_times(&self.spread_by_template(x));
        self.roles.large.each(&mut out, |span, level, out| {
            transpose_times(self.template(span), out);
            out.iter_mut().zip(&x[span.rows(level)]).for_each(|(o, x)| o.add(x));
        });
        out
    }

    /// Λ x.
    pub fn spread_by_template<R: Row>(&self, x: &[R]) -> Vec<R> {
        let mut out = x.to_vec();
        self.roles.large.each(&mut out, |span, _, x| template_times(self.template(span), x));
        out
    }

    /// Λ'x, in place.
    pub fn gather_by_template<R: Row>(&self, x: &mut [R]) {
        self.roles.large.each(x, |span, _, x| transpose_times(self.template(span), x));
    }

    /// P⁻¹ x.
    pub fn precondition<R: Row>(&self, x: &[R]) -> Vec<R> {
        let mut out = x.to_vec();
        self.roles.large.each(&mut out, |span, level, x| {
            let l = &self.factors[span.block(level)];
            solve_lower(l, x);
            solve_lower_transpose(l, x);
        });
        out
    }

    /// L⁻ᵀ x with P = LL', in place.
    pub fn half_precondition<R: Row>(&self, x: &mut [R]) {
        self.roles.large.each(x, |span, level, x| {
            solve_lower_transpose(&self.factors[span.block(level)], x);
        });
    }

    /// Q_e x = (I + A_eeΣ)⁻¹x = x − A_ee H x for the eliminated factor, in place.
    pub fn damp_eliminated<R: Row>(&self, x: &mut [R]) {
        self.roles.eliminated.each(x, |span, level, x| {
            damp(self.raw(span, level), &self.held[span.block(level)], x);
        });
    }

    /// Q_r x = (I + C_rrΣ)⁻¹x for the large factors, in place.
    pub fn damp_large<R: Row>(&self, x: &mut [R]) {
        self.roles.large.each(x, |span, level, x| {
            damp(&self.own[span.block(level)], &self.spread[span.block(level)], x);
        });
    }

    /// x −= C_rr y: leaves what lies off the diagonal of C y = x.
    pub fn without_own<R: Row>(&self, y: &[R], x: &mut [R]) {
        self.roles.large.each(x, |span, level, x| {
            add_block(&self.own[span.block(level)], -1.0, &y[span.rows(level)], x);
        });
    }

    /// C Λx off the diagonal blocks of C, and A_EL Λx.
    pub fn coupled<R: Row>(&self, x: &[R]) -> (Vec<R>, Vec<R>) {
        let spread = self.spread_by_template(x);
        let (mut c, t) = self.schur_times(&spread);
        self.without_own(&spread, &mut c);
        (c, t)
    }

    /// H_e + H_e(Σ_r A_er Λ P_r⁻¹ Λ'A_re)H_e of one level of the eliminated factor.
    pub fn known_of_eliminated(&self, span: &Span, level: usize, out: &mut [f64]) {
        let h = Square { n: span.q, data: self.held[span.block(level)].to_vec() };
        let within = h.times(&self.reached_by_blocks(span, level)).times(&h);
        out.iter_mut().zip(h.data.iter().zip(&within.data)).for_each(|(o, (h, w))| *o = h + w);
    }

    /// ‖x‖² in the norm of P⁻¹.
    pub fn squares<R: Row>(&self, x: &[R]) -> R {
        panel::dots(x, &self.precondition(x))
    }

    /// Q_e(Σ_r A_er Λ P_r⁻¹ Λ'A_re)Q_e', summed over the levels of the eliminated factor.
    pub fn explained_by_blocks(&self) -> Option<Square> {
        let span = self.roles.eliminated.spans.first()?;
        let q = span.q;
        let sums = self.roles.eliminated.sums(
            |_| Square::zeros(q),
            |sum, span, level| sum.add(&self.explained_block(span, level)),
        );
        let mut total = Square::zeros(q);
        sums.iter().for_each(|(_, s)| total.add(s));
        Some(total)
    }

    fn explained_block(&self, span: &Span, level: usize) -> Square {
        let sum = self.reached_by_blocks(span, level);
        let (a, h) = (self.raw(span, level), &self.held[span.block(level)]);
        let damped = self.damping(a, h, span.q);
        damped.times(&sum).times(&damped.transpose())
    }

    /// Σ_r A_er Λ P_r⁻¹ Λ'A_re of one level.
    fn reached_by_blocks(&self, span: &Span, level: usize) -> Square {
        let q = span.q;
        let mut sum = Square::zeros(q);
        for l in &self.roles.large.spans {
            let r = l.q;
            let mut half = vec![0.0; q * r];
            visit(self.condensed.pair(span.factor, l.factor), level, |other, a| {
                let w = &self.spread[l.block(other)];
                if q * r == 1 {
                    sum.data[0] += a[0] * a[0] * w[0];
                    return;
                }
                for j in 0..r {
                    for i in 0..q {
                        half[i + q * j] = (0..r).map(|s| a[i + q * s] * w[s + r * j]).sum();
                    }
                }
                for j in 0..q {
                    for i in 0..q {
                        sum[(i, j)] += (0..r).map(|s| half[i + q * s] * a[j + q * s]).sum::<f64>();
                    }
                }
            });
        }
        sum
    }

    fn damping(&self, a: &[f64], h: &[f64], q: usize) -> Square {
        let a = Square { n: q, data: a.to_vec() };
        let mut out = a.times(&Square { n: q, data: h.to_vec() });
        out.data.iter_mut().for_each(|v| *v = -*v);
        (0..q).for_each(|i| out[(i, i)] += 1.0);
        out
    }

    /// Σ_j Q_jA_jj over the levels of every factor that is not small: the traces of Z_j'V⁻¹Z_j
    /// without what the factors tell of each other.
    pub fn own_traces(&self, out: &mut [Square]) {
        let one = |a: &[f64], h: &[f64], q: usize| {
            self.damping(a, h, q).times(&Square { n: q, data: a.to_vec() })
        };
        let e = self.roles.eliminated.sums(
            |span| Square::zeros(span.q),
            |sum, span, level| {
                let h = &self.held[span.block(level)];
                sum.add(&one(self.raw(span, level), h, span.q));
            },
        );
        let l = self.roles.large.sums(
            |span| Square::zeros(span.q),
            |sum, span, level| {
                let w = &self.spread[span.block(level)];
                sum.add(&one(&self.own[span.block(level)], w, span.q));
            },
        );
        e.iter().chain(&l).for_each(|(f, sum)| out[*f].add(sum));
    }
}

/// x ← x − A H x.
#[inline(always)]
fn damp<R: Row>(a: &[f64], h: &[f64], x: &mut [R]) {
    if let [x] = x {
        x.scale(1.0 - a[0] * h[0]);
        return;
    }
    let mut inner = zeros::<R>(x.len());
    add_block(h, 1.0, x, &mut inner);
    add_block(a, -1.0, &inner, x);
}

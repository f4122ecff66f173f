//! The trust-region subproblem, solved exactly: min g's + ½ s'Hs subject to ‖s‖ ≤ Δ for a symmetric
//! H of any signature (Moré & Sorensen 1983), by the eigendecomposition of H.

use std::cell::OnceCell;

use faer::{MatRef, Side};

use crate::dense::{Square, cholesky, solve_lower, solve_lower_transpose};

/// A step and what the model expects of it.
#[derive(Debug, Clone)]
pub struct Step {
    /// s.
    pub step: Vec<f64>,
    /// −(g's + ½ s'Hs) ≥ 0.
    pub decrease: f64,
    /// ‖s‖.
    pub length: f64,
}

/// The quadratic model. Where H is positive definite and Newton's step is short enough it is the
/// answer, and a Cholesky factorisation gives it; only otherwise is H decomposed.
#[derive(Debug, Clone)]
pub struct Model {
    gradient: Vec<f64>,
    hessian: Square,
    newton: Option<Step>,
    eigen: OnceCell<Option<Eigen>>,
}

/// The model in the eigenbasis of H.
#[derive(Debug, Clone)]
struct Eigen {
    values: Vec<f64>,
    vectors: Square,
    gradient: Vec<f64>,
}

/// Pivot relative to its diagonal entry from which H counts as positive definite beyond doubt.
const DEFINITE: f64 = 1e-8;

/// Curvature relative to the highest that is rounding error: nothing is gained by going there.
const FLAT: f64 = 1e-12;

/// A step whose squared length is short of Δ² by less than this share is at the edge.
const EDGE: f64 = 1e-6;

impl Model {
    /// The model of a gradient and H; None if they are not finite.
    pub fn new(gradient: &[f64], hessian: &Square) -> Option<Self> {
        if !hessian.data.iter().chain(gradient).all(|v| v.is_finite()) {
            return None;
        }
        let (gradient, hessian) = (gradient.to_vec(), hessian.clone());
        let newton = newton(&gradient, &hessian);
        let model = Self { gradient, hessian, newton, eigen: OnceCell::new() };
        (model.newton.is_some() || model.eigen().is_some()).then_some(model)
    }

    fn eigen(&self) -> Option<&Eigen> {
        self.eigen.get_or_init(|| Eigen::new(&self.gradient, &self.hessian)).as_ref()
    }

    /// The minimiser within radius Δ.
    pub fn step(&self, radius: f64) -> Step {
        match &self.newton {
            Some(step) if step.length <= radius => step.clone(),
            newton => match (self.eigen(), newton) {
                (Some(eigen), _) => eigen.step(radius),
                (None, Some(step)) => step.scaled(radius / step.length),
                (None, None) => unreachable!("a model has one of the two"),
            },
        }
    }
}

impl Step {
    /// A part of Newton's step: g's + ½ s'Hs with s = −t H⁻¹g is −(t − ½ t²) g'H⁻¹g.
    fn scaled(&self, t: f64) -> Self {
        Self {
            step: self.step.iter().map(|s| t * s).collect(),
            decrease: 2.0 * self.decrease * (t - 0.5 * t * t),
            length: t * self.length,
        }
    }
}

/// −H⁻¹g, if H is positive definite beyond doubt.
fn newton(gradient: &[f64], hessian: &Square) -> Option<Step> {
    let m = gradient.len();
    let mut l = hessian.data.clone();
    cholesky(m, &mut l).ok()?;
    let doubtful = |j: usize| l[j + m * j].powi(2) < DEFINITE * hessian[(j, j)];
    if (0..m).any(doubtful) {
        return None;
    }
    let mut step: Vec<f64> = gradient.iter().map(|g| -g).collect();
    solve_lower(m, &l, &mut step, 1);
    solve_lower_transpose(m, &l, &mut step, 1);
    let decrease = -0.5 * step.iter().zip(gradient).map(|(s, g)| s * g).sum::<f64>();
    let length = norm(&step);
    Some(Step { step, decrease, length })
}

impl Eigen {
    /// Decomposes H; None if that fails.
    fn new(gradient: &[f64], hessian: &Square) -> Option<Self> {
        let m = gradient.len();
        let view = MatRef::from_column_major_slice(&hessian.data, m, m);
        let eigen = view.self_adjoint_eigen(Side::Lower).ok()?;
        let values: Vec<f64> = (0..m).map(|i| eigen.S().column_vector()[i]).collect();
        if !values.iter().all(|v| v.is_finite()) {
            return None;
        }
        let mut vectors = Square::zeros(m);
        for j in 0..m {
            (0..m).for_each(|i| vectors[(i, j)] = eigen.U()[(i, j)]);
        }
        let rotate = |j: usize| (0..m).map(|i| vectors[(i, j)] * gradient[i]).sum();
        let gradient = (0..m).map(rotate).collect();
        Some(Self { values, vectors, gradient })
    }

    /// The minimiser within radius Δ.
    fn step(&self, radius: f64) -> Step {
        let m = self.values.len();
        let lowest = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = self.values.iter().map(|v| v.abs()).fold(0.0, f64::max);
        let floor = FLAT * highest.max(f64::MIN_POSITIVE);
        let at = |shift: f64| -> Vec<f64> {
            let one = |(h, g): (&f64, &f64)| {
                let d = h + shift;
                if d > floor { -g / d } else { 0.0 }
            };
            self.values.iter().zip(&self.gradient).map(one).collect()
        };
        let mut s = at(0.0);
        if lowest <= floor || norm(&s) > radius {
            let least = (-lowest).max(0.0);
            s = at(least);
            if norm(&s) > radius || self.unbounded(least, floor) {
                s = at(self.shift(least, radius));
            }
            if lowest < -floor {
                self.fill_up(&mut s, lowest, radius);
            }
        }
        let decrease = -(0..m)
            .map(|j| self.gradient[j] * s[j] + 0.5 * self.values[j] * s[j] * s[j])
            .sum::<f64>();
        let step = (0..m).map(|i| (0..m).map(|j| self.vectors[(i, j)] * s[j]).sum()).collect();
        Step { step, decrease, length: norm(&s) }
    }

    /// The hard case: hardly any gradient along the direction of negative curvature, so that no shift
    /// brings the step to the edge of the region, and that direction does.
    fn fill_up(&self, s: &mut [f64], lowest: f64, radius: f64) {
        let short = radius * radius - s.iter().map(|v| v * v).sum::<f64>();
        if short <= EDGE * radius * radius {
            return;
        }
        let j = self.values.iter().position(|v| *v == lowest).unwrap_or(0);
        let length = (short + s[j] * s[j]).sqrt();
        s[j] = if self.gradient[j] > 0.0 { -length } else { length };
    }

    /// Whether the step grows without bound as the shift comes down to `least`.
    fn unbounded(&self, least: f64, floor: f64) -> bool {
        let scale = norm(&self.gradient).max(f64::MIN_POSITIVE);
        let mut pairs = self.values.iter().zip(&self.gradient);
        pairs.any(|(h, g)| h + least <= floor && g.abs() > 1e-13 * scale)
    }

    /// The shift λ > `least` with ‖(H + λI)⁻¹g‖ = Δ, by safeguarded Newton steps on 1/‖s‖.
    fn shift(&self, least: f64, radius: f64) -> f64 {
        let g = norm(&self.gradient);
        let (mut low, mut high) = (least, least + g / radius);
        let mut shift = high;
        for _ in 0..100 {
            let (mut sum, mut slope) = (0.0, 0.0);
            for (h, g) in self.values.iter().zip(&self.gradient) {
                let d = h + shift;
                sum += (g / d).powi(2);
                slope += g * g / (d * d * d);
            }
            let length = sum.sqrt();
            if (length - radius).abs() <= 1e-10 * radius {
                break;
            }
            if length > radius {
                low = shift
            } else {
                high = shift
            }
            let newton = shift + (length - radius) / radius * sum / slope;
            shift = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        }
        shift
    }
}

/// ‖x‖.
pub fn norm(x: &[f64]) -> f64 {
    x.iter().map(|v| v * v).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(gradient: &[f64], rows: &[&[f64]]) -> Model {
        let n = rows.len();
        let mut hessian = Square::zeros(n);
        (0..n).for_each(|i| (0..n).for_each(|j| hessian[(i, j)] = rows[i][j]));
        Model::new(gradient, &hessian).unwrap()
    }

    /// Moré & Sorensen (1983), theorem 3.2: s is a minimiser within the radius if and only if
    /// (H + λI)s = −g with λ ≥ 0, H + λI positive semidefinite and λ(Δ − ‖s‖) = 0.
    fn assert_optimal(gradient: &[f64], rows: &[&[f64]], lowest: f64, radius: f64) {
        let step = model(gradient, rows).step(radius);
        let n = rows.len();
        let residual =
            |i: usize| gradient[i] + (0..n).map(|j| rows[i][j] * step.step[j]).sum::<f64>();
        let square: f64 = step.step.iter().map(|s| s * s).sum();
        let lambda = -(0..n).map(|i| residual(i) * step.step[i]).sum::<f64>() / square;
        for i in 0..n {
            assert!((residual(i) + lambda * step.step[i]).abs() < 1e-6, "λ {lambda}");
        }
        assert!(lambda >= -1e-9 && lambda + lowest >= -1e-6, "λ {lambda}");
        assert!(lambda * (radius - square.sqrt()) < 1e-6, "length {}", square.sqrt());
        assert!(step.length <= radius * (1.0 + 1e-6));
        assert!(step.decrease > 0.0);
    }

    #[test]
    fn a_short_newton_step_is_taken_whole() {
        let step = model(&[1.0, -2.0], &[&[2.0, 0.0], &[0.0, 4.0]]).step(10.0);
        assert!((step.step[0] + 0.5).abs() < 1e-15 && (step.step[1] - 0.5).abs() < 1e-15);
        assert!((step.decrease - 0.75).abs() < 1e-14);
    }

    #[test]
    fn a_long_newton_step_ends_at_the_edge() {
        assert_optimal(&[3.0, 1.0], &[&[2.0, 0.5], &[0.5, 1.0]], 0.79, 0.4);
        assert_optimal(&[3.0, 1.0], &[&[1.0, 2.0], &[2.0, 1.0]], -1.0, 0.4);
    }

    /// No gradient, or next to none, along the direction of negative curvature.
    #[test]
    fn the_hard_case_leaves_a_saddle() {
        let rows: [&[f64]; 2] = [&[2.0, 0.0], &[0.0, -1.0]];
        for along in [0.0, 1e-300, 1e-30, 1e-17, 1e-12, -1e-12, -1e-30] {
            for across in [0.0, 1e-30, 0.5] {
                assert_optimal(&[across, along], &rows, -1.0, 1.0);
            }
        }
        // At T = 0 there is no gradient at all.
        assert_optimal(&[0.0, 0.0], &[&[-1.0, 2.0], &[2.0, -1.0]], -3.0, 2.0);
    }

    /// A flat direction without gradient is left alone; one with gradient is followed to the edge.
    #[test]
    fn flat_directions() {
        let flat: [&[f64]; 2] = [&[1.0, 0.0], &[0.0, 0.0]];
        let step = model(&[1.0, 0.0], &flat).step(5.0);
        assert!((step.step[0] + 1.0).abs() < 1e-12 && step.step[1] == 0.0);
        let step = model(&[0.0, 1.0], &flat).step(5.0);
        assert!((step.step[1] + 5.0).abs() < 1e-8);
    }
}

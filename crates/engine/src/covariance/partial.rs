//! Partial autocorrelations (Durbin and Levinson's recursion): any numbers between −1 and 1 are those
//! of exactly one positive definite Toeplitz matrix, and of one stationary autoregression
//! (Barndorff-Nielsen & Schou 1973, Journal of Multivariate Analysis 3, 408–419).

use super::jet::Jet;

/// An autoregression by its partial autocorrelations.
pub struct Autoregression {
    /// a_1, …, a_p of x_t = Σ a_k x_{t−k} + e_t.
    pub coefficients: Vec<Jet>,
    /// Autocorrelations at lags 0, 1, …, p.
    pub correlations: Vec<Jet>,
}

impl Autoregression {
    /// Of partial autocorrelations r_1, …, r_p. With a the coefficients of order k − 1 and v their
    /// innovations' variance, ρ_k = r_k v + Σ_j a_j ρ_{k−j}.
    pub fn new(partial: &[Jet]) -> Self {
        let mut a: Vec<Jet> = Vec::with_capacity(partial.len());
        let mut correlations = vec![Jet::constant(1.0)];
        let mut v = Jet::constant(1.0);
        for r in partial {
            let next = &(r * &v) + &predicted(&a, &correlations);
            correlations.push(next);
            let turned: Vec<Jet> = a.iter().rev().map(|x| r * x).collect();
            a = a.iter().zip(&turned).map(|(x, y)| x - y).collect();
            a.push(r.clone());
            v = &v * &(-&r.square()).shifted(1.0);
        }
        Self { coefficients: a, correlations }
    }

    /// Autocorrelations at lags 0, …, `last`.
    pub fn up_to(mut self, last: usize) -> Vec<Jet> {
        while self.correlations.len() <= last {
            self.correlations.push(predicted(&self.coefficients, &self.correlations));
        }
        self.correlations
    }
}

/// Σ_j a_j ρ_{k−j} with k the number of correlations known.
fn predicted(a: &[Jet], correlations: &[Jet]) -> Jet {
    a.iter().zip(correlations.iter().rev()).map(|(a, rho)| a * rho).sum()
}

/// The partial autocorrelations of autocorrelations at lags 1, 2, …; None if these are not positive
/// definite.
pub fn of_correlations(correlations: &[f64]) -> Option<Vec<f64>> {
    let (mut a, mut v, mut partial) = (Vec::<f64>::new(), 1.0, Vec::new());
    for (k, rho) in correlations.iter().enumerate() {
        let known = correlations[..k].iter().rev();
        let r = (rho - a.iter().zip(known).map(|(a, rho)| a * rho).sum::<f64>()) / v;
        partial.push(inside(r)?);
        let turned: Vec<f64> = a.iter().rev().map(|x| r * x).collect();
        a = a.iter().zip(&turned).map(|(x, y)| x - y).collect();
        a.push(r);
        v *= 1.0 - r * r;
    }
    Some(partial)
}

/// The partial autocorrelations of an autoregression's coefficients; None if it is not stationary.
pub fn of_coefficients(coefficients: &[f64]) -> Option<Vec<f64>> {
    let (mut a, mut partial) = (coefficients.to_vec(), Vec::new());
    while let Some(r) = a.pop() {
        partial.push(inside(r)?);
        let turned: Vec<f64> = a.iter().rev().copied().collect();
        a = a.iter().zip(turned).map(|(x, y)| (x + r * y) / (1.0 - r * r)).collect();
    }
    partial.reverse();
    Some(partial)
}

fn inside(r: f64) -> Option<f64> {
    (r.abs() < 1.0).then_some(r)
}

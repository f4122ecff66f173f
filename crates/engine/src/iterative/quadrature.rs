//! log|S̃| by stochastic Lanczos quadrature (Ubaru, Chen & Saad 2017, SIAM J. Matrix Anal. Appl. 38,
//! 1075–1099) from the coefficients of conjugate gradients (Gardner et al. 2018).
//!
//! S̃ = L⁻¹SL⁻ᵀ = I − C̃ has unit diagonal blocks, so that tr C̃ = 0 is known, and
//!
//! ```text
//!     log|S̃| = tr(log(I − C̃) + C̃) = −tr C̃ g(C̃) C̃,     g(c) = −(log(1 − c) + c)/c²
//! ```
//!
//! is estimated from s'C̃ g(C̃) C̃s with random signs s. What varies between probes is of second order
//! in C̃, where s'log(S̃)s would vary to first order. C̃s = r₀ is where conjugate gradients start.

use faer::{Mat, Side};

use super::conjugate::Steps;

/// |c| below which g is summed as a series.
const SERIES: f64 = 1e-2;

/// g(c) for an eigenvalue λ = 1 − c.
fn g(lambda: f64) -> f64 {
    let c = 1.0 - lambda;
    if c.abs() < SERIES {
        return (0..8).rev().fold(0.0, |sum, k| sum * c + 1.0 / (k as f64 + 2.0));
    }
    -(lambda.ln() + c) / (c * c)
}

/// v'g(I − S̃)v for the start v of conjugate gradients, with `squares` = v'v.
pub fn form(squares: f64, steps: &Steps) -> f64 {
    eigen(steps).map_or(0.0, |(values, weights)| {
        let sum: f64 = values.iter().zip(&weights).map(|(v, w)| w * g(*v)).sum();
        squares * sum
    })
}

/// The least eigenvalue of S̃ that the steps have met; one without steps.
pub fn least(steps: &Steps) -> f64 {
    eigen(steps).map_or(1.0, |(values, _)| values.into_iter().fold(1.0, f64::min))
}

/// Eigenvalues of the tridiagonal matrix, and squared first components of its eigenvectors.
fn eigen(steps: &Steps) -> Option<(Vec<f64>, Vec<f64>)> {
    let (alpha, beta) = (&steps.alpha, &steps.beta);
    let n = alpha.len();
    if n == 0 {
        return None;
    }
    let mut t = Mat::<f64>::zeros(n, n);
    for j in 0..n {
        t[(j, j)] = alpha[j].recip() + if j > 0 { beta[j - 1] / alpha[j - 1] } else { 0.0 };
        if j + 1 < n {
            t[(j + 1, j)] = beta[j].sqrt() / alpha[j];
            t[(j, j + 1)] = t[(j + 1, j)];
        }
    }
    let eigen = t.self_adjoint_eigen(Side::Lower).ok()?;
    let values = (0..n).map(|i| eigen.S().column_vector()[i]).collect();
    let weights = (0..n).map(|i| eigen.U()[(0, i)].powi(2)).collect();
    Some((values, weights))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_meets_the_formula() {
        for c in [SERIES, -SERIES] {
            let (inside, outside) = (g(1.0 - 0.999_999 * c), g(1.0 - 1.000_001 * c));
            assert!((inside - outside).abs() < 1e-7, "{inside} {outside}");
        }
        assert!((g(1.0) - 0.5).abs() < 1e-15);
    }
}

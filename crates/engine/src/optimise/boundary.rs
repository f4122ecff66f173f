//! Templates close to singular are replaced by exactly singular ones, so that a zero variance is 0
//! and a perfect correlation ±1.

use faer::{MatRef, Side};

use crate::covariance::Templates;
use crate::dense::Square;

/// Standard deviations below this, relative to the residual and for a column of unit mean square,
/// are tried at zero.
const SUSPECT: f64 = 3e-3;

/// Pivots of ΛΛ' below this share of its diagonal are rounding error.
const ROUNDING: f64 = 1e-12;

/// θ̃ with the suspect directions set to zero, or None if there are none.
pub fn snapped(templates: &Templates, theta: &[f64]) -> Option<Vec<f64>> {
    let mut filled = templates.fill(theta);
    let mut any = false;
    for (k, at) in templates.places.iter().enumerate() {
        let t = &mut filled[at.factor];
        let diagonal = templates.parameters.iter().filter(|p| p.term == k).count() == at.width;
        if diagonal {
            for j in at.start..at.start + at.width {
                if t[(j, j)] != 0.0 && t[(j, j)].abs() < SUSPECT {
                    t[(j, j)] = 0.0;
                    any = true;
                }
            }
        } else if let Some(block) = without_small_directions(t, at.start, at.width) {
            for j in 0..at.width {
                for i in 0..at.width {
                    t[(at.start + i, at.start + j)] = block[(i, j)];
                }
            }
            any = true;
        }
    }
    any.then(|| templates.theta(&filled))
}

fn without_small_directions(t: &Square, start: usize, q: usize) -> Option<Square> {
    let mut product = Square::zeros(q);
    for i in 0..q {
        for j in 0..q {
            let terms = 0..=i.min(j);
            product[(i, j)] =
                terms.map(|s| t[(start + i, start + s)] * t[(start + j, start + s)]).sum();
        }
    }
    let exact = (0..q).any(|j| t[(start + j, start + j)] == 0.0);
    let view = MatRef::from_column_major_slice(&product.data, q, q);
    let eigen = view.self_adjoint_eigen(Side::Lower).ok()?;
    let value = |j: usize| eigen.S().column_vector()[j];
    let small = (0..q).filter(|&j| value(j) < SUSPECT * SUSPECT).count();
    if small == 0
        || (exact && small == (0..q).filter(|&j| t[(start + j, start + j)] == 0.0).count())
    {
        return None;
    }
    let mut kept = Square::zeros(q);
    for s in (0..q).filter(|&s| value(s) >= SUSPECT * SUSPECT) {
        for j in 0..q {
            for i in 0..q {
                kept[(i, j)] += value(s) * eigen.U()[(i, s)] * eigen.U()[(j, s)];
            }
        }
    }
    Some(semidefinite_cholesky(&kept, q - small))
}

/// Lower-triangular T with TT' = A for a positive semidefinite A of known rank: columns without a
/// pivot are zero.
fn semidefinite_cholesky(a: &Square, rank: usize) -> Square {
    let n = a.n;
    let mut t = Square::zeros(n);
    let mut left = rank;
    for j in 0..n {
        let d = a[(j, j)] - (0..j).map(|s| t[(j, s)].powi(2)).sum::<f64>();
        if left == 0 || d <= ROUNDING * a[(j, j)] {
            continue;
        }
        left -= 1;
        let root = d.sqrt();
        t[(j, j)] = root;
        for i in j + 1..n {
            t[(i, j)] = (a[(i, j)] - (0..j).map(|s| t[(i, s)] * t[(j, s)]).sum::<f64>()) / root;
        }
    }
    t
}

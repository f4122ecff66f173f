//! Templates close to singular are replaced by exactly singular ones, so that a zero variance is 0
//! and a perfect correlation ±1.

use faer::{MatRef, Side};

use crate::covariance::Templates;
use crate::dense::Square;

/// Pivots of ΛΛ' below this share of its diagonal are rounding error.
const ROUNDING: f64 = 1e-12;

/// θ̃ with the directions whose standard deviation is below `suspect` (relative to the residual, for a
/// column of unit mean square) set to zero, or None if there are none.
pub fn snapped(templates: &Templates, theta: &[f64], suspect: f64) -> Option<Vec<f64>> {
    let mut filled = templates.fill(theta);
    let mut any = false;
    for (k, at) in templates.places.iter().enumerate() {
        let t = &mut filled[at.factor];
        let diagonal = templates.parameters.iter().filter(|p| p.term == k).count() == at.width;
        if diagonal {
            for j in at.start..at.start + at.width {
                if t[(j, j)] != 0.0 && t[(j, j)].abs() < suspect {
                    t[(j, j)] = 0.0;
                    any = true;
                }
            }
        } else if let Some(block) = without_small_directions(t, at.start, at.width, suspect) {
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

fn without_small_directions(t: &Square, start: usize, q: usize, suspect: f64) -> Option<Square> {
    let mut product = Square::zeros(q);
    for i in 0..q {
        for j in 0..q {
            let terms = 0..=i.min(j);
            product[(i, j)] =
                terms.map(|s| t[(start + i, start + s)] * t[(start + j, start + s)]).sum();
        }
    }
    // Columns that are zero as a whole: what is singular exactly needs nothing.
    let zeros = (0..q).filter(|&j| (j..q).all(|i| t[(start + i, start + j)] == 0.0)).count();
    let view = MatRef::from_column_major_slice(&product.data, q, q);
    let eigen = view.self_adjoint_eigen(Side::Lower).ok()?;
    let value = |j: usize| eigen.S().column_vector()[j];
    let small = (0..q).filter(|&j| value(j) < suspect * suspect).count();
    if small <= zeros {
        return None;
    }
    let mut kept = Square::zeros(q);
    for s in (0..q).filter(|&s| value(s) >= suspect * suspect) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Structure, Term};

    fn templates(q: usize, structure: Structure) -> Templates {
        let column = [1.0];
        let z = vec![&column[..]; q];
        Templates::new(&[Term { group: 0, z, structure }], 1)
    }

    fn product(templates: &Templates, theta: &[f64]) -> Square {
        let t = &templates.fill(theta)[0];
        t.times(&t.transpose())
    }

    #[test]
    fn nothing_small_nothing_done() {
        let t = templates(2, Structure::Unstructured);
        assert!(snapped(&t, &[1.0, 0.5, 0.2], 1e-3).is_none());
        assert!(snapped(&t, &[1.0, 0.5, 0.0], 1e-3).is_none(), "already singular");
        assert!(snapped(&t, &[0.0, 0.0, 0.0], 1e-3).is_none(), "already zero");
    }

    #[test]
    fn small_standard_deviations_become_zero() {
        let t = templates(2, Structure::Diagonal);
        assert_eq!(snapped(&t, &[1e-4, -0.5], 1e-3), Some(vec![0.0, -0.5]));
        let t = templates(1, Structure::Unstructured);
        assert_eq!(snapped(&t, &[-1e-4], 1e-3), Some(vec![0.0]));
    }

    /// The covariance moves by no more than what was taken out, and its rank falls.
    #[test]
    fn a_small_direction_is_taken_out_of_the_covariance() {
        let t = templates(3, Structure::Unstructured);
        for theta in [
            [1.0, 0.5, 0.3, 1e-4, 0.7, 0.6],
            [1e-4, 0.5, 0.3, 0.8, 0.7, 0.6],
            [1.0, 1.0, 1.0, 1e-4, 1e-5, 1e-4],
            [1e-5, 0.5, 0.3, 0.0, 0.0, 1e-4],
        ] {
            let found = snapped(&t, &theta, 1e-3).unwrap();
            let (before, after) = (product(&t, &theta), product(&t, &found));
            for (a, b) in before.data.iter().zip(&after.data) {
                assert!((a - b).abs() < 1e-6, "{theta:?} to {found:?}");
            }
            let diagonal = [found[0], found[3], found[5]];
            assert!(diagonal.contains(&0.0), "{found:?}");
            assert!(snapped(&t, &found, 1e-3).is_none());
        }
    }

    /// A zero on the diagonal above an entry that is not zero is no zero variance yet.
    #[test]
    fn tiny_entries_beside_a_zero_go_too() {
        let t = templates(2, Structure::Unstructured);
        assert_eq!(snapped(&t, &[0.0, -1e-30, 0.0], 1e-3), Some(vec![0.0, 0.0, 0.0]));
    }
}

//! What a test of Lβ needs of one fit: the facts of [`crate::inference`], seen through L.

use crate::dense::Square;
use crate::error::Result;
use crate::objective::Profile;
use crate::problem::{Problem, Workspace};

/// A way to find degrees of freedom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The variances taken as known.
    Wald,
    /// Satterthwaite's.
    Satterthwaite,
    /// Kenward and Roger's.
    KenwardRoger,
}

/// L, q × p and row-major, and the method by which it will be tested.
#[derive(Debug, Clone, Copy)]
pub struct Hypothesis<'a> {
    /// Values.
    pub rows: &'a [f64],
    /// Rows.
    pub q: usize,
    /// Method.
    pub method: Method,
}

/// One fit seen through L, with C = (X'V⁻¹X)⁻¹; matrices of one kind one behind the other.
#[derive(Debug, Clone)]
pub struct Pieces {
    /// LCL', q × q.
    pub covariance: Vec<f64>,
    /// Empty; or L(·)L' of the derivatives of C in θ; or of Kenward and Roger's slopes.
    pub first: Vec<f64>,
    /// Empty; or the covariance of the estimates of (θ, σ); or Kenward and Roger's information.
    pub spread: Vec<f64>,
    /// Empty; or L(·)L' of Kenward and Roger's bends.
    pub second: Vec<f64>,
}

impl Hypothesis<'_> {
    /// The pieces at the θ̃ of the last evaluation, which is the minimum.
    pub fn pieces(&self, problem: &Problem, work: &Workspace, profile: &Profile) -> Result<Pieces> {
        let covariance = self.project(&problem.beta_covariance(profile));
        let all = |matrices: &[Square]| matrices.iter().flat_map(|m| self.project(m)).collect();
        Ok(match self.method {
            Method::Wald => Pieces { covariance, first: vec![], spread: vec![], second: vec![] },
            Method::Satterthwaite => {
                let facts = problem.information(work, profile)?;
                let (first, spread) = (all(&facts.jacobian), facts.covariance().data);
                Pieces { covariance, first, spread, second: vec![] }
            }
            Method::KenwardRoger => {
                let facts = problem.kenward_roger(work, profile)?;
                let (first, second) = (all(&facts.slopes), all(&facts.bends));
                Pieces { covariance, first, spread: facts.information.data, second }
            }
        })
    }

    /// L M L' of a symmetric M.
    fn project(&self, m: &Square) -> Vec<f64> {
        let (q, p) = (self.q, m.n);
        let row = |i: usize| &self.rows[i * p..(i + 1) * p];
        let mut out = vec![0.0; q * q];
        for i in 0..q {
            let half: Vec<f64> =
                (0..p).map(|b| (0..p).map(|a| row(i)[a] * m[(a, b)]).sum()).collect();
            for j in 0..q {
                out[i * q + j] = half.iter().zip(row(j)).map(|(h, l)| h * l).sum();
            }
        }
        out
    }
}

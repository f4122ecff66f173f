//! What a covariance structure is: a formula from unbounded coordinates φ to a covariance matrix.
//!
//! ```text
//!     C = TT'        T (n × r), given as such (unstructured, factor analytic), or as D chol(R)
//! ```
//!
//! with standard deviations D and correlations R over n positions. Everything is relative to σ, and
//! φ_0 is the standard deviation of the first position, or of all. Derivatives in φ come from jets.

use std::fmt::Debug;

use super::jet::Jet;
use super::matrix::Matrix;

/// Where a structure is asked for: n points of d coordinates. Structures over occasions or columns
/// read the first coordinate as their number 0..q; occasions that a subject lacks are absent.
#[derive(Debug, Clone, PartialEq)]
pub struct Positions {
    /// Coordinates of a point.
    pub d: usize,
    /// Point by point.
    pub values: Vec<f64>,
}

impl Positions {
    /// All of q occasions or columns.
    pub fn all(q: usize) -> Self {
        Self { d: 1, values: (0..q).map(|i| i as f64).collect() }
    }

    /// Points of `d` coordinates each, point by point.
    pub fn new(d: usize, values: Vec<f64>) -> Self {
        Self { d, values }
    }

    /// Number of points n.
    pub fn n(&self) -> usize {
        self.values.len() / self.d
    }

    /// Number of the occasion at point i.
    pub fn occasion(&self, i: usize) -> usize {
        self.values[i * self.d] as usize
    }

    /// |difference of the occasions| at points i and j.
    pub fn lag(&self, i: usize, j: usize) -> usize {
        self.occasion(i).abs_diff(self.occasion(j))
    }

    /// Euclidean distance of points i and j.
    pub fn distance(&self, i: usize, j: usize) -> f64 {
        let point = |i: usize| &self.values[i * self.d..(i + 1) * self.d];
        point(i).iter().zip(point(j)).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
    }
}

/// What a structure makes of φ at n positions.
#[derive(Debug)]
pub enum Filled {
    /// T (n × r), C = TT'.
    Root(Matrix<Jet>),
    /// C = D R D; of R the strict upper triangle is not read.
    Scaled {
        /// Diagonal of D.
        sd: Vec<Jet>,
        /// R (n × n).
        correlation: Matrix<Jet>,
    },
}

/// What a reported number is. Positions are numbered 0..q.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Standard deviation at a position.
    Sd(usize),
    /// Standard deviation at every position.
    CommonSd,
    /// Correlation of two positions, the first below the second.
    Correlation(usize, usize),
    /// Correlation of any two positions, or of neighbours (first-order autoregression).
    CommonCorrelation,
    /// Correlation at a lag of 1, 2, ….
    Autocorrelation(usize),
    /// Correlation at a distance of one unit (continuous-time autoregression).
    UnitCorrelation,
    /// Distance over which correlation fades.
    Range,
    /// One minus the correlation of two points close to each other.
    Nugget,
    /// Smoothness of the paths (Matérn).
    Smoothness,
    /// Coefficient of the value 1, 2, … steps ago.
    AutoRegressive(usize),
    /// Coefficient of the innovation 1, 2, … steps ago.
    MovingAverage(usize),
    /// Loading of a position on a factor.
    Loading(usize, usize),
    /// Standard deviation at a position beside the common factors.
    SpecificSd(usize),
}

impl Quantity {
    /// Its kind in a word, and the positions or the lag that it is of.
    pub fn parts(self) -> (&'static str, usize, usize) {
        match self {
            Self::Sd(i) => ("sd", i, 0),
            Self::CommonSd => ("common_sd", 0, 0),
            Self::Correlation(i, j) => ("correlation", i, j),
            Self::CommonCorrelation => ("common_correlation", 0, 0),
            Self::Autocorrelation(lag) => ("autocorrelation", lag, 0),
            Self::UnitCorrelation => ("unit_correlation", 0, 0),
            Self::Range => ("range", 0, 0),
            Self::Nugget => ("nugget", 0, 0),
            Self::Smoothness => ("smoothness", 0, 0),
            Self::AutoRegressive(k) => ("ar", k, 0),
            Self::MovingAverage(k) => ("ma", k, 0),
            Self::Loading(i, k) => ("loading", i, k),
            Self::SpecificSd(i) => ("specific_sd", i, 0),
        }
    }
}

/// A covariance structure; all of its numbers are relative to σ.
pub trait Structure: Debug + Send + Sync {
    /// Coordinates of unit standard deviations and (nearly) no correlation.
    fn start(&self) -> Vec<f64>;

    /// T, or D and R, at the positions.
    fn fill(&self, phi: &[Jet], positions: &Positions) -> Filled;

    /// What the report names.
    fn quantities(&self) -> Vec<Quantity>;

    /// Value of every quantity.
    fn report(&self, phi: &[Jet]) -> Vec<Jet>;

    /// φ of given quantities: the inverse of [`Self::report`]; None where there is none.
    fn coordinates(&self, report: &[f64]) -> Option<Vec<f64>>;

    /// The same covariances with the signs that results have.
    fn canonical(&self, phi: &[f64]) -> Vec<f64>;

    /// Which parameters are in the units of a standard deviation, and which quantity that is: all
    /// scale with the response, and each with the inverse of its column.
    fn scales(&self) -> Vec<Option<Quantity>> {
        let sds = self.quantities();
        let mut out = vec![None; self.n_parameters()];
        let is_sd = |q: &&Quantity| matches!(q, Quantity::Sd(_) | Quantity::CommonSd);
        let count = sds.iter().take_while(is_sd).count();
        out.iter_mut().zip(&sds[..count]).for_each(|(o, q)| *o = Some(*q));
        out
    }

    /// Length of φ.
    fn n_parameters(&self) -> usize {
        self.start().len()
    }
}

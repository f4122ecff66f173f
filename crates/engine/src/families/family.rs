//! What a family is: the log-density of a response given its linear predictor η and auxiliary
//! parameters, with derivatives.
//!
//! Auxiliary parameters are unbounded: the logarithm of a dispersion, then that of a shape, then the
//! logit of a probability of zero. An ordered response has two, the thresholds on either side.

use std::fmt::Debug;

use rand_chacha::ChaCha8Rng;

/// Auxiliary parameters of a row at most: a dispersion and a shape, a dispersion and the logit of
/// zero inflation, or two thresholds. No family has more, and rows are made by the million.
pub const MOST: usize = 2;

/// Which derivatives of a row are filled; the others are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// The log-density alone.
    Value,
    /// With first and second derivative in η.
    Second,
    /// Everything.
    Third,
}

/// Log-density of a row l(η, a) and its derivatives. Where the density is zero or η has no meaning
/// the value is −∞ and every derivative 0; nothing is ever nan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// l, constants included.
    pub value: f64,
    /// ∂l/∂η, ∂²l/∂η², ∂³l/∂η³.
    pub eta: [f64; 3],
    /// ∂l/∂a, ∂²l/∂η∂a, ∂³l/∂η²∂a of every auxiliary parameter.
    pub auxiliary: [[f64; 3]; MOST],
    /// ∂²l/∂a∂a'.
    pub bends: [[f64; MOST]; MOST],
}

impl Row {
    /// Where there is no density.
    pub const NONE: Self = Self::plain(f64::NEG_INFINITY, [0.0; 3]);

    /// A row without auxiliary parameters.
    pub const fn plain(value: f64, eta: [f64; 3]) -> Self {
        Self { value, eta, auxiliary: [[0.0; 3]; MOST], bends: [[0.0; MOST]; MOST] }
    }
}

/// A response.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// The response: a number, a count, successes, or a category 0, 1, ….
    pub y: f64,
    /// Trials of (beta-)binomial counts; 1 elsewhere.
    pub size: f64,
}

/// P(Y < y), P(Y = y) and P(Y > y), each accurate where it is small.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tails {
    /// P(Y < y).
    pub below: f64,
    /// P(Y = y), 0 of a continuous response.
    pub at: f64,
    /// P(Y > y).
    pub above: f64,
}

impl Tails {
    /// Of a continuous response.
    pub const fn continuous((below, above): (f64, f64)) -> Self {
        Self { below, at: 0.0, above }
    }
}

/// Many responses of one trial each, with what else a row has.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Responses.
    pub y: &'a [f64],
    /// Trials; None for one each.
    pub size: Option<&'a [f64]>,
    /// Linear predictors.
    pub eta: &'a [f64],
    /// Auxiliary parameters, row-major.
    pub auxiliary: &'a [f64],
}

/// Derivatives of many rows, to be filled.
#[derive(Debug)]
pub struct Derivatives<'a> {
    /// l.
    pub value: &'a mut [f64],
    /// ∂l/∂η.
    pub score: &'a mut [f64],
    /// −∂²l/∂η².
    pub weight: &'a mut [f64],
    /// −∂³l/∂η³, if wanted.
    pub third: Option<&'a mut [f64]>,
}

/// What zeros have beside the family of counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zero {
    /// Nothing.
    None,
    /// A probability of a zero that is none of the family's.
    Inflated,
    /// The probability of a zero; other counts are the family's, truncated.
    Hurdle,
}

/// A distribution with its link. `size` are trials, `auxiliary` the row's auxiliary parameters.
///
/// An ordered response takes all its thresholds as `auxiliary` in [`Self::mean`], its slope, variance,
/// information and [`Self::draw`], and the two on either side of its category elsewhere.
pub trait Family: Send + Sync + Debug {
    /// How many auxiliary parameters a row has.
    fn n_auxiliary(&self) -> usize;

    /// Log-density with derivatives.
    fn row(&self, observation: Observation, eta: f64, auxiliary: &[f64], order: Order) -> Row;

    /// Log-densities and their derivatives in η of many rows.
    fn rows(&self, batch: Batch<'_>, out: Derivatives<'_>) {
        rows_one_by_one(self, batch, out);
    }

    /// Expected −∂²l/∂η² or a near positive number, for steps where −∂²l/∂η² is not positive: that of the
    /// quasi-likelihood, which is exact of exponential families.
    fn information(&self, size: f64, eta: f64, auxiliary: &[f64]) -> f64 {
        let slope = self.mean_slope(size, eta, auxiliary);
        slope * slope / self.variance(size, eta, auxiliary)
    }

    /// Expected response (a count of `size` trials; the number of a category).
    fn mean(&self, size: f64, eta: f64, auxiliary: &[f64]) -> f64;

    /// Derivative of the mean in η.
    fn mean_slope(&self, size: f64, eta: f64, auxiliary: &[f64]) -> f64;

    /// Variance of the response.
    fn variance(&self, size: f64, eta: f64, auxiliary: &[f64]) -> f64;

    /// Probabilities of smaller, equal and larger responses.
    fn tails(&self, observation: Observation, eta: f64, auxiliary: &[f64]) -> Tails;

    /// P(Y < y) and P(Y ≤ y).
    fn cumulative(&self, observation: Observation, eta: f64, auxiliary: &[f64]) -> (f64, f64) {
        let Tails { below, at, above } = self.tails(observation, eta, auxiliary);
        (below, if above < 0.5 { 1.0 - above } else { below + at })
    }

    /// A random response.
    fn draw(&self, random: &mut ChaCha8Rng, size: f64, eta: f64, auxiliary: &[f64]) -> f64;

    /// A finite η near which a search may begin for a row.
    fn start(&self, observation: Observation) -> f64;

    /// The largest log-density over η, or its limit.
    fn saturated(&self, observation: Observation, auxiliary: &[f64]) -> f64;

    /// The open interval of η that has a meaning; elsewhere rows are [`Row::NONE`].
    fn eta_range(&self) -> (f64, f64) {
        (f64::NEG_INFINITY, f64::INFINITY)
    }
}

/// Many rows as [`Family::row`] has each.
pub fn rows_one_by_one<F: Family + ?Sized>(family: &F, batch: Batch<'_>, mut out: Derivatives<'_>) {
    let k = family.n_auxiliary();
    let order = if out.third.is_some() { Order::Third } else { Order::Second };
    for i in 0..batch.y.len() {
        let observation = Observation { y: batch.y[i], size: batch.size.map_or(1.0, |s| s[i]) };
        let own = &batch.auxiliary[i * k..(i + 1) * k];
        let Row { value, eta: [score, slope, third], .. } =
            family.row(observation, batch.eta[i], own, order);
        (out.value[i], out.score[i], out.weight[i]) = (value, score, -slope);
        if let Some(out) = &mut out.third {
            out[i] = -third;
        }
    }
}

//! Responses drawn from a model, by counter-based streams: one per replicate of one key.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, Gamma, StandardNormal, StudentT};
use rayon::prelude::*;

use crate::data::{Data, Term};
use crate::dense::Square;
use crate::error::{EngineError, Result};
use crate::memory::zeros;

/// Degrees of freedom of the heavy-tailed shape: the smallest whole number with a kurtosis.
const T_DF: f64 = 5.0;

/// Shape of the skewed distribution, a gamma of skewness 1.
const GAMMA: f64 = 4.0;

/// A distribution of mean 0 and variance 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Standard normal.
    Normal,
    /// Student's t with 5 degrees of freedom.
    T,
    /// A gamma of skewness 1.
    Skewed,
}

impl Shape {
    /// Independent draws.
    pub fn fill(self, random: &mut ChaCha8Rng, out: &mut [f64]) {
        match self {
            Self::Normal => {
                out.iter_mut().for_each(|v| *v = StandardNormal.sample(random));
            }
            Self::T => {
                let scale = ((T_DF - 2.0) / T_DF).sqrt();
                let t = StudentT::new(T_DF).expect("the constant is positive");
                out.iter_mut().for_each(|v| *v = scale * t.sample(random));
            }
            Self::Skewed => {
                let gamma = Gamma::new(GAMMA, 1.0).expect("the constants are positive");
                out.iter_mut().for_each(|v| *v = (gamma.sample(random) - GAMMA) / GAMMA.sqrt());
            }
        }
    }
}

/// y = mean + Σ_k Z_k root_k u_k + σ W^(−1/2) e.
#[derive(Debug, Clone)]
pub struct Draws<'a> {
    /// (n,) what every replicate has in common.
    pub mean: &'a [f64],
    /// σT_k per term in the user's units; none if the mean holds the random effects.
    pub roots: Vec<Square>,
    /// Residual standard deviation of a row of weight 1.
    pub sigma: f64,
    /// The randomness.
    pub key: [u64; 2],
    /// Shape of u.
    pub effects: Shape,
    /// Shape of e.
    pub residuals: Shape,
}

impl Draws<'_> {
    /// Checks that there is a mean for every row, and a root of the right size for every term or
    /// for none.
    pub fn check(&self, data: &Data<'_>) -> Result<()> {
        let shape = |what, expected, found| Err(EngineError::Shape { what, expected, found });
        if self.mean.len() != data.n() {
            return shape("the mean of the responses", data.n(), self.mean.len());
        }
        if self.roots.is_empty() {
            return Ok(());
        }
        if self.roots.len() != data.terms.len() {
            return shape("the list of roots", data.terms.len(), self.roots.len());
        }
        let wrong = |(term, root): (&Term<'_>, &Square)| {
            (term.z.len() != root.n).then_some((term.z.len(), root.n))
        };
        match data.terms.iter().zip(&self.roots).find_map(wrong) {
            Some((expected, found)) => shape("a root", expected, found),
            None => Ok(()),
        }
    }

    /// Writes the response of a replicate.
    pub fn write(&self, data: &Data<'_>, replicate: u64, y: &mut [f64]) {
        let mut random = stream(self.key, replicate);
        self.residuals.fill(&mut random, y);
        for (row, y) in y.iter_mut().enumerate() {
            *y = self.mean[row] + self.sigma * *y / data.weight(row).sqrt();
        }
        let mut u = Vec::new();
        for (term, root) in data.terms.iter().zip(&self.roots) {
            let (group, q) = (&data.groups[term.group], root.n);
            u.resize(group.n_levels * q, 0.0);
            self.effects.fill(&mut random, &mut u);
            for u in u.chunks_exact_mut(q) {
                for i in (0..q).rev() {
                    u[i] = (0..=i).map(|j| root[(i, j)] * u[j]).sum();
                }
            }
            for (row, y) in y.iter_mut().enumerate() {
                let b = &u[group.codes[row] as usize * q..][..q];
                *y += term.z.iter().zip(b).map(|(z, b)| z[row] * b).sum::<f64>();
            }
        }
    }

    /// Responses of several replicates, one behind the other.
    pub fn block(&self, data: &Data<'_>, first: u64, count: usize) -> Result<Vec<f64>> {
        data.check()?;
        self.check(data)?;
        let n = self.mean.len();
        let mut out = zeros(n.saturating_mul(count))?;
        out.par_chunks_mut(n.max(1)).enumerate().for_each(|(i, y)| {
            self.write(data, first + i as u64, y);
        });
        Ok(out)
    }
}

/// The randomness of one replicate of a key.
pub fn stream(key: [u64; 2], replicate: u64) -> ChaCha8Rng {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&key[0].to_le_bytes());
    seed[8..16].copy_from_slice(&key[1].to_le_bytes());
    let mut random = ChaCha8Rng::from_seed(seed);
    random.set_stream(replicate);
    random
}

//! What the rows say at one linear predictor: log-density, scores and weights, and the derivatives that
//! the gradient of the criterion needs.

use rayon::prelude::*;

use super::auxiliary::Auxiliaries;
use super::problem::Problem;
use crate::families::{Batch, Derivatives, MOST, Order, Row};

/// Rows that one task visits.
const CHUNK: usize = 4096;

/// Rows up to which other threads are not worth waking.
pub const FEW: usize = 4 * CHUNK;

/// The rows at one η.
#[derive(Debug, Clone)]
pub struct Rows {
    /// η, offset included.
    pub eta: Vec<f64>,
    /// Σ c ℓ; −∞ where a response is impossible.
    pub log_density: f64,
    /// c ℓ'.
    pub score: Vec<f64>,
    /// −c ℓ'', or the expected information of rows where that is not positive, if asked for.
    pub weight: Vec<f64>,
    /// Whether expected information was asked for.
    pub expected: bool,
}

/// Derivatives of the rows beyond scores and weights.
#[derive(Debug, Clone)]
pub struct Slopes {
    /// ∂w/∂η = −c ℓ'''.
    pub weight: Vec<f64>,
    /// Per row and auxiliary c (∂ℓ/∂a, ∂ℓ'/∂a, ∂ℓ''/∂a), (n, width) row-major.
    pub auxiliary: Vec<[f64; 3]>,
    /// Per row c ∂²ℓ/∂a∂a', width² each.
    pub bends: Vec<f64>,
}

impl Problem {
    /// η = o + Xβ + Zb at γ = L'β and b by position.
    pub fn predictor(&self, gamma: &[f64], b: &[f64]) -> Vec<f64> {
        self.each_row(|row| {
            let known = self.offset.as_ref().map_or(0.0, |o| o[row]);
            let fixed: f64 = self.x_of(row).iter().zip(gamma).map(|(x, g)| x * g).sum();
            known + fixed + self.z_times(row, b)
        })
    }

    /// Z b by rows, for b by position.
    pub fn along(&self, b: &[f64]) -> Vec<f64> {
        self.each_row(|row| self.z_times(row, b))
    }

    /// z'b of a row.
    #[inline(always)]
    fn z_times(&self, row: usize, b: &[f64]) -> f64 {
        let plan = &self.covariances.plan;
        let mut z = self.z_of(row).iter();
        let mut sum = 0.0;
        for &v in plan.nodes_of(row) {
            let (from, to) = (plan.grid.offset[v as usize], plan.grid.offset[v as usize + 1]);
            sum += b[from..to].iter().zip(&mut z).map(|(b, z)| b * z).sum::<f64>();
        }
        sum
    }

    /// A number per row.
    pub fn each_row(&self, of: impl Fn(usize) -> f64 + Sync) -> Vec<f64> {
        let mut out = vec![0.0; self.n()];
        in_chunks(self.n(), &mut out, |first, out| {
            out.iter_mut().enumerate().for_each(|(i, v)| *v = of(first + i));
        });
        out
    }

    /// The rows at η. With `expected`, rows whose weight is not positive have the expected one.
    pub fn rows(&self, eta: Vec<f64>, auxiliaries: &Auxiliaries<'_>, expected: bool) -> Rows {
        let n = self.n();
        let (mut value, mut score, mut weight) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        let fill = |k: usize, value: &mut [f64], score: &mut [f64], weight: &mut [f64]| {
            let range = k * CHUNK..k * CHUNK + value.len();
            let out = Derivatives { value, score, weight, third: None };
            self.family.rows(self.batch(&eta, auxiliaries, range.clone()), out);
            if let Some(c) = &self.weights {
                let rows = value.iter_mut().zip(score.iter_mut()).zip(weight.iter_mut());
                for (((v, s), w), c) in rows.zip(&c[range.clone()]) {
                    (*v, *s, *w) = (c * *v, c * *s, c * *w);
                }
            }
            if expected {
                for (i, w) in
                    weight.iter_mut().enumerate().filter(|(_, w)| w.is_nan() || **w <= 0.0)
                {
                    let row = range.start + i;
                    let size = self.observation(row).size;
                    let own = self.family.information(size, eta[row], auxiliaries.of(row));
                    *w = self.weight(row) * own;
                }
            }
            value.iter().sum::<f64>()
        };
        let pieces = value.chunks_mut(CHUNK).zip(score.chunks_mut(CHUNK));
        let pieces = pieces.zip(weight.chunks_mut(CHUNK)).enumerate();
        let sums: Vec<f64> = if n > FEW {
            let pieces: Vec<_> = pieces.collect();
            pieces.into_par_iter().map(|(k, ((v, s), w))| fill(k, v, s, w)).collect()
        } else {
            pieces.map(|(k, ((v, s), w))| fill(k, v, s, w)).collect()
        };
        let sum: f64 = sums.iter().sum();
        let log_density = if sum.is_nan() { f64::NEG_INFINITY } else { sum };
        Rows { eta, log_density, score, weight, expected }
    }

    fn batch<'a>(
        &'a self,
        eta: &'a [f64],
        auxiliaries: &'a Auxiliaries<'_>,
        range: std::ops::Range<usize>,
    ) -> Batch<'a> {
        let k = auxiliaries.width;
        Batch {
            y: &self.y[range.clone()],
            size: self.size.as_ref().map(|s| &s[range.clone()]),
            eta: &eta[range.clone()],
            auxiliary: &auxiliaries.values[range.start * k..range.end * k],
        }
    }

    /// Further derivatives at η.
    pub fn slopes(&self, eta: &[f64], auxiliaries: &Auxiliaries<'_>) -> Slopes {
        let (n, k) = (self.n(), auxiliaries.width);
        let mut out = Slopes {
            weight: vec![0.0; n],
            auxiliary: vec![[0.0; 3]; n * k],
            bends: vec![0.0; n * k * k],
        };
        if k == 0 {
            in_chunks(n, &mut out.weight, |first, third| {
                let mut others = vec![0.0; 3 * third.len()];
                let range = first..first + third.len();
                let (value, rest) = others.split_at_mut(third.len());
                let (score, weight) = rest.split_at_mut(third.len());
                let own = Derivatives { value, score, weight, third: Some(&mut *third) };
                self.family.rows(self.batch(eta, auxiliaries, range.clone()), own);
                if let Some(c) = &self.weights {
                    third.iter_mut().zip(&c[range]).for_each(|(t, c)| *t *= c);
                }
            });
            return out;
        }
        let fill = |first: usize, w: &mut [f64], a: &mut [[f64; 3]], b: &mut [f64]| {
            for (i, w) in w.iter_mut().enumerate() {
                let row = first + i;
                let c = self.weight(row);
                let own = auxiliaries.of(row);
                let found = self.family.row(self.observation(row), eta[row], own, Order::Third);
                *w = -c * found.eta[2];
                copy_auxiliaries(&found, c, k, &mut a[i * k..], &mut b[i * k * k..]);
            }
        };
        let Slopes { weight, auxiliary, bends } = &mut out;
        if n > FEW {
            let pieces = weight.par_chunks_mut(CHUNK).zip(auxiliary.par_chunks_mut(CHUNK * k));
            let pieces = pieces.zip(bends.par_chunks_mut(CHUNK * k * k)).enumerate();
            pieces.for_each(|(chunk, ((w, a), b))| fill(chunk * CHUNK, w, a, b));
        } else {
            fill(0, weight, auxiliary, bends);
        }
        out
    }
}

fn copy_auxiliaries(found: &Row, c: f64, k: usize, slopes: &mut [[f64; 3]], bends: &mut [f64]) {
    debug_assert!(k <= MOST);
    for a in 0..k {
        slopes[a] = found.auxiliary[a].map(|v| c * v);
        (0..k).for_each(|b| bends[a * k + b] = c * found.bends[a][b]);
    }
}

/// Fills `out` chunk by chunk, on several threads where there are many rows.
pub fn in_chunks(n: usize, out: &mut [f64], fill: impl Fn(usize, &mut [f64]) + Sync) {
    if n > FEW {
        let one = |(k, out): (usize, &mut [f64])| fill(k * CHUNK, out);
        out.par_chunks_mut(CHUNK).enumerate().for_each(one);
    } else {
        fill(0, out);
    }
}

/// Sums `width` quantities over the rows, in an order that does not depend on the threads.
pub fn summed(n: usize, width: usize, add: impl Fn(usize, &mut [f64]) + Sync) -> Vec<f64> {
    let one = |k: usize| {
        let mut sums = vec![0.0; width];
        (k * CHUNK..n.min((k + 1) * CHUNK)).for_each(|row| add(row, &mut sums));
        sums
    };
    let chunks = n.div_ceil(CHUNK);
    let parts: Vec<Vec<f64>> = if n > FEW {
        (0..chunks).into_par_iter().map(one).collect()
    } else {
        (0..chunks).map(one).collect()
    };
    let mut out = vec![0.0; width];
    for part in parts {
        out.iter_mut().zip(&part).for_each(|(a, b)| *a += b);
    }
    out
}

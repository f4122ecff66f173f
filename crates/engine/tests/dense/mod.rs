//! The model by dense algebra of size n: slow, plain, and sharing no code with the engine.

use mixedmodels_engine::objective::Criterion;
use mixedmodels_engine::{Data, Group, Structure, Term};

/// A small deterministic generator (Marsaglia's xorshift) for test data.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    pub fn below(&mut self, n: usize) -> i32 {
        (self.uniform() * n as f64) as i32
    }
}

/// Owned data.
pub struct Sample {
    pub y: Vec<f64>,
    pub x: Vec<Vec<f64>>,
    pub codes: Vec<(Vec<i32>, usize)>,
    pub terms: Vec<(usize, Vec<Vec<f64>>, Structure)>,
    pub weights: Option<Vec<f64>>,
}

impl Sample {
    pub fn data(&self) -> Data<'_> {
        Data {
            y: &self.y,
            x: self.x.iter().map(Vec::as_slice).collect(),
            groups: self
                .codes
                .iter()
                .map(|(codes, n_levels)| Group { codes, n_levels: *n_levels })
                .collect(),
            terms: self
                .terms
                .iter()
                .map(|(group, z, structure)| Term {
                    group: *group,
                    z: z.iter().map(Vec::as_slice).collect(),
                    structure: *structure,
                })
                .collect(),
            weights: self.weights.as_deref(),
        }
    }

    /// Z_k T_k T_k' Z_k' summed over terms, plus W⁻¹.
    fn v(&self, theta: &[f64]) -> Vec<Vec<f64>> {
        let n = self.y.len();
        let mut v = vec![vec![0.0; n]; n];
        for (i, row) in v.iter_mut().enumerate() {
            row[i] = 1.0 / self.weights.as_ref().map_or(1.0, |w| w[i]);
        }
        let mut next = theta.iter();
        for (group, z, structure) in &self.terms {
            let q = z.len();
            let mut t = vec![vec![0.0; q]; q];
            for c in 0..q {
                for r in c..q {
                    if *structure == Structure::Unstructured || r == c {
                        t[r][c] = *next.next().unwrap();
                    }
                }
            }
            let zt: Vec<Vec<f64>> = (0..n)
                .map(|i| (0..q).map(|c| (0..q).map(|r| z[r][i] * t[r][c]).sum()).collect())
                .collect();
            let codes = &self.codes[*group].0;
            for i in 0..n {
                for j in 0..n {
                    if codes[i] == codes[j] {
                        v[i][j] += zt[i].iter().zip(&zt[j]).map(|(a, b)| a * b).sum::<f64>();
                    }
                }
            }
        }
        v
    }
}

/// β, criterion and r² by generalised least squares.
pub struct Dense {
    pub beta: Vec<f64>,
    pub deviance: f64,
    pub covariance: Vec<Vec<f64>>,
    pub pwrss: f64,
}

impl Dense {
    pub fn new(sample: &Sample, theta: &[f64], criterion: Criterion) -> Self {
        let Criterion { reml, sigma } = criterion;
        let (n, p) = (sample.y.len(), sample.x.len());
        let mut right: Vec<Vec<f64>> =
            (0..n).map(|i| sample.x.iter().map(|x| x[i]).chain([sample.y[i]]).collect()).collect();
        let original = right.clone();
        let log_v = gauss(&mut sample.v(theta), &mut right);
        let product =
            |a: usize, b: usize| -> f64 { (0..n).map(|i| original[i][a] * right[i][b]).sum() };
        let mut xvx: Vec<Vec<f64>> =
            (0..p).map(|a| (0..p).map(|b| product(a, b)).collect()).collect();
        let mut solved: Vec<Vec<f64>> = (0..p)
            .map(|a| {
                let mut row = vec![0.0; p + 1];
                row[a] = 1.0;
                row[p] = product(a, p);
                row
            })
            .collect();
        let log_x = gauss(&mut xvx, &mut solved);
        let beta: Vec<f64> = solved.iter().map(|row| row[p]).collect();
        let pwrss = product(p, p) - (0..p).map(|a| beta[a] * product(a, p)).sum::<f64>();
        let df = if reml { n - p } else { n } as f64;
        let variance = sigma.map_or(pwrss / df, |s| s * s);
        let mut deviance =
            log_v + df * (2.0 * std::f64::consts::PI * variance).ln() + pwrss / variance;
        if reml {
            deviance += log_x;
        }
        let covariance = solved.iter().map(|row| row[..p].to_vec()).collect();
        Self { beta, deviance, covariance, pwrss }
    }
}

/// Gaussian elimination of a symmetric positive definite system; returns log|A|.
fn gauss(a: &mut [Vec<f64>], b: &mut [Vec<f64>]) -> f64 {
    let n = a.len();
    let mut log_det = 0.0;
    for j in 0..n {
        let pivot = a[j][j];
        log_det += pivot.ln();
        for i in 0..n {
            if i != j && a[i][j] != 0.0 {
                let f = a[i][j] / pivot;
                for c in j..n {
                    let v = a[j][c];
                    a[i][c] -= f * v;
                }
                for c in 0..b[j].len() {
                    let v = b[j][c];
                    b[i][c] -= f * v;
                }
            }
        }
    }
    for j in 0..n {
        let pivot = a[j][j];
        b[j].iter_mut().for_each(|v| *v /= pivot);
    }
    log_det
}

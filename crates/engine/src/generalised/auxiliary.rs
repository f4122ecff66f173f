//! The auxiliary parameters δ of a family (log dispersion, zero inflation, thresholds), and what they
//! make of every row.

/// How thresholds τ_1 < … < τ_{C−1} depend on δ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spacing {
    /// τ_1 = δ_1, τ_k = τ_{k−1} + exp(δ_k).
    Flexible,
    /// τ_k = δ_1 + (k − 1) exp(δ_2).
    Equidistant,
}

/// Where auxiliaries of a row come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// One auxiliary, a = D δ: the columns of D.
    Linear(Vec<Vec<f64>>),
    /// Two: the thresholds below and above the category y.
    Thresholds {
        /// How they are parameterised.
        spacing: Spacing,
        /// C.
        categories: usize,
    },
}

impl Source {
    /// Number of auxiliaries.
    pub fn width(&self) -> usize {
        if matches!(self, Self::Linear(_)) { 1 } else { 2 }
    }

    /// Number of parameters.
    pub fn n_parameters(&self) -> usize {
        match self {
            Self::Linear(columns) => columns.len(),
            Self::Thresholds { categories, spacing: Spacing::Flexible } => categories - 1,
            Self::Thresholds { categories, .. } => 2.min(categories - 1),
        }
    }

    /// Whether τ_k depends on δ_j, and its slope: thresholds are counted from 0.
    fn threshold_slope(spacing: Spacing, delta: &[f64], k: usize, j: usize) -> f64 {
        match (spacing, j) {
            (_, 0) => 1.0,
            (Spacing::Flexible, j) if j <= k => delta[j].exp(),
            (Spacing::Flexible, _) => 0.0,
            (Spacing::Equidistant, _) => k as f64 * delta[1].exp(),
        }
    }

    fn threshold(spacing: Spacing, delta: &[f64], k: usize) -> f64 {
        let rest = 1..delta.len();
        delta[0] + rest.map(|j| Self::threshold_slope(spacing, delta, k, j)).sum::<f64>()
    }

    /// τ at δ, and ∂τ_k/∂δ_j row by row; none of linear sources.
    pub fn thresholds(&self, delta: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let Self::Thresholds { spacing, categories } = *self else { return (vec![], vec![]) };
        let slope = |k| (0..delta.len()).map(move |j| Self::threshold_slope(spacing, delta, k, j));
        let tau = (0..categories - 1).map(|k| Self::threshold(spacing, delta, k)).collect();
        (tau, (0..categories - 1).flat_map(slope).collect())
    }
}

/// The sources at one δ.
#[derive(Debug, Clone)]
pub struct Auxiliaries<'a> {
    sources: &'a [Source],
    y: &'a [f64],
    /// Auxiliaries per row.
    pub width: usize,
    /// Length of δ.
    pub n_parameters: usize,
    /// (n, width) row-major.
    pub values: Vec<f64>,
    /// Per source of thresholds ∂τ_k/∂δ_j, row-major by k; empty elsewhere.
    slopes: Vec<Vec<f64>>,
    /// τ, where there are thresholds.
    pub thresholds: Option<Vec<f64>>,
}

impl<'a> Auxiliaries<'a> {
    /// Values of all rows.
    pub fn new(sources: &'a [Source], y: &'a [f64], delta: &[f64]) -> Self {
        let width = sources.iter().map(Source::width).sum();
        let n_parameters = delta.len();
        let mut out = Self {
            sources,
            y,
            width,
            n_parameters,
            values: vec![0.0; width * y.len()],
            slopes: vec![],
            thresholds: None,
        };
        let (mut first, mut at) = (0, 0);
        for source in sources {
            let own = &delta[first..first + source.n_parameters()];
            out.fill(source, own, at);
            first += own.len();
            at += source.width();
        }
        out
    }

    fn fill(&mut self, source: &Source, delta: &[f64], at: usize) {
        let rows = self.values.chunks_exact_mut(self.width);
        match source {
            Source::Linear(columns) => {
                for (row, out) in rows.enumerate() {
                    out[at] = columns.iter().zip(delta).map(|(d, v)| d[row] * v).sum();
                }
                self.slopes.push(vec![]);
            }
            Source::Thresholds { .. } => {
                let (tau, slopes) = source.thresholds(delta);
                for (out, y) in rows.zip(self.y) {
                    let category = *y as usize;
                    out[at] = category.checked_sub(1).map_or(f64::NEG_INFINITY, |k| tau[k]);
                    out[at + 1] = tau.get(category).copied().unwrap_or(f64::INFINITY);
                }
                self.slopes.push(slopes);
                self.thresholds = Some(tau);
            }
        }
    }

    /// Auxiliaries of a row.
    #[inline]
    pub fn of(&self, row: usize) -> &[f64] {
        &self.values[row * self.width..(row + 1) * self.width]
    }

    /// What the distribution of any response of a row needs: all thresholds, where there are such.
    #[inline]
    pub fn of_any(&self, row: usize) -> &[f64] {
        self.thresholds.as_deref().unwrap_or_else(|| self.of(row))
    }

    /// Calls `visit(a, j, ∂a/∂δ_j, ∂²a/∂δ_j²)` for what a row's auxiliaries depend on.
    #[inline]
    pub fn slopes(&self, row: usize, mut visit: impl FnMut(usize, usize, f64, f64)) {
        let (mut first, mut at) = (0, 0);
        for (source, slopes) in self.sources.iter().zip(&self.slopes) {
            let m = source.n_parameters();
            match source {
                Source::Linear(columns) => {
                    columns.iter().enumerate().for_each(|(j, d)| visit(at, first + j, d[row], 0.0));
                }
                Source::Thresholds { categories, .. } => {
                    let category = self.y[row] as usize;
                    for (side, k) in
                        [category.checked_sub(1), Some(category)].into_iter().enumerate()
                    {
                        let Some(k) = k.filter(|k| k + 1 < *categories) else { continue };
                        for j in 0..m {
                            let slope = slopes[k * m + j];
                            let bend = if j == 0 { 0.0 } else { slope };
                            visit(at + side, first + j, slope, bend);
                        }
                    }
                }
            }
            first += m;
            at += source.width();
        }
    }
}

/// Adds Σ_ab B_ab ∂a ∂b' + Σ_a g_a ∂²a of a row to a symmetric matrix of the order of δ.
pub fn add_bends(
    auxiliaries: &Auxiliaries<'_>,
    row: usize,
    slope: impl Fn(usize) -> f64,
    bend: impl Fn(usize, usize) -> f64,
    out: &mut [f64],
) {
    let k = auxiliaries.n_parameters;
    auxiliaries.slopes(row, |a, i, f, second| {
        if second != 0.0 {
            out[i + k * i] += slope(a) * second;
        }
        auxiliaries.slopes(row, |b, j, g, _| out[i + k * j] += bend(a, b) * f * g);
    });
}

//! One data set with a family, ready for evaluation at any ψ = (θ, β, δ).

use std::sync::Arc;

use super::auxiliary::Source;
use super::order::RowOrder;
use super::quadrature::Rule;
use super::touching::Touching;
use crate::basis::Basis;
use crate::covariance::Templates;
use crate::data::Data;
use crate::dense::{solve_lower, solve_lower_transpose};
use crate::error::{EngineError, Result};
use crate::families::{Family, Observation};
use crate::memory::{self, Available};
use crate::structured::{self, Value};

/// What the caller hands over.
#[derive(Debug, Clone)]
pub struct Design {
    /// Random terms; no fixed effects, no covariance of residuals.
    pub covariances: structured::Design,
    /// p columns of length n, linearly independent.
    pub x: Vec<Vec<f64>>,
    /// (n,) responses.
    pub y: Vec<f64>,
    /// (n,) trials; None for one each.
    pub size: Option<Vec<f64>>,
    /// (n,) multiples of the log-likelihood of the rows.
    pub weights: Option<Vec<f64>>,
    /// (n,) known part of the linear predictor.
    pub offset: Option<Vec<f64>>,
    /// The distribution of a response.
    pub family: Arc<dyn Family>,
    /// Where its auxiliaries come from.
    pub sources: Vec<Source>,
    /// Nodes of the quadrature in every direction; 1 for Laplace's approximation.
    pub nodes: usize,
}

/// A design with everything that depends on it alone.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Structures, their parameters, and the plan of the factorisation.
    pub covariances: structured::Problem,
    /// In which order the rows are kept.
    pub order: Arc<RowOrder>,
    /// The distribution.
    pub family: Arc<dyn Family>,
    /// Where its auxiliaries come from.
    pub sources: Arc<Vec<Source>>,
    /// Number of fixed effects.
    pub p: usize,
    /// Lower Cholesky factor of X'X/n: x̃ = L⁻¹x.
    pub basis: Basis,
    /// x̃, row-major.
    pub x: Arc<Vec<f64>>,
    /// Responses.
    pub y: Arc<Vec<f64>>,
    /// Trials.
    pub size: Option<Arc<Vec<f64>>>,
    /// Multiples of the log-likelihood.
    pub weights: Option<Arc<Vec<f64>>>,
    /// Known part of the linear predictor.
    pub offset: Option<Arc<Vec<f64>>>,
    /// z of every row for the nodes that it touches.
    pub z: Arc<Vec<f64>>,
    /// Where the z of each row start.
    pub z_start: Arc<Vec<usize>>,
    /// Rows by node.
    pub touching: Arc<Touching>,
    /// The quadrature, if any.
    pub rule: Option<Arc<Rule>>,
}

impl Problem {
    /// Plans the factorisation. `values` says which covariance parameters are free; None: all.
    pub fn within(
        design: Design,
        values: Option<Vec<Value>>,
        available: Available<'_>,
    ) -> Result<Self> {
        let n = design.y.len();
        check(&design)?;
        design.covariances.check()?;
        let order = RowOrder::of(&design);
        let design = order.apply(design);
        let ones = vec![1.0; n];
        let covariances =
            structured::Problem::within(design.covariances, &ones, values, None, available)?;
        let data = Data {
            y: &ones,
            x: design.x.iter().map(Vec::as_slice).collect(),
            groups: vec![],
            terms: vec![],
            weights: None,
        };
        let basis = Basis::new(&data, &Templates::new(&[], 0))?;
        let p = design.x.len();
        memory::require((n * (p + 8) + p * p) * size_of::<f64>(), available)?;
        let mut x = vec![0.0; n * p];
        for (row, out) in x.chunks_exact_mut(p.max(1)).enumerate() {
            out.iter_mut().zip(&design.x).for_each(|(o, c)| *o = c[row]);
            solve_lower(p, &basis.x_factor.data, out, 1);
        }
        let (z, z_start) = covariances.rows_of_z();
        let touching = Touching::new(&covariances.plan, n);
        let rule = (design.nodes > 1).then(|| Rule::new(&covariances, design.nodes));
        Ok(Self {
            rule: rule.transpose()?.map(Arc::new),
            covariances,
            order: Arc::new(order),
            family: design.family,
            sources: Arc::new(design.sources),
            p,
            basis,
            x: Arc::new(x),
            y: Arc::new(design.y),
            size: design.size.map(Arc::new),
            weights: design.weights.map(Arc::new),
            offset: design.offset.map(Arc::new),
            z: Arc::new(z),
            z_start: Arc::new(z_start),
            touching: Arc::new(touching),
        })
    }

    /// The same design with other responses.
    pub fn with_response(&self, y: Vec<f64>) -> Result<Self> {
        if y.len() != self.n() {
            return Err(EngineError::Shape { what: "y", expected: self.n(), found: y.len() });
        }
        if !y.iter().all(|v| v.is_finite()) {
            return Err(EngineError::NotFinite { what: "y" });
        }
        Ok(Self { y: Arc::new(self.order.sorted(y)), ..self.clone() })
    }

    /// Number of rows.
    pub fn n(&self) -> usize {
        self.y.len()
    }

    /// Length of θ.
    pub fn n_theta(&self) -> usize {
        self.covariances.n_theta()
    }

    /// Length of δ.
    pub fn n_auxiliary(&self) -> usize {
        self.sources.iter().map(Source::n_parameters).sum()
    }

    /// Length of ψ.
    pub fn n_parameters(&self) -> usize {
        self.n_theta() + self.p + self.n_auxiliary()
    }

    /// Multiplications of one evaluation, roughly.
    pub fn cost(&self) -> f64 {
        let steps = 4.0;
        steps
            * (self.covariances.cost() + (self.n() * (self.p + 40)) as f64)
            * self.rule.as_ref().map_or(1.0, |r| 1.0 + 0.2 * r.points.len() as f64)
    }

    /// The multiple of a row's log-likelihood.
    #[inline]
    pub fn weight(&self, row: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |w| w[row])
    }

    /// What was observed in a row.
    #[inline]
    pub fn observation(&self, row: usize) -> Observation {
        Observation { y: self.y[row], size: self.size.as_ref().map_or(1.0, |s| s[row]) }
    }

    /// x̃ of a row.
    #[inline]
    pub fn x_of(&self, row: usize) -> &[f64] {
        &self.x[row * self.p..(row + 1) * self.p]
    }

    /// z of a row for the nodes that it touches.
    #[inline]
    pub fn z_of(&self, row: usize) -> &[f64] {
        &self.z[self.z_start[row]..self.z_start[row + 1]]
    }

    /// ψ with β in the user's coordinates from ψ in the engine's.
    pub fn outer(&self, psi: &[f64]) -> Vec<f64> {
        let mut out = psi.to_vec();
        let beta = self.beta_of(&mut out);
        solve_lower_transpose(self.p, &self.basis.x_factor.data, beta, 1);
        out
    }

    /// ψ with β in the engine's coordinates, γ = L'β.
    pub fn inner(&self, psi: &[f64]) -> Vec<f64> {
        let mut out = psi.to_vec();
        let l = &self.basis.x_factor;
        let beta = self.beta_of(&mut out);
        for i in 0..beta.len() {
            beta[i] = (i..beta.len()).map(|j| l[(j, i)] * beta[j]).sum();
        }
        out
    }

    /// ∂/∂ψ with β in the user's coordinates from that in the engine's: ∂/∂β = L ∂/∂γ.
    pub fn outer_gradient(&self, gradient: &[f64]) -> Vec<f64> {
        let mut out = gradient.to_vec();
        let l = &self.basis.x_factor;
        let beta = self.beta_of(&mut out);
        for i in (0..beta.len()).rev() {
            beta[i] = (0..=i).map(|j| l[(i, j)] * beta[j]).sum();
        }
        out
    }

    fn beta_of<'a>(&self, psi: &'a mut [f64]) -> &'a mut [f64] {
        let first = self.n_theta();
        &mut psi[first..first + self.p]
    }
}

fn check(design: &Design) -> Result<()> {
    let n = design.y.len();
    let finite = |what, values: &[f64]| {
        if values.len() != n {
            return Err(EngineError::Shape { what, expected: n, found: values.len() });
        }
        let fine = values.iter().all(|v| v.is_finite());
        if fine { Ok(()) } else { Err(EngineError::NotFinite { what }) }
    };
    finite("y", &design.y)?;
    design.x.iter().try_for_each(|x| finite("a column of X", x))?;
    let optional = [
        ("the trials", &design.size),
        ("weights", &design.weights),
        ("the offset", &design.offset),
    ];
    for (what, values) in optional {
        values.as_ref().map_or(Ok(()), |v| finite(what, v))?;
    }
    for source in &design.sources {
        if let Source::Linear(columns) = source {
            columns.iter().try_for_each(|d| finite("a column of an auxiliary", d))?;
        }
    }
    let (expected, found) =
        (design.family.n_auxiliary(), design.sources.iter().map(Source::width).sum());
    if expected != found {
        return Err(EngineError::Shape { what: "the auxiliaries", expected, found });
    }
    Ok(())
}

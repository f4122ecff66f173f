//! One data set, ready for evaluation at any θ. Immutable: evaluations keep their memory apart.

use std::sync::Arc;

use crate::basis::Basis;
use crate::covariance::{Pivoted, Templates};
use crate::cross_products::CrossProducts;
use crate::curvature::{FirstOrder, Moves, assemble, curvature};
use crate::data::Data;
use crate::dense::Square;
use crate::error::{EngineError, Result};
use crate::factor::Factor;
use crate::inference::second_order_cost;
use crate::layout::Layout;
use crate::links::Links;
use crate::memory::{self, Available, Sizes, unlimited};
use crate::objective::{Criterion, Profile};
use crate::pairs::Pairs;
use crate::probes::Probes;
use crate::projection::quadratic_forms;
use crate::rough::{Rough, worthwhile};
use crate::rows::RowsByLevel;
use crate::sensitivity::{InverseMemory, Sensitivity};
use crate::solve::Effects;
use crate::sums::Condensed;
use crate::symbolic::{Graph, Symbolic, order};
use crate::watch::{self, Stage, Watch};
use crate::wide;

/// Multiplications of a factorisation from which a gradient is dear.
const DEAR: f64 = 1e8;

/// The same, times the length of θ, from which one more step with its curvature is dear.
const DEAR_STEP: f64 = 1e9;

/// Multiplications of both informations up to which a search has them at every step: 2 ms or so.
const AFFORDABLE: f64 = 2e5;

/// Rows per random effect below which the criterion may have several minima.
const FEW_ROWS: f64 = 2.2;

/// The cross-products of one data set with everything that depends on the design alone.
#[derive(Debug, Clone)]
pub struct Problem {
    /// n.
    pub n: usize,
    /// The map θ → T.
    pub templates: Arc<Templates>,
    /// Change of coordinates.
    pub basis: Basis,
    /// A in the engine's coordinates.
    pub cross: CrossProducts,
    /// Storage plan.
    pub layout: Arc<Layout>,
    pub(crate) pairs: Arc<Pairs>,
    /// Whether an iterative evaluation is far cheaper than an exact one.
    iterative: bool,
    second_order_is_cheap: bool,
    /// Present where there is a large last front.
    links: Option<Arc<Links>>,
    pub(crate) rows: Arc<Vec<RowsByLevel>>,
    pub(crate) n_levels: Vec<usize>,
}

/// How a factorisation will go.
struct Plan {
    layout: Layout,
    pairs: Pairs,
}

impl Plan {
    fn new(graph: Graph, templates: &Templates, k: usize, watch: &Watch) -> Result<Self> {
        watch.check()?;
        let plan = order(&graph, &templates.widths);
        watch.check()?;
        let symbolic = Arc::new(Symbolic::new(&graph, &plan, &templates.widths)?);
        drop(graph);
        let layout = Layout::new(symbolic, k);
        let pairs = Pairs::new(&layout);
        Ok(Self { layout, pairs })
    }
}

/// Memory of one chain of evaluations.
#[derive(Debug, Clone)]
pub struct Workspace {
    pub(crate) factor: Factor,
    pub(crate) inverse: InverseMemory,
}

/// Criterion, gradient and curvature in the engine's coordinates of θ.
#[derive(Debug, Clone)]
pub struct Derivatives {
    /// ∂d/∂θ̃.
    pub gradient: Vec<f64>,
    /// The curvature model.
    pub hessian: Square,
}

/// Everything a user wants to know at one θ, in the user's units.
#[derive(Debug, Clone)]
pub struct Estimates {
    /// θ, the diagonal of every T nonnegative.
    pub theta: Vec<f64>,
    /// −2 log-likelihood, or the REML criterion.
    pub deviance: f64,
    /// (p,) fixed effects.
    pub beta: Vec<f64>,
    /// (X'V⁻¹X)⁻¹, p × p.
    pub covariance: Square,
    /// Residual standard deviation.
    pub sigma: f64,
    /// Penalised weighted residual sum of squares.
    pub pwrss: f64,
    /// Per term levels × q_k conditional modes, row-major.
    pub effects: Vec<Vec<f64>>,
}

impl Problem {
    /// [`Self::within`] whatever memory there is.
    pub fn new(data: &Data<'_>) -> Result<Self> {
        Self::within(data, &unlimited)
    }

    /// Checks the data, plans the factorisation and forms the cross-products.
    ///
    /// # Errors
    /// Where the plan needs more memory than is `available`, before it is taken.
    pub fn within(data: &Data<'_>, available: Available<'_>) -> Result<Self> {
        let watch = Watch::current();
        watch.begin(Stage::Building, 0);
        data.check()?;
        memory::require(memory::of_rows(Sizes::of(data, 0)), available)?;
        let templates = Templates::new(&data.terms, data.groups.len());
        if templates.widths.contains(&0) {
            let what = "the list of terms of a group";
            return Err(EngineError::Shape { what, expected: 1, found: 0 });
        }
        let basis = Basis::new(data, &templates)?;
        watch.check()?;
        let rows: Vec<RowsByLevel> =
            data.groups.iter().map(|g| RowsByLevel::new(g.codes, g.n_levels)).collect();
        watch.check()?;
        let graph = Graph::new(&data.groups, &rows)?;
        memory::require(memory::of_plan(graph.n_pairs()), available)?;
        let plan = Plan::new(graph, &templates, data.p() + 1, &watch)?;
        let n_theta = templates.parameters.len();
        memory::require(memory::of_fit(data, &plan.layout, &plan.pairs, n_theta), available)?;
        watch.begin(Stage::Summing, 0);
        let symbolic = Arc::clone(&plan.layout.symbolic);
        let cross = CrossProducts::new(data, &rows, symbolic, &templates, &basis)?;
        watch.check()?;
        let n_levels = data.groups.iter().map(|g| g.n_levels).collect();
        Ok(Self::ready(data.n(), Arc::new(templates), basis, cross, plan, rows, n_levels))
    }

    /// The problem of cross-products whose rows are no longer there: it has no other response.
    ///
    /// # Errors
    /// Where the plan needs more memory than is `available`, before it is taken.
    pub fn of_condensed(condensed: &Condensed, available: Available<'_>) -> Result<Self> {
        let templates = Arc::clone(&condensed.templates);
        let watch = Watch::current();
        watch.begin(Stage::Building, 0);
        let graph = Graph::of_condensed(condensed);
        memory::require(memory::of_plan(graph.n_pairs()), available)?;
        let plan = Plan::new(graph, &templates, condensed.k, &watch)?;
        let n_theta = templates.parameters.len();
        memory::require(memory::of_search(0, 0, &plan.layout, &plan.pairs, n_theta), available)?;
        let cross = CrossProducts::of_condensed(condensed, Arc::clone(&plan.layout.symbolic))?;
        let (basis, n_levels) = (condensed.basis.clone(), condensed.n_levels.clone());
        Ok(Self::ready(condensed.n, templates, basis, cross, plan, vec![], n_levels))
    }

    fn ready(
        n: usize,
        templates: Arc<Templates>,
        basis: Basis,
        cross: CrossProducts,
        plan: Plan,
        rows: Vec<RowsByLevel>,
        n_levels: Vec<usize>,
    ) -> Self {
        let Plan { layout, pairs } = plan;
        let iterative = worthwhile(&layout, &templates);
        let links = (iterative || pairs.any()).then(|| Links::new(&layout, &cross)).flatten();
        Self {
            iterative,
            second_order_is_cheap: second_order_cost(&layout, &templates) < AFFORDABLE,
            links: links.map(Arc::new),
            n,
            templates,
            basis,
            cross,
            layout: Arc::new(layout),
            pairs: Arc::new(pairs),
            rows: Arc::new(rows),
            n_levels,
        }
    }

    /// The same design with another response; `data` is the original but for `y`.
    pub fn with_response(&self, data: &Data<'_>) -> Result<Self> {
        data.check()?;
        self.require_rows()?;
        let basis = self.basis.with_response(data);
        let cross = self.cross.with_response(data, &self.rows, &self.templates, &basis)?;
        Ok(Self { basis, cross, ..self.clone() })
    }

    /// An error if the problem was made of cross-products alone.
    pub(crate) fn require_rows(&self) -> Result<()> {
        match self.rows.len() == self.n_levels.len() {
            true => Ok(()),
            false => Err(EngineError::Structure { reason: "the rows of the problem are not kept" }),
        }
    }

    /// Length of θ.
    pub fn n_theta(&self) -> usize {
        self.templates.parameters.len()
    }

    /// Number of fixed effects.
    pub fn p(&self) -> usize {
        self.layout.k - 1
    }

    /// Root-mean-square of the columns of Z_k, per term.
    pub fn column_scales(&self) -> Vec<Vec<f64>> {
        self.basis.column_scales(&self.templates)
    }

    /// θ̃ of θ.
    pub fn inner(&self, theta: &[f64]) -> Vec<f64> {
        let outer = self.templates.fill(theta);
        self.templates.theta(&self.basis.inner_templates(&outer))
    }

    /// θ of θ̃.
    pub fn outer(&self, inner: &[f64]) -> Vec<f64> {
        let inner = self.templates.fill(inner);
        self.templates.theta(&self.basis.outer_templates(&inner))
    }

    /// Multiplications of one evaluation, roughly.
    pub fn cost(&self) -> f64 {
        self.layout.symbolic.cost() + self.cross.values().len() as f64
    }

    /// Memory for evaluations.
    pub fn workspace(&self) -> Result<Workspace> {
        Ok(Workspace {
            factor: Factor::new(Arc::clone(&self.layout), self.links.clone())?,
            inverse: InverseMemory::new(&self.layout, &self.pairs)?,
        })
    }

    /// Factorises at θ̃ and profiles β and σ out.
    pub fn evaluate(
        &self,
        work: &mut Workspace,
        inner: &[f64],
        criterion: Criterion,
    ) -> Result<Profile> {
        work.factor.update(&self.cross, self.templates.fill(inner))?;
        Profile::new(&work.factor, &self.basis, self.n, criterion)
    }

    /// Gradient at the θ̃ of the last evaluation, and the curvature model if asked for.
    pub fn derivatives(
        &self,
        work: &mut Workspace,
        profile: &Profile,
        curved: bool,
    ) -> Result<Derivatives> {
        let effects = Effects::new(&work.factor, &self.cross, profile);
        let inverse =
            Sensitivity::new(&work.factor, &self.cross, &self.pairs, &mut work.inverse, false);
        let (gradient, first) =
            self.first_order(&work.factor.templates, profile, &effects, inverse);
        let hessian = if curved {
            let t = &work.factor.templates;
            curvature(&work.factor, &self.cross, &self.templates, t, &effects, profile, &first)
        } else {
            Square::zeros(0)
        };
        watch::check()?;
        Ok(Derivatives { gradient, hessian })
    }

    /// [`Self::derivatives`] with probed traces: for steps far from the minimum.
    pub fn rough_derivatives(&self, work: &Workspace, profile: &Profile) -> Result<Derivatives> {
        let (factor, cross) = (&work.factor, &self.cross);
        let effects = Effects::new(factor, cross, profile);
        let probes = Probes::new(factor);
        let moves = Moves::new(&self.layout, &self.templates, &factor.templates, &effects);
        // One pass carries both.
        let (all, [of_probes, of_moves]) = probes.directions.beside(&moves.directions);
        let (quadratic, mixed) = quadratic_forms(factor, cross, &all);
        let inverse = probes.sums(factor, &quadratic.block(&of_probes));
        let (gradient, first) = self.first_order(&factor.templates, profile, &effects, inverse);
        let p = self.p();
        let mixed = of_moves.iter().flat_map(|&c| &mixed[p * c..p * (c + 1)]).copied().collect();
        let quadratic = quadratic.block(&of_moves);
        let hessian = assemble(&self.templates, profile, &first, &moves, &quadratic, mixed);
        watch::check()?;
        Ok(Derivatives { gradient, hessian })
    }

    /// The gradient at the θ̃ of the last evaluation, then gradient and curvature model in the entries
    /// of another root of the same Σ; with probed traces if `rough`.
    pub fn derivatives_of_root(
        &self,
        work: &mut Workspace,
        profile: &Profile,
        root: &Pivoted,
        rough: bool,
    ) -> Result<(Vec<f64>, Derivatives)> {
        let (factor, cross) = (&work.factor, &self.cross);
        let effects = Effects::new(factor, cross, profile);
        let inverse = if rough {
            let probes = Probes::new(factor);
            probes.sums(factor, &quadratic_forms(factor, cross, &probes.directions).0)
        } else {
            Sensitivity::new(factor, cross, &self.pairs, &mut work.inverse, false)
        };
        let (own, first) = self.first_order(&factor.templates, profile, &effects, inverse);
        let (gradient, first) = first.turned(root);
        let t = root.templates.fill(&root.theta);
        let hessian = curvature(factor, cross, &root.templates, &t, &effects, profile, &first);
        watch::check()?;
        Ok((own, Derivatives { gradient, hessian }))
    }

    /// Whether an exact gradient costs much more than the criterion, so that it is worth avoiding
    /// where it decides nothing.
    pub fn gradient_is_dear(&self) -> bool {
        self.layout.symbolic.cost() > DEAR
    }

    /// Whether a step costs so much that none is taken for further digits of θ alone.
    pub fn step_is_dear(&self) -> bool {
        let cost = self.layout.symbolic.cost();
        cost > DEAR || cost * self.n_theta() as f64 > DEAR_STEP
    }

    /// Whether both informations cost no more than a few evaluations, so that every step has them.
    pub fn second_order_is_cheap(&self) -> bool {
        self.second_order_is_cheap
    }

    /// Whether there are so few rows for the random effects that there may be several minima.
    pub fn has_few_rows(&self) -> bool {
        (self.n as f64) < FEW_ROWS * self.layout.symbolic.dim() as f64
    }

    /// Whether the search should start with rough derivatives.
    pub fn prefers_rough_start(&self) -> bool {
        self.gradient_is_dear() && !self.iterative
    }

    /// The gradient from Z'V⁻¹Z and a: S_f = Σ_j (Z_j'PZ_j − a_j a_j'/σ̂²), ∂d/∂T_f = 2 S_f T_f.
    pub fn first_order(
        &self,
        t: &[Square],
        profile: &Profile,
        effects: &Effects,
        mut total: Sensitivity,
    ) -> (Vec<f64>, FirstOrder) {
        let (widths, p) = (&self.templates.widths, self.layout.k - 1);
        let modes = effects.gram(&self.layout, widths, p..p + 1);
        let fixed =
            if profile.criterion.reml { effects.gram(&self.layout, widths, 0..p) } else { vec![] };
        let variance = profile.variance;
        let mut of_r2: Vec<Square> = Vec::with_capacity(t.len());
        for f in 0..t.len() {
            let mut minus = modes[f].clone();
            minus.data.iter_mut().for_each(|v| *v /= -variance);
            if let Some(fixed) = fixed.get(f) {
                minus.data.iter_mut().zip(&fixed.data).for_each(|(a, b)| *a -= b);
            }
            total.s[f].add(&minus);
            total.g[f].add(&minus.times(&t[f]));
            of_r2.push(modes[f].times(&t[f]));
        }
        FirstOrder::new(&self.templates, total.s, total.g, of_r2)
    }

    /// Gradient and curvature at θ̃ by conjugate gradients and fixed probes, without a
    /// factorisation beyond the leaves; None where an exact evaluation is not dear.
    pub fn approximate(
        &self,
        work: &mut Workspace,
        inner: &[f64],
        criterion: Criterion,
    ) -> Result<Option<Derivatives>> {
        let Some(links) = self.links.as_deref().filter(|_| self.iterative) else {
            return Ok(None);
        };
        work.factor.update_leaves(&self.cross, self.templates.fill(inner))?;
        Rough::new(self, links, &work.factor)?.derivatives(criterion).map(Some)
    }

    /// ∂d/∂θ in the user's units from ∂d/∂θ̃.
    pub fn outer_gradient(&self, inner: &[f64]) -> Vec<f64> {
        let g = self.basis.outer_gradient(&self.templates.fill(inner));
        self.templates.theta(&g)
    }

    /// Estimates at the θ̃ of the last evaluation.
    pub fn estimates(&self, work: &Workspace, profile: &Profile) -> Estimates {
        let effects = Effects::new(&work.factor, &self.cross, profile);
        let scale = self.basis.y_scale;
        Estimates {
            theta: self.outer_theta(work),
            deviance: profile.deviance,
            beta: self.basis.beta(&profile.beta),
            covariance: self.beta_covariance(profile),
            sigma: profile.sigma(&self.basis),
            pwrss: profile.pwrss * scale * scale,
            effects: self.effects_by_term(&effects),
        }
    }

    /// θ of the last evaluation, the diagonal of every T nonnegative.
    pub fn outer_theta(&self, work: &Workspace) -> Vec<f64> {
        let outer = self.basis.outer_templates(&work.factor.templates);
        let mut theta = self.templates.theta(&outer);
        self.templates.normalise_signs(&mut theta);
        theta
    }

    /// (X'V⁻¹X)⁻¹.
    pub fn beta_covariance(&self, profile: &Profile) -> Square {
        let p = self.p();
        let mut covariance = Square::identity(p);
        let l = &profile.x_factor.data;
        wide::solve_lower(p, l, &mut covariance.data, p);
        wide::solve_lower_transpose(p, l, &mut covariance.data, p);
        // X̃ has columns of unit mean square, as X R⁻¹ with R'R = X'WX/n.
        self.basis.beta_covariance(&covariance)
    }

    fn effects_by_term(&self, effects: &Effects) -> Vec<Vec<f64>> {
        let places = &self.templates.places;
        let mut out: Vec<Vec<f64>> =
            places.iter().map(|at| vec![0.0; self.n_levels[at.factor] * at.width]).collect();
        let symbolic = &self.layout.symbolic;
        let (k, last) = (effects.k, effects.k - 1);
        let mut b = Vec::new();
        for (v, (&f, &level)) in symbolic.factor.iter().zip(&symbolic.level).enumerate() {
            let (f, level, start) = (f as usize, level as usize, self.layout.start[v]);
            b.clear();
            b.extend((0..symbolic.width(v)).map(|i| effects.b[(start + i) * k + last]));
            self.basis.effects(f, &mut b);
            for (out, at) in out.iter_mut().zip(places).filter(|(_, at)| at.factor == f) {
                let own = &b[at.start..at.start + at.width];
                out[level * at.width..(level + 1) * at.width].copy_from_slice(own);
            }
        }
        out
    }

    /// Conditional covariance of a term's effects over σ², levels × q_k × q_k, at the θ̃ of the last
    /// evaluation (β taken as known, as lme4's `condVar`).
    pub fn conditional_covariance(&self, work: &mut Workspace, term: usize) -> Result<Vec<f64>> {
        Watch::current().begin(Stage::Solving, 0);
        let at = self.templates.places[term];
        let total =
            Sensitivity::new(&work.factor, &self.cross, &self.pairs, &mut work.inverse, true);
        watch::check()?;
        let symbolic = &self.layout.symbolic;
        let mut out = vec![0.0; self.n_levels[at.factor] * at.width * at.width];
        let mut start = 0;
        let slots = self.layout.shapes.iter().flat_map(|s| symbolic.nodes(s.front));
        for v in slots {
            let (f, level) = (symbolic.factor[v] as usize, symbolic.level[v] as usize);
            let q = symbolic.width(v);
            if f == at.factor {
                let inner = Square { n: q, data: total.conditional[start..start + q * q].to_vec() };
                let outer = self.basis.effects_covariance(f, &inner);
                let block = &mut out[level * at.width * at.width..][..at.width * at.width];
                for i in 0..at.width {
                    for j in 0..at.width {
                        block[i * at.width + j] = outer[(at.start + i, at.start + j)];
                    }
                }
            }
            start += q * q;
        }
        Ok(out)
    }
}

//! What tests of fixed effects need of the variance parameters, at one θ, from blocks on the side of
//! the random effects.
//!
//! With V = W⁻¹ + Σ_r γ_r G_r, G_r = Z E_r Z' and γ the entries of Σ_f = T_f T_f' that θ reaches
//! (E_r symmetric: one for a variance, two ones for a covariance), everything follows from the
//! [`traces`] tr(V⁻¹G_r) and tr(V⁻¹G_rV⁻¹G_s), and from quadratic forms of Z'V⁻¹X and
//! a = Z'V⁻¹(y − Xβ̂). No matrix of the size of the data is formed.

mod kenward_roger;
mod moments;
mod remainder;
mod satterthwaite;
mod second_order;
mod slopes;
mod traces;

pub use kenward_roger::KenwardRoger;
pub(crate) use kenward_roger::from_orthonormal;
pub use satterthwaite::Information;
pub(crate) use satterthwaite::{inner_product, pseudo_inverse};
pub use second_order::{SecondOrder, second_order_cost};
pub use slopes::Slopes;
pub use traces::{MEMORY, Traces};

use crate::error::Result;
use crate::objective::Profile;
use crate::problem::{Problem, Workspace};
use crate::sensitivity::Sensitivity;
use crate::solve::Effects;
use crate::watch::{self, Stage, Watch};
use moments::Point;

impl Problem {
    /// Hessian of the criterion in (θ, σ) and derivatives of (X'V⁻¹X)⁻¹, in the user's units, at the
    /// θ̃ of the last evaluation, which must be the minimum over σ unless that is known: then its row
    /// is zero.
    pub fn information(&self, work: &Workspace, profile: &Profile) -> Result<Information> {
        let watch = Watch::current();
        watch.begin(Stage::Information, 0);
        let traces = self.traces(work)?;
        let effects = Effects::new(&work.factor, &self.cross, profile);
        let inner = Information::inner(&self.point(work, profile, &effects), &traces);
        watch.check()?;
        Ok(inner.in_units_of(&self.basis, self.n_theta(), &|theta| self.inner(theta)))
    }

    /// The pieces of Kenward and Roger's method at the θ̃ of the last evaluation; γ is in the
    /// engine's coordinates, on which the method does not depend.
    pub fn kenward_roger(&self, work: &Workspace, profile: &Profile) -> Result<KenwardRoger> {
        let watch = Watch::current();
        watch.begin(Stage::Information, 0);
        let traces = self.traces(work)?;
        let effects = Effects::new(&work.factor, &self.cross, profile);
        let mut out = KenwardRoger::inner(&self.point(work, profile, &effects), &traces, self.n);
        for matrix in out.slopes.iter_mut().chain(&mut out.bends) {
            *matrix = self.basis.beta_covariance(matrix);
        }
        watch.check()?;
        Ok(out)
    }

    /// The traces at the θ̃ of the last evaluation, in the engine's coordinates.
    pub fn traces(&self, work: &Workspace) -> Result<Traces> {
        Traces::new(&work.factor, &self.cross, &self.templates)
    }

    /// Gradient and informations in (σ²Σ, σ²) at the θ̃ of the last evaluation.
    pub fn second_order(&self, work: &Workspace, profile: &Profile) -> Result<SecondOrder> {
        let effects = Effects::new(&work.factor, &self.cross, profile);
        let point = self.point(work, profile, &effects);
        let traces = if self.levels_are_apart() { None } else { Some(self.traces(work)?) };
        let out = SecondOrder::new(&point, traces.as_ref());
        watch::check()?;
        Ok(out)
    }

    /// Whether no level meets a level of another factor.
    fn levels_are_apart(&self) -> bool {
        let symbolic = &self.layout.symbolic;
        symbolic.later.n_items() == 0 && self.layout.n_leaves() == symbolic.factor.len()
    }

    /// The parts of the criterion with their derivatives at the θ̃ of the last evaluation.
    pub fn slopes(&self, work: &mut Workspace, profile: &Profile) -> Result<Slopes> {
        let effects = Effects::new(&work.factor, &self.cross, profile);
        let inverse =
            Sensitivity::new(&work.factor, &self.cross, &self.pairs, &mut work.inverse, false);
        watch::check()?;
        Ok(Slopes::new(self, &self.point(work, profile, &effects), &inverse))
    }

    fn point<'a>(
        &'a self,
        work: &'a Workspace,
        profile: &'a Profile,
        effects: &'a Effects,
    ) -> Point<'a> {
        let (factor, cross, templates) = (&work.factor, &self.cross, &*self.templates);
        Point { factor, cross, templates, profile, effects }
    }
}

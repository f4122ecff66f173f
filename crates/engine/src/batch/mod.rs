//! Many fits of one design. Only [Z X]'Wy and y'Wy change between replicates, the search starts at a θ
//! that the caller believes in, and no replicate depends on another: the numbers are the same for any
//! number of threads and for any way to cut the replicates into calls.

mod draws;
mod hypothesis;

use rayon::prelude::*;

pub use draws::{Draws, Shape, stream};
pub use hypothesis::{Hypothesis, Method, Pieces};

use crate::cross_products::factor_columns;
use crate::data::Data;
use crate::error::{EngineError, Result};
use crate::memory::{Available, of_evaluations, room_for};
use crate::objective::Criterion;
use crate::optimise::{Options, Status, minimise};
use crate::packed::Packed;
use crate::problem::{Problem, Workspace};
use crate::watch::{Stage, Watch};

/// Replicates that share a workspace.
const PER_TASK: usize = 16;

/// Where the responses come from.
#[derive(Debug, Clone, Copy)]
pub enum Responses<'a> {
    /// Given as columns, offset already subtracted.
    Given(&'a [&'a [f64]]),
    /// Drawn: as many replicates as said, from the first on.
    Drawn(&'a Draws<'a>, u64, usize),
}

impl Responses<'_> {
    fn count(&self) -> usize {
        match self {
            Self::Given(columns) => columns.len(),
            Self::Drawn(_, _, count) => *count,
        }
    }

    fn write(&self, data: &Data<'_>, replicate: usize, y: &mut [f64]) {
        match self {
            Self::Given(columns) => y.copy_from_slice(columns[replicate]),
            Self::Drawn(draws, first, _) => draws.write(data, first + replicate as u64, y),
        }
    }
}

/// How the replicates are fitted.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// What is minimised.
    pub criterion: Criterion,
    /// θ̃ at which every search starts.
    pub start: &'a [f64],
    /// Settings of the search.
    pub options: Options,
    /// What a test of a hypothesis will need.
    pub hypothesis: Option<&'a Hypothesis<'a>>,
    /// Bytes that the process may still take.
    pub available: Available<'a>,
}

/// One fit, in the user's units.
#[derive(Debug, Clone)]
pub struct Refit {
    /// How the search ended.
    pub status: Status,
    /// Whether a diagonal entry of a T is exactly zero.
    pub singular: bool,
    /// Evaluations of the criterion.
    pub n_evaluations: usize,
    /// The criterion.
    pub deviance: f64,
    /// σ.
    pub sigma: f64,
    /// θ.
    pub theta: Vec<f64>,
    /// β.
    pub beta: Vec<f64>,
    /// Standard errors of β̂.
    pub bse: Vec<f64>,
    /// For the hypothesis, if there is one.
    pub pieces: Option<Pieces>,
}

impl Problem {
    /// Fits every replicate; `data` is the original but for `y`, which is not read. A replicate that
    /// has no fit is an error in its place.
    ///
    /// # Errors
    /// If an argument has the wrong length, or more memory is needed than there is.
    pub fn refits(
        &self,
        data: &Data<'_>,
        responses: Responses<'_>,
        plan: Plan<'_>,
    ) -> Result<Vec<Result<Refit>>> {
        self.require_rows()?;
        self.check_batch(data, responses, plan)?;
        let packed = Packed::new(data, &self.basis, &factor_columns(data, &self.templates))?;
        let count = responses.count();
        let watch = Watch::current();
        watch.begin(Stage::Refitting, count);
        let task = |first: usize| -> Vec<Result<Refit>> {
            let stop = count.min(first + PER_TASK);
            let (mut problem, mut work) = match self.workspace() {
                Ok(work) => (self.clone(), work),
                Err(failure) => return vec![Err(failure); stop - first],
            };
            let mut y = vec![0.0; data.n()];
            let one = |replicate| {
                watch.check()?;
                responses.write(data, replicate, &mut y);
                let yy = problem.basis.replace_response(data, &packed, &mut y);
                problem.cross.set_response(&packed, &self.rows, &y, yy);
                let found = problem.refitted(&mut work, plan);
                watch.advance(1);
                found
            };
            watch.quiet().during(|| (first..stop).map(one).collect())
        };
        let starts: Vec<usize> = (0..count).step_by(PER_TASK).collect();
        let mut out: Vec<Result<Refit>> = Vec::with_capacity(count);
        for at_once in starts.chunks(self.tasks_at_once(data, plan)?) {
            let several: Vec<Vec<_>> = at_once.into_par_iter().map(|&first| task(first)).collect();
            out.extend(several.into_iter().flatten());
        }
        watch.check()?;
        let memory =
            |e: &&EngineError| matches!(e, EngineError::Memory { .. } | EngineError::Traces { .. });
        match out.iter().filter_map(|r| r.as_ref().err()).find(memory) {
            Some(failure) => Err(failure.clone()),
            None => Ok(out),
        }
    }

    /// How many tasks may run at a time, each with a response, its cross-products and memory for its
    /// evaluations, beside the design that they share: all of them, unless the threads together would
    /// need more than there is.
    fn tasks_at_once(&self, data: &Data<'_>, plan: Plan<'_>) -> Result<usize> {
        let each = size_of::<f64>() * (data.n() + self.layout.symbolic.dim())
            + of_evaluations(&self.layout, &self.pairs);
        let threads = rayon::current_num_threads();
        let fitting = room_for(threads, each, plan.available)?;
        Ok(if fitting < threads { fitting } else { usize::MAX })
    }

    /// Everything that the kernels of a batch take for granted.
    fn check_batch(&self, data: &Data<'_>, responses: Responses<'_>, plan: Plan<'_>) -> Result<()> {
        let same = |what: &'static str, found: usize, expected: usize| match found == expected {
            true => Ok(()),
            false => Err(EngineError::Shape { what, expected, found }),
        };
        same("y", data.n(), self.n)?;
        same("the start of a search", plan.start.len(), self.n_theta())?;
        if let Some(hypothesis) = plan.hypothesis {
            same("the rows of L", hypothesis.rows.len(), hypothesis.q * self.p())?;
        }
        match responses {
            Responses::Given(columns) => {
                columns.iter().try_for_each(|c| same("a response", c.len(), self.n))
            }
            Responses::Drawn(draws, ..) => draws.check(data),
        }
    }

    fn refitted(&self, work: &mut Workspace, plan: Plan<'_>) -> Result<Refit> {
        let end = minimise(self, work, plan.start, plan.criterion, plan.options)?;
        let theta = self.outer_theta(work);
        let covariance = self.beta_covariance(&end.profile);
        let sigma = end.profile.sigma(&self.basis);
        let zero =
            |(at, v): (&crate::covariance::Parameter, &f64)| at.row == at.column && *v == 0.0;
        let pieces = plan.hypothesis.map(|h| h.pieces(self, work, &end.profile));
        Ok(Refit {
            status: end.status,
            singular: self.templates.parameters.iter().zip(&theta).any(zero),
            n_evaluations: end.trace.len(),
            deviance: end.profile.deviance,
            sigma,
            theta,
            beta: self.basis.beta(&end.profile.beta),
            bse: (0..self.p()).map(|j| sigma * covariance[(j, j)].sqrt()).collect(),
            pieces: pieces.transpose()?,
        })
    }
}

//! The binding: checks and converts arrays, releases the interpreter lock, calls the engine and
//! converts back. No mathematics here.

mod arrays;
mod attention;
mod batch;
mod convert;
mod equations;
mod families;
mod foresight;
mod generalised;
mod inference;
mod iterative;
mod pedigree;
mod problem;
mod structured;
mod sums;
mod threads;

use pyo3::prelude::*;

/// The native engine of mixedmodels.
#[pymodule]
mod _native {
    #[pymodule_export]
    use super::attention::Attention;
    #[pymodule_export]
    use super::batch::{Refits, draw};
    #[pymodule_export]
    use super::convert::EngineError;
    #[pymodule_export]
    use super::equations::Equations;
    #[pymodule_export]
    use super::families::Family;
    #[pymodule_export]
    use super::foresight::{Foresight, foresee};
    #[pymodule_export]
    use super::generalised::{GeneralisedProblem, GeneralisedRefits, GeneralisedSolution};
    #[pymodule_export]
    use super::inference::{Information, KenwardRoger, Slopes};
    #[pymodule_export]
    use super::iterative::{IterativeProblem, MonteCarlo};
    #[pymodule_export]
    use super::pedigree::{Relationship, relationship};
    #[pymodule_export]
    use super::problem::{Problem, Solution};
    #[pymodule_export]
    use super::structured::StructuredProblem;
    #[pymodule_export]
    use super::sums::Sums;
}

//! What can go wrong, as values. A failure says where it happened; nothing panics.

use std::fmt;

/// A failure of the engine.
#[derive(Debug, Clone, PartialEq)]
pub enum EngineError {
    /// An array has the wrong length.
    Shape {
        /// The array.
        what: &'static str,
        /// Its required length.
        expected: usize,
        /// The length it has.
        found: usize,
    },
    /// An array holds a value that is not finite.
    NotFinite {
        /// The array.
        what: &'static str,
    },
    /// A level code lies outside its grouping factor.
    Code {
        /// The grouping factor, in the order given.
        group: usize,
        /// The row.
        row: usize,
    },
    /// The fixed-effects columns are linearly dependent.
    RankDeficient {
        /// The first column that depends on those before it.
        column: usize,
    },
    /// The fixed effects reproduce the response exactly: no residual variance is left.
    PerfectFit,
    /// A diagonal block of M = Λ'Z'WZΛ + I is not positive definite in floating point.
    Factorisation {
        /// The grouping factor, in the order given.
        group: usize,
        /// Its level.
        level: usize,
    },
    /// More memory would be taken than there is.
    Memory {
        /// Bytes.
        needed: usize,
        /// Bytes that there are, if anybody knows.
        available: Option<usize>,
    },
    /// The variances of the variance parameters would take more memory than is allowed.
    Traces {
        /// Bytes of dense matrices.
        needed: usize,
    },
    /// A covariance structure cannot be as asked for.
    Structure {
        /// Why.
        reason: &'static str,
    },
    /// A family cannot be as asked for.
    Family {
        /// Why.
        reason: &'static str,
    },
    /// The residual covariance of a part has no value at the parameters asked for.
    Residual {
        /// The part.
        part: usize,
    },
    /// Conjugate gradients did not reach the accuracy asked for.
    Unsolved {
        /// The relative residual that was reached.
        residual: f64,
    },
    /// A response is impossible at these parameters.
    Impossible,
    /// Newton's method found no modes of the random effects.
    Modes,
    /// A quadrature cannot be as asked for.
    Quadrature {
        /// Why.
        reason: &'static str,
    },
    /// The system gives no threads.
    Threads,
    /// The caller asked to stop.
    Interrupted,
    /// The time allowed is over.
    TimeLimit,
}

impl EngineError {
    /// Whether the computation was ended from outside, so that nothing is known of its numbers.
    pub fn is_stop(&self) -> bool {
        matches!(self, Self::Interrupted | Self::TimeLimit)
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape { what, expected, found } => {
                write!(f, "{what} has length {found}, but {expected} is needed")
            }
            Self::NotFinite { what } => write!(f, "{what} holds a value that is not finite"),
            Self::Code { group, row } => {
                write!(f, "row {row}: the level code of grouping factor {group} is out of range")
            }
            Self::RankDeficient { column } => {
                write!(f, "column {column} of X is a linear combination of the columns before it")
            }
            Self::PerfectFit => write!(
                f,
                "the fixed effects reproduce the response exactly, so no variance is left to model"
            ),
            Self::Factorisation { group, level } => write!(
                f,
                "the system for level {level} of grouping factor {group} is not positive definite"
            ),
            Self::Memory { needed, available: None } => write!(f, "{} are needed", bytes(*needed)),
            Self::Memory { needed, available: Some(available) } => {
                write!(f, "{} are needed, and {} are free", bytes(*needed), bytes(*available))
            }
            Self::Traces { needed } => {
                write!(f, "{} of dense matrices are needed", bytes(*needed))
            }
            Self::Structure { reason } => write!(f, "no such covariance structure: {reason}"),
            Self::Family { reason } => write!(f, "no such family: {reason}"),
            Self::Residual { part } => {
                write!(f, "the residual covariance of part {part} is not positive definite")
            }
            Self::Unsolved { residual } => {
                write!(f, "conjugate gradients stopped at a relative residual of {residual:.1e}")
            }
            Self::Impossible => write!(f, "a response is impossible at these parameters"),
            Self::Modes => write!(f, "the modes of the random effects were not found"),
            Self::Quadrature { reason } => write!(f, "no such quadrature: {reason}"),
            Self::Threads => write!(f, "the system gives no threads"),
            Self::Interrupted => write!(f, "interrupted"),
            Self::TimeLimit => write!(f, "the time allowed is over"),
        }
    }
}

fn bytes(n: usize) -> String {
    format!("{:.1} GB", n as f64 / 1e9)
}

impl std::error::Error for EngineError {}

/// Result of an engine operation.
pub type Result<T> = std::result::Result<T, EngineError>;

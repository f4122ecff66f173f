//! Distributions of a response and their links, a library of its own: nothing here knows of models.
//!
//! [`Family`] is what an engine asks of a row; [`family`] makes one by name. A family is one file: its
//! log-density is written once over a [`number::Number`], whose jets differentiate it, or in closed
//! form where rows are many. Links are [`mean`] and [`probability`]; zeros of their own wrap any family
//! of counts ([`zero`]). A new family is a file and a line of [`registry`].

mod bernoulli;
mod beta;
mod beta_binomial;
mod binomial;
mod factorial;
mod family;
mod gamma;
mod gaussian;
mod incomplete;
mod inverse_gaussian;
mod mean;
mod negative_binomial;
mod normal;
mod number;
mod ordinal;
mod peak;
mod poisson;
mod probability;
mod registry;
mod student_t;
mod summation;
mod taylor;
mod zero;

pub use family::{Batch, Derivatives, Family, MOST, Observation, Order, Row, Tails, Zero};
pub use registry::family;

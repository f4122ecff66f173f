//! Distributions of a response and their links, a library of its own: nothing here knows of models.
//!
//! [`Family`] is what an engine asks of a row; [`family`] makes one by name. A family is one file,
//! links are [`probability`] and [`mean`].

mod binomial;
mod factorial;
mod family;
pub mod mean;
mod normal;
mod poisson;
pub mod probability;
mod taylor;

use std::sync::Arc;

use crate::error::{EngineError, Result};
pub use family::{Family, MOST, Observation, Order, Row, Zero};

use binomial::Binomial;
use mean::MeanLink;
use poisson::Poisson;
use probability::ProbabilityLink;

/// The family of a name and a link, with what zeros have beside it; `categories` of an ordered
/// response, 0 elsewhere.
pub fn family(name: &str, link: &str, zero: Zero, categories: usize) -> Result<Arc<dyn Family>> {
    if zero != Zero::None || categories > 0 {
        return Err(EngineError::Family { reason: "only plain counts are known yet" });
    }
    Ok(match name {
        "binomial" => Arc::new(Binomial { link: ProbabilityLink::named(link)? }),
        "poisson" => Arc::new(Poisson { link: MeanLink::named(link)? }),
        _ => return Err(EngineError::Family { reason: "there is no family of this name" }),
    })
}

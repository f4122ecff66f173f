//! Families by name.

use std::sync::Arc;

use super::beta::Beta;
use super::beta_binomial::BetaBinomial;
use super::binomial::Binomial;
use super::family::{Family, Zero};
use super::gamma::Gamma;
use super::gaussian::Gaussian;
use super::inverse_gaussian::InverseGaussian;
use super::mean::MeanLink;
use super::negative_binomial::{Growth, NegativeBinomial};
use super::ordinal::Ordinal;
use super::poisson::Poisson;
use super::probability::ProbabilityLink;
use super::student_t::StudentT;
use super::zero::{Kind, WithZeros};
use crate::error::{EngineError, Result};

/// The family of a name and a link, with what zeros have beside it; `categories` of an ordered
/// response, 0 elsewhere.
pub fn family(name: &str, link: &str, zero: Zero, categories: usize) -> Result<Arc<dyn Family>> {
    if (name == "ordinal") != (categories > 0) || categories == 1 {
        return refused("an ordered response has two categories or more, and no other has any");
    }
    let base = plain(name, link)?;
    let kind = match (zero, name) {
        (Zero::None, _) => return Ok(base),
        (Zero::Inflated, "poisson" | "nb1" | "nb2" | "binomial" | "beta_binomial") => {
            Kind::Inflated
        }
        (Zero::Hurdle, "poisson" | "nb1" | "nb2") => Kind::Truncated,
        (Zero::Hurdle, "gamma" | "inverse_gaussian" | "beta") => Kind::Continuous,
        _ => return refused("the family has no zeros beside it of this kind"),
    };
    Ok(Arc::new(WithZeros { base, kind }))
}

fn plain(name: &str, link: &str) -> Result<Arc<dyn Family>> {
    use MeanLink::{Identity, Inverse, InverseSquare, Log, Sqrt};
    let nb = |growth| -> Result<Arc<dyn Family>> {
        Ok(Arc::new(NegativeBinomial { link: mean(link, &[Log, Identity, Sqrt])?, growth }))
    };
    Ok(match name {
        "gaussian" => Arc::new(Gaussian { link: mean(link, &[Identity, Log, Inverse])? }),
        "student_t" => Arc::new(StudentT { link: mean(link, &[Identity, Log, Inverse])? }),
        "binomial" => Arc::new(Binomial { link: ProbabilityLink::named(link)? }),
        "beta" => Arc::new(Beta { link: probability(link)? }),
        "beta_binomial" => Arc::new(BetaBinomial { link: probability(link)? }),
        "ordinal" => Arc::new(Ordinal { link: probability(link)? }),
        "poisson" => Arc::new(Poisson { link: mean(link, &[Log, Identity, Sqrt])? }),
        "nb1" => return nb(Growth::Linear),
        "nb2" => return nb(Growth::Quadratic),
        "gamma" => Arc::new(Gamma { link: mean(link, &[Log, Inverse, Identity])? }),
        "inverse_gaussian" => Arc::new(InverseGaussian {
            link: mean(link, &[Log, InverseSquare, Inverse, Identity])?,
        }),
        _ => return refused("there is no family of this name"),
    })
}

fn mean(name: &str, known: &[MeanLink]) -> Result<MeanLink> {
    let link = MeanLink::named(name)?;
    if known.contains(&link) { Ok(link) } else { refused("the family has no such link") }
}

/// A link over all real numbers.
fn probability(name: &str) -> Result<ProbabilityLink> {
    match ProbabilityLink::named(name)? {
        ProbabilityLink::Log => refused("the family has no such link"),
        link => Ok(link),
    }
}

fn refused<T>(reason: &'static str) -> Result<T> {
    Err(EngineError::Family { reason })
}

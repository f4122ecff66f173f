//! Families of distributions: derivatives against differences, densities against sums, integrals and
//! R, distribution functions against densities, draws against moments.

mod derivatives;
mod draws;
mod extremes;
mod identities;
mod reference;

use std::sync::Arc;

use mixedmodels_engine::families::{Family, Zero, family};

fn plain(name: &str, link: &str) -> Arc<dyn Family> {
    family(name, link, Zero::None, 0).unwrap()
}

//! e^(−(d / range)²).

use super::distance::Kernel;
use super::jet::Jet;

/// e^(−u²).
#[derive(Debug)]
pub struct Gaussian;

impl Kernel for Gaussian {
    fn at(&self, u: &Jet, _smoothness: Option<&Jet>) -> Jet {
        (-&u.square()).exp()
    }
}

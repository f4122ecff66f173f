//! e^(−d / range): the continuous-time autoregression, or Ornstein–Uhlenbeck process, in one dimension.

use super::distance::Kernel;
use super::jet::Jet;

/// e^−u.
#[derive(Debug)]
pub struct Exponential;

impl Kernel for Exponential {
    fn at(&self, u: &Jet, _smoothness: Option<&Jet>) -> Jet {
        (-u).exp()
    }
}

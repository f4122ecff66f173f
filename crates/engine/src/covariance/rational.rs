//! 1 / (1 + (d / range)²), the rational quadratic as nlme defines it.

use super::distance::Kernel;
use super::jet::Jet;

/// 1 / (1 + u²).
#[derive(Debug)]
pub struct RationalQuadratic;

impl Kernel for RationalQuadratic {
    fn at(&self, u: &Jet, _smoothness: Option<&Jet>) -> Jet {
        u.square().shifted(1.0).recip()
    }
}

//! Matérn: k(u) = 2^(1−ν)/Γ(ν) u^ν K_ν(u), of any smoothness ν, given or estimated.
//!
//! ν = ½ is the exponential; 3/2 and 5/2 have closed forms too. The range is that of Diggle & Ribeiro
//! (2007, Model-based Geostatistics, section 3.4.1), without a factor √(2ν).

use super::bessel::{log_bessel_k, log_gamma};
use super::distance::Kernel;
use super::jet::Jet;

/// Where an estimated ν starts.
const START: f64 = 1.0;

/// The kernel with ν as given, or estimated.
#[derive(Debug)]
pub struct Matern {
    /// None: it is estimated.
    pub nu: Option<f64>,
}

impl Kernel for Matern {
    fn at(&self, u: &Jet, smoothness: Option<&Jet>) -> Jet {
        let x = u.value();
        if x == 0.0 {
            return Jet::constant(1.0);
        }
        let e = (-x).exp();
        match (self.nu, smoothness) {
            (Some(0.5), _) => u.chain(e, -e, e),
            (Some(1.5), _) => u.chain((1.0 + x) * e, -x * e, (x - 1.0) * e),
            (Some(2.5), _) => {
                let slope = -(x + x * x) / 3.0;
                u.chain((1.0 + x + x * x / 3.0) * e, slope * e, (x * x - x - 1.0) / 3.0 * e)
            }
            (Some(nu), _) => general(u, &Jet::constant(nu)),
            (None, Some(nu)) => general(u, nu),
            (None, None) => general(u, &Jet::constant(START)),
        }
    }

    fn smoothness(&self) -> Option<f64> {
        self.nu.is_none().then_some(START)
    }
}

/// e^g with g = (1 − ν) ln 2 − ln Γ(ν) + ν ln u + ln K_ν(u).
fn general(u: &Jet, nu: &Jet) -> Jet {
    let gamma = log_gamma(nu.value());
    let power = nu * &u.ln();
    let scale = &nu.chain(gamma[0], gamma[1], gamma[2]) + &nu.shifted(-1.0).scaled(2f64.ln());
    let bessel = log_bessel_k(u.value(), nu.value());
    let bessel = u.bivariate(nu, bessel.value, bessel.slopes, bessel.bends);
    (&(&power + &bessel) - &scale).exp()
}

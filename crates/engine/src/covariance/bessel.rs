//! Logarithms of the gamma function and of the modified Bessel function K_ν(u), with derivatives in
//! every argument.

/// A function of two arguments.
pub struct Bivariate {
    /// Its value.
    pub value: f64,
    /// Derivatives in the first and the second argument.
    pub slopes: [f64; 2],
    /// Second derivatives: first twice, mixed, second twice.
    pub bends: [f64; 3],
}

/// Largest step of the trapezoidal rule; the integrand is analytic for |Im t| < π/2, so that the
/// error is of the order e^(−π² / step).
const STEP: f64 = 0.2;
/// Steps per width of the integrand's peak.
const PER_WIDTH: f64 = 2.0;
/// The integral ends where the integrand is e^−this of its peak.
const FALL: f64 = 42.0;
/// Stirling's series is used from here.
const STIRLING: f64 = 12.0;

/// ln K_ν(u) for u > 0, by K_ν(u) = ∫ e^(−u cosh t) cosh νt dt over t ≥ 0 and its derivatives under
/// the integral. The trapezoidal rule converges exponentially here.
pub fn log_bessel_k(u: f64, nu: f64) -> Bivariate {
    let peak = (nu / u).asinh();
    let exponent = |t: f64| -2.0 * u * (0.5 * t).sinh().powi(2) + nu * t;
    let top = exponent(peak);
    let step = STEP.min(1.0 / (PER_WIDTH * (u * u + nu * nu).powf(0.25)));
    // ∫ of w, wc, wc², ws, wcs and wt², with w the integrand, c = cosh t and s = t tanh νt.
    let (mut sums, mut t, mut half) = ([0.0; 6], 0.0, 0.5);
    loop {
        let falling = exponent(t) - top;
        if t > peak && falling < -FALL {
            break;
        }
        let twice = (-2.0 * nu * t).exp();
        let w = half * falling.exp() * (1.0 + twice);
        let (c, s) = (t.cosh(), t * (1.0 - twice) / (1.0 + twice));
        for (sum, part) in sums.iter_mut().zip([1.0, c, c * c, s, c * s, t * t]) {
            *sum += w * part;
        }
        (t, half) = (t + step, 1.0);
    }
    let [k, c, cc, s, cs, tt] = sums;
    let (c, cc, s, cs, tt) = (c / k, cc / k, s / k, cs / k, tt / k);
    Bivariate {
        value: (0.5 * k * step).ln() + top - u,
        slopes: [-c, s],
        bends: [cc - c * c, c * s - cs, tt - s * s],
    }
}

/// ln Γ(x) for x > 0 and its first two derivatives: Γ(x) = Γ(x + n) / (x ⋯ (x + n − 1)), and Stirling's
/// series for large arguments.
pub fn log_gamma(x: f64) -> [f64; 3] {
    let (mut x, mut low) = (x, [0.0; 3]);
    while x < STIRLING {
        low[0] -= x.ln();
        low[1] -= 1.0 / x;
        low[2] += 1.0 / (x * x);
        x += 1.0;
    }
    let half_log_tau = 0.5 * std::f64::consts::TAU.ln();
    low[0] += (x - 0.5) * x.ln() - x + half_log_tau;
    low[1] += x.ln() - 0.5 / x;
    low[2] += 1.0 / x + 0.5 / (x * x);
    let terms = [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0];
    for (m, term) in terms.into_iter().enumerate() {
        let k = (2 * m + 1) as f64;
        let power = term * x.powf(-k);
        low[0] += power;
        low[1] -= k * power / x;
        low[2] += k * (k + 1.0) * power / (x * x);
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both functions agree with values of R 4.5 (besselK, lgamma, digamma, trigamma) to this.
    const EQUAL: f64 = 1e-13;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= EQUAL * expected.abs().max(1.0), "{found} {expected}");
    }

    #[test]
    fn bessel_function_is_that_of_r() {
        let values = [
            (1e-6, 0.7, 9.723780477972833),
            (0.3, 0.2, 0.3509790830922613),
            (2.0, 3.3, -0.09587866437143644),
            (40.0, 5.0, -41.313416610025186),
            (2.0, 0.5, -2.1207822376352454),
            (700.5, 12.0, -703.4475761750882),
        ];
        for (u, nu, expected) in values {
            close(log_bessel_k(u, nu).value, expected);
        }
    }

    #[test]
    fn gamma_function_is_that_of_r() {
        let values = [
            (0.1, [2.252712651734206, -10.423754940411076, 101.43329915079275]),
            (1.0, [0.0, -0.5772156649015323, 1.6449340668482264]),
            (2.5, [0.2846828704729192, 0.7031566406452434, 0.4903577561002519]),
            (30.0, [71.257038967168, 3.384438132685525, 0.03389506035773994]),
        ];
        for (x, expected) in values {
            log_gamma(x).iter().zip(expected).for_each(|(&found, value)| close(found, value));
        }
    }
}

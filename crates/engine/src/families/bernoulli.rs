//! Many Bernoulli responses with a logit link at once: the loop that fits spend their time in, written so
//! that a compiler makes vectors of it, for the widest that the machine has.

use pulp::{Arch, WithSimd};

use super::family::Derivatives;

/// Fills what is asked for of every row; y is 0 or 1.
pub fn logit(y: &[f64], eta: &[f64], out: Derivatives<'_>) {
    Arch::new().dispatch(Rows { y, eta, out });
}

struct Rows<'a> {
    y: &'a [f64],
    eta: &'a [f64],
    out: Derivatives<'a>,
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Self { y, eta, out } = self;
        let n = y.len();
        let eta = &eta[..n];
        let (value, score, weight) =
            (&mut out.value[..n], &mut out.score[..n], &mut out.weight[..n]);
        for i in 0..n {
            let (y, eta) = (y[i], eta[i]);
            let e = exp_of_negative(-eta.abs());
            let near = 1.0 / (1.0 + e);
            let far = e * near;
            let (p, q) = if eta >= 0.0 { (near, far) } else { (far, near) };
            value[i] = y * eta.min(0.0) - (1.0 - y) * eta.max(0.0) - ln_1p_of_unit(e);
            score[i] = y * q - (1.0 - y) * p;
            weight[i] = near * far;
        }
        if let Some(third) = out.third {
            let third = &mut third[..n];
            for i in 0..n {
                let e = exp_of_negative(-eta[i].abs());
                let near = 1.0 / (1.0 + e);
                let far = e * near;
                let difference = if eta[i] >= 0.0 { far - near } else { near - far };
                third[i] = near * far * difference;
            }
        }
    }
}

/// Below this, e^x is taken as e^LEAST.
const LEAST: f64 = -708.0;

/// 1.5 · 2⁵²: what is added to it is rounded to a whole number, in the last bits.
const SHIFT: f64 = 6_755_399_441_055_744.0;

/// log 2 in two parts, the first exact for products with whole numbers of 11 bits.
const LN_2: (f64, f64) = (0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10);

/// 1/k! from k = 13 down to 2.
const EXP: [f64; 12] = [
    1.605_904_383_682_161_3e-10,
    2.087_675_698_786_81e-9,
    2.505_210_838_544_172e-8,
    2.755_731_922_398_589_3e-7,
    2.755_731_922_398_589e-6,
    2.480_158_730_158_73e-5,
    1.984_126_984_126_984e-4,
    1.388_888_888_888_889e-3,
    8.333_333_333_333_333e-3,
    4.166_666_666_666_666_4e-2,
    1.666_666_666_666_666_6e-1,
    0.5,
];

/// e^x for x ≤ 0: 2^k e^r with |r| ≤ ½ log 2, and the series of e^r.
#[inline(always)]
fn exp_of_negative(x: f64) -> f64 {
    let x = x.max(LEAST);
    let shifted = x * std::f64::consts::LOG2_E + SHIFT;
    let k = shifted - SHIFT;
    let r = (x - k * LN_2.0) - k * LN_2.1;
    let mut sum = EXP[0];
    for c in &EXP[1..] {
        sum = sum * r + c;
    }
    let power = f64::from_bits((shifted.to_bits().wrapping_add(1023)) << 52);
    power * (1.0 + (r + r * r * sum))
}

/// Terms of the series of the area tangent, whose argument is at most 1/3.
const TERMS: usize = 17;

/// log(1 + e) for 0 ≤ e ≤ 1: 2 artanh(e/(2 + e)).
#[inline(always)]
fn ln_1p_of_unit(e: f64) -> f64 {
    let s = e / (2.0 + e);
    let square = s * s;
    let mut sum = 0.0;
    for k in (1..TERMS).rev() {
        sum = (sum + 1.0 / (2 * k + 1) as f64) * square;
    }
    2.0 * (s + s * sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Units of the last place that the series may be off.
    const ULPS: f64 = 4.0 * f64::EPSILON;

    #[test]
    fn elementary_functions_are_those_of_the_library() {
        for i in 0..200_000 {
            let x = -f64::from(i) * 0.0035;
            let (found, expected) = (exp_of_negative(x), x.exp());
            assert!((found - expected).abs() <= ULPS * expected, "exp({x}): {found} {expected}");
            let (found, expected) = (ln_1p_of_unit(expected), expected.ln_1p());
            assert!((found - expected).abs() <= ULPS * expected, "log(1 + e^{x})");
        }
        assert!(exp_of_negative(-1e6) < 1e-300);
        assert_eq!(exp_of_negative(0.0), 1.0);
    }
}

//! Σ_j Z_j'V⁻¹Z_j by probing (Hutchinson 1990), from the factorisation alone: no inverse. Good enough
//! for steps far from the minimum, where the inverse of a large front would cost twice what its
//! factorisation did.
//!
//! For signs v_j = ±1, one per level, and unit vectors e_a of the columns of a factor,
//! E (v ⊗ e_a)'Z'V⁻¹Z(v ⊗ e_b) is entry (a, b) of the sum. A factor with few levels gets one probe
//! per level instead, which is exact. The probes are the same at every θ.

use crate::dense::Square;
use crate::factor::Factor;
use crate::projection::Directions;
use crate::sensitivity::Sensitivity;

/// Stochastic probes of a factor with many levels.
pub const PROBES: usize = 4;

/// A factor with at most this many levels is probed level by level.
pub const FEW: usize = 40;

/// The probes of one factor.
struct OfFactor {
    /// First column.
    start: usize,
    /// Number of probes; each has a column for every column of the factor.
    count: usize,
    exact: bool,
}

/// The probes of all factors.
pub struct Probes {
    /// v ⊗ e_a, grouped by factor.
    pub directions: Directions,
    factors: Vec<OfFactor>,
}

impl Probes {
    /// Draws the signs.
    pub fn new(factor: &Factor) -> Self {
        let layout = &*factor.layout;
        let symbolic = &layout.symbolic;
        let mut levels = vec![0; factor.templates.len()];
        symbolic.factor.iter().for_each(|&f| levels[f as usize] += 1);
        let mut m = 0;
        let mut factors = Vec::with_capacity(levels.len());
        for (&levels, t) in levels.iter().zip(&factor.templates) {
            let exact = levels <= FEW;
            let count = if exact { levels } else { PROBES };
            factors.push(OfFactor { start: m, count, exact });
            m += count * t.n;
        }
        let mut values = vec![0.0; symbolic.dim() * m];
        let mut signs = Signs::new();
        for (v, (&f, &level)) in symbolic.factor.iter().zip(&symbolic.level).enumerate() {
            let (probes, q) = (&factors[f as usize], symbolic.width(v));
            for r in 0..probes.count {
                let value = if probes.exact {
                    f64::from(u8::from(r == level as usize))
                } else {
                    signs.next_sign()
                };
                for a in 0..q {
                    values[(layout.start[v] + a) * m + probes.start + r * q + a] = value;
                }
            }
        }
        let span = factors.iter().zip(&factor.templates);
        let span = span.map(|(p, t)| p.start..p.start + p.count * t.n).collect();
        Self { directions: Directions { m, span, values }, factors }
    }

    /// The sums from the forms h'Z'V⁻¹Zh of the directions.
    pub fn sums(&self, factor: &Factor, quadratic: &Square) -> Sensitivity {
        let mut s = Vec::with_capacity(self.factors.len());
        for (probes, t) in self.factors.iter().zip(&factor.templates) {
            let q = t.n;
            let weight = if probes.exact { 1.0 } else { 1.0 / probes.count as f64 };
            let mut sum = Square::zeros(q);
            for r in 0..probes.count {
                let at = probes.start + r * q;
                for b in 0..q {
                    (0..q).for_each(|a| sum[(a, b)] += weight * quadratic[(at + a, at + b)]);
                }
            }
            s.push(sum);
        }
        let g = s.iter().zip(&factor.templates).map(|(s, t)| s.times(t)).collect();
        Sensitivity { s, g, conditional: Vec::new() }
    }
}

/// Signs ±1 by Marsaglia's xorshift, always the same sequence.
pub struct Signs(u64);

impl Signs {
    /// The start of the sequence.
    #[expect(clippy::new_without_default, reason = "there is one sequence, not a default one")]
    pub fn new() -> Self {
        Self(0x2545_F491_4F6C_DD1D)
    }

    /// The next sign.
    pub fn next_sign(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        if self.0 >> 63 == 0 { 1.0 } else { -1.0 }
    }
}

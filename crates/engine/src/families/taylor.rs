//! Functions of one variable with three derivatives.

/// A value and its first, second and third derivative.
pub type Taylor = [f64; 4];

/// e^x.
pub fn exp(x: f64) -> Taylor {
    [x.exp(); 4]
}

/// The natural logarithm.
pub fn ln(x: f64) -> Taylor {
    let inverse = 1.0 / x;
    let square = inverse * inverse;
    [x.ln(), inverse, -square, 2.0 * square * inverse]
}

/// e^x − 1.
pub fn exp_m1(x: f64) -> Taylor {
    let e = x.exp();
    [x.exp_m1(), e, e, e]
}

/// log(1 + x).
pub fn ln_1p(x: f64) -> Taylor {
    let [_, first, second, third] = ln(1.0 + x);
    [x.ln_1p(), first, second, third]
}

/// x^power, x > 0.
pub fn power(x: f64, power: f64) -> Taylor {
    let value = x.powf(power);
    let first = power * value / x;
    let second = (power - 1.0) * first / x;
    [value, first, second, (power - 2.0) * second / x]
}

/// log(1 + e^x).
pub fn softplus(x: f64) -> Taylor {
    let e = (-x.abs()).exp();
    let (near, far) = (1.0 / (1.0 + e), e / (1.0 + e));
    let (p, q) = if x >= 0.0 { (near, far) } else { (far, near) };
    let bend = near * far;
    [x.max(0.0) + e.ln_1p(), p, bend, bend * (q - p)]
}

/// log(1 − e^x), x < 0.
pub fn log_one_minus_exp(x: f64) -> Taylor {
    let value = if x > -std::f64::consts::LN_2 { (-x.exp_m1()).ln() } else { (-x.exp()).ln_1p() };
    let u = 1.0 / (-x).exp_m1();
    let bend = u * (1.0 + u);
    [value, -u, -bend, -bend * (1.0 + 2.0 * u)]
}

/// e^x − 1 − x, which is x²/2 near 0.
pub fn excess(x: f64) -> Taylor {
    let e = x.exp();
    let value = if x.abs() < 0.1 { excess_series(x) } else { x.exp_m1() - x };
    [value, x.exp_m1(), e, e]
}

fn excess_series(x: f64) -> f64 {
    let coefficients = [3_628_800.0, 362_880.0, 40_320.0, 5_040.0, 720.0, 120.0, 24.0, 6.0, 2.0];
    coefficients.iter().fold(0.0, |sum, factorial| sum * x + 1.0 / factorial) * x * x
}

/// log(1 − e^−m) for m = e^x: the logarithm of a probability by the complementary log-log link.
pub fn log_one_minus_exp_minus_exp(x: f64) -> Taylor {
    let m = x.min(600.0).exp();
    let value = if x < -30.0 { x - 0.5 * m } else { log_one_minus_exp(-m)[0] };
    let b = if m < 1e-300 { 1.0 } else { m / m.exp_m1() };
    let c = if m < 0.1 { bernoulli_series(m) } else { 1.0 - m - b };
    let bend = b * c;
    [value, b, bend, if b == 0.0 { 0.0 } else { bend * c - b * (m + bend) }]
}

/// 1 − m − m/(e^m − 1) near 0.
fn bernoulli_series(m: f64) -> f64 {
    let s = m * m;
    let tail = s * (1.0 / 12.0 - s * (1.0 / 720.0 - s * (1.0 / 30_240.0 - s / 1_209_600.0)));
    -0.5 * m - tail
}

/// f(−x) of f's derivatives at −x.
pub fn reflected(f: Taylor) -> Taylor {
    [f[0], -f[1], f[2], -f[3]]
}

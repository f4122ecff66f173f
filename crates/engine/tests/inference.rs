//! Traces and information against differences of the criterion's parts.

mod dense;

use dense::{Dense, Random, Sample};
use mixedmodels_engine::inference::Traces;
use mixedmodels_engine::objective::Criterion;
use mixedmodels_engine::{Problem, Structure};

/// Central differences with step 1e-5.
const DIFFERENCES: f64 = 1e-6;
const STEP: f64 = 1e-5;

fn sample(levels: &[usize], nested: bool, columns: usize, seed: u64) -> Sample {
    let mut random = Random::new(seed);
    let n = 80;
    let mut codes: Vec<(Vec<i32>, usize)> =
        levels.iter().map(|&l| ((0..n).map(|_| random.below(l)).collect(), l)).collect();
    if nested {
        for g in 1..codes.len() {
            codes[g].0 = codes[g - 1].0.iter().map(|c| c % levels[g] as i32).collect();
        }
    }
    let x: Vec<Vec<f64>> = (0..2)
        .map(|c| (0..n).map(|_| if c == 0 { 1.0 } else { random.normal() }).collect())
        .collect();
    let y = (0..n).map(|i| 1.0 + f64::from(codes[0].0[i]) + x[1][i] + random.normal()).collect();
    let terms = (0..levels.len()).map(|g| (g, x[..columns].to_vec(), Structure::Unstructured));
    Sample { y, terms: terms.collect(), x, codes, weights: None }
}

fn samples() -> Vec<Sample> {
    vec![
        sample(&[9], false, 1, 1),
        sample(&[12, 5], false, 1, 2),
        sample(&[24, 8, 2], true, 1, 3),
        sample(&[15, 6, 4], false, 1, 4),
        sample(&[12, 5], false, 2, 5),
        sample(&[12, 4], true, 2, 6),
    ]
}

fn traces(problem: &Problem, inner: &[f64]) -> Traces {
    let mut work = problem.workspace().unwrap();
    problem.evaluate(&mut work, inner, Criterion::ML).unwrap();
    problem.traces(&work).unwrap()
}

/// Any θ̃ with every entry away from zero.
fn somewhere(problem: &Problem) -> Vec<f64> {
    (0..problem.n_theta()).map(|i| 0.4 + 0.3 * ((i * 7 % 5) as f64)).collect()
}

/// Σ_r tr(V⁻¹G_r) ∂γ_r/∂θ is the slope of log|V|, and with tr(V⁻¹G_rV⁻¹G_s) its bend: along a change
/// of scale θ(1 + t), γ is γ(1 + t)² and both are sums over all components.
#[test]
fn traces_are_derivatives_of_the_determinant_along_a_change_of_scale() {
    for sample in samples() {
        let problem = Problem::new(&sample.data()).unwrap();
        let theta = somewhere(&problem);
        let scaled = |t: f64| -> Vec<f64> { theta.iter().map(|v| v * (1.0 + t).sqrt()).collect() };
        let gamma = |theta: &[f64]| -> Vec<f64> {
            let t = problem.templates.fill(theta);
            let sigma: Vec<_> = t.iter().map(|t| t.times(&t.transpose())).collect();
            let parameters = problem.templates.parameters.iter();
            parameters.map(|at| sigma[at.factor][(at.row, at.column)]).collect()
        };
        let at = traces(&problem, &theta);
        let g = gamma(&theta);
        let slope = |inner: &[f64]| -> f64 {
            let here = traces(&problem, inner);
            here.first.iter().zip(&g).map(|(f, g)| f * g).sum()
        };
        let log_det = |inner: &[f64]| -> f64 {
            let dense = Dense::new(&sample, &problem.outer(inner), Criterion::ML);
            let n = sample.y.len() as f64;
            dense.deviance - n * (1.0 + (2.0 * std::f64::consts::PI * dense.pwrss / n).ln())
        };
        let (high, low) = (scaled(STEP), scaled(-STEP));
        let first: f64 = at.first.iter().zip(&g).map(|(f, g)| f * g).sum();
        let expected = (log_det(&high) - log_det(&low)) / (2.0 * STEP);
        assert!((first - expected).abs() < DIFFERENCES * expected.abs(), "{first} {expected}");
        let m = g.len();
        let second: f64 =
            (0..m).map(|r| (0..m).map(|s| g[r] * g[s] * at.second[(r, s)]).sum::<f64>()).sum();
        let expected = -(slope(&high) - slope(&low)) / (2.0 * STEP);
        assert!((second - expected).abs() < DIFFERENCES * expected.abs(), "{second} {expected}");
    }
}

/// One entry of θ at a time: ∂ tr(V⁻¹G_r)/∂γ_s = −tr(V⁻¹G_rV⁻¹G_s), where γ_s = θ_s².
#[test]
fn second_traces_are_slopes_of_the_first() {
    for sample in samples().into_iter().filter(|s| s.terms[0].1.len() == 1) {
        let problem = Problem::new(&sample.data()).unwrap();
        let theta = somewhere(&problem);
        let at = traces(&problem, &theta);
        for s in 0..theta.len() {
            let moved = |h: f64| {
                let mut theta = theta.clone();
                theta[s] += h;
                traces(&problem, &theta)
            };
            let (high, low) = (moved(STEP), moved(-STEP));
            for r in 0..theta.len() {
                let slope = (high.first[r] - low.first[r]) / (2.0 * STEP);
                let expected = -slope / (2.0 * theta[s]);
                let found = at.second[(r, s)];
                assert!((found - expected).abs() < DIFFERENCES * at.second[(r, r)], "{r} {s}");
            }
        }
    }
}

#[test]
fn estimates_at_a_point_equal_generalised_least_squares() {
    for sample in samples() {
        let problem = Problem::new(&sample.data()).unwrap();
        let theta = somewhere(&problem);
        let dense = Dense::new(&sample, &problem.outer(&theta), Criterion::ML);
        let mut work = problem.workspace().unwrap();
        let profile = problem.evaluate(&mut work, &theta, Criterion::ML).unwrap();
        let slopes = problem.slopes(&mut work, &profile).unwrap();
        for (j, (found, expected)) in slopes.beta.iter().zip(&dense.beta).enumerate() {
            assert!((found - expected).abs() < DIFFERENCES * (1.0 + expected.abs()));
            for (i, row) in dense.covariance.iter().enumerate() {
                assert!((slopes.covariance[(i, j)] - row[j]).abs() < DIFFERENCES * row[i].abs());
            }
        }
    }
}

//! Criterion, gradient, curvature and estimates against dense algebra that shares no code.

mod dense;

use dense::{Dense, Random, Sample};
use std::sync::Arc;

use mixedmodels_engine::factor::Factor;
use mixedmodels_engine::links::Links;
use mixedmodels_engine::objective::Criterion;
use mixedmodels_engine::optimise::{Options, Status, minimise};
use mixedmodels_engine::problem::Workspace;
use mixedmodels_engine::rough::Rough;
use mixedmodels_engine::wide::WIDE;
use mixedmodels_engine::{EngineError, Problem, Structure};

/// Relative agreement of two O(n³) and O(n) summations in double precision.
const EXACT: f64 = 1e-9;
/// ML and REML, σ profiled out or known.
const CRITERIA: [Criterion; 4] = [
    Criterion::REML,
    Criterion::ML,
    Criterion { reml: true, sigma: Some(1.3) },
    Criterion { reml: false, sigma: Some(0.6) },
];
/// Central differences of the criterion with step 1e-5.
const DIFFERENCES: f64 = 2e-6;

struct Design {
    levels: Vec<usize>,
    nested: bool,
    /// (group, number of columns, structure)
    terms: Vec<(usize, usize, Structure)>,
    n: usize,
    weighted: bool,
}

fn sample(design: &Design, seed: u64) -> Sample {
    let mut random = Random::new(seed);
    let n = design.n;
    let columns = design.terms.iter().map(|t| t.1).max().unwrap_or(1).max(2);
    let covariates: Vec<Vec<f64>> = (0..columns)
        .map(|c| (0..n).map(|_| if c == 0 { 1.0 } else { 3.0 + random.normal() }).collect())
        .collect();
    let mut codes: Vec<(Vec<i32>, usize)> =
        design.levels.iter().map(|&l| ((0..n).map(|_| random.below(l)).collect(), l)).collect();
    if design.nested {
        for g in 1..codes.len() {
            let (inner, outer) = (codes[g - 1].clone(), design.levels[g]);
            codes[g].0 = inner.0.iter().map(|c| c % outer as i32).collect();
        }
    }
    let effects: Vec<Vec<f64>> =
        design.levels.iter().map(|&l| (0..l).map(|_| random.normal()).collect()).collect();
    let y = (0..n)
        .map(|i| {
            let groups: f64 = codes.iter().zip(&effects).map(|(c, e)| e[c.0[i] as usize]).sum();
            5.0 + 0.5 * covariates[1][i] + groups + random.normal()
        })
        .collect();
    let weights = design.weighted.then(|| (0..n).map(|_| 0.5 + random.uniform()).collect());
    Sample {
        y,
        x: covariates[..2].to_vec(),
        codes,
        terms: design.terms.iter().map(|(g, q, s)| (*g, covariates[..*q].to_vec(), *s)).collect(),
        weights,
    }
}

fn designs() -> Vec<Design> {
    use Structure::{Diagonal, Unstructured};
    let design = |levels: &[usize], nested, terms: &[(usize, usize, Structure)], n| Design {
        levels: levels.to_vec(),
        nested,
        terms: terms.to_vec(),
        n,
        weighted: false,
    };
    let mut all = vec![
        design(&[7], false, &[(0, 1, Unstructured)], 40),
        design(&[7], false, &[(0, 2, Unstructured)], 50),
        design(&[6], false, &[(0, 4, Unstructured)], 60),
        design(&[7], false, &[(0, 2, Diagonal)], 50),
        design(&[6], false, &[(0, 1, Unstructured), (0, 3, Unstructured)], 60),
        design(&[12, 4], true, &[(0, 1, Unstructured), (1, 2, Unstructured)], 60),
        design(
            &[24, 8, 2],
            true,
            &[(0, 1, Unstructured), (1, 1, Unstructured), (2, 1, Diagonal)],
            80,
        ),
        design(&[10, 8], false, &[(0, 1, Unstructured), (1, 1, Unstructured)], 60),
        design(&[10, 8], false, &[(0, 2, Unstructured), (1, 3, Unstructured)], 90),
        design(
            &[9, 7, 5],
            false,
            &[(0, 1, Unstructured), (1, 2, Diagonal), (2, 1, Unstructured)],
            70,
        ),
        // A dense remainder with a sparse border.
        design(&[150, 120], false, &[(0, 1, Unstructured), (1, 1, Unstructured)], 400),
        design(&[130, 60], false, &[(0, 2, Unstructured), (1, 2, Unstructured)], 300),
        // Wide leaves that see the whole remainder.
        design(&[8, 6], false, &[(0, 4, Unstructured), (1, 4, Unstructured)], 250),
    ];
    for weighted in [1, 7, 8] {
        let d = &all[weighted];
        all.push(Design { levels: d.levels.clone(), terms: d.terms.clone(), weighted: true, ..*d });
    }
    all
}

fn random_theta(problem: &Problem, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed + 100);
    problem
        .templates
        .parameters
        .iter()
        .map(|p| if p.row == p.column { 0.3 + random.uniform() } else { 0.5 * random.normal() })
        .collect()
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * (1.0 + a.abs().max(b.abs()))
}

/// A design with more columns of X than loops are good for.
fn wide_sample() -> Sample {
    let weighted = Design {
        levels: vec![9],
        nested: false,
        terms: vec![(0, 2, Structure::Unstructured)],
        n: 130,
        weighted: true,
    };
    let mut random = Random::new(3);
    let mut sample = sample(&weighted, 4);
    let mut column = || (0..130).map(|_| random.normal()).collect::<Vec<f64>>();
    sample.x.extend((0..WIDE + 6).map(|_| column()));
    sample
}

#[test]
fn criterion_and_estimates_equal_dense_algebra() {
    let narrow = designs().into_iter().enumerate().map(|(d, design)| sample(&design, d as u64));
    for (d, sample) in narrow.chain([wide_sample()]).enumerate() {
        let problem = Problem::new(&sample.data()).unwrap();
        let theta = random_theta(&problem, d as u64);
        for criterion in CRITERIA {
            let mut work = problem.workspace().unwrap();
            let profile = problem.evaluate(&mut work, &problem.inner(&theta), criterion).unwrap();
            let dense = Dense::new(&sample, &theta, criterion);
            assert!(
                close(profile.deviance, dense.deviance, EXACT),
                "design {d}: {} against {}",
                profile.deviance,
                dense.deviance
            );
            let estimates = problem.estimates(&work, &profile);
            assert!(close(estimates.pwrss, dense.pwrss, EXACT));
            for (i, beta) in dense.beta.iter().enumerate() {
                assert!(close(estimates.beta[i], *beta, EXACT), "design {d}");
                for (j, c) in dense.covariance[i].iter().enumerate() {
                    assert!(close(estimates.covariance[(i, j)], *c, EXACT), "design {d}");
                }
            }
            for (a, b) in theta.iter().zip(&estimates.theta) {
                assert!(close(*a, *b, EXACT), "design {d}: theta {theta:?} {:?}", estimates.theta);
            }
        }
    }
}

#[test]
fn gradient_equals_finite_differences() {
    for (d, design) in designs().iter().enumerate() {
        let sample = sample(design, d as u64);
        let problem = Problem::new(&sample.data()).unwrap();
        let base = random_theta(&problem, d as u64);
        for kind in 0..3 {
            let mut theta = base.clone();
            // Also where a variance is zero, and where T is singular with all columns nonzero.
            for (value, at) in theta.iter_mut().zip(&problem.templates.parameters) {
                let first = at.row == at.column && at.row == 0;
                if kind == 1 && first || kind == 2 && at.column == 0 {
                    *value = 0.0;
                }
            }
            let inner = problem.inner(&theta);
            for criterion in CRITERIA {
                let mut work = problem.workspace().unwrap();
                let profile = problem.evaluate(&mut work, &inner, criterion).unwrap();
                let derivatives = problem.derivatives(&mut work, &profile, false).unwrap();
                for i in 0..inner.len() {
                    let mut at = |step: f64| {
                        let mut moved = inner.clone();
                        moved[i] += step;
                        problem.evaluate(&mut work, &moved, criterion).unwrap().deviance
                    };
                    let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
                    assert!(
                        close(derivatives.gradient[i], difference, DIFFERENCES),
                        "design {d} kind {kind} {criterion:?} entry {i}: {} against {difference}",
                        derivatives.gradient[i]
                    );
                }
            }
        }
    }
}

/// In expectation the average information is the information: over many simulated responses the mean
/// of the curvature model must equal the mean of the exact Hessian. Here the exact Hessian by
/// differences of the gradient is compared with the model along the part that does not depend on
/// the averaging: entries of one column of T at T = 0, where AI vanishes.
#[test]
fn curvature_is_exact_where_a_template_vanishes() {
    for (d, design) in designs().iter().enumerate() {
        let sample = sample(design, d as u64);
        let problem = Problem::new(&sample.data()).unwrap();
        for factor in 0..design.levels.len() {
            let mut theta = random_theta(&problem, d as u64);
            let own: Vec<usize> = (0..theta.len())
                .filter(|&i| problem.templates.parameters[i].factor == factor)
                .collect();
            own.iter().for_each(|&i| theta[i] = 0.0);
            let inner = problem.inner(&theta);
            let mut work = problem.workspace().unwrap();
            let profile = problem.evaluate(&mut work, &inner, Criterion::REML).unwrap();
            let derivatives = problem.derivatives(&mut work, &profile, true).unwrap();
            for &i in &own {
                let mut at = |step: f64| {
                    let mut moved = inner.clone();
                    moved[i] += step;
                    let profile = problem.evaluate(&mut work, &moved, Criterion::REML).unwrap();
                    problem.derivatives(&mut work, &profile, false).unwrap().gradient
                };
                let (plus, minus) = (at(1e-5), at(-1e-5));
                for &j in &own {
                    let difference = (plus[j] - minus[j]) / 2e-5;
                    let model = derivatives.hessian[(i, j)];
                    assert!(
                        close(model, difference, 1e-5),
                        "design {d} factor {factor} ({i}, {j}): {model} against {difference}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_minimum_is_a_stationary_point() {
    for (d, design) in designs().iter().enumerate() {
        let sample = sample(design, d as u64);
        let problem = Problem::new(&sample.data()).unwrap();
        let mut work = problem.workspace().unwrap();
        let start = problem.templates.identity();
        for criterion in CRITERIA {
            let options = Options::default();
            let minimum = minimise(&problem, &mut work, &start, criterion, options).unwrap();
            assert_eq!(minimum.status, Status::Converged, "design {d} {criterion:?}");
            let derivatives = problem.derivatives(&mut work, &minimum.profile, true).unwrap();
            let size = derivatives.gradient.iter().fold(0.0f64, |a, g| a.max(g.abs()));
            assert!(size < 1e-3, "design {d}: gradient {:?}", derivatives.gradient);
            println!("design {d}: {} evaluations, gradient {size:e}", minimum.trace.len());
        }
    }
}

/// Sums are cut into fixed parts and columns into fixed tasks.
#[test]
fn numbers_do_not_depend_on_the_number_of_threads() {
    for d in [2, 5, 8, 10, 12] {
        let sample = sample(&designs()[d], d as u64);
        let problem = Problem::new(&sample.data()).unwrap();
        let theta = problem.inner(&random_theta(&problem, d as u64));
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut work = problem.workspace().unwrap();
                let profile = problem.evaluate(&mut work, &theta, Criterion::REML).unwrap();
                let derivatives = problem.derivatives(&mut work, &profile, true).unwrap();
                (profile.deviance, derivatives.gradient, derivatives.hessian.data)
            })
        };
        assert_eq!(run(1), run(4), "design {d}");
    }
}

/// The traces are stochastic where a factor has many levels; everything else is exact to the
/// residual of conjugate gradients.
#[test]
fn the_iterative_gradient_approaches_the_exact_one() {
    let design = Design {
        levels: vec![400, 150, 6],
        nested: false,
        terms: vec![
            (0, 1, Structure::Unstructured),
            (1, 2, Structure::Unstructured),
            (2, 1, Structure::Unstructured),
        ],
        n: 4000,
        weighted: false,
    };
    let sample = sample(&design, 1);
    let problem = Problem::new(&sample.data()).unwrap();
    let links = Links::new(&problem.layout, &problem.cross).unwrap();
    let theta = problem.inner(&[0.9, 0.7, 0.2, 0.5, 1.1]);
    for criterion in CRITERIA {
        let mut work = problem.workspace().unwrap();
        let profile = problem.evaluate(&mut work, &theta, criterion).unwrap();
        let exact = problem.derivatives(&mut work, &profile, true).unwrap();
        let mut factor = Factor::new(Arc::clone(&problem.layout), None).unwrap();
        factor.update_leaves(&problem.cross, problem.templates.fill(&theta)).unwrap();
        let rough = Rough::new(&problem, &links, &factor).unwrap();
        let approximate = rough.derivatives(criterion).unwrap();
        for i in 0..theta.len() {
            let curvature = exact.hessian[(i, i)];
            // In units of a standard error of θ, which is what four probes of a few hundred levels
            // must stay below to be a useful start.
            let error = (exact.gradient[i] - approximate.gradient[i]) / (2.0 * curvature).sqrt();
            assert!(error.abs() < 1.0, "entry {i}: {error} standard errors");
            let ratio = approximate.hessian[(i, i)] / curvature;
            assert!((ratio - 1.0).abs() < 0.1, "entry {i}: curvature ratio {ratio}");
        }
        // One probe per level: no sampling error is left.
        let error =
            (exact.gradient[4] - approximate.gradient[4]) / (2.0 * exact.hessian[(4, 4)]).sqrt();
        assert!(error.abs() < 0.05, "{error} standard errors");
    }
}

/// Four probes of a few hundred levels must give a useful step; few levels are probed exactly.
#[test]
fn probed_traces_approach_the_exact_ones() {
    let design = Design {
        levels: vec![400, 150, 6],
        nested: false,
        terms: vec![
            (0, 2, Structure::Unstructured),
            (1, 1, Structure::Unstructured),
            (2, 2, Structure::Unstructured),
        ],
        n: 4000,
        weighted: true,
    };
    let sample = sample(&design, 2);
    let problem = Problem::new(&sample.data()).unwrap();
    let theta = problem.inner(&[0.7, 0.2, 0.5, 0.9, 1.1, -0.3, 0.4]);
    for criterion in [Criterion::REML, Criterion::ML] {
        let mut work = problem.workspace().unwrap();
        let profile = problem.evaluate(&mut work, &theta, criterion).unwrap();
        let exact = problem.derivatives(&mut work, &profile, true).unwrap();
        let rough = problem.rough_derivatives(&work, &profile).unwrap();
        for i in 0..theta.len() {
            let unit = (2.0 * exact.hessian[(i, i)]).sqrt();
            let error = (exact.gradient[i] - rough.gradient[i]) / unit;
            assert!(error.abs() < 1.0, "entry {i}: {error} standard errors");
            if i >= 4 {
                assert!(error.abs() < 1e-8, "entry {i}: {error} standard errors");
            }
        }
    }
}

/// With v = (σ²γ, σ²) and σ² profiled out again, D̂'' = F_γγ − F_γsF_sγ/F_ss for F(γ, s) = D(sγ, s);
/// with σ² known the last term falls away.
#[test]
fn second_order_equals_finite_differences() {
    for (d, design) in designs().iter().enumerate() {
        let sample = sample(design, d as u64);
        let problem = Problem::new(&sample.data()).unwrap();
        let inner = problem.inner(&random_theta(&problem, d as u64));
        let along = random_theta(&problem, d as u64 + 50);
        let m = inner.len();
        for criterion in CRITERIA {
            let mut work = problem.workspace().unwrap();
            let profile = problem.evaluate(&mut work, &inner, criterion).unwrap();
            let second = problem.second_order(&work, &profile).unwrap();
            let gamma = |step: f64| -> Vec<f64> {
                let moved: Vec<f64> = inner.iter().zip(&along).map(|(t, a)| t + step * a).collect();
                let t = problem.templates.fill(&moved);
                let entry = |p: &mixedmodels_engine::covariance::Parameter| {
                    let t = &t[p.factor];
                    (0..t.n).map(|c| t[(p.row, c)] * t[(p.column, c)]).sum()
                };
                problem.templates.parameters.iter().map(entry).collect()
            };
            let (middle, plus, minus) = (gamma(0.0), gamma(1.0), gamma(-1.0));
            let first: Vec<f64> = (0..m).map(|r| 0.5 * (plus[r] - minus[r])).collect();
            let bend: Vec<f64> = (0..m).map(|r| plus[r] + minus[r] - 2.0 * middle[r]).collect();
            for r in 0..m {
                assert!(close(second.gamma[r], middle[r], EXACT), "design {d}");
            }
            let h = &second.observed;
            let form = |a: &[f64], b: &[f64]| -> f64 {
                (0..m).map(|i| (0..m).map(|j| a[i] * h[(i, j)] * b[j]).sum::<f64>()).sum()
            };
            let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
            let edge: Vec<f64> = (0..m).map(|i| h[(i, m)]).collect();
            let mixed =
                dot(&second.gradient[..m], &first) + form(&middle, &first) + dot(&edge, &first);
            let corner = form(&middle, &middle) + 2.0 * dot(&middle, &edge) + h[(m, m)];
            let slope = dot(&second.gradient[..m], &first);
            let lost = if criterion.is_profiled() { mixed * mixed / corner } else { 0.0 };
            let curve = form(&first, &first) + dot(&second.gradient[..m], &bend) - lost;
            let mut at = |step: f64| {
                let moved: Vec<f64> = inner.iter().zip(&along).map(|(t, a)| t + step * a).collect();
                let profile = problem.evaluate(&mut work, &moved, criterion).unwrap();
                let derivatives = problem.derivatives(&mut work, &profile, false).unwrap();
                dot(&derivatives.gradient, &along)
            };
            let (exact, difference) = (at(0.0), (at(1e-5) - at(-1e-5)) / 2e-5);
            assert!(close(slope, exact, 1e-7), "design {d}: {slope} against {exact}");
            assert!(close(curve, difference, 1e-5), "design {d}: {curve} against {difference}");
        }
    }
}

/// Scoring solves a balanced design in one step, whatever the ratio of the variances: with the
/// sums of squares B between and W within ℓ groups of n rows, θ² = (B/(ℓ − 1)/(W/(N − ℓ)) − 1)/n
/// (Searle, Casella & McCulloch 1992, section 3.5).
#[test]
fn a_balanced_design_takes_two_evaluations() {
    for ratio in [0.5, 1.0, 30.0, 1e3, 1e5] {
        let (levels, per) = (8usize, 5usize);
        let mut random = Random::new(5);
        let effects: Vec<f64> = (0..levels).map(|_| ratio * random.normal()).collect();
        let codes: Vec<i32> = (0..levels * per).map(|i| (i / per) as i32).collect();
        let y: Vec<f64> = codes.iter().map(|&c| effects[c as usize] + random.normal()).collect();
        let mean = y.iter().sum::<f64>() / y.len() as f64;
        let means: Vec<f64> =
            y.chunks(per).map(|rows| rows.iter().sum::<f64>() / per as f64).collect();
        let between: f64 = means.iter().map(|m| per as f64 * (m - mean).powi(2)).sum();
        let within: f64 = y.iter().zip(&codes).map(|(y, &c)| (y - means[c as usize]).powi(2)).sum();
        let one = vec![1.0; y.len()];
        let sample = Sample {
            y,
            x: vec![one.clone()],
            codes: vec![(codes, levels)],
            terms: vec![(0, vec![one], Structure::Unstructured)],
            weights: None,
        };
        let problem = Problem::new(&sample.data()).unwrap();
        let mut work = problem.workspace().unwrap();
        let start = problem.templates.identity();
        let minimise = |work: &mut Workspace, criterion| {
            minimise(&problem, work, &start, criterion, Options::default()).unwrap()
        };
        let end = minimise(&mut work, Criterion::REML);
        let f = between / (levels - 1) as f64 / (within / (levels * per - levels) as f64);
        let expected = ((f - 1.0).max(0.0) / per as f64).sqrt();
        let found = problem.outer(&end.theta)[0].abs();
        assert_eq!(end.status, Status::Converged);
        // r² is what is left of y'y, and loses the square of the ratio in precision.
        let tolerance = 1e-7f64.max(1e-15 * ratio * ratio);
        assert!(close(found, expected, tolerance), "ratio {ratio}: {found} against {expected}");
        assert!(end.trace.len() <= 4, "ratio {ratio}: {} evaluations", end.trace.len());
        // The same with σ known: σ² takes the place of the mean square within groups.
        let known = Criterion { reml: true, sigma: Some(2.0) };
        let end = minimise(&mut work, known);
        let f = between / (levels - 1) as f64 / 4.0;
        let expected = ((f - 1.0).max(0.0) / per as f64).sqrt();
        let found = problem.outer(&end.theta)[0].abs();
        assert!(close(found, expected, tolerance), "ratio {ratio}: {found} against {expected}");
        assert!(end.trace.len() <= 4, "ratio {ratio}: {} evaluations", end.trace.len());
        assert!(close(problem.estimates(&work, &end.profile).sigma, 2.0, 1e-15));
    }
}

/// With σ known, the Hessian in θ holds at any θ, and that of σ is zero: nothing is estimated there.
#[test]
fn the_information_with_known_sigma_equals_finite_differences() {
    for (d, design) in designs().iter().enumerate().filter(|(d, _)| d % 2 == 0) {
        let sample = sample(design, d as u64);
        let problem = Problem::new(&sample.data()).unwrap();
        let theta = random_theta(&problem, d as u64);
        let m = theta.len();
        for criterion in &CRITERIA[2..] {
            let mut work = problem.workspace().unwrap();
            let profile = problem.evaluate(&mut work, &problem.inner(&theta), *criterion).unwrap();
            let found = problem.information(&work, &profile).unwrap();
            for i in 0..m {
                let mut at = |step: f64| {
                    let mut moved = theta.clone();
                    moved[i] += step;
                    let moved = problem.inner(&moved);
                    let profile = problem.evaluate(&mut work, &moved, *criterion).unwrap();
                    let gradient =
                        problem.derivatives(&mut work, &profile, false).unwrap().gradient;
                    problem.outer_gradient(&gradient)
                };
                let (plus, minus) = (at(1e-5), at(-1e-5));
                for j in 0..m {
                    let (exact, difference) = (found.hessian[(i, j)], (plus[j] - minus[j]) / 2e-5);
                    assert!(
                        close(exact, difference, 1e-4),
                        "design {d} ({i}, {j}): {exact} against {difference}"
                    );
                }
            }
            assert!((0..=m).all(|i| found.hessian[(i, m)] == 0.0 && found.hessian[(m, i)] == 0.0));
            assert_eq!(found.covariance()[(m, m)], 0.0);
        }
    }
}

/// A response in the span of X tells no residual variance, but that is no matter where it is known.
#[test]
fn a_perfect_fit_has_a_criterion_where_sigma_is_known() {
    for d in [0, 2, 5] {
        let mut sample = sample(&designs()[d], d as u64);
        sample.y = sample.x[0].iter().map(|x| 3.0 * x).collect();
        let problem = Problem::new(&sample.data()).unwrap();
        let mut work = problem.workspace().unwrap();
        let start = problem.templates.identity();
        let options = Options::default();
        let mut end = |criterion| minimise(&problem, &mut work, &start, criterion, options);
        assert_eq!(end(Criterion::REML).unwrap_err(), EngineError::PerfectFit);
        for criterion in CRITERIA[2..].iter().copied() {
            let end = end(criterion).unwrap();
            assert_eq!(end.status, Status::Converged);
            assert!(end.theta.iter().all(|t| *t == 0.0), "{:?}", end.theta);
            let dense = Dense::new(&sample, &end.theta, criterion);
            assert!(close(end.profile.deviance, dense.deviance, EXACT));
        }
    }
}

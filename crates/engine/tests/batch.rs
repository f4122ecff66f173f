//! A batch is many single fits; a replicate depends on the key and its number alone.

mod dense;

use dense::{Dense, Random, Sample};
use mixedmodels_engine::batch::{Draws, Hypothesis, Method, Plan, Responses, Shape};
use mixedmodels_engine::dense::Square;
use mixedmodels_engine::memory::unlimited;
use mixedmodels_engine::objective::Criterion;
use mixedmodels_engine::optimise::{Options, Status, minimise};
use mixedmodels_engine::{EngineError, Problem, Structure};

const TIGHT: Options =
    Options { max_evaluations: 500, tolerance: 1e-11, last_gradient: false, rivals: false };

/// 96 rows, crossed factors of 12 and 6 levels, a slope in the first, weights.
fn sample() -> Sample {
    let mut random = Random::new(5);
    let n = 96;
    let first: Vec<i32> = (0..n).map(|i| (i % 12) as i32).collect();
    let second: Vec<i32> = (0..n).map(|_| random.below(6)).collect();
    let x = vec![vec![1.0; n], (0..n).map(|_| random.normal()).collect()];
    let terms = vec![
        (0, x.clone(), Structure::Unstructured),
        (1, vec![vec![1.0; n]], Structure::Unstructured),
    ];
    Sample {
        y: (0..n).map(|_| random.normal()).collect(),
        weights: Some((0..n).map(|i| 0.5 + (i % 3) as f64).collect()),
        x,
        codes: vec![(first, 12), (second, 6)],
        terms,
    }
}

fn draws<'a>(mean: &'a [f64]) -> Draws<'a> {
    let mut slope = Square::identity(2);
    slope[(1, 0)] = 0.3;
    slope[(1, 1)] = 0.6;
    Draws {
        mean,
        roots: vec![slope, Square::identity(1)],
        sigma: 1.5,
        key: [3, 4],
        effects: Shape::Normal,
        residuals: Shape::Normal,
    }
}

#[test]
fn refits_are_the_fits_of_each_response() {
    let mut sample = sample();
    let mean = vec![1.0; sample.y.len()];
    let distribution = draws(&mean);
    let y = distribution.block(&sample.data(), 0, 40).unwrap();
    let columns: Vec<&[f64]> = y.chunks_exact(mean.len()).collect();
    for criterion in [Criterion::REML, Criterion::ML] {
        let problem = Problem::new(&sample.data()).unwrap();
        let start = problem.templates.identity();
        let plan = Plan {
            criterion,
            start: &start,
            options: TIGHT,
            hypothesis: None,
            available: &unlimited,
        };
        let batch = problem.refits(&sample.data(), Responses::Given(&columns), plan).unwrap();
        let drawn = Responses::Drawn(&distribution, 0, columns.len());
        let again = problem.refits(&sample.data(), drawn, plan).unwrap();
        for (i, column) in columns.iter().enumerate() {
            sample.y = column.to_vec();
            let single = Problem::new(&sample.data()).unwrap();
            let mut work = single.workspace().unwrap();
            let start = single.templates.identity();
            let end = minimise(&single, &mut work, &start, criterion, TIGHT).unwrap();
            let estimates = single.estimates(&work, &end.profile);
            let refit = batch[i].as_ref().unwrap();
            assert_eq!(refit.status, Status::Converged);
            assert!((refit.deviance - estimates.deviance).abs() < 1e-9, "{i}");
            let judge = Dense::new(&sample, &refit.theta, criterion);
            let df = (sample.y.len() - if criterion.reml { 2 } else { 0 }) as f64;
            assert!((refit.deviance - judge.deviance).abs() < 1e-8, "{i}");
            assert!((refit.sigma.powi(2) - judge.pwrss / df).abs() < 1e-8);
            for j in 0..2 {
                let bse = refit.sigma * judge.covariance[j][j].sqrt();
                assert!((refit.beta[j] - judge.beta[j]).abs() < 1e-8);
                assert!((refit.bse[j] - bse).abs() < 1e-8);
            }
            assert_eq!(refit.deviance, again[i].as_ref().unwrap().deviance);
        }
    }
}

#[test]
fn a_replicate_does_not_depend_on_how_the_batch_is_cut() {
    let sample = sample();
    let (mean, data) = (vec![0.0; sample.y.len()], sample.data());
    let distribution = draws(&mean);
    let problem = Problem::new(&data).unwrap();
    let start = problem.templates.identity();
    let plan = Plan {
        criterion: Criterion::REML,
        start: &start,
        options: TIGHT,
        hypothesis: None,
        available: &unlimited,
    };
    let run = |first, count| -> Vec<f64> {
        let drawn = Responses::Drawn(&distribution, first, count);
        let found = problem.refits(&data, drawn, plan).unwrap();
        found.into_iter().map(|r| r.unwrap().deviance).collect()
    };
    let whole = run(0, 50);
    assert_eq!(whole[..23], run(0, 23));
    assert_eq!(whole[23..], run(23, 27));
}

#[test]
fn a_replicate_without_a_fit_is_flagged_in_its_place() {
    let sample = sample();
    let (mean, data) = (vec![0.0; sample.y.len()], sample.data());
    let distribution = draws(&mean);
    let y = distribution.block(&data, 0, 3).unwrap();
    let n = mean.len();
    let problem = Problem::new(&data).unwrap();
    let start = problem.templates.identity();
    let plan = Plan {
        criterion: Criterion::REML,
        start: &start,
        options: TIGHT,
        hypothesis: None,
        available: &unlimited,
    };
    let columns = [&y[..n], &mean[..], &y[2 * n..]];
    let found = problem.refits(&data, Responses::Given(&columns), plan).unwrap();
    assert!(found[1].is_err());
    let alone = problem.refits(&data, Responses::Given(&columns[2..]), plan).unwrap();
    assert_eq!(found[2].as_ref().unwrap().deviance, alone[0].as_ref().unwrap().deviance);
}

#[test]
fn pieces_are_the_facts_of_inference_seen_through_the_hypothesis() {
    let mut sample = sample();
    let mean = vec![0.0; sample.y.len()];
    sample.y = draws(&mean).block(&sample.data(), 0, 1).unwrap();
    let data = sample.data();
    let problem = Problem::new(&data).unwrap();
    let start = problem.templates.identity();
    let rows = [1.0, 2.0, 0.0, -1.0];
    let at = |m: &Square, i: usize, j: usize| -> f64 {
        let l = |k: usize| &rows[2 * k..2 * k + 2];
        (0..2)
            .flat_map(|a| (0..2).map(move |b| (a, b)))
            .map(|(a, b)| l(i)[a] * m[(a, b)] * l(j)[b])
            .sum()
    };
    let mut work = problem.workspace().unwrap();
    let end = minimise(&problem, &mut work, &start, Criterion::REML, TIGHT).unwrap();
    for method in [Method::Wald, Method::Satterthwaite, Method::KenwardRoger] {
        let hypothesis = Hypothesis { rows: &rows, q: 2, method };
        let plan = Plan {
            criterion: Criterion::REML,
            start: &start,
            options: TIGHT,
            hypothesis: Some(&hypothesis),
            available: &unlimited,
        };
        let found = problem.refits(&data, Responses::Given(&[data.y]), plan).unwrap();
        let pieces = found[0].as_ref().unwrap().pieces.clone().unwrap();
        let known = problem.beta_covariance(&end.profile);
        for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            assert!((pieces.covariance[2 * i + j] - at(&known, i, j)).abs() < 1e-8);
        }
        let (first, spread) = match method {
            Method::Wald => (vec![], Square::zeros(0)),
            Method::Satterthwaite => {
                let facts = problem.information(&work, &end.profile).unwrap();
                let covariance = facts.covariance();
                (facts.jacobian, covariance)
            }
            Method::KenwardRoger => {
                let facts = problem.kenward_roger(&work, &end.profile).unwrap();
                (facts.slopes, facts.information)
            }
        };
        for (k, matrix) in first.iter().enumerate() {
            for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let (got, expected) = (pieces.first[4 * k + 2 * i + j], at(matrix, i, j));
                assert!((got - expected).abs() < 1e-6 * (1.0 + expected.abs()));
            }
        }
        for (got, expected) in pieces.spread.iter().zip(&spread.data) {
            assert!((got - expected).abs() < 1e-5 * (1.0 + expected.abs()));
        }
    }
}

#[test]
fn arrays_of_another_size_are_refused() {
    let sample = sample();
    let (mean, data) = (vec![0.0; sample.y.len()], sample.data());
    let problem = Problem::new(&data).unwrap();
    let start = problem.templates.identity();
    let plan = Plan {
        criterion: Criterion::REML,
        start: &start,
        options: TIGHT,
        hypothesis: None,
        available: &unlimited,
    };
    let refused = |responses: Responses<'_>, plan: Plan<'_>| {
        matches!(problem.refits(&data, responses, plan), Err(EngineError::Shape { .. }))
    };
    let distribution = draws(&mean);
    let drawn = Responses::Drawn(&distribution, 0, 3);
    assert!(!refused(drawn, plan));
    assert!(refused(Responses::Given(&[&mean[1..]]), plan));
    assert!(refused(drawn, Plan { start: &start[1..], ..plan }));
    let hypothesis = Hypothesis { rows: &[1.0, 0.0, 0.0], q: 1, method: Method::Wald };
    assert!(refused(drawn, Plan { hypothesis: Some(&hypothesis), ..plan }));
    let short = draws(&mean[1..]);
    assert!(refused(Responses::Drawn(&short, 0, 3), plan));
    assert!(short.block(&data, 0, 3).is_err());
    let fewer = Draws { roots: vec![Square::identity(2)], ..draws(&mean) };
    assert!(refused(Responses::Drawn(&fewer, 0, 3), plan));
    let other = Draws { roots: vec![Square::identity(1), Square::identity(2)], ..draws(&mean) };
    assert!(refused(Responses::Drawn(&other, 0, 3), plan));
}

#[test]
fn a_plan_beyond_the_memory_that_is_left_is_refused() {
    let mut random = Random::new(8);
    let (n, levels) = (60_000, 6_000);
    let codes = |random: &mut Random| (0..n).map(|_| random.below(levels)).collect();
    let sample = Sample {
        y: (0..n).map(|_| random.normal()).collect(),
        weights: None,
        x: vec![vec![1.0; n]],
        codes: vec![(codes(&mut random), levels), (codes(&mut random), levels)],
        terms: vec![
            (0, vec![vec![1.0; n]], Structure::Diagonal),
            (1, vec![vec![1.0; n]], Structure::Diagonal),
        ],
    };
    let left = 300 << 20;
    match Problem::within(&sample.data(), &|| Some(left)) {
        Err(EngineError::Memory { needed, available }) => {
            assert!(needed > left && available == Some(left));
        }
        other => panic!("{:?}", other.map(|p| p.n)),
    }
}

//! Two ways to the same sums, and derivatives by differences of the gradient.

use std::sync::Arc;

use super::chart::Chart;
use super::components::groups;
use super::moments::{Kept, Moments};
use super::*;
use crate::covariance::{Options, Positions, structure};
use crate::structured::{Design, Incidence, Precision, Residual, Spread};

/// Error of central differences of an exact gradient, relative to the size of a matrix.
const DIFFERENCES: f64 = 1e-6;
/// Two ways to the same sums.
const EQUAL: f64 = 1e-9;

/// A number in (0, 1) that looks random.
fn noise(i: usize) -> f64 {
    let x = (i as f64 * 12.9898 + 4.1).sin() * 43758.5453;
    x - x.floor()
}

/// What a design is made of.
#[derive(Clone, Copy)]
struct Kind {
    residual: Option<&'static str>,
    hom: bool,
    slopes: bool,
    items: usize,
    known: bool,
    spread: u8,
    weights: bool,
}

const PLAIN: Kind = Kind {
    residual: None,
    hom: false,
    slopes: false,
    items: 0,
    known: false,
    spread: 0,
    weights: false,
};

fn kinds() -> Vec<(&'static str, Kind)> {
    vec![
        ("us", Kind { residual: Some("us"), ..PLAIN }),
        ("ar1 with slopes", Kind { residual: Some("ar1"), hom: true, slopes: true, ..PLAIN }),
        ("ar1 crossed", Kind { residual: Some("ar1"), slopes: true, items: 7, ..PLAIN }),
        ("cs, weights", Kind { residual: Some("cs"), weights: true, ..PLAIN }),
        ("spread, slopes", Kind { slopes: true, spread: 1, weights: true, ..PLAIN }),
        ("powers", Kind { residual: Some("ar1"), slopes: true, spread: 2, ..PLAIN }),
        ("known", Kind { residual: Some("ar1"), slopes: true, known: true, ..PLAIN }),
        ("known crossed", Kind { slopes: true, known: true, items: 5, spread: 1, ..PLAIN }),
    ]
}

fn term(codes: &[i32], n_levels: usize, z: Vec<f64>, q: usize, precision: bool) -> Term {
    let precision = precision.then(|| {
        let mut out = Precision { pointers: vec![0], rows: vec![], values: vec![], log_det: 0.0 };
        for j in 0..n_levels {
            for i in j.saturating_sub(1)..(j + 2).min(n_levels) {
                out.rows.push(i as u32);
                out.values.push(if i == j { 2.0 } else { -0.7 });
            }
            out.pointers.push(out.rows.len());
        }
        out
    });
    let name = if q == 1 { "diag" } else { "us" };
    Term {
        n_levels,
        incidence: Incidence::of_codes(codes),
        z,
        q,
        structure: Arc::from(structure(name, q, &Options::default()).unwrap()),
        positions: Positions::all(q),
        precision,
    }
}

/// 16 subjects at up to 4 occasions; items and all else by `kind`.
fn problem(kind: Kind) -> Problem {
    let (mut subject, mut occasion) = (Vec::new(), Vec::new());
    for s in 0..16 {
        for v in 0..4 {
            if noise(s * 17 + v) > 0.2 || v == 0 {
                subject.push(s as i32);
                occasion.push(v as f64);
            }
        }
    }
    let n = subject.len();
    let x: Vec<f64> = (0..n).map(|i| noise(i + 1000)).collect();
    let mut terms = Vec::new();
    if kind.slopes {
        let z = x.iter().flat_map(|x| [1.0, *x]).collect();
        terms.push(term(&subject, 16, z, 2, kind.known));
    }
    if kind.items > 0 {
        let codes: Vec<i32> = (0..n).map(|i| (noise(i + 77) * kind.items as f64) as i32).collect();
        terms.push(term(&codes, kind.items, vec![1.0; n], 1, false));
    }
    let options = Options { hom: kind.hom, ..Options::default() };
    let residual = kind.residual.map(|name| Residual {
        block: subject.iter().map(|s| *s as u32).collect(),
        n_blocks: 16,
        positions: Positions::new(1, occasion.clone()),
        part: vec![0; n],
        structures: vec![Arc::from(structure(name, 4, &options).unwrap())],
    });
    let group: Vec<f64> = subject.iter().map(|s| f64::from(s % 2)).collect();
    let spread = match kind.spread {
        1 => vec![Spread::Linear(group)],
        2 => {
            vec![Spread::Linear(group), Spread::ConstantPower(x.iter().map(|x| x + 0.5).collect())]
        }
        _ => vec![],
    };
    let weights = kind.weights.then(|| (0..n).map(|i| 0.5 + (i % 3) as f64).collect());
    let y: Vec<f64> = (0..n)
        .map(|i| x[i] + noise(subject[i] as usize + 31) * 2.0 + noise(i + 500) * 3.0)
        .collect();
    let x = vec![vec![1.0; n], x];
    Problem::new(Design { n, x, terms, residual, spread, weights }, &y, None, None).unwrap()
}

/// Anywhere: standard deviations apart, correlations away from zero.
fn somewhere(problem: &Problem) -> Vec<f64> {
    let start = problem.start();
    start.iter().enumerate().map(|(i, v)| v * 0.9 + 0.15 + 0.2 * noise(i + 9)).collect()
}

fn close(label: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    let size = expected.iter().fold(0.0f64, |a, v| a.max(v.abs()));
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= tolerance * size, "{label}: {f} {e} of {size}");
    }
}

#[test]
fn exact_second_derivatives_are_differences_of_the_gradient() {
    for (label, kind) in kinds() {
        let problem = problem(kind);
        let theta = somewhere(&problem);
        for reml in [true, false] {
            for sigma in [None, Some(1.3)] {
                let criterion = Criterion { reml, sigma };
                let point = problem.evaluate(&theta, criterion).unwrap();
                let exact = problem.exact_information(&point, criterion).unwrap();
                let other = problem.differenced_information(&theta, &point, criterion).unwrap();
                close(label, &exact.hessian.data, &other.hessian.data, DIFFERENCES);
                for (a, b) in exact.jacobian.iter().zip(&other.jacobian) {
                    let size = problem.beta_covariance(&point);
                    let difference: Vec<f64> =
                        a.data.iter().zip(&b.data).map(|(a, b)| a - b).collect();
                    let zero = vec![0.0; difference.len()];
                    let size = size.data.iter().fold(0.0f64, |m, v| m.max(v.abs()));
                    for (d, z) in difference.iter().zip(&zero) {
                        assert!((d - z).abs() < DIFFERENCES * size, "{label}: {d}");
                    }
                }
            }
        }
    }
}

#[test]
fn rows_and_effects_give_the_same_sums() {
    for (label, kind) in kinds().into_iter().filter(|(_, k)| k.slopes) {
        let problem = problem(kind);
        let theta = somewhere(&problem);
        let point = problem.evaluate(&theta, Criterion { reml: true, sigma: None }).unwrap();
        let natural = Chart::natural(&problem, &point.full, false);
        for (chart, kept) in [(Chart::free(&problem), Kept::Traces), (natural, Kept::Whole)] {
            let k = if kept == Kept::Whole { problem.k() - 1 } else { problem.k() };
            let view = problem.view(&point, &chart, k).unwrap();
            let mut rows = Moments::zeros(chart.m, k, kept);
            let mut effects = rows.clone();
            for group in groups(&problem, &view.residuals) {
                dense::add_group(&view, &group, &mut rows).unwrap();
                for blocks in &group.members {
                    effects::add_component(&view, blocks, &mut effects).unwrap();
                }
            }
            close(label, &effects.first, &rows.first, EQUAL);
            close(label, &effects.second, &rows.second, EQUAL);
            let p = problem.k() - 1;
            for i in 0..chart.m {
                close(label, &effects.gram(i, p).data, &rows.gram(i, p).data, EQUAL);
                for j in 0..=i {
                    if kept == Kept::Whole {
                        let (a, b) = (effects.form(i, j), rows.form(i, j));
                        close(label, &a.data, &b.data, EQUAL);
                    } else {
                        let (a, b) = (effects.traces(i, j), rows.traces(i, j));
                        close(label, &[a.0, a.1], &[b.0, b.1], EQUAL);
                    }
                }
            }
            for (key, bend) in &rows.bends {
                let other = &effects.bends[key];
                let scale = rows.second.iter().fold(0.0f64, |m, v| m.max(v.abs()));
                assert!((bend.trace - other.trace).abs() < EQUAL * scale, "{label} {key:?}");
                let (a, b) = (&other.form, &bend.form);
                let size = b.iter().fold(scale, |m, v| m.max(v.abs()));
                a.iter().zip(b).for_each(|(a, b)| assert!((a - b).abs() < EQUAL * size));
            }
        }
    }
}

/// Alike subjects, few and many: sums by moments and one by one agree.
#[test]
fn alike_components_share_what_they_have() {
    let n_subjects = 400;
    let (mut subject, mut occasion) = (Vec::new(), Vec::new());
    for s in 0..n_subjects {
        for v in 0..if s % 3 == 0 { 2 } else { 3 } {
            subject.push(s as u32);
            occasion.push(v as f64);
        }
    }
    let n = subject.len();
    let x: Vec<f64> = (0..n).map(noise).collect();
    let y: Vec<f64> = (0..n).map(|i| noise(i + 3) + noise(subject[i] as usize)).collect();
    let residual = Residual {
        block: subject.clone(),
        n_blocks: n_subjects,
        positions: Positions::new(1, occasion),
        part: vec![0; n],
        structures: vec![Arc::from(structure("us", 3, &Options::default()).unwrap())],
    };
    let design = Design {
        n,
        x: vec![vec![1.0; n], x],
        terms: vec![],
        residual: Some(residual),
        spread: vec![],
        weights: None,
    };
    let problem = Problem::new(design, &y, None, None).unwrap();
    let point =
        problem.evaluate(&somewhere(&problem), Criterion { reml: true, sigma: None }).unwrap();
    let chart = Chart::natural(&problem, &point.full, false);
    let view = problem.view(&point, &chart, 2).unwrap();
    let found = groups(&problem, &view.residuals);
    assert_eq!(found.len(), 2);
    let mut shared = Moments::zeros(chart.m, 2, Kept::Whole);
    let mut one_by_one = shared.clone();
    for group in &found {
        dense::add_group(&view, group, &mut shared).unwrap();
        for blocks in &group.members {
            let alone = Group { members: vec![blocks.clone()] };
            dense::add_group(&view, &alone, &mut one_by_one).unwrap();
        }
    }
    close("second", &shared.second, &one_by_one.second, EQUAL);
    close("first", &shared.first, &one_by_one.first, EQUAL);
    for i in 0..chart.m {
        for j in 0..=i {
            close("form", &shared.form(i, j).data, &one_by_one.form(i, j).data, EQUAL);
        }
    }
    // V is linear in the entries of the covariance.
    assert!(shared.bends.is_empty());
}

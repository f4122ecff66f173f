//! Sums of rows: whatever the pieces and their order, the problem is that of the rows.

#[expect(dead_code, reason = "this test needs no criterion by dense algebra")]
mod dense;

use dense::{Random, Sample};
use mixedmodels_engine::memory::unlimited;
use mixedmodels_engine::objective::Criterion;
use mixedmodels_engine::sums::{Condensed, Design, Sums};
use mixedmodels_engine::{Problem, Structure};

/// Agreement of the criterion, relative to the number of rows, where cross-products of rows in other
/// coordinates are rounded at other places.
const ROUNDING: f64 = 1e-12;

/// Two or three crossed factors, the first with a slope; far origins if asked for.
fn sample(n: usize, groups: usize, weighted: bool, slope: bool, origin: f64, seed: u64) -> Sample {
    let mut random = Random::new(seed);
    let sizes = [7, 5, 3];
    let mut column = |scale: f64| (0..n).map(|_| scale * random.normal()).collect::<Vec<_>>();
    let (x, z) = (column(1.0), column(2.0));
    let noise = column(1.0);
    let y = (0..n).map(|i| origin + 0.5 * x[i] + noise[i]).collect();
    let weights = weighted.then(|| column(1.0).iter().map(|v| 0.5 + v.abs()).collect());
    let codes: Vec<(Vec<i32>, usize)> =
        (0..groups).map(|g| ((0..n).map(|_| random.below(sizes[g])).collect(), sizes[g])).collect();
    let one = || vec![1.0; n];
    let mut terms: Vec<_> =
        (0..groups).map(|g| (g, vec![one()], Structure::Unstructured)).collect();
    if slope && groups > 0 {
        terms[0].1.push(z.clone());
        terms.push((groups - 1, vec![x.clone(), z], Structure::Diagonal));
    }
    Sample { y, x: vec![one(), x], codes, terms, weights }
}

fn part(sample: &Sample, rows: &[usize]) -> Sample {
    let take = |v: &Vec<f64>| rows.iter().map(|&i| v[i]).collect::<Vec<f64>>();
    Sample {
        y: take(&sample.y),
        x: sample.x.iter().map(take).collect(),
        codes: (sample.codes.iter())
            .map(|(codes, n)| (rows.iter().map(|&i| codes[i]).collect(), *n))
            .collect(),
        terms: (sample.terms.iter())
            .map(|(g, z, s)| (*g, z.iter().map(take).collect(), *s))
            .collect(),
        weights: sample.weights.as_ref().map(take),
    }
}

fn design(sample: &Sample, origin: f64) -> Design {
    Design {
        p: sample.x.len(),
        groups: sample.codes.len(),
        terms: sample.terms.iter().map(|(g, z, s)| (*g, z.len(), *s)).collect(),
        origin,
        constant: Some(0),
    }
}

/// Sums of pieces of `size` rows in a mixed order, half of them merged from apart.
fn pieces(sample: &Sample, origin: f64, size: usize, seed: u64) -> Sums {
    let mut random = Random::new(seed);
    let mut order: Vec<usize> = (0..sample.y.len()).collect();
    for i in (1..order.len()).rev() {
        order.swap(i, random.below(i + 1) as usize);
    }
    let new = || Sums::new(design(sample, origin)).unwrap();
    let (mut sums, mut other) = (new(), new());
    for (i, rows) in order.chunks(size).enumerate() {
        let target = if i % 2 == 0 { &mut sums } else { &mut other };
        target.push(&part(sample, rows).data()).unwrap();
    }
    other.merge(sums).unwrap();
    other
}

fn deviances(problem: &Problem) -> Vec<f64> {
    let mut work = problem.workspace().unwrap();
    let mut out = Vec::new();
    for reml in [false, true] {
        for scale in [1.0, 0.3] {
            let theta: Vec<f64> = (0..problem.n_theta()).map(|i| scale + 0.1 * i as f64).collect();
            let inner = problem.inner(&theta);
            let criterion = Criterion { reml, sigma: None };
            let profile = problem.evaluate(&mut work, &inner, criterion).unwrap();
            let found = problem.estimates(&work, &profile);
            out.push(found.deviance);
            out.extend(found.beta);
            out.extend(found.effects.into_iter().flatten());
            out.extend(problem.derivatives(&mut work, &profile, false).unwrap().gradient);
        }
    }
    out
}

fn cases() -> Vec<Sample> {
    let mut out = Vec::new();
    for seed in 0..6 {
        for groups in 0..=3 {
            for (weighted, slope) in [(false, false), (true, false), (false, true), (true, true)] {
                let origin = [0.0, 1e4][seed as usize % 2];
                out.push(sample(150, groups, weighted, slope, origin, 11 * seed + groups as u64));
            }
        }
    }
    out
}

#[test]
fn the_problem_of_sums_is_that_of_the_rows() {
    for sample in cases() {
        let origin = f64::from(sample.y[0] as f32);
        let of_rows = deviances(&Problem::new(&sample.data()).unwrap());
        let sums = pieces(&sample, origin, 17, 3);
        let condensed = Condensed::of_sums(&sums).unwrap();
        let of_sums = deviances(&Problem::of_condensed(&condensed, &unlimited).unwrap());
        let again = Condensed::of_rows(&sample.data()).unwrap();
        let directly = deviances(&Problem::of_condensed(&again, &unlimited).unwrap());
        for ((a, b), c) in of_rows.iter().zip(&of_sums).zip(&directly) {
            let size = ROUNDING * (150.0 + a.abs());
            assert!((a - b).abs() < size && (a - c).abs() < size, "{a} {b} {c}");
        }
    }
}

#[test]
fn neither_cut_nor_order_changes_a_bit() {
    for sample in cases() {
        let bits = |sums: &Sums| {
            let condensed = Condensed::of_sums(sums).unwrap();
            let problem = Problem::of_condensed(&condensed, &unlimited).unwrap();
            deviances(&problem).iter().map(|v| v.to_bits()).collect::<Vec<_>>()
        };
        let first = bits(&pieces(&sample, 2.0, 150, 1));
        for (size, seed) in [(1, 2), (40, 3), (149, 4)] {
            assert_eq!(first, bits(&pieces(&sample, 2.0, size, seed)));
        }
    }
}

#[test]
fn bytes_bring_everything_back() {
    for sample in cases() {
        let sums = pieces(&sample, 1.5, 13, 5);
        let bytes = sums.to_bytes();
        let back = Sums::from_bytes(&bytes).unwrap();
        assert_eq!(back.to_bytes(), bytes);
        assert_eq!((back.n(), back.n_levels()), (sums.n(), sums.n_levels()));
        assert!(Sums::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        assert!(Sums::from_bytes(b"something else").is_err());
    }
}

#[test]
fn levels_may_be_named_later() {
    for sample in cases().into_iter().filter(|s| !s.codes.is_empty()) {
        let mut sums = pieces(&sample, 0.0, 20, 6);
        let mut renamed = sample;
        for (g, (codes, n_levels)) in renamed.codes.iter_mut().enumerate() {
            let new: Vec<i32> = (0..*n_levels).map(|j| ((j + 2) % *n_levels) as i32).collect();
            codes.iter_mut().for_each(|c| *c = new[*c as usize]);
            sums.relabel(g, &new, *n_levels).unwrap();
        }
        let problem = |sums: &Sums| {
            let condensed = Condensed::of_sums(sums).unwrap();
            deviances(&Problem::of_condensed(&condensed, &unlimited).unwrap())
        };
        assert_eq!(problem(&sums), problem(&pieces(&renamed, 0.0, 150, 7)));
        assert!(sums.relabel(0, &[0, 0, 1, 2, 3, 4, 5], 7).is_err());
        assert!(sums.relabel(0, &[0], 7).is_err());
    }
}

#[test]
fn columns_of_x_may_be_left_out() {
    for mut sample in cases() {
        let wide = pieces(&sample, 0.0, 20, 8);
        let kept = wide.select(&[1]).unwrap();
        sample.x.remove(0);
        let narrow = Sums::new(Design { constant: None, ..design(&sample, 0.0) }).unwrap();
        let mut narrow = narrow;
        narrow.push(&sample.data()).unwrap();
        let problem = |sums: &Sums| {
            let condensed = Condensed::of_sums(sums).unwrap();
            deviances(&Problem::of_condensed(&condensed, &unlimited).unwrap())
        };
        assert_eq!(problem(&kept), problem(&narrow));
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let one = sample(30, 2, false, false, 0.0, 1);
    let other = sample(30, 2, false, true, 0.0, 1);
    let mut sums = Sums::new(design(&one, 0.0)).unwrap();
    assert!(sums.push(&other.data()).is_err());
    assert!(sums.merge(Sums::new(design(&other, 0.0)).unwrap()).is_err());
    assert!(sums.merge(Sums::new(design(&one, 1.0)).unwrap()).is_err());
    assert!(Condensed::of_sums(&sums).is_err());
    let far = Sums::new(design(&one, 1.0)).unwrap();
    assert!(far.select(&[1]).is_err());
    assert!(far.select(&[0, 9]).is_err());
}

#[test]
fn a_chain_of_factors_leaves_nothing() {
    let mut nested = sample(60, 2, false, false, 0.0, 5);
    let crossed = pieces(&nested, 0.0, 10, 1).remainder();
    assert_eq!(crossed, 5);
    nested.codes[1].0 = nested.codes[0].0.iter().map(|c| c / 2).collect();
    assert_eq!(pieces(&nested, 0.0, 10, 1).remainder(), 0);
    nested.codes.swap(0, 1);
    assert_eq!(pieces(&nested, 0.0, 10, 1).remainder(), 0);
    assert_eq!(pieces(&sample(30, 1, false, true, 0.0, 5), 0.0, 10, 1).remainder(), 0);
}

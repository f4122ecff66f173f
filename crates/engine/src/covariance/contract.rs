//! What every structure promises, tried at random points: a new one is a line in [`cases`].

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

use super::expansion::{Expansion, covariance, root};
use super::jet::{Jet, Order};
use super::matrix::Matrix;
use super::registry::{Options, structure};
use super::scaled::{Correlation, Scaled};
use super::structure::{Positions, Quantity, Structure};
use crate::dense::Square;

/// Random φ per structure.
const POINTS: usize = 50;
/// Step of differences over four points, whose error is its fourth power times a fifth derivative.
const STEP: f64 = 3e-4;
const STEPS: [f64; 4] = [-2.0 * STEP, -STEP, STEP, 2.0 * STEP];
/// Largest difference of a derivative from its difference, relative to the largest entry.
const DERIVATIVE: f64 = 1e-6;
/// Largest difference of two ways to the same number, relative to the largest entry.
const EQUAL: f64 = 1e-9;

/// Standard deviation of random φ around their start.
const SPREAD: f64 = 0.6;

struct Case {
    label: String,
    structure: Box<dyn Structure>,
    positions: Positions,
    /// Standard deviation of φ around its start.
    spread: f64,
}

fn case(name: &str, q: usize, options: Options) -> Case {
    let label = format!("{name} {q} {options:?}");
    let structure = structure(name, q, &options).expect("the registry has it");
    // Bands are positive definite near their start alone.
    let spread = if options.band.is_none() { SPREAD } else { 0.2 * SPREAD };
    Case { label, structure, positions: Positions::all(q), spread }
}

/// Points in the plane, none too close to another.
fn points(n: usize) -> Positions {
    let at = |i: usize| [i as f64 + 0.3 * (i as f64).sin(), 2.0 * (1.7 * i as f64).cos()];
    Positions::new(2, (0..n).flat_map(at).collect())
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for hom in [false, true] {
        let options = || Options { hom, ..Options::default() };
        for q in [2, 3, 5] {
            for name in ["us", "diag", "cs", "ar1", "toep", "ante"] {
                cases.push(case(name, q, options()));
            }
        }
        cases.push(case("us", 1, options()));
        cases.push(case("diag", 1, options()));
        for band in [1, 2, 3, 5] {
            cases.push(case("toep", 5, Options { band: Some(band), ..options() }));
        }
        for order in [(1, 0), (0, 1), (2, 0), (0, 2), (1, 1), (2, 3)] {
            cases.push(case("arma", 5, Options { order: Some(order), ..options() }));
        }
    }
    for (q, rank) in [(3, 1), (5, 2), (6, 3)] {
        let options = || Options { rank: Some(rank), ..Options::default() };
        cases.push(case("fa", q, options()));
        cases.push(case("rr", q, options()));
    }
    cases.push(case("rr", 3, Options { rank: Some(3), ..Options::default() }));
    for nugget in [false, true] {
        let options = || Options { hom: true, nugget, distance: 2.0, ..Options::default() };
        let over = |name: &str, nu: Option<f64>| Case {
            positions: points(6),
            ..case(name, 6, Options { nu, ..options() })
        };
        cases.extend(["ou", "car1", "expo", "gauss", "ratio"].map(|name| over(name, None)));
        let smoothness = [None, Some(0.5), Some(0.8), Some(1.5), Some(2.5), Some(4.0)];
        cases.extend(smoothness.map(|nu| over("matern", nu)));
    }
    cases
}

#[test]
fn every_structure_keeps_the_contract() {
    cases().iter().for_each(keeps_contract);
}

#[test]
fn bands_that_are_no_covariance_have_no_root() {
    let banded = case("toep", 5, Options { band: Some(2), ..Options::default() });
    let mut phi = banded.structure.start();
    // The smallest eigenvalue of 5 occasions is 1 + 2ρ cos(5π/6).
    for (rho, definite) in [(0.57, true), (0.58, false)] {
        phi[5] = rho;
        let root = root(&*banded.structure, &phi, &banded.positions, Order::Second);
        assert_eq!(root.is_some(), definite);
    }
}

#[test]
fn structures_that_cannot_be_are_refused() {
    let plain = Options::default;
    let refused = [
        ("ar1", 1, plain()),
        ("frog", 3, plain()),
        ("arma", 3, plain()),
        ("fa", 3, Options { rank: Some(4), ..plain() }),
        ("toep", 3, Options { band: Some(4), ..plain() }),
        ("matern", 3, Options { nu: Some(0.0), ..plain() }),
        ("expo", 3, Options { distance: f64::NAN, ..plain() }),
    ];
    for (name, q, options) in refused {
        assert!(structure(name, q, &options).is_err(), "{name} {options:?}");
    }
}

/// Correlation e^−(λ lag)², a structure that a reader might add.
#[derive(Debug)]
struct Toy;

impl Correlation for Toy {
    fn start(&self) -> Vec<f64> {
        vec![1.0]
    }

    fn fill(&self, phi: &[Jet], positions: &Positions) -> Matrix<Jet> {
        let at = |i, j| phi[0].exp().scaled(positions.lag(i, j) as f64);
        Matrix::lower(positions.n(), |i, j| (-&at(i, j).square()).exp())
    }

    fn quantities(&self) -> Vec<Quantity> {
        vec![Quantity::Range]
    }

    fn report(&self, phi: &[Jet]) -> Vec<Jet> {
        vec![(-&phi[0]).exp()]
    }

    fn coordinates(&self, report: &[f64]) -> Option<Vec<f64>> {
        (report[0] > 0.0).then(|| vec![-report[0].ln()])
    }
}

#[test]
fn a_new_structure_is_one_formula() {
    let label = "toy".to_owned();
    let structure = Box::new(Scaled::heterogeneous(Toy, 4));
    let positions = Positions::all(4);
    keeps_contract(&Case { label, structure, positions, spread: SPREAD });
}

fn keeps_contract(case: &Case) {
    starts_at_unit_sds(case);
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let start = case.structure.start();
    let mut definite = 0;
    for _ in 0..POINTS {
        let mut away = || {
            case.spread * <StandardNormal as Distribution<f64>>::sample(&StandardNormal, &mut rng)
        };
        let phi: Vec<f64> = start.iter().map(|x| x + away()).collect();
        derivatives_are_differences(case, &phi);
        subsets_are_submatrices(case, &phi);
        canonical_signs_change_nothing(case, &phi);
        report_goes_there_and_back(case, &phi);
        scales_follow_the_units(case, &phi);
        definite += usize::from(root_squares_to_covariance(case, &phi));
    }
    assert_eq!(definite, POINTS, "{}", case.label);
}

fn values(case: &Case, phi: &[f64], positions: &Positions) -> Vec<f64> {
    covariance(&*case.structure, phi, positions, Order::Value).value.data
}

fn starts_at_unit_sds(case: &Case) {
    let (start, n) = (case.structure.start(), case.positions.n());
    assert_eq!(start.len(), case.structure.n_parameters());
    let c = covariance(&*case.structure, &start, &case.positions, Order::Value).value;
    (0..n).for_each(|i| close(&case.label, &[c[(i, i)]], &[1.0], EQUAL));
    let mut doubled = start;
    doubled[0] *= 2.0;
    let c = covariance(&*case.structure, &doubled, &case.positions, Order::Value).value;
    close(&case.label, &[c[(0, 0)]], &[4.0], EQUAL);
}

/// Compares an expansion with differences of itself at a lower order.
fn differences<B>(
    label: &str,
    phi: &[f64],
    data: impl Fn(&B) -> &[f64],
    at: impl Fn(&[f64], Order) -> Option<Expansion<B>>,
) {
    let Some(here) = at(phi, Order::Second) else { return };
    let Some(plain) = at(phi, Order::Value) else { panic!("{label}: no value") };
    close(label, data(&here.value), data(&plain.value), EQUAL);
    let zero = vec![0.0; data(&here.value).len()];
    let or_zero = |part: Option<&B>| part.map_or(zero.clone(), |b| data(b).to_vec());
    for i in 0..phi.len() {
        let moved = |by: f64| {
            let mut phi = phi.to_vec();
            phi[i] += by;
            at(&phi, Order::First)
        };
        let Some(around) = STEPS.map(moved).into_iter().collect::<Option<Vec<_>>>() else {
            continue;
        };
        let slope = difference(&around, |there| data(&there.value).to_vec());
        close(label, &or_zero(here.first(i)), &slope, DERIVATIVE);
        for j in 0..phi.len() {
            let slope = difference(&around, |there| or_zero(there.first(j)));
            close(label, &or_zero(here.second(i, j)), &slope, DERIVATIVE);
        }
    }
}

/// The derivative, from values at [`STEPS`].
fn difference<A>(around: &[A], values: impl Fn(&A) -> Vec<f64>) -> Vec<f64> {
    let at: Vec<Vec<f64>> = around.iter().map(values).collect();
    let slope = |e: usize| 8.0 * (at[2][e] - at[1][e]) - (at[3][e] - at[0][e]);
    (0..at[0].len()).map(|e| slope(e) / (12.0 * STEP)).collect()
}

fn derivatives_are_differences(case: &Case, phi: &[f64]) {
    let (structure, positions) = (&*case.structure, &case.positions);
    differences(
        &case.label,
        phi,
        |c: &Square| &c.data,
        |phi, order| Some(covariance(structure, phi, positions, order)),
    );
    differences(
        &case.label,
        phi,
        |t: &Matrix<f64>| &t.data,
        |phi, order| root(structure, phi, positions, order),
    );
    let report = |phi: &[f64], order| structure.report(&Jet::variables(phi, order));
    let values =
        |phi: &[f64]| -> Vec<f64> { report(phi, Order::Value).iter().map(Jet::value).collect() };
    let jets = report(phi, Order::First);
    for i in 0..phi.len() {
        let moved = |by: f64| {
            let mut phi = phi.to_vec();
            phi[i] += by;
            values(&phi)
        };
        let slopes: Vec<f64> = jets.iter().map(|jet| jet.slope(i)).collect();
        let differences = difference(&STEPS.map(moved), Vec::clone);
        close(&case.label, &slopes, &differences, DERIVATIVE);
    }
}

fn subsets_are_submatrices(case: &Case, phi: &[f64]) {
    let (n, d) = (case.positions.n(), case.positions.d);
    let whole = covariance(&*case.structure, phi, &case.positions, Order::Value).value;
    for kept in [(0..n).filter(|i| i % 2 == 0).collect(), (1..n).collect(), (0..n).rev().collect()]
    {
        let kept: Vec<usize> = kept;
        let point = |i: &usize| case.positions.values[i * d..(i + 1) * d].to_vec();
        let subset = Positions::new(d, kept.iter().flat_map(point).collect());
        let expected = kept.iter().flat_map(|&j| kept.iter().map(move |&i| (i, j)));
        let expected: Vec<f64> = expected.map(|at| whole[at]).collect();
        close(&case.label, &values(case, phi, &subset), &expected, EQUAL);
    }
}

fn canonical_signs_change_nothing(case: &Case, phi: &[f64]) {
    let canonical = case.structure.canonical(phi);
    let both = [phi, &canonical].map(|phi| values(case, phi, &case.positions));
    close(&case.label, &both[0], &both[1], EQUAL);
    assert!(canonical[0] >= 0.0, "{}", case.label);
    close(&case.label, &case.structure.canonical(&canonical), &canonical, EQUAL);
}

/// Parameters of a standard deviation, in other units: each position in its own, if it has its own.
fn scales_follow_the_units(case: &Case, phi: &[f64]) {
    let unit = |quantity: Option<Quantity>| match quantity {
        Some(Quantity::Sd(i)) => 1.5 + i as f64,
        Some(Quantity::CommonSd) => 1.5,
        _ => 1.0,
    };
    let scales = case.structure.scales();
    assert_eq!(scales.len(), phi.len(), "{}", case.label);
    let is_common = scales.contains(&Some(Quantity::CommonSd));
    let of = |i| unit(Some(if is_common { Quantity::CommonSd } else { Quantity::Sd(i) }));
    let scaled: Vec<f64> = phi.iter().zip(&scales).map(|(x, &scale)| x * unit(scale)).collect();
    let n = case.positions.n();
    let c = covariance(&*case.structure, phi, &case.positions, Order::Value).value;
    let expected = (0..n * n).map(|at| c.data[at] * of(at % n) * of(at / n)).collect::<Vec<_>>();
    close(&case.label, &values(case, &scaled, &case.positions), &expected, EQUAL);
}

fn report_goes_there_and_back(case: &Case, phi: &[f64]) {
    let report: Vec<f64> =
        case.structure.report(&Jet::variables(phi, Order::Value)).iter().map(Jet::value).collect();
    assert_eq!(report.len(), case.structure.quantities().len(), "{}", case.label);
    let Some(back) = case.structure.coordinates(&report) else {
        panic!("{}: no coordinates of {report:?}", case.label)
    };
    close(&case.label, &back, &case.structure.canonical(phi), EQUAL);
}

fn root_squares_to_covariance(case: &Case, phi: &[f64]) -> bool {
    let Some(root) = root(&*case.structure, phi, &case.positions, Order::Value) else {
        return false;
    };
    let t = root.value;
    let product = Matrix::from_fn(t.rows, t.rows, |i, j| {
        (0..t.columns).map(|s| t[(i, s)] * t[(j, s)]).sum::<f64>()
    });
    close(&case.label, &product.data, &values(case, phi, &case.positions), EQUAL);
    true
}

fn close(label: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{label}");
    let scale = expected.iter().fold(1.0_f64, |scale, x| scale.max(x.abs()));
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= tolerance * scale, "{label}: {a} for {b}, of {scale}");
    }
}

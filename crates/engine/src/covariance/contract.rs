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
/// Step of central differences, whose error is its square times a third derivative.
const STEP: f64 = 1e-4;
/// Largest difference of a derivative from its central difference, relative to the largest entry.
const DERIVATIVE: f64 = 1e-6;
/// Largest difference of two ways to the same number, relative to the largest entry.
const EQUAL: f64 = 1e-9;

struct Case {
    label: String,
    structure: Box<dyn Structure>,
    positions: Positions,
}

fn case(name: &str, q: usize, options: Options) -> Case {
    let label = format!("{name} {q} {options:?}");
    let structure = structure(name, q, &options).expect("the registry has it");
    Case { label, structure, positions: Positions::all(q) }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for hom in [false, true] {
        let options = || Options { hom, ..Options::default() };
        for q in [2, 3, 5] {
            cases.push(case("diag", q, options()));
            cases.push(case("cs", q, options()));
            cases.push(case("ar1", q, options()));
        }
    }
    for q in [1, 2, 3, 5] {
        cases.push(case("us", q, Options::default()));
    }
    cases
}

#[test]
fn every_structure_keeps_the_contract() {
    cases().iter().for_each(keeps_contract);
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
    keeps_contract(&Case { label, structure, positions: Positions::all(4) });
}

fn keeps_contract(case: &Case) {
    starts_at_unit_sds(case);
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let start = case.structure.start();
    let mut definite = 0;
    for _ in 0..POINTS {
        let mut away =
            || 0.6 * <StandardNormal as Distribution<f64>>::sample(&StandardNormal, &mut rng);
        let phi: Vec<f64> = start.iter().map(|x| x + away()).collect();
        derivatives_are_differences(case, &phi);
        subsets_are_submatrices(case, &phi);
        canonical_signs_change_nothing(case, &phi);
        report_goes_there_and_back(case, &phi);
        definite += usize::from(root_squares_to_covariance(case, &phi));
    }
    assert!(2 * definite > POINTS, "{}: {definite} roots", case.label);
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

/// Compares an expansion with central differences of itself at a lower order.
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
        let (Some(up), Some(down)) = (moved(STEP), moved(-STEP)) else { continue };
        let slope = central(data(&up.value), data(&down.value));
        close(label, &or_zero(here.first(i)), &slope, DERIVATIVE);
        for j in 0..phi.len() {
            let slope = central(&or_zero(up.first(j)), &or_zero(down.first(j)));
            close(label, &or_zero(here.second(i, j)), &slope, DERIVATIVE);
        }
    }
}

fn central(up: &[f64], down: &[f64]) -> Vec<f64> {
    up.iter().zip(down).map(|(u, d)| (u - d) / (2.0 * STEP)).collect()
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
        let mut moved = [phi.to_vec(), phi.to_vec()];
        moved[0][i] += STEP;
        moved[1][i] -= STEP;
        let slopes: Vec<f64> = jets.iter().map(|jet| jet.slope(i)).collect();
        let differences = central(&values(&moved[0]), &values(&moved[1]));
        close(&case.label, &slopes, &differences, DERIVATIVE);
    }
}

fn subsets_are_submatrices(case: &Case, phi: &[f64]) {
    let (n, d) = (case.positions.n(), case.positions.d);
    let whole = covariance(&*case.structure, phi, &case.positions, Order::Value).value;
    for kept in [(0..n).filter(|i| i % 2 == 0).collect(), (1..n).collect(), vec![n - 1, 0]] {
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

//! The inverse of the numerator relationship matrix A of a pedigree, with inbreeding.
//!
//! ```text
//!     A = T D T',    A⁻¹ = Σ_i w_i w_i' / d_i,    w_i = e_i − ½ e_sire − ½ e_dam
//!     d_i = 1 − ¼ Σ_known parents (1 + F_parent),    F_i = ½ a(sire, dam)
//! ```
//!
//! T traces the flow of genes from parents to offspring and D holds the Mendelian sampling variances
//! (Henderson 1976, Biometrics 32, 69; Quaas 1976, Biometrics 32, 949). A⁻¹ has at most nine entries
//! per animal, A is never formed. Only F needs work: d needs the F of the parents (Meuwissen and Luo
//! 1992, Genet. Sel. Evol. 24, 305). It comes from columns of A, one per sire for all of its mates,
//! each from two walks over the ancestors, a = T(D(T'e)) (Colleau 2002, Genet. Sel. Evol. 34, 409;
//! Sargolzaei, Iwaisaki and Colleau 2005, J. Anim. Breed. Genet. 122, 325). Sires of one generation
//! need only the F of earlier ones, so that they are worked on side by side.

use std::sync::Mutex;

use rayon::prelude::*;

/// The code of a parent that is not known.
pub const UNKNOWN: i32 = -1;

/// Families that a thread takes at a time.
const FAMILIES: usize = 16;

/// What is wrong with a pedigree, by the numbers of the animals.
#[derive(Debug, Clone, PartialEq)]
pub enum PedigreeError {
    /// Every animal is a parent of the one before it, and the first one of the last.
    Loop(Vec<usize>),
    /// Parents so inbred that no variance within their offspring is left in floating point.
    NoVariance(usize),
}

/// A⁻¹ by compressed columns, rows ascending, both triangles, with what it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Relationship {
    /// F of each animal.
    pub inbreeding: Vec<f64>,
    /// Where each column begins, and the end.
    pub starts: Vec<i32>,
    /// Row of each entry.
    pub rows: Vec<i32>,
    /// Value of each entry.
    pub values: Vec<f64>,
    /// log |A|.
    pub log_det: f64,
}

/// The inverse relationship matrix of animals numbered from 0, in any order.
///
/// `sires` and `dams` hold the number of each animal's parent or [`UNKNOWN`]; an animal may be both,
/// and its own mate.
///
/// # Errors
///
/// If an animal is its own ancestor, or A is singular in floating point.
pub fn relationship(sires: &[i32], dams: &[i32]) -> Result<Relationship, PedigreeError> {
    let parents: Vec<Parents> = sires.iter().zip(dams).map(|(&s, &d)| [s, d]).collect();
    let generations = generations(&parents)?;
    let inbreeding = inbreeding(&parents, &generations);
    let variances: Vec<f64> = parents.iter().map(|&p| sampling_variance(p, &inbreeding)).collect();
    if let Some(animal) = variances.iter().position(|&d| d <= 0.0) {
        return Err(PedigreeError::NoVariance(animal));
    }
    let (starts, rows, values) = inverse(&parents, &variances);
    let log_det = variances.iter().map(|d| d.ln()).sum();
    Ok(Relationship { inbreeding, starts, rows, values, log_det })
}

type Parents = [i32; 2];

fn known(parents: Parents) -> impl Iterator<Item = usize> {
    parents.into_iter().filter(|&p| p != UNKNOWN).map(|p| p as usize)
}

/// d: what is left of the variance of an animal when its parents are known.
fn sampling_variance(parents: Parents, inbreeding: &[f64]) -> f64 {
    1.0 - known(parents).map(|p| 0.25 * (1.0 + inbreeding[p])).sum::<f64>()
}

/// The longest line of ancestors of each animal: 0 for founders, parents always less.
fn generations(parents: &[Parents]) -> Result<Vec<u32>, PedigreeError> {
    const NEW: u32 = u32::MAX;
    const OPEN: u32 = u32::MAX - 1;
    let mut found = vec![NEW; parents.len()];
    let mut path: Vec<(usize, usize)> = Vec::new();
    for root in 0..parents.len() {
        if found[root] == NEW {
            found[root] = OPEN;
            path.push((root, 0));
        }
        while let Some((animal, next)) = path.last_mut() {
            let Some(&parent) = parents[*animal].get(*next) else {
                let oldest = known(parents[*animal]).map(|p| found[p] + 1).max();
                found[*animal] = oldest.unwrap_or(0);
                path.pop();
                continue;
            };
            *next += 1;
            match parent {
                UNKNOWN => {}
                p if found[p as usize] == NEW => {
                    found[p as usize] = OPEN;
                    path.push((p as usize, 0));
                }
                p if found[p as usize] == OPEN => return Err(loop_from(&path, p as usize)),
                _ => {}
            }
        }
    }
    Ok(found)
}

/// The part of a path of parents that returns to `animal`.
fn loop_from(path: &[(usize, usize)], animal: usize) -> PedigreeError {
    let members = path.iter().map(|&(member, _)| member).skip_while(|&member| member != animal);
    PedigreeError::Loop(members.collect())
}

/// Children of one pair: places in the list of children, and the second parent.
struct Mate {
    animal: usize,
    children: std::ops::Range<usize>,
}

/// One first parent with all of its mates.
struct Family {
    animal: usize,
    mates: Vec<Mate>,
}

fn inbreeding(parents: &[Parents], generations: &[u32]) -> Vec<f64> {
    let children = children_by_pair(parents);
    let mut levels: Vec<Vec<Family>> = Vec::new();
    for family in families(parents, &children) {
        let level = generations[family.animal] as usize;
        levels.resize_with(levels.len().max(level + 1), Vec::new);
        levels[level].push(family);
    }
    let mut inbreeding = vec![0.0; parents.len()];
    let idle: Mutex<Vec<Walk>> = Mutex::new(Vec::new());
    for level in levels {
        let found: Vec<(usize, f64)> = level
            .par_chunks(FAMILIES)
            .flat_map_iter(|families| {
                let waiting = idle.lock().ok().and_then(|mut walks| walks.pop());
                let mut walk = waiting.unwrap_or_else(|| Walk::new(parents.len()));
                let mut pairs = Vec::new();
                for family in families {
                    walk.column(family, parents, generations, &inbreeding, &mut pairs);
                }
                if let Ok(mut walks) = idle.lock() {
                    walks.push(walk);
                }
                pairs.into_iter().flat_map(|(range, f)| range.map(move |place| (place, f)))
            })
            .collect();
        for (place, f) in found {
            inbreeding[children[place].0] = f;
        }
    }
    inbreeding
}

/// Animals whose parents are both known, children of one pair together and pairs of one first parent
/// together. The first parent is the sire or the dam, whichever are fewer.
fn children_by_pair(parents: &[Parents]) -> Vec<(usize, Parents)> {
    let distinct = |side: usize| {
        let mut seen = vec![false; parents.len()];
        parents.iter().filter(|p| p[side] != UNKNOWN).for_each(|p| seen[p[side] as usize] = true);
        seen.into_iter().filter(|&is_parent| is_parent).count()
    };
    let first = usize::from(distinct(1) < distinct(0));
    let mut children: Vec<(usize, Parents)> = parents
        .iter()
        .enumerate()
        .filter(|(_, pair)| !pair.contains(&UNKNOWN))
        .map(|(animal, pair)| (animal, [pair[first], pair[1 - first]]))
        .collect();
    children.par_sort_unstable_by_key(|&(animal, pair)| (pair, animal));
    children
}

fn families(parents: &[Parents], children: &[(usize, Parents)]) -> Vec<Family> {
    debug_assert!(children.len() <= parents.len());
    let mut families: Vec<Family> = Vec::new();
    let mut begin = 0;
    for pair in children.chunk_by(|a, b| a.1 == b.1) {
        let [first, second] = pair[0].1.map(|p| p as usize);
        let mate = Mate { animal: second, children: begin..begin + pair.len() };
        begin += pair.len();
        match families.last_mut() {
            Some(family) if family.animal == first => family.mates.push(mate),
            _ => families.push(Family { animal: first, mates: vec![mate] }),
        }
    }
    families
}

/// The memory of walks over ancestors: zero and empty between them.
struct Walk {
    flow: Vec<f64>,
    seen: Vec<bool>,
    by_generation: Vec<Vec<u32>>,
}

impl Walk {
    fn new(n: usize) -> Self {
        Self { flow: vec![0.0; n], seen: vec![false; n], by_generation: Vec::new() }
    }

    /// F of the children of `family`: half of the entries of its animal's column of A at the mates.
    fn column(
        &mut self,
        family: &Family,
        parents: &[Parents],
        generations: &[u32],
        inbreeding: &[f64],
        pairs: &mut Vec<(std::ops::Range<usize>, f64)>,
    ) {
        self.meet(family.animal, generations);
        self.flow[family.animal] = 1.0;
        self.ascend(parents, generations, |flow, animal| {
            let half = 0.5 * flow[animal];
            known(parents[animal]).for_each(|p| flow[p] += half);
            flow[animal] *= sampling_variance(parents[animal], inbreeding);
        });
        for mate in &family.mates {
            self.meet(mate.animal, generations);
        }
        self.ascend(parents, generations, |_, _| {});
        self.descend(parents);
        let f = |mate: &Mate| (mate.children.clone(), 0.5 * self.flow[mate.animal]);
        pairs.extend(family.mates.iter().map(f));
        self.clear();
    }

    /// Adds an animal that was not met before.
    fn meet(&mut self, animal: usize, generations: &[u32]) {
        if !self.seen[animal] {
            self.seen[animal] = true;
            let generation = generations[animal] as usize;
            if self.by_generation.len() <= generation {
                self.by_generation.resize_with(generation + 1, Vec::new);
            }
            self.by_generation[generation].push(animal as u32);
        }
    }

    /// Meets all ancestors; every animal's turn comes after that of all its descendants.
    fn ascend(
        &mut self,
        parents: &[Parents],
        generations: &[u32],
        mut turn: impl FnMut(&mut [f64], usize),
    ) {
        for generation in (0..self.by_generation.len()).rev() {
            for place in 0..self.by_generation[generation].len() {
                let animal = self.by_generation[generation][place] as usize;
                known(parents[animal]).for_each(|p| self.meet(p, generations));
                turn(&mut self.flow, animal);
            }
        }
    }

    /// x = T w over all animals met: parents before offspring.
    fn descend(&mut self, parents: &[Parents]) {
        for &animal in self.by_generation.iter().flatten() {
            let from_parents: f64 = known(parents[animal as usize]).map(|p| self.flow[p]).sum();
            self.flow[animal as usize] += 0.5 * from_parents;
        }
    }

    fn clear(&mut self) {
        for generation in &mut self.by_generation {
            for animal in generation.drain(..) {
                self.flow[animal as usize] = 0.0;
                self.seen[animal as usize] = false;
            }
        }
    }
}

/// The entries that one animal adds to A⁻¹: (row, column, value).
fn contributions(animal: usize, parents: Parents, d: f64) -> impl Iterator<Item = (u32, u32, f64)> {
    let w = [(animal as i32, 1.0), (parents[0], -0.5), (parents[1], -0.5)];
    let is_known = |&(i, _): &(i32, f64)| i != UNKNOWN;
    w.into_iter().filter(is_known).flat_map(move |(i, a)| {
        w.into_iter().filter(is_known).map(move |(j, b)| (i as u32, j as u32, a * b / d))
    })
}

/// A⁻¹ by compressed columns: two stable counting sorts, by row and by column, then sums.
fn inverse(parents: &[Parents], variances: &[f64]) -> (Vec<i32>, Vec<i32>, Vec<f64>) {
    let n = parents.len();
    let entries = || {
        let animals = parents.iter().zip(variances).enumerate();
        animals.flat_map(|(animal, (&pair, &d))| contributions(animal, pair, d))
    };
    let mut counts = vec![0_usize; n + 1];
    entries().for_each(|(row, _, _)| counts[row as usize + 1] += 1);
    (0..n).for_each(|i| counts[i + 1] += counts[i]);
    let (by_row, begins) = (counts.clone(), counts);
    let by_rows = placed(entries(), by_row, |&(row, _, _)| row as usize);
    // The pattern is symmetric, so that rows and columns have the same counts.
    let sorted = placed(by_rows.into_iter(), begins, |&(_, column, _)| column as usize);
    let mut starts = vec![0_i32; n + 1];
    let (mut rows, mut values): (Vec<i32>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut last = None;
    for (row, column, value) in sorted {
        if last == Some((row, column)) {
            values[rows.len() - 1] += value;
        } else {
            rows.push(row as i32);
            values.push(value);
            starts[column as usize + 1] += 1;
            last = Some((row, column));
        }
    }
    (0..n).for_each(|i| starts[i + 1] += starts[i]);
    (starts, rows, values)
}

/// Entries in the order of their keys, those of one key in the order given; `places` holds where
/// each key begins, and the end.
fn placed(
    entries: impl Iterator<Item = (u32, u32, f64)>,
    mut places: Vec<usize>,
    key: impl Fn(&(u32, u32, f64)) -> usize,
) -> Vec<(u32, u32, f64)> {
    let mut sorted = vec![(0, 0, 0.0); places[places.len() - 1]];
    for entry in entries {
        let place = &mut places[key(&entry)];
        sorted[*place] = entry;
        *place += 1;
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row by row, parents first: the tabular method.
    fn tabular(parents: &[Parents]) -> Vec<Vec<f64>> {
        let n = parents.len();
        let mut a = vec![vec![0.0; n]; n];
        for i in 0..n {
            for j in 0..i {
                let value = 0.5 * known(parents[i]).map(|p| a[p][j]).sum::<f64>();
                (a[i][j], a[j][i]) = (value, value);
            }
            let [s, d] = parents[i];
            let both = s != UNKNOWN && d != UNKNOWN;
            a[i][i] = 1.0 + if both { 0.5 * a[s as usize][d as usize] } else { 0.0 };
        }
        a
    }

    /// Parents drawn from the animals before, selfing included; a tenth of them unknown.
    fn random(n: usize, mut state: u64) -> Vec<Parents> {
        let mut draw = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let mut parent = |i: usize| if i < 3 || draw(10) == 0 { UNKNOWN } else { draw(i) as i32 };
        (0..n).map(|i| [parent(i), parent(i)]).collect()
    }

    fn columns(parents: &[Parents]) -> (Vec<i32>, Vec<i32>) {
        parents.iter().map(|p| (p[0], p[1])).unzip()
    }

    #[test]
    fn inverse_and_inbreeding_are_those_of_the_tabular_method() {
        for seed in 0..20 {
            let n = 5 + 4 * seed as usize;
            let parents = random(n, seed);
            let a = tabular(&parents);
            let (sires, dams) = columns(&parents);
            let found = relationship(&sires, &dams).unwrap();
            for i in 0..n {
                assert!((found.inbreeding[i] - (a[i][i] - 1.0)).abs() < 1e-12);
            }
            for j in 0..n {
                let mut product = vec![0.0; n];
                let column = found.starts[j] as usize..found.starts[j + 1] as usize;
                assert!(found.rows[column.clone()].is_sorted_by(|a, b| a < b));
                for entry in column {
                    let row = found.rows[entry] as usize;
                    (0..n).for_each(|i| product[i] += a[i][row] * found.values[entry]);
                }
                for i in 0..n {
                    assert!((product[i] - f64::from(u8::from(i == j))).abs() < 1e-9);
                }
            }
        }
    }

    #[test]
    fn the_order_of_the_animals_does_not_matter() {
        let parents = random(60, 7);
        let n = parents.len() as i32;
        let turn = |p: i32| if p == UNKNOWN { p } else { n - 1 - p };
        let turned: Vec<Parents> = parents.iter().rev().map(|p| p.map(turn)).collect();
        let ((s, d), (s2, d2)) = (columns(&parents), columns(&turned));
        let (first, second) = (relationship(&s, &d).unwrap(), relationship(&s2, &d2).unwrap());
        assert!((first.log_det - second.log_det).abs() < 1e-12);
        let back = second.inbreeding.iter().rev();
        assert!(first.inbreeding.iter().zip(back).all(|(a, b)| (a - b).abs() < 1e-14));
    }

    #[test]
    fn loops_are_named() {
        let error = relationship(&[1, 2, 0, -1], &[3, -1, 3, -1]).unwrap_err();
        assert_eq!(error, PedigreeError::Loop(vec![0, 1, 2]));
        assert_eq!(relationship(&[0], &[-1]).unwrap_err(), PedigreeError::Loop(vec![0]));
    }

    #[test]
    fn selfing_for_ever_leaves_no_variance() {
        let parents: Vec<i32> = (-1..70).collect();
        let error = relationship(&parents, &parents).unwrap_err();
        assert!(matches!(error, PedigreeError::NoVariance(animal) if animal > 50));
    }
}

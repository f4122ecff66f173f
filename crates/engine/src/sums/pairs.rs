//! Sums by pairs of levels of two factors that occur together: sparse blocks Z_i'WZ_j.
//!
//! Rows come in pieces. Each makes a *run*, a sparse matrix of its own; runs of like size are merged,
//! so that every number is moved a logarithmic number of times.

use rayon::prelude::*;

use super::compensated::add;
use super::double::Double;

/// Lists of the levels of the second factor by level of the first, in ascending order, with a block
/// for each.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Where the list of each level of the first factor starts, and the end.
    pub pointers: Vec<usize>,
    /// Levels of the second factor.
    pub indices: Vec<u32>,
    /// The blocks.
    pub values: Cells,
}

/// Blocks of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Cells {
    /// All are one: random intercepts without weights whose levels meet in one row.
    Ones,
    /// Numbers of rows.
    Counts(Vec<u32>),
    /// Per block the sums, then what rounding left out of them; `size` of each.
    Sums { size: usize, values: Vec<f64> },
}

impl Cells {
    /// One block of `size` numbers.
    pub fn block(&self, entry: usize, size: usize) -> Vec<Double> {
        let whole = |count: f64| vec![Double { high: count, low: 0.0 }];
        match self {
            Self::Ones => whole(1.0),
            Self::Counts(counts) => whole(f64::from(counts[entry])),
            Self::Sums { values, .. } => {
                let (high, low) = values[2 * size * entry..][..2 * size].split_at(size);
                let both = high.iter().zip(low);
                both.map(|(&high, &low)| Double { high, low }).collect()
            }
        }
    }

    /// The blocks as sums of `size` numbers each; one where they count.
    fn as_sums(&self, size: usize, n: usize) -> Vec<f64> {
        let pairs = |count: &dyn Fn(usize) -> f64| (0..n).flat_map(|i| [count(i), 0.0]).collect();
        match self {
            Self::Sums { values, .. } => values.clone(),
            Self::Ones => {
                debug_assert_eq!(size, 1);
                pairs(&|_| 1.0)
            }
            Self::Counts(counts) => pairs(&|i| f64::from(counts[i])),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Ones => 0,
            Self::Counts(counts) => size_of::<u32>() * counts.len(),
            Self::Sums { values, .. } => size_of::<f64>() * values.len(),
        }
    }
}

/// The sums of a pair of factors.
#[derive(Debug, Clone, PartialEq)]
pub struct PairSums {
    /// The first factor.
    pub first: usize,
    /// The second, with a larger index.
    pub second: usize,
    /// Numbers per block.
    pub size: usize,
    runs: Vec<Run>,
}

/// The blocks of the rows that are added.
pub enum Rows<'a> {
    /// One for each.
    Ones,
    /// Writes the block of a row, by columns.
    Blocks(&'a (dyn Fn(usize, &mut [f64]) + Sync)),
}

impl PairSums {
    /// No rows yet.
    pub fn new(first: usize, second: usize, size: usize) -> Self {
        Self { first, second, size, runs: Vec::new() }
    }

    /// Adds rows with levels `a` of the first and `b` of the second factor.
    pub fn push(&mut self, a: &[i32], b: &[i32], n_levels: usize, rows: &Rows<'_>) {
        if a.is_empty() {
            return;
        }
        self.add_run(match rows {
            Rows::Ones => counted(a, b, n_levels),
            Rows::Blocks(block) => summed(a, b, n_levels, self.size, block),
        });
    }

    /// Adds other sums.
    pub fn merge(&mut self, other: Self) {
        other.runs.into_iter().for_each(|run| self.add_run(run));
    }

    fn add_run(&mut self, run: Run) {
        self.runs.push(run);
        while let [.., before, last] = self.runs.as_slice()
            && before.indices.len() <= 2 * last.indices.len()
        {
            self.merge_last();
        }
    }

    fn merge_last(&mut self) {
        if let (Some(last), Some(before)) = (self.runs.pop(), self.runs.pop()) {
            self.runs.push(merged(&before, &last, self.size));
        }
    }

    fn settle(&mut self) {
        while self.runs.len() > 1 {
            self.merge_last();
        }
    }

    /// All blocks as one run, with a list for each of `n_levels`.
    pub fn into_run(mut self, n_levels: usize) -> Run {
        self.settle();
        let none = || Run { pointers: vec![0], indices: vec![], values: Cells::Ones };
        let mut run = self.runs.pop().unwrap_or_else(none);
        run.pointers.resize(n_levels + 1, run.indices.len());
        run
    }

    /// Whether every level of one of the groups, which has `n_levels`, meets one of the other alone.
    pub fn is_nested(&self, group: usize, n_levels: usize) -> bool {
        let mut met = vec![u32::MAX; n_levels];
        let mut meets = |level: usize, other: u32| {
            let known = std::mem::replace(&mut met[level], other);
            known == u32::MAX || known == other
        };
        self.runs.iter().all(|run| {
            run.pointers.windows(2).enumerate().all(|(a, ends)| {
                let mut list = run.indices[ends[0]..ends[1]].iter();
                list.all(|&b| match group == self.first {
                    true => meets(a, b),
                    false => meets(b as usize, a as u32),
                })
            })
        })
    }

    /// The runs, for what keeps them.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// From runs that were kept.
    pub fn of_runs(first: usize, second: usize, size: usize, runs: Vec<Run>) -> Self {
        Self { first, second, size, runs }
    }

    /// The same blocks where levels have other codes.
    pub fn relabel(&mut self, group: usize, codes: &[i32], n_levels: usize) {
        for run in &mut self.runs {
            *run = if group == self.first {
                with_rows(run, codes, n_levels, self.size)
            } else {
                with_indices(run, codes, self.size)
            };
        }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let of = |run: &Run| {
            size_of::<usize>() * run.pointers.len() + 4 * run.indices.len() + run.values.bytes()
        };
        self.runs.iter().map(of).sum()
    }
}

/// Rows by level of the first factor: pointers, and `carry` of every row.
fn sorted_rows<T: Copy + Default>(
    a: &[i32],
    n_levels: usize,
    carry: impl Fn(usize) -> T,
) -> (Vec<usize>, Vec<T>) {
    let mut pointers = vec![0usize; n_levels + 1];
    a.iter().for_each(|&level| pointers[level as usize + 1] += 1);
    (0..n_levels).for_each(|i| pointers[i + 1] += pointers[i]);
    let mut next = pointers.clone();
    let mut out = vec![T::default(); a.len()];
    for (row, &level) in a.iter().enumerate() {
        let at = &mut next[level as usize];
        out[*at] = carry(row);
        *at += 1;
    }
    (pointers, out)
}

/// Pieces of `values` by row of a sparse matrix, for tasks.
fn by_row<'a, T>(pointers: &[usize], mut values: &'a mut [T]) -> Vec<&'a mut [T]> {
    let mut out = Vec::with_capacity(pointers.len() - 1);
    for ends in pointers.windows(2) {
        let (mine, rest) = values.split_at_mut(ends[1] - ends[0]);
        out.push(mine);
        values = rest;
    }
    out
}

fn counted(a: &[i32], b: &[i32], n_levels: usize) -> Run {
    let (pointers, mut indices) = sorted_rows(a, n_levels, |row| b[row] as u32);
    by_row(&pointers, &mut indices)
        .into_par_iter()
        .with_min_len(512)
        .for_each(<[u32]>::sort_unstable);
    let repeated = |ends: &[usize]| indices[ends[0]..ends[1]].windows(2).any(|w| w[0] == w[1]);
    if !pointers.par_windows(2).with_min_len(512).any(repeated) {
        return Run { pointers, indices, values: Cells::Ones };
    }
    let mut counts: Vec<u32> = Vec::with_capacity(indices.len());
    let (mut kept, mut starts) = (0, Vec::with_capacity(pointers.len()));
    starts.push(0);
    for ends in pointers.windows(2) {
        let first = kept;
        for i in ends[0]..ends[1] {
            if kept > first && indices[kept - 1] == indices[i] {
                counts[kept - 1] += 1;
            } else {
                indices[kept] = indices[i];
                counts.push(1);
                kept += 1;
            }
        }
        starts.push(kept);
    }
    indices.truncate(kept);
    Run { pointers: starts, indices, values: Cells::Counts(counts) }
}

fn summed(
    a: &[i32],
    b: &[i32],
    n_levels: usize,
    size: usize,
    block: &(dyn Fn(usize, &mut [f64]) + Sync),
) -> Run {
    let (pointers, mut rows) = sorted_rows(a, n_levels, |row| row as u32);
    let by_level = |list: &mut [u32]| list.sort_by_key(|&row| b[row as usize]);
    by_row(&pointers, &mut rows).into_par_iter().with_min_len(512).for_each(by_level);
    let (mut indices, mut values) = (Vec::new(), Vec::new());
    let (mut starts, mut one) = (vec![0usize], vec![0.0; size]);
    for ends in pointers.windows(2) {
        let first = indices.len();
        for &row in &rows[ends[0]..ends[1]] {
            let level = b[row as usize] as u32;
            if indices.len() == first || indices.last() != Some(&level) {
                indices.push(level);
                values.resize(values.len() + 2 * size, 0.0);
            }
            block(row as usize, &mut one);
            let start = values.len() - 2 * size;
            let (high, low) = values[start..].split_at_mut(size);
            (high.iter_mut().zip(low)).zip(&one).for_each(|((high, low), x)| add(high, low, *x));
        }
        starts.push(indices.len());
    }
    Run { pointers: starts, indices, values: Cells::Sums { size, values } }
}

/// What two runs hold together.
fn merged(a: &Run, b: &Run, size: usize) -> Run {
    let n_levels = a.pointers.len().max(b.pointers.len()) - 1;
    let of = |run: &Run, i: usize| {
        if i + 1 < run.pointers.len() { run.pointers[i]..run.pointers[i + 1] } else { 0..0 }
    };
    let union = |i: usize, each: &mut dyn FnMut(u32, Option<usize>, Option<usize>)| {
        let (mut left, mut right) = (of(a, i), of(b, i));
        loop {
            let (x, y) = (left.clone().next(), right.clone().next());
            let (u, v) = (x.map(|x| a.indices[x]), y.map(|y| b.indices[y]));
            let Some(index) = u.into_iter().chain(v).min() else { break };
            let (x, y) = (x.filter(|_| u == Some(index)), y.filter(|_| v == Some(index)));
            each(index, x, y);
            left.start += usize::from(x.is_some());
            right.start += usize::from(y.is_some());
        }
    };
    let sizes: Vec<usize> = (0..n_levels)
        .into_par_iter()
        .with_min_len(512)
        .map(|i| {
            let mut n = 0;
            union(i, &mut |_, _, _| n += 1);
            n
        })
        .collect();
    let mut pointers = vec![0usize; n_levels + 1];
    (0..n_levels).for_each(|i| pointers[i + 1] = pointers[i] + sizes[i]);
    let total = pointers[n_levels];
    let mut indices = vec![0u32; total];
    let lists = by_row(&pointers, &mut indices);
    lists.into_par_iter().with_min_len(512).enumerate().for_each(|(i, list)| {
        let mut at = 0;
        union(i, &mut |index, _, _| {
            list[at] = index;
            at += 1;
        });
    });
    let values = merged_values(a, b, size, total, &union, n_levels);
    Run { pointers, indices, values }
}

type Union<'a> = dyn Fn(usize, &mut dyn FnMut(u32, Option<usize>, Option<usize>)) + 'a;

fn merged_values(
    a: &Run,
    b: &Run,
    size: usize,
    total: usize,
    union: &Union<'_>,
    n_levels: usize,
) -> Cells {
    let disjoint = total == a.indices.len() + b.indices.len();
    let is_sum = |cells: &Cells| matches!(cells, Cells::Sums { .. });
    match (&a.values, &b.values) {
        (Cells::Ones, Cells::Ones) if disjoint => Cells::Ones,
        (x, y) if !is_sum(x) && !is_sum(y) => {
            let count = |cells: &Cells, i: Option<usize>| match (cells, i) {
                (Cells::Counts(counts), Some(i)) => counts[i],
                (_, Some(_)) => 1,
                (_, None) => 0,
            };
            let mut counts = Vec::with_capacity(total);
            for i in 0..n_levels {
                union(i, &mut |_, left, right| counts.push(count(x, left) + count(y, right)));
            }
            Cells::Counts(counts)
        }
        (x, y) => {
            let x = x.as_sums(size, a.indices.len());
            let y = y.as_sums(size, b.indices.len());
            let mut values = vec![0.0; 2 * size * total];
            let mut blocks = values.chunks_exact_mut(2 * size);
            for i in 0..n_levels {
                union(i, &mut |_, left, right| {
                    let Some(block) = blocks.next() else { return };
                    let (high, low) = block.split_at_mut(size);
                    let parts = left.map(|i| &x[2 * size * i..]).into_iter();
                    for part in parts.chain(right.map(|i| &y[2 * size * i..])) {
                        for c in 0..size {
                            add(&mut high[c], &mut low[c], part[c]);
                            add(&mut high[c], &mut low[c], part[size + c]);
                        }
                    }
                });
            }
            Cells::Sums { size, values }
        }
    }
}

/// Copies entries of a run in another order.
fn taken(values: &Cells, order: &[usize], size: usize) -> Cells {
    match values {
        Cells::Ones => Cells::Ones,
        Cells::Counts(counts) => Cells::Counts(order.iter().map(|&i| counts[i]).collect()),
        Cells::Sums { values, .. } => {
            let block = |&i: &usize| &values[2 * size * i..2 * size * (i + 1)];
            Cells::Sums { size, values: order.iter().flat_map(block).copied().collect() }
        }
    }
}

/// List i becomes list `codes[i]` of `n_levels`.
fn with_rows(run: &Run, codes: &[i32], n_levels: usize, size: usize) -> Run {
    let mut source = vec![usize::MAX; n_levels];
    codes.iter().enumerate().for_each(|(from, &to)| source[to as usize] = from);
    let range = |from: usize| match from + 1 < run.pointers.len() {
        true => run.pointers[from]..run.pointers[from + 1],
        false => 0..0,
    };
    let list = |&from: &usize| if from == usize::MAX { 0..0 } else { range(from) };
    let mut pointers = vec![0usize];
    for from in &source {
        pointers.push(pointers[pointers.len() - 1] + list(from).len());
    }
    let indices = source.iter().flat_map(|from| &run.indices[list(from)]).copied().collect();
    let values = match &run.values {
        Cells::Ones => Cells::Ones,
        values => taken(values, &source.iter().flat_map(list).collect::<Vec<_>>(), size),
    };
    Run { pointers, indices, values }
}

/// Level j of the second factor becomes `codes[j]`.
fn with_indices(run: &Run, codes: &[i32], size: usize) -> Run {
    let new = |i: usize| codes[run.indices[i] as usize] as u32;
    if run.values == Cells::Ones {
        let mut indices: Vec<u32> = (0..run.indices.len()).map(new).collect();
        let lists = by_row(&run.pointers, &mut indices);
        lists.into_par_iter().with_min_len(512).for_each(<[u32]>::sort_unstable);
        return Run { pointers: run.pointers.clone(), indices, values: Cells::Ones };
    }
    let mut order: Vec<usize> = (0..run.indices.len()).collect();
    let lists = by_row(&run.pointers, &mut order);
    lists.into_par_iter().with_min_len(512).for_each(|list| list.sort_unstable_by_key(|&i| new(i)));
    let indices = order.iter().map(|&i| new(i)).collect();
    Run { pointers: run.pointers.clone(), indices, values: taken(&run.values, &order, size) }
}

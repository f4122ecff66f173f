//! Which factor is eliminated, which are left to conjugate gradients, and which are so small that
//! they are columns like those of X.
//!
//! * **eliminated**: the factor with the most scalar rows. Its part of M is block diagonal.
//! * **large**: the unknowns of the Schur complement.
//! * **small**: factors of few levels. Their columns join those of X as right-hand sides, and their
//!   random effects are integrated out of a small dense matrix at the end, exactly.

use rayon::prelude::*;

use super::panel::{Row, add_block};
use crate::sums::{BlockValues, Condensed, SparseBlocks};

/// Scalar rows of all small factors together.
const SMALL: usize = 64;

/// Least work of a task, in visits to rows.
const LEAST: usize = 8192;

/// Tasks of a side at most: many more than threads, so that none waits for long.
const TASKS: usize = 512;

/// The factors by what becomes of them.
#[derive(Debug, Clone)]
pub struct Roles {
    /// The eliminated factor.
    pub eliminated: Side,
    /// The large factors, one behind the other.
    pub large: Side,
    /// Small factors: (factor, columns per level, first of their right-hand columns).
    pub small: Vec<(usize, usize, usize)>,
    /// Right-hand columns of the small factors.
    pub n_small: usize,
}

/// One factor within a side.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// The factor.
    pub factor: usize,
    /// Scalar rows per level.
    pub q: usize,
    /// Its levels.
    pub levels: usize,
    /// Its first scalar row.
    pub row: usize,
    /// The first number of its q × q blocks.
    pub block: usize,
}

/// Some consecutive levels.
#[derive(Debug, Clone, Copy)]
struct Task {
    span: usize,
    first: usize,
    last: usize,
}

/// Factors whose scalar rows make one vector.
#[derive(Debug, Clone)]
pub struct Side {
    /// Its factors.
    pub spans: Vec<Span>,
    /// Scalar rows.
    pub rows: usize,
    /// Numbers in q × q blocks of all levels.
    pub blocks: usize,
    tasks: Vec<Task>,
}

impl Roles {
    /// Decides by the sizes of the factors alone.
    pub fn new(condensed: &Condensed) -> Self {
        let rows = |f: usize| condensed.n_levels[f] * condensed.templates.widths[f];
        let mut order: Vec<usize> = (0..condensed.n_levels.len()).collect();
        order.sort_by_key(|&f| rows(f));
        let eliminated = order.pop().map_or(vec![], |f| vec![f]);
        let (mut small, mut large, mut n_small) = (vec![], vec![], 0);
        for f in order {
            if n_small + rows(f) <= SMALL {
                small.push((f, condensed.templates.widths[f], n_small));
                n_small += rows(f);
            } else {
                large.push(f);
            }
        }
        large.sort_unstable();
        let visited: Vec<usize> = eliminated.iter().chain(&large).copied().collect();
        Self {
            eliminated: Side::new(condensed, &eliminated, &visited),
            large: Side::new(condensed, &large, &visited),
            small,
            n_small,
        }
    }
}

impl Roles {
    /// Behind the last column of the small factor whose first is given.
    pub fn end_of(&self, first: usize) -> usize {
        self.small.iter().map(|s| s.2).find(|&next| next > first).unwrap_or(self.n_small)
    }
}

impl Side {
    /// `visited` are the factors whose levels an operation on this side visits.
    fn new(condensed: &Condensed, factors: &[usize], visited: &[usize]) -> Self {
        let mut out = Self { spans: vec![], rows: 0, blocks: 0, tasks: vec![] };
        for &factor in factors {
            let (q, levels) = (condensed.templates.widths[factor], condensed.n_levels[factor]);
            let span = Span { factor, q, levels, row: out.rows, block: out.blocks };
            out.rows += levels * q;
            out.blocks += levels * q * q;
            out.spans.push(span);
        }
        out.tasks = out.divided(condensed, visited);
        out
    }

    fn divided(&self, condensed: &Condensed, visited: &[usize]) -> Vec<Task> {
        let lists = |span: &Span| -> Vec<&SparseBlocks> {
            let others = visited.iter().filter(|&&g| g != span.factor);
            others.map(|&g| condensed.pair(span.factor, g)).collect()
        };
        let cost = |lists: &[&SparseBlocks], j: usize| {
            4 + lists.iter().map(|l| l.pointers[j + 1] - l.pointers[j]).sum::<usize>()
        };
        let all = self
            .spans
            .iter()
            .map(|s| 4 * s.levels + lists(s).iter().map(|l| l.indices.len()).sum::<usize>());
        let enough = (all.sum::<usize>() / TASKS).max(LEAST);
        let mut tasks = vec![];
        for (at, span) in self.spans.iter().enumerate() {
            let lists = lists(span);
            let (mut first, mut work) = (0, 0);
            for level in 0..span.levels {
                work += cost(&lists, level);
                if work >= enough || level + 1 == span.levels {
                    tasks.push(Task { span: at, first, last: level + 1 });
                    (first, work) = (level + 1, 0);
                }
            }
        }
        tasks
    }

    /// Calls `run` for every level with its part of `out`, which has `size(span)` items per level.
    fn each_part<T: Send>(
        &self,
        out: &mut [T],
        size: impl Fn(&Span) -> usize,
        run: impl Fn(&Span, usize, &mut [T]) + Sync,
    ) {
        let mut parts = Vec::with_capacity(self.tasks.len());
        let mut rest = out;
        for task in &self.tasks {
            let each = size(&self.spans[task.span]);
            let (mine, after) = rest.split_at_mut((task.last - task.first) * each);
            parts.push((task, each, mine));
            rest = after;
        }
        parts.into_par_iter().for_each(|(task, each, mine)| {
            let span = &self.spans[task.span];
            for (level, part) in (task.first..task.last).zip(mine.chunks_exact_mut(each)) {
                run(span, level, part);
            }
        });
    }

    /// Calls `run` for every level with its scalar rows of `out`.
    pub fn each<R: Row>(&self, out: &mut [R], run: impl Fn(&Span, usize, &mut [R]) + Sync) {
        self.each_part(out, |span| span.q, run);
    }

    /// Calls `run` for every level with its q × q block of `out`.
    pub fn each_block(&self, out: &mut [f64], run: impl Fn(&Span, usize, &mut [f64]) + Sync) {
        self.each_part(out, |span| span.q * span.q, run);
    }

    /// One sum per task, in a fixed order: `add` is called for every level of the task.
    pub fn sums<T: Send>(
        &self,
        zero: impl Fn(&Span) -> T + Sync,
        add: impl Fn(&mut T, &Span, usize) + Sync,
    ) -> Vec<(usize, T)> {
        let one = |task: &Task| {
            let span = &self.spans[task.span];
            let mut sum = zero(span);
            (task.first..task.last).for_each(|level| add(&mut sum, span, level));
            (span.factor, sum)
        };
        self.tasks.par_iter().map(one).collect()
    }
}

impl Span {
    /// The scalar rows of a level.
    #[inline(always)]
    pub fn rows(&self, level: usize) -> std::ops::Range<usize> {
        let start = self.row + level * self.q;
        start..start + self.q
    }

    /// The block of a level.
    #[inline(always)]
    pub fn block(&self, level: usize) -> std::ops::Range<usize> {
        let start = self.block + level * self.q * self.q;
        start..start + self.q * self.q
    }
}

/// out += f A x, A being the blocks of one level, and x the scalar rows of the other factor.
#[inline(always)]
pub fn pull<R: Row>(
    blocks: &SparseBlocks,
    level: usize,
    width: usize,
    f: f64,
    x: &[R],
    out: &mut [R],
) {
    let range = blocks.pointers[level]..blocks.pointers[level + 1];
    let indices = &blocks.indices[range.clone()];
    match &blocks.values {
        BlockValues::Ones => {
            let mut sum = R::ZERO;
            indices.iter().for_each(|&i| sum.add(&x[i as usize]));
            out[0].add_scaled(f, &sum);
        }
        BlockValues::Counts(counts) => {
            let mut sum = R::ZERO;
            for (&i, &c) in indices.iter().zip(&counts[range]) {
                sum.add_scaled(f64::from(c), &x[i as usize]);
            }
            out[0].add_scaled(f, &sum);
        }
        BlockValues::Blocks { size, data } => {
            let data = &data[range.start * size..range.end * size];
            for (&i, a) in indices.iter().zip(data.chunks_exact(*size)) {
                add_block(a, f, &x[i as usize * width..][..width], out);
            }
        }
    }
}

/// Calls `run` with the block of every pair of one level: (the other level, the block).
#[inline(always)]
pub fn visit(blocks: &SparseBlocks, level: usize, mut run: impl FnMut(usize, &[f64])) {
    let range = blocks.pointers[level]..blocks.pointers[level + 1];
    let indices = &blocks.indices[range.clone()];
    match &blocks.values {
        BlockValues::Ones => indices.iter().for_each(|&i| run(i as usize, &[1.0])),
        BlockValues::Counts(counts) => {
            for (&i, &c) in indices.iter().zip(&counts[range]) {
                run(i as usize, &[f64::from(c)]);
            }
        }
        BlockValues::Blocks { size, data } => {
            let data = &data[range.start * size..range.end * size];
            for (&i, a) in indices.iter().zip(data.chunks_exact(*size)) {
                run(i as usize, a);
            }
        }
    }
}

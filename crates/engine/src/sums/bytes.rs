//! Sums as bytes, for other processes: little-endian numbers behind a word that tells the version.

use super::compensated::Compensated;
use super::pairs::{Cells, PairSums, Run};
use super::{Design, Sums};
use crate::data::Structure;
use crate::error::{EngineError, Result};

const WORD: &[u8; 8] = b"mmsums01";

const BROKEN: EngineError = EngineError::Structure { reason: "these bytes are no sums" };

impl Sums {
    /// All numbers.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer(WORD.to_vec());
        let design = &self.design;
        out.whole(&[design.p, design.groups, design.terms.len()]);
        for &(group, q, structure) in &design.terms {
            out.whole(&[group, q, usize::from(structure == Structure::Diagonal)]);
        }
        out.numbers(&[design.origin]);
        out.whole(&[design.constant.map_or(usize::MAX, |c| c), self.n]);
        out.sums(&self.total);
        out.sums(&self.log_weights);
        for levels in &self.levels {
            out.whole(&[levels.n_levels]);
            out.numbers(&levels.records);
        }
        for pair in &self.pairs {
            out.whole(&[pair.runs().len()]);
            pair.runs().iter().for_each(|run| out.run(run));
        }
        out.0
    }

    /// What [`Self::to_bytes`] made.
    ///
    /// # Errors
    /// If it was made by something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut from = Reader(bytes.strip_prefix(WORD).ok_or(BROKEN)?);
        let (p, groups, n_terms) = (from.one()?, from.one()?, from.one()?);
        let terms = (0..n_terms).map(|_| {
            let (group, q, diagonal) = (from.one()?, from.one()?, from.one()?);
            let structure = [Structure::Unstructured, Structure::Diagonal][diagonal.min(1)];
            Ok((group, q, structure))
        });
        let terms = terms.collect::<Result<Vec<_>>>()?;
        let origin = from.numbers(1)?[0];
        let constant = Some(from.one()?).filter(|c| *c != usize::MAX);
        let mut out = Self::new(Design { p, groups, terms, origin, constant })?;
        out.n = from.one()?;
        out.total = from.sums(out.total.high.len())?;
        out.log_weights = from.sums(1)?;
        for levels in &mut out.levels {
            levels.n_levels = from.one()?;
            levels.records = from.numbers(levels.n_levels.saturating_mul(2 * levels.width()))?;
        }
        for pair in &mut out.pairs {
            let n = from.one()?;
            let runs = (0..n).map(|_| from.run(pair.size)).collect::<Result<_>>()?;
            *pair = PairSums::of_runs(pair.first, pair.second, pair.size, runs);
        }
        let fits = |pair: &PairSums| {
            let (rows, columns) =
                (out.levels[pair.first].n_levels, out.levels[pair.second].n_levels);
            pair.runs().iter().all(|run| {
                run.pointers.len() <= rows + 1
                    && run.indices.iter().all(|&j| (j as usize) < columns)
            })
        };
        let whole = from.0.is_empty() && out.pairs.iter().all(fits);
        if whole { Ok(out) } else { Err(BROKEN) }
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn whole(&mut self, values: &[usize]) {
        values.iter().for_each(|v| self.0.extend((*v as u64).to_le_bytes()));
    }

    fn numbers(&mut self, values: &[f64]) {
        self.0.reserve(8 * values.len());
        values.iter().for_each(|v| self.0.extend(v.to_le_bytes()));
    }

    fn short(&mut self, values: &[u32]) {
        self.0.reserve(4 * values.len());
        values.iter().for_each(|v| self.0.extend(v.to_le_bytes()));
    }

    fn sums(&mut self, sums: &Compensated) {
        self.numbers(&sums.high);
        self.numbers(&sums.low);
    }

    fn run(&mut self, run: &Run) {
        let kind = match &run.values {
            Cells::Ones => 0,
            Cells::Counts(_) => 1,
            Cells::Sums { .. } => 2,
        };
        self.whole(&[run.pointers.len(), run.indices.len(), kind]);
        self.whole(&run.pointers);
        self.short(&run.indices);
        match &run.values {
            Cells::Ones => {}
            Cells::Counts(counts) => self.short(counts),
            Cells::Sums { values, .. } => self.numbers(values),
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take(&mut self, n: usize, each: usize) -> Result<&[u8]> {
        let n = n.checked_mul(each).filter(|n| *n <= self.0.len()).ok_or(BROKEN)?;
        let (mine, rest) = self.0.split_at(n);
        self.0 = rest;
        Ok(mine)
    }

    fn words<const SIZE: usize, T>(
        &mut self,
        n: usize,
        read: impl Fn([u8; SIZE]) -> T,
    ) -> Result<Vec<T>> {
        let (words, _) = self.take(n, SIZE)?.as_chunks::<SIZE>();
        Ok(words.iter().map(|word| read(*word)).collect())
    }

    fn whole(&mut self, n: usize) -> Result<Vec<usize>> {
        self.words(n, |word| u64::from_le_bytes(word) as usize)
    }

    fn one(&mut self) -> Result<usize> {
        Ok(self.whole(1)?[0])
    }

    fn numbers(&mut self, n: usize) -> Result<Vec<f64>> {
        self.words(n, f64::from_le_bytes)
    }

    fn short(&mut self, n: usize) -> Result<Vec<u32>> {
        self.words(n, u32::from_le_bytes)
    }

    fn sums(&mut self, n: usize) -> Result<Compensated> {
        Ok(Compensated { high: self.numbers(n)?, low: self.numbers(n)? })
    }

    fn run(&mut self, size: usize) -> Result<Run> {
        let (lists, n, kind) = (self.one()?, self.one()?, self.one()?);
        let pointers = self.whole(lists)?;
        let indices = self.short(n)?;
        let values = match kind {
            0 => Cells::Ones,
            1 => Cells::Counts(self.short(n)?),
            _ => Cells::Sums { size, values: self.numbers(n.saturating_mul(2 * size))? },
        };
        let ordered = pointers.is_sorted() && pointers.last() == Some(&n);
        if ordered { Ok(Run { pointers, indices, values }) } else { Err(BROKEN) }
    }
}

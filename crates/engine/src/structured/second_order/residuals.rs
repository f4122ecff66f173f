//! R of one block with its derivatives: R_ab = s_a C_ab s_b, and with l = log s
//!
//! ```text
//!     ∂_iR_ab = s_a s_b ∂_iC_ab                    for a parameter of C
//!     ∂_δR_ab = (∂_δl_a + ∂_δl_b) R_ab             for one of log s
//! ```

use std::collections::HashMap;

use super::chart::{Chart, Expanded};
use crate::dense::Square;
use crate::structured::problem::Problem;
use crate::structured::whitening::LogSd;

/// The residual's blocks: those of one class have the same R in the same order of rows.
pub struct Residuals<'a> {
    problem: &'a Problem,
    full: &'a [f64],
    chart: &'a Chart,
    log_sd: LogSd,
    /// Class of each block.
    pub class: Vec<u32>,
}

impl<'a> Residuals<'a> {
    /// At the full vector of parameters.
    pub fn new(problem: &'a Problem, full: &'a [f64], chart: &'a Chart) -> Self {
        let log_sd = LogSd::new(&problem.design, &problem.blocks, &problem.places, full);
        let mut out = Self { problem, full, chart, log_sd, class: Vec::new() };
        out.class = out.classes();
        out
    }

    fn classes(&self) -> Vec<u32> {
        let blocks = &self.problem.blocks;
        if self.log_sd.first.is_empty() && self.problem.design.weights.is_none() {
            return blocks.pattern.clone();
        }
        let mut known: HashMap<Vec<u64>, u32> = HashMap::new();
        let mut out = Vec::with_capacity(blocks.len());
        for block in 0..blocks.len() {
            let mut key = vec![u64::from(blocks.pattern[block])];
            for i in blocks.start[block]..blocks.start[block + 1] {
                key.push(self.log_sd.value[i].to_bits());
                key.extend(self.log_sd.first.iter().map(|l| l[i].to_bits()));
                key.extend(self.log_sd.second.iter().map(|(_, _, l)| l[i].to_bits()));
                key.extend(self.chart.strata.as_ref().map(|s| s[i] as u64));
            }
            let next = known.len() as u32;
            out.push(*known.entry(key).or_insert(next));
        }
        out
    }

    /// R of a block.
    pub fn block(&self, block: usize) -> Expanded {
        let blocks = &self.problem.blocks;
        let rows = blocks.start[block]..blocks.start[block + 1];
        let s: Vec<f64> = self.log_sd.value[rows.clone()].iter().map(|l| l.exp()).collect();
        if let Some(strata) = &self.chart.strata {
            return by_stratum(&s, &strata[rows]);
        }
        let pattern = &blocks.patterns[blocks.pattern[block] as usize];
        let mut out = self.chart.correlation(self.problem, self.full, pattern);
        let all = std::iter::once(&mut out.value).chain(out.first.values_mut());
        for matrix in all.chain(out.second.values_mut()) {
            each(matrix, |a, b, v| v * s[a] * s[b]);
        }
        self.add_spread(&mut out, rows.start);
        out
    }

    fn add_spread(&self, out: &mut Expanded, start: usize) {
        let names = self.chart.spread(self.problem);
        let of_correlation = out.first.clone();
        let value = out.value.clone();
        for (g, l) in self.log_sd.first.iter().enumerate() {
            let Some(i) = names[g] else { continue };
            let slope = |a: usize, b: usize| l[start + a] + l[start + b];
            out.add_first(i, &times(&value, slope));
            for (j, c) in &of_correlation {
                out.add_second(i, *j, times(c, slope), true);
            }
            for (h, other) in self.log_sd.first.iter().enumerate().take(g + 1) {
                let Some(j) = names[h] else { continue };
                let product =
                    |a: usize, b: usize| slope(a, b) * (other[start + a] + other[start + b]);
                out.add_second(i, j, times(&value, product), g != h);
            }
        }
        for (g, h, l) in &self.log_sd.second {
            if let (Some(i), Some(j)) = (names[*g], names[*h]) {
                let bend = times(&value, |a, b| l[start + a] + l[start + b]);
                out.add_second(i, j, bend, g != h);
            }
        }
    }
}

/// Independent rows whose variance is that of their stratum.
fn by_stratum(s: &[f64], strata: &[usize]) -> Expanded {
    let mut value = Square::zeros(s.len());
    s.iter().enumerate().for_each(|(i, s)| value[(i, i)] = s * s);
    let mut out = Expanded::new(value);
    for (i, stratum) in strata.iter().enumerate() {
        let mut slope = Square::zeros(s.len());
        slope[(i, i)] = s[i] * s[i];
        out.add_first(*stratum, &slope);
    }
    out
}

fn each(matrix: &mut Square, f: impl Fn(usize, usize, f64) -> f64) {
    for b in 0..matrix.n {
        (0..matrix.n).for_each(|a| matrix[(a, b)] = f(a, b, matrix[(a, b)]));
    }
}

fn times(matrix: &Square, f: impl Fn(usize, usize) -> f64) -> Square {
    let mut out = matrix.clone();
    each(&mut out, |a, b, v| f(a, b) * v);
    out
}

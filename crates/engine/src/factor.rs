//! M(θ) = Λ'Z'WZΛ + I = LL', front by front.
//!
//! A front keeps the *data-scale* Schur complement C = [C_ss | C_sR | C_s,Xy]: the cross-products
//! of its columns with themselves and with everything later, after the random effects eliminated
//! before it have been integrated out. Elimination of front s is
//!
//! ```text
//!     Φ = Λ_s' C_ss Λ_s + I = L L'          log|M| gains log|Φ|
//!     Y = L⁻¹ Λ_s' [C_sR | C_s,Xy]
//!     C_later ← C_later − Y'Y
//! ```
//!
//! Only the template of the front being eliminated enters, so nothing is rescaled in advance, a
//! singular T needs no care, and what remains at the end is [X y]'V⁻¹[X y]. A front pulls the
//! updates of its descendants when its turn comes: no two tasks write to one place and the sums
//! do not depend on the number of threads.

use std::sync::Arc;

use faer::Par;
use rayon::prelude::*;

use crate::cross_products::{CrossProducts, RowBlock};
use crate::dense::{Square, add_gram, cholesky, solve_lower, template_transpose_times};
use crate::error::{EngineError, Result};
use crate::front::Front;
use crate::layout::{Layout, pieces, tasks};
use crate::links::Links;
use crate::memory::zeros;
use crate::parallel::all_threads;
use crate::watch::{self, Watch};

/// Multiplications below which a pass is not worth waking other threads.
pub const PARALLEL: f64 = 2e5;

/// The factorisation at one θ, and the memory for the next.
#[derive(Debug, Clone)]
pub struct Factor {
    /// Storage plan.
    pub layout: Arc<Layout>,
    /// Shortcuts for a large last front.
    pub links: Option<Arc<Links>>,
    /// T_f per factor.
    pub templates: Vec<Square>,
    /// log|M|.
    pub log_det: f64,
    /// [X y]'V⁻¹[X y].
    pub right: Square,
    /// Fronts C (not for leaves).
    pub fronts: Vec<f64>,
    /// Factors L.
    pub factors: Vec<f64>,
    /// Eliminated rows Y.
    pub rows: Vec<f64>,
}

/// What a leaf or front contributes to the sums.
struct Share {
    log_det: f64,
    right: Vec<f64>,
}

impl Factor {
    /// Reserves the memory.
    pub fn new(layout: Arc<Layout>, links: Option<Arc<Links>>) -> Result<Self> {
        let last = |p: &[usize]| p[p.len() - 1];
        Ok(Self {
            templates: Vec::new(),
            log_det: 0.0,
            right: Square::zeros(layout.k),
            fronts: zeros(last(&layout.front))?,
            factors: zeros(last(&layout.factor))?,
            rows: zeros(last(&layout.rows))?,
            layout,
            links,
        })
    }

    /// Factorises at the given templates.
    pub fn update(&mut self, cross: &CrossProducts, templates: Vec<Square>) -> Result<()> {
        self.update_leaves(cross, templates)?;
        let layout = Arc::clone(&self.layout);
        for level in &layout.levels {
            watch::check()?;
            self.level(cross, level.clone())?;
        }
        watch::check()
    }

    /// Eliminates the leaves alone.
    pub fn update_leaves(&mut self, cross: &CrossProducts, templates: Vec<Square>) -> Result<()> {
        self.templates = templates;
        self.log_det = 0.0;
        self.right.data.copy_from_slice(&cross.total);
        self.leaves(cross)
    }

    fn add(&mut self, share: &Share) {
        self.log_det += share.log_det;
        self.right.data.iter_mut().zip(&share.right).for_each(|(a, b)| *a -= b);
    }

    fn leaves(&mut self, cross: &CrossProducts) -> Result<()> {
        let layout = Arc::clone(&self.layout);
        let n = layout.n_leaves();
        let (factors, rows) = (&mut self.factors, &mut self.rows);
        let cuts =
            tasks(n, layout.leaves_per_task, (factors, &layout.factor), (rows, &layout.rows));
        let templates = &self.templates;
        let watch = Watch::current();
        let run = |(slots, mut l, mut y): (std::ops::Range<usize>, &mut [f64], &mut [f64])| {
            watch.check()?;
            let mut share = Share { log_det: 0.0, right: vec![0.0; layout.k * layout.k] };
            let mut scratch = Vec::new();
            for i in slots {
                let v = layout.symbolic.first[layout.shapes[i].front] as usize;
                let (mine_l, rest_l) = l.split_at_mut(layout.factor[i + 1] - layout.factor[i]);
                let (mine_y, rest_y) = y.split_at_mut(layout.rows[i + 1] - layout.rows[i]);
                let t = &templates[layout.symbolic.factor[v] as usize].data;
                let c = cross.block(v);
                // The widths written out let the compiler unroll the loops over a block.
                let log_det = match c.q {
                    1 => leaf(1, &c, t, mine_l, mine_y, &mut scratch),
                    2 => leaf(2, &c, t, mine_l, mine_y, &mut scratch),
                    3 => leaf(3, &c, t, mine_l, mine_y, &mut scratch),
                    q => leaf(q, &c, t, mine_l, mine_y, &mut scratch),
                };
                share.log_det += log_det.map_err(|_| failure(&layout, v))?;
                add_gram(c.q, &mine_y[c.q * c.r..], layout.k, &mut share.right);
                (l, y) = (rest_l, rest_y);
            }
            Ok(share)
        };
        let shares: Vec<Result<Share>> = if cuts.len() > 1 {
            cuts.into_par_iter().map(run).collect()
        } else {
            cuts.into_iter().map(run).collect()
        };
        for share in shares {
            self.add(&share?);
        }
        Ok(())
    }

    fn level(&mut self, cross: &CrossProducts, slots: std::ops::Range<usize>) -> Result<()> {
        let layout = Arc::clone(&self.layout);
        let start = slots.start;
        let fronts = &mut self.fronts[layout.front[start]..layout.front[slots.end]];
        let factors = &mut self.factors[layout.factor[start]..layout.factor[slots.end]];
        let (done, current) = self.rows.split_at_mut(layout.rows[start]);
        let current = &mut current[..layout.rows[slots.end] - layout.rows[start]];
        let work: Vec<_> = slots
            .clone()
            .zip(pieces(fronts, &layout.front, slots.clone()))
            .zip(pieces(factors, &layout.factor, slots.clone()))
            .zip(pieces(current, &layout.rows, slots.clone()))
            .collect();
        let (templates, done) = (&self.templates, &*done);
        let links = self.links.as_deref();
        type Job<'a> = (((usize, &'a mut [f64]), &'a mut [f64]), &'a mut [f64]);
        let run = |columns: &mut Vec<u32>, par: Par, (((slot, c), l), y): Job<'_>| {
            let shape = layout.shapes[slot];
            let front = Front { layout: &layout, shape, templates, par };
            front.assemble(cross, links, done, c, columns);
            let eliminated = front.eliminate(c, l, y);
            watch::check()?;
            let log_det = eliminated?;
            let mut share = Share { log_det, right: vec![0.0; layout.k * layout.k] };
            add_gram(shape.n, &y[shape.n * shape.r..], layout.k, &mut share.right);
            Ok(share)
        };
        let nodes = layout.symbolic.factor.len();
        let shares: Vec<Result<Share>> = if work.len() > 1 && cost(&layout, &slots) > PARALLEL {
            let watch = Watch::current();
            let one = |columns: &mut _, job| watch.during(|| run(columns, Par::Seq, job));
            work.into_par_iter().map_init(|| vec![0; nodes], one).collect()
        } else {
            let mut columns = vec![0; nodes];
            work.into_iter().map(|job| run(&mut columns, all_threads(), job)).collect()
        };
        for share in shares {
            self.add(&share?);
        }
        Ok(())
    }
}

/// Multiplications of a level, roughly.
pub fn cost(layout: &Layout, slots: &std::ops::Range<usize>) -> f64 {
    let one = |s: &crate::layout::Shape| (s.n * (s.n + s.r + layout.k).pow(2)) as f64;
    layout.shapes[slots.clone()].iter().map(one).sum()
}

/// The failure of a position as an error.
pub fn failure(layout: &Layout, v: usize) -> EngineError {
    let symbolic = &layout.symbolic;
    EngineError::Factorisation {
        group: symbolic.factor[v] as usize,
        level: symbolic.level[v] as usize,
    }
}

/// Eliminates a leaf with the row block C: Φ = T'CT + I = LL', Y = L⁻¹T'[C_R | C_Xy]. Returns log|Φ|.
#[inline(always)]
fn leaf(
    q: usize,
    block: &RowBlock<'_>,
    t: &[f64],
    l: &mut [f64],
    y: &mut [f64],
    scratch: &mut Vec<f64>,
) -> std::result::Result<f64, usize> {
    let (own, c) = block.values.split_at(q * q);
    let width = c.len() / q;
    scratch.resize(q * q, 0.0);
    template_transpose_times(q, t, own, q, scratch, q);
    for j in 0..q {
        for i in j..q {
            let mut v = if i == j { 1.0 } else { 0.0 };
            for s in j..q {
                v += scratch[i + q * s] * t[s + q * j];
            }
            l[i + q * j] = v;
        }
    }
    let log_det = cholesky(q, l)?;
    template_transpose_times(q, t, c, q, y, width);
    template_transpose_times(q, t, block.response, q, &mut y[q * width..], 1);
    solve_lower(q, l, y, width + 1);
    Ok(log_det)
}

//! What is summed over the components of V, and what follows from the sums.
//!
//! With Y = V⁻¹[X L_X⁻ᵀ, y − Xβ̂] and V_i, V_ij the derivatives of V
//!
//! ```text
//!     first   tr(V⁻¹V_i)        grams   Y'V_iY
//!     second  tr(V⁻¹V_iV⁻¹V_j)  forms   Y'V_iV⁻¹V_jY
//!     bends   tr(V⁻¹V_ij), Y'V_ijY
//! ```
//!
//! P = V⁻¹ − V⁻¹X(X'V⁻¹X)⁻¹X'V⁻¹ differs from V⁻¹ by p × p matrices of these sums.

use std::collections::BTreeMap;

use crate::dense::Square;

/// What is kept of a k × k form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// All of it; Y has no residual.
    Whole,
    /// The trace over the columns of X, and the residual's own entry.
    Traces,
}

/// A second derivative's sums.
#[derive(Debug, Clone)]
pub struct Bend {
    /// tr(V⁻¹V_ij).
    pub trace: f64,
    /// Y'V_ijY.
    pub form: Vec<f64>,
}

/// Sums over components.
#[derive(Debug, Clone)]
pub struct Moments {
    /// Number of parameters.
    pub m: usize,
    /// Columns of Y.
    pub k: usize,
    /// What is kept of forms.
    pub kept: Kept,
    /// tr(V⁻¹V_i).
    pub first: Vec<f64>,
    /// tr(V⁻¹V_iV⁻¹V_j), i ≥ j packed by rows.
    pub second: Vec<f64>,
    /// Y'V_iY, k² each.
    pub grams: Vec<f64>,
    /// Y'V_iV⁻¹V_jY, i ≥ j packed by rows, [`Moments::width`] numbers each.
    pub forms: Vec<f64>,
    /// By (i, j), i ≥ j.
    pub bends: BTreeMap<(usize, usize), Bend>,
}

/// Place of i ≥ j in a packed lower triangle.
pub fn packed(i: usize, j: usize) -> usize {
    i * (i + 1) / 2 + j
}

impl Moments {
    /// All zero.
    pub fn zeros(m: usize, k: usize, kept: Kept) -> Self {
        let pairs = packed(m, 0);
        let mut out = Self {
            m,
            k,
            kept,
            first: vec![0.0; m],
            second: vec![0.0; pairs],
            grams: vec![0.0; m * k * k],
            forms: Vec::new(),
            bends: BTreeMap::new(),
        };
        out.forms = vec![0.0; pairs * out.width()];
        out
    }

    /// Numbers kept of a form.
    pub fn width(&self) -> usize {
        if self.kept == Kept::Whole { self.k * self.k } else { 2 }
    }

    /// What is kept of a k × k form.
    pub fn reduced(&self, form: &[f64], out: &mut [f64]) {
        match self.kept {
            Kept::Whole => out.iter_mut().zip(form).for_each(|(o, f)| *o += f),
            Kept::Traces => {
                let last = self.k - 1;
                out[0] += (0..last).map(|c| form[c * (self.k + 1)]).sum::<f64>();
                out[1] += form[last * (self.k + 1)];
            }
        }
    }

    /// Adds a form to that of the parameters i ≥ j.
    pub fn add_form(&mut self, i: usize, j: usize, form: &[f64]) {
        let (w, at) = (self.width(), packed(i, j));
        let mut own = std::mem::take(&mut self.forms);
        self.reduced(form, &mut own[at * w..(at + 1) * w]);
        self.forms = own;
    }

    /// Adds to the sums of a second derivative.
    pub fn add_bend(&mut self, key: (usize, usize), trace: f64, form: &[f64]) {
        let mut reduced = vec![0.0; self.width()];
        self.reduced(form, &mut reduced);
        self.add_reduced_bend(key, trace, &reduced);
    }

    /// The same of a form that is reduced already.
    pub fn add_reduced_bend(&mut self, key: (usize, usize), trace: f64, form: &[f64]) {
        let w = self.width();
        let zero = || Bend { trace: 0.0, form: vec![0.0; w] };
        let own = self.bends.entry(key).or_insert_with(zero);
        own.trace += trace;
        own.form.iter_mut().zip(form).for_each(|(o, f)| *o += f);
    }

    /// Adds the sums of other components.
    pub fn add(&mut self, other: &Self) {
        let add = |a: &mut [f64], b: &[f64]| a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        add(&mut self.first, &other.first);
        add(&mut self.second, &other.second);
        add(&mut self.grams, &other.grams);
        add(&mut self.forms, &other.forms);
        for (key, bend) in &other.bends {
            match self.bends.get_mut(key) {
                Some(own) => {
                    own.trace += bend.trace;
                    add(&mut own.form, &bend.form);
                }
                None => {
                    self.bends.insert(*key, bend.clone());
                }
            }
        }
    }

    /// The leading p × p part of a symmetrised k × k form.
    fn symmetric(&self, form: &[f64], p: usize) -> Square {
        let k = self.k;
        let mut out = Square::zeros(p);
        for j in 0..p {
            (0..p).for_each(|i| out[(i, j)] = 0.5 * (form[i + k * j] + form[j + k * i]));
        }
        out
    }

    /// L_X⁻¹X'V⁻¹V_iV⁻¹X L_X⁻ᵀ.
    pub fn gram(&self, i: usize, p: usize) -> Square {
        self.symmetric(&self.grams[i * self.k * self.k..(i + 1) * self.k * self.k], p)
    }

    /// (X L_X⁻ᵀ)'V⁻¹V_iV⁻¹(y − Xβ̂), and last the residual's own form.
    pub fn of_residual(&self, i: usize) -> Vec<f64> {
        let (k, form) = (self.k, &self.grams[i * self.k * self.k..(i + 1) * self.k * self.k]);
        (0..k).map(|c| 0.5 * (form[c + k * (k - 1)] + form[k - 1 + k * c])).collect()
    }

    /// The whole form of i ≥ j, symmetrised.
    pub fn form(&self, i: usize, j: usize) -> Square {
        let (w, at) = (self.width(), packed(i, j));
        self.symmetric(&self.forms[at * w..(at + 1) * w], self.k)
    }

    /// (trace over the columns of X, the residual's own) of the form of i ≥ j.
    pub fn traces(&self, i: usize, j: usize) -> (f64, f64) {
        let at = packed(i, j);
        (self.forms[2 * at], self.forms[2 * at + 1])
    }

    /// The whole form of a second derivative, symmetrised.
    pub fn bend(&self, bend: &Bend) -> Square {
        self.symmetric(&bend.form, self.k)
    }
}

//! What a model of the Hessian leaves out, learned from the gradients on the way.

use crate::dense::Square;

/// What the model of the Hessian has missed so far: it has the expected value of a part that the data
/// know better. The gradients of two points tell the true curvature along the step between them, and
/// the difference is remembered by symmetric updates of rank one (Conn, Gould & Toint 1991,
/// Mathematical Programming 50; Dennis, Gay & Welsch 1981 for models of which a part is exact).
#[derive(Debug, Clone)]
pub struct Missed {
    /// What is to be added to the model.
    pub correction: Square,
    last: Option<(Vec<f64>, Vec<f64>)>,
}

/// An update whose denominator is below this share of what it could be is left out.
const SKIPPED: f64 = 1e-3;

impl Missed {
    /// Of a search over `m` parameters.
    pub fn new(m: usize) -> Self {
        Self { correction: Square::zeros(m), last: None }
    }

    /// Looks back from a new point, in units, to the last one.
    pub fn learn(
        &mut self,
        theta: &[f64],
        units: &[f64],
        gradient: &[f64],
        hessian: &Square,
        is_near: bool,
    ) {
        let m = theta.len();
        let at: Vec<f64> = theta.iter().zip(units).map(|(t, u)| t / u).collect();
        if let Some((before, old)) = self.last.as_ref().filter(|_| is_near) {
            let step: Vec<f64> = at.iter().zip(before).map(|(a, b)| a - b).collect();
            let missed: Vec<f64> = (0..m)
                .map(|i| {
                    let known = |j: usize| (hessian[(i, j)] + self.correction[(i, j)]) * step[j];
                    gradient[i] - old[i] - (0..m).map(known).sum::<f64>()
                })
                .collect();
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let along = dot(&missed, &step);
            let most = (dot(&missed, &missed) * dot(&step, &step)).sqrt();
            if along.abs() > SKIPPED * most {
                for j in 0..m {
                    (0..m).for_each(|i| self.correction[(i, j)] += missed[i] * missed[j] / along);
                }
            }
        }
        self.last = Some((at, gradient.to_vec()));
    }
}

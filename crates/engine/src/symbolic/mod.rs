//! Which blocks of M = Λ'Z'WZΛ + I are nonzero, in which order they are eliminated, and how they are
//! grouped into dense fronts. Depends on the level codes alone.

mod elimination;
mod graph;
mod ordering;

pub use elimination::{Descendant, Lists, Symbolic};
pub use graph::Graph;
pub use ordering::order;

/// Whether sorted positions, at least one, follow each other without a gap.
pub fn consecutive(list: &[u32]) -> bool {
    (list[list.len() - 1] - list[0]) as usize + 1 == list.len()
}

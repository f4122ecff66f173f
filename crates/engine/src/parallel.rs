//! How many threads the algebra of one large block has.

use faer::Par;

/// All there are; where the caller's is the only one, as in a browser, that one.
pub fn all_threads() -> Par {
    #[cfg(not(target_os = "emscripten"))]
    return Par::rayon(0);
    #[cfg(target_os = "emscripten")]
    return Par::Seq;
}

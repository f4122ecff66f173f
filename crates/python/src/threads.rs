//! Where the engine's threads live.
//!
//! They do not survive a fork, and the pool that a child inherits waits for them for ever (fork is
//! how Linux starts processes by default before Python 3.14). A process whose parent has used the
//! engine therefore works on a pool of its own.

use std::mem::forget;
use std::process::id;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use mixedmodels_engine::{EngineError, Result};
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// The process whose threads are in the common pool.
static HOME: OnceLock<u32> = OnceLock::new();

/// The pool of this process, if it is not at home.
static OWN: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);

/// Runs `job` without the interpreter lock, on threads that exist.
pub fn detached<T: Send>(py: Python<'_>, job: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    py.detach(|| at_home(job))
}

/// Runs `job` on threads that exist.
pub fn at_home<T: Send>(job: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let process = id();
    let settle = || {
        if cfg!(target_os = "emscripten") {
            stay();
        }
        process
    };
    if *HOME.get_or_init(settle) == process { job() } else { own(process)?.install(job) }
}

/// Makes the caller's thread the only one of the common pool: a browser gives no others.
fn stay() {
    // It fails where there is a pool already, which is then that of this thread, too.
    let _ = ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global();
}

fn own(process: u32) -> Result<Arc<ThreadPool>> {
    let mut slot = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((owner, pool)) = slot.as_ref()
        && *owner == process
    {
        return Ok(Arc::clone(pool));
    }
    let pool = ThreadPoolBuilder::new().build().map_err(|_| EngineError::Threads)?;
    let pool = Arc::new(pool);
    // The threads of the pool before are the parent's: nothing waits for them, nothing ends them.
    forget(slot.replace((process, Arc::clone(&pool))));
    Ok(pool)
}

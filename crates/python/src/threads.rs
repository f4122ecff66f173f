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

use crate::convert::exception;

/// The process whose threads are in the common pool.
static HOME: OnceLock<u32> = OnceLock::new();

/// The pool of this process, if it is not at home.
static OWN: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);

/// Runs `job` without the interpreter lock, on threads that exist.
pub fn detached<T: Send>(py: Python<'_>, job: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    py.detach(|| {
        let process = id();
        if *HOME.get_or_init(|| process) == process { job() } else { own(process)?.install(job) }
    })
}

/// [`detached`], for a job that asks now and then whether to stop: it does when Python has a signal to
/// handle, whose exception is then raised instead of the engine's.
pub fn interruptible<T: Send>(
    py: Python<'_>,
    job: impl FnOnce(&(dyn Fn() -> bool + Sync)) -> Result<T> + Send,
) -> PyResult<T> {
    let signal: Mutex<Option<PyErr>> = Mutex::new(None);
    let interrupted = || {
        let raised = Python::attach(|py| py.check_signals()).err();
        let stop = raised.is_some();
        if let (Some(raised), Ok(mut slot)) = (raised, signal.lock()) {
            *slot = Some(raised);
        }
        stop
    };
    detached(py, || job(&interrupted)).map_err(|failure| {
        let raised = signal.lock().ok().and_then(|mut slot| slot.take());
        raised.unwrap_or_else(|| exception(&failure))
    })
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

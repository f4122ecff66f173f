//! Jobs that can be stopped, and that say how far they are.
//!
//! Python handles signals on its main thread alone, between two of its own steps. So a job that is
//! foreseen to be long runs on a thread of its own, while the caller's looks after signals and after
//! whoever wants to know of progress, a few times a second. A short job runs where it was called: a
//! thread would cost more than it, and it looks after signals itself between evaluations.

use std::cell::RefCell;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use mixedmodels_engine::watch::Watch;
use mixedmodels_engine::{EngineError, Result};
use pyo3::exceptions::{PyException, PyTimeoutError};
use pyo3::prelude::*;

use crate::convert::exception;
use crate::threads::at_home;

/// Multiplications from which a job is long: a few milliseconds, beside which a thread costs nothing.
const LONG: f64 = 5e6;

/// How often the caller's thread looks up.
const EVERY: Duration = Duration::from_millis(50);

/// Memory for the calls of a job, as a main thread has it.
const STACK: usize = 8 << 20;

/// How long native jobs of this thread may take, and who is told how far they are.
#[pyclass(frozen, module = "mixedmodels._native")]
pub struct Attention {
    deadline: Option<Instant>,
    report: Option<Py<PyAny>>,
}

thread_local! {
    /// Those that were entered and not left, the last one in force.
    static ENTERED: RefCell<Vec<Py<Attention>>> = const { RefCell::new(Vec::new()) };
}

thread_local! {
    /// Where exceptions go that Python raises within the jobs of this thread, the innermost last.
    static RAISED: RefCell<Vec<Raised>> = const { RefCell::new(Vec::new()) };
}

#[pymethods]
impl Attention {
    /// `seconds` from now; `report(stage, done, total, best)` is called a few times a second.
    #[new]
    fn new(seconds: Option<f64>, report: Option<Py<PyAny>>) -> Self {
        let span = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
        Self { deadline: span.and_then(|span| Instant::now().checked_add(span)), report }
    }

    fn __enter__(slf: Py<Self>, py: Python<'_>) -> Py<Self> {
        ENTERED.with_borrow_mut(|all| all.push(slf.clone_ref(py)));
        slf
    }

    fn __exit__(&self, _kind: Py<PyAny>, _value: Py<PyAny>, _traceback: Py<PyAny>) {
        drop(ENTERED.with_borrow_mut(Vec::pop));
    }

    /// Seconds left; None where there is no limit.
    #[getter]
    fn left(&self) -> Option<f64> {
        self.deadline.map(|d| d.saturating_duration_since(Instant::now()).as_secs_f64())
    }
}

/// An exception that a signal or a report raised, until it can be handed on.
type Raised = Arc<Mutex<Option<PyErr>>>;

fn keep(slot: &Raised, failure: PyErr) {
    slot.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
}

/// Ends the job of this thread with what Python raised when it was asked something within it, if that
/// is not the question's own failure but a signal's: Ctrl-C, or an alarm that a caller has set.
pub fn end_with(py: Python<'_>, failure: PyErr) {
    let is_own = failure.is_instance_of::<PyException>(py);
    if is_own && !failure.is_instance_of::<PyTimeoutError>(py) {
        return;
    }
    if let Some(slot) = RAISED.with_borrow(|all| all.last().cloned()) {
        keep(&slot, failure);
        Watch::current().stop();
    }
}

/// A job whose exceptions from within go to `slot`.
fn heard<T>(slot: &Raised, job: impl FnOnce() -> T) -> T {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            drop(RAISED.with_borrow_mut(Vec::pop));
        }
    }
    RAISED.with_borrow_mut(|all| all.push(Arc::clone(slot)));
    let _leave = Leave;
    job()
}

/// Runs `job`, of about `cost` multiplications, without the interpreter lock. It is stopped when
/// Python has a signal to handle, whose exception is then raised instead of the engine's.
pub fn attended<T: Send>(
    py: Python<'_>,
    cost: f64,
    job: impl FnOnce() -> Result<T> + Send,
) -> PyResult<T> {
    run(py, cost, false, job)
}

/// [`attended`], for what a limit of time is about: forming a problem, and searching its optimum. What
/// belongs to the best point found must be had after it, too.
pub fn limited<T: Send>(
    py: Python<'_>,
    cost: f64,
    job: impl FnOnce() -> Result<T> + Send,
) -> PyResult<T> {
    run(py, cost, true, job)
}

fn run<T: Send>(
    py: Python<'_>,
    cost: f64,
    is_limited: bool,
    job: impl FnOnce() -> Result<T> + Send,
) -> PyResult<T> {
    let current = ENTERED.with_borrow(|all| all.last().map(|a| a.clone_ref(py)));
    let deadline = current.as_ref().filter(|_| is_limited).and_then(|a| a.get().deadline);
    let raised = Raised::default();
    // In a browser there is no other thread.
    let found = if cost < LONG || cfg!(target_os = "emscripten") {
        here(py, deadline, &raised, job)
    } else {
        let report = current.as_ref().and_then(|a| a.get().report.as_ref());
        elsewhere(py, deadline, report.map(|r| r.clone_ref(py)), &raised, job)
    };
    match raised.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(failure) => Err(failure),
        None => found.map_err(|failure| exception(&failure)),
    }
}

/// On this thread.
fn here<T: Send>(
    py: Python<'_>,
    deadline: Option<Instant>,
    raised: &Raised,
    job: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    let slot = Arc::clone(raised);
    let ask = move || match Python::attach(|py| py.check_signals()) {
        Ok(()) => false,
        Err(failure) => {
            keep(&slot, failure);
            true
        }
    };
    let watch = Watch::new(deadline, Some(Box::new(ask)));
    py.detach(|| at_home(|| heard(raised, || watch.judged(watch.during(job)))))
}

/// On a thread of its own, while this one looks after signals.
fn elsewhere<T: Send>(
    py: Python<'_>,
    deadline: Option<Instant>,
    report: Option<Py<PyAny>>,
    raised: &Raised,
    job: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    let watch = Watch::new(deadline, None);
    let done = (Mutex::new(false), Condvar::new());
    py.detach(|| {
        thread::scope(|scope| {
            let (mine, signal) = (watch.clone(), &done);
            let run = move || {
                let _told = Told(signal);
                at_home(|| heard(raised, || mine.judged(mine.during(job))))
            };
            let Ok(thread) = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run)
            else {
                return Err(EngineError::Threads);
            };
            while !has_ended(&done) {
                if let Err(failure) = Python::attach(|py| look(py, &watch, report.as_ref())) {
                    keep(raised, failure);
                    watch.stop();
                }
            }
            match thread.join() {
                Ok(found) => found,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    })
}

/// Says that a job has ended, however it did.
struct Told<'a>(&'a (Mutex<bool>, Condvar));

impl Drop for Told<'_> {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_one();
    }
}

/// Waits a little; whether the job has ended.
fn has_ended((done, told): &(Mutex<bool>, Condvar)) -> bool {
    let waiting = done.lock().unwrap_or_else(PoisonError::into_inner);
    match told.wait_timeout_while(waiting, EVERY, |done| !*done) {
        Ok((done, _)) => *done,
        Err(poisoned) => *poisoned.into_inner().0,
    }
}

fn look(py: Python<'_>, watch: &Watch, report: Option<&Py<PyAny>>) -> PyResult<()> {
    py.check_signals()?;
    if let (Some(report), Some(now)) = (report, watch.progress()) {
        report.call1(py, (now.stage.name(), now.done, now.total, now.best))?;
    }
    Ok(())
}

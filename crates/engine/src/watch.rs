//! Whether to go on: cancelling and deadlines of long computations, and how far these have come.
//!
//! A watch belongs to the thread that runs a job, for as long as [`Watch::during`] lasts, so that no
//! kernel needs to be handed one: it asks [`check`], or takes [`Watch::current`] along where it spreads
//! its work over other threads, and asks that there, every few milliseconds of work. Asking costs a
//! few nanoseconds. What was stopped stays stopped: a kernel that gives up early leaves numbers that
//! nobody will read, since every later question of the same watch is an error, and the binding asks
//! once more before it hands out a result.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{ThreadId, current};
use std::time::{Duration, Instant};

use crate::error::{EngineError, Result};

/// What a job is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Nothing that has a name.
    Working,
    /// Reading, sorting and ordering the rows and levels of a design.
    Building,
    /// Forming cross-products.
    Summing,
    /// Searching for the optimum: evaluations done.
    Searching,
    /// Second derivatives at the optimum.
    Information,
    /// Fits of many responses: replicates done.
    Refitting,
    /// Conditional covariances, projections and the like: what follows a fit.
    Solving,
}

const STAGES: [Stage; 7] = [
    Stage::Working,
    Stage::Building,
    Stage::Summing,
    Stage::Searching,
    Stage::Information,
    Stage::Refitting,
    Stage::Solving,
];

impl Stage {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Building => "building",
            Self::Summing => "summing",
            Self::Searching => "searching",
            Self::Information => "information",
            Self::Refitting => "refitting",
            Self::Solving => "solving",
        }
    }
}

/// How far a job has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// What it is doing.
    pub stage: Stage,
    /// Evaluations, replicates, levels: whatever the stage counts.
    pub done: usize,
    /// How many there will be; 0 where nobody knows.
    pub total: usize,
    /// Criterion at the best point of a search so far; nan before the first.
    pub best: f64,
}

/// Asks the caller, on the caller's thread, whether to stop.
type Ask = Box<dyn Fn() -> bool + Send + Sync>;

struct State {
    owner: ThreadId,
    stopped: AtomicBool,
    deadline: Option<Instant>,
    ask: Option<Ask>,
    stage: AtomicUsize,
    done: AtomicUsize,
    total: AtomicUsize,
    best: AtomicU64,
}

/// A token that a job and those who wait for it share.
#[derive(Clone, Default)]
pub struct Watch {
    /// None: nobody watches.
    state: Option<Arc<State>>,
    /// Whether the deadline has been lifted.
    unlimited: bool,
    /// Whether this part of the job says nothing of how far it is.
    quiet: bool,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watch({:?})", self.progress())
    }
}

thread_local! {
    static CURRENT: RefCell<Watch> = RefCell::default();
}

/// [`Watch::check`] of this thread's watch.
#[inline]
pub fn check() -> Result<()> {
    CURRENT.with_borrow(Watch::check)
}

impl Watch {
    /// A watch that ends at `deadline`, if there is one, and asks `ask` between evaluations.
    pub fn new(deadline: Option<Instant>, ask: Option<Ask>) -> Self {
        let state = State {
            owner: current().id(),
            stopped: AtomicBool::new(false),
            deadline,
            ask,
            stage: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            total: AtomicUsize::new(0),
            best: AtomicU64::new(f64::NAN.to_bits()),
        };
        Self { state: Some(Arc::new(state)), unlimited: false, quiet: false }
    }

    /// The watch of this thread; one that never stops where there is none.
    pub fn current() -> Self {
        CURRENT.with_borrow(Self::clone)
    }

    /// Runs a job under this watch.
    pub fn during<T>(&self, job: impl FnOnce() -> T) -> T {
        struct Restore(Watch);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(std::mem::take(&mut self.0));
            }
        }
        let _restore = Restore(CURRENT.replace(self.clone()));
        job()
    }

    /// The same watch without its deadline: for what must be done after it.
    pub fn overtime(&self) -> Self {
        Self { unlimited: true, ..self.clone() }
    }

    /// The same watch for one of many parts of a job, which do not report how far they are.
    pub fn quiet(&self) -> Self {
        Self { quiet: true, ..self.clone() }
    }

    /// An error if the job is to stop, or its time is over. Of any thread.
    #[inline]
    pub fn check(&self) -> Result<()> {
        let Some(state) = &self.state else { return Ok(()) };
        if state.stopped.load(Ordering::Relaxed) {
            return Err(EngineError::Interrupted);
        }
        match state.deadline {
            Some(deadline) if !self.unlimited && Instant::now() >= deadline => {
                Err(EngineError::TimeLimit)
            }
            _ => Ok(()),
        }
    }

    /// [`Self::check`], having asked the caller too if this is the caller's thread: between
    /// evaluations.
    pub fn pause(&self) -> Result<()> {
        if let Some(state) = &self.state
            && let Some(ask) = state.ask.as_ref().filter(|_| state.owner == current().id())
            && ask()
        {
            state.stopped.store(true, Ordering::Relaxed);
        }
        self.check()
    }

    /// What came of the job: the failure of one that is to stop is that it was stopped, since kernels
    /// that gave up early may have made others fail.
    pub fn judged<T>(&self, found: Result<T>) -> Result<T> {
        match found {
            Err(failure) => self.check().and(Err(failure)),
            found => found,
        }
    }

    /// Ends the job at its next question.
    pub fn stop(&self) {
        if let Some(state) = &self.state {
            state.stopped.store(true, Ordering::Relaxed);
        }
    }

    /// The time left; None where there is no limit.
    pub fn left(&self) -> Option<Duration> {
        let deadline = self.state.as_ref()?.deadline.filter(|_| !self.unlimited)?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    /// Begins a stage of `total` steps, 0 where nobody knows how many.
    pub fn begin(&self, stage: Stage, total: usize) {
        if let Some(state) = self.reported() {
            state.stage.store(stage as usize, Ordering::Relaxed);
            state.done.store(0, Ordering::Relaxed);
            state.total.store(total, Ordering::Relaxed);
        }
    }

    /// Some more steps are done.
    pub fn advance(&self, steps: usize) {
        if let Some(state) = self.reported() {
            state.done.fetch_add(steps, Ordering::Relaxed);
        }
    }

    /// The criterion at the best point so far.
    pub fn found(&self, best: f64) {
        if let Some(state) = self.reported() {
            state.best.store(best.to_bits(), Ordering::Relaxed);
        }
    }

    fn reported(&self) -> Option<&State> {
        self.state.as_deref().filter(|_| !self.quiet)
    }

    /// How far the job has come.
    pub fn progress(&self) -> Option<Progress> {
        let state = self.state.as_ref()?;
        Some(Progress {
            stage: STAGES[state.stage.load(Ordering::Relaxed)],
            done: state.done.load(Ordering::Relaxed),
            total: state.total.load(Ordering::Relaxed),
            best: f64::from_bits(state.best.load(Ordering::Relaxed)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::prelude::*;

    #[test]
    fn nobody_watches_unless_asked() {
        assert_eq!(check(), Ok(()));
        assert_eq!(Watch::current().pause(), Ok(()));
        assert!(Watch::current().progress().is_none());
    }

    #[test]
    fn a_stopped_job_stays_stopped_on_every_thread() {
        let watch = Watch::new(None, None);
        watch.during(|| {
            assert_eq!(check(), Ok(()));
            watch.stop();
            assert_eq!(check(), Err(EngineError::Interrupted));
            let taken = Watch::current();
            let all = (0..64).into_par_iter().all(|_| taken.check().is_err());
            assert!(all);
        });
        assert_eq!(check(), Ok(()), "the watch ends with the job");
    }

    #[test]
    fn the_watch_of_before_comes_back_after_a_panic() {
        let watch = Watch::new(None, None);
        watch.stop();
        let job = || watch.during(|| panic!("a job"));
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
        assert!(ended.is_err());
        assert_eq!(check(), Ok(()));
    }

    #[test]
    fn the_caller_is_asked_between_evaluations_alone() {
        let watch = Watch::new(None, Some(Box::new(|| true)));
        assert_eq!(watch.check(), Ok(()));
        assert_eq!(watch.pause(), Err(EngineError::Interrupted));
        assert_eq!(watch.check(), Err(EngineError::Interrupted));
    }

    #[test]
    fn a_deadline_ends_a_job_and_can_be_lifted() {
        let past = Instant::now();
        let watch = Watch::new(Some(past), None);
        assert_eq!(watch.check(), Err(EngineError::TimeLimit));
        assert_eq!(watch.left(), Some(Duration::ZERO));
        assert_eq!(watch.overtime().check(), Ok(()));
        assert_eq!(watch.overtime().left(), None);
        watch.stop();
        assert_eq!(watch.overtime().check(), Err(EngineError::Interrupted));
    }

    #[test]
    fn a_stopped_job_fails_for_that_reason() {
        let watch = Watch::new(None, None);
        let failed = || Err::<(), _>(EngineError::PerfectFit);
        assert_eq!(watch.judged(failed()), failed());
        watch.stop();
        assert_eq!(watch.judged(failed()), Err(EngineError::Interrupted));
        assert_eq!(watch.judged(Ok(1)), Ok(1));
    }

    #[test]
    fn progress_is_seen_from_outside() {
        let watch = Watch::new(None, None);
        watch.begin(Stage::Refitting, 10);
        watch.advance(3);
        watch.found(1.5);
        let progress = watch.progress().unwrap();
        assert_eq!((progress.stage, progress.done, progress.total), (Stage::Refitting, 3, 10));
        assert_eq!(progress.best, 1.5);
        watch.quiet().begin(Stage::Searching, 0);
        assert_eq!(watch.progress(), Some(progress));
    }
}

//! Overviews of runs in which nobody trains, kept until a file of theirs changes: pages ask every second or two.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use minigpt_train::{FoundRun, Overview, RunState};

use super::overviews::LISTED;

/// What an overview is read from.
const FILES: [&str; 5] =
    ["config.json", "environment.json", "metrics.csv", "summary.json", "checkpoints"];

/// The overviews of runs that were read before.
#[derive(Default)]
pub(crate) struct OverviewCache {
    by_path: Mutex<HashMap<PathBuf, (Stamp, Overview)>>,
}

/// What changes with a run.
#[derive(PartialEq, Eq)]
struct Stamp {
    state: RunState,
    files: [Option<(SystemTime, u64)>; FILES.len()],
}

impl OverviewCache {
    /// The overview of a run, read again where it may have changed.
    pub(crate) fn of(&self, run: &FoundRun) -> Overview {
        // Before the files are read: what is written meanwhile is seen the next time.
        let stamp = Stamp::of(run);
        let lock = || self.by_path.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) =
            lock().get(run.path()).filter(|(before, _)| Some(before) == stamp.as_ref())
        {
            return known.clone();
        }
        let overview = Overview::of(run);
        if let Some(stamp) = stamp {
            let mut by_path = lock();
            // Runs that were deleted are forgotten with all others.
            if by_path.len() >= 2 * LISTED {
                by_path.clear();
            }
            by_path.insert(run.path().to_owned(), (stamp, overview.clone()));
        }
        overview
    }
}

impl Stamp {
    /// Nothing of a run in which somebody trains, or that cannot be read.
    fn of(run: &FoundRun) -> Option<Self> {
        let state = run.folder().ok()?.state();
        let file = |name: &str| {
            let found = run.path().join(name).symlink_metadata().ok()?;
            Some((found.modified().ok()?, found.len()))
        };
        (state != RunState::Training).then(|| Self { state, files: FILES.map(file) })
    }
}

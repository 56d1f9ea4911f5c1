//! One run with all that its files say.

use minigpt_train::{Environment, FoundRun, Overview, RunConfig, Summary, TrainError};
use serde::Serialize;

use super::evaluation::{Evaluated, evaluations};

/// One run with all that its files say. What cannot be read is missing, and `problems` says why.
#[derive(Debug, Serialize)]
pub(crate) struct Details {
    pub(crate) overview: Overview,
    /// Each setting, as the run resolved it.
    pub(crate) config: Option<RunConfig>,
    pub(crate) environment: Option<Environment>,
    /// The figures of the end.
    pub(crate) summary: Option<Summary>,
    pub(crate) evaluations: Vec<Evaluated>,
    pub(crate) problems: Vec<String>,
}

impl Details {
    pub(crate) fn of(run: &FoundRun) -> Self {
        let mut problems = Vec::new();
        let mut details = Self {
            overview: Overview::of(run),
            config: None,
            environment: None,
            summary: None,
            evaluations: Vec::new(),
            problems: Vec::new(),
        };
        match run.folder() {
            Ok(folder) => {
                let mut damaged = |error: TrainError| problems.push(error.to_string());
                details.config = folder.config().map_err(&mut damaged).ok();
                details.environment = folder.environment().map_err(&mut damaged).ok();
                details.summary = folder.summary().map_err(&mut damaged).ok().flatten();
                details.evaluations = evaluations(&folder, &mut problems);
            }
            Err(error) => problems.push(error.to_string()),
        }
        // A file's problem may be the overview's too.
        let told = &details.overview.problem;
        if let Some(problem) = told.as_ref().filter(|problem| !problems.contains(problem)) {
            problems.push(problem.clone());
        }
        details.problems = problems;
        details
    }
}

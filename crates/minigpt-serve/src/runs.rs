//! Runs of a folder, to be followed while they train and compared afterwards.
//!
//! ```text
//! GET /api/runs                          what each run is and where it stands, the newest first
//! GET /api/runs/{name}                   configuration, environment, end, evaluations
//! GET /api/runs/{name}/metrics?after=N   the lines of metrics.csv after the first N, at most 5000
//! GET /api/runs/{name}/samples           what the model wrote at each validation
//! ```
//!
//! Files are read and never written. Links are not followed: a run is what lies in the folder itself.

mod cache;
mod details;
mod error;
mod evaluation;
mod metrics;
mod overviews;

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Extension, Json, Router};
use minigpt_train::{FoundRun, Runs, Sample};
use serde::Deserialize;

use self::cache::OverviewCache;
use self::details::Details;
use self::error::RunError;
use self::metrics::Metrics;
use self::overviews::Overviews;
use crate::app::App;
use crate::error::ApiError;
use crate::extract::{InPath, InQuery};

/// The runs that are shown.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// Those of a folder, which need not be there yet.
    runs: Runs,
    /// The name of the run that trains in this process, which the page shows first.
    current: Option<String>,
}

impl Shown {
    fn of(app: &App) -> Self {
        let settings = app.settings();
        Self { runs: Runs::new(settings.runs.clone()), current: settings.run.clone() }
    }

    /// The run of this name.
    ///
    /// # Errors
    /// [`RunError::Unknown`], also of a name that leads out of the folder.
    fn open(&self, name: &str) -> Result<FoundRun, RunError> {
        self.runs.open(name).ok_or_else(|| RunError::Unknown(minigpt_files::excerpt(name)))
    }
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/api/runs", get(list))
        .route("/api/runs/{name}", get(details))
        .route("/api/runs/{name}/metrics", get(metrics))
        .route("/api/runs/{name}/samples", get(samples))
        .layer(Extension(Arc::new(OverviewCache::default())))
}

type JsonAnswer<T> = Result<Json<T>, ApiError>;

async fn list(
    State(app): State<App>,
    Extension(cache): Extension<Arc<OverviewCache>>,
) -> JsonAnswer<Overviews> {
    let list = move |app: &App| Ok(Json(Shown::of(app).overviews(|run| cache.of(run))?));
    app.work(list).await
}

async fn details(State(app): State<App>, InPath(name): InPath<String>) -> JsonAnswer<Details> {
    app.work(move |app| Ok(Json(Details::of(&Shown::of(app).open(&name)?)))).await
}

/// What is asked of a run's metrics.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricsQuery {
    /// Lines that are known already.
    #[serde(default)]
    after: usize,
}

async fn metrics(
    State(app): State<App>,
    InPath(name): InPath<String>,
    InQuery(MetricsQuery { after }): InQuery<MetricsQuery>,
) -> JsonAnswer<Metrics> {
    app.work(move |app| Ok(Json(Metrics::after(&Shown::of(app).open(&name)?, after)?))).await
}

async fn samples(State(app): State<App>, InPath(name): InPath<String>) -> JsonAnswer<Vec<Sample>> {
    let read = move |app: &App| {
        let samples = Shown::of(app).open(&name)?.folder().map_err(RunError::from)?;
        let samples = samples.samples().map_err(RunError::from)?;
        Ok(Json(samples))
    };
    app.work(read).await
}

#[cfg(test)]
mod tests;

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

mod details;
mod error;
mod evaluation;
mod folder;
mod metrics;
mod overview;

use std::path::PathBuf;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRef, Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use minigpt_train::Sample;
use serde::Deserialize;

use self::details::Details;
use self::error::RunError;
use self::metrics::Metrics;
use self::overview::Overviews;
use crate::app::App;
use crate::error::ApiError;

/// The folder whose runs are shown.
#[derive(Clone, Debug)]
pub(crate) struct Runs {
    /// The folder that holds runs; there need be none yet.
    folder: PathBuf,
    /// The name of the run that trains in this process, which the page shows first.
    current: Option<String>,
}

impl FromRef<App> for Runs {
    fn from_ref(app: &App) -> Self {
        let settings = app.settings();
        Self { folder: settings.runs.clone(), current: settings.run.clone() }
    }
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/api/runs", get(list))
        .route("/api/runs/{name}", get(details))
        .route("/api/runs/{name}/metrics", get(metrics))
        .route("/api/runs/{name}/samples", get(samples))
}

type Answer<T> = Result<Json<T>, ApiError>;

async fn list(State(runs): State<Runs>) -> Answer<Overviews> {
    reading(move || runs.overviews()).await
}

async fn details(State(runs): State<Runs>, Path(name): Path<String>) -> Answer<Details> {
    reading(move || Ok(Details::of(&runs.open(&name)?))).await
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
    State(runs): State<Runs>,
    Path(name): Path<String>,
    query: Result<Query<MetricsQuery>, QueryRejection>,
) -> Answer<Metrics> {
    let Query(MetricsQuery { after }) = query.map_err(|error| {
        let problem = error.body_text();
        ApiError::bad_request(format!("{problem}; expected ?after=N, the lines that are known"))
    })?;
    reading(move || Metrics::after(&runs.open(&name)?, after)).await
}

async fn samples(State(runs): State<Runs>, Path(name): Path<String>) -> Answer<Vec<Sample>> {
    reading(move || {
        let run = runs.open(&name)?;
        Ok(run.folder()?.samples()?)
    })
    .await
}

/// Files are read on a thread that may wait.
async fn reading<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, RunError> + Send + 'static,
) -> Answer<T> {
    let answer = tokio::task::spawn_blocking(read).await;
    Ok(Json(answer.map_err(|_| ApiError::broken("reading the run failed"))??))
}

#[cfg(test)]
mod tests;

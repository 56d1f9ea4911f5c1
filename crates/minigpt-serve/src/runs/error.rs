//! Why nothing can be told of a run.

use axum::http::StatusCode;
use minigpt_train::TrainError;

use crate::error::ApiError;

/// Why nothing can be told of a run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("unknown run `{0}`: GET /api/runs lists the runs")]
    Unknown(String),
    /// A file of the run, or the folder of runs, cannot be read.
    #[error("{0}")]
    Unreadable(String),
}

impl From<TrainError> for RunError {
    fn from(error: TrainError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl From<std::io::Error> for RunError {
    fn from(error: std::io::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl From<RunError> for ApiError {
    fn from(error: RunError) -> Self {
        let status = match error {
            RunError::Unknown(_) => StatusCode::NOT_FOUND,
            // What is there and cannot be read is no fault of the server.
            RunError::Unreadable(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, error.to_string())
    }
}

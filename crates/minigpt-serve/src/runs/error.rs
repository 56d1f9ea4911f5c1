//! Why nothing can be told of a run.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use minigpt_train::TrainError;
use serde_json::json;

/// Why nothing can be told of a run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("there is no run `{0}`: GET /api/runs lists those that there are")]
    Unknown(String),
    #[error("{0}; expected ?after=N, the number of lines that are known")]
    Query(String),
    /// A file of the run, or the folder of runs, cannot be read.
    #[error("{0}")]
    Unreadable(String),
    #[error("reading the run failed: the server's own output says why")]
    Broken,
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

impl IntoResponse for RunError {
    fn into_response(self) -> Response {
        let (status, kind) = match self {
            Self::Unknown(_) => (StatusCode::NOT_FOUND, "not_found_error"),
            Self::Query(_) => (StatusCode::BAD_REQUEST, "invalid_request_error"),
            // What is there and cannot be read is no fault of this program.
            Self::Unreadable(_) => (StatusCode::UNPROCESSABLE_ENTITY, "unreadable_run"),
            Self::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        };
        let error =
            json!({ "message": self.to_string(), "type": kind, "param": null, "code": null });
        (status, Json(json!({ "error": error }))).into_response()
    }
}

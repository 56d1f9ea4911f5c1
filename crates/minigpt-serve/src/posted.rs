//! JSON that a client posts.

use axum::Json;
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// A JSON body of `T`, whose errors have the form of [`ApiError`].
pub(crate) struct Posted<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Posted<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            // 422 is none of the statuses that clients of OpenAI's API know.
            Err(rejection) if rejection.status() == 415 => Err(ApiError::new(
                rejection.status(),
                "expected JSON: send the header `Content-Type: application/json`",
            )),
            Err(rejection) => Err(ApiError::bad_request(rejection.body_text().replace('\n', " "))),
        }
    }
}

//! What handlers take from a request; errors have the form of [`ApiError`].

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// A JSON body.
pub(crate) struct Posted<T>(pub(crate) T);

/// What stands after the `?` of an address.
pub(crate) struct InQuery<T>(pub(crate) T);

/// The variable part of an address.
pub(crate) struct InPath<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Posted<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) if rejection.status() == 415 => Err(ApiError::new(
                rejection.status(),
                "expected JSON: send the header `Content-Type: application/json`",
            )),
            // axum would answer some with 422; OpenAI's clients expect 400 of a body that is wrong.
            Err(rejection) => Err(bad_request(&rejection.body_text())),
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for InQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = Query::from_request_parts(parts, state).await;
        query.map(|Query(value)| Self(value)).map_err(|error| bad_request(&error.body_text()))
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for InPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(value)| Self(value)).map_err(|error| bad_request(&error.body_text()))
    }
}

/// In one line.
fn bad_request(problem: &str) -> ApiError {
    ApiError::bad_request(problem.replace('\n', " "))
}

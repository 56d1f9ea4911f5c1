//! HTTP: which requests come to which handler, and who may ask.

mod connections;
mod gate;

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use self::gate::Gate;
use crate::app::App;
use crate::engine::{Counts, Refused};
use crate::error::ApiError;
use crate::{openai, pages, playground, runs};

/// Threads that read requests and write answers; models have their own.
const WORKERS: usize = 2;

/// Threads at most that tokenize prompts, search indexes and read runs.
const BLOCKING_WORKERS: usize = 8;

/// Serves until `until` is done, and then for as long as running answers take, within
/// [`stop_within`](crate::Settings::stop_within). The thread waits.
///
/// # Errors
/// Where the system gives no threads, or does not let the listener be waited for.
pub fn serve(listener: TcpListener, app: App, until: impl Future<Output = ()>) -> io::Result<()> {
    let address = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING_WORKERS)
        .thread_name("minigpt-serve")
        .enable_all()
        .build()?;
    let served = runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        connections::accept(listener, router(&app, address), &app, until).await;
        Ok(())
    });
    // What still blocks reads something that nobody waits for any more.
    runtime.shutdown_background();
    served
}

/// All routes, behind the gate of a server that listens at `address`.
fn router(app: &App, address: SocketAddr) -> Router {
    let gate = Arc::new(Gate::new(app.settings(), address));
    // What tells something.
    let told = Router::new()
        .route("/metrics", get(metrics))
        .merge(openai::routes())
        .merge(playground::routes())
        .merge(runs::routes())
        .route_layer(middleware::from_fn_with_state(gate.clone(), gate::read_body))
        .route_layer(middleware::from_fn_with_state(gate.clone(), gate::check_key));
    // What anybody may see.
    let open = Router::new().route("/health", get(health));
    let open = open.merge(openai::description()).merge(pages::routes());
    told.merge(open)
        .fallback(async || {
            ApiError::not_found("unknown address: /openapi.json lists those of the API")
        })
        .method_not_allowed_fallback(async || {
            let message =
                "this address does not take this method: /openapi.json lists those that it takes";
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, message)
        })
        .layer(middleware::from_fn_with_state(gate, gate::check_place))
        .layer(middleware::from_fn_with_state(app.clone(), count))
        .layer(middleware::map_response(gate::protect))
        .with_state(app.clone())
}

/// Whether the server takes requests.
async fn health(State(app): State<App>) -> Response {
    if app.is_stopping() {
        return ApiError::stopping().into_response();
    }
    if !app.engine().is_alive() {
        return ApiError::from(Refused::Gone).into_response();
    }
    Json(json!({"status": "ok"})).into_response()
}

async fn metrics(State(app): State<App>) -> Response {
    let Counts { waiting, running, .. } = app.engine().counts();
    let gauges = [
        ("minigpt_requests_waiting", "Texts that wait for a place in the batch.", waiting as u64),
        ("minigpt_texts_running", "Texts that are being written.", running as u64),
    ];
    let text = app.counters().to_prometheus(&gauges);
    ([("content-type", "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// Counts answers by the route that gave them, not by the path: anybody can ask for any.
async fn count(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    app.counters().answered(route, response.status().as_u16());
    response
}

#[cfg(test)]
mod tests;

//! The pages, embedded in the program: a file of `assets/` is served below `/assets/`, the pages at their own paths.
//!
//! Nothing is built, and nothing comes from elsewhere. The browser keeps each file and asks every time whether it is still
//! the same (`ETag`), so that a newer program's pages show at once.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::error::ApiError;
use crate::extract::InPath;

/// A file of `assets/`, by its path there.
struct Asset {
    path: &'static str,
    text: &'static str,
}

macro_rules! assets {
    ($($path:literal,)*) => {
        &[$(Asset { path: $path, text: include_str!(concat!("../assets/", $path)) }),*]
    };
}

/// All of them; a test holds that none is missing.
const ASSETS: &[Asset] = assets![
    "chat/answer.js",
    "chat/chat.css",
    "chat/chat.js",
    "chat/composer.js",
    "chat/controls.js",
    "chat/conversation.js",
    "chat/editor.js",
    "chat/empty.js",
    "chat/export.js",
    "chat/index.html",
    "chat/list.js",
    "chat/panels.js",
    "chat/prose.js",
    "chat/request.js",
    "chat/settings.js",
    "chat/spoken.js",
    "chat/store.js",
    "chat/thread.js",
    "chat/turns.js",
    "copy.js",
    "dom.js",
    "http.js",
    "icon.svg",
    "key.js",
    "playground/attention.js",
    "playground/candidates.js",
    "playground/focus.js",
    "playground/habits.js",
    "playground/head.js",
    "playground/headmap.js",
    "playground/heat.js",
    "playground/index.html",
    "playground/inside.css",
    "playground/lens.js",
    "playground/playground.css",
    "playground/playground.js",
    "playground/reading.js",
    "playground/samples.js",
    "playground/sampling.js",
    "playground/seen.js",
    "playground/sliders.js",
    "playground/strip.js",
    "playground/surprise.js",
    "playground/tokens.js",
    "playground/words.js",
    "runs/chart.js",
    "runs/choice.js",
    "runs/controls.js",
    "runs/curve.js",
    "runs/details.js",
    "runs/facts.js",
    "runs/format.js",
    "runs/gestures.js",
    "runs/index.html",
    "runs/list.js",
    "runs/main.js",
    "runs/picture.js",
    "runs/quantities.js",
    "runs/rows.js",
    "runs/runs.css",
    "runs/samples.js",
    "runs/scale.js",
    "runs/settings.js",
    "runs/svg.js",
    "runs/table.js",
    "runs/view.js",
    "storage.js",
    "style.css",
];

/// Addresses of pages and their files.
const PAGES: &[(&str, &str)] = &[
    ("/", "chat/index.html"),
    ("/playground", "playground/index.html"),
    ("/runs", "runs/index.html"),
];

/// The pages and what belongs to them. They tell nothing of models or runs, and need no key.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let file =
        |InPath(path): InPath<String>, headers: HeaderMap| async move { answer(&path, &headers) };
    let mut router = Router::new().route("/assets/{*path}", get(file));
    for &(address, path) in PAGES {
        let page = move |headers: HeaderMap| async move { answer(path, &headers) };
        router = router.route(address, get(page));
    }
    router
}

fn answer(path: &str, headers: &HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.path == path) else {
        return ApiError::not_found("there is no such page").into_response();
    };
    let tag = asset.tag();
    if headers.get_all(IF_NONE_MATCH).iter().any(|known| names(known.as_bytes(), &tag)) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    let kind = asset.content_type().to_owned();
    ([(CONTENT_TYPE, kind), (ETAG, tag), (CACHE_CONTROL, "no-cache".to_owned())], asset.text)
        .into_response()
}

/// Whether a list of entity tags, as browsers and caches send it, has this one.
fn names(list: &[u8], tag: &str) -> bool {
    let list = String::from_utf8_lossy(list);
    list.split(',')
        .map(str::trim)
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

impl Asset {
    fn content_type(&self) -> &'static str {
        match self.path.rsplit_once('.') {
            Some((_, "html")) => "text/html; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml",
            _ => "text/plain; charset=utf-8",
        }
    }

    /// What changes with the text, in quotes.
    fn tag(&self) -> String {
        format!("\"{}\"", &minigpt_files::sha256(self.text)[..16])
    }
}

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use super::{ASSETS, Asset, PAGES, answer, names};
use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};

/// Of all assets together, so that they stay small enough to read and to embed.
const MOST_BYTES: usize = 300_000;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets")
}

fn files_below(folder: &std::path::Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

fn pages() -> impl Iterator<Item = &'static Asset> {
    ASSETS.iter().filter(|asset| asset.path.ends_with(".html"))
}

#[test]
fn every_file_is_served_and_all_are_small() {
    let mut found: Vec<String> = files_below(&folder())
        .iter()
        .map(|path| path.strip_prefix(folder()).unwrap().to_str().unwrap().replace('\\', "/"))
        .collect();
    found.sort();
    let listed: Vec<&str> = ASSETS.iter().map(|asset| asset.path).collect();
    assert_eq!(listed, found, "list the files of assets/ in pages.rs, sorted");
    let bytes: usize = ASSETS.iter().map(|asset| asset.text.len()).sum();
    assert!(bytes < MOST_BYTES, "{bytes} bytes of assets");
}

#[test]
fn what_files_name_is_there() {
    for Asset { path, text } in ASSETS {
        for part in text.split('"').filter(|part| part.starts_with("/assets/")) {
            let name = part.trim_start_matches("/assets/");
            assert!(ASSETS.iter().any(|asset| asset.path == name), "{path} names {part}");
        }
    }
    for (address, path) in PAGES {
        assert!(ASSETS.iter().any(|asset| asset.path == *path), "{address} is of {path}");
    }
}

/// A page that needed more than the policy of `http` allows would be blank in a browser and right in every other test.
#[test]
fn nothing_comes_from_elsewhere_or_stands_in_the_page() {
    for Asset { path, text } in ASSETS {
        let text = text.replace("http://www.w3.org/2000/svg", "");
        for part in [
            "http://",
            "https://",
            "//cdn",
            "eval(",
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
        ] {
            assert!(!text.contains(part), "{path} has {part}");
        }
    }
    for Asset { path, text } in pages() {
        for part in ["<style", " style=", " onclick=", " onload=", "<script>", "javascript:"] {
            assert!(!text.contains(part), "{path} has {part}");
        }
        for part in [
            "<!doctype html>",
            "<html lang=\"en\">",
            "name=\"viewport\"",
            "<title>",
            "<main",
            "<h1",
        ] {
            assert!(text.contains(part), "{path} lacks {part}");
        }
    }
}

#[test]
fn a_file_is_sent_once_until_it_changes() {
    let first = answer("style.css", &HeaderMap::new());
    assert_eq!(first.status(), StatusCode::OK);
    assert_eq!(first.headers()[CONTENT_TYPE], "text/css; charset=utf-8");
    let tag = first.headers()[ETAG].clone();
    let asked = |known| HeaderMap::from_iter([(IF_NONE_MATCH, known)]);
    let again = answer("style.css", &asked(tag.clone()));
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(again.headers()[ETAG], tag);
    assert_eq!(answer("dom.js", &asked(tag)).status(), StatusCode::OK);
    assert_eq!(answer("../Cargo.toml", &HeaderMap::new()).status(), StatusCode::NOT_FOUND);
}

#[test]
fn tags_are_found_in_lists() {
    assert!(names(b"\"a\", W/\"b\"", "\"b\"") && names(b"*", "\"b\""));
    assert!(!names(b"\"a\"", "\"b\"") && !names(b"", "\"b\"") && !names(b"\xff", "\"b\""));
}

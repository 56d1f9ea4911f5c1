use super::*;

fn module(path: &str) -> Module {
    path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[test]
fn groups_are_taken_apart_and_tests_left_out() {
    let text = "use a::{b, c::{d, e}, self};\npub(crate) use crate::f::G;\n// of no use here;\n\
                #[cfg(test)]\nmod tests {\n    use crate::h;\n}\n";
    let expected = ["a::b", "a::c::d", "a::c::e", "a::self", "crate::f::G"];
    assert_eq!(paths(without_tests(text)), expected);
}

#[test]
fn paths_lead_to_files() {
    let modules = ["", "run", "run::row", "run::checkpoint", "config"].map(module);
    let leads = |path: &str, from: &str| resolve(path, &module(from), &modules);
    assert_eq!(leads("crate::run::row::Row", "config"), Some(module("run::row")));
    assert_eq!(leads("super::row::Row", "run::checkpoint"), Some(module("run::row")));
    assert_eq!(leads("super::RunFolder", "run::checkpoint"), Some(module("run")));
    assert_eq!(leads("super::super::config::X", "run::row"), Some(module("config")));
    assert_eq!(leads("row::Row", "run"), Some(module("run::row")));
    assert_eq!(leads("serde::Serialize", "run"), None);
}

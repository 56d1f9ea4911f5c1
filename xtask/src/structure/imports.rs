//! Which modules of a crate import which, read from the `use` lines of its files.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Module;

/// The imports between the files below `sources`, unit tests left out.
pub(super) fn of_crate(sources: &Path) -> Result<Vec<(Module, Module)>> {
    let files = sources_of(sources)?;
    let modules: Vec<Module> = files.iter().map(|(module, _)| module.clone()).collect();
    let mut imports = Vec::new();
    for (module, path) in &files {
        let text = fs_err::read_to_string(path)?;
        for path in paths(without_tests(&text)) {
            imports.extend(resolve(&path, module, &modules).map(|to| (module.clone(), to)));
        }
    }
    Ok(imports)
}

/// The files below `sources` as modules, unit tests left out.
pub(super) fn sources_of(sources: &Path) -> Result<Vec<(Module, PathBuf)>> {
    let mut files = Vec::new();
    list(sources, &mut Vec::new(), &mut files)?;
    Ok(files)
}

/// The files of a folder as modules.
fn list(folder: &Path, parent: &mut Module, files: &mut Vec<(Module, PathBuf)>) -> Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        if path.is_dir() {
            parent.push(name);
            list(&path, parent, files)?;
            parent.pop();
        } else if is_source && !name.ends_with("tests") {
            let is_folders = ["lib", "main", "mod"].contains(&name.as_str());
            let own = (!is_folders).then_some(name);
            files.push((parent.iter().cloned().chain(own).collect(), path));
        }
    }
    Ok(())
}

/// A file up to the unit tests at its end.
pub(super) fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
}

/// What the `use` lines of a file name, groups taken apart.
fn paths(text: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("use ") {
        let begins_line = rest[..at].rsplit('\n').next().is_some_and(is_before_use);
        rest = &rest[at + "use ".len()..];
        if begins_line && let Some(end) = rest.find(';') {
            take_apart("", &rest[..end], &mut paths);
        }
    }
    paths
}

/// What may stand on a line before `use`.
fn is_before_use(start: &str) -> bool {
    let start = start.trim();
    start.is_empty() || (start.starts_with("pub") && !start.contains(' '))
}

/// Adds each path of `a::{b, c::{d}}` after `prefix`.
fn take_apart(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let Some((head, group)) = tree.split_once('{') else {
        paths.push([prefix, tree.trim()].concat());
        return;
    };
    let prefix = [prefix, head.trim()].concat();
    let group = group.trim_end().trim_end_matches('}');
    let (mut depth, mut start) = (0, 0);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                take_apart(&prefix, &group[start..at], paths);
                start = at + 1;
            }
            _ => {}
        }
    }
    if !group[start..].trim().is_empty() {
        take_apart(&prefix, &group[start..], paths);
    }
}

/// The module that a path of a file of `module` leads to, if it is one of this crate's.
fn resolve(path: &str, module: &Module, modules: &[Module]) -> Option<Module> {
    let mut parts = path.split("::").peekable();
    let mut place = match parts.next()? {
        "crate" => Vec::new(),
        "self" => module.clone(),
        "super" => module.split_last()?.1.to_vec(),
        // A child of this module's, as edition 2021 and later have it.
        first => {
            let child: Module = module.iter().cloned().chain([first.to_owned()]).collect();
            modules.contains(&child).then_some(child)?
        }
    };
    for part in parts {
        if part == "super" {
            place.pop();
            continue;
        }
        let next: Module = place.iter().cloned().chain([part.to_owned()]).collect();
        if !modules.contains(&next) {
            break;
        }
        place = next;
    }
    Some(place)
}

#[cfg(test)]
mod tests;

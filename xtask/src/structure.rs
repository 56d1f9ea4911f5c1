//! Which way things depend: crates on crates, and the modules of a crate on each other; and where files are made.

mod creation;
mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cargo::{self, cargo};

/// What each crate of the workspace may need of the others, as ARCHITECTURE.md draws it.
const DIRECTIONS: [(&str, &[&str]); 14] = [
    ("minigpt-files", &[]),
    ("minigpt-gguf", &["files"]),
    // For its tests alone, which hold its formats against those of files.
    ("minigpt-ops", &["gguf"]),
    ("minigpt-plot", &["files"]),
    ("minigpt-data", &["files"]),
    ("minigpt-retrieval", &["files"]),
    ("minigpt-model", &["files", "gguf", "ops"]),
    ("minigpt-text", &["files", "gguf", "data", "model"]),
    ("minigpt-eval", &["files", "data", "model", "text"]),
    ("minigpt-train", &["files", "ops", "plot", "data", "model", "text", "eval"]),
    ("minigpt-report", &["files", "plot", "data", "model", "text", "eval", "train"]),
    ("minigpt-serve", &["files", "data", "retrieval", "model", "text", "train"]),
    (
        "minigpt-cli",
        &[
            "files",
            "gguf",
            "plot",
            "data",
            "retrieval",
            "model",
            "text",
            "eval",
            "train",
            "report",
            "serve",
        ],
    ),
    ("xtask", &["files"]),
];

/// Fails where a crate needs one that it may not, two modules beside each other need each other, or a file is made
/// past `minigpt-files`.
pub(crate) fn check() -> Result<()> {
    let json = cargo::output(&mut cargo(["metadata", "--no-deps", "--format-version=1"]))?;
    let metadata: Value = serde_json::from_str(&json).context("cargo metadata's answer")?;
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut faults = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let needs = package["dependencies"].as_array().into_iter().flatten();
        let needs = needs.filter_map(|dependency| dependency["name"].as_str());
        faults.extend(wrong_directions(name, needs));
        let manifest = package["manifest_path"].as_str().unwrap_or_default();
        let sources = Path::new(manifest).with_file_name("src");
        let circles = circles(&imports::of_crate(&sources)?);
        faults.extend(circles.into_iter().map(|circle| format!("{name}: {circle}")));
        faults.extend(creation::of_crate(name, &sources)?);
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    println!("{} crates need each other one way, and so do their modules", packages.len());
    Ok(())
}

/// The crates of this workspace that `package` needs and may not.
fn wrong_directions<'a>(package: &str, needs: impl Iterator<Item = &'a str>) -> Vec<String> {
    let Some((_, allowed)) = DIRECTIONS.iter().find(|(name, _)| *name == package) else {
        return vec![format!("{package} has no direction yet: name it in xtask's structure.rs")];
    };
    let is_wrong =
        |need: &&str| need.strip_prefix("minigpt-").is_some_and(|short| !allowed.contains(&short));
    needs.filter(is_wrong).map(|need| format!("{package} must not need {need}")).collect()
}

/// A module's path in its crate, as `["run", "checkpoint"]`; the crate itself is empty.
type Module = Vec<String>;

/// Circles among modules that stand beside each other, each with all that is below it. A module and its parent
/// may need each other.
fn circles(imports: &[(Module, Module)]) -> BTreeSet<String> {
    let mut levels: BTreeMap<&[String], BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
    for (from, to) in imports {
        let common = from.iter().zip(to).take_while(|(a, b)| a == b).count();
        if let (Some(a), Some(b)) = (from.get(common), to.get(common)) {
            levels.entry(&from[..common]).or_default().entry(a).or_default().insert(b);
        }
    }
    let of_level = |(parent, needs): (&&[String], &BTreeMap<&str, BTreeSet<&str>>)| {
        let parent = parent.join("::");
        let circles = needs.keys().filter_map(|start| circle(start, needs));
        circles.map(|circle| format!("in `{parent}`: {circle}")).collect::<Vec<_>>()
    };
    levels.iter().flat_map(of_level).collect()
}

/// A shortest way from a module back to it, if it is the first of that circle by name.
fn circle(start: &str, needs: &BTreeMap<&str, BTreeSet<&str>>) -> Option<String> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in way.last().and_then(|last| needs.get(last)).into_iter().flatten() {
                if *next == start {
                    let is_first = way.iter().all(|module| start <= *module);
                    return is_first.then(|| [&way[..], &[start]].concat().join(" → "));
                }
                if seen.insert(*next) {
                    longer.push([&way[..], &[*next]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

#[cfg(test)]
mod tests;

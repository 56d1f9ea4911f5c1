//! The software bill of materials: every crate that the program is built from, in CycloneDX's format.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::cargo::{self, cargo};

/// The bill as JSON, from cargo's own answer. It has no date and no serial number: the same sources give the same bill.
pub(super) fn bill(version: &str) -> Result<String> {
    let metadata = cargo::output(&mut cargo(["metadata", "--format-version=1", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata's answer")?;
    let lock = fs_err::read_to_string("Cargo.lock")?;
    Ok(serde_json::to_string_pretty(&from_metadata(&metadata, &checksums(&lock), version)?)?)
}

fn from_metadata(
    metadata: &Value,
    checksums: &BTreeMap<(String, String), String>,
    version: &str,
) -> Result<Value> {
    let packages = metadata["packages"].as_array().context("no packages")?;
    let root = packages.iter().find(|package| package["name"] == "minigpt-cli");
    let root = root.and_then(|root| root["id"].as_str()).context("no minigpt-cli")?;
    let needed = needed_by(root, &metadata["resolve"]["nodes"]);
    let components = packages.iter().filter(|package| {
        package["id"].as_str().is_some_and(|id| id != root && needed.contains(id))
    });
    let components: Vec<Value> = components.map(|package| component(package, checksums)).collect();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "name": "minigpt",
                "version": version,
                "licenses": [{ "expression": "MIT OR Apache-2.0" }],
            },
        },
        "components": components,
    }))
}

fn component(package: &Value, checksums: &BTreeMap<(String, String), String>) -> Value {
    let text = |key: &str| package[key].as_str().unwrap_or_default();
    let (name, version) = (text("name"), text("version"));
    let mut component = json!({
        "type": "library",
        "name": name,
        "version": version,
        "purl": format!("pkg:cargo/{name}@{version}"),
    });
    if let Some(license) = package["license"].as_str() {
        // Before SPDX, cargo had a slash for a choice.
        component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
    }
    if let Some(checksum) = checksums.get(&(name.to_owned(), version.to_owned())) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    component
}

/// The ids of all packages that a package is built from: neither development's nor those of no platform.
fn needed_by<'a>(root: &'a str, nodes: &'a Value) -> BTreeSet<&'a str> {
    let nodes: BTreeMap<&str, &Value> = nodes
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|node| Some((node["id"].as_str()?, &node["deps"])))
        .collect();
    let is_built = |needed: &Value| {
        needed["dep_kinds"].as_array().into_iter().flatten().any(|kind| kind["kind"] != "dev")
    };
    let mut found = BTreeSet::from([root]);
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        let needed = nodes.get(id).and_then(|needed| needed.as_array()).into_iter().flatten();
        for next in needed.filter(|needed| is_built(needed)).filter_map(|next| next["pkg"].as_str())
        {
            if found.insert(next) {
                open.push(next);
            }
        }
    }
    found
}

/// The SHA-256 of each package of the registry, by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let field = |package: &str, key: &str| {
        let start = format!("{key} = \"");
        let line = package.lines().find_map(|line| line.strip_prefix(&start))?;
        Some(line.trim_end_matches('"').to_owned())
    };
    let entry = |package: &str| {
        Some(((field(package, "name")?, field(package, "version")?), field(package, "checksum")?))
    };
    lock.split("[[package]]").filter_map(entry).collect()
}

#[cfg(test)]
mod tests;

//! Tells the program which git revision and which burn it was built from.

#![allow(clippy::disallowed_methods, reason = "a build script needs no fs_err")]

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=../../Cargo.lock");
    println!("cargo::rerun-if-changed=../../.git/HEAD");
    println!("cargo::rerun-if-changed=../../.git/refs/heads");
    let revision = Command::new("git").args(["rev-parse", "HEAD"]).output();
    if let Ok(output) = revision
        && output.status.success()
    {
        println!(
            "cargo::rustc-env=MINIGPT_GIT_REVISION={}",
            String::from_utf8_lossy(&output.stdout).trim()
        );
    }
    if let Some(rust) = rust_version() {
        println!("cargo::rustc-env=MINIGPT_RUST_VERSION={rust}");
    }
    println!("cargo::rustc-env=MINIGPT_BURN_VERSION={}", burn_version().unwrap_or_default());
}

/// As `rustc 1.97.0`.
fn rust_version() -> Option<String> {
    let output = Command::new(std::env::var_os("RUSTC")?).arg("--version").output().ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    let words: Vec<&str> = version.split_whitespace().take(2).collect();
    (words.len() == 2).then(|| words.join(" "))
}

/// The version of burn in the lock file.
fn burn_version() -> Option<String> {
    let lock = std::fs::read_to_string(Path::new("../../Cargo.lock")).ok()?;
    let mut lines = lock.lines().skip_while(|line| *line != "name = \"burn\"");
    let version = lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')?;
    Some(version.to_owned())
}

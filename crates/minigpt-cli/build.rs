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
    if has_packed_relocations() {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    println!("cargo::rustc-env=MINIGPT_BURN_VERSION={}", burn_version().unwrap_or_default());
}

/// Whether programs of this machine may keep the places to adjust when they are loaded as a bit map instead of a table, as
/// glibc reads since 2.36: a fourteenth of the program with `gpu`. GNU ld ignores a word of `-z` that it does not know.
fn has_packed_relocations() -> bool {
    let is_set = |name: &str, value: &str| std::env::var(name).is_ok_and(|set| set == value);
    let is_of_glibc =
        is_set("CARGO_CFG_TARGET_OS", "linux") && is_set("CARGO_CFG_TARGET_ENV", "gnu");
    // Another machine's library may be older.
    let is_for_here = std::env::var("HOST").ok() == std::env::var("TARGET").ok();
    is_of_glibc && is_for_here && glibc_version().is_some_and(|version| version >= (2, 36))
}

/// As (2, 36), of a line as `glibc 2.36`.
fn glibc_version() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = line.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
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

//! The crates as they would be published, compiled against each other: the libraries, then the program.
//!
//! `cargo package` would build each of them with the dev profile, which shares nothing with the other steps.
//! Here the packages are unpacked into a workspace of their own and checked with the release profile, which
//! shares what clippy has checked of the crates below them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::cargo::{self, cargo};

/// The program's crate, which `cargo install` takes.
const PROGRAM: &str = "minigpt-cli";

/// All crates that are published, in the order of their dependencies.
const CRATES: [&str; 13] = [
    "minigpt-files",
    "minigpt-gguf",
    "minigpt-ops",
    "minigpt-plot",
    "minigpt-model",
    "minigpt-data",
    "minigpt-retrieval",
    "minigpt-text",
    "minigpt-eval",
    "minigpt-train",
    "minigpt-report",
    "minigpt-serve",
    PROGRAM,
];

/// Where the packages are unpacked. Outside the workspace's folders, whose manifest would claim them.
const UNPACKED: &str = "target/unpacked";

/// Packages the crates, and fails if they do not compile from their packages. The program is checked for the CPU alone,
/// which shares its dependencies with clippy's pass.
pub(crate) fn check() -> Result<()> {
    cargo::run(&mut package())?;
    let root = Path::new(UNPACKED);
    if root.exists() {
        fs_err::remove_dir_all(root)?;
    }
    fs_err::create_dir_all(root)?;
    for name in CRATES {
        unpack(&format!("target/package/{}.crate", versioned(name)), root)?;
    }
    fs_err::write(root.join("Cargo.toml"), manifest(&fs_err::read_to_string("Cargo.toml")?)?)?;
    // The versions of the lock file, not newer ones.
    fs_err::copy("Cargo.lock", root.join("Cargo.lock"))?;
    let program = format!("--package={PROGRAM}");
    let excluded = ["--workspace".to_owned(), format!("--exclude={PROGRAM}")];
    let program = [program, "--no-default-features".to_owned()];
    for selection in [excluded, program] {
        let mut command = cargo(["check", "--release", "--target-dir=target", "--manifest-path"]);
        cargo::run(command.arg(root.join("Cargo.toml")).args(selection))?;
    }
    Ok(())
}

fn package() -> Command {
    let mut command = cargo(["package", "--no-verify"]);
    command.args(CRATES.map(|name| format!("--package={name}")));
    // While one works, the tree is dirty; CI has a clean clone and must keep it so.
    if std::env::var_os("CI").is_none() {
        command.arg("--allow-dirty");
    }
    command
}

fn unpack(package: &str, folder: &Path) -> Result<()> {
    // All files of a package have one time, that of none: cargo would take the check of an earlier one for its own.
    let mut tar = Command::new("tar");
    let status = tar.args(["-xzmf", package, "-C"]).arg(folder).status();
    ensure!(status.context("could not start tar")?.success(), "{package} could not be unpacked");
    Ok(())
}

fn versioned(name: &str) -> String {
    // All crates have one version.
    format!("{name}-{}", env!("CARGO_PKG_VERSION"))
}

/// A workspace of the packages, in which each takes the others from their packages too, with the release profile
/// of ours.
fn manifest(ours: &str) -> Result<String> {
    let profiles = ours.find("[profile.release]").context("Cargo.toml has no [profile.release]")?;
    // To its end, with what it says of single packages: cargo warns of those that are not here, and with other
    // levels all that is above them would be checked again.
    let profile = &ours[profiles..];
    let members = CRATES.map(|name| format!("{:?}", versioned(name))).join(", ");
    let patches =
        CRATES.map(|name| format!("{name} = {{ path = {:?} }}\n", versioned(name))).concat();
    Ok(format!(
        "[workspace]\nresolver = \"3\"\nmembers = [{members}]\n\n[patch.crates-io]\n{patches}\n{profile}\n"
    ))
}

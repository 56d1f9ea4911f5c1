//! The cargo command lines that more than one chore needs, and the ways to run them.

use std::ffi::{OsStr, OsString};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::features::Features;

/// The cargo that runs this program, with its first arguments.
pub(crate) fn cargo<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args);
    // `cargo run` tells this program which package it is. ring's build script looks at that, and would have
    // it and all above it built again after each build that was not started from here.
    for (name, _) in std::env::vars_os() {
        let is_of = |prefix| name.as_encoded_bytes().starts_with(prefix);
        if is_of(b"CARGO_PKG_".as_slice()) || is_of(b"CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
}

/// A file of settings for what [`train()`], [`build()`] and [`test()`] build, besides those of the manifest: CI
/// optimises less than users want.
const CONFIG: &str = "MINIGPT_CARGO_CONFIG";

/// The same for a command that builds to run.
fn building<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = cargo(args);
    if let Some(file) = std::env::var_os(CONFIG) {
        command.arg("--config").arg(file);
    }
    command
}

/// `minigpt train` from a release build, which shares all its dependencies with [`test()`]'s.
pub(crate) fn train(features: &Features, args: &[OsString]) -> Command {
    let mut command =
        building(["run", "--release", "--package", "minigpt-cli", "--bin", "minigpt"]);
    command.args(features.flags()).args(["--", "train"]).args(args);
    command
}

/// The program as [`train()`] builds it.
pub(crate) fn build(features: &Features) -> Command {
    let mut command =
        building(["build", "--release", "--package", "minigpt-cli", "--bin", "minigpt"]);
    command.args(features.flags());
    command
}

/// This program with optimisations, as it is given to others.
pub(crate) fn own() -> Command {
    building(["build", "--release", "--package", "xtask"])
}

/// The tests of the workspace, doc tests included; the examples are built with them.
pub(crate) fn test(features: &Features, args: &[OsString]) -> Command {
    let mut command = building(["test", "--release", "--workspace"]);
    command.args(features.flags()).args(args);
    command
}

/// Runs a command to its end; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    println!("$ {shown}");
    let status = command.status().with_context(|| format!("could not start `{shown}`"))?;
    ensure!(status.success(), "`{shown}` failed: {status}");
    Ok(())
}

/// Runs a command and returns what it printed; its errors still go to the terminal.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = show(command);
    println!("$ {shown}");
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .with_context(|| format!("could not start `{shown}`"))?;
    ensure!(output.status.success(), "`{shown}` failed: {}", output.status);
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` did not print UTF-8"))
}

/// Becomes the command: cargo in turn becomes the trained program, so that Ctrl-C and exit codes
/// are between it and the terminal. Returns only if the command could not start.
#[cfg(unix)]
pub(crate) fn replace_process(mut command: Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(error).with_context(|| format!("could not start `{}`", show(&command)))
}

/// Runs the command and passes its exit code on. Windows cannot replace a process: after Ctrl-C
/// the prompt is back at once, while the program still ends its work behind it.
#[cfg(not(unix))]
pub(crate) fn replace_process(mut command: Command) -> Result<ExitCode> {
    let status =
        command.status().with_context(|| format!("could not start `{}`", show(&command)))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// A command as one would type it: cargo without its folder.
pub(crate) fn show(command: &Command) -> String {
    let program = command.get_program();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let program = if program == cargo { OsStr::new("cargo") } else { program };
    let mut words = vec![program.to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests;

//! With which features minigpt is built here, and the combinations that documents name.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use anyhow::{Result, bail};

/// The features of `minigpt-cli` that a user may ask for.
const KNOWN: [&str; 3] = ["gpu", "tune-cache", "remote"];

/// The combinations of the program's features that documents name, but for the CPU alone, which the step `clippy`
/// has. The whole workspace is linted and documented with each, tests included.
pub(crate) const OF_THE_PROGRAM: [&[&str]; 2] = [&["gpu"], &KNOWN];

/// The combinations of packages that documents name; each is linted without its tests.
pub(crate) const OF_PACKAGES: [(&str, &[&str]); 6] = [
    ("minigpt-cli", &["remote"]),
    ("minigpt-cli", &["tune-cache"]),
    ("minigpt-model", &[]),
    ("minigpt-model", &["cpu"]),
    ("minigpt-model", &["gpu"]),
    ("minigpt-train", &["cpu"]),
];

/// The library through which wgpu finds drivers on Linux.
const LOADER: &str = "libvulkan.so.1";

/// Features of `minigpt-cli`. All chores of one machine build with the same, hence once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Features(Vec<&'static str>);

impl FromStr for Features {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => return Ok(Self::all()),
            "cpu" => return Ok(Self::of_the_cpu()),
            _ => {}
        }
        let known = |name: &str| KNOWN.into_iter().find(|known| *known == name.trim());
        let features: Option<Vec<_>> = text.split(',').map(known).collect();
        let expected = || format!("expected cpu, all, or some of {} with commas", KNOWN.join(", "));
        features.map(Self).ok_or_else(expected)
    }
}

impl Features {
    /// What `cargo xtask ci` and released programs have.
    pub(crate) fn all() -> Self {
        Self(KNOWN.to_vec())
    }

    /// The CPU alone, which every other combination builds on.
    pub(crate) fn of_the_cpu() -> Self {
        Self(Vec::new())
    }

    /// A combination of [`OF_THE_PROGRAM`].
    pub(crate) fn of_the_program(names: &[&'static str]) -> Self {
        Self(names.to_vec())
    }

    /// What this machine has a use for: `gpu` wherever wgpu could find a driver.
    pub(crate) fn of_this_machine() -> Self {
        if !cfg!(target_os = "linux") || has_vulkan_loader() {
            return Self(vec!["gpu"]);
        }
        eprintln!(
            "building for the CPU alone: no Vulkan loader ({LOADER}) here; for a GPU install its driver \
             and the loader (Debian, Ubuntu: libvulkan1), or begin with `cargo xtask --features gpu`"
        );
        Self(Vec::new())
    }

    /// The flags for a cargo command that selects `minigpt-cli` or the workspace.
    pub(crate) fn flags(&self) -> Vec<String> {
        let mut flags = vec!["--no-default-features".to_owned()];
        flags.extend(self.0.iter().map(|feature| format!("--features=minigpt-cli/{feature}")));
        flags
    }

    /// Those that are left out.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        // The cache is a part of gpu: nothing is tested of it alone.
        let is_missing = |name: &&str| *name != "tune-cache" && !self.0.contains(name);
        KNOWN.into_iter().filter(is_missing).collect()
    }

    /// Fails where a chore needs a feature that was not asked for.
    pub(crate) fn require(&self, feature: &str) -> Result<()> {
        if !self.0.contains(&feature) {
            bail!(
                "this needs the feature {feature}: begin with `cargo xtask --features {feature}`"
            );
        }
        Ok(())
    }
}

/// Whether a program could load the Vulkan loader: `ldconfig` knows it, or it is in a usual folder.
fn has_vulkan_loader() -> bool {
    let cached = ["ldconfig", "/sbin/ldconfig"].iter().any(|ldconfig| {
        let output = Command::new(ldconfig).arg("-p").output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(LOADER))
    });
    let given = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    cached || is_in(std::env::split_paths(&given).chain(usual_folders()))
}

fn usual_folders() -> impl Iterator<Item = PathBuf> {
    let arch = std::env::consts::ARCH;
    let folders = ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/run/opengl-driver/lib"];
    let multiarch = format!("/usr/lib/{arch}-linux-gnu");
    folders.into_iter().map(PathBuf::from).chain([PathBuf::from(multiarch)])
}

fn is_in(mut folders: impl Iterator<Item = impl AsRef<Path>>) -> bool {
    folders.any(|folder| folder.as_ref().join(LOADER).exists())
}

#[cfg(test)]
mod tests;

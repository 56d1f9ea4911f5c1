//! `cargo xtask package`: what somebody without a compiler installs.
//!
//! ```text
//! target/dist/minigpt-VERSION-TARGET.tar.gz      program, completions, manual, licences (a .zip on Windows)
//! target/dist/minigpt-VERSION-py3-none-….whl     the program as a Python wheel, with --wheel
//! target/dist/minigpt_VERSION-1_ARCH.deb         the same as the archive for Debian and Ubuntu, with --deb
//! target/dist/minigpt-VERSION.cdx.json           what it is built from (CycloneDX)
//! target/dist/SHA256SUMS                         of each of these
//! ```

mod debian;
mod sbom;
mod wheel;
mod zip;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::cargo;
use crate::features::Features;

/// The shells for which completions are packed.
const SHELLS: [&str; 4] = ["bash", "zsh", "fish", "powershell"];
/// What lies beside the program.
const DOCUMENTS: [&str; 4] = ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"];
const DIST: &str = "target/dist";

/// What to pack.
#[derive(Args)]
pub(crate) struct Package {
    /// Make a Python wheel that carries the program too, and install it into an empty environment
    #[arg(long)]
    wheel: bool,
    /// The wheel's platform, as manylinux_2_35_x86_64 [default: this machine's]
    #[arg(long, value_name = "TAG", requires = "wheel")]
    platform: Option<String>,
    /// Make a Debian package too, with Debian's dpkg-deb and dpkg-shlibdeps, and unpack it into an empty root
    #[arg(long)]
    deb: bool,
    /// Pack this program instead of building it
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Builds the program and packs it.
pub(crate) fn run(package: &Package, features: &Features) -> Result<()> {
    let program = match &package.program {
        Some(program) => program.clone(),
        None => {
            cargo::run(&mut cargo::build(features))?;
            Path::new("target/release").join(format!("minigpt{}", std::env::consts::EXE_SUFFIX))
        }
    };
    let program = fs_err::canonicalize(program)?;
    let dist = Path::new(DIST);
    if dist.exists() {
        fs_err::remove_dir_all(dist)?;
    }
    fs_err::create_dir_all(dist)?;
    let name = format!("minigpt-{}-{}", version(), target());
    let packed = dist.join(&name);
    fill(&packed, &program)?;
    let mut made = vec![archive(dist, &name)?];

    let bill = dist.join(format!("minigpt-{}.cdx.json", version()));
    minigpt_files::write(&bill, sbom::bill(version())?)?;
    if package.deb {
        let deb = debian::write(dist, &packed, &bill, version())?;
        debian::try_package(&deb, &dist.join("root"), version())?;
        made.push(deb);
    }
    made.push(bill);
    fs_err::remove_dir_all(packed)?;

    if package.wheel {
        let platform = package.platform.clone().unwrap_or_else(wheel::platform);
        let wheel = wheel::write(dist, &program, version(), &platform)?;
        try_wheel(&wheel, &dist.join("venv"))?;
        made.push(wheel);
    }
    let sums = made.iter().map(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(format!("{}  {name}\n", minigpt_files::sha256_file(path)?))
    });
    let sums: Result<Vec<_>> = sums.collect();
    minigpt_files::write(&dist.join("SHA256SUMS"), sums?.concat())?;
    for path in made {
        let size = fs_err::metadata(&path)?.len();
        println!("{} ({:.1} MB)", path.display(), size as f64 / 1e6);
    }
    Ok(())
}

/// All crates have one version.
pub(crate) fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// System and processor, as in `x86_64-linux`.
fn target() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}

/// The folder that an archive holds.
fn fill(folder: &Path, program: &Path) -> Result<()> {
    fs_err::create_dir_all(folder.join("completions"))?;
    let name = program.file_name().context("the program has no name")?;
    fs_err::copy(program, folder.join(name))?;
    for document in DOCUMENTS {
        fs_err::copy(document, folder.join(document))?;
    }
    for shell in SHELLS {
        let script = output(Command::new(program).args(["completions", shell]))?;
        minigpt_files::write(&folder.join(format!("completions/minigpt.{shell}")), script)?;
    }
    output(Command::new(program).arg("manual").arg(folder.join("man")))?;
    Ok(())
}

/// The folder as one file beside it: a zip file on Windows, whose shells may have a `tar` that writes none.
fn archive(dist: &Path, name: &str) -> Result<PathBuf> {
    if cfg!(windows) {
        return zipped(dist, name);
    }
    tarred(dist, name)
}

/// A folder in `dist` as a compressed archive beside it.
pub(crate) fn tarred(dist: &Path, name: &str) -> Result<PathBuf> {
    let file = format!("{name}.tar.gz");
    output(Command::new("tar").current_dir(dist).args(["-czf", &file, name]))?;
    Ok(dist.join(file))
}

fn zipped(dist: &Path, name: &str) -> Result<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![dist.join(name)];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let inside = path.strip_prefix(dist)?.to_string_lossy().replace('\\', "/");
                files.push((inside, fs_err::read(&path)?));
            }
        }
    }
    files.sort();
    let entries = files.iter().map(|(inside, bytes)| zip::Entry {
        name: inside.clone(),
        bytes,
        is_executable: inside.contains("/minigpt") && inside.matches('/').count() == 1,
    });
    let file = dist.join(format!("{name}.zip"));
    minigpt_files::write(&file, zip::archive(&entries.collect::<Vec<_>>())?)?;
    Ok(file)
}

/// Installs the wheel into an empty environment without a network, and asks the program for its version.
fn try_wheel(wheel: &Path, environment: &Path) -> Result<()> {
    let python = if cfg!(windows) { "python" } else { "python3" };
    if Command::new(python).arg("--version").output().is_err() {
        println!("SKIPPED: no {python} here to try the wheel with");
        return Ok(());
    }
    output(Command::new(python).args(["-m", "venv"]).arg(environment))?;
    let programs = environment.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let pip = ["-m", "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check"];
    output(Command::new(programs.join(python)).args(pip).arg(wheel))?;
    let said = output(Command::new(programs.join("minigpt")).arg("--version"))?;
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    ensure!(said == format!("minigpt {}", version()), "the installed program says {said:?}");
    println!("installed into an empty environment, it says: {said}");
    fs_err::remove_dir_all(environment)?;
    Ok(())
}

/// What a program prints; anything but success is an error.
fn output(command: &mut Command) -> Result<Vec<u8>> {
    let shown = cargo::show(command);
    println!("$ {shown}");
    let output = command.output().with_context(|| format!("could not start `{shown}`"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{shown}` failed: {}\n{errors}", output.status);
    Ok(output.stdout)
}

#[cfg(test)]
mod tests;

//! `cargo xtask gpu --pack`: all that a machine without Rust or a network needs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::part::{PEER, peer_script};
use crate::cargo;
use crate::distribution::{tarred, version};

/// How large an archive may be: what many a machine that is lent takes.
const LARGEST: u64 = 60 << 20;

/// What the file's name ends with.
const ENDING: &str = ".tar.gz";

/// Packs the program, this program and PyTorch's script.
pub(super) fn pack(file: &Path, program: &Path) -> Result<()> {
    let own = own_program()?;
    let folder = std::env::temp_dir().join(format!("minigpt-pack-{}", std::process::id()));
    let packed = pack_in(&folder, file, program, &own, LARGEST);
    if folder.exists() {
        fs_err::remove_dir_all(&folder)?;
    }
    let size = packed?;
    println!("wrote {} ({:.1} MiB); READ-ME in it says what to do", file.display(), mib(size));
    Ok(())
}

fn pack_in(folder: &Path, file: &Path, program: &Path, own: &Path, largest: u64) -> Result<u64> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name = name.strip_suffix(ENDING).filter(|name| !name.is_empty());
    let name =
        name.with_context(|| format!("--pack {}: expected a name with {ENDING}", file.display()))?;
    let inside = folder.join(name);
    fs_err::create_dir_all(&inside)?;
    let suffix = std::env::consts::EXE_SUFFIX;
    fs_err::copy(program, inside.join(format!("minigpt{suffix}")))?;
    fs_err::copy(own, inside.join(format!("xtask{suffix}")))?;
    fs_err::copy(peer_script()?, inside.join(PEER))?;
    fs_err::write(inside.join("READ-ME"), read_me(suffix))?;
    let archive = tarred(folder, name)?;
    let size = fs_err::metadata(&archive)?.len();
    ensure!(
        size <= largest,
        "the archive has {:.1} MiB, at most {:.0}: pack a program of the release profile, which is a third of that",
        mib(size),
        mib(largest)
    );
    minigpt_files::write_named(file, fs_err::read(&archive)?)?;
    Ok(size)
}

/// Five lines.
fn read_me(suffix: &str) -> String {
    format!(
        "minigpt {} on a graphics card: does it compute rightly, and how fast? Neither Rust nor a network is needed.\n\
         The card's driver must offer Vulkan, and its loader must be there (Debian, Ubuntu: libvulkan1).\n\
         ./xtask{suffix} gpu --program ./minigpt{suffix}                  five minutes; writes target/gpu/gpu.json\n\
         ./xtask{suffix} gpu --program ./minigpt{suffix} --peer PYTHON    beside PyTorch: a Python whose torch has CUDA\n\
         Exit code 1: it was not shown that the card computes what the processor does. Please report gpu.json.\n",
        version()
    )
}

/// This program with optimisations: cargo's alias builds it without, ten times as large.
fn own_program() -> Result<PathBuf> {
    if !cfg!(debug_assertions) {
        return Ok(std::env::current_exe()?);
    }
    cargo::run(&mut cargo::own())?;
    Ok(Path::new("target/release").join(format!("xtask{}", std::env::consts::EXE_SUFFIX)))
}

fn mib(size: u64) -> f64 {
    size as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests;

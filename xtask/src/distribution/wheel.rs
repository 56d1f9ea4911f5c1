//! A Python wheel that carries the program, as those of ruff and uv do: `pip install` puts it on the path.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::zip::{Entry, archive};

const SUMMARY: &str = "Train small language models, see how they work, and run them";

/// The platform tag of this machine.
pub(super) fn platform() -> String {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("macos", "aarch64") => "macosx_11_0_arm64".to_owned(),
        ("macos", arch) => format!("macosx_10_12_{arch}"),
        ("windows", "aarch64") => "win_arm64".to_owned(),
        ("windows", _) => "win_amd64".to_owned(),
        (os, arch) => format!("{os}_{arch}"),
    }
}

/// Writes the wheel into `folder`.
pub(super) fn write(
    folder: &Path,
    program: &Path,
    version: &str,
    platform: &str,
) -> Result<PathBuf> {
    let name = program.file_name().context("the program has no name")?.to_string_lossy();
    let bytes = fs_err::read(program)?;
    let readme = fs_err::read_to_string("README.md").unwrap_or_default();
    let licenses = ["LICENSE-APACHE", "LICENSE-MIT"]
        .map(|license| (license, fs_err::read(license).unwrap_or_default()));
    let wheel = folder.join(format!("minigpt-{version}-py3-none-{platform}.whl"));
    minigpt_files::write(&wheel, contents(&name, &bytes, version, platform, &readme, &licenses)?)?;
    Ok(wheel)
}

/// The bytes of the wheel.
fn contents(
    name: &str,
    program: &[u8],
    version: &str,
    platform: &str,
    readme: &str,
    licenses: &[(&str, Vec<u8>)],
) -> Result<Vec<u8>> {
    let info = format!("minigpt-{version}.dist-info");
    // A page of a registry has none of the repository's other files.
    let readme = readme.split("\n## What it can do").next().unwrap_or_default();
    let metadata = format!(
        "Metadata-Version: 2.4\nName: minigpt\nVersion: {version}\nSummary: {SUMMARY}\n\
         License-Expression: MIT OR Apache-2.0\nLicense-File: LICENSE-APACHE\nLicense-File: LICENSE-MIT\n\
         Requires-Python: >=3.8\nProject-URL: Source, https://github.com/minigpt-rs/minigpt\n\
         Description-Content-Type: text/markdown\n\n{readme}"
    );
    let tags = format!(
        "Wheel-Version: 1.0\nGenerator: minigpt-xtask {version}\nRoot-Is-Purelib: false\n\
         Tag: py3-none-{platform}\n"
    );
    let mut files = vec![
        (format!("minigpt-{version}.data/scripts/{name}"), program, true),
        (format!("{info}/METADATA"), metadata.as_bytes(), false),
        (format!("{info}/WHEEL"), tags.as_bytes(), false),
    ];
    for (license, text) in licenses {
        files.push((format!("{info}/licenses/{license}"), text, false));
    }
    let mut record = String::new();
    for (name, bytes, _) in &files {
        record += &format!("{name},sha256={},{}\n", checksum(bytes)?, bytes.len());
    }
    record += &format!("{info}/RECORD,,\n");
    files.push((format!("{info}/RECORD"), record.as_bytes(), false));
    let entries =
        files.into_iter().map(|(name, bytes, is_executable)| Entry { name, bytes, is_executable });
    archive(&entries.collect::<Vec<_>>())
}

/// A SHA-256 as RECORD has it: base64 for addresses, without padding.
fn checksum(bytes: &[u8]) -> Result<String> {
    let digits = minigpt_files::sha256(bytes);
    let byte = |start| u8::from_str_radix(&digits[start..start + 2], 16);
    let raw: Result<Vec<u8>, _> = (0..digits.len()).step_by(2).map(byte).collect();
    Ok(URL_SAFE_NO_PAD.encode(raw?))
}

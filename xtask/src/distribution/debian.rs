//! A Debian package, built by Debian's own tools: `apt install ./minigpt_VERSION_ARCH.deb`.
//!
//! ```text
//! usr/bin/minigpt
//! usr/share/bash-completion/completions/minigpt, and those of zsh and fish
//! usr/share/man/man1/minigpt*.1.gz
//! usr/share/doc/minigpt/   copyright, changelogs, README, the bill of materials
//! DEBIAN/                  control, md5sums
//! ```

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use flate2::{Compression, GzBuilder};

use super::output;

const CONTROL: &str = include_str!("debian/control");
const COPYRIGHT: &str = include_str!("debian/copyright");
/// The licences of what the program carries in itself.
const FONT: &str = include_str!("../../../crates/minigpt-plot/assets/DEJAVU-LICENSE");
const VOCABULARY: &str = include_str!("../../../crates/minigpt-data/assets/GPT2-TOKENIZER-LICENSE");
/// The package's own version, behind minigpt's.
const REVISION: u32 = 1;
/// Where each shell looks for the completions of packages. PowerShell has no such place.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/minigpt"),
    ("zsh", "usr/share/zsh/vendor-completions/_minigpt"),
    ("fish", "usr/share/fish/vendor_completions.d/minigpt.fish"),
];

/// Builds the package in `dist` from what the archive has, and the bill of materials.
pub(super) fn write(dist: &Path, packed: &Path, bill: &Path, version: &str) -> Result<PathBuf> {
    let root = dist.join("debian");
    let program = root.join("usr/bin/minigpt");
    copy(&packed.join("minigpt"), &program)?;
    for (shell, path) in COMPLETIONS {
        copy(&packed.join(format!("completions/minigpt.{shell}")), &root.join(path))?;
    }
    for page in fs_err::read_dir(packed.join("man"))? {
        let page = page?;
        let name = format!("usr/share/man/man1/{}.gz", page.file_name().to_string_lossy());
        put(&root.join(name), &packed_with_gzip(&fs_err::read(page.path())?)?)?;
    }
    // What comes before a release sorts before it.
    let version = format!("{}-{REVISION}", version.replace('-', "~"));
    let documents = root.join("usr/share/doc/minigpt");
    let bill_name = bill.file_name().context("the bill of materials has no name")?;
    copy(&packed.join("README.md"), &documents.join("README.md"))?;
    copy(bill, &documents.join(bill_name))?;
    put(&documents.join("copyright"), copyright()?.as_bytes())?;
    let changes = fs_err::read(packed.join("CHANGELOG.md"))?;
    put(&documents.join("changelog.gz"), &packed_with_gzip(&changes)?)?;
    let changes = packed_with_gzip(changelog(&version)?.as_bytes())?;
    put(&documents.join("changelog.Debian.gz"), &changes)?;

    let sums = checksums(&root)?;
    let architecture = said(Command::new("dpkg").arg("--print-architecture"))?;
    let control = CONTROL
        .replace("{version}", &version)
        .replace("{architecture}", &architecture)
        .replace("{depends}", &libraries(&dist.join("libraries"), &program)?)
        .replace("{size}", &size(&root)?.div_ceil(1024).to_string());
    put(&root.join("DEBIAN/control"), control.as_bytes())?;
    put(&root.join("DEBIAN/md5sums"), sums.as_bytes())?;
    output(Command::new("chmod").args(["--recursive", "u=rwX,go=rX"]).arg(&root))?;
    let file = dist.join(format!("minigpt_{version}_{architecture}.deb"));
    let mut build = Command::new("dpkg-deb");
    // Ubuntu's own default is a compression that older systems cannot read.
    output(build.args(["-Zxz", "--root-owner-group", "--build"]).arg(&root).arg(&file))?;
    fs_err::remove_dir_all(root)?;
    Ok(file)
}

/// Unpacks the package into an empty root and asks the program that lies there for its version.
pub(super) fn try_package(package: &Path, root: &Path, version: &str) -> Result<()> {
    output(Command::new("dpkg-deb").arg("--extract").arg(package).arg(root))?;
    let answer = said(Command::new(root.join("usr/bin/minigpt")).arg("--version"))?;
    ensure!(answer == format!("minigpt {version}"), "the installed program says {answer:?}");
    for (_, path) in COMPLETIONS {
        ensure!(root.join(path).exists(), "the package has no {path}");
    }
    println!("installed into an empty root, it says: {answer}");
    fs_err::remove_dir_all(root)?;
    Ok(())
}

/// Whether a program needs a glibc that reads packed relocations, which dpkg-shlibdeps does not look at.
pub(super) fn has_packed_relocations(program: &[u8]) -> bool {
    let version = b"GLIBC_ABI_DT_RELR";
    program.windows(version.len()).any(|bytes| bytes == version)
}

/// The packages of the libraries that the program is linked to, as dpkg-shlibdeps finds them.
fn libraries(folder: &Path, program: &Path) -> Result<String> {
    // It wants to be called in a folder of sources.
    put(
        &folder.join("debian/control"),
        b"Source: minigpt\n\nPackage: minigpt\nArchitecture: any\n",
    )?;
    let program = fs_err::canonicalize(program)?;
    let mut command = Command::new("dpkg-shlibdeps");
    command.args(["-O", "--warnings=0"]).arg(format!("-e{}", program.display()));
    let found = said(command.current_dir(folder));
    fs_err::remove_dir_all(folder)?;
    let found = found?;
    let depends = found.lines().find_map(|line| line.strip_prefix("shlibs:Depends="));
    let depends = depends.context("dpkg-shlibdeps names no packages")?.to_owned();
    Ok(match has_packed_relocations(&fs_err::read(&program)?) {
        true => depends + ", libc6 (>= 2.36)",
        false => depends,
    })
}

/// Debian's file of copyrights, in its machine-readable format.
fn copyright() -> Result<String> {
    let holder = VOCABULARY.lines().find_map(|line| line.strip_prefix("Copyright (c) "));
    let holder = holder.context("the vocabulary's licence names nobody")?;
    let line = |line: &str| match line.trim_end() {
        "" => " .".to_owned(),
        line => format!(" {line}"),
    };
    let font: Vec<String> = FONT.lines().map(line).collect();
    Ok(COPYRIGHT.replace("{gpt2}", holder).replace("{dejavu}", &font.join("\n")))
}

/// Debian's changelog: of this version alone, for all else is in minigpt's own.
fn changelog(version: &str) -> Result<String> {
    let mut date = Command::new("date");
    date.args(["--rfc-email", "--utc"]).env("LC_ALL", "C");
    // What makes the same package of the same sources.
    if let Ok(seconds) = std::env::var("SOURCE_DATE_EPOCH") {
        date.arg(format!("--date=@{seconds}"));
    }
    let maintainer = CONTROL.lines().find_map(|line| line.strip_prefix("Maintainer: "));
    let maintainer = maintainer.context("the control file names no maintainer")?;
    let date = said(&mut date)?;
    Ok(format!(
        "minigpt ({version}) unstable; urgency=medium\n\n  * changelog.gz says what is new.\n\n \
         -- {maintainer}  {date}\n"
    ))
}

/// The sums of all files below a folder, as md5sum prints them.
fn checksums(root: &Path) -> Result<String> {
    let mut files = Vec::new();
    files_below(root, &mut files)?;
    files.sort();
    let inside: Result<Vec<_>, _> = files.iter().map(|file| file.strip_prefix(root)).collect();
    Ok(said(Command::new("md5sum").args(inside?).current_dir(root))? + "\n")
}

/// Bytes of all files below a folder.
fn size(root: &Path) -> Result<u64> {
    let mut files = Vec::new();
    files_below(root, &mut files)?;
    files.iter().map(|file| Ok(fs_err::metadata(file)?.len())).sum()
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files_below(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// The bytes packed, the same for the same bytes.
fn packed_with_gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut packed = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    packed.write_all(bytes)?;
    Ok(packed.finish()?)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    make_folder_of(to)?;
    fs_err::copy(from, to)?;
    Ok(())
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    make_folder_of(path)?;
    minigpt_files::write(path, bytes)?;
    Ok(())
}

fn make_folder_of(path: &Path) -> Result<()> {
    fs_err::create_dir_all(path.parent().context("a path without a folder")?)?;
    Ok(())
}

/// What a command prints, without the end of its last line.
fn said(command: &mut Command) -> Result<String> {
    Ok(String::from_utf8(output(command)?)?.trim_end().to_owned())
}

//! `cargo xtask recording`: a session in a terminal as an animated picture, `docs/images/session.svg`.
//!
//! ```text
//! SESSION ─► script (a pseudo-terminal) ─► bytes with their times ─► Screen ─► versions of lines ─► SVG
//! ```

mod screen;
mod svg;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::cargo;
use crate::features::Features;
use screen::Screen;

/// What is typed. The first command is the one that the README gives the figures of.
const SESSION: [&str; 2] =
    ["minigpt train", "minigpt generate runs/austen --prompt \"It was\" --max-tokens 60"];
/// Seconds that a command's output takes in the picture, at most: what takes longer is shown faster.
const LONGEST: f64 = 9.0;
/// Seconds between two frames.
const FRAME: f64 = 0.25;
/// Seconds for a typed command, before the next one is typed, and before the picture begins again.
const TYPING: f64 = 1.0;
const PAUSE: f64 = 1.5;
const END: f64 = 6.0;
/// Columns: those of the longest line of a run's end.
const COLUMNS: usize = 112;
const ROWS: usize = 28;
/// A GitHub page loads it with the README.
const MOST_BYTES: usize = 60_000;

/// The picture, which `cargo xtask ci --only documents` compares with the README.
pub(crate) const PICTURE: &str = "docs/images/session.svg";

/// What to record.
#[derive(Args)]
pub(crate) struct Recording {
    /// Record this program instead of building it
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// The picture
    #[arg(long, value_name = "FILE", default_value = PICTURE)]
    out: PathBuf,
}

/// Bytes that a command wrote, and the seconds since its start.
struct Output {
    at: f64,
    bytes: Vec<u8>,
}

/// Records the session in an empty folder and writes the picture.
pub(crate) fn run(recording: &Recording, features: &Features) -> Result<()> {
    let program = match &recording.program {
        Some(program) => program.clone(),
        None => {
            cargo::run(&mut cargo::build(features))?;
            "target/release/minigpt".into()
        }
    };
    let program = fs_err::canonicalize(program)?;
    // The session calls it by this name: another one would be recorded.
    ensure!(
        program.file_stem().is_some_and(|name| name == "minigpt"),
        "{} has another name: expected a program called minigpt",
        program.display()
    );
    let folder = Path::new("target/recording");
    if folder.exists() {
        fs_err::remove_dir_all(folder)?;
    }
    fs_err::create_dir_all(folder)?;
    let mut screen = Screen::new(COLUMNS);
    let mut time = 0.0;
    let mut longest = (0.0, 0.0);
    for (index, command) in SESSION.iter().enumerate() {
        if index > 0 {
            screen.write(b"\r\n");
        }
        println!("$ {command}");
        let outputs = outputs(command, &program, folder)?;
        let took = outputs.last().map_or(0.0, |output| output.at);
        let shown = took.min(LONGEST);
        if took > longest.0 {
            longest = (took, shown);
        }
        time = type_in(&mut screen, command, time);
        time = play(&mut screen, &outputs, time, shown / took.max(f64::EPSILON)) + PAUSE;
    }
    let title = format!("the training takes {:.0} s, shown in {:.0} s", longest.0, longest.1);
    let picture = svg::picture(&screen, ROWS, time + END, &title);
    ensure!(
        picture.len() <= MOST_BYTES,
        "the picture has {} bytes: expected at most {MOST_BYTES}; record fewer frames",
        picture.len()
    );
    minigpt_files::write(&recording.out, &picture)?;
    fs_err::remove_dir_all(folder)?;
    println!("{} ({} bytes)", recording.out.display(), picture.len());
    Ok(())
}

/// Runs a command under a pseudo-terminal of util-linux's `script`, and keeps what it writes.
fn outputs(command: &str, program: &Path, folder: &Path) -> Result<Vec<Output>> {
    let path = std::env::var("PATH").unwrap_or_default();
    let programs = program.parent().context("the program has no folder")?.display();
    let mut running = Command::new("script")
        .args(["--quiet", "--return", "--flush", "--command"])
        .arg(format!("stty cols {COLUMNS} rows {ROWS}; exec {command}"))
        .arg("/dev/null")
        .current_dir(folder)
        .env("PATH", format!("{programs}:{path}"))
        .env("SHELL", "/bin/sh")
        .env("TERM", "xterm-256color")
        .env("MINIGPT_CACHE", "cache")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("could not start script, which util-linux has")?;
    let start = Instant::now();
    let mut written = running.stdout.take().context("script has no output")?;
    let mut outputs = Vec::new();
    let mut buffer = [0; 1 << 16];
    loop {
        let length = written.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        let bytes = buffer[..length].to_vec();
        outputs.push(Output { at: start.elapsed().as_secs_f64(), bytes });
    }
    let status = running.wait()?;
    ensure!(status.success(), "`{command}` failed: {status}");
    Ok(outputs)
}

/// Types a command from `time` on; returns when it is done.
fn type_in(screen: &mut Screen, command: &str, time: f64) -> f64 {
    screen.write(b"\x1b[1m$ ");
    screen.keep(time);
    let letters: Vec<char> = command.chars().collect();
    let frames = (TYPING / FRAME) as usize + 1;
    for (index, part) in letters.chunks(letters.len().div_ceil(frames)).enumerate() {
        let part: String = part.iter().collect();
        screen.write(part.as_bytes());
        screen.keep(time + FRAME * (index + 1) as f64);
    }
    screen.write(b"\x1b[0m\r\n");
    time + FRAME * (frames + 1) as f64
}

/// Shows what a command wrote, with each second of it as `pace` seconds; returns when it is done.
fn play(screen: &mut Screen, outputs: &[Output], time: f64, pace: f64) -> f64 {
    let mut frame = 0.0;
    for output in outputs {
        let at = output.at * pace;
        if at >= frame + FRAME {
            screen.keep(time + frame);
            frame = (at / FRAME).floor() * FRAME;
        }
        screen.write(&output.bytes);
    }
    screen.keep(time + frame);
    time + frame + FRAME
}

#[cfg(test)]
mod tests;

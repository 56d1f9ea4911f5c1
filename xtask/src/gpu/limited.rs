//! A command that is ended when its time is over.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Between two looks at the process.
const PAUSE: Duration = Duration::from_millis(10);

/// Of what a command prints or says, the last part of this size is kept: a broken driver repeats itself.
const KEPT: u64 = 1 << 20;

/// What was seen of a command.
pub(super) struct Ended {
    /// None where its time was over.
    pub(super) status: Option<ExitStatus>,
    pub(super) seconds: f64,
    /// Standard output.
    pub(super) printed: String,
    /// Standard error.
    pub(super) said: String,
}

/// Runs a command for at most `limit`. What it prints goes through files in `folder`: a pipe would stay open as long
/// as some child of the command lives.
pub(super) fn run(command: &mut Command, limit: Duration, folder: &Path) -> Result<Ended> {
    let (printed, said) = (folder.join("printed.txt"), folder.join("said.txt"));
    let file =
        |path: &Path| -> Result<Stdio> { Ok(fs_err::File::create(path)?.into_parts().0.into()) };
    command.stdin(Stdio::null()).stdout(file(&printed)?).stderr(file(&said)?);
    let began = Instant::now();
    let shown = command.get_program().to_string_lossy().into_owned();
    let mut child = command.spawn().with_context(|| format!("could not start {shown}"))?;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if began.elapsed() >= limit {
            child.kill()?;
            child.wait()?;
            break None;
        }
        sleep(PAUSE);
    };
    let seconds = began.elapsed().as_secs_f64();
    Ok(Ended { status, seconds, printed: end_of(&printed)?, said: end_of(&said)? })
}

fn end_of(path: &Path) -> Result<String> {
    let mut file = fs_err::File::open(path)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(KEPT)))?;
    let mut bytes = Vec::new();
    file.take(KEPT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl Ended {
    /// True where the command did its work in time.
    pub(super) fn is_success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// Why the command failed, in one line.
    pub(super) fn reason(&self) -> String {
        let lines = || self.said.lines().map(str::trim);
        // wgpu's own words, which a program repeats or goes on after.
        let device = lines().find(|line| line.starts_with("wgpu error: "));
        let Some(status) = self.status else {
            let late = format!("no end within {:.0} s", self.seconds);
            return device.map_or(late.clone(), |device| format!("{late}; {}", excerpt(device)));
        };
        let error = lines().rev().find_map(|line| line.strip_prefix("error: "));
        // A driver that breaks ends the process by a signal, whatever was said before.
        let last = || lines().rev().find(|line| !line.is_empty() && status.code().is_some());
        error.or(device).or_else(last).map_or_else(|| status.to_string(), excerpt)
    }
}

/// A line short enough for a terminal's.
fn excerpt(line: &str) -> String {
    const LONGEST: usize = 160;
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests;

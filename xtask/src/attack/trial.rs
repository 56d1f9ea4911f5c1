//! A command on a mutant, in a process of its own that is watched.

use std::io::Read;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::hub::LocalHub;

/// How long a command may take on a small file.
const TIME: Duration = Duration::from_secs(10);

/// How much memory a command may take on a small file.
const MEMORY: u64 = 1 << 30;

/// Between two looks at the process. The system keeps the peak of its memory, so that only what it takes
/// after the last look is missed.
const PAUSE: Duration = Duration::from_millis(2);

/// What a terminal shows at once: 24 lines of 80 characters.
const SCREEN_LINES: usize = 24;
const SCREEN: usize = SCREEN_LINES * 80;

/// Of what a command says, this much is looked at.
const SAID: u64 = 1 << 20;

/// What a command said on standard error, a file in its folder.
pub(crate) const SAID_FILE: &str = "said.txt";

/// The folder that is served as the hub, where there is one.
const HUB: &str = "hub";

/// How a command on a mutant ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It did its work.
    Accepted,
    /// It said in few words what is wrong.
    Refused,
    /// It did something that no file may make it do.
    Failed(String),
}

/// What was seen of a command.
pub(crate) struct Trial {
    pub(crate) verdict: Verdict,
    pub(crate) seconds: f64,
    /// Where the system tells it.
    pub(crate) peak_memory: Option<u64>,
    /// Standard error.
    pub(crate) said: String,
}

/// How a process came to its end.
enum End {
    Exited(ExitStatus),
    /// It was ended, for this reason.
    Ended(String),
}

/// Runs the program in a folder.
pub(crate) fn run(program: &Path, folder: &Path, args: &[String]) -> Result<Trial> {
    let hub = folder.join(HUB).is_dir().then(|| LocalHub::serve(&folder.join(HUB))).transpose()?;
    let path = folder.join(SAID_FILE);
    let (said, _) = fs_err::File::create(&path)?.into_parts();
    let began = Instant::now();
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir(folder)
        .env("MINIGPT_CACHE", folder.join("cache"))
        .env("HF_HUB_CACHE", folder.join("cache/hub"))
        .env("HF_HUB_OFFLINE", if hub.is_some() { "0" } else { "1" })
        .envs(hub.as_ref().map(|hub| ("HF_ENDPOINT", hub.endpoint())))
        .env_remove("RUST_BACKTRACE")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said);
    let mut child =
        command.spawn().with_context(|| format!("could not start {}", program.display()))?;
    let mut peak_memory = None;
    let end = loop {
        if let Some(status) = child.try_wait()? {
            break End::Exited(status);
        }
        peak_memory = peak_memory.max(peak(child.id()));
        let reason = if peak_memory.is_some_and(|peak| peak > MEMORY) {
            "more than 1 GiB of memory"
        } else if began.elapsed() > TIME {
            "no end within 10 s"
        } else {
            sleep(PAUSE);
            continue;
        };
        child.kill()?;
        child.wait()?;
        break End::Ended(reason.to_owned());
    };
    let seconds = began.elapsed().as_secs_f64();
    let mut said = Vec::new();
    fs_err::File::open(path)?.take(SAID).read_to_end(&mut said)?;
    let said = String::from_utf8_lossy(&said).into_owned();
    Ok(Trial { verdict: verdict(&end, &said), seconds, peak_memory, said })
}

/// The most memory that a process had so far, where Linux's `/proc` tells it.
fn peak(process: u32) -> Option<u64> {
    let status = fs_err::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

fn verdict(end: &End, said: &str) -> Verdict {
    let failed = |reason: &str| Verdict::Failed(reason.to_owned());
    let status = match end {
        End::Ended(reason) => return failed(reason),
        End::Exited(status) => status,
    };
    if said.contains("panicked at") || said.contains("minigpt broke") {
        return failed("a panic");
    }
    let lines = said.lines().count();
    match status.code() {
        Some(0) if said.lines().any(|line| line.len() > SCREEN) => {
            failed("a line longer than a screen")
        }
        Some(0) => Verdict::Accepted,
        Some(1) if lines > SCREEN_LINES || said.len() > SCREEN => {
            failed("more than a screen of text")
        }
        Some(1) if error(said).is_none() => failed("no line that says what is wrong"),
        Some(1) => Verdict::Refused,
        Some(code) => failed(&format!("exit code {code}")),
        None => failed(&format!("ended by a signal ({status})")),
    }
}

/// What a refusal says is wrong.
pub(crate) fn error(said: &str) -> Option<&str> {
    said.lines().find_map(|line| line.strip_prefix("error: "))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    fn of_code(code: i32, said: &str) -> Verdict {
        verdict(&End::Exited(ExitStatus::from_raw(code << 8)), said)
    }

    fn failed(reason: &str) -> Verdict {
        Verdict::Failed(reason.to_owned())
    }

    #[test]
    fn a_refusal_has_a_reason_of_less_than_a_screen() {
        assert_eq!(of_code(0, "model: x\n"), Verdict::Accepted);
        assert_eq!(of_code(1, "device: cpu\nerror: x is damaged\n"), Verdict::Refused);
        assert_eq!(of_code(1, "x\n"), failed("no line that says what is wrong"));
        let long = format!("error: {}\n", "x".repeat(2000));
        assert_eq!(of_code(1, &long), failed("more than a screen of text"));
        assert_eq!(of_code(0, &long), failed("a line longer than a screen"));
    }

    #[test]
    fn panics_signals_and_other_codes_are_failures() {
        assert_eq!(of_code(1, "error: minigpt broke: …\n"), failed("a panic"));
        let library = "error: x: the reader broke (index out of bounds)\n";
        assert_eq!(of_code(1, library), Verdict::Refused);
        assert_eq!(of_code(101, ""), failed("exit code 101"));
        let killed = verdict(&End::Exited(ExitStatus::from_raw(11)), "");
        assert!(
            matches!(killed, Verdict::Failed(reason) if reason.starts_with("ended by a signal"))
        );
    }
}

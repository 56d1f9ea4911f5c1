//! A program to run, a folder to run it in, and a short text to learn.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use minigpt_train::{CheckpointManifest, Row, RowSplit, read_metrics};

/// Of each kernel for a GPU the fewest forms are tried, once each: in software they take seconds to compile and
/// to run.
const FEW_KERNELS: &str = "[autotune]
level = \"minimal\"
bench = { min_samples = 1, max_samples = 1, short_circuit_samples = 1 }
";

/// `minigpt` in a folder of its own.
pub(crate) struct Sandbox {
    folder: PathBuf,
    /// Above it, with what burn looks for in the folders over the one it runs in.
    _root: tempfile::TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs_err::write(root.path().join("cubecl.toml"), FEW_KERNELS).unwrap();
        let folder = root.path().join("sandbox");
        fs_err::create_dir(&folder).unwrap();
        Self { folder, _root: root }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs_err::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn minigpt(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// The command, with a cache of its own.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_minigpt"));
        command.args(args).current_dir(&self.folder).env("MINIGPT_CACHE", self.path("cache"));
        // With it the program prints panics that become errors, as whoever sets it wants.
        command.env_remove("RUST_BACKTRACE");
        command
    }

    /// Standard output of a command that must succeed.
    #[track_caller]
    pub(crate) fn succeeds(&self, args: &[&str]) -> String {
        let output = self.minigpt(args);
        let errors = String::from_utf8_lossy(&output.stderr);
        let printed = String::from_utf8(output.stdout).unwrap();
        let args = args.join(" ");
        assert!(output.status.success(), "minigpt {args} failed:\n{printed}{errors}");
        printed
    }

    /// The error line of a command that must fail.
    #[track_caller]
    pub(crate) fn fails(&self, args: &[&str]) -> String {
        let output = self.minigpt(args);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "minigpt {}:\n{errors}", args.join(" "));
        assert!(!errors.contains("panicked"), "{errors}");
        let lines: Vec<&str> = errors.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(lines.len(), 1, "not one clear line:\n{errors}");
        assert!(errors.trim_end().ends_with(lines[0]), "the error is not the last line:\n{errors}");
        lines[0].to_owned()
    }
}

/// Says that this test cannot run here. Not by `eprintln!`, which is kept back where a test passes: `cargo xtask
/// test` counts these lines.
pub(crate) fn skipped(reason: &str) {
    say(format_args!("SKIPPED: {reason}"));
}

/// A line on standard error, where a passed test is not kept silent.
#[allow(clippy::disallowed_methods, reason = "the cli's output.rs is not to be had here")]
pub(crate) fn say(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// The command under way, silent.
pub(crate) fn start(sandbox: &Sandbox, args: &[&str]) -> Child {
    let mut command = sandbox.command(args);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Waits until `condition` holds, as long as the child runs; false where it ended before.
pub(crate) fn wait_for(child: &mut Child, mut condition: impl FnMut() -> bool) -> bool {
    while !condition() {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}

/// The last step in the metrics of a run that has its configuration.
pub(crate) fn steps_written(run: &Path) -> usize {
    let is_run = run.join("config.json").exists();
    let rows = is_run.then(|| read_metrics(&run.join("metrics.csv")).ok()).flatten();
    rows.and_then(|rows| Some(rows.last()?.step)).unwrap_or_default()
}

/// Training losses of a run, step by step.
pub(crate) fn train_losses(run: &Path) -> Vec<f64> {
    losses(run, RowSplit::Train)
}

/// Losses of one split of a run.
pub(crate) fn losses(run: &Path, split: RowSplit) -> Vec<f64> {
    let rows = read_metrics(&run.join("metrics.csv")).unwrap();
    rows.iter().filter(|row: &&Row| row.split == split).map(|row| row.loss).collect()
}

/// Holds the losses of one run against another's.
#[track_caller]
pub(crate) fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < tolerance, "{found} is not {expected}");
    }
}

/// The checksum of each file in a run's checkpoint: equal ones mean weights, average and schedule
/// equal to the bit. The optimiser's is left out, because burn writes its state in a hash map's order.
pub(crate) fn checksums(run: &Path, step: usize) -> BTreeMap<String, String> {
    let path = run.join(format!("checkpoints/step-{step:06}/manifest.json"));
    let manifest: CheckpointManifest =
        serde_json::from_slice(&fs_err::read(path).unwrap()).unwrap();
    manifest.sha256.into_iter().filter(|(file, _)| file != "optimizer.bpk").collect()
}

/// A hundred and fifty distinct sentences: enough to learn from and to hold a tenth out.
pub(crate) fn prose() -> String {
    let mut text = String::new();
    for who in ["Anne", "Mr. Weston", "the captain", "her sister", "Emma"] {
        for what in ["walked to", "wrote from", "spoke of", "hoped to see", "remembered"] {
            for place in ["the village", "the sea", "the old house", "Bath", "the garden", "London"]
            {
                text += &format!("In the morning {who} {what} {place}.\n\n");
            }
        }
    }
    text
}

//! The pages of `minigpt serve` in Chromium, driven by the scripts of `tests/python/browser`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::served::{Served, two_models};
use crate::support::skipped;
use crate::watching::{slow_and_fast, train};

/// A Python with playwright, which `tests/python/requirements.txt` lists.
const PYTHON: &str = "MINIGPT_PYTHON";

/// Where Chromium is, unless it is in one of [`PLACES`].
const CHROMIUM: &str = "MINIGPT_CHROMIUM";

const PLACES: [&str; 3] =
    ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/// CI sets this, so that a missing browser there is a failure and not a skipped test.
const REQUIRE: &str = "MINIGPT_REQUIRE_BROWSER";

/// What drives pages: a Python that has playwright, and a browser.
pub(crate) struct Browser {
    python: PathBuf,
    chromium: PathBuf,
}

impl Browser {
    /// Unless `what` is to be skipped, because something is missing.
    pub(crate) fn find(what: &str) -> Option<Self> {
        let found = Self::found();
        assert!(
            found.is_ok() || std::env::var_os(REQUIRE).is_none(),
            "{REQUIRE} is set, and {}",
            found.err().unwrap_or_default()
        );
        found
            .map_err(|missing| skipped(&format!("{what}: {missing}; .ci/run shows how to get it")))
            .ok()
    }

    fn found() -> Result<Self, String> {
        let python =
            std::env::var_os(PYTHON).ok_or(format!("{PYTHON} names no Python with playwright"))?;
        let has_it = Command::new(&python).args(["-c", "import playwright"]).output();
        if !has_it.is_ok_and(|output| output.status.success()) {
            return Err(format!("{} has no playwright", python.display()));
        }
        let named = std::env::var_os(CHROMIUM).map(PathBuf::from);
        let chromium =
            named.into_iter().chain(PLACES.map(PathBuf::from)).find(|path| path.exists());
        let chromium = chromium.ok_or(format!("{CHROMIUM} names no Chromium"))?;
        Ok(Self { python: python.into(), chromium })
    }

    /// Runs a script of `tests/python/browser` on the pages of a server.
    #[track_caller]
    pub(crate) fn run(&self, script: &str, served: &mut Served, args: &[&str]) {
        let output = self.script(script).arg(&served.address).args(args).output().unwrap();
        let failures = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{script}:\n{failures}\nthe server said:\n{}",
            served.said()
        );
    }

    /// Runs a script of `tests/python/browser` on a page that is a file.
    #[track_caller]
    pub(crate) fn open(&self, script: &str, page: &Path) {
        let output = self.script(script).arg(page).output().unwrap();
        let failures = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}:\n{failures}");
    }

    fn script(&self, name: &str) -> Command {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python/browser");
        let mut command = Command::new(&self.python);
        command.arg(folder.join(name)).env(CHROMIUM, &self.chromium);
        // No compiled modules beside the sources.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

#[test]
fn a_conversation_is_streamed_stopped_edited_and_exported() {
    let Some(browser) = Browser::find("the chat page") else { return };
    let sandbox = two_models();
    let mut served = Served::start(&sandbox, &["answers", "runs/continues"]);
    browser.run("chat.py", &mut served, &[]);
}

#[test]
fn runs_are_followed_and_compared() {
    let Some(browser) = Browser::find("the page of runs") else { return };
    let sandbox = slow_and_fast();
    // Longer than the script looks.
    let mut served = Served::training(&sandbox, &train("live", "1000000", "0.001"));
    browser.run("runs.py", &mut served, &[]);
}

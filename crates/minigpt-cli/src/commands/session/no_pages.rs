//! In place of pages, where the program was built without them.

use std::path::Path;

use anyhow::{Result, bail};

/// No address: [`at`](Self::at) takes none.
pub(crate) enum Pages {}

impl Pages {
    pub(crate) fn at(address: &str) -> Result<Self> {
        bail!(
            "--serve {address}: this minigpt was built without the serve feature (build it with `--features serve`)"
        )
    }

    pub(crate) fn serve(self, _run: &Path) -> Result<()> {
        match self {}
    }
}

//! In place of other machines, where the program was built without them.

use anyhow::{Result, bail};

use super::Chosen;

pub(super) fn connect(address: &str) -> Result<Chosen> {
    bail!(
        "--devices remote:{address}: this minigpt was built without other machines; build it with `--features remote`"
    )
}

//! Questions for models: files of them, and sets on the hub by name.

use std::path::Path;

use anyhow::{Context, Result};
use minigpt_data::ReadOptions;
use minigpt_eval::{NamedTask, Task};

use crate::terminal::progress::ByteProgress;

/// The questions of all that is given: a file's name, or files and names with commas between them.
pub(crate) fn read_all(given: &[String]) -> Result<Vec<Task>> {
    let each = |given: &String| match Path::new(given).exists() {
        true => vec![given.clone()],
        false => given.split(',').map(|name| name.trim().to_owned()).collect(),
    };
    given.iter().flat_map(each).map(|name| read(&name)).collect()
}

/// The questions of a file, or else of the set of that name.
fn read(name: &str) -> Result<Task> {
    let path = Path::new(name);
    if path.exists() || name.contains(['.', '/', '\\']) {
        return Ok(Task::read(path)?);
    }
    let task: NamedTask = name.parse()?;
    let mut progress = ByteProgress::new();
    let task = task.read(&ReadOptions::default(), &mut |download| {
        let what = format!("downloading {}", download.file);
        progress.show(&what, download.done_bytes, Some(download.total_bytes));
    });
    task.with_context(|| format!("the task {name}"))
}

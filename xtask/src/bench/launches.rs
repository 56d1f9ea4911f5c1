//! How many kernels a training step launches on a GPU, by the log of burn's runtime.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use super::{PROGRAM, quietly};

#[derive(Args)]
pub(crate) struct Launches {
    /// The adapter, as `minigpt --device` takes it
    #[arg(long, default_value = "gpu:software")]
    device: String,
    /// Steps to take: the first ones try kernels out, the last two must be alike
    #[arg(long, default_value_t = 6)]
    steps: usize,
    /// More arguments for `minigpt bench`, as --vocab
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// Small, for a driver on the processor; what is launched depends on the layers, and for the loss on the
/// tokens times the vocabulary.
pub(crate) const SHAPE: [&str; 6] = ["--vocab", "4096", "--context", "32", "--batch", "2"];

/// Where the runtime looks for its settings: the folder it is started in.
const SETTINGS: (&str, &str) =
    ("cubecl.toml", "[profiling.logger]\nlevel = \"minimal\"\nfile = \"launches.log\"\n");

/// Where it writes a line for each launch.
const LOG: &str = "launches.log";

pub(crate) fn run(bench: &Launches) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("minigpt-launches-{}", std::process::id()));
    let mut command = Command::new(PROGRAM);
    command.args(["bench", "--json", "--device", &bench.device]).args(SHAPE);
    command.args(["--steps", &bench.steps.to_string()]).args(&bench.args).current_dir(&folder);
    let kernels = configure(&folder)
        .and_then(|()| quietly(&mut command))
        .and_then(|_| of_the_last_step(&folder));
    fs_err::remove_dir_all(&folder)?;
    let kernels = kernels?;
    println!("{} launches a step", kernels.iter().map(|(_, count)| count).sum::<usize>());
    for (kernel, count) in kernels {
        println!("{count:6} {kernel}");
    }
    Ok(())
}

/// Makes the folder in which a program logs its launches if it is started there.
pub(crate) fn configure(folder: &Path) -> Result<()> {
    fs_err::create_dir_all(folder)?;
    Ok(fs_err::write(folder.join(SETTINGS.0), SETTINGS.1)?)
}

/// The kernels of the last step that was logged in the folder, each with its launches, the most first.
pub(crate) fn of_the_last_step(folder: &Path) -> Result<Vec<(String, usize)>> {
    let log = fs_err::read_to_string(folder.join(LOG))?;
    let launches: Vec<&str> = log.lines().filter_map(kernel).collect();
    let step = last_period(&launches).context("no two steps are alike: take more --steps")?;
    let mut kernels: BTreeMap<&str, usize> = BTreeMap::new();
    for kernel in step {
        *kernels.entry(kernel.rsplit_once('_').map_or(kernel, |(name, _)| name)).or_default() += 1;
    }
    let mut kernels: Vec<_> =
        kernels.into_iter().map(|(kernel, count)| (kernel.to_owned(), count)).collect();
    kernels.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    Ok(kernels)
}

/// The name in a line of the log, as `MatmulEntry_1f`: what it does, and a hash of the variant.
fn kernel(line: &str) -> Option<&str> {
    line.strip_prefix("Executing ").map(|name| name.split(" | ").next().unwrap_or(name))
}

/// The shortest end that stands there twice and is long enough for a step.
fn last_period<'a, 'b>(launches: &'b [&'a str]) -> Option<&'b [&'a str]> {
    const SHORTEST: usize = 50;
    (SHORTEST..=launches.len() / 2).find_map(|length| {
        let (before, last) = launches.split_at(launches.len() - length);
        before.ends_with(last).then_some(last)
    })
}

#[cfg(test)]
mod tests;

//! `minigpt completions`, and the manual's pages.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::CommandFactory;
use clap_mangen::Man;

use crate::args::{Cli, CompletionsArgs, ManualArgs};
use crate::terminal::output::{print, say};

/// A script for a shell, on standard output.
pub(crate) fn run(args: &CompletionsArgs) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "minigpt", &mut script);
    print(|out| out.write_all(&script))?;
    Ok(ExitCode::SUCCESS)
}

/// A page of the manual for each command, as `minigpt-train.1`.
pub(crate) fn run_manual(args: &ManualArgs) -> Result<ExitCode> {
    fs_err::create_dir_all(&args.folder)?;
    let mut command = Cli::command();
    command.build();
    let pages = write_pages(command, &args.folder)?;
    say(format_args!("{pages} pages in {}", args.folder.display()));
    Ok(ExitCode::SUCCESS)
}

/// The page of a command and those of the commands below it; how many they are.
fn write_pages(command: clap::Command, folder: &Path) -> Result<usize> {
    let is_shown = |below: &&clap::Command| !below.is_hide_set() && below.get_name() != "help";
    let below: Vec<_> = command.get_subcommands().filter(is_shown).cloned().collect();
    let page = Man::new(command);
    let mut text = Vec::new();
    page.render(&mut text)?;
    let path = folder.join(page.get_filename());
    minigpt_files::write(&path, &text)?;
    let pages = below.into_iter().map(|below| write_pages(below, folder));
    pages.sum::<Result<usize>>().map(|pages| pages + 1)
}

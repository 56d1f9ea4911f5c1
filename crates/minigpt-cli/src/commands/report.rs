//! `minigpt report`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use minigpt_report::Report;
use minigpt_train::RunFolder;
use serde::Serialize;

use crate::args::ReportArgs;
use crate::terminal::output::{print, say};

/// What `--json` prints.
#[derive(Serialize)]
struct Written {
    html: PathBuf,
    markdown: PathBuf,
    latex: Option<PathBuf>,
    pictures: Vec<PathBuf>,
}

pub(crate) fn run(args: &ReportArgs) -> Result<ExitCode> {
    let runs = args.runs.iter().map(|path| RunFolder::open(path)).collect::<Result<Vec<_>, _>>()?;
    let folder = args.out.clone().unwrap_or_else(|| match &runs[..] {
        [run] => run.path().join("report"),
        _ => PathBuf::from("report"),
    });
    say(format_args!("reading and drawing: {}", folder.display()));
    let report = Report::new(&runs, &folder)?;
    let written = Written {
        html: report.write_html()?,
        markdown: report.write_markdown()?,
        latex: args.latex.then(|| report.write_tables()).transpose()?,
        pictures: report.pictures().to_vec(),
    };
    if args.json {
        let json = serde_json::to_string_pretty(&written)?;
        print(|out| writeln!(out, "{json}"))?;
    } else {
        let Written { html, markdown, latex, .. } = &written;
        let files = [Some(html), Some(markdown), latex.as_ref()];
        print(|out| {
            files.iter().flatten().try_for_each(|file| writeln!(out, "{}", file.display()))
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

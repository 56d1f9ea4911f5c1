//! From run folders to files.

use std::path::{Path, PathBuf};

use minigpt_train::RunFolder;

use crate::document::Document;
use crate::error::ReportError;
use crate::html::html;
use crate::latex::tables;
use crate::markdown::markdown;
use crate::pictures::Pictures;
use crate::record::RunRecord;
use crate::sections;

/// Runs in one report: a table has a column for each, and a page of paper is as wide.
const RUNS: usize = 8;

/// The report of one run, or of several compared.
#[derive(Debug)]
pub struct Report {
    folder: PathBuf,
    document: Document,
    pictures: Vec<PathBuf>,
}

impl Report {
    /// Reads the runs, and draws the pictures into `folder`. What is missing or damaged in a run's folder is named in
    /// the report, unless it is the configuration.
    ///
    /// # Errors
    /// [`ReportError`].
    pub fn new(runs: &[RunFolder], folder: &Path) -> Result<Self, ReportError> {
        match runs.len() {
            0 => return Err(ReportError::NoRun),
            runs if runs > RUNS => return Err(ReportError::TooManyRuns { runs, most: RUNS }),
            _ => {}
        }
        let read = |(key, run)| RunRecord::read(run, key + 1);
        let mut records = runs.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
        name_apart(&mut records);
        let mut pictures = Pictures::new(folder)?;
        let document = sections::document(&records, &mut pictures)?;
        Ok(Self { folder: folder.to_owned(), document, pictures: pictures.files })
    }

    /// The pictures that were drawn, each as PNG and those of numbers as SVG too.
    #[must_use]
    pub fn pictures(&self) -> &[PathBuf] {
        &self.pictures
    }

    /// Writes `report.html`, one page with its pictures inside.
    ///
    /// # Errors
    /// [`ReportError::Io`].
    pub fn write_html(&self) -> Result<PathBuf, ReportError> {
        self.write("report.html", html(&self.document, &self.folder)?)
    }

    /// Writes `report.md`, whose pictures are in the folder beside it.
    ///
    /// # Errors
    /// [`ReportError::Io`].
    pub fn write_markdown(&self) -> Result<PathBuf, ReportError> {
        self.write("report.md", markdown(&self.document))
    }

    /// Writes `tables.tex`, the tables in LaTeX.
    ///
    /// # Errors
    /// [`ReportError::Io`].
    pub fn write_tables(&self) -> Result<PathBuf, ReportError> {
        self.write("tables.tex", tables(&self.document))
    }

    fn write(&self, name: &str, text: String) -> Result<PathBuf, ReportError> {
        let path = self.folder.join(name);
        minigpt_files::write(&path, text)?;
        Ok(path)
    }
}

/// Runs of one name in different folders are told apart by their paths.
fn name_apart(runs: &mut [RunRecord]) {
    let names: Vec<String> = runs.iter().map(|run| run.name.clone()).collect();
    for run in runs {
        if names.iter().filter(|name| **name == run.name).count() > 1 {
            run.name = run.path.display().to_string();
        }
    }
}

#[cfg(test)]
mod tests;

#![doc = include_str!("../README.md")]

mod document;
mod error;
pub mod format;
mod html;
mod latex;
mod markdown;
mod pictures;
mod record;
mod report;
mod sections;

pub use error::ReportError;
pub use record::shell_word;
pub use report::Report;

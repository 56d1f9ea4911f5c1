#![doc = include_str!("../README.md")]
//!
//! # Main types
//!
//! | for | see |
//! |---|---|
//! | a report | [`Report`] |
//! | where losses come from, as a picture | [`draw_loss_sources`] |
//! | numbers as people read them | [`mod@format`] |
//! | what can be wrong | [`ReportError`] |

mod document;
mod error;
pub mod format;
mod html;
mod latex;
mod loss_sources;
mod markdown;
mod pictures;
mod record;
mod report;
mod sections;

pub use error::ReportError;
pub use loss_sources::draw_loss_sources;
pub use report::Report;

#![doc = include_str!("../README.md")]
//!
//! # Main types
//!
//! | for | see |
//! |---|---|
//! | charts of lines | [`Figure`], [`Chart`], [`Line`], [`Axis`], [`Note`] |
//! | how they look | [`Look`], [`Size`], [`Theme`], [`Form`] |
//! | other pictures | [`draw_bars`], [`draw_losses`], [`draw_confusion`], [`draw_heatmaps`] |
//! | smoothing | [`running_mean`], [`default_window`] |
//! | what can be wrong | [`PlotError`] |

mod axis;
mod bars;
mod confusion;
mod error;
mod figure;
mod heatmap;
mod look;
mod losses;
mod picture;
mod sheet;
mod smooth;

pub use axis::{Axis, Scale};
pub use bars::{Bar, BarPanel, draw_bars};
pub use confusion::draw_confusion;
pub use error::PlotError;
pub use figure::{Chart, Figure, Form, LeftOut, Line, Note};
pub use heatmap::{Heatmap, draw_heatmaps};
pub use look::{Look, Size, Theme};
pub use losses::{FrequencyClass, PositionLoss, draw_losses, often};
pub use smooth::{default_window, running_mean};

#![doc = include_str!("../README.md")]

mod bars;
mod confusion;
mod error;
mod heatmap;
mod lines;
mod losses;
mod picture;

pub use bars::{Bar, BarPanel, draw_bars};
pub use confusion::draw_confusion;
pub use error::PlotError;
pub use heatmap::{Heatmap, draw_heatmaps};
pub use lines::{Panel, Series, Style, draw_lines};
pub use losses::{FrequencyClass, PositionLoss, draw_losses};

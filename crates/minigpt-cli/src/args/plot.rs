//! `minigpt plot`'s command line.

use std::path::PathBuf;

use clap::Args;
use minigpt_plot::{Size, Theme};
use minigpt_train::{Axis, Band, Quantity};

use super::one_of;

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  minigpt plot runs/austen --curve grad-norm
  minigpt plot runs/slow runs/fast --out compared.png
  minigpt plot runs/slow runs/fast --curve perplexity --x minutes --out compared.svg
  minigpt plot runs/austen --log-x --log-y --x tokens        a power law is a straight line
  minigpt plot runs/seed-1 runs/seed-2 runs/seed-3 --band    mean, in a band of all values
  minigpt plot runs/austen --size slide --theme dark --out slide.png
  minigpt plot runs/austen --size column --out figure.svg --data-csv figure.csv")]
pub(crate) struct PlotArgs {
    /// Run folders, drawn over each other
    #[arg(required = true)]
    pub(crate) runs: Vec<PathBuf>,
    #[arg(
        long,
        help = one_of("What is drawn", &Quantity::ALL.map(Quantity::name)),
        default_value = "loss"
    )]
    pub(crate) curve: Quantity,
    /// What the horizontal axis counts: steps, tokens, passes or minutes
    #[arg(long, default_value = "steps")]
    pub(crate) x: Axis,
    /// Smooth over this odd number of steps (an even number counts as the next odd one), with the unsmoothed values
    /// pale below; 0 draws only unsmoothed values
    /// [default: a fortieth of the longest run]
    #[arg(long, value_name = "STEPS")]
    pub(crate) smooth: Option<usize>,
    /// Make the horizontal axis logarithmic
    #[arg(long)]
    pub(crate) log_x: bool,
    /// Make the vertical axis logarithmic
    #[arg(long)]
    pub(crate) log_y: bool,
    /// Draw the learning rate too, with a separate axis at the right
    #[arg(long)]
    pub(crate) learning_rate: bool,
    /// Draw runs that differ only in their seed as their mean with a band: min-max, or --band=sd for one standard
    /// deviation
    #[arg(
        long,
        value_name = "BAND",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = Band::NAMES[0]
    )]
    pub(crate) band: Option<Band>,
    #[arg(
        long,
        help = one_of("Size of the picture and its letters", &Size::NAMES),
        default_value = "page"
    )]
    pub(crate) size: Size,
    #[arg(long, help = one_of("Background", &Theme::NAMES), default_value = "light")]
    pub(crate) theme: Theme,
    /// The picture, a .png or .svg [default: plots/CURVE.png in the run folder; compared.png for
    /// several runs]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Write every point that is drawn as a table: chart,axis,line,form,x,y,low,high
    #[arg(long, value_name = "FILE")]
    pub(crate) data_csv: Option<PathBuf>,
}

//! What gradient checkpointing costs in time and saves in memory, over the depth of a model.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::PROGRAM;
use super::plot::{self, Line};
use super::program::{Figures, figures};
use super::shapes::{SMALL, Shape};

#[derive(Args)]
pub(crate) struct Checkpointing {
    /// Numbers of blocks
    #[arg(long, value_delimiter = ',', default_values_t = [4, 8, 12, 24, 36, 48])]
    layers: Vec<usize>,
    /// Steps to time
    #[arg(long, default_value_t = 3)]
    steps: usize,
    /// Where checkpointing.json and checkpointing.png go
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

/// Both ways of one depth; memory is the whole process's, at its peak.
#[derive(Serialize)]
struct Depth {
    shape: Shape,
    kept: Figures,
    recomputed: Figures,
}

pub(crate) fn run(bench: &Checkpointing) -> Result<()> {
    println!("{:>6} {:>20} {:>26}", "", "everything kept", "blocks computed twice");
    println!("{:>6} {:>10} {:>9} {:>16} {:>9}", "layers", "ms/step", "MiB", "ms/step", "MiB");
    let mut depths = Vec::new();
    for layers in &bench.layers {
        let depth = Depth::measure(Shape { layers: *layers, ..SMALL }, bench.steps)?;
        depth.print();
        depths.push(depth);
    }
    fs_err::create_dir_all(&bench.out)?;
    let json = bench.out.join("checkpointing.json");
    fs_err::write(&json, serde_json::to_string_pretty(&depths)?)?;
    let picture = bench.out.join("checkpointing.png");
    draw(&depths, &picture)?;
    println!("wrote {} and {}", json.display(), picture.display());
    Ok(())
}

impl Depth {
    fn measure(shape: Shape, steps: usize) -> Result<Self> {
        let measure = |more: &[&str]| {
            let mut command = Command::new(PROGRAM);
            command.args(["bench", "--json", "--steps", &steps.to_string()]).args(more);
            figures(command.args(shape.arguments()))
        };
        let (kept, recomputed) = (measure(&[])?, measure(&["--gradient-checkpointing"])?);
        Ok(Self { shape, kept, recomputed })
    }

    fn print(&self) {
        let [(kept, kept_memory), (again, again_memory)] =
            [&self.kept, &self.recomputed].map(point);
        println!(
            "{:6} {kept:10.0} {kept_memory:9.0} {again:16.0} {again_memory:9.0}",
            self.shape.layers
        );
    }
}

/// Milliseconds and mebibytes.
fn point(figures: &Figures) -> (f64, f64) {
    (1e3 * figures.seconds_per_step, figures.peak_memory.unwrap_or(f64::NAN))
}

/// A name, and which of the figures it is.
type Way = (&'static str, fn(&Depth) -> &Figures);

fn draw(depths: &[Depth], path: &Path) -> Result<()> {
    let ways: [Way; 2] = [
        ("everything kept", |depth| &depth.kept),
        ("blocks computed twice", |depth| &depth.recomputed),
    ];
    let lines = |place: fn(&Depth, &Figures) -> (f64, f64)| {
        ways.map(|(name, way)| Line {
            name: name.to_owned(),
            points: depths.iter().map(|depth| place(depth, way(depth))).collect(),
        })
    };
    plot::picture(path, (1500, 560), |root| {
        let areas = root.split_evenly((1, 2));
        let by_depth = lines(|depth, figures| (depth.shape.layers as f64, point(figures).1));
        plot::chart(&areas[0], "layers", "peak memory, MiB", &by_depth)?;
        plot::chart(
            &areas[1],
            "milliseconds a step",
            "peak memory, MiB",
            &lines(|_, figures| point(figures)),
        )
    })
}

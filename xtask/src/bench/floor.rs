//! The least time that a step can take: its floating-point operations at the processor's measured peak.

use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::{PROGRAM, quietly};

/// What `minigpt bench --peak` measures.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Peak {
    f32_gflop_per_second: f64,
    /// `None` where the processor has no instruction for it.
    bf16_gflop_per_second: Option<f64>,
    /// Of a cache line between two cores; `None` with one core.
    round_trip_nanoseconds: Option<f64>,
}

impl Peak {
    pub(super) fn measure() -> Result<Self> {
        let json = quietly(Command::new(PROGRAM).args(["bench", "--peak", "--json"]))?;
        serde_json::from_str(&json)
            .with_context(|| format!("the program told {json:?} of its peak"))
    }

    /// Seconds that so many operations take at least. Those in bf16 are in f32 where the processor has no instruction for
    /// them.
    pub(super) fn floor_seconds(&self, operations: f64, is_bf16: bool) -> f64 {
        let bf16 = self.bf16_gflop_per_second.filter(|_| is_bf16);
        operations / (1e9 * bf16.unwrap_or(self.f32_gflop_per_second))
    }

    pub(super) fn print(&self) {
        let bf16 = self.bf16_gflop_per_second;
        let bf16 = bf16.map_or_else(String::new, |speed| format!(", {speed:.0} in bf16"));
        let trip = self.round_trip_nanoseconds;
        let trip = trip.map_or_else(String::new, |trip| {
            format!("; a cache line goes to another core and back in {trip:.0} ns")
        });
        println!("peak: {:.0} GFLOP/s in f32{bf16}{trip}", self.f32_gflop_per_second);
    }
}

#[cfg(test)]
mod tests;

//! What the processor can do at most.

use std::io::Write;
use std::time::{Duration, Instant};

use minigpt_model::Precision;
use serde::Serialize;

/// A try lasts as long, so that waking the threads does not count.
const TRY: Duration = Duration::from_millis(10);

/// The fastest counts: other programs may have had a core in some.
const TRIES: usize = 25;

/// Rounds of the first try.
const ROUNDS: usize = 1 << 12;

/// Billions of floating-point operations a second, on all threads that compute; `None` where the processor has no
/// instruction for them.
#[derive(Serialize)]
pub(super) struct Peak {
    f32_gflop_per_second: Option<f64>,
    bf16_gflop_per_second: Option<f64>,
}

pub(super) fn measure() -> Peak {
    let [f32_gflop_per_second, bf16_gflop_per_second] = [Precision::F32, Precision::Bf16].map(of);
    Peak { f32_gflop_per_second, bf16_gflop_per_second }
}

fn of(precision: Precision) -> Option<f64> {
    let timed = |rounds| {
        let began = Instant::now();
        let operations = precision.multiply_adds(rounds)?;
        Some((operations as f64, began.elapsed()))
    };
    let mut rounds = ROUNDS;
    while timed(rounds)?.1 < TRY {
        rounds *= 2;
    }
    let speeds = (0..TRIES).filter_map(|_| timed(rounds));
    let speeds = speeds.map(|(operations, time)| operations / time.as_secs_f64() / 1e9);
    speeds.reduce(f64::max)
}

impl Peak {
    pub(super) fn write(&self, out: &mut dyn Write) -> std::io::Result<()> {
        for (name, speed) in
            [("f32", self.f32_gflop_per_second), ("bf16", self.bf16_gflop_per_second)]
        {
            match speed {
                Some(speed) => writeln!(out, "{name:15} {speed:.0} GFLOP/s")?,
                None => writeln!(out, "{name:15} not on this processor")?,
            }
        }
        Ok(())
    }
}

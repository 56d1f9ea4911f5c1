//! What the processor can do at most, and how far apart two of its cores are.

use std::hint::spin_loop;
use std::io::Write;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use minigpt_model::Precision;
use serde::Serialize;

/// A try lasts as long, so that waking the threads does not count.
const TRY: Duration = Duration::from_millis(10);

/// The fastest counts: other programs may have had a core in some.
const TRIES: usize = 25;

/// Rounds of the first try.
const ROUNDS: usize = 1 << 12;

/// Round trips of a try.
const TRIPS: usize = 2000;

/// Looks at the count before a thread lets others run.
const PATIENCE: usize = 1000;

/// The count at which timing begins: both threads run by then.
const STARTED: usize = 4;

#[derive(Serialize)]
pub(super) struct Peak {
    /// Billions of floating-point operations a second, on all threads that compute; `None` where the processor has no
    /// instruction for them.
    f32_gflop_per_second: Option<f64>,
    bf16_gflop_per_second: Option<f64>,
    /// Nanoseconds in which a cache line goes from one core to another and back; `None` with one core.
    round_trip_nanoseconds: Option<f64>,
}

pub(super) fn measure() -> Peak {
    let [f32_gflop_per_second, bf16_gflop_per_second] = [Precision::F32, Precision::Bf16].map(of);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let round_trip_nanoseconds = (cores > 1).then(round_trip);
    Peak { f32_gflop_per_second, bf16_gflop_per_second, round_trip_nanoseconds }
}

/// Two threads count in turn, one to the odd numbers and one to the even ones.
///
/// Cores that share a cache exchange a line much faster, which speeds up short operations that two threads share. Threads are
/// not pinned, and a virtual machine's host may move its cores, so the figure can change within minutes.
fn round_trip() -> f64 {
    let count = AtomicUsize::new(0);
    let take_turns = |turns: Range<usize>| {
        for turn in turns.step_by(2) {
            let mut waited = 0;
            while count.load(Ordering::Acquire) != turn {
                waited += 1;
                // Another program may have the other thread's core.
                if waited % PATIENCE == 0 { thread::yield_now() } else { spin_loop() }
            }
            count.store(turn + 1, Ordering::Release);
        }
    };
    let end = Instant::now() + TRIES as u32 * TRY;
    let tries = (0..TRIES).take_while(|&index| index == 0 || Instant::now() < end);
    let tries = tries.map(|_| {
        count.store(0, Ordering::Release);
        thread::scope(|scope| {
            scope.spawn(|| take_turns(1..STARTED + 2 * TRIPS));
            // The other thread runs once it has answered.
            take_turns(0..STARTED);
            let began = Instant::now();
            take_turns(STARTED..STARTED + 2 * TRIPS);
            began.elapsed().as_secs_f64()
        })
    });
    1e9 * tries.fold(f64::INFINITY, f64::min) / TRIPS as f64
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
        if let Some(trip) = self.round_trip_nanoseconds {
            writeln!(out, "cache line      {trip:.0} ns from one core to another and back")?;
        }
        Ok(())
    }
}

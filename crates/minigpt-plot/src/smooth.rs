//! Smoothing that can be named in a legend.

/// The mean of the `window` points around each: as many before as after it, so that the line does not lag behind.
/// The windows of the first points reach over a quarter of what is before them, since a loss falls fast there, and a
/// logarithmic axis shows it; those of the last points end with the line.
#[must_use]
pub fn running_mean(points: &[(f64, f64)], window: usize) -> Vec<(f64, f64)> {
    let half = window / 2;
    let mut sums = Sums::default();
    let mean = |(index, (x, _)): (usize, &(f64, f64))| {
        let reach = half.min(index / 4);
        let (from, to) = (index - reach, (index + reach + 1).min(points.len()));
        (*x, sums.of(points, from, to) / (to - from) as f64)
    };
    points.iter().enumerate().map(mean).collect()
}

/// Sums of windows that move on with both ends. Nothing is subtracted: a difference of sums has lost its digits once
/// there was a spike before the window.
#[derive(Default)]
struct Sums {
    /// The sums from each point from `start` on to `pivot`, which is in the window or at its end.
    before: Vec<f64>,
    start: usize,
    pivot: usize,
    /// The sum from there to `end`.
    after: f64,
    end: usize,
}

impl Sums {
    fn of(&mut self, points: &[(f64, f64)], from: usize, to: usize) -> f64 {
        if from >= self.pivot {
            let sums = points[from..to].iter().rev().scan(0.0, |sum, (_, y)| {
                *sum += y;
                Some(*sum)
            });
            self.before = sums.collect();
            self.before.reverse();
            (self.start, self.pivot, self.after) = (from, to, 0.0);
        } else {
            self.after += points[self.end..to].iter().map(|(_, y)| y).sum::<f64>();
        }
        self.end = to;
        self.before[from - self.start] + self.after
    }
}

/// A window for a line of so many points that leaves its course and takes its noise: a fortieth of them, odd.
/// 1, which smooths nothing, for less than 80.
#[must_use]
pub fn default_window(points: usize) -> usize {
    match points / 40 {
        0 | 1 => 1,
        window => window | 1,
    }
}

#[cfg(test)]
mod tests;

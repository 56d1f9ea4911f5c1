//! Smoothing that can be named in a legend.

/// The mean of the `window` points around each: as many before as after it, so that the line does not lag behind.
/// The windows of the first points reach over a quarter of what is before them, since a loss falls fast there, and a
/// logarithmic axis shows it; those of the last points end with the line.
pub fn running_mean(points: &[(f64, f64)], window: usize) -> Vec<(f64, f64)> {
    let half = window / 2;
    let mut sums = vec![0.0];
    let mut sum = 0.0;
    for (_, y) in points {
        sum += y;
        sums.push(sum);
    }
    let mean = |(index, (x, _)): (usize, &(f64, f64))| {
        let reach = half.min(index / 4);
        let (from, to) = (index - reach, (index + reach + 1).min(points.len()));
        (*x, (sums[to] - sums[from]) / (to - from) as f64)
    };
    points.iter().enumerate().map(mean).collect()
}

/// A window for a line of so many points that leaves its course and takes its noise: a fortieth of them, odd.
/// 1, which smooths nothing, for less than 80.
pub fn default_window(points: usize) -> usize {
    match points / 40 {
        0 | 1 => 1,
        window => window | 1,
    }
}

#[cfg(test)]
mod tests;

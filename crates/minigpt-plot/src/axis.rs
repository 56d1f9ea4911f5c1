//! An axis: from where to where it goes, and which numbers stand at it.

/// What is measured along one side of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// What stands beside it.
    pub name: String,
    /// How far apart values are.
    pub scale: Scale,
    /// Whether a linear axis begins at 0, however far from it the values are.
    pub from_zero: bool,
}

/// How far apart values are on an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// By their difference.
    #[default]
    Linear,
    /// By their ratio; values at or below 0 have no place.
    Log,
}

impl Axis {
    /// A linear axis around its values.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), scale: Scale::Linear, from_zero: false }
    }

    /// The same with that scale.
    #[must_use]
    pub fn scale(self, scale: Scale) -> Self {
        Self { scale, ..self }
    }

    /// The same from 0 on.
    #[must_use]
    pub fn from_zero(self) -> Self {
        Self { from_zero: true, ..self }
    }

    /// Whether a value has a place on it.
    pub(crate) fn holds(&self, value: f64) -> bool {
        value.is_finite() && (self.scale == Scale::Linear || value > 0.0)
    }

    /// From the least of the values to the greatest, with `room`, a part of that, at both ends.
    pub(crate) fn span(&self, values: impl Iterator<Item = f64>, room: f64) -> Span {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            (low, high) = if self.scale == Scale::Log { (1.0, 10.0) } else { (0.0, 1.0) };
        }
        match self.scale {
            Scale::Linear => self.linear(low, high, room),
            Scale::Log => {
                let is_flat = high <= low * (1.0 + 1e-9);
                let factor = if is_flat { 1.4 } else { ((high.ln() - low.ln()) * room).exp() };
                let (low, high) = ((low / factor).max(f64::MIN_POSITIVE), high * factor);
                Span { low, high: high.min(f64::MAX), scale: Scale::Log }
            }
        }
    }

    fn linear(&self, low: f64, high: f64, room: f64) -> Span {
        let scale = Scale::Linear;
        if self.from_zero && low >= 0.0 {
            let high = if high > 0.0 { high } else { 1.0 };
            return Span { low: 0.0, high: (high * (1.0 + room)).min(f64::MAX), scale };
        }
        // A flat line, too, needs some height around it.
        let is_flat = high - low <= high.abs().max(low.abs()) * 1e-9;
        let room = match is_flat {
            true if high == 0.0 => 1.0,
            true => high.abs() * 0.05,
            false => (high - low) * room,
        };
        // What is never below 0 is not drawn as if it could be.
        let least = if low >= 0.0 { 0.0 } else { f64::NEG_INFINITY };
        Span { low: (low - room).max(least), high: high + room, scale }
    }
}

/// The values that an axis shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Span {
    pub(crate) low: f64,
    pub(crate) high: f64,
    scale: Scale,
}

/// A number at an axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    pub(crate) value: f64,
    pub(crate) label: String,
}

impl Span {
    /// How far along the axis a value stands, 0 at its start and 1 at its end.
    pub(crate) fn part(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log => (value.ln() - self.low.ln()) / (self.high.ln() - self.low.ln()),
        }
    }

    /// Round numbers on the axis, about `most` of them.
    pub(crate) fn ticks(&self, most: usize) -> Vec<Tick> {
        let most = most.max(2);
        let log = if self.scale == Scale::Log { self.log_ticks(most) } else { None };
        // Multiples of powers of ten have digits of their own.
        let is_log = log.is_some();
        let values = log.unwrap_or_else(|| self.linear_ticks(most));
        let step = values.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
        let greatest = values.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
        let label = |value: f64| {
            if is_log { on_axis(value, value, value) } else { on_axis(value, step, greatest) }
        };
        values.into_iter().map(|value| Tick { value, label: label(value) }).collect()
    }

    /// Lines between the ticks of a logarithmic axis, at whole multiples of its powers of ten.
    pub(crate) fn between(&self) -> Vec<f64> {
        let decades = self.high.log10() - self.low.log10();
        if self.scale == Scale::Linear || !(0.8..=6.0).contains(&decades) {
            return Vec::new();
        }
        self.multiples(&DIGITS)
    }

    fn linear_ticks(&self, most: usize) -> Vec<f64> {
        let step = round_step((self.high - self.low) / most as f64);
        let first = (self.low / step - 1e-9).ceil();
        let count = (self.high / step + 1e-9).floor() - first;
        // A step too small for the numbers, as at 1e300, has no ticks.
        if !(step > 0.0 && (0.0..1e3).contains(&count)) {
            return vec![self.low];
        }
        // No `-0`.
        (0..=count as usize).map(|index| (first + index as f64) * step + 0.0).collect()
    }

    /// Multiples of powers of ten; nothing where so few are on the axis that round numbers as on a linear one say more.
    fn log_ticks(&self, most: usize) -> Option<Vec<f64>> {
        let steps = [&DIGITS[..], &[1.0, 2.0, 3.0, 5.0], &[1.0, 2.0, 5.0], &[1.0, 3.0]];
        let ticks = steps.into_iter().map(|steps| self.multiples(steps));
        let fitting = ticks.into_iter().find(|ticks| (3..=most).contains(&ticks.len()));
        fitting.or_else(|| {
            let decades = self.multiples(&[1.0]);
            let every = decades.len().div_ceil(most);
            (decades.len() >= 3).then(|| decades.into_iter().step_by(every).collect())
        })
    }

    /// The powers of ten on the axis times each of `steps`.
    fn multiples(&self, steps: &[f64]) -> Vec<f64> {
        let first = self.low.log10().floor() as i32;
        let last = self.high.log10().ceil() as i32;
        let all = (first..=last).flat_map(|power| {
            steps.iter().map(move |step| {
                // Exactly 0.3, not three times 0.1.
                if power < 0 { step / 10f64.powi(-power) } else { step * 10f64.powi(power) }
            })
        });
        let near = 1e-9;
        let on_axis = self.low * (1.0 - near)..=self.high * (1.0 + near);
        // Near the largest number some multiples are beyond it.
        all.filter(|value| value.is_finite() && on_axis.contains(value)).collect()
    }
}

const DIGITS: [f64; 9] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];

/// The least of 1, 2, 2.5 and 5 times a power of ten that is not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|step| *step >= least * 0.999).unwrap_or(least)
}

/// A number on an axis whose ticks are `step` apart, and where the greatest has the size `greatest`.
fn on_axis(value: f64, step: f64, greatest: f64) -> String {
    let (unit, suffix) = match greatest {
        1e15.. => return format!("{value:.0e}"),
        1e12.. => (1e12, "T"),
        1e9.. => (1e9, "G"),
        1e6.. => (1e6, "M"),
        1e4.. => (1e3, "k"),
        _ => (1.0, ""),
    };
    if value == 0.0 {
        return "0".to_owned();
    }
    if greatest < 1e-3 {
        // 2.5e-4, but 3e-4.
        let digits = usize::from((value / 10f64.powf(value.abs().log10().floor())).fract() > 1e-6);
        let text = format!("{value:.digits$e}");
        return text.replace(".0e", "e");
    }
    // As many decimals as keep neighbours apart.
    let step = if step.is_finite() { step } else { value.abs() } / unit;
    let decimals = (0..6).find(|places| {
        let shifted = step * 10f64.powi(*places);
        (shifted - shifted.round()).abs() < 1e-6 * shifted
    });
    let decimals = decimals.unwrap_or(3) as usize;
    format!("{:.decimals$}{suffix}", value / unit)
}

#[cfg(test)]
mod tests;

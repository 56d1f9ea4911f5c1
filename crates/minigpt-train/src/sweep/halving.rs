//! Which trial of a sweep goes on next, and how far.

use std::collections::BTreeMap;

use super::file::Halving;

/// Where a trial stands, as its run folder says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// Steps taken.
    pub steps: usize,
    /// Bits per byte of its validations, by step.
    pub scores: BTreeMap<usize, f64>,
    /// Whether it has come to its end.
    pub has_ended: bool,
    /// Whether its loss was NaN or infinite: no trial is worse.
    pub has_failed: bool,
}

/// What comes next: a trial, up to a rung or to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Number of the trial.
    pub trial: usize,
    /// The step at which it stops.
    pub until: Option<usize>,
}

impl Standing {
    /// Whether there is nothing left for it up to a rung, or to its end.
    fn has_reached(&self, until: Option<usize>) -> bool {
        let is_there = until.is_some_and(|step| self.scores.contains_key(&step));
        self.has_ended || self.has_failed || is_there
    }

    /// Bits per byte after this many steps, or at its end if that came before.
    fn score_at(&self, step: usize) -> f64 {
        let last = self.scores.range(..=step).next_back().filter(|_| !self.has_failed);
        last.map_or(f64::INFINITY, |(_, score)| *score)
    }

    /// The best validation of its runs in bits per byte; nothing where one failed.
    pub fn best(&self) -> Option<f64> {
        let scores = self.scores.values().copied().filter(|_| !self.has_failed);
        scores.min_by(f64::total_cmp)
    }
}

/// What comes next of trials that have so many settings, the trials of a seed beside each other; nothing where all is
/// done.
pub(super) fn next_leg(
    settings: usize,
    halving: Option<&Halving>,
    standings: &[Standing],
) -> Option<Leg> {
    let mut alive: Vec<usize> = (0..settings).collect();
    for rung in halving.iter().flat_map(|halving| &halving.rungs) {
        let leg = first_not_there(settings, &alive, Some(*rung), standings);
        if leg.is_some() {
            return leg;
        }
        alive = survivors(settings, halving, alive, *rung, standings);
    }
    first_not_there(settings, &alive, None, standings)
}

/// The step after which each setting ended early; none of those that are still in the sweep, as far as it has come.
pub(super) fn ended_at(
    settings: usize,
    halving: Option<&Halving>,
    standings: &[Standing],
) -> Vec<Option<usize>> {
    let mut ended = vec![None; settings];
    let mut alive: Vec<usize> = (0..settings).collect();
    for rung in halving.iter().flat_map(|halving| &halving.rungs) {
        if first_not_there(settings, &alive, Some(*rung), standings).is_some() {
            break;
        }
        let left = survivors(settings, halving, alive.clone(), *rung, standings);
        for setting in alive.iter().filter(|setting| !left.contains(setting)) {
            ended[*setting] = Some(*rung);
        }
        alive = left;
    }
    ended
}

fn first_not_there(
    settings: usize,
    alive: &[usize],
    until: Option<usize>,
    standings: &[Standing],
) -> Option<Leg> {
    let is_left = |trial: &usize| {
        alive.contains(&(trial % settings)) && !standings[*trial].has_reached(until)
    };
    (0..standings.len()).find(is_left).map(|trial| Leg { trial, until })
}

/// The better ones by their mean over the seeds, in their order.
fn survivors(
    settings: usize,
    halving: Option<&Halving>,
    mut alive: Vec<usize>,
    rung: usize,
    standings: &[Standing],
) -> Vec<usize> {
    let mean = |setting: &usize| {
        let of_seeds = standings.iter().skip(*setting).step_by(settings);
        let (sum, count) =
            of_seeds.fold((0.0, 0.0), |(sum, count), one| (sum + one.score_at(rung), count + 1.0));
        sum / count
    };
    alive.sort_by(|one, other| mean(one).total_cmp(&mean(other)).then(one.cmp(other)));
    let kept = halving.map_or(alive.len(), |halving| halving.keep.of(alive.len()));
    alive.truncate(kept.max(1));
    alive.sort_unstable();
    alive
}

#[cfg(test)]
mod tests;

//! Runs that differ only in their seed, drawn as one line with a band.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Curve;
use crate::config::RunConfig;
use crate::error::TrainError;

/// Runs that are drawn as one line: one, or several that differ only in their seed.
#[derive(Clone, Debug)]
pub struct CurveGroup {
    /// Name in the legend.
    pub name: String,
    /// The runs, at least one.
    pub curves: Vec<Curve>,
}

impl From<Curve> for CurveGroup {
    fn from(curve: Curve) -> Self {
        Self { name: curve.name.clone(), curves: vec![curve] }
    }
}

/// Groups runs whose settings are the same but for `training.seed`, in the order of their first ones.
///
/// # Errors
/// [`TrainError::SameSeed`] where two runs of a group have one seed, [`TrainError::NoSeeds`] or [`TrainError::OneSeed`]
/// where no group has two runs.
pub fn by_seed(runs: Vec<(Curve, RunConfig)>) -> Result<Vec<CurveGroup>, TrainError> {
    let mut groups: Vec<(BTreeMap<String, Value>, CurveGroup)> = Vec::new();
    let mut seeds: Vec<Vec<u64>> = Vec::new();
    for (curve, config) in runs {
        let seed = config.training.seed;
        let mut settings = config.settings();
        // Runs that are continued have the names of those that they continue.
        for key in ["training.seed", "continued"] {
            settings.remove(key);
        }
        match groups.iter().position(|(known, _)| *known == settings) {
            Some(number) => {
                let group = &mut groups[number].1;
                if let Some(same) = seeds[number].iter().position(|known| *known == seed) {
                    let first = group.curves[same].name.clone();
                    return Err(TrainError::SameSeed { first, second: curve.name, seed });
                }
                group.curves.push(curve);
                seeds[number].push(seed);
            }
            None => {
                groups.push((settings, curve.into()));
                seeds.push(vec![seed]);
            }
        }
    }
    if groups.iter().all(|(_, group)| group.curves.len() == 1) {
        return Err(match &groups[..] {
            [(first, one), (second, other), ..] => TrainError::NoSeeds {
                first: one.name.clone(),
                second: other.name.clone(),
                setting: first_difference(first, second),
            },
            _ => TrainError::OneSeed {
                run: groups.first().map_or_else(String::new, |(_, group)| group.name.clone()),
            },
        });
    }
    let named = |(_, group): (_, CurveGroup)| {
        if group.curves.len() == 1 {
            return group;
        }
        let names: Vec<&str> = group.curves.iter().map(|curve| curve.name.as_str()).collect();
        CurveGroup { name: common_name(&names), ..group }
    };
    Ok(groups.into_iter().map(named).collect())
}

/// The name of the first setting that one has and the other has not, or has otherwise.
fn first_difference(a: &BTreeMap<String, Value>, b: &BTreeMap<String, Value>) -> String {
    let names = a.keys().chain(b.keys());
    names.filter(|name| a.get(*name) != b.get(*name)).min().cloned().unwrap_or_default()
}

/// What names of runs begin with, without what numbers them; the first name where that is nothing.
fn common_name(names: &[&str]) -> String {
    let Some((first, others)) = names.split_first() else { return String::new() };
    let is_shared = |length: &usize| {
        let start = first.get(..*length);
        start.is_some_and(|start| others.iter().all(|other| other.starts_with(start)))
    };
    let length = (0..=first.len()).rev().find(is_shared).unwrap_or(0);
    let is_number = |letter: char| letter.is_ascii_digit() || "-_. ".contains(letter);
    let start = first[..length].trim_end_matches(is_number);
    // `small-s1` and `small-s2`, `small-seed1` and `small-seed2`.
    let without = ["seed", "s"].iter().find_map(|word| start.strip_suffix(word));
    let without = without.filter(|start| start.ends_with(['-', '_', '.', ' ']));
    let name = without.unwrap_or(start).trim_end_matches(is_number);
    if name.is_empty() { (*first).to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests;

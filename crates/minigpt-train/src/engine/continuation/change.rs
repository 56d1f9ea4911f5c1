//! Which settings of a run may be others when it goes on.

use serde_json::Value;

use crate::config::RunConfig;
use crate::error::TrainError;

/// What decides neither what was learnt nor in which order.
const CHANGEABLE: [&str; 13] = [
    "schedule.learning_rate",
    "schedule.warmup_steps",
    "schedule.decay",
    "schedule.final_ratio",
    "schedule.decay_ratio",
    "training.accumulation",
    "training.gradient_checkpointing",
    "training.max_minutes",
    "training.eval_every",
    "training.save_every",
    "training.patience",
    "training.skip_bad_steps",
    "training.keep_last",
];

/// Makes sure that `wanted` differs from `original` in nothing that must stay.
///
/// # Errors
/// [`TrainError::KeptSetting`] with the first such setting, or as [`RunConfig::validate`].
pub(super) fn check(original: &RunConfig, wanted: &RunConfig) -> Result<(), TrainError> {
    wanted.validate()?;
    let [original, wanted] = [original, wanted].map(serde_json::to_value);
    let [original, wanted] = [original, wanted].map(Result::unwrap_or_default);
    let mut changed = Vec::new();
    differences("", &original, &wanted, &mut changed);
    let kept = changed.into_iter().find(|key| !CHANGEABLE.contains(&key.as_str()));
    match kept {
        Some(key) => Err(TrainError::KeptSetting { key, changeable: CHANGEABLE.join(", ") }),
        None => Ok(()),
    }
}

/// The names of the settings in which the values differ, as `section.key`.
fn differences(place: &str, one: &Value, other: &Value, found: &mut Vec<String>) {
    let (Some(left), Some(right)) = (one.as_object(), other.as_object()) else {
        if one != other {
            found.push(place.to_owned());
        }
        return;
    };
    let names = left.keys().chain(right.keys().filter(|name| !left.contains_key(*name)));
    for name in names {
        let key = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
        differences(&key, &one[name], &other[name], found);
    }
}

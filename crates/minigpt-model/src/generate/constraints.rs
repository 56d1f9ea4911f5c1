//! What may follow, and what repeats: changes to the logits before a token is chosen.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::generate::sampling::SamplingError;

/// Changes to the logits of the next token that depend on the tokens so far, prompt included. In the
/// order of the fields; the default changes nothing.
///
/// ```
/// use minigpt_model::Constraints;
///
/// let constraints = Constraints { banned: vec![2], presence_penalty: 0.5, ..Constraints::default() };
/// let mut logits = [1.0, 1.0, 1.0];
/// constraints.apply(&mut logits, &[0, 0], 1); // the tokens so far, the first of which is the prompt
/// assert_eq!(logits, [0.5, 1.0, f32::NEG_INFINITY]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Constraints {
    /// Only these tokens may follow.
    pub allowed: Option<Vec<u32>>,
    /// These tokens may not follow.
    pub banned: Vec<u32>,
    /// No sequence of so many tokens comes twice ([Paulus et al.,
    /// 2017](https://arxiv.org/abs/1705.04304), section 2.5).
    pub no_repeat_ngram: Option<usize>,
    /// Divides the positive logits of tokens that were there, multiplies the negative ones ([Keskar et
    /// al., 2019](https://arxiv.org/abs/1909.05858), section 4.1). Positive; 1 changes nothing.
    pub repetition_penalty: f64,
    /// Subtracted from the logits of tokens that were there.
    pub presence_penalty: f64,
    /// Subtracted from the logit of a token as often as it was there.
    pub frequency_penalty: f64,
    /// Whether those two leave out the prompt, as in OpenAI's API: else the marks and names of a long conversation become
    /// improbable.
    #[serde(skip_serializing_if = "is_false")]
    pub spares_prompt: bool,
    /// Added to the logits of these tokens.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bias: Vec<(u32, f32)>,
}

impl Default for Constraints {
    fn default() -> Self {
        Self {
            allowed: None,
            banned: Vec::new(),
            no_repeat_ngram: None,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            spares_prompt: false,
            bias: Vec::new(),
        }
    }
}

impl Constraints {
    /// Checks that the constraints can be kept.
    ///
    /// # Errors
    /// The first [`SamplingError`] found.
    pub fn validate(&self) -> Result<(), SamplingError> {
        let penalty = self.repetition_penalty;
        if !(penalty > 0.0 && penalty.is_finite()) {
            return Err(SamplingError::RepetitionPenalty(penalty));
        }
        let finite = [self.presence_penalty, self.frequency_penalty].into_iter();
        let finite = finite.chain(self.bias.iter().map(|(_, bias)| f64::from(*bias)));
        if let Some(penalty) = finite.into_iter().find(|penalty| !penalty.is_finite()) {
            return Err(SamplingError::Penalty(penalty));
        }
        match self.no_repeat_ngram {
            Some(0) => Err(SamplingError::Ngram),
            _ => Ok(()),
        }
    }

    /// Checks that the allowed, banned and biased ids are ids of a tokenizer of `vocab_size` ids, such as a model's
    /// [`tokenizer_size`](crate::Gpt::tokenizer_size).
    ///
    /// # Errors
    /// [`SamplingError::UnknownToken`] with the first that is not.
    pub fn check_ids(&self, vocab_size: usize) -> Result<(), SamplingError> {
        let biased = self.bias.iter().map(|(id, _)| id);
        let mut ids = self.allowed.iter().flatten().chain(&self.banned).chain(biased);
        match ids.find(|id| **id as usize >= vocab_size) {
            Some(&id) => Err(SamplingError::UnknownToken { id, vocab_size }),
            None => Ok(()),
        }
    }

    /// Changes `logits`, one per id, for the token that follows `tokens`, the first `prompt` of which were not chosen;
    /// what may not follow gets minus infinity. Ids without a logit, which [`check_ids`](Self::check_ids) finds, change nothing.
    pub fn apply(&self, logits: &mut [f32], tokens: &[u32], prompt: usize) {
        self.forbid(logits, tokens);
        self.penalize(logits, tokens, prompt.min(tokens.len()));
        for (id, bias) in &self.bias {
            if let Some(logit) = logits.get_mut(*id as usize) {
                *logit += bias;
            }
        }
    }

    fn forbid(&self, logits: &mut [f32], tokens: &[u32]) {
        if let Some(allowed) = &self.allowed {
            let kept: Vec<_> = allowed
                .iter()
                .filter_map(|id| Some((*id as usize, *logits.get(*id as usize)?)))
                .collect();
            logits.fill(f32::NEG_INFINITY);
            kept.into_iter().for_each(|(id, logit)| logits[id] = logit);
        }
        for id in &self.banned {
            forbid(logits, *id);
        }
        if let Some(n) = self.no_repeat_ngram.filter(|n| *n > 0 && *n <= tokens.len()) {
            let last = &tokens[tokens.len() + 1 - n..];
            for ngram in tokens.windows(n).filter(|ngram| ngram[..n - 1] == *last) {
                forbid(logits, ngram[n - 1]);
            }
        }
    }

    fn penalize(&self, logits: &mut [f32], tokens: &[u32], prompt: usize) {
        if self.repetition_penalty == 1.0
            && self.presence_penalty == 0.0
            && self.frequency_penalty == 0.0
        {
            return;
        }
        let mut counts: HashMap<u32, u32> = HashMap::new();
        let spared = if self.spares_prompt { prompt } else { 0 };
        for (place, id) in tokens.iter().enumerate() {
            *counts.entry(*id).or_default() += u32::from(place >= spared);
        }
        for (id, count) in counts {
            let Some(logit) = logits.get_mut(id as usize) else { continue };
            let value = f64::from(*logit);
            if value == f64::NEG_INFINITY {
                continue;
            }
            let penalty = self.repetition_penalty;
            let value = if value > 0.0 { value / penalty } else { value * penalty };
            let presence = self.presence_penalty * f64::from(count.min(1));
            // However large a penalty is, what remains is a logit that can be compared.
            let value = value - presence - self.frequency_penalty * f64::from(count);
            *logit = value.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32;
        }
    }
}

/// For a field that most leave as it is.
fn is_false(value: &bool) -> bool {
    !value
}

fn forbid(logits: &mut [f32], id: u32) {
    if let Some(logit) = logits.get_mut(id as usize) {
        *logit = f32::NEG_INFINITY;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GONE: f32 = f32::NEG_INFINITY;

    fn applied(constraints: &Constraints, tokens: &[u32]) -> [f32; 5] {
        let mut logits = [2.0, -1.0, 0.5, 3.0, 0.0];
        constraints.validate().unwrap();
        constraints.apply(&mut logits, tokens, tokens.len());
        logits
    }

    fn with(change: impl FnOnce(&mut Constraints)) -> Constraints {
        let mut constraints = Constraints::default();
        change(&mut constraints);
        constraints
    }

    #[test]
    fn the_default_changes_nothing() {
        assert_eq!(applied(&Constraints::default(), &[0, 1, 0]), [2.0, -1.0, 0.5, 3.0, 0.0]);
    }

    #[test]
    fn tokens_are_allowed_and_banned() {
        let constraints = with(|c| {
            c.allowed = Some(vec![0, 3, 99]);
            c.banned = vec![3, 77];
        });
        assert_eq!(applied(&constraints, &[]), [2.0, GONE, GONE, GONE, GONE]);
    }

    #[test]
    fn an_ngram_does_not_come_twice() {
        let constraints = with(|c| c.no_repeat_ngram = Some(3));
        // 1 2 was followed by 3 and by 0: neither may follow again.
        let tokens = [1, 2, 3, 1, 2, 0, 4, 1, 2];
        assert_eq!(applied(&constraints, &tokens), [GONE, -1.0, 0.5, GONE, 0.0]);
        let words = with(|c| c.no_repeat_ngram = Some(1));
        assert_eq!(applied(&words, &[4, 0]), [GONE, -1.0, 0.5, 3.0, GONE]);
        assert_eq!(applied(&constraints, &[1, 2]), [2.0, -1.0, 0.5, 3.0, 0.0]);
    }

    /// Worked by hand from the definitions in the fields' documentation.
    #[test]
    fn penalties_follow_their_formulas() {
        let repetition = with(|c| c.repetition_penalty = 2.0);
        assert_eq!(applied(&repetition, &[0, 1, 0]), [1.0, -2.0, 0.5, 3.0, 0.0]);
        let presence = with(|c| c.presence_penalty = 0.5);
        assert_eq!(applied(&presence, &[0, 1, 0]), [1.5, -1.5, 0.5, 3.0, 0.0]);
        let frequency = with(|c| c.frequency_penalty = 0.5);
        assert_eq!(applied(&frequency, &[0, 1, 0]), [1.0, -1.5, 0.5, 3.0, 0.0]);
    }

    #[test]
    fn a_bias_is_added_to_what_may_follow() {
        let constraints = with(|c| {
            c.banned = vec![3];
            c.presence_penalty = 0.5;
            c.bias = vec![(1, 100.0), (2, -0.25), (3, 100.0), (99, 1.0)];
        });
        assert_eq!(applied(&constraints, &[2]), [2.0, 99.0, -0.25, GONE, 0.0]);
        assert!(constraints.check_ids(5).is_err());
        let error = with(|c| c.bias = vec![(0, f32::NAN)]).validate().unwrap_err();
        assert!(matches!(error, SamplingError::Penalty(_)));
        let json = serde_json::to_string(&Constraints::default()).unwrap();
        assert!(!json.contains("bias"), "{json}");
    }

    #[test]
    fn a_prompt_is_spared_where_that_is_asked_for() {
        let constraints = with(|c| {
            c.presence_penalty = 0.5;
            c.frequency_penalty = 1.0;
            c.spares_prompt = true;
        });
        let mut logits = [2.0, -1.0, 0.5, 3.0, 0.0];
        constraints.apply(&mut logits, &[0, 3, 3, 1, 3], 2);
        assert_eq!(logits, [2.0, -2.5, 0.5, 0.5, 0.0]);
        // What repeats is what was there at all.
        let repetition = with(|c| {
            c.repetition_penalty = 2.0;
            c.spares_prompt = true;
        });
        assert_eq!(applied(&repetition, &[0, 1, 0]), [1.0, -2.0, 0.5, 3.0, 0.0]);
    }

    #[test]
    fn extreme_penalties_leave_numbers_and_what_may_not_follow() {
        let constraints = with(|c| {
            c.banned = vec![1];
            c.repetition_penalty = 1e-60;
            c.presence_penalty = -1e39;
            c.frequency_penalty = -1e300;
        });
        let logits = applied(&constraints, &[0, 1, 2]);
        assert_eq!(logits, [f32::MAX, GONE, f32::MAX, 3.0, 0.0]);
    }

    #[test]
    fn ids_beyond_the_vocabulary_are_told() {
        let constraints = with(|c| c.banned = vec![4, 99_999]);
        let error = constraints.check_ids(50_257).unwrap_err();
        assert_eq!(error, SamplingError::UnknownToken { id: 99_999, vocab_size: 50_257 });
        assert!(error.to_string().ends_with("expected ids from 0 to 50256"), "{error}");
        assert!(with(|c| c.allowed = Some(vec![5])).check_ids(5).is_err());
        assert!(with(|c| c.allowed = Some(vec![4])).check_ids(5).is_ok());
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        let refusal = |constraints: Constraints| constraints.validate().unwrap_err();
        let zero = refusal(with(|c| c.repetition_penalty = 0.0));
        assert_eq!(zero, SamplingError::RepetitionPenalty(0.0));
        assert_eq!(refusal(with(|c| c.no_repeat_ngram = Some(0))), SamplingError::Ngram);
        let infinite = refusal(with(|c| c.presence_penalty = f64::INFINITY));
        assert_eq!(infinite, SamplingError::Penalty(f64::INFINITY));
    }
}

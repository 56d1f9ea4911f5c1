//! From logits to a token: pure functions of (logits, policy, a number in `[0, 1)`).

use serde::{Deserialize, Serialize};

/// How the next token is chosen from logits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Sampling {
    /// The most probable token, the lowest id among equals.
    Greedy,
    /// A random draw, cut and sharpened as [`Draw`] says.
    Draw(Draw),
}

/// A random draw from the distribution of the logits, changed in this order: the temperature
/// divides the logits, top-k keeps the k most probable tokens, top-p keeps the smallest set of
/// the most probable tokens that reaches probability p, min-p keeps those with at least so large a
/// part of the most probable token's probability. As in llama.cpp and transformers, a temperature of 0
/// leaves the most probable token alone, and a top-k of 0 keeps all.
///
/// ```
/// use minigpt_model::{Draw, Sampling};
///
/// let policy = Draw { temperature: 0.8, top_k: Some(2), ..Draw::default() };
/// let candidates = policy.candidates(&[1.0, 3.0, 2.0])?; // ids with probabilities
/// assert_eq!(candidates.iter().map(|candidate| candidate.0).collect::<Vec<_>>(), [1, 2]);
/// assert_eq!(Sampling::Draw(policy).choose(&[1.0, 3.0, 2.0], 0.99)?, 2);
/// # Ok::<(), minigpt_model::SamplingError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draw {
    /// Divides the logits; below 1 sharpens, above 1 flattens, 0 is [greedy](Sampling::Greedy). At least 0.
    pub temperature: f64,
    /// Number of tokens kept; `None` or 0 keeps all.
    pub top_k: Option<usize>,
    /// Probability kept ([Holtzman et al., 2020](https://arxiv.org/abs/1904.09751)); `None` or 1
    /// keeps all. In `(0, 1]`.
    pub top_p: Option<f64>,
    /// Part of the most probable token's probability that a token needs ([Nguyen et al.,
    /// 2024](https://arxiv.org/abs/2407.01082)); `None` or 0 keeps all. In `[0, 1]`.
    #[serde(default)]
    pub min_p: Option<f64>,
}

impl Default for Draw {
    /// The model's own distribution: temperature 1, and every token may be drawn.
    fn default() -> Self {
        Self { temperature: 1.0, top_k: None, top_p: None, min_p: None }
    }
}

/// A policy that cannot be followed, or logits from which nothing can be chosen.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SamplingError {
    /// Not a finite number of at least 0.
    #[error(
        "temperature {0} is out of range: expected 0, which always takes the most probable token, or a positive number"
    )]
    Temperature(f64),
    /// Not a probability above zero.
    #[error("top-p {0} is out of range: expected 0 < top-p <= 1")]
    TopP(f64),
    /// Not a probability.
    #[error("min-p {0} is out of range: expected 0 <= min-p <= 1")]
    MinP(f64),
    /// Not a positive finite number.
    #[error("repetition penalty {0} is out of range: expected a number above 0; 1 changes nothing")]
    RepetitionPenalty(f64),
    /// Not a finite number.
    #[error("penalty {0} is out of range: expected a finite number; 0 changes nothing")]
    Penalty(f64),
    /// A sequence of no tokens cannot come twice.
    #[error("no-repeat n-gram 0 is out of range: expected at least 1, or leave it out")]
    Ngram,
    /// An id that neither the model nor its tokenizer has.
    #[error(
        "token id {id} is not in the vocabulary: expected ids from 0 to {last}",
        last = vocab_size.saturating_sub(1)
    )]
    UnknownToken {
        /// The id.
        id: u32,
        /// Number of ids.
        vocab_size: usize,
    },
    /// The model is broken.
    #[error(
        "the model's logits are NaN or infinite: its weights are damaged, or its training diverged"
    )]
    NotANumber,
    /// Every token is forbidden.
    #[error(
        "no next token is possible: the allowed, banned, no-repeat and grammar rules together exclude every token"
    )]
    NoToken,
    /// A [filter](crate::TokenFilter) cannot say what may follow.
    #[error("no next token is possible: {0}")]
    Filter(String),
}

impl Sampling {
    /// The tutorial's defaults: temperature 1, top-k 50, top-p 0.95.
    #[must_use]
    pub fn article() -> Self {
        Self::Draw(Draw { top_k: Some(50), top_p: Some(0.95), ..Draw::default() })
    }

    /// Checks that the policy can be followed.
    ///
    /// # Errors
    /// The first [`SamplingError`] found.
    pub fn validate(&self) -> Result<(), SamplingError> {
        let Self::Draw(draw) = self else { return Ok(()) };
        if !(draw.temperature >= 0.0 && draw.temperature.is_finite()) {
            return Err(SamplingError::Temperature(draw.temperature));
        }
        match (draw.top_p, draw.min_p) {
            (Some(p), _) if !(p > 0.0 && p <= 1.0) => Err(SamplingError::TopP(p)),
            (_, Some(p)) if !(0.0..=1.0).contains(&p) => Err(SamplingError::MinP(p)),
            _ => Ok(()),
        }
    }

    /// The token that the policy chooses from `logits`, where `uniform` in `[0, 1)` is the chance.
    ///
    /// # Errors
    /// [`SamplingError::NotANumber`] or [`SamplingError::NoToken`].
    pub fn choose(&self, logits: &[f32], uniform: f64) -> Result<u32, SamplingError> {
        match self {
            Self::Greedy => Ok(most_probable(logits)?.0 as u32),
            Self::Draw(draw) => Ok(pick(&draw.candidates(logits)?, uniform)),
        }
    }
}

impl Draw {
    /// The tokens that may be drawn, most probable first, with probabilities that sum to one.
    ///
    /// # Errors
    /// As [`Sampling::choose`].
    pub fn candidates(&self, logits: &[f32]) -> Result<Vec<(u32, f64)>, SamplingError> {
        let (id, largest) = most_probable(logits)?;
        if self.temperature == 0.0 {
            return Ok(vec![(id as u32, 1.0)]);
        }
        let largest = f64::from(largest);
        let mut order: Vec<(u32, f32)> = (0..).zip(logits.iter().copied()).collect();
        let by_logit = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if let Some(k) = self.top_k.filter(|k| *k > 0 && *k < order.len()) {
            order.select_nth_unstable_by(k - 1, by_logit);
            order.truncate(k);
        }
        order.retain(|(_, logit)| *logit != f32::NEG_INFINITY);
        order.sort_unstable_by(by_logit);

        let odd = |logit: f32| ((f64::from(logit) - largest) / self.temperature).exp();
        let mut kept = normalised(order.into_iter().map(|(id, logit)| (id, odd(logit))).collect());
        // At 1 nothing is cut, not even what rounding would take for more than all.
        if let Some(p) = self.top_p.filter(|p| *p < 1.0) {
            kept.truncate(smallest_reaching(&kept, p));
            kept = normalised(kept);
        }
        if let Some(p) = self.min_p {
            let least = p * kept[0].1;
            kept.retain(|(_, probability)| *probability >= least);
            kept = normalised(kept);
        }
        Ok(kept)
    }
}

/// The log-probability, in nats, of a token under the distribution of the logits.
///
/// ```
/// let uniform = [0.5f32; 8];
/// assert!((minigpt_model::log_probability(&uniform, 3) + 8f64.ln()).abs() < 1e-9);
/// ```
///
/// # Panics
/// Where the token has no logit.
#[must_use]
pub fn log_probability(logits: &[f32], token: u32) -> f64 {
    f64::from(logits[token as usize]) - log_sum_exp(logits)
}

/// What the logits exceed their log-probabilities by.
pub(crate) fn log_sum_exp(logits: &[f32]) -> f64 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - largest).exp()).sum();
    f64::from(largest) + sum.ln()
}

/// Id and value of the largest logit, the lowest id among equals.
fn most_probable(logits: &[f32]) -> Result<(usize, f32), SamplingError> {
    let mut best = (0, f32::NEG_INFINITY);
    for (id, logit) in logits.iter().enumerate() {
        if logit.is_nan() || *logit == f32::INFINITY {
            return Err(SamplingError::NotANumber);
        }
        if *logit > best.1 {
            best = (id, *logit);
        }
    }
    if best.1 == f32::NEG_INFINITY { Err(SamplingError::NoToken) } else { Ok(best) }
}

fn normalised(mut odds: Vec<(u32, f64)>) -> Vec<(u32, f64)> {
    let total: f64 = odds.iter().map(|(_, odd)| odd).sum();
    odds.iter_mut().for_each(|(_, odd)| *odd /= total);
    odds
}

/// Number of leading candidates needed to reach probability `p`.
fn smallest_reaching(candidates: &[(u32, f64)], p: f64) -> usize {
    let mut reached = 0.0;
    let enough = candidates.iter().position(|(_, probability)| {
        reached += probability;
        reached >= p
    });
    enough.map_or(candidates.len(), |last| last + 1)
}

fn pick(candidates: &[(u32, f64)], uniform: f64) -> u32 {
    let mut passed = 0.0;
    let drawn = candidates.iter().find(|(_, probability)| {
        passed += probability;
        uniform < passed
    });
    // Rounding can leave the sum just below `uniform`: the last candidate owns that gap.
    drawn.unwrap_or(&candidates[candidates.len() - 1]).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn draw(temperature: f64, top_k: Option<usize>, top_p: Option<f64>) -> Draw {
        Draw { temperature, top_k, top_p, min_p: None }
    }

    fn logits() -> impl Strategy<Value = Vec<f32>> {
        prop::collection::vec(-20.0f32..20.0, 1..60)
    }

    proptest! {
        #[test]
        fn top_p_keeps_the_smallest_set_that_reaches_p(logits in logits(), p in 0.01f64..1.0) {
            let all = draw(1.0, None, None).candidates(&logits).unwrap();
            let kept = draw(1.0, None, Some(p)).candidates(&logits).unwrap().len();
            let mass = |n: usize| all[..n].iter().map(|c| c.1).sum::<f64>();
            prop_assert!(mass(kept) >= p - 1e-12);
            prop_assert!(mass(kept - 1) < p);
        }

        #[test]
        fn min_p_keeps_those_near_enough_to_the_best(logits in logits(), p in 0.0f64..1.0) {
            let all = draw(1.0, None, None).candidates(&logits).unwrap();
            let policy = Draw { min_p: Some(p), ..Draw::default() };
            let kept = policy.candidates(&logits).unwrap().len();
            prop_assert!(all[kept - 1].1 >= p * all[0].1);
            prop_assert!(all.get(kept).is_none_or(|next| next.1 < p * all[0].1));
        }

        #[test]
        fn top_k_keeps_the_k_most_probable(logits in logits(), k in 1usize..80) {
            let all = draw(1.0, None, None).candidates(&logits).unwrap();
            let kept = draw(1.0, Some(k), None).candidates(&logits).unwrap();
            let ids = |c: &[(u32, f64)]| c.iter().map(|c| c.0).collect::<Vec<_>>();
            prop_assert_eq!(ids(&kept), ids(&all)[..k.min(logits.len())].to_vec());
        }

        #[test]
        fn one_candidate_and_no_temperature_are_greedy(logits in logits(), uniform in 0.0f64..1.0) {
            let greedy = Sampling::Greedy.choose(&logits, uniform).unwrap();
            prop_assert_eq!(Sampling::Draw(draw(1.0, Some(1), None)).choose(&logits, uniform).unwrap(), greedy);
            prop_assert_eq!(Sampling::Draw(draw(0.0, Some(50), Some(0.9))).choose(&logits, uniform).unwrap(), greedy);
            let cold = Sampling::Draw(draw(1e-9, None, None)).choose(&logits, uniform).unwrap();
            prop_assert_eq!(logits[cold as usize], logits[greedy as usize]);
        }

        #[test]
        fn a_top_k_of_0_keeps_all(logits in logits()) {
            let all = draw(0.8, None, Some(0.9)).candidates(&logits).unwrap();
            prop_assert_eq!(draw(0.8, Some(0), Some(0.9)).candidates(&logits).unwrap(), all);
        }
    }

    #[test]
    fn draws_follow_the_distribution() {
        let logits = [0.0f32, 1.0, 2.0, -1.0];
        let policy = draw(1.0, None, None);
        let n = 40_000;
        let mut counts = [0.0f64; 4];
        // An even grid of chances: each count must be within one of its share.
        for i in 0..n {
            let uniform = (i as f64 + 0.5) / n as f64;
            counts[Sampling::Draw(policy.clone()).choose(&logits, uniform).unwrap() as usize] +=
                1.0;
        }
        for (id, probability) in policy.candidates(&logits).unwrap() {
            assert!((counts[id as usize] - probability * n as f64).abs() <= 1.0);
        }
    }

    /// Pearson's test on draws by a random generator: 19 degrees of freedom exceed 43.82 once in a
    /// thousand times, and this seed is not that time.
    #[test]
    fn random_draws_pass_a_chi_square_test() {
        let logits: Vec<f32> = (0..20).map(|id| (id as f32 * 0.7).sin() * 2.0).collect();
        let policy = Draw::default();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (n, mut counts) = (20_000, [0.0f64; 20]);
        for _ in 0..n {
            let token = Sampling::Draw(policy.clone()).choose(&logits, rng.random()).unwrap();
            counts[token as usize] += 1.0;
        }
        let terms = policy.candidates(&logits).unwrap().into_iter().map(|(id, probability)| {
            let expected = probability * f64::from(n);
            (counts[id as usize] - expected).powi(2) / expected
        });
        let statistic: f64 = terms.sum();
        assert!(statistic < 43.82, "chi-square {statistic}");
    }

    #[test]
    fn logits_that_are_no_numbers_or_all_forbidden_are_told() {
        for policy in [Sampling::Greedy, Sampling::article()] {
            let choose = |logits: &[f32]| policy.choose(logits, 0.5).unwrap_err();
            assert_eq!(choose(&[0.0, f32::NAN]), SamplingError::NotANumber);
            assert_eq!(choose(&[f32::INFINITY, 0.0]), SamplingError::NotANumber);
            assert_eq!(choose(&[f32::NEG_INFINITY; 3]), SamplingError::NoToken);
            assert_eq!(choose(&[]), SamplingError::NoToken);
            assert_eq!(policy.choose(&[f32::NEG_INFINITY, 1.0], 0.99).unwrap(), 1);
        }
    }

    #[test]
    fn log_probabilities_are_those_of_the_softmax() {
        let logits = [1.0f32, 2.0, -3.0];
        for (id, probability) in Draw::default().candidates(&logits).unwrap() {
            assert!((log_probability(&logits, id) - probability.ln()).abs() < 1e-9);
        }
    }

    #[test]
    fn a_policy_that_cannot_be_followed_is_refused() {
        let refusal = |d: Draw| Sampling::Draw(d).validate().unwrap_err();
        assert_eq!(refusal(draw(-0.5, None, None)), SamplingError::Temperature(-0.5));
        assert!(matches!(refusal(draw(f64::NAN, None, None)), SamplingError::Temperature(_)));
        Sampling::Draw(draw(0.0, Some(0), None)).validate().unwrap();
        assert_eq!(refusal(draw(1.0, None, Some(1.5))), SamplingError::TopP(1.5));
        let min_p = Draw { min_p: Some(-0.1), ..Draw::default() };
        assert_eq!(refusal(min_p), SamplingError::MinP(-0.1));
        Sampling::article().validate().unwrap();
    }
}

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
/// the most probable tokens that reaches probability p.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draw {
    /// Divides the logits; below 1 sharpens, above 1 flattens. Positive.
    pub temperature: f64,
    /// Number of tokens kept; `None` keeps all.
    pub top_k: Option<usize>,
    /// Probability kept ([Holtzman et al., 2020](https://arxiv.org/abs/1904.09751)); `None` or 1
    /// keeps all. In `(0, 1]`.
    pub top_p: Option<f64>,
}

/// A sampling policy that cannot be followed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SamplingError {
    /// Not a positive finite number.
    #[error("temperature {0} is out of range: expected a number above 0, or choose greedy")]
    Temperature(f64),
    /// Would keep no token.
    #[error("top-k 0 keeps no token: expected at least 1, or leave it out to keep all")]
    TopK,
    /// Not a probability above zero.
    #[error("top-p {0} is out of range: expected 0 < top-p <= 1")]
    TopP(f64),
}

impl Sampling {
    /// The article's defaults: temperature 1, top-k 50, top-p 0.95.
    pub fn article() -> Self {
        Self::Draw(Draw { temperature: 1.0, top_k: Some(50), top_p: Some(0.95) })
    }

    /// Checks that the policy can be followed.
    ///
    /// # Errors
    /// The first [`SamplingError`] found.
    pub fn validate(&self) -> Result<(), SamplingError> {
        let Self::Draw(draw) = self else { return Ok(()) };
        if !(draw.temperature > 0.0 && draw.temperature.is_finite()) {
            return Err(SamplingError::Temperature(draw.temperature));
        }
        if draw.top_k == Some(0) {
            return Err(SamplingError::TopK);
        }
        match draw.top_p {
            Some(p) if !(p > 0.0 && p <= 1.0) => Err(SamplingError::TopP(p)),
            _ => Ok(()),
        }
    }

    /// The token that the policy chooses from `logits`, where `uniform` in `[0, 1)` is the chance.
    ///
    /// # Panics
    /// Where `logits` is empty.
    pub fn choose(&self, logits: &[f32], uniform: f64) -> u32 {
        match self {
            Self::Greedy => most_probable(logits),
            Self::Draw(draw) => pick(&draw.candidates(logits), uniform),
        }
    }
}

impl Draw {
    /// The tokens that may be drawn, most probable first, with probabilities that sum to one.
    pub fn candidates(&self, logits: &[f32]) -> Vec<(u32, f64)> {
        let mut order: Vec<u32> = (0..logits.len() as u32).collect();
        let by_logit =
            |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b));
        if let Some(k) = self.top_k.filter(|k| *k < order.len()) {
            order.select_nth_unstable_by(k - 1, by_logit);
            order.truncate(k);
        }
        order.sort_unstable_by(by_logit);

        let largest = logits[order[0] as usize] as f64;
        let odds = order
            .iter()
            .map(|&id| (id, ((logits[id as usize] as f64 - largest) / self.temperature).exp()));
        let mut kept = normalised(odds.collect());
        if let Some(p) = self.top_p {
            kept.truncate(smallest_reaching(&kept, p));
            kept = normalised(kept);
        }
        kept
    }
}

fn most_probable(logits: &[f32]) -> u32 {
    let best =
        logits.iter().enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.expect("logits of at least one token").0 as u32
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

    fn draw(temperature: f64, top_k: Option<usize>, top_p: Option<f64>) -> Draw {
        Draw { temperature, top_k, top_p }
    }

    fn logits() -> impl Strategy<Value = Vec<f32>> {
        prop::collection::vec(-20.0f32..20.0, 1..60)
    }

    proptest! {
        #[test]
        fn top_p_keeps_the_smallest_set_that_reaches_p(logits in logits(), p in 0.01f64..1.0) {
            let all = draw(1.0, None, None).candidates(&logits);
            let kept = draw(1.0, None, Some(p)).candidates(&logits).len();
            let mass = |n: usize| all[..n].iter().map(|c| c.1).sum::<f64>();
            prop_assert!(mass(kept) >= p - 1e-12);
            prop_assert!(mass(kept - 1) < p);
        }

        #[test]
        fn top_k_keeps_the_k_most_probable(logits in logits(), k in 1usize..80) {
            let all = draw(1.0, None, None).candidates(&logits);
            let kept = draw(1.0, Some(k), None).candidates(&logits);
            let ids = |c: &[(u32, f64)]| c.iter().map(|c| c.0).collect::<Vec<_>>();
            prop_assert_eq!(ids(&kept), ids(&all)[..k.min(logits.len())].to_vec());
        }

        #[test]
        fn one_candidate_and_no_temperature_are_greedy(logits in logits(), uniform in 0.0f64..1.0) {
            let greedy = Sampling::Greedy.choose(&logits, uniform);
            prop_assert_eq!(Sampling::Draw(draw(1.0, Some(1), None)).choose(&logits, uniform), greedy);
            let cold = Sampling::Draw(draw(1e-9, None, None)).choose(&logits, uniform);
            prop_assert_eq!(logits[cold as usize], logits[greedy as usize]);
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
            counts[Sampling::Draw(policy.clone()).choose(&logits, uniform) as usize] += 1.0;
        }
        for (id, probability) in policy.candidates(&logits) {
            assert!((counts[id as usize] - probability * n as f64).abs() <= 1.0);
        }
    }

    #[test]
    fn a_policy_that_cannot_be_followed_is_refused() {
        let refusal = |d: Draw| Sampling::Draw(d).validate().unwrap_err();
        assert_eq!(refusal(draw(0.0, None, None)), SamplingError::Temperature(0.0));
        assert_eq!(refusal(draw(1.0, Some(0), None)), SamplingError::TopK);
        assert_eq!(refusal(draw(1.0, None, Some(1.5))), SamplingError::TopP(1.5));
        Sampling::article().validate().unwrap();
    }
}

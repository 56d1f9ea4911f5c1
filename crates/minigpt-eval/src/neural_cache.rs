//! The continuous neural cache: places of the text that were like this one, and what followed them.

use crate::protocol::CacheConfig;

/// The last places of a text that one model read.
#[derive(Clone, Debug)]
pub(crate) struct NeuralCache {
    config: CacheConfig,
    width: usize,
    /// The input of the head at each place, `[places, width]`.
    hidden: Vec<f32>,
    /// The token that followed it.
    tokens: Vec<u32>,
    /// Places before those that were added last.
    known: usize,
}

impl NeuralCache {
    pub(crate) fn new(config: CacheConfig, width: usize) -> Self {
        Self { config, width, hidden: Vec::new(), tokens: Vec::new(), known: 0 }
    }

    /// Adds the places that follow, `[places, width]`, each with its token.
    pub(crate) fn extend(&mut self, hidden: &[f32], tokens: &[u32]) {
        self.known = self.tokens.len();
        self.hidden.extend_from_slice(hidden);
        self.tokens.extend_from_slice(tokens);
    }

    /// Forgets places that are too long ago for any that follows.
    pub(crate) fn forget(&mut self) {
        let old = self.tokens.len().saturating_sub(self.config.tokens);
        self.tokens.drain(..old);
        self.hidden.drain(..old * self.width);
        self.known = self.tokens.len();
    }

    /// Mixes what the cache says at `place`, counted from the first that was added last, into a model's probabilities.
    /// It knows what followed the places before this one and no more; of none, it says nothing.
    pub(crate) fn mix(&self, place: usize, probabilities: &mut [f64]) {
        let CacheConfig { tokens, lambda, theta } = self.config;
        let (place, width) = (self.known + place, self.width);
        let first = place.saturating_sub(tokens);
        let own = &self.hidden[place * width..][..width];
        let before = self.hidden[first * width..place * width].chunks_exact(width);
        let mut weights: Vec<f64> =
            before.map(|other| theta * f64::from(dot(own, other))).collect();
        let largest = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if weights.is_empty() {
            return;
        }
        weights.iter_mut().for_each(|weight| *weight = (*weight - largest).exp());
        let scale = lambda / weights.iter().sum::<f64>();
        probabilities.iter_mut().for_each(|p| *p *= 1.0 - lambda);
        for (token, weight) in self.tokens[first..place].iter().zip(weights) {
            probabilities[*token as usize] += scale * weight;
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    // In lanes, which the compiler makes vectors of.
    let mut lanes = [0.0f32; 16];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    for (a, b) in a.iter().zip(b) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests;

//! What a model thinks of each token of a text.

#[cfg(test)]
mod tests;

use burn::tensor::{Bool, Int, Tensor};

use super::gpt::Gpt;

/// Positions whose logits are in memory at once: a vocabulary of 50,257 takes 100 MB for them.
const POSITIONS: usize = 512;

/// How probable given tokens were.
#[derive(Clone, Debug)]
pub struct Scores {
    /// Cross-entropy of each target in nats, `[batch, last]`.
    pub nats: Tensor<2>,
    /// Whether each target is the most probable token, `[batch, last]`.
    pub is_greedy: Tensor<2, Bool>,
}

impl Gpt {
    /// Scores the tokens that follow the last positions of each row: `tokens` are `[batch, time]`,
    /// `targets` `[batch, last]` with `last <= time`, the last of them following the whole row.
    ///
    /// The logits of all positions never exist at once, so that a large batch needs little memory. Ids that
    /// the [tokenizer](Self::with_tokenizer_size) does not have get no probability.
    ///
    /// # Panics
    /// As [`hidden`](Self::hidden), and where there are more targets than positions, or one of them is not
    /// an id of the tokenizer.
    #[must_use]
    pub fn score(&self, tokens: Tensor<2, Int>, targets: Tensor<2, Int>) -> Scores {
        let ([_, time], [batch, last]) = (tokens.dims(), targets.dims());
        assert!(last <= time, "{last} targets after {time} tokens");
        let hidden = self.hidden(tokens).narrow(1, time - last, last); // [batch, last, n_embd]
        let positions = batch * last;
        let n_embd = hidden.dims()[2];
        let hidden = hidden.reshape([positions, n_embd]);
        let targets = targets.reshape([positions, 1]);
        let head = self.head_weight().transpose(); // [n_embd, vocab_size]
        let (nats, is_greedy) = (0..positions)
            .step_by(POSITIONS)
            .map(|start| {
                let part = POSITIONS.min(positions - start);
                let logits = hidden.clone().narrow(0, start, part).matmul(head.clone());
                // Of padding that the tokenizer does not have, nothing is probable.
                let logits = logits.narrow(1, 0, self.tokenizer_size());
                score_logits(logits, targets.clone().narrow(0, start, part))
            })
            .unzip();
        Scores {
            nats: Tensor::cat(nats, 0).reshape([batch, last]),
            is_greedy: Tensor::cat(is_greedy, 0).reshape([batch, last]),
        }
    }
}

/// Logits `[positions, vocab_size]` and targets `[positions, 1]` to nats and whether the target has
/// the largest logit, both `[positions, 1]`.
fn score_logits(logits: Tensor<2>, targets: Tensor<2, Int>) -> (Tensor<2>, Tensor<2, Bool>) {
    let greedy = logits.clone().argmax(1); // [positions, 1]
    let largest = logits.clone().gather(1, greedy.clone());
    let target = logits.clone().gather(1, targets.clone());
    let log_sum = (logits - largest.clone()).exp().sum_dim(1).log() + largest;
    (log_sum - target, greedy.equal(targets))
}

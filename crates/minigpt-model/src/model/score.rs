//! What a model thinks of each token of a text.

use burn::tensor::{Bool, Int, Tensor};

use crate::model::gpt::Gpt;

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
    pub fn score(&self, tokens: Tensor<2, Int>, targets: Tensor<2, Int>) -> Scores {
        let ([_, time], [batch, last]) = (tokens.dims(), targets.dims());
        assert!(last <= time, "{last} targets after {time} tokens");
        let hidden = self.hidden(tokens).narrow(1, time - last, last); // [batch, last, n_embd]
        let positions = batch * last;
        let n_embd = hidden.dims()[2];
        let hidden = hidden.reshape([positions, n_embd]);
        let targets = targets.reshape([positions, 1]);
        let head = self.wte.weight.val().transpose(); // [n_embd, vocab_size]
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

#[cfg(test)]
mod tests {
    use burn::module::Param;
    use burn::tensor::{Device, Int, Tensor};

    use super::POSITIONS;
    use crate::{Gpt, GptConfig};

    #[test]
    fn scores_add_up_to_the_loss_and_only_the_last_are_given() {
        let device = Device::flex();
        let model = Gpt::init(&GptConfig::tiny(50), 3, &device).unwrap();
        // More positions than are computed at once.
        let (batch, time) = (POSITIONS / 32 + 2, 32);
        let ids = Tensor::<1, Int>::arange(0..(batch * (time + 1)) as i64, &device) % 47;
        let ids = ids.reshape([batch, time + 1]);
        let tokens = ids.clone().narrow(1, 0, time);
        let targets = ids.narrow(1, 1, time);
        let all = model.score(tokens.clone(), targets.clone());
        let loss = model.loss_sum(tokens.clone(), targets.clone()).into_scalar::<f32>();
        let sum = all.nats.clone().sum().into_scalar::<f32>();
        assert!((sum / loss - 1.0).abs() < 1e-5, "{sum} is not {loss}");

        let last = model.score(tokens.clone(), targets.clone().narrow(1, time - 3, 3));
        let difference = last.nats - all.nats.narrow(1, time - 3, 3);
        assert!(difference.abs().max().into_scalar::<f32>() < 1e-5);
        let greedy = model.forward(tokens).argmax(2).squeeze_dim::<2>(2).equal(targets);
        let same = greedy.equal(all.is_greedy).all().into_data();
        assert!(same.iter::<bool>().all(|same| same));
    }

    /// What was computed is as if the vocabulary were not padded, greedy choices included.
    #[test]
    fn padding_of_the_vocabulary_has_no_weight() {
        let device = Device::flex();
        let padded = Gpt::init(&GptConfig::tiny(64), 3, &device).unwrap();
        let mut plain = padded.clone().with_tokenizer_size(50);
        plain.wte.weight = Param::from_tensor(padded.wte.weight.val().narrow(0, 0, 50));
        let tokens = Tensor::<2, Int>::from_ints([[1, 2, 3, 49, 7]], &device);
        let targets = Tensor::<2, Int>::from_ints([[2, 3, 49, 7, 0]], &device);
        let known = padded.clone().with_tokenizer_size(50);
        let nats = |model: &Gpt| {
            model.score(tokens.clone(), targets.clone()).nats.sum().into_scalar::<f32>()
        };
        let loss =
            |model: &Gpt| model.loss_sum(tokens.clone(), targets.clone()).into_scalar::<f32>();
        assert!((nats(&known) - nats(&plain)).abs() < 1e-4);
        assert!((loss(&known) - nats(&plain)).abs() < 1e-4);
        assert!(nats(&padded) > nats(&plain) + 0.1);
    }

    #[test]
    fn a_model_that_knows_nothing_finds_every_token_equally_hard() {
        let device = Device::flex();
        let mut model = Gpt::init(&GptConfig::tiny(50), 3, &device).unwrap();
        model.wte.weight = Param::from_tensor(Tensor::zeros([50, 64], &device));
        let tokens = Tensor::<2, Int>::from_ints([[1, 2, 3]], &device);
        let nats = model.score(tokens.clone(), tokens).nats.into_data();
        assert!(nats.iter::<f32>().all(|nats| (nats - 50f32.ln()).abs() < 1e-6));
    }
}

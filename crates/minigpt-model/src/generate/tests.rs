//! Generation, each thing computed two ways: with and without cache, in a batch and alone, by a beam
//! and by hand.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::{
    BatchGenerator, Constraints, Decoder, Draw, Generator, Gpt, GptConfig, GptRef, PackedGpt,
    Policy, Sampling, SamplingError, WeightType, beam_search, log_probability,
};

/// Weights wide enough for the tokens to be far from equally probable.
fn model(config: &GptConfig) -> Gpt {
    use burn::module::{Module, ModuleMapper, Param};
    struct Widen;
    impl ModuleMapper for Widen {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|weights| weights * if D == 2 { 6.0 } else { 1.0 })
        }
    }
    Gpt::init(config, 5, &Device::flex()).unwrap().map(&mut Widen)
}

fn config() -> GptConfig {
    GptConfig::new(60, 24, 2, 2, 16)
}

fn text(n: usize, seed: u32) -> Vec<u32> {
    (0..n as u32).map(|at| (at * 37 + seed * 11 + at * at) % 60).collect()
}

/// Logits after the last of `tokens`, read all at once.
fn uncached(model: &Gpt, tokens: &[u32]) -> Vec<f32> {
    let ids: Vec<i32> = tokens.iter().map(|id| *id as i32).collect();
    let ids = TensorData::new(ids, [1, tokens.len()]);
    let tokens = Tensor::<2, Int>::from_data(ids, &Device::flex());
    model.forward_last(tokens).into_data().try_into_vec().unwrap()
}

#[track_caller]
fn assert_close(actual: &[f32], expected: &[f32]) {
    assert_eq!(actual.len(), expected.len());
    let worst = actual.iter().zip(expected).map(|(a, e)| (a - e).abs()).fold(0.0, f32::max);
    assert!(worst <= 1e-5, "largest difference {worst}");
}

#[test]
fn logits_that_are_not_waited_for_are_the_same() {
    let model = model(&config());
    let prompts = [text(5, 1), text(3, 2)];
    let [mut waiting, mut not] = [0, 1].map(|_| Decoder::new(&model, &prompts).unwrap());
    for token in 0..30 {
        assert_eq!(pollster::block_on(not.logits_async()).unwrap(), waiting.logits());
        waiting.push(&[token, 59 - token]);
        not.push(&[token, 59 - token]);
    }
}

#[test]
fn cached_logits_equal_uncached_ones_over_a_whole_context() {
    let model = model(&config());
    let text = text(24, 1);
    for prompt in [1, 7] {
        let mut decoder = Decoder::new(&model, &[text[..prompt].to_vec()]).unwrap();
        for end in prompt..=24 {
            assert_close(&decoder.logits()[0], &uncached(&model, &text[..end]));
            if end < 24 {
                decoder.push(&text[end..=end]);
            }
        }
        assert_eq!(decoder.slides(), [0]);
    }
}

/// The shapes of all presets, with fewer layers, a narrower stream and a context of GPT-2's length at most: heads and
/// the ratio of widths are theirs.
#[test]
fn every_preset_decodes_as_it_reads() {
    for name in GptConfig::PRESETS {
        let preset = GptConfig::preset(name, 60).unwrap();
        let config = GptConfig {
            n_layer: 2,
            n_embd: 4 * preset.n_head,
            n_inner: 16 * preset.n_head,
            block_size: preset.block_size.min(1024),
            ..preset
        };
        let model = model(&config);
        let text = text(config.block_size, 6);
        let mut decoder = Decoder::new(&model, &[text[..config.block_size - 5].to_vec()]).unwrap();
        for end in config.block_size - 5..config.block_size {
            assert_close(&decoder.logits()[0], &uncached(&model, &text[..end]));
            decoder.push(&text[end..=end]);
        }
    }
}

#[test]
fn several_tokens_at_once_are_read_as_one_by_one() {
    let model = model(&config());
    let text = text(15, 2);
    let mut decoder = Decoder::new(&model, &[text[..4].to_vec()]).unwrap();
    decoder.logits();
    text[4..].iter().for_each(|token| decoder.push(&[*token]));
    assert_close(&decoder.logits()[0], &uncached(&model, &text));
}

#[test]
fn past_the_context_the_last_half_is_read_again() {
    let model = model(&config());
    let text = text(40, 3);
    let mut decoder = Decoder::new(&model, &[text[..20].to_vec()]).unwrap();
    let mut first = 0;
    for end in 20..=40 {
        // The cache is full at 24, and again when the 12 that were kept have grown to 24.
        if [25, 38].contains(&end) {
            first = end - 12;
        }
        assert_close(&decoder.logits()[0], &uncached(&model, &text[first..end]));
        if end < 40 {
            decoder.push(&text[end..=end]);
        }
    }
    assert_eq!(decoder.slides(), [2]);
}

#[test]
fn a_batch_of_different_lengths_gives_what_each_gives_alone() {
    let model = model(&config());
    let prompts = [text(3, 1), text(11, 2), text(1, 3)];
    let mut decoder = Decoder::new(&model, &prompts).unwrap();
    let mut alone: Vec<_> = prompts
        .iter()
        .map(|prompt| Decoder::new(&model, std::slice::from_ref(prompt)).unwrap())
        .collect();
    // Each fills its context of 24 in its own time, twice.
    for step in 0..40 {
        let logits = decoder.logits();
        let tokens = text(3, 7 + step);
        for ((logits, alone), token) in logits.iter().zip(&mut alone).zip(&tokens) {
            assert_close(logits, &alone.logits()[0]);
            alone.push(&[*token]);
        }
        decoder.push(&tokens);
    }
    assert_eq!(decoder.slides(), [2, 2, 2]);

    let policy = Sampling::article();
    let seeds = [4, 5, 6];
    let mut batch = BatchGenerator::new(&model);
    for (prompt, seed) in prompts.iter().zip(seeds) {
        batch.join(prompt.clone(), policy.clone(), seed, None).unwrap();
    }
    let rows: Vec<Vec<u32>> = (0..40).map(|_| step(&mut batch)).collect();
    for (row, (prompt, seed)) in prompts.iter().zip(seeds).enumerate() {
        let alone = Generator::new(&model, prompt, policy.clone(), seed).unwrap();
        let alone: Vec<u32> = alone.take(40).map(|token| token.unwrap()).collect();
        assert_eq!(rows.iter().map(|tokens| tokens[row]).collect::<Vec<_>>(), alone);
    }
}

/// A token of each text.
fn step(batch: &mut BatchGenerator<'_>) -> Vec<u32> {
    batch.step(usize::MAX).into_iter().map(|token| token.unwrap().unwrap()).collect()
}

/// Of either kind of model, whatever the number of tokens that are read at once.
#[test]
fn texts_that_join_and_leave_are_those_that_are_written_alone() {
    let model = model(&config());
    let packed = PackedGpt::of(model.clone(), WeightType::F32).unwrap();
    for (model, at_once) in
        [(GptRef::from(&model), 1), (GptRef::from(&packed), 1), (GptRef::from(&packed), 5)]
    {
        let prompts: Vec<Vec<u32>> = (0..6).map(|n| text(2 + 3 * n, n as u32)).collect();
        let mut batch = BatchGenerator::new(model);
        let (mut numbers, mut written) = (Vec::new(), vec![Vec::new(); prompts.len()]);
        for round in 0..200 {
            if let Some(prompt) = prompts.get(round / 2).filter(|_| round % 2 == 0) {
                batch.join(prompt.clone(), Sampling::article(), round as u64, None).unwrap();
                numbers.push(round / 2);
            }
            let tokens = batch.step(at_once);
            for (number, token) in numbers.iter().zip(tokens) {
                written[*number].extend(token.map(Result::unwrap));
            }
            // Text `n` has 20 + n tokens.
            while let Some(row) = numbers.iter().position(|n| written[*n].len() == 20 + n) {
                let (tokens, cache) = batch.leave(row);
                let number = numbers.remove(row);
                assert!(tokens.ends_with(&written[number][15..]));
                assert_eq!(cache.is_some(), matches!(model, GptRef::Packed(_)));
            }
        }
        for (number, (prompt, written)) in prompts.iter().zip(written).enumerate() {
            let seed = 2 * number as u64;
            let alone = Generator::new(model, prompt, Sampling::article(), seed).unwrap();
            let alone: Vec<u32> = alone.take(20 + number).map(Result::unwrap).collect();
            assert_eq!(written, alone, "text {number}, {at_once} at once");
        }
    }
}

#[test]
fn a_beginning_that_was_read_is_not_read_again() {
    let packed = PackedGpt::of(model(&config()), WeightType::F32).unwrap();
    let mut batch = BatchGenerator::new(&packed);
    batch.join(text(9, 1), Sampling::Greedy, 0, None).unwrap();
    let first = step(&mut batch)[0];
    let (tokens, cache) = batch.leave(0);
    let cache = cache.unwrap();
    assert_eq!((tokens.len(), cache.len()), (10, 9));
    // The whole of another text that begins so but for its last token, which has to be read for its logits.
    let other = [&text(9, 1)[..6], &[3, 4]].concat();
    batch.join(other.clone(), Sampling::Greedy, 0, Some(cache.beginning(6))).unwrap();
    batch.join(text(9, 1), Sampling::Greedy, 0, Some(cache)).unwrap();
    assert_eq!([0, 1].map(|row| batch.has_read(row).unwrap().0.len()), [6, 8]);
    let alone = Generator::new(&packed, &other, Sampling::Greedy, 0).unwrap().next();
    assert_eq!(step(&mut batch), [alone.unwrap().unwrap(), first]);
}

#[test]
fn selected_sequences_go_on_as_they_would_have() {
    let model = model(&config());
    let prompts = [text(3, 1), text(6, 2)];
    let mut decoder = Decoder::new(&model, &prompts).unwrap();
    decoder.logits();
    decoder.select(&[1, 0, 1]);
    decoder.push(&[8, 9, 10]);
    let logits = decoder.logits();
    for (row, (prompt, token)) in [(1, 8), (0, 9), (1, 10)].into_iter().enumerate() {
        let tokens = [&prompts[prompt][..], &[token]].concat();
        assert_eq!(decoder.sequences()[row], tokens);
        assert_close(&logits[row], &uncached(&model, &tokens));
    }
}

#[test]
fn a_continuation_can_be_prolonged_from_outside() {
    let model = model(&config());
    let mut generator = Generator::new(&model, &text(3, 1), Sampling::Greedy, 0).unwrap();
    assert!(generator.by_ref().take(4).all(|token| token.is_ok()));
    generator.extend(&[1, 2, 3]).unwrap();
    let before = generator.tokens().to_vec();
    let next = generator.next().unwrap().unwrap();
    assert_eq!(Sampling::Greedy.choose(&uncached(&model, &before), 0.0).unwrap(), next);
    assert_close(generator.logits(), &uncached(&model, &before));
    assert!(generator.extend(&[60]).is_err());
}

#[test]
fn constraints_hold_in_a_generation() {
    let model = model(&config());
    let constraints = Constraints { no_repeat_ngram: Some(1), ..Constraints::default() };
    let policy = Policy { constraints, ..Sampling::Greedy.into() };
    let mut generator = Generator::new(&model, &[0], policy, 0).unwrap();
    let mut all: Vec<u32> = generator.by_ref().take(59).map(|token| token.unwrap()).collect();
    all.sort_unstable();
    assert_eq!(all, (1..60).collect::<Vec<_>>());
    // All sixty have come: none may follow, and that is told once.
    assert_eq!(generator.next(), Some(Err(SamplingError::NoToken)));
    assert_eq!(generator.next(), None);
}

#[test]
fn a_beam_of_one_is_greedy() {
    let model = model(&config());
    let generator = Generator::new(&model, &[1, 2], Sampling::Greedy, 0).unwrap();
    let greedy: Vec<u32> = generator.take(10).map(|token| token.unwrap()).collect();
    let beams = beam_search(&model, &[1, 2], &Constraints::default(), 1, 10, &[]).unwrap();
    assert_eq!(beams.len(), 1);
    assert_eq!(beams[0].tokens, greedy);
}

/// A beam as wide as all continuations of two tokens finds the best of three, as trying all does.
#[test]
fn a_wide_beam_finds_the_most_probable_continuation() {
    let model = model(&GptConfig::new(6, 8, 1, 2, 16));
    let mut best = (f64::NEG_INFINITY, Vec::new());
    for number in 0..216u32 {
        let tokens = [number / 36, number / 6 % 6, number % 6];
        let log_probability: f64 = (0..3)
            .map(|at| {
                log_probability(&uncached(&model, &[&[4], &tokens[..at]].concat()), tokens[at])
            })
            .sum();
        if log_probability > best.0 {
            best = (log_probability, tokens.to_vec());
        }
    }
    let beams = beam_search(&model, &[4], &Constraints::default(), 36, 3, &[]).unwrap();
    assert_eq!(beams[0].tokens, best.1);
    assert!((beams[0].log_probability - best.0).abs() < 1e-4);

    // A beam that ends is not prolonged.
    let end = best.1[0];
    let beams = beam_search(&model, &[4], &Constraints::default(), 4, 3, &[end]).unwrap();
    assert!(beams.iter().any(|beam| beam.tokens == [end]));
    assert!(beams.iter().all(|beam| beam.tokens.len() == 3 || beam.tokens.ends_with(&[end])));
}

#[test]
fn a_beam_that_no_token_may_follow_is_given_up() {
    let model = model(&config());
    let constraints = Constraints {
        allowed: Some(vec![3, 5]),
        no_repeat_ngram: Some(1),
        ..Constraints::default()
    };
    // Of the two tokens one is used up by the other's beam, and then none is left.
    let search = |length, end: &[u32]| beam_search(&model, &[1], &constraints, 4, length, end);
    assert_eq!(search(2, &[]).unwrap().len(), 2);
    assert_eq!(search(3, &[]), Err(SamplingError::NoToken.into()));
    let complete = search(3, &[5]).unwrap();
    assert!(complete.iter().all(|beam| beam.tokens.ends_with(&[5])), "{complete:?}");
}

#[test]
fn broken_weights_are_told() {
    use burn::module::{Module, ModuleMapper, Param};
    struct Break;
    impl ModuleMapper for Break {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|weights| weights * f32::NAN)
        }
    }
    let broken = model(&config()).map(&mut Break);
    for sampling in [Sampling::Greedy, Sampling::Draw(Draw::default())] {
        let mut generator = Generator::new(&broken, &[1], sampling, 0).unwrap();
        assert_eq!(generator.next(), Some(Err(SamplingError::NotANumber)));
    }
    let beams = beam_search(&broken, &[1], &Constraints::default(), 2, 2, &[]);
    assert_eq!(beams.unwrap_err().to_string(), SamplingError::NotANumber.to_string());
}

#[test]
fn a_text_without_a_token_left_ends_no_other() {
    let model = model(&config());
    let constraints = Constraints { no_repeat_ngram: Some(1), ..Constraints::default() };
    let policy = Policy { constraints, ..Sampling::Greedy.into() };
    let prompts = [(0..20).collect::<Vec<u32>>(), vec![1]];
    let mut batch = BatchGenerator::new(&model);
    for prompt in prompts {
        batch.join(prompt, policy.clone(), 1, None).unwrap();
    }
    (0..40).for_each(|_| drop(step(&mut batch)));
    // All sixty have come in the first text.
    let tokens = batch.step(usize::MAX);
    assert_eq!(tokens[0], Some(Err(SamplingError::NoToken)));
    batch.leave(0);
    assert_eq!(Some(step(&mut batch).len()), Some(1), "the other goes on");
}

/// A vocabulary of 60 that is padded from 37, and whose padding is the most probable at first.
#[test]
fn no_decoder_writes_padding() {
    let padded = model(&config());
    let mut model = padded.clone().with_tokenizer_size(37);
    let wte = padded.wte.weight.val();
    let boosted = wte.clone().narrow(0, 37, 23).mul_scalar(40.0);
    let wte = Tensor::cat(vec![wte.narrow(0, 0, 37), boosted], 0);
    model.wte.weight = burn::module::Param::from_tensor(wte);
    let unaware = model.clone().with_tokenizer_size(60);
    let logits = |model: &Gpt| Decoder::new(model, &[vec![1, 2]]).unwrap().logits().remove(0);
    assert!(Sampling::Greedy.choose(&logits(&unaware), 0.0).unwrap() >= 37, "no test");
    let known = logits(&model);
    assert_eq!(known.len(), 60);
    assert_eq!(known[..37], logits(&unaware)[..37]);
    assert!(known[37..].iter().all(|logit| *logit == f32::NEG_INFINITY));
    assert_close(&uncached(&model, &[1, 2])[..37], &known[..37]);

    for sampling in [Sampling::Greedy, Sampling::Draw(Draw { temperature: 5.0, ..Draw::default() })]
    {
        let alone = Generator::new(&model, &[1, 2], sampling.clone(), 7).unwrap();
        assert!(alone.take(50).all(|token| token.unwrap() < 37));
        let prompts = [vec![1, 2], vec![3]];
        let mut batch = BatchGenerator::new(&model);
        for prompt in prompts {
            batch.join(prompt, sampling.clone(), 1, None).unwrap();
        }
        assert!((0..50).all(|_| step(&mut batch).iter().all(|token| *token < 37)));
    }
    let beams = beam_search(&model, &[1, 2], &Constraints::default(), 4, 30, &[]).unwrap();
    assert!(beams.iter().all(|beam| beam.tokens.iter().all(|token| *token < 37)));
    // Nor does it read padding.
    assert!(Generator::new(&model, &[37], Sampling::Greedy, 0).is_err());
}

#[test]
fn constraints_on_unknown_ids_are_refused_by_every_generator() {
    let model = model(&config()).with_tokenizer_size(37);
    for id in [37, 99_999] {
        let constraints = Constraints { banned: vec![id], ..Constraints::default() };
        let policy = Policy { constraints: constraints.clone(), ..Sampling::Greedy.into() };
        let expected = SamplingError::UnknownToken { id, vocab_size: 37 }.into();
        let alone = Generator::new(&model, &[1], policy.clone(), 0);
        assert_eq!(alone.err().unwrap(), expected);
        let joined = BatchGenerator::new(&model).join(vec![1], policy, 0, None);
        assert_eq!(joined.err().unwrap(), expected);
        assert_eq!(beam_search(&model, &[1], &constraints, 2, 2, &[]).unwrap_err(), expected);
    }
}

#[test]
fn attention_rows_sum_to_one_and_see_nothing_later() {
    let model = model(&config());
    let ids: Vec<i32> = text(9, 4).iter().map(|id| *id as i32).collect();
    let tokens = Tensor::<2, Int>::from_data(TensorData::new(ids, [1, 9]), &Device::flex());
    let traces = model.attention(tokens);
    assert_eq!(traces.len(), 2);
    for trace in traces {
        assert_eq!(trace.dims(), [1, 2, 9, 9]);
        let weights: Vec<f32> = trace.into_data().try_into_vec().unwrap();
        for (number, row) in weights.chunks(9).enumerate() {
            let query = number % 9;
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            assert!(row[query + 1..].iter().all(|weight| *weight == 0.0));
            assert!(row[..=query].iter().all(|weight| *weight > 0.0));
        }
    }
}

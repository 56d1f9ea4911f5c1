use std::path::Path;

use minigpt_data::{
    FileLine, LabelledText, Learnt, RowOptions, Source, TokenRows, Tokenizer, TokenizerSpec,
    TooLong,
};

use minigpt_model::LoraConfig;

use super::*;
use crate::config::DataConfig;
use crate::config::finetune::{FinetuneConfig, FinetuneTask};

#[test]
fn a_classifier_has_the_work_of_its_own_head() {
    let tokenizer = Tokenizer::bytes().unwrap();
    let text = |text: &str, label: &str| LabelledText {
        place: FileLine { path: Path::new("").into(), line: 1 },
        text: text.to_owned(),
        label: label.to_owned(),
    };
    let texts = [text("fine", "good"), text("dull", "bad")];
    let labels = ["good", "bad"].map(str::to_owned).to_vec();
    let (too_long, learnt) = (TooLong::Refused, Learnt::EveryAnswer);
    let options = RowOptions { block_size: 16, too_long, learnt };
    let rows =
        TokenRows::of_labelled(&tokenizer, &texts, &labels, Path::new(""), &options).unwrap();
    let data = TokenData { tokenizer, train: rows.clone().into(), valid: rows.into() };
    let model = GptConfig { block_size: 16, ..GptConfig::tiny(257) };
    let plan = |labels| {
        let finetune = FinetuneConfig {
            labels,
            ..FinetuneConfig::new(String::new(), FinetuneTask::Classify, None)
        };
        let mut config = RunConfig::finetuning(
            model.clone(),
            DataConfig::new(Source::Embedded, TokenizerSpec::Byte),
            finetune,
        );
        config.sample.prompt = "fine".to_owned();
        Plan::new(&config, &data, &Device::flex()).unwrap()
    };
    let (words, classes) = (plan(Vec::new()), plan(labels));
    assert_eq!(classes.first_loss, 2f64.ln());
    // Both texts are five tokens with their end; a step of 16 rows is all there is of a pass.
    let tokens = (classes.length.total_steps * 16 * 5) as f64;
    let rows_of_head = (257 - 2) * model.n_embd;
    let difference = words.operations - classes.operations;
    assert!((difference - 6.0 * tokens * rows_of_head as f64).abs() < 1.0, "{difference}");
    assert!(classes.memory.activations < words.memory.activations);
    // No row is as long as the context.
    let as_used = GptConfig { vocab_size: 2, block_size: 5, ..model.clone() };
    let estimate = MemoryEstimate::new(&as_used, 16, Precision::F32, &Device::flex());
    assert_eq!(classes.memory.activations, estimate.activations);
    assert_eq!(classes.memory.state, words.memory.state);
}

#[test]
fn the_memory_of_a_llama_is_that_of_its_gate_and_norms() {
    // 3 layers, 64 wide, 4 heads of 16, two of which are of keys and values; a perceptron of 192.
    let llama = GptConfig::new(300, 32, 3, 4, 64).as_llama();
    assert_eq!((llama.n_inner, llama.n_kv_head()), (192, 2));
    let device = Device::flex();
    let tokens = 5 * 32;
    // A block: into two norms, queries of four heads, keys and values of two, what attention gives; gate and rest.
    let block = (2 + 2 + 1) * 64 + 2 * 192;
    let passing = 10 * 64 + 3 * 192;
    // Matrices of a block: queries and output, keys and values, three of the perceptron; then the scales and `wte`.
    let matrices = 2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 192;
    let parameters = 3 * (matrices + 2 * 64) + 64 + 300 * 64;
    // The head once more, the logits of all tokens, which are few, and the gradients of the second half of a batch.
    let rest = 300 * 64 + tokens * 300 + parameters;
    let estimate = MemoryEstimate::new(&llama, 5, Precision::F32, &device);
    assert_eq!(estimate.activations, 4 * (tokens * (3 * block + passing) + rest));
    let by_block = MemoryEstimate::by_block(&llama, 5, Precision::F32, &device);
    assert_eq!(by_block.activations, 4 * (tokens * (3 * 64 + block + passing) + rest));
    assert_eq!((estimate.state, estimate.checkpoint), (16 * parameters, 12 * parameters));
}

/// What is not trained is counted as it is kept, and neither in gradients nor in checkpoints.
#[test]
fn frozen_weights_are_counted_by_their_own_type() {
    let tokenizer = Tokenizer::bytes().unwrap();
    let model = GptConfig { block_size: 16, ..GptConfig::tiny(257) };
    let text = LabelledText {
        place: FileLine { path: Path::new("").into(), line: 1 },
        text: "fine".to_owned(),
        label: "good".to_owned(),
    };
    let options =
        RowOptions { block_size: 16, too_long: TooLong::Refused, learnt: Learnt::EveryAnswer };
    let labels = ["good".to_owned()];
    let rows = TokenRows::of_labelled(&tokenizer, &[text], &labels, Path::new(""), &options);
    let rows = rows.unwrap();
    let data = TokenData { tokenizer, train: rows.clone().into(), valid: rows.into() };
    let lora = LoraConfig::new(4);
    let trained = lora.parameters(&model) as u64;
    let mut finetune = FinetuneConfig::new(String::new(), FinetuneTask::Instruct, None);
    finetune.lora = Some(lora);
    let source = DataConfig::new(Source::Embedded, TokenizerSpec::Byte);
    let mut config = RunConfig::finetuning(model.clone(), source, finetune);
    config.sample.prompt = "fine".to_owned();
    let plan = Plan::new(&config, &data, &Device::flex()).unwrap();
    let mut packed = config.clone();
    packed.finetune.as_mut().unwrap().pack = Some(16);
    let packed = Plan::new(&packed, &data, &Device::flex()).unwrap();
    // A step of 16 rows of five tokens; queries, keys, values and what attention gives once more.
    let padding = 4 * (16 * 5) * (model.n_layer * 4 * model.n_embd) as u64;
    assert_eq!(packed.memory.activations, plan.memory.activations + padding);
    let frozen = plan.clone().beside_frozen(1000, &config);
    assert_eq!(
        (frozen.memory.state, frozen.memory.checkpoint),
        (1000 + 16 * trained, 12 * trained)
    );
    let head = 4 * 257 * model.n_embd as u64;
    let activations = plan.memory.activations - head;
    assert_eq!(frozen.memory.activations, activations + activations / 8);
    assert!(frozen.memory.total() < plan.memory.total());
}

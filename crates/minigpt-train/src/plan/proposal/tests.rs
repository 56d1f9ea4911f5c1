use std::sync::LazyLock;
use std::time::Duration;

use burn::tensor::Device;

use super::recipe::learning_rate;
use super::speed::{SAMPLE, operations};
use super::*;

/// GPT-2's shape, and AdamW.
static RECIPE: LazyLock<RunConfig> = LazyLock::new(|| RunConfig::preset("wikitext2").unwrap());

fn workload(device: &Device) -> Workload<'_> {
    let measured_for = Duration::from_millis(50);
    let (vocab_size, train_tokens, valid_tokens) = (512, 100_000, 10_000);
    let (block_size, model) = (None, None);
    Workload {
        vocab_size,
        train_tokens,
        valid_tokens,
        recipe: &RECIPE,
        block_size,
        model,
        device,
        measured_for,
    }
}

fn propose(budget: Budget) -> Result<Proposal, TrainError> {
    Proposal::new(budget, &workload(&Device::flex()), |_| ())
}

#[test]
fn gpt2s_size_gives_gpt2s_shape() {
    let device = Device::flex();
    let workload = Workload { vocab_size: 50_257, ..workload(&device) };
    let model = workload.nearest(124_000_000).unwrap();
    let gpt2 = GptConfig { block_size: 512, ..GptConfig::gpt2() };
    assert_eq!(model.with_dropout(0.0), gpt2.with_dropout(0.0));
    for parameters in [400_000, 3_000_000, 30_000_000, 350_000_000, 1_500_000_000] {
        let workload = Workload { vocab_size: 1000, ..workload };
        let size = workload.nearest(parameters).unwrap().parameter_counts().total() as f64;
        assert!((size / parameters as f64 - 1.0).abs() < 0.15, "{parameters}: {size}");
    }
}

#[test]
fn the_recipe_adds_up() {
    let proposal = propose(Budget { parameters: Some(200_000), ..Budget::default() }).unwrap();
    let Proposal { model, batch_size, accumulation, steps, .. } = &proposal;
    model.validate().unwrap();
    assert_eq!(proposal.tokens, (steps * batch_size * model.block_size) as u64);
    assert!(batch_size.is_multiple_of(*accumulation));
    // 20 tokens a parameter, but for the last step.
    let most = 20 * model.parameter_counts().total() as u64;
    assert!(proposal.tokens <= most && proposal.tokens > most * 9 / 10);
    let passes = proposal.tokens as f64 / 100_000.0;
    assert!((proposal.passes - passes).abs() < 1e-9);
    let seconds = proposal.operations / proposal.operations_per_second;
    assert!((proposal.seconds - seconds).abs() < 1e-9 * seconds);
}

#[test]
fn less_memory_gives_a_smaller_model_that_fits() {
    let of = |mebibytes: u64| workload(&Device::flex()).largest(mebibytes << 20, None).unwrap();
    let sizes: Vec<usize> =
        [160, 300, 1000, 8000].map(|m| of(m).0.parameter_counts().total()).to_vec();
    assert!(sizes.is_sorted() && sizes[0] < sizes[3], "{sizes:?}");
    let (model, micro_batch) = of(300);
    assert!(workload(&Device::flex()).memory(&model, micro_batch) <= 300 << 20);
    // What fits no other way is computed block by block.
    let device = Device::flex();
    let gpt2 = GptConfig::gpt2();
    let between = MemoryEstimate::new(&gpt2, 1, RECIPE.training.precision, &device).total() - 1;
    let micro_batch = workload(&device).micro_batch(&gpt2, between).unwrap();
    assert!(micro_batch.by_block);
}

#[test]
fn a_time_is_kept() {
    let proposal = propose(Budget { seconds: Some(20.0), ..Budget::default() }).unwrap();
    assert!(proposal.seconds <= 20.0 && proposal.steps > 0, "{proposal:?}");
}

#[test]
fn what_is_too_little_is_said() {
    let error = propose(Budget { memory: Some(1 << 20), ..Budget::default() });
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with("no model can be trained in 1 MiB of memory: expected at least"),
        "{error}"
    );
    let budget =
        Budget { parameters: Some(9_000_000_000), memory: Some(8 << 30), ..Budget::default() };
    let error = propose(budget).unwrap_err().to_string();
    assert!(
        error.starts_with("no model can be trained in 8192 MiB of memory: expected"),
        "{error}"
    );
    let error = propose(Budget { parameters: Some(10), ..Budget::default() }).unwrap_err();
    let error = error.to_string();
    assert!(
        error.starts_with("no model can be trained in 10 parameters: expected 71360 to"),
        "{error}"
    );
}

#[test]
fn texts_are_looked_at_before_anything_is_measured() {
    let device = Device::flex();
    let tiny = GptConfig::tiny(1);
    let budget = Budget { parameters: Some(3_000_000), ..Budget::default() };
    for (valid_tokens, block_size, model) in
        [(64, Some(64), None), (32, None, Some(&tiny)), (1, None, None), (0, None, None)]
    {
        let workload = Workload { valid_tokens, block_size, model, ..workload(&device) };
        let error = Proposal::new(budget, &workload, |_| panic!("measured")).unwrap_err();
        let expected = format!("too little text: {valid_tokens} tokens, but one window of");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
    // Where nobody asks for a context, it is one that the texts have.
    for (valid_tokens, context) in [(65, 64), (64, 32), (3, 2), (2, 1), (10_000, 128)] {
        let workload = Workload { valid_tokens, ..workload(&device) };
        assert_eq!(workload.of_width(256, 4).block_size, context);
        workload.check_texts().unwrap();
    }
}

#[test]
fn what_is_measured_is_small_however_large_the_model() {
    let device = Device::flex();
    for (vocab_size, block_size) in
        [(512, None), (50_257, None), (50_257, Some(1 << 20)), (1 << 20, Some(64))]
    {
        let workload = Workload { vocab_size, block_size, ..workload(&device) };
        let largest = |memory: u64| workload.largest(memory, None).ok();
        let nearest = workload.nearest(9_000_000_000).ok().map(|model| {
            let micro_batch = workload.micro_batch(&model, u64::MAX).unwrap();
            (model, micro_batch)
        });
        let models = [largest(100 << 40), largest(8 << 30), nearest];
        for (model, micro_batch) in models.into_iter().flatten() {
            let (sample, windows) = workload.sample(&model, micro_batch);
            sample.validate().unwrap();
            let memory = workload.memory(&sample, MicroBatch { windows, ..micro_batch });
            assert!(memory <= SAMPLE.1, "{model:?}: {memory} bytes of {sample:?}");
            assert!(operations(&sample, windows) <= SAMPLE.0, "{model:?}: {sample:?}");
        }
    }
    // A model that is small is measured as it is.
    let (model, micro_batch) = workload(&device).largest(300 << 20, None).unwrap();
    assert_eq!(workload(&device).sample(&model, micro_batch).0, model);
}

#[test]
fn rates_are_kaplans_for_adamw_and_fall_with_the_width_for_muon() {
    // 0.003239 - 0.0001395 ln(84,934,656 + biases and norms).
    assert!((learning_rate(&GptConfig::gpt2(), &RECIPE) - 6.9e-4).abs() < 1e-5);
    let muon = RunConfig::preset("austen").unwrap();
    let of = |width| learning_rate(&GptConfig::new(512, 128, 4, 4, width), &muon);
    assert_eq!([of(128), of(256), of(512)], [5e-3, 5e-3, 2.5e-3]);
}

#[test]
fn a_run_within_a_time_ends_after_the_most_passes() {
    let device = Device::flex();
    let workload = Workload { train_tokens: 1000, valid_tokens: 500, ..workload(&device) };
    let budget = Budget { seconds: Some(1e6), ..Budget::default() };
    let proposal = Proposal::new(budget, &workload, |_| ()).unwrap();
    assert!(proposal.passes <= 40.0 && proposal.seconds < 1e6, "{proposal:?}");
    assert_eq!(proposal.dropout, 0.3);
}

#[test]
fn what_is_proposed_is_what_is_configured() {
    let proposal = propose(Budget { seconds: Some(5.0), ..Budget::default() }).unwrap();
    let config = proposal.applied_to(RunConfig::preset("austen").unwrap());
    config.validate().unwrap();
    assert_eq!(config.model.n_embd, proposal.model.n_embd);
    assert_eq!(config.training.max_steps, Some(proposal.steps));
    assert!(proposal.eval_every() * (proposal.validations - 1) < proposal.steps);
    assert_eq!(proposal.steps.div_ceil(proposal.eval_every()), proposal.validations);
}

#[test]
fn vocabularies_grow_with_the_text() {
    let sizes = [0, 100_000, 1_100_000, 2_800_000, u64::MAX]
        .map(|bytes| [0.0, 5.0].map(|passes| vocab_size_of(bytes, passes)));
    assert!(sizes.is_sorted(), "{sizes:?}");
    // Of few ids, and of the most, half are not fewer.
    assert_eq!([sizes[0], sizes[4]], [[512; 2], [16_384; 2]]);
    assert_eq!([sizes[2], sizes[3]], [[4096, 2048], [16_384, 8192]]);
}

#[test]
fn a_given_model_is_planned_as_it_is() {
    let device = Device::flex();
    let model = GptConfig::preset("tiny-llama", 1).unwrap();
    let workload = Workload { model: Some(&model), block_size: Some(16), ..workload(&device) };
    let budget = Budget { seconds: Some(60.0), ..Budget::default() };
    let proposal = Proposal::new(budget, &workload, |_| ()).unwrap();
    assert_eq!(proposal.model, GptConfig { vocab_size: 512, block_size: 16, ..model });
    assert!(proposal.seconds < 61.0 && proposal.steps > 0, "{proposal:?}");
}

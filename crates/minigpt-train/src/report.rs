//! What a run shows of itself: its curves, and text by its model.

use minigpt_data::{Source, Tokenizer};

use crate::classifier::Classifier;
use crate::config::RunConfig;
use crate::error::TrainError;
use crate::metrics::Row;
use crate::plot::{Axis, Curve, Quantity, draw_curves};
use crate::run::RunFolder;
use crate::text::{TextGenerator, TextOptions};
use crate::trainee::Trainee;

/// The prompt of the configuration and the model's continuation, up to `<|endoftext|>`; of a
/// classifier, what it takes the prompt for.
///
/// # Errors
/// [`TrainError::Prompt`] or [`TrainError::Data`].
pub fn sample(
    model: &Trainee,
    tokenizer: &Tokenizer,
    config: &RunConfig,
    seed: u64,
) -> Result<String, TrainError> {
    let sample = &config.sample;
    let labels = config.finetune.as_ref().map(|finetune| finetune.labels.clone());
    if let Some(classifier) = labels.and_then(|labels| Classifier::new(model, labels)) {
        let verdict =
            classifier.classify(tokenizer, std::slice::from_ref(&sample.prompt), 1, &mut |_| ())?;
        let found = verdict[0].best();
        let (label, percent) = (&classifier.labels[found], 100.0 * verdict[0].probabilities[found]);
        return Ok(format!("{}\n→ {label} ({percent:.1} %)", sample.prompt));
    }
    let options = TextOptions {
        policy: sample.sampling.clone().into(),
        max_tokens: sample.max_tokens,
        stop: Vec::new(),
        seed,
        log_probabilities: false,
    };
    let mut text = sample.prompt.clone();
    for token in TextGenerator::new(&model.transformer, tokenizer, &sample.prompt, &options)? {
        text += &token?.text;
    }
    Ok(text)
}

/// Draws what there is to draw of the `quantities` into the run's folder.
pub(crate) fn draw_run(
    run: &RunFolder,
    config: &RunConfig,
    rows: &[Row],
    quantities: &[Quantity],
) -> Result<(), TrainError> {
    let name = run.name();
    let title = plot_title(config, &name);
    let curves = [Curve { name, rows: rows.to_vec() }];
    for quantity in quantities {
        let path = run.plot_path(*quantity);
        match draw_curves(&path, &title, &curves, *quantity, Axis::Steps) {
            // A run that ends before its first validation has no perplexity.
            Ok(()) | Err(TrainError::NoMetrics { .. }) => (),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What the picture of a run is titled: the run, its model and its data.
pub fn plot_title(config: &RunConfig, name: &str) -> String {
    let model = &config.model;
    let data = match &config.data.source {
        Source::Embedded => "the embedded novels".to_owned(),
        source => source.to_string(),
    };
    format!(
        "{name}: {} layers, {} wide, {} heads, {:.1}M parameters on {}",
        model.n_layer,
        model.n_embd,
        model.n_head,
        model.parameter_counts().total() as f64 / 1e6,
        data,
    )
}

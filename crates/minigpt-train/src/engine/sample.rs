//! What a run's model writes at a validation.

use minigpt_data::Tokenizer;
use minigpt_text::{TextGenerator, TextOptions};

use crate::config::RunConfig;
use crate::error::TrainError;
use crate::optim::trainee::Trainee;

/// The prompt of the configuration and the model's continuation, up to an end of text; of a
/// classifier, what it takes the prompt for.
///
/// # Errors
/// [`TrainError::Text`].
pub(crate) fn sample(
    model: &Trainee,
    tokenizer: &Tokenizer,
    config: &RunConfig,
    seed: u64,
) -> Result<String, TrainError> {
    let sample = &config.sample;
    let labels = config.finetune.as_ref().map(|finetune| finetune.labels.clone());
    if let Some(classifier) = labels.and_then(|labels| model.classifier(labels)) {
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
        lookup: false,
    };
    let prompt = config.sample_prompt(tokenizer)?;
    let mut text = sample.prompt.clone();
    for token in TextGenerator::new(&model.transformer, tokenizer, &prompt, &options)? {
        text += &token?.text;
    }
    Ok(text)
}

use minigpt_eval::{Protocol, QUOTED};

use super::*;

#[test]
fn every_figure_has_its_bar_and_what_is_quoted_is_pale() {
    let measured = |value| Measured { value, low: Some(value * 0.9), high: Some(value * 1.1) };
    let model = ComparedModel {
        model: "runs/austen".to_owned(),
        parameters: 1_000_000,
        protocol: Protocol::disjoint(64),
        token_perplexity: measured(85.9),
        word_perplexity: Some(measured(220.4)),
        bits_per_byte: measured(1.4),
        training: None,
        tokens_per_second: 1e4,
    };
    let models = [model];
    let panels = panels(&models, true, &QUOTED);
    let labels = panels
        .each_ref()
        .map(|panel| panel.bars.iter().map(|bar| bar.label.as_str()).collect::<Vec<_>>());
    assert_eq!(
        labels[0][..3],
        ["85.90", "19.44 (Hugging Face, disjoint)", "16.44 (Hugging Face, stride 512)"]
    );
    assert!(labels[0].contains(&"35–45 (tutorial)"));
    assert_eq!(labels[1][..2], ["220.4", "29.41 (paper)"]);
    assert!(panels.iter().all(|panel| panel.remark.contains("pale: quoted")));

    // Tokens of two tokenizers are not of one length.
    let [of_bytes, of_words] = super::panels(&models, false, &[]);
    assert_eq!((of_bytes.caption, of_bytes.bars[0].label.as_str()), ("Bits per byte", "1.400"));
    assert_eq!(of_words.bars[0].label, "220.4");
}

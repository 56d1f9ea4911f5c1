use burn::tensor::Device;

use super::{DraftCounts, Lookup};
use crate::{
    Draw, Generator, Gpt, GptConfig, MlpKind, NormConfig, NormKind, PackedGpt, Sampling, WeightType,
};

#[test]
fn a_draft_is_what_followed_last() {
    let lookup = Lookup::default();
    assert!(lookup.draft(&[]).is_empty());
    assert!(lookup.draft(&[1, 2, 3, 4]).is_empty());
    assert_eq!(lookup.draft(&[1, 2, 3, 4, 9, 1, 2, 3, 5, 8, 1, 2, 3]), [5, 8, 1, 2, 3]);
    assert_eq!(lookup.draft(&[7, 7, 7, 7]), [7], "what is known may overlap itself");
    let long: Vec<u32> = (0..20).chain([0, 1, 2]).collect();
    assert_eq!(lookup.draft(&long), [3, 4, 5, 6, 7, 8, 9]);
}

/// A model of few tokens, whose texts repeat themselves.
fn packed() -> PackedGpt {
    let config = GptConfig {
        norm: NormConfig { kind: NormKind::RmsNorm, epsilon: 1e-5 },
        mlp: MlpKind::Swiglu,
        bias: crate::BiasConfig::NONE,
        ..GptConfig::new(5, 24, 2, 2, 32)
    };
    PackedGpt::of(Gpt::init(&config, 3, &Device::flex()).unwrap(), WeightType::Q8_0).unwrap()
}

#[test]
fn the_text_is_the_same_to_the_bit_and_some_drafts_are_accepted() {
    let model = packed();
    let draw = Draw { temperature: 0.3, ..Draw::default() };
    for sampling in [Sampling::Greedy, Sampling::Draw(draw)] {
        let generator =
            || Generator::new(&model, &[1, 2, 3, 1, 2, 3], sampling.clone(), 5).unwrap();
        let tokens = |mut generator: Generator<'_>| {
            let mut all = Vec::new();
            for _ in 0..100 {
                let token = generator.next().unwrap().unwrap();
                all.push((token, generator.logits().to_vec()));
            }
            (all, generator.slides(), generator.draft_counts())
        };
        let (expected, slides, none) = tokens(generator());
        let (found, slid, counts) = tokens(generator().with_lookup());
        assert!(found == expected, "another text");
        assert!(slides > 2, "the context was never full");
        assert_eq!((slid, none), (slides, DraftCounts::default()));
        assert!(counts.accepted > 0 && counts.accepted <= counts.drafted, "{counts:?}");
    }
}

#[test]
fn turns_of_others_and_other_texts_are_heeded() {
    let model = packed();
    let take = |generator: &mut Generator<'_>, n: usize| -> Vec<u32> {
        generator.take(n).collect::<Result<_, _>>().unwrap()
    };
    let run = |lookup: bool| {
        let generator = Generator::new(&model, &[1, 2, 3, 1, 2, 3], Sampling::Greedy, 0).unwrap();
        let mut generator = if lookup { generator.with_lookup() } else { generator };
        let mut all = take(&mut generator, 4);
        generator.extend(&[4, 0, 1]).unwrap();
        all.extend(take(&mut generator, 4));
        generator.replace(&[1, 2, 3, 4, 4]).unwrap();
        all.extend(take(&mut generator, 6));
        all
    };
    assert_eq!(run(true), run(false));
    let mut fresh = Generator::new(&model, &[1, 2, 3, 4, 4], Sampling::Greedy, 0).unwrap();
    assert_eq!(take(&mut fresh, 6), run(false)[8..]);
}

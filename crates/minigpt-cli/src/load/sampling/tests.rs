use clap::Parser;

use super::*;

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    sampling: SamplingArgs,
}

#[test]
fn a_models_rule_on_repeats_is_switched_off_by_0() {
    let defaults = GenerationDefaults { no_repeat_ngram: Some(3), ..GenerationDefaults::default() };
    for (options, expected) in [
        (&["minigpt"][..], Some(3)),
        (&["minigpt", "--no-repeat-ngram", "2"], Some(2)),
        (&["minigpt", "--no-repeat-ngram", "0"], None),
    ] {
        let Options { sampling } = Options::parse_from(options);
        let policy = sampling.policy(&defaults).unwrap();
        assert_eq!(policy.constraints.no_repeat_ngram, expected, "{options:?}");
        sampling.validate().unwrap();
    }
}

#[test]
fn a_served_request_that_says_nothing_is_drawn_as_generate_draws() {
    let Options { sampling } = Options::parse_from(["minigpt"]);
    for theirs in [
        GenerationDefaults::default(),
        GenerationDefaults {
            temperature: Some(0.6),
            top_k: Some(0),
            ..GenerationDefaults::default()
        },
        GenerationDefaults { is_greedy: true, ..GenerationDefaults::default() },
    ] {
        let ours = or_ours(theirs.clone());
        assert_eq!(
            sampling.policy(&theirs).unwrap().sampling,
            sampling.policy(&ours).unwrap().sampling
        );
        assert_eq!(ours.top_p, Some(0.95));
        assert_eq!(ours.is_greedy, theirs.is_greedy);
    }
}

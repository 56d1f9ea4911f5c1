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

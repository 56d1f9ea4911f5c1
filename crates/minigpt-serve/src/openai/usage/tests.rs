use super::*;

fn written(tokens: usize, cached: usize, first_ms: u64, ms: u64) -> Written {
    Written {
        end: None,
        rest: String::new(),
        tokens,
        cached,
        first_token: Duration::from_millis(first_ms),
        writing: Duration::from_millis(ms),
    }
}

#[test]
fn prompts_count_once_and_texts_each() {
    // Two prompts of five tokens together, two texts each.
    let mut sums = Sums::new(5, 2);
    for (number, cached) in [1, 9, 2, 9].into_iter().enumerate() {
        sums.add(number, &written(11, cached, 100, 1000));
    }
    let usage = sums.usage();
    assert_eq!((usage.prompt_tokens, usage.completion_tokens, usage.total_tokens), (5, 44, 49));
    assert_eq!(usage.prompt_tokens_details.cached_tokens, 3);
    let timings = sums.timings();
    assert_eq!((timings.prompt_n, timings.predicted_n), (2, 44));
    assert_eq!((timings.prompt_ms, timings.predicted_ms), (100.0, 1000.0));
    assert_eq!(timings.predicted_per_second, 40.0);
}

#[test]
fn one_token_has_no_speed() {
    let mut sums = Sums::new(5, 1);
    sums.add(0, &written(1, 0, 100, 0));
    assert_eq!(sums.timings().predicted_per_second, 0.0);
}

use super::*;

#[test]
fn counts_are_told_as_prometheus_reads_them() {
    let counters = Counters::default();
    counters.answered("/v1/completions", 200);
    counters.answered("/v1/completions", 200);
    counters.answered("none", 404);
    let texts = TextSums { read: 5, written: 7, ..TextSums::one(Ended::Cancelled) };
    counters.wrote("a \"model\"", texts);
    counters.wrote("a \"model\"", TextSums { first_token: Duration::from_millis(1500), ..texts });
    let text = counters.to_prometheus(&[("minigpt_waiting", "Requests that wait.", 3)]);
    assert!(text.starts_with("# HELP minigpt_waiting Requests that wait.\n# TYPE minigpt_waiting gauge\nminigpt_waiting 3\n"));
    for line in [
        "minigpt_requests_total{route=\"/v1/completions\",status=\"200\"} 2",
        "minigpt_requests_total{route=\"none\",status=\"404\"} 1",
        "minigpt_texts_total{model=\"a \\\"model\\\"\"} 0",
        "minigpt_cancelled_texts_total{model=\"a \\\"model\\\"\"} 2",
        "minigpt_written_tokens_total{model=\"a \\\"model\\\"\"} 14",
        "minigpt_first_token_seconds_total{model=\"a \\\"model\\\"\"} 1.5",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

use super::*;

#[test]
fn seconds_follow_from_tokens_and_speed() {
    let at =
        |step: u64, tokens_per_second| Step { tokens: 100 * step, tokens_per_second, seconds: 0.0 };
    assert_eq!(seconds_in_steps(&[at(1, 1.0), at(2, 50.0), at(3, 200.0)]), 2.5);
}

#[test]
fn events_are_read() {
    let step = r#"{"event":"step","split":"train","step":3,"passes":0.1,"tokens":96,"loss":2.0,
        "learning_rate":0.1,"grad_norm":1.0,"tokens_per_second":10.0,"seconds":4.0}"#;
    assert!(matches!(serde_json::from_str(step), Ok(Event::Step(Step { tokens: 96, .. }))));
    let other = r#"{"event":"validating","done":1,"total":2}"#;
    assert!(matches!(serde_json::from_str(other), Ok(Event::Other)));
}

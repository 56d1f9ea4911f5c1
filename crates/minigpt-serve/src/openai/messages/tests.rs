use serde_json::json;

use super::*;

fn messages(list: Value) -> Result<Messages, ApiError> {
    let Value::Object(fields) = json!({"messages": list}) else { panic!("no object") };
    Messages::take(&mut Fields::new(fields))
}

fn refusal(list: Value) -> String {
    let error = messages(list).unwrap_err();
    error.body()["error"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn messages_become_those_of_templates() {
    let Messages(list) = messages(json!([
        {"role": "developer", "content": "Be brief.", "name": null},
        {"role": "user", "content": [{"type": "text", "text": "Is it "}, {"type": "text", "text": "cold?"}]},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Bath\"}"}},
        ]},
        {"role": "tool", "tool_call_id": "1", "content": "3 degrees"},
    ]))
    .unwrap();
    assert_eq!(list[0], json!({"role": "system", "content": "Be brief."}));
    assert_eq!(list[1]["content"], "Is it cold?");
    assert_eq!(list[2]["tool_calls"][0]["function"]["arguments"], json!({"city": "Bath"}));
    assert_eq!(Messages(list).to_list().unwrap().len(), 4);
}

#[test]
fn the_oldest_turns_are_left_out_first() {
    let all = messages(json!([
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "tool", "content": "1"},
        {"role": "user", "content": "Two?"},
        {"role": "assistant", "content": "No."},
        {"role": "user", "content": "Three?"},
    ]))
    .unwrap();
    for (most, left, first) in
        [(7, 0, "One?"), (6, 3, "Two?"), (4, 3, "Two?"), (3, 5, "Three?"), (1, 5, "Three?")]
    {
        let (latest, left_out) = all.latest(|messages| Ok(messages.0.len() <= most)).unwrap();
        assert_eq!((left_out, latest.0.len()), (left, 7 - left), "{most}");
        assert_eq!(
            (&latest.0[0]["role"], &latest.0[1]["content"]),
            (&json!("system"), &json!(first))
        );
    }
    let system = messages(json!([{"role": "system", "content": "Be brief."}])).unwrap();
    assert_eq!(system.latest(|_| Ok(false)).unwrap().1, 0);
}

#[test]
fn the_question_is_the_last_message_where_that_is_the_users() {
    let user = json!({"role": "user", "content": "Why?"});
    let answer = json!({"role": "assistant", "content": "Because."});
    assert_eq!(messages(json!([answer, user])).unwrap().question(), Some("Why?"));
    assert_eq!(messages(json!([user, answer])).unwrap().question(), None);
}

#[test]
fn what_templates_cannot_read_is_refused_with_its_place() {
    assert_eq!(refusal(json!([])), "`messages` is empty: expected at least one");
    assert_eq!(
        refusal(json!([{"role": "user", "content": "a"}, {"role": "pirate", "content": "b"}])),
        "`messages[1].role` is \"pirate\": expected system, developer, user, assistant or tool"
    );
    let picture = json!([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]);
    assert!(refusal(picture).starts_with("`messages[0].content` is {"));
    assert!(refusal(json!([{"role": "user"}])).contains("messages[0].content"));
    assert!(refusal(json!(["hello"])).contains("`messages` is \"hello\""));
    let calls = json!([{"role": "assistant", "tool_calls": [{"function": {}}]}]);
    assert!(refusal(calls).contains("messages[0].tool_calls"));
}

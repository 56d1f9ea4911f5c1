use std::collections::BTreeMap;

use super::*;

const TEMPLATE: &str =
    "{{ tools | tojson }} <tool_call>{\"name\": …, \"arguments\": …}</tool_call>";

fn calling(grammar: Option<LimitedGrammar>, several: bool) -> Calling {
    let template = ChatTemplate::from_jinja(TEMPLATE, BTreeMap::new(), "a test").unwrap();
    let tools = json!([{"type": "function", "function": {"name": "look"}}]).to_string();
    Calling { tools: Tools::from_json(&tools, &template).unwrap(), grammar, several }
}

#[test]
fn calls_are_told_apart_from_what_is_said() {
    let text = "I look. <tool_call>{\"name\": \"look\", \"arguments\": {\"at\": 1}}</tool_call>\
                <tool_call>{\"name\": \"look\", \"arguments\": {}}</tool_call>";
    let called = calling(None, true).read(text);
    assert_eq!(called.content.as_deref(), Some("I look."));
    assert_eq!(called.calls.len(), 2);
    let function = json!({"name": "look", "arguments": "{\"at\":1}"});
    assert_eq!(
        (&called.calls[0]["function"], &called.calls[0]["type"]),
        (&function, &json!("function"))
    );
    assert_ne!(called.calls[0]["id"], called.calls[1]["id"]);
    assert_eq!(calling(None, false).read(text).calls.len(), 1);
    let said = calling(None, true).read(" Nothing to see.\n");
    assert_eq!((said.content.as_deref(), said.calls.len()), (Some(" Nothing to see.\n"), 0));
}

#[test]
fn a_choice_is_one_of_openais() {
    let take = |choice: Value| {
        let mut fields = serde_json::Map::new();
        fields.insert(CHOICE.to_owned(), choice);
        Choice::take(&mut Fields::new(fields))
    };
    assert!(matches!(take(json!(null)), Ok(Choice::Auto)));
    assert!(matches!(take(json!("none")), Ok(Choice::None)));
    assert!(matches!(take(json!("required")), Ok(Choice::Required(None))));
    let named = take(json!({"type": "function", "function": {"name": "look"}}));
    assert!(matches!(named, Ok(Choice::Required(Some(name))) if name == "look"));
    assert!(take(json!("often")).is_err() && take(json!({"type": "function"})).is_err());
}

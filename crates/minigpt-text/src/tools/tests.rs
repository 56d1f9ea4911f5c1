//! Calls in answers as models write them.

use std::sync::Arc;

use burn::tensor::Device;
use minigpt_data::Tokenizer;
use minigpt_model::{Gpt, GptConfig, Policy, Sampling};

use super::*;
use crate::{Grammars, Prompt, TextOptions, write_texts};

const TOOLS: &str = r##"[
    {"type": "function", "function": {"name": "weather", "description": "Of a city", "parameters": {
        "type": "object", "properties": {"city": {"enum": ["Rome", "Bath"]}}, "required": ["city"],
        "additionalProperties": false}}},
    {"type": "function", "function": {"name": "turn", "parameters": {
        "type": "object", "properties": {"by": {"$ref": "#/$defs/angle"}}, "required": ["by"],
        "additionalProperties": false, "$defs": {"angle": {"type": "integer", "minimum": 0, "maximum": 359}}}}},
    {"type": "function", "function": {"name": "stop", "parameters": {"type": "object", "additionalProperties": false}}}
]"##;

const QWEN: &str =
    "{{ tools }}<tool_call>\n{\"name\": <function-name>, \"arguments\": …}\n</tool_call>";
const LLAMA: &str = "{{ tools }} {\"name\": function name, \"parameters\": …}";
const MISTRAL: &str = "{{ tools }}[TOOL_CALLS]";
const OTHER: &str = "{{ tools }}";

fn tools(template: &str) -> Tools {
    let template = ChatTemplate::from_jinja(template, Default::default(), "a test").unwrap();
    Tools::from_json(TOOLS, &template).unwrap()
}

fn call(name: &str, arguments: &str) -> ToolCall {
    ToolCall { name: name.to_owned(), arguments: arguments.to_owned() }
}

#[track_caller]
fn check(template: &str, answer: &str, content: &str, calls: &[ToolCall]) {
    let expected = ToolAnswer { content: content.to_owned(), calls: calls.to_vec() };
    assert_eq!(tools(template).read(answer), expected);
}

#[test]
fn tagged_calls_are_found_where_they_are() {
    let one =
        "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Rome\"}}\n</tool_call>";
    let rome = call("weather", r#"{"city":"Rome"}"#);
    check(QWEN, one, "", std::slice::from_ref(&rome));
    let two = format!("I look. {one}\n<tool_call>{{\"name\":\"stop\"}}</tool_call>");
    check(QWEN, &two, "I look.", &[rome.clone(), call("stop", "{}")]);
    // Its end is the end of the text.
    check(QWEN, one.trim_end_matches("</tool_call>"), "", &[rome]);
    let broken = "<tool_call>\n{\"name\": \"weather\", \"argum";
    check(QWEN, broken, broken, &[]);
    check(QWEN, "a <tool_call>b</tool_call> c", "a <tool_call>b</tool_call> c", &[]);
    // An invented one is for the client to answer.
    check(QWEN, "<tool_call>{\"name\": \"fly\"}</tool_call>", "", &[call("fly", "{}")]);
}

#[test]
fn bare_calls_are_the_whole_answer() {
    let rome = call("weather", r#"{"city":"Rome"}"#);
    let one = r#"{"name": "weather", "parameters": {"city": "Rome"}}"#;
    check(LLAMA, one, "", std::slice::from_ref(&rome));
    check(LLAMA, &format!("<|python_tag|>{one}; {one}"), "", &[rome.clone(), rome.clone()]);
    let text = r#"{"type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Rome\"}"}}"#;
    check(OTHER, text, "", std::slice::from_ref(&rome));
    let list = r#"[TOOL_CALLS][{"name": "weather", "arguments": {"city": "Rome"}}]"#;
    check(MISTRAL, list, "", &[rome]);
    // An answer that is JSON is no call.
    for answer in
        ["{\"name\": \"Anne\"}", "12", "{}", "[]", "It is warm.", "", &format!("So: {one}")]
    {
        check(LLAMA, answer, answer, &[]);
    }
}

#[test]
fn thoughts_are_said_and_called_after() {
    let answer = "<think>\nRome?\n</think>\n\n<tool_call>\n{\"name\": \"stop\", \"arguments\": {}}\n</tool_call>";
    check(QWEN, answer, "<think>\nRome?\n</think>", &[call("stop", "{}")]);
}

/// A model that knows nothing, made to call.
#[test]
fn forced_calls_are_calls_with_valid_arguments() {
    let tokenizer = Tokenizer::bytes().unwrap();
    let model = Gpt::init(&GptConfig::tiny(tokenizer.vocab_size()), 0, &Device::flex()).unwrap();
    let grammars = Grammars::new(&tokenizer).unwrap();
    for (template, opening) in
        [(QWEN, "<tool_call>\n"), (LLAMA, ""), (MISTRAL, "[TOOL_CALLS]["), (OTHER, "")]
    {
        let tools = tools(template);
        assert_eq!(tools.opening(), opening);
        for name in [None, Some("weather"), Some("turn"), Some("stop")] {
            let schema = tools.call_schema(name).unwrap();
            let grammar = grammars.of_json_schema(&schema).unwrap();
            let options = TextOptions {
                policy: Policy { filter: Some(Arc::new(grammar)), ..Sampling::article().into() },
                max_tokens: 400,
                stop: Vec::new(),
                seed: 1,
                log_probabilities: false,
                lookup: false,
            };
            let prompts = vec![Prompt::of_text(&tokenizer, "Once").unwrap(); 6];
            for text in write_texts(&model, &tokenizer, &prompts, &options, &mut |_| ()).unwrap() {
                let ToolAnswer { content, calls } = tools.read(&text.text);
                assert!(content.is_empty() && calls.len() == 1, "{:?}", text.text);
                let arguments: Value = serde_json::from_str(&calls[0].arguments).unwrap();
                assert!(name.is_none_or(|name| name == calls[0].name));
                assert!(match calls[0].name.as_str() {
                    "weather" => arguments["city"] == "Rome" || arguments["city"] == "Bath",
                    "turn" => arguments["by"].as_u64().is_some_and(|by| by < 360),
                    name => name == "stop" && arguments == json!({}),
                });
            }
        }
    }
}

#[test]
fn what_is_no_tool_is_refused_by_place() {
    let template = ChatTemplate::from_jinja(QWEN, Default::default(), "a test").unwrap();
    let refusal = |json: &str| Tools::from_json(json, &template).unwrap_err().to_string();
    assert_eq!(refusal("{}"), "tools: expected a list");
    assert_eq!(refusal("[]"), "tools: expected one tool at least");
    assert_eq!(refusal(r#"[{"type": "magic"}]"#), "tools[0].type: expected \"function\"");
    assert_eq!(refusal(r#"[{"type": "function"}]"#), "tools[0].function: expected an object");
    let nameless = r#"[{"type": "function", "function": {"name": ""}}]"#;
    assert_eq!(refusal(nameless), "tools[0].function.name: expected a name");
    let bad = r#"[{"type": "function", "function": {"name": "f", "parameters": 3}}]"#;
    assert_eq!(refusal(bad), "tools[0].function.parameters: expected a JSON schema");
    let unknown = tools(QWEN).call_schema(Some("fly")).unwrap_err().to_string();
    assert_eq!(unknown, "unknown tool \"fly\": expected one of weather, turn, stop");
    let plain = ChatTemplate::from_jinja("{{ messages }}", Default::default(), "a test").unwrap();
    assert_eq!(Tools::from_json(TOOLS, &plain).unwrap_err(), ToolsError::NoTemplate);
}

#[test]
fn a_template_reads_the_tools_as_they_were_given() {
    let template =
        "{% for t in tools %}{{ t.function.name }} {% endfor %}{{ tools[0].function | tojson }}";
    let tools = tools(template);
    let chat = ChatTemplate::from_jinja(template, Default::default(), "a test").unwrap();
    let options = minigpt_data::ChatOptions {
        tools: Some(tools.for_template().unwrap()),
        ..Default::default()
    };
    let text = chat.prompt(&[minigpt_data::Message::user("Hi")], &options).unwrap();
    assert!(
        text.starts_with("weather turn stop {\"name\": \"weather\", \"description\""),
        "{text}"
    );
}

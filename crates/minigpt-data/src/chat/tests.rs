#![allow(clippy::unwrap_used)]

use std::time::{Duration, UNIX_EPOCH};

use super::*;

const TURNS: &str = "{% for m in messages %}<s>{{ m.role }}: {{ m.content.strip() }}</s>\n{% endfor %}\
                     {% if add_generation_prompt %}<s>assistant: {% endif %}";

fn jinja(source: &str) -> ChatTemplate {
    ChatTemplate::from_jinja(source, BTreeMap::new(), "a test").unwrap()
}

fn render(source: &str) -> Result<String, DataError> {
    let now = Some(UNIX_EPOCH + Duration::from_secs(1_709_164_805));
    let options = ChatOptions { now, ..ChatOptions::default() };
    jinja(source).prompt(&[Message::user("Hi")], &options)
}

#[track_caller]
fn refuses(source: &str, reason: &str) {
    let error = render(source).unwrap_err().to_string();
    assert!(error.starts_with("chat template of a test: ") && error.contains(reason), "{error}");
    assert_eq!(error.lines().count(), 1);
}

#[test]
fn a_template_can_refuse_and_tell_the_date() {
    refuses("{{ raise_exception('Only one\nquestion') }}", "test: Only one question (line 1)");
    let date = "{{ strftime_now('%d %b %Y, %A %-d %B %y %H:%M:%S %I %p %j'.replace(' %j', '')) }}";
    assert_eq!(render(date).unwrap(), "29 Feb 2024, Thursday 29 February 24 00:00:05 12 AM");
    refuses("{{ strftime_now('%Q') }}", "strftime_now: %Q is not known here");
}

#[test]
fn json_is_that_of_python() {
    let json = "{{ {'b': [1, 2.0, 1e16, 1e-7, true, none], 'a': 'é\"\\n<'} | tojson";
    let plain = r#"{"b": [1, 2.0, 1e+16, 1e-07, true, null], "a": "é\"\n<"}"#;
    assert_eq!(render(&format!("{json} }}}}")).unwrap(), plain);
    let sorted = r#"{"a": "\u00e9\"\n<", "b": [1, 2.0, 1e+16, 1e-07, true, null]}"#;
    assert_eq!(render(&format!("{json}(sort_keys=true, ensure_ascii=true) }}}}")).unwrap(), sorted);
    assert_eq!(render("{{ [[], {}] | tojson(indent=1) }}").unwrap(), "[\n [],\n {}\n]");
    refuses("{{ [1] | tojson(separators=[',']) }}", "separators");
}

#[test]
fn templates_are_bounded() {
    refuses(
        "{% for i in range(99999) %}{% for i in range(99999) %}x{% endfor %}{% endfor %}",
        "too many steps",
    );
    refuses(
        "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
        "too many steps",
    );
    refuses("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion");
    refuses("{{ 'a' * 99999999 }}", "");
    refuses("{{ [1] | tojson(indent=9999999999) }}", "too many steps");
    let nested = format!("{{{{ {}1{} }}}}", "(".repeat(100_000), ")".repeat(100_000));
    let error = |source: &str| {
        let error = ChatTemplate::from_jinja(source, BTreeMap::new(), "a test").unwrap_err();
        assert_eq!(error.to_string().lines().count(), 1);
        error.to_string()
    };
    assert!(error(&nested).contains("recursion"));
    assert!(error("{% if %}").contains("(line 1)"));
    assert!(error("{% include 'x' %}").contains("include"));
    assert!(error(&"x".repeat(TEMPLATE_BYTES + 1)).contains("a mebibyte at most"));
}

const TEMPLATE_BYTES: usize = 1 << 20;

#[test]
fn turns_are_what_is_given_and_what_the_model_writes() {
    let mut tokenizer = crate::Tokenizer::bytes().unwrap();
    let messages = [
        Message::system("S"),
        Message::user("1"),
        Message::assistant(" two "),
        Message::user("3</s>"),
        Message::assistant("four"),
    ];
    let options = ChatOptions::default();
    let source = TURNS.replace("</s>", "{{ eos_token }}");
    let tokens: BTreeMap<_, _> = [("eos_token".to_owned(), END_OF_TEXT.to_owned())].into();
    let template = ChatTemplate::from_jinja(&source, tokens, "a test").unwrap();
    let turns = template.turns(&tokenizer, &messages, &options).unwrap();
    let turn = |given: &str, answer: &str| Turn {
        given: given.into(),
        answer: answer.into(),
        is_marked: false,
    };
    let end = END_OF_TEXT;
    assert_eq!(
        turns,
        [
            turn(&format!("<s>system: S{end}\n<s>user: 1{end}\n<s>assistant: "), "two"),
            turn(&format!("\n<s>user: 3</s>{end}\n<s>assistant: "), "four"),
        ]
    );
    // Together they are the conversation up to its last end.
    let ids = template.turn_ids(&tokenizer, &turns).unwrap().concat().concat();
    let whole = template.conversation(&messages, &options).unwrap();
    assert_eq!(tokenizer.decode(&ids).unwrap(), whole.trim_end());
    assert_eq!(ids.iter().filter(|id| **id == tokenizer.end_of_text()).count(), 5);
    let error = |template: &ChatTemplate, messages: &[Message]| {
        template.turns(&tokenizer, messages, &options).unwrap_err().to_string()
    };
    assert!(error(&template, &messages[..2]).contains("no answer of the assistant's"));
    assert!(error(&template, &messages[2..]).contains("message 1 is the assistant's"));
    assert!(error(&jinja(TURNS), &messages).contains("does not end message 3 with"));
    assert!(error(&template, &[]).contains("no answer"));
    tokenizer = crate::Tokenizer::gpt2().unwrap();
    assert_eq!(template.turns(&tokenizer, &messages, &options).unwrap(), turns);
}

/// A template that drops thoughts once more is asked: only the last answer is trained on.
#[test]
fn an_earlier_answer_that_changes_is_given() {
    let source = "{% for m in messages %}{{ m.role[0] }}{% if loop.last or m.role == 'user' %}\
                  {{ m.content }}{% endif %}{{ eos_token }}{% endfor %}\
                  {% if add_generation_prompt %}a{% endif %}";
    let tokens: BTreeMap<_, _> = [("eos_token".to_owned(), END_OF_TEXT.to_owned())].into();
    let template = ChatTemplate::from_jinja(source, tokens, "a test").unwrap();
    let messages =
        [Message::user("1"), Message::assistant("2"), Message::user("3"), Message::assistant("4")];
    let tokenizer = crate::Tokenizer::bytes().unwrap();
    let turns = template.turns(&tokenizer, &messages, &ChatOptions::default()).unwrap();
    let end = END_OF_TEXT;
    let given = format!("u1{end}a{end}u3{end}a");
    assert_eq!(turns, [Turn { given, answer: "4".to_owned(), is_marked: false }]);
}

#[test]
fn a_named_template_is_as_before() {
    let template: ChatTemplate = Template::instruct().into();
    let tokenizer = crate::Tokenizer::gpt2().unwrap();
    let options = ChatOptions::default();
    let messages = [
        Message::system("Be brief."),
        Message::user_about("Add.", "1 and 2"),
        Message::assistant("3"),
        Message::user("Why?<|endoftext|>"),
    ];
    let named = Template::instruct();
    let first = named.system("Be brief.") + &named.prompt("Add.", "1 and 2");
    let last = named.prompt("Why?<|endoftext|>", "");
    assert_eq!(
        template.prompt(&messages, &options).unwrap(),
        format!("{first}3<|endoftext|>{last}")
    );
    let ids = template.prompt_ids(&tokenizer, &messages, &options).unwrap();
    let expected = [
        tokenizer.encode(&first).unwrap(),
        tokenizer.encode("3").unwrap(),
        vec![tokenizer.end_of_text()],
        tokenizer.encode(&last).unwrap(),
    ];
    assert_eq!(ids, expected.concat());
    let turns = template.turns(&tokenizer, &messages[..3], &options).unwrap();
    assert_eq!(turns, [Turn { given: first, answer: "3".to_owned(), is_marked: false }]);
    let error = template.prompt(&messages[2..], &options).unwrap_err().to_string();
    assert_eq!(
        error,
        "chat template of the run's task: message 1 is the assistant's: expected the user's"
    );
    assert!(template.prompt(&[Message::new("tool", "x")], &options).is_err());
    assert_eq!(template.named(), Some(&named));
}

/// As Llama's, where a model has read nothing without it.
#[test]
fn a_named_template_follows_what_the_tokenizer_puts_before_texts() {
    let vocabulary = crate::Tokenizer::bytes().unwrap().to_gguf().unwrap();
    let vocabulary = crate::GgufVocabulary { add_bos: Some(true), ..vocabulary };
    let path = std::path::Path::new("model.gguf");
    let tokenizer = crate::Tokenizer::from_gguf(vocabulary, path).unwrap();
    assert_eq!(tokenizer.before_text(), [256]);
    let template: ChatTemplate = Template::instruct().into();
    let options = ChatOptions::default();
    let messages = [Message::user("1"), Message::assistant("2"), Message::user("3")];
    for asked in [&messages[..1], &messages] {
        let ids = template.prompt_ids(&tokenizer, asked, &options).unwrap();
        let text = template.prompt(asked, &options).unwrap();
        let bare = tokenizer.encode_with_special(&text).unwrap();
        assert_eq!(ids, [&[256][..], &bare].concat());
    }
    let turns = template.turns(&tokenizer, &messages[..2], &options).unwrap();
    let given = template.turn_ids(&tokenizer, &turns).unwrap()[0][0].clone();
    assert_eq!(given, template.prompt_ids(&tokenizer, &messages[..1], &options).unwrap());
}

#[test]
fn a_named_template_is_the_same_in_jinja() {
    let tokens: BTreeMap<_, _> = [("eos_token".to_owned(), END_OF_TEXT.to_owned())].into();
    let odd = Template { system: "\"{}\" \\ {{ é\t".to_owned(), ..Template::instruct() };
    for named in [Template::instruct(), Template::summarize(), odd] {
        let template = ChatTemplate::from(named);
        let jinja = ChatTemplate::from_jinja(&template.to_jinja(), tokens.clone(), "test").unwrap();
        let messages = [
            Message::system("Be brief."),
            Message::user("Who?"),
            Message::assistant("Emma."),
            Message::user(" And\nwhere? "),
        ];
        for many in [&messages[1..2], &messages[..2], &messages] {
            let prompt =
                |template: &ChatTemplate| template.prompt(many, &ChatOptions::default()).unwrap();
            assert_eq!(prompt(&jinja), prompt(&template));
        }
        let tool = [Message::new("tool", "4")];
        let error = jinja.prompt(&tool, &ChatOptions::default()).unwrap_err().to_string();
        assert!(error.contains("expected the roles system, user and assistant"), "{error}");
        assert_eq!(jinja.to_jinja(), template.to_jinja());
        assert_eq!((jinja.tokens(), template.tokens()), (tokens.clone(), BTreeMap::new()));
    }
}

#[test]
fn templates_are_stored_as_they_were() {
    let named: ChatTemplate = Template::summarize().into();
    let older = serde_json::to_string(&Template::summarize()).unwrap();
    assert_eq!(serde_json::to_string(&named).unwrap(), older);
    let template = jinja(TURNS);
    assert_eq!((template.to_jinja().as_str(), template.named()), (TURNS, None));
    for template in [named, template] {
        let json = serde_json::to_string(&template).unwrap();
        assert_eq!(serde_json::from_str::<ChatTemplate>(&json).unwrap(), template);
    }
    let damaged = r#"{"jinja": "{% if %}", "tokens": {}, "origin": "x"}"#;
    assert!(serde_json::from_str::<ChatTemplate>(damaged).is_err());
}

#[test]
fn messages_come_from_json() {
    let json = r#"[{"role": "user", "content": "Hi", "name": null}, {"role": "tool", "n": 1}]"#;
    let messages = Message::list_from_json(json).unwrap();
    assert_eq!((messages[0].role(), messages[0].content()), ("user", "Hi"));
    assert_eq!((messages[1].role(), messages[1].content()), ("tool", ""));
    let seen = "{% for m in messages %}{{ m | tojson }}{% endfor %}";
    let text = jinja(seen).prompt(&messages, &ChatOptions::default()).unwrap();
    assert_eq!(text, r#"{"role": "user", "content": "Hi"}{"role": "tool", "n": 1}"#);
    for json in ["{}", "[1]", "[{}]", "[", r#"[{"role": 1}]"#] {
        let error = Message::list_from_json(json).unwrap_err().to_string();
        assert!(error.starts_with("chat template of messages: "), "{error}");
    }
}

#[test]
fn a_folder_has_its_template_in_a_file_or_in_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let in_folder = || ChatTemplate::in_folder(folder.path());
    let write = |name: &str, text: &str| fs_err::write(folder.path().join(name), text).unwrap();
    let source = || in_folder().unwrap().map(|template| template.to_jinja());
    assert_eq!(source(), None);
    let config = "tokenizer_config.json";
    write(config, r#"{"bos_token": {"content": "<s>"}, "chat_template": "{{ bos_token }}1"}"#);
    assert_eq!(source().as_deref(), Some("{{ bos_token }}1"));
    let ask = |options: &ChatOptions| {
        in_folder().unwrap().unwrap().prompt(&[Message::user("x")], options).unwrap()
    };
    assert_eq!(ask(&ChatOptions::default()), "<s>1");
    write(
        config,
        r#"{"chat_template": [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]}"#,
    );
    assert_eq!(ask(&ChatOptions::default()), "D");
    let tools = TemplateValue::from_json("[]").unwrap();
    assert_eq!(ask(&ChatOptions { tools: Some(tools), ..ChatOptions::default() }), "T");
    write("chat_template.jinja", "F");
    assert_eq!(ask(&ChatOptions::default()), "F");
    for (value, reason) in [
        ("1", "expected a string or a list"),
        ("[1]", "expected a name and a template each"),
        (r#"[{"name": "rag", "template": "x"}, {"template": "x"}]"#, "expected a name"),
    ] {
        write(config, &format!(r#"{{"chat_template": {value}}}"#));
        let error = in_folder().unwrap_err().to_string();
        assert!(error.contains(config) && error.contains(reason), "{error}");
    }
    fs_err::remove_file(folder.path().join("chat_template.jinja")).unwrap();
    write(config, r#"{"chat_template": [{"name": "tool_use", "template": "T"}]}"#);
    assert!(in_folder().unwrap_err().to_string().contains("no template is called \"default\""));
}

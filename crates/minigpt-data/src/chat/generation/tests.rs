#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use super::*;
use crate::rows::TokenRow;
use crate::{ChatOptions, ChatTemplate, Message, Tokenizer};

#[test]
fn tags_become_blocks_of_a_filter() {
    let source = "a {%- generation %} b {% endgeneration -%} c{% if true %}{% generation %}";
    assert_eq!(
        as_filters(source),
        "a {%- filter generation %} b {% endfilter -%} c{% if true %}{% filter generation %}"
    );
    assert_eq!(as_filters("{% generation"), "{% generation");
    assert!(is_in(source) && !is_in("{% if true %}"));
}

/// What transformers makes of the same templates and conversations, `tests/peers/generation_masks.py`.
#[derive(serde::Deserialize)]
struct Reference {
    template: String,
    messages: Vec<serde_json::Value>,
    text: String,
    /// Of each byte's token, whether the assistant writes it.
    mask: Vec<u8>,
}

#[test]
fn what_is_learnt_is_what_transformers_marks() {
    let references = include_str!("tests/masks.json");
    let references: Vec<Reference> = serde_json::from_str(references).unwrap();
    let tokenizer = Tokenizer::bytes().unwrap();
    for Reference { template, messages, text, mask } in references {
        let chat = ChatTemplate::from_jinja(&template, BTreeMap::new(), "a test").unwrap();
        let messages = Message::list_from_json(&serde_json::to_string(&messages).unwrap()).unwrap();
        let options = ChatOptions::default();
        assert_eq!(chat.conversation(&messages, &options).unwrap(), text, "{template}");
        let turns = chat.turns(&tokenizer, &messages, &options).unwrap();
        let ids = chat.turn_ids(&tokenizer, &turns).unwrap();
        let learnt = ids.len();
        let row = TokenRow::of_turns(ids, learnt);
        // A token a byte, and none is learnt after the last mark.
        let found: Vec<u8> = row.targets.iter().map(|id| u8::from(id.is_some())).collect();
        assert_eq!(found, mask[1..=found.len()], "{template}");
        assert!(mask[found.len() + 1..].iter().all(|said| *said == 0), "{template}");
    }
}

#[test]
fn marks_that_cannot_be_told_are_refused() {
    let refused = |source: &str, content: &str| {
        let chat = ChatTemplate::from_jinja(source, BTreeMap::new(), "a test").unwrap();
        let messages = [Message::user(content), Message::assistant("b")];
        let tokenizer = Tokenizer::bytes().unwrap();
        let turns = chat.turns(&tokenizer, &messages, &ChatOptions::default());
        let error = turns.unwrap_err().to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
        error
    };
    let marks = "{% generation %}{{ messages[0].content }}{% endgeneration %}";
    assert!(refused(marks, "a\u{fdd1}b\u{fdd0}").contains("\\u{fdd0}"));
    let within = "{% generation %}a{% generation %}b{% endgeneration %}{% endgeneration %}";
    assert!(refused(within, "a").contains("one after the other"));
    let nothing = "{{ messages[0].content }}{% generation %}{% endgeneration %}";
    assert!(refused(nothing, "a").contains("no answer of the assistant's"));
}

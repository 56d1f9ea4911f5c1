//! Conversations as transformers renders them (`make_tokenizers.py`): by templates of published models'
//! kinds, and by one with what else templates use.

use minigpt_data::ChatTemplate;
use serde_json::Value;

use crate::published::check_chat;

#[test]
fn conversations_are_rendered_as_transformers_does() {
    let all: Value =
        serde_json::from_str(include_str!("../fixtures/tokenizers/chats.json")).unwrap();
    let tokens = [("bos_token", "<s>"), ("eos_token", "</s>")];
    let tokens = tokens.map(|(name, token)| (name.to_owned(), token.to_owned()));
    let mut number = 0;
    for (name, case) in all.as_object().unwrap() {
        let source = case["template"].as_str().unwrap();
        let template = ChatTemplate::from_jinja(source, tokens.clone().into(), name).unwrap();
        for chat in case["chats"].as_array().unwrap() {
            check_chat(&template, chat);
            number += 1;
        }
    }
    assert_eq!(number, 4 * 16);
}

#![allow(clippy::unwrap_used)]

use super::{Detokenizer, wikitext_articles};

/// Pages and what lm-evaluation-harness makes of them; `make_wikitext_pages.py` beside it wrote it.
const REFERENCE: &str = include_str!("../../tests/fixtures/wikitext_pages.json");

#[test]
fn a_page_is_put_together_as_the_harness_does_it() {
    let pages: Vec<[String; 2]> = serde_json::from_str(REFERENCE).unwrap();
    assert!(pages.len() > 5);
    for [page, expected] in &pages {
        assert_eq!(Detokenizer::WikiText.apply(page), *expected);
    }
}

#[test]
fn each_article_is_put_together_apart() {
    let text = " \n = One = \n \n A \" b . \n = = Part = = \n c \n = Two = \n \" d \" \n";
    let articles = wikitext_articles(text);
    assert_eq!(articles.concat(), text);
    assert_eq!(articles.len(), 3);
    let whole = Detokenizer::WikiText.apply(text);
    assert!(whole.contains("\"d\"") && whole.contains("== Part =="), "{whole:?}");
}

#[test]
fn names_are_read_back() {
    assert_eq!("wikitext".parse::<Detokenizer>().unwrap().to_string(), "wikitext");
    let error = "ptb".parse::<Detokenizer>().unwrap_err().to_string();
    assert_eq!(error, "unknown detokenizer \"ptb\": expected \"wikitext\"");
}

//! Text that was pulled apart into words, put together again.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use regex::Regex;

use crate::DataError;

/// Undoes what the makers of a dataset did to its text, so that a model meets the text as people
/// write it. Figures per word and per byte stay those of the dataset's own words and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detokenizer {
    /// WikiText's: the rules of [lm-evaluation-harness](https://github.com/EleutherAI/lm-evaluation-harness/blob/main/lm_eval/tasks/wikitext/preprocess_wikitext.py),
    /// in its order, for each article apart. Radford et al. (2019) evaluated GPT-2 with rules of
    /// this kind, which they did not publish.
    WikiText,
}

impl fmt::Display for Detokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WikiText => f.write_str("wikitext"),
        }
    }
}

impl FromStr for Detokenizer {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        match text {
            "wikitext" => Ok(Self::WikiText),
            _ => Err(DataError::UnknownDetokenizer { given: text.to_owned() }),
        }
    }
}

impl Detokenizer {
    /// The text as people write it.
    #[must_use]
    pub(crate) fn apply(self, text: &str) -> String {
        match self {
            Self::WikiText => wikitext_articles(text).into_iter().map(wikitext).collect(),
        }
    }
}

/// Cuts a text before each heading of the first level, ` = Title = `: a quotation mark that is
/// missing in one article must not pair with one in the next.
fn wikitext_articles(text: &str) -> Vec<&str> {
    let mut articles = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        if is_title(line) && at > start {
            articles.push(&text[start..at]);
            start = at;
        }
        at += line.len();
    }
    articles.push(&text[start..]);
    articles
}

fn is_title(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("= ") && !line.starts_with("= =") && line.len() > 3 && line.ends_with(" =")
}

fn wikitext(article: &str) -> String {
    static BRACKETS: LazyLock<[(Regex, &str); 5]> = LazyLock::new(|| {
        let rule =
            |pattern, by| (Regex::new(pattern).expect("a pattern that the tests compile"), by);
        [
            rule(r"\(\s*([^\)]*?)\s*\)", "($1)"),
            rule(r"\[\s*([^\]]*?)\s*\]", "[$1]"),
            rule(r"\{\s*([^}]*?)\s*\}", "{$1}"),
            rule(r#""\s*([^"]*?)\s*""#, r#""$1""#),
            rule(r"'\s*([^']*?)\s*'", "'$1'"),
        ]
    });
    // The harness's second rule, on `/' 5/`, looks like Perl's and finds nothing in the dataset.
    const BEFORE: [(&str, &str); 10] = [
        ("s '", "s'"),
        (" @-@ ", "-"),
        (" @,@ ", ","),
        (" @.@ ", "."),
        (" : ", ": "),
        (" ; ", "; "),
        (" . ", ". "),
        (" ! ", "! "),
        (" ? ", "? "),
        (" , ", ", "),
    ];
    const AFTER: [(&str, &str); 8] = [
        ("= = = =", "===="),
        ("= = =", "==="),
        ("= =", "=="),
        (" ° ", "°"),
        (" \n", "\n"),
        ("\n ", "\n"),
        (" N ", " 1 "),
        (" 's", "'s"),
    ];
    let replace = |text: String, (from, to): &(&str, &str)| text.replace(from, to);
    let text = BEFORE.iter().fold(article.to_owned(), replace);
    let text = BRACKETS
        .iter()
        .fold(text, |text, (pattern, by)| pattern.replace_all(&text, *by).into_owned());
    AFTER.iter().fold(text, replace)
}

#[cfg(test)]
mod tests;

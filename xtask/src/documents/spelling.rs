//! Words that are in no dictionary, neither English nor American, nor among the field's words.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::Document;

/// The field's words, one a line.
const WORDS: &str = "docs/words.txt";

/// A fault for each unknown word, where it stands first. Without aspell, none is looked for.
pub(super) fn check(documents: &BTreeMap<String, Document>) -> Result<Vec<String>> {
    if Command::new("aspell").arg("--version").output().is_err() {
        println!(
            "SKIPPED: spelling, for aspell is not installed (Debian, Ubuntu: aspell aspell-en)"
        );
        return Ok(Vec::new());
    }
    let mut places: BTreeMap<String, String> = BTreeMap::new();
    for document in documents.values() {
        for (number, line) in &document.lines {
            for word in words(line) {
                places.entry(word).or_insert_with(|| format!("{}:{number}", document.name));
            }
        }
    }
    let known = fs_err::read_to_string(WORDS)?;
    let known: BTreeSet<&str> = known.lines().collect();
    let list = places.keys().fold(String::new(), |list, word| list + word + "\n");
    let (british, american) = (unknown(&list, "en_GB")?, unknown(&list, "en_US")?);
    let faults = british.intersection(&american).filter(|word| !known.contains(word.as_str()));
    let fault = |word: &String| {
        let place = places.get(word).map(String::as_str).unwrap_or_default();
        format!("{place}: the word {word} is unknown: correct it, or add it to {WORDS}")
    };
    Ok(faults.map(fault).collect())
}

/// Those of the words, one a line, that aspell does not know.
fn unknown(words: &str, language: &str) -> Result<BTreeSet<String>> {
    let mut aspell = Command::new("aspell");
    aspell.args(["list", "--encoding=utf-8", "--lang", language]);
    aspell.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = aspell.spawn().context("could not start aspell")?;
    running.stdin.take().context("aspell takes no text")?.write_all(words.as_bytes())?;
    let output = running.wait_with_output()?;
    ensure!(output.status.success(), "aspell has no dictionary {language}: install aspell-en");
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

/// The words of a line: code, addresses and what has digits or other letters are none.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('`').enumerate().filter(|(index, _)| index % 2 == 0);
    let prose = parts.map(|(_, part)| part).collect::<Vec<_>>().join(" ");
    let mut text = String::new();
    let mut rest = prose.as_str();
    // A link's target is an address.
    while let Some(start) = rest.find("](") {
        text += &rest[..start];
        rest = rest[start..].find(')').map_or("", |end| &rest[start + end + 1..]);
        text.push(' ');
    }
    text += rest;
    let addresses = text.split_whitespace().filter(|word| !word.contains("://"));
    let parts = addresses.flat_map(|word| word.split(|c: char| !c.is_alphanumeric() && c != '\''));
    let plain = parts
        .map(|word| word.trim_matches('\''))
        .map(|word| word.strip_suffix("'s").unwrap_or(word));
    let is_word =
        |word: &&str| word.len() > 1 && word.chars().all(|c| c.is_ascii_alphabetic() || c == '\'');
    plain.filter(is_word).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;

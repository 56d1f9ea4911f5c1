//! What readers see: links that lead somewhere, headings in order, lines that fit, pictures with their commands, and
//! no phrase that a reader would have to guess at.

mod spelling;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::recording;

/// Columns of a line, tables and code apart.
const WIDTH: usize = 130;
/// Words of a sentence in the README and the guide.
const WORDS: usize = 28;
/// The list of pictures, each with the command that makes it.
const PICTURES: &str = "docs/images/README.md";
/// The contents of the book.
const CONTENTS: &str = "docs/SUMMARY.md";

/// Phrases that CONTRIBUTING's style replaces, and with what.
const PHRASES: [(&str, &str); 12] = [
    ("the article", "the tutorial"),
    ("hears of", "learns that"),
    ("what tuning finds", "autotune results"),
    ("is no number", "is NaN"),
    ("that is none", "that is invalid"),
    ("chances of dropout", "dropout's random state"),
    ("let go of", "freed"),
    ("goes on on", "is resumed on"),
    ("compiled anew", "recompiled"),
    ("in the midst of", "during"),
    ("is told as that", "is reported as such"),
    ("For who ", "For those who "),
];

/// A document: what stands in its lines, code blocks apart.
struct Document {
    /// From the repository's root, with `/`.
    name: String,
    lines: Vec<(usize, String)>,
    /// Anchors of its headings.
    anchors: BTreeSet<String>,
}

/// Folders that hold nothing of ours.
const OTHERS: [&str; 3] = [".git", "runs", "target"];

/// The documents in a folder and those below it, from the repository's root, with `/`.
fn documents_in(folder: &Path, names: &mut Vec<String>) -> Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, entry.file_name());
        let name = name.to_string_lossy();
        let path = folder.join(&*name);
        if kind.is_dir() && !OTHERS.contains(&&*name) {
            documents_in(&path, names)?;
        } else if kind.is_file() && name.ends_with(".md") {
            let parts = path.components().filter(|part| !matches!(part, Component::CurDir));
            let parts: Vec<_> = parts.map(|part| part.as_os_str().to_string_lossy()).collect();
            names.push(parts.join("/"));
        }
    }
    Ok(())
}

/// Fails with every fault of the documents. A checkout without git has them too.
pub(crate) fn check() -> Result<()> {
    let mut names = Vec::new();
    documents_in(Path::new("."), &mut names)?;
    let read = |name: &str| -> Result<Document> {
        Ok(Document::parse(name, &fs_err::read_to_string(name)?))
    };
    let documents: Result<Vec<_>> = names.iter().map(|name| read(name)).collect();
    let documents: BTreeMap<_, _> =
        documents?.into_iter().map(|document| (document.name.clone(), document)).collect();
    let mut faults = Vec::new();
    for document in documents.values() {
        faults.extend(headings(document));
        faults.extend(lines(document));
        faults.extend(links(document, &documents));
    }
    faults.extend(contents(&documents)?);
    faults.extend(pictures(&documents)?);
    let readme = fs_err::read_to_string("README.md")?;
    if readme.contains(recording::PICTURE) {
        faults.extend(session(&readme, &fs_err::read_to_string(recording::PICTURE)?));
    }
    faults.extend(spelling::check(&documents)?);
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    println!(
        "{} documents: links, headings, lines and pictures are as they should be",
        documents.len()
    );
    Ok(())
}

impl Document {
    fn parse(name: &str, text: &str) -> Self {
        let mut lines = Vec::new();
        let mut fence = None;
        for (index, line) in text.lines().enumerate() {
            let marker = line.trim_start();
            let begins = ["```", "~~~"].into_iter().find(|fence| marker.starts_with(fence));
            match (fence, begins) {
                (None, Some(begins)) => fence = Some(begins),
                (Some(open), Some(ends)) if open == ends => fence = None,
                (None, None) => lines.push((index + 1, line.to_owned())),
                _ => {}
            }
        }
        let mut document = Self { name: name.replace('\\', "/"), lines, anchors: BTreeSet::new() };
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for (_, _, title) in document.headings() {
            let anchor = anchor(&title);
            let before = seen.entry(anchor.clone()).or_default();
            let unique = if *before == 0 { anchor } else { format!("{anchor}-{before}") };
            *before += 1;
            document.anchors.insert(unique);
        }
        document
    }

    /// Line, level and title of each heading.
    fn headings(&self) -> Vec<(usize, usize, String)> {
        let heading = |(number, line): &(usize, String)| {
            let level = line.chars().take_while(|c| *c == '#').count();
            let title = line.get(level..)?.strip_prefix(' ')?;
            (level > 0).then(|| (*number, level, title.trim().to_owned()))
        };
        self.lines.iter().filter_map(heading).collect()
    }

    /// Whether it is written for users: its sentences are measured.
    fn is_guide(&self) -> bool {
        self.name == "README.md" || self.name.starts_with("docs/guide/")
    }
}

/// A heading's anchor, as GitHub and mdBook make it.
fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// A document begins with its one heading of the first level, and no level is passed over.
fn headings(document: &Document) -> Vec<String> {
    let headings = document.headings();
    let name = &document.name;
    // The contents of a book have a heading of the first level for each part.
    if name == CONTENTS || name.starts_with(".github/") {
        return Vec::new();
    }
    let mut faults = Vec::new();
    if headings.first().is_none_or(|(_, level, _)| *level != 1) {
        faults.push(format!("{name}: expected a heading of the first level at its start"));
    }
    for pair in headings.windows(2) {
        let [(_, before, _), (line, level, title)] = pair else { continue };
        if *level == 1 {
            faults.push(format!("{name}:{line}: a second heading of the first level: {title}"));
        }
        if *level > before + 1 {
            faults
                .push(format!("{name}:{line}: level {level} stands below level {before}: {title}"));
        }
    }
    for (line, _, title) in &headings {
        // CHANGELOG's versions are links in brackets.
        if title.ends_with(['.', ':', ',']) {
            faults.push(format!("{name}:{line}: a heading ends with no punctuation: {title}"));
        }
    }
    faults
}

/// Lines fit, sentences are short, and no phrase is a riddle.
fn lines(document: &Document) -> Vec<String> {
    let name = &document.name;
    let mut faults = Vec::new();
    for (number, line) in &document.lines {
        let is_table = line.trim_start().starts_with('|');
        let width = line.chars().count();
        // A word that is longer than the rest, as a link, cannot be broken.
        let has_long_word = line.split_whitespace().any(|word| word.chars().count() > WIDTH / 2);
        if width > WIDTH && !is_table && !has_long_word {
            faults.push(format!("{name}:{number}: {width} columns: expected at most {WIDTH}"));
        }
        // This list stands in the style itself.
        if name != "CONTRIBUTING.md" {
            for (phrase, plain) in PHRASES {
                if line.contains(phrase) {
                    faults.push(format!("{name}:{number}: \"{phrase}\": expected \"{plain}\""));
                }
            }
        }
    }
    if document.is_guide() {
        for (number, sentence) in sentences(document) {
            let words = sentence.split_whitespace().count();
            if words > WORDS {
                let start: Vec<_> = sentence.split_whitespace().take(6).collect();
                faults.push(format!(
                    "{name}:{number}: a sentence of {words} words, \"{} …\": expected at most {WORDS}",
                    start.join(" ")
                ));
            }
        }
    }
    faults
}

/// The sentences of paragraphs and lists with the line where their paragraph begins; tables and headings are none.
fn sentences(document: &Document) -> Vec<(usize, String)> {
    let mut paragraphs: Vec<(usize, String)> = Vec::new();
    let mut is_open = false;
    for (number, line) in &document.lines {
        let text = line.trim();
        let is_other = text.is_empty() || text.starts_with(['|', '#']);
        let is_item = text.starts_with("- ");
        match paragraphs.last_mut() {
            Some((_, paragraph)) if is_open && !is_item && !is_other => {
                paragraph.push(' ');
                paragraph.push_str(text);
            }
            _ if !is_other => paragraphs.push((*number, text.to_owned())),
            _ => {}
        }
        is_open = !is_other;
    }
    let parts = |(number, paragraph): (usize, String)| {
        let ends = [". ", "? ", "! ", ": ", "; "];
        let mut parts = vec![paragraph];
        for end in ends {
            parts = parts.iter().flat_map(|part| part.split(end)).map(str::to_owned).collect();
        }
        parts.into_iter().map(move |part| (number, part))
    };
    paragraphs.into_iter().flat_map(parts).collect()
}

/// Links to files and headings that are not there, and pictures without words.
fn links(document: &Document, documents: &BTreeMap<String, Document>) -> Vec<String> {
    let name = &document.name;
    let mut faults = Vec::new();
    for (number, line) in &document.lines {
        for (label, target) in targets(line) {
            if label == "!" {
                faults.push(format!("{name}:{number}: a picture without a description: {target}"));
            }
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, heading) = target.split_once('#').unwrap_or((&target, ""));
            let found = if path.is_empty() { name.clone() } else { beside(name, path) };
            if !documents.contains_key(&found) && !Path::new(&found).exists() {
                faults.push(format!("{name}:{number}: no file {found}"));
            } else if let Some(linked) = documents.get(&found)
                && !heading.is_empty()
                && !linked.anchors.contains(heading)
            {
                faults.push(format!("{name}:{number}: {found} has no heading #{heading}"));
            }
        }
    }
    faults
}

/// Label and target of each link of a line; a picture without a description has the label `!`. Code between backticks
/// has none.
fn targets(line: &str) -> Vec<(String, String)> {
    let text: String = line
        .split('`')
        .enumerate()
        .filter(|(index, _)| index % 2 == 0)
        .map(|(_, part)| part)
        .collect();
    let mut found = Vec::new();
    let mut rest = text.as_str();
    while let Some(middle) = rest.find("](") {
        let label = rest[..middle].rsplit('[').next().unwrap_or_default();
        let is_picture = rest[..middle].ends_with("![");
        let after = &rest[middle + 2..];
        let Some(end) = after.find(')') else { break };
        let label = if is_picture { "!" } else { label };
        found.push((label.to_owned(), after[..end].to_owned()));
        rest = &after[end..];
    }
    found
}

/// The path of a link in a document, from the repository's root.
fn beside(document: &str, link: &str) -> String {
    let mut path = PathBuf::from(document);
    path.pop();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(part) => path.push(part),
            _ => {}
        }
    }
    path.to_string_lossy().replace('\\', "/")
}

/// Pages that the contents of the book do not list.
fn contents(documents: &BTreeMap<String, Document>) -> Result<Vec<String>> {
    let contents = documents.get(CONTENTS).with_context(|| format!("no {CONTENTS}"))?;
    let listed: BTreeSet<String> = contents
        .lines
        .iter()
        .flat_map(|(_, line)| targets(line))
        .map(|(_, target)| beside(CONTENTS, &target))
        .collect();
    let is_page = |name: &&String| {
        name.starts_with("docs/") && ![CONTENTS, PICTURES].contains(&name.as_str())
    };
    let missing = documents.keys().filter(is_page).filter(|name| !listed.contains(*name));
    Ok(missing.map(|name| format!("{CONTENTS} does not list {name}")).collect())
}

/// Pictures that no document shows, and those of which nobody knows how they are made.
fn pictures(documents: &BTreeMap<String, Document>) -> Result<Vec<String>> {
    let mut shown = BTreeSet::new();
    for document in documents.values() {
        for (_, line) in &document.lines {
            shown.extend(
                targets(line).into_iter().map(|(_, target)| beside(&document.name, &target)),
            );
        }
    }
    let made = documents.get(PICTURES).map(|list| {
        let rows = list.lines.iter().map(|(_, line)| line.as_str());
        rows.filter(|line| line.starts_with('|')).collect::<Vec<_>>().join("\n")
    });
    let made = made.unwrap_or_default();
    let mut faults = Vec::new();
    for entry in fs_err::read_dir("docs/images")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name == "README.md" {
            continue;
        }
        if !shown.contains(&format!("docs/images/{name}")) {
            faults.push(format!("docs/images/{name}: no document shows it"));
        }
        if !made.contains(&format!("`{name}`")) {
            faults.push(format!(
                "{PICTURES}: expected a row for `{name}` with the command that makes it"
            ));
        }
    }
    Ok(faults)
}

/// A recorded session whose run ends otherwise than the README says.
fn session(readme: &str, recorded: &str) -> Option<String> {
    let Some(end) = readme.lines().find(|line| line.starts_with("last validation (")) else {
        return Some(
            "README.md: expected the line \"last validation (…\" of the first run".to_owned(),
        );
    };
    (!recorded.contains(end)).then(|| {
        format!(
            "{}: its run does not end with README.md's \"{end}\": `cargo xtask recording` makes it again",
            recording::PICTURE
        )
    })
}

/// The commands of the chores, `cargo xtask …`, in all `sh` blocks of the documents.
#[cfg(test)]
pub(crate) fn chores() -> Result<Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut chores = Vec::new();
    let mut folders = vec![root.join("docs"), root.join("docs/guide")];
    let mut files =
        vec![root.join("README.md"), root.join("CONTRIBUTING.md"), root.join("ARCHITECTURE.md")];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder)? {
            files.push(entry?.path());
        }
    }
    for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "md")) {
        for line in fs_err::read_to_string(file)?.lines() {
            if line.starts_with("cargo xtask ") {
                chores.push(line.split(" #").next().unwrap_or(line).trim().to_owned());
            }
        }
    }
    Ok(chores)
}

#[cfg(test)]
mod tests;

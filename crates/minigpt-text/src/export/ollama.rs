//! [Ollama](https://github.com/ollama/ollama/blob/main/docs/modelfile.md)'s `Modelfile`.

use std::path::{Path, PathBuf};

use minigpt_data::{ChatOptions, ChatTemplate, Message, Tokenizer};
use minigpt_files::{Limit, read_text, write};

use super::Export;
use crate::error::TextError;

/// The name that Ollama looks for.
const MODELFILE: &str = "Modelfile";

/// A file of others' may have a licence in it.
const LIMIT: Limit = Limit::new(1 << 20, "a Modelfile");

/// What became of the `Modelfile` beside a GGUF file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Modelfile {
    /// It says what the export says.
    Written,
    /// One was there that says something else, and was left as it is.
    Kept {
        /// Where it is.
        path: PathBuf,
    },
}

/// Writes the `Modelfile` of a GGUF file beside it, unless one is there that says something else: somebody may
/// have edited it.
pub(crate) fn write_modelfile(export: &Export<'_>, gguf: &Path) -> Result<Modelfile, TextError> {
    let path = gguf.with_file_name(MODELFILE);
    let file = gguf.file_name().unwrap_or(gguf.as_os_str()).to_string_lossy();
    let text = modelfile(export, &file)?;
    if path.symlink_metadata().is_err() {
        write(&path, text)?;
        return Ok(Modelfile::Written);
    }
    match read_text(&path, LIMIT).is_ok_and(|found| found == text) {
        true => Ok(Modelfile::Written),
        false => Ok(Modelfile::Kept { path }),
    }
}

fn modelfile(export: &Export<'_>, file: &str) -> Result<String, TextError> {
    let Export { name, model, tokenizer, template, generation, .. } = export;
    let mut text =
        format!("# Written by minigpt: ollama create {name} -f {MODELFILE}\nFROM ./{file}\n");
    match template.map(|template| go_template(template, tokenizer)) {
        Some(Some(template)) => text += &format!("TEMPLATE \"\"\"{template}\"\"\"\n"),
        Some(None) => text += "# The chat template stands in the GGUF file alone.\n",
        None => text += "TEMPLATE \"\"\"{{ .Prompt }}\"\"\"\n",
    }
    let mut parameter = |name: &str, value: String| {
        text += &format!("PARAMETER {name} {value}\n");
    };
    parameter("num_ctx", model.block_size().to_string());
    for end in tokenizer.ends_of_text() {
        parameter("stop", format!("{:?}", tokenizer.decode(&[*end])?));
    }
    let numbers = [
        ("temperature", generation.temperature_or_greedy()),
        ("top_p", generation.top_p),
        ("min_p", generation.min_p),
        ("repeat_penalty", generation.repetition_penalty),
    ];
    for (name, value) in numbers {
        value.into_iter().for_each(|value| parameter(name, value.to_string()));
    }
    generation.top_k.into_iter().for_each(|most| parameter("top_k", most.to_string()));
    Ok(text)
}

/// Contents by which a part of a rendered conversation is told; templates cut white space around them.
const SYSTEM: &str = "⟦system⟧";
const FIRST: &str = "⟦first⟧";
const ANSWER: &str = "⟦answer⟧";
const SECOND: &str = "⟦second⟧";

/// The template in Go's language, which Ollama reads; `None` for one that does not put message after message,
/// or that begins each question as a text.
fn go_template(template: &ChatTemplate, tokenizer: &Tokenizer) -> Option<String> {
    let parts = Parts::of(template, tokenizer)?;
    let Parts { before, system, user, assistant, asks } = parts;
    let part = |[before, after]: &[String; 2]| {
        format!("{}{{{{ .Content }}}}{}", literal(before), literal(after))
    };
    let before = match before.as_str() {
        "" => String::new(),
        before => format!("{{{{ if not .System }}}}{}{{{{ end }}}}", literal(before)),
    };
    let system = system
        .map(|system| format!("{{{{ if eq .Role \"system\" }}}}{}{{{{ else }}}}", part(&system)));
    let end = if system.is_some() { "{{ end }}" } else { "" };
    Some(format!(
        "{before}{{{{ range .Messages }}}}{}{{{{ if eq .Role \"user\" }}}}{}{{{{ else if eq .Role \"assistant\" }}}}{}{{{{ end }}}}{end}{{{{ end }}}}{}",
        system.unwrap_or_default(),
        part(&user),
        part(&assistant),
        literal(&asks),
    ))
}

/// What a template writes around messages.
struct Parts {
    /// Before a conversation without a system message.
    before: String,
    system: Option<[String; 2]>,
    user: [String; 2],
    assistant: [String; 2],
    /// The start of the model's message.
    asks: String,
}

impl Parts {
    fn of(template: &ChatTemplate, tokenizer: &Tokenizer) -> Option<Self> {
        let options = ChatOptions::default();
        let whole = [Message::user(FIRST), Message::assistant(ANSWER), Message::user(SECOND)];
        // A named template has no conversation without the start of an answer; its Jinja has.
        let mut tokens = template.tokens();
        let end = tokenizer.decode(&[tokenizer.end_of_text()]).ok()?;
        tokens.entry("eos_token".to_owned()).or_insert(end);
        let jinja = ChatTemplate::from_jinja(&template.to_jinja(), tokens, "export").ok()?;
        let conversation = |messages: &[Message]| jinja.conversation(messages, &options).ok();
        let first = conversation(&whole[..1])?;
        let answered = conversation(&whole[..2])?;
        let asked = conversation(&whole)?;
        let asks = jinja.prompt(&whole[..1], &options).ok()?.strip_prefix(&first)?.to_owned();
        let user = around(asked.strip_prefix(&answered)?, SECOND)?;
        let assistant = around(answered.strip_prefix(&first)?, ANSWER)?;
        let [start, after] = around(&first, FIRST)?;
        // Ollama puts what the tokenizer puts before texts there itself.
        let bos = tokenizer.decode(tokenizer.before_text()).ok()?;
        let without_bos = |text: &str| text.strip_prefix(bos.as_str()).unwrap_or(text).to_owned();
        let before = without_bos(start.strip_suffix(&user[0])?);
        // Of a template with it before each question, as Llama 2's, the first would have it twice.
        let begins_again = !bos.is_empty() && user[0].starts_with(&bos);
        if after != user[1] || begins_again {
            return None;
        }
        let with_system = [&[Message::system(SYSTEM)], &whole[..1]].concat();
        let system = conversation(&with_system).and_then(|text| {
            let user_said = format!("{}{FIRST}{}", user[0], user[1]);
            let [before, after] = around(text.strip_suffix(&user_said)?, SYSTEM)?;
            Some([without_bos(&before), after])
        });
        Some(Self { before, system, user, assistant, asks })
    }
}

/// What stands before and after a content that is there once.
fn around(text: &str, content: &str) -> Option<[String; 2]> {
    let (before, after) = text.split_once(content)?;
    (!after.contains(content)).then(|| [before.to_owned(), after.to_owned()])
}

/// A text as Go's templates and the quotation marks of a `Modelfile` leave it.
fn literal(text: &str) -> String {
    let is_plain = !text.contains("{{") && !text.contains("\"\"\"") && !text.ends_with(['"', '{']);
    match is_plain {
        true => text.to_owned(),
        false => format!("{{{{ \"{}\" }}}}", text.chars().map(escaped).collect::<String>()),
    }
}

/// A letter within quotation marks, as [Go reads it](https://go.dev/ref/spec#String_literals).
fn escaped(letter: char) -> String {
    match letter {
        '"' | '\\' => format!("\\{letter}"),
        '\n' => "\\n".to_owned(),
        control if control.is_control() => format!("\\u{:04x}", u32::from(control)),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;

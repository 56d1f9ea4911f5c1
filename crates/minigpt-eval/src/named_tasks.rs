//! Tasks that are known by name: sets on the hub, put as
//! [lm-evaluation-harness](https://github.com/EleutherAI/lm-evaluation-harness) puts them.

use std::path::PathBuf;
use std::str::FromStr;

use minigpt_data::{Download, HubDataset, Portion, ReadOptions};
use serde_json::{Map, Value};

use crate::error::EvalError;
use crate::tasks::{Cloze, MultipleChoice, Questions, Task};

/// A task that is known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedTask {
    /// The likeliest end of a description of what people do ([Zellers et al.,
    /// 2019](https://arxiv.org/abs/1905.07830)).
    HellaSwag,
    /// Easy questions of school science ([Clark et al., 2018](https://arxiv.org/abs/1803.05457)).
    ArcEasy,
    /// The same, those that simple methods get wrong.
    ArcChallenge,
    /// How something is done in the physical world ([Bisk et al., 2020](https://arxiv.org/abs/1911.11641)).
    Piqa,
    /// The last word of a passage, which needs all of it ([Paperno et al., 2016](https://arxiv.org/abs/1606.06031)),
    /// in OpenAI's edition.
    Lambada,
}

type Record = Map<String, Value>;

impl NamedTask {
    /// All tasks, in the order in which they are listed.
    pub const ALL: [Self; 5] =
        [Self::HellaSwag, Self::ArcEasy, Self::ArcChallenge, Self::Piqa, Self::Lambada];

    /// The name that [`FromStr`] takes, as `hellaswag`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HellaSwag => "hellaswag",
            Self::ArcEasy => "arc_easy",
            Self::ArcChallenge => "arc_challenge",
            Self::Piqa => "piqa",
            Self::Lambada => "lambada",
        }
    }

    /// The set on the hub and the part of it that is asked.
    fn dataset(self) -> (&'static str, Option<&'static str>, Portion) {
        match self {
            Self::HellaSwag => ("Rowan/hellaswag", None, Portion::Valid),
            Self::ArcEasy => ("allenai/ai2_arc", Some("ARC-Easy"), Portion::Test),
            Self::ArcChallenge => ("allenai/ai2_arc", Some("ARC-Challenge"), Portion::Test),
            Self::Piqa => ("baber/piqa", None, Portion::Valid),
            Self::Lambada => ("EleutherAI/lambada_openai", Some("default"), Portion::Test),
        }
    }

    /// Fields of a record that are read.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::HellaSwag => &["activity_label", "ctx_a", "ctx_b", "endings", "label"],
            Self::ArcEasy | Self::ArcChallenge => &["question", "choices", "answerKey"],
            Self::Piqa => &["goal", "sol1", "sol2", "label"],
            Self::Lambada => &["text"],
        }
    }

    /// Its questions, downloaded where the hub's cache has them not; `progress` hears of that.
    ///
    /// # Errors
    /// [`EvalError::Data`] where the set cannot be had or a record is not as it should be.
    pub fn read(
        self,
        options: &ReadOptions,
        progress: &mut dyn FnMut(Download),
    ) -> Result<Task, EvalError> {
        let (repo, config, portion) = self.dataset();
        let config = config.map(str::to_owned);
        let dataset = HubDataset { repo: repo.to_owned(), config, revision: None };
        let (mut choices, mut clozes, mut line) = (Vec::new(), Vec::new(), 0);
        dataset.visit_records(portion, self.fields(), options, progress, &mut |record| {
            line += 1;
            match self {
                Self::HellaSwag => choices.push(MultipleChoice { line, ..hellaswag(record)? }),
                Self::ArcEasy | Self::ArcChallenge => {
                    choices.push(MultipleChoice { line, ..arc(record)? });
                }
                Self::Piqa => choices.push(MultipleChoice { line, ..piqa(record)? }),
                Self::Lambada => {
                    clozes.push(Cloze { line, text: text(record, "text")?.to_owned() });
                }
            }
            Ok(())
        })?;
        let questions = match self {
            Self::Lambada => Questions::Cloze(clozes),
            _ => Questions::MultipleChoice(choices),
        };
        Ok(Task { path: PathBuf::from(self.name()), questions })
    }
}

impl FromStr for NamedTask {
    type Err = EvalError;

    fn from_str(name: &str) -> Result<Self, EvalError> {
        let name = if name == "lambada_openai" { Self::Lambada.name() } else { name };
        Self::ALL.into_iter().find(|task| task.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            EvalError::UnknownTask { name: name.to_owned(), known }
        })
    }
}

fn text<'r>(record: &'r Record, field: &str) -> Result<&'r str, String> {
    record
        .get(field)
        .and_then(Value::as_str)
        .ok_or_else(|| format!("no text in the field {field:?}"))
}

/// A number, or one in a text.
fn number(record: &Record, field: &str) -> Result<usize, String> {
    let number = match record.get(field) {
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(value) => value.as_u64().and_then(|number| usize::try_from(number).ok()),
        None => None,
    };
    number.ok_or_else(|| format!("no number in the field {field:?}"))
}

fn texts(list: Option<&Value>, field: &str) -> Result<Vec<String>, String> {
    let texts = list.and_then(Value::as_array).and_then(|list| {
        list.iter().map(|text| text.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
    });
    texts
        .filter(|texts| texts.len() > 1)
        .ok_or_else(|| format!("no list of texts in the field {field:?}"))
}

fn choice(question: String, choices: Vec<String>, answer: usize) -> Result<MultipleChoice, String> {
    let last = choices.len() - 1;
    if answer > last {
        return Err(format!("the answer {answer} is out of range: expected 0 to {last}"));
    }
    Ok(MultipleChoice { line: 0, question, choices, answer })
}

fn hellaswag(record: &Record) -> Result<MultipleChoice, String> {
    let (activity, start) = (text(record, "activity_label")?, text(record, "ctx_a")?);
    let question = format!("{activity}: {start} {}", capitalized(text(record, "ctx_b")?));
    let endings = texts(record.get("endings"), "endings")?;
    let endings = endings.iter().map(|ending| plain(ending)).collect();
    choice(plain(&question), endings, number(record, "label")?)
}

fn arc(record: &Record) -> Result<MultipleChoice, String> {
    let choices = record.get("choices");
    let (names, answers) = match choices {
        Some(Value::Object(lists)) => {
            (texts(lists.get("label"), "choices")?, texts(lists.get("text"), "choices")?)
        }
        _ => return Err("no object in the field \"choices\"".to_owned()),
    };
    let key = text(record, "answerKey")?;
    let answer = names.iter().position(|name| name == key);
    let answer = answer.ok_or_else(|| format!("the answer {key:?} is none of {names:?}"))?;
    choice(asked(text(record, "question")?), answers, answer)
}

fn piqa(record: &Record) -> Result<MultipleChoice, String> {
    let solutions = vec![text(record, "sol1")?.to_owned(), text(record, "sol2")?.to_owned()];
    choice(asked(text(record, "goal")?), solutions, number(record, "label")?)
}

fn asked(question: &str) -> String {
    format!("Question: {question}\nAnswer:")
}

/// The first letter large and the others small, as Python's `capitalize`.
fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().collect::<String>());
    first.unwrap_or_default() + &letters.as_str().to_lowercase()
}

/// Without the marks that videos' subtitles left: as lm-evaluation-harness has it, in its order.
fn plain(text: &str) -> String {
    without_brackets(&text.trim().replace(" [title]", ". ")).replace("  ", " ")
}

/// Without what stands in brackets on one line, the shortest first, as Python's `re.sub(r"\[.*?\]", "", text)`.
fn without_brackets(text: &str) -> String {
    let (mut kept, mut rest) = (String::new(), text);
    while let Some(open) = rest.find('[') {
        kept.push_str(&rest[..open]);
        let after = &rest[open..];
        let line = after.find('\n').unwrap_or(after.len());
        match after[..line].find(']') {
            Some(close) => rest = &after[close + 1..],
            None => {
                kept.push('[');
                rest = &after[1..];
            }
        }
    }
    kept + rest
}

#[cfg(test)]
mod tests;

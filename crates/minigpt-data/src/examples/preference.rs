//! Two answers to one prompt, of which one is preferred.

use serde_json::{Map, Value};

use super::conversation::{for_template, message, options, said};
use super::records::{FileLine, Record};
use super::{Turn, turns_of};
use crate::{ChatTemplate, Tokenizer};

/// Two answers to one prompt. Its record has `prompt`, `chosen` and `rejected`: texts, or lists of messages. Without
/// `prompt`, the lists are whole conversations, and the prompt is how both begin; `system` and `question` may stand for
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preference {
    /// Where it stands.
    pub place: FileLine,
    /// The conversation that is preferred.
    pub chosen: Answered,
    /// The other.
    pub rejected: Answered,
}

/// A conversation whose last turns are answers to be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// All turns.
    pub turns: Vec<Turn>,
    /// How many of the last are answers to the prompt; mostly one.
    pub answers: usize,
}

impl Answered {
    /// What the model reads before the first answer that is compared.
    #[must_use]
    pub fn prompt(&self) -> String {
        let (before, after) = self.turns.split_at(self.turns.len() - self.answers);
        let before = before.iter().map(|turn| format!("{}{}", turn.given, turn.answer));
        before.chain(after.first().map(|turn| turn.given.clone())).collect()
    }

    /// The answers that are compared, in one text.
    #[must_use]
    pub fn answer(&self) -> String {
        let answers = &self.turns[self.turns.len() - self.answers..];
        answers.iter().map(|turn| turn.answer.as_str()).collect::<Vec<_>>().join("\n")
    }
}

type Messages = Vec<Map<String, Value>>;

/// Prompt, chosen and rejected of a record, as messages.
fn messages(record: &Record) -> Result<[Messages; 3], String> {
    let (chosen, rejected) =
        (said(record, "chosen", "assistant")?, said(record, "rejected", "assistant")?);
    let is_whole = |answer: &Messages| answer[0]["role"] != "assistant";
    if is_whole(&chosen) != is_whole(&rejected) {
        return Err(
            "one of \"chosen\" and \"rejected\" is a whole conversation: expected both or none"
                .to_owned(),
        );
    }
    if is_whole(&chosen) {
        let same = chosen.iter().zip(&rejected).take_while(|(one, other)| one == other).count();
        let (prompt, chosen) = chosen.split_at(same);
        return Ok([prompt.to_vec(), chosen.to_vec(), rejected[same..].to_vec()]);
    }
    let field = record.first_of(&["prompt", "question", "instruction"]);
    let mut prompt = said(record, field, "user")?;
    if let Some(system) = record.optional_text("system")?
        && prompt[0]["role"] != "system"
    {
        prompt.insert(0, message("system", system));
    }
    Ok([prompt, chosen, rejected])
}

impl Preference {
    pub(super) fn of(
        record: &Record,
        template: &ChatTemplate,
        tokenizer: &Tokenizer,
    ) -> Result<Self, String> {
        let [prompt, chosen, rejected] = messages(record)?;
        if chosen == rejected {
            return Err("\"chosen\" and \"rejected\" are the same: expected two answers".to_owned());
        }
        let options = options(record)?;
        let answered = |name: &str, answer: &Messages| {
            match answer.last() {
                Some(last) if last["role"] == "assistant" => {}
                _ => {
                    return Err(format!(
                        "{name:?} ends without an answer: expected the assistant's last"
                    ));
                }
            }
            let answers = answer.iter().filter(|message| message["role"] == "assistant").count();
            let all = for_template(&[&prompt[..], &answer[..]].concat(), template)?;
            let turns = turns_of(template, tokenizer, &all, &options)?;
            Ok(Answered { answers: answers.min(turns.len()), turns })
        };
        Ok(Self {
            place: record.place.clone(),
            chosen: answered("chosen", &chosen)?,
            rejected: answered("rejected", &rejected)?,
        })
    }
}

//! How what is asked becomes the text that a model continues.

use serde::{Deserialize, Serialize};

/// How the fields of an example become text; `{}` in each part is where the field goes. A model that
/// was tuned with a template is asked with the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Around what is said before a conversation.
    pub system: String,
    /// Around what is asked.
    pub instruction: String,
    /// Around what it is asked of; left out where there is nothing.
    pub input: String,
    /// Before the answer, after which an end of text follows.
    pub answer: String,
}

/// Where a field goes in a part.
const PLACE: &str = "{}";

impl Template {
    /// The headings of [Stanford's Alpaca](https://github.com/tatsu-lab/stanford_alpaca), without its
    /// first sentence, which says the same for each example and costs a small model a third of its
    /// context.
    #[must_use]
    pub fn instruct() -> Self {
        Self {
            system: "{}\n\n".to_owned(),
            instruction: "### Instruction:\n{}\n\n".to_owned(),
            input: "### Input:\n{}\n\n".to_owned(),
            answer: "### Response:\n".to_owned(),
        }
    }

    /// A document and `TL;DR:`, by which GPT-2 was found to summarise ([Radford et al.,
    /// 2019](https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf),
    /// section 3.6).
    #[must_use]
    pub fn summarize() -> Self {
        Self {
            system: "{}\n\n".to_owned(),
            instruction: "{}\n\n".to_owned(),
            input: "{}\n\n".to_owned(),
            answer: "TL;DR:\n".to_owned(),
        }
    }

    /// The prompt and its answer with nothing between them, as a model that was not taught to converse reads texts.
    #[must_use]
    pub fn plain() -> Self {
        Self {
            system: "{}\n\n".to_owned(),
            instruction: PLACE.to_owned(),
            input: "\n\n{}".to_owned(),
            answer: String::new(),
        }
    }

    /// What the model continues with its answer; `input` may be empty.
    #[must_use]
    pub(crate) fn prompt(&self, instruction: &str, input: &str) -> String {
        let mut text = fill(&self.instruction, instruction);
        if !input.is_empty() {
            text += &fill(&self.input, input);
        }
        text + &self.answer
    }

    /// A chat template in Jinja that writes the same, for programs that read those: `eos_token` ends each
    /// answer, and messages of other roles are refused.
    #[must_use]
    pub(crate) fn to_jinja(&self) -> String {
        let of_message = |part: &str| {
            let (before, after) = part.split_once(PLACE).unwrap_or((part, ""));
            format!("{{{{ {} + message['content'] + {} }}}}", quoted(before), quoted(after))
        };
        let (system, user) = (of_message(&self.system), of_message(&self.instruction));
        let answer = quoted(&self.answer);
        [
            "{%- for message in messages -%}",
            "{%- if message['role'] == 'system' -%}",
            &system,
            "{%- elif message['role'] == 'user' -%}",
            &user,
            "{%- elif message['role'] == 'assistant' -%}",
            &format!("{{{{ {answer} + message['content'] + eos_token }}}}"),
            "{%- else -%}",
            "{{ raise_exception('expected the roles system, user and assistant') }}",
            "{%- endif -%}",
            "{%- endfor -%}",
            "{%- if add_generation_prompt -%}",
            &format!("{{{{ {answer} }}}}"),
            "{%- endif -%}",
        ]
        .join("\n")
    }

    /// What stands before a conversation's first question.
    #[must_use]
    pub(crate) fn system(&self, text: &str) -> String {
        fill(&self.system, text)
    }
}

/// The part with the field in its place; a field's own braces stay as they are.
fn fill(part: &str, field: &str) -> String {
    part.replacen(PLACE, field, 1)
}

/// A text as Jinja writes strings, which is how JSON does.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

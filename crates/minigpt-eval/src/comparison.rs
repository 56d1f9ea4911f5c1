//! Several models on one text, and what others wrote about theirs.

use serde::Serialize;

use crate::bootstrap::Measured;
use crate::protocol::Protocol;

/// A model that was measured here, as a row of a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedModel {
    /// Its name.
    pub model: String,
    /// Number of its parameters.
    pub parameters: usize,
    /// How it read the text.
    pub protocol: Protocol,
    /// Perplexity per token of its own tokenizer.
    pub token_perplexity: Measured,
    /// Perplexity per word, of a text that has spaces between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub word_perplexity: Option<Measured>,
    /// Bits per byte.
    pub bits_per_byte: Measured,
    /// How it was trained, where that is known.
    pub training: Option<Training>,
    /// Tokens per second of this evaluation.
    pub tokens_per_second: f64,
}

/// What a run says of its training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Training {
    /// Wall time, validations included, in seconds.
    pub seconds: f64,
    /// Training tokens per second of that time.
    pub tokens_per_second: f64,
}

/// A figure that somebody else published. It was not computed here, and most were computed otherwise:
/// a row for orientation, never for a conclusion.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quoted {
    /// The model.
    pub model: &'static str,
    /// Number of its parameters, as the source rounds it.
    pub parameters: u64,
    /// What the figure is.
    pub metric: Metric,
    /// The figure, or the lower end of what is given.
    pub low: f64,
    /// The figure, or the upper end of what is given.
    pub high: f64,
    /// What is said about its training.
    pub training: &'static str,
    /// The text and how it was read.
    pub protocol: &'static str,
    /// Who says so.
    pub source: &'static str,
    /// The same in a word or two, for pictures.
    pub by: &'static str,
}

/// What a quoted perplexity counts by. Figures of different metrics cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// Per token of the model's tokenizer.
    Token,
    /// Per word of the dataset.
    Word,
}

const PAPER: &str =
    "Radford et al., 2019, “Language Models are Unsupervised Multitask Learners”, table 3";
const ZERO_SHOT: &str = "WikiText-2, no training on it, per word of the dataset, detokenized by rules that were not published";
const PAGE: &str = "Hugging Face, “Perplexity of fixed-length models”";
const TUTORIAL: &str =
    "“LLM Training and Generation: Bringing Mini-GPT to Life”, its table of models";

const DISJOINT: &str =
    "WikiText-2 raw test split, lines joined by empty lines, disjoint windows of 1024 tokens";
const SLIDING: &str =
    "WikiText-2 raw test split, lines joined by empty lines, windows of 1024 tokens, stride 512";
const UNKNOWN: &str =
    "neither text nor protocol given; mini-GPT's seems to be WikiText-2 per token";

/// Figures on WikiText-2 that the models of this project are often held against.
pub const QUOTED: [Quoted; 10] = [
    of_the_paper("GPT-2 small", 124_439_808, 29.41),
    of_the_paper("GPT-2 medium", 354_823_168, 22.76),
    of_the_paper("GPT-2 large", 774_030_080, 19.93),
    of_the_paper("GPT-2 XL", 1_557_611_200, 18.34),
    of_the_page(19.44, DISJOINT, "Hugging Face, disjoint"),
    of_the_page(16.44, SLIDING, "Hugging Face, stride 512"),
    of_the_tutorial("mini-GPT", 22_000_000, 35.0, 45.0, "2–4 hours on a consumer GPU"),
    of_the_tutorial("GPT-2 small", 124_000_000, 29.0, 29.0, "days on many GPUs"),
    of_the_tutorial("GPT-2 medium", 355_000_000, 22.0, 22.0, "weeks"),
    of_the_tutorial("GPT-3", 175_000_000_000, 14.0, 14.0, "months on hundreds of GPUs"),
];

/// The paper calls its models 117M, 345M, 762M and 1542M; the parameters are those of the weights.
const fn of_the_paper(model: &'static str, parameters: u64, perplexity: f64) -> Quoted {
    Quoted {
        model,
        parameters,
        metric: Metric::Word,
        low: perplexity,
        high: perplexity,
        training: "",
        protocol: ZERO_SHOT,
        source: PAPER,
        by: "paper",
    }
}

const fn of_the_page(perplexity: f64, protocol: &'static str, by: &'static str) -> Quoted {
    Quoted {
        model: "GPT-2 large",
        parameters: 774_030_080,
        metric: Metric::Token,
        low: perplexity,
        high: perplexity,
        training: "",
        protocol,
        source: PAGE,
        by,
    }
}

const fn of_the_tutorial(
    model: &'static str,
    parameters: u64,
    low: f64,
    high: f64,
    training: &'static str,
) -> Quoted {
    let (metric, protocol, source, by) = (Metric::Token, UNKNOWN, TUTORIAL, "tutorial");
    Quoted { model, parameters, metric, low, high, training, protocol, source, by }
}

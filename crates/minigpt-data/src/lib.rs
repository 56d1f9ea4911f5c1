//! Text in, token windows out: everything a language model trainer needs before the first tensor.
//!
//! ```text
//!  "embedded", a file, a folder,                                        ┌► Windows ──► Window
//!  a pattern, "-", "hf:owner/dataset"       ids in memory               │   in order
//!       │                                 ┌► TokenSplit::from_documents ┤
//!    Source ──► Documents ──► Corpus ─────┤                             └► Passes ───► Window
//!                   │                     │  ids in mapped files            shuffled
//!                   └─────────────────────┴► TokenStore::prepare
//!                   │                               ▲
//!  TokenizerSpec ───┴─► Tokenizer ──────────────────┘
//!                           │
//!         generated ids ──► TextStream ──► text
//! ```
//!
//! The order to read in: [`Source`] and [`Documents`] (where text comes from), [`Corpus`] (what is
//! held out), [`Tokenizer`] and [`TokenizerSpec`] (text to ids and back), [`TokenSplit`] and
//! [`Windows`] (what the model is asked to predict), [`TokenStore`] (the same for texts larger than
//! memory), [`Passes`] (in which order), [`CountedTokens`] and [`Detokenizer`] (a text to evaluate a
//! model on), [`Dialogue`], [`LabelledText`], [`Template`] and [`TokenRows`] (examples of a task instead
//! of a text), [`ChatTemplate`] and [`Message`] (conversations as a model was taught to read them),
//! [`GgufVocabulary`] (tokenizers in llama.cpp's files), [`Hub`] and [`ModelSource`] (what is downloaded),
//! [`TextStream`] (ids back to text while they are generated).
//!
//! For programs that train or measure models in any framework: ids come out, and no tensor. It stands on
//! `minigpt-files`; `minigpt-text` joins it to a model, and `minigpt-train` learns from its windows.
//!
//! Nothing here prints, and progress goes to a callback: the terminal belongs to the program.
//!
//! # Example
//!
//! ```
//! use minigpt_data::{Passes, TextStream, TokenSplit, Tokenizer};
//!
//! # fn main() -> Result<(), minigpt_data::DataError> {
//! let documents = vec!["to be, or not to be, ".repeat(20)];
//! let tokenizer = Tokenizer::train_bpe(documents.iter().map(String::as_str), 270)?;
//!
//! let train = TokenSplit::from_documents(&tokenizer, &documents, &mut |_progress| {})?;
//! let windows = train.windows(8)?;
//! let passes = Passes::new(windows, 1337);
//! for position in 0..passes.windows_per_pass() as u64 {
//!     let window = passes.get(position);
//!     assert_eq!(window.inputs[1..], window.targets[..7]);
//! }
//!
//! let mut stream = TextStream::new(&tokenizer);
//! let mut text = String::new();
//! for id in tokenizer.encode("to be 🎭")? {
//!     text.extend(stream.push(id)?);
//! }
//! assert_eq!(text, "to be 🎭");
//! # Ok(())
//! # }
//! ```

mod chars;
mod chat;
mod columns;
mod corpus;
mod counted;
mod counts;
mod dataset;
mod detokenizer;
mod documents;
mod error;
mod examples;
mod files;
mod fingerprint;
mod folder;
mod gguf;
mod holdout;
mod hub;
mod hub_records;
mod input;
mod json;
mod lines;
mod manifest;
mod marks;
mod models;
mod order;
mod pairs;
mod part;
mod pieces;
mod pipeline;
mod portion;
mod pre_tokenizers;
mod quote;
mod rows;
mod separator;
mod shards;
mod source;
mod spec;
mod statistics;
mod stop;
mod storage;
mod store;
mod stream;
mod table;
mod template;
mod text;
mod token_text;
mod tokenizer;
mod tokenizer_config;
mod tokenizer_file;
mod tokenizer_load;
mod tokens;
mod training;
mod vocabulary;
mod weighted;

pub use chat::{ChatOptions, ChatTemplate, Message, TemplateValue};
pub use corpus::Corpus;
pub use counted::CountedTokens;
pub use counts::TextCounts;
pub use dataset::HubDataset;
pub use detokenizer::Detokenizer;
pub use documents::Documents;
pub use error::DataError;
pub use examples::{
    Answered, Dialogue, ExampleReader, FileLine, LabelledText, Preference, SkippedExamples,
    SplitExamples, Turn, last_tenth, repeated, similar_labels,
};
pub use gguf::GgufVocabulary;
pub use hub::{CachedModel, Download, Hub, HubAnswer};
pub use hub_records::RecordVisitor;
pub use manifest::{ShardManifest, SplitManifest, StoreManifest};
pub use models::{HubModel, ModelSource};
pub use order::{Passes, Place};
pub use pairs::{TokenPair, TokenPairs};
pub use portion::Portion;
pub use rows::{Learnt, Passage, RowOptions, TokenRow, TokenRows, TooLong, passages};
pub use separator::Separator;
pub use source::{ReadOptions, Source};
pub use spec::TokenizerSpec;
pub use statistics::Unigrams;
pub use stop::StopStrings;
pub use store::{Preparing, TokenStore};
pub use stream::TextStream;
pub use template::Template;
pub(crate) use tokenizer::VOCAB_SIZES;
pub use tokenizer::{END_OF_TEXT, TextProgress, Tokenizer};
pub use tokens::{TokenSplit, Window, Windows};
pub use vocabulary::Vocabulary;
pub use weighted::WeightedSource;

/// Compiles and runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! What the commands that find passages are told.

use std::path::PathBuf;

use clap::Args;

use super::ApplicationArgs;

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  minigpt index notes/                               all text below a folder
  minigpt index notes/                               again: only what changed is indexed
  minigpt index README.md docs/ --out docs.index
  minigpt index embedded --out austen.index          the four novels, and the start of a fifth

Afterwards the index holds exactly the named texts. Hidden files are skipped, and so are files of a
folder that have invalid UTF-8 or a NUL byte.")]
pub(crate) struct IndexArgs {
    /// Text files, folders of text files, or `embedded` for the novels that come with minigpt
    #[arg(required = true, value_name = "TEXT")]
    pub(crate) texts: Vec<PathBuf>,
    /// Folder of the index; created if missing
    #[arg(long, value_name = "INDEX", default_value = "minigpt.index")]
    pub(crate) out: PathBuf,
    /// Most words of a passage [default: the index's own setting; 100 for a new index]
    #[arg(long, value_name = "N")]
    pub(crate) words: Option<usize>,
    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  minigpt ask \"What is machine learning?\" --run runs/austen
  minigpt ask \"Who is Emma?\" --greedy
  minigpt ask --index minigpt.index \"Who is Emma?\"
  minigpt ask --index minigpt.index --no-model --show-passages \"Who is Emma?\"
  minigpt ask --index austen.index --questions austen.jsonl --run runs/austen

With an index, the passages found for a question come before it in the prompt, as many as fit the
model's context, and are quoted below the answer. Each line of a file of questions is a JSON object:
  {\"question\": \"Who walked to the sea?\", \"source\": \"sea.txt:12\", \"answer\": \"Anne\"}
The source names the line that holds the answer. The answer is copied from that line.")]
pub(crate) struct AskArgs {
    /// Answer from this index, which `minigpt index` made
    #[arg(long, value_name = "INDEX", conflicts_with_all = ["n", "beams", "logprobs"])]
    pub(crate) index: Option<PathBuf>,
    /// Most passages to find
    #[arg(long, value_name = "N", requires = "index", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) passages: u32,
    /// Show whole passages instead of one line of each
    #[arg(long, requires = "index", conflicts_with = "questions")]
    pub(crate) show_passages: bool,
    /// Find passages only, without a model's answer
    #[arg(long, requires = "index", conflicts_with = "run")]
    pub(crate) no_model: bool,
    /// Measure, with the questions of this file, how well passages are found, and how much they help
    /// the model
    #[arg(long, value_name = "FILE", requires = "index", conflicts_with = "text")]
    pub(crate) questions: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) application: ApplicationArgs,
}

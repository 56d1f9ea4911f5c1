//! What the tutorial does and claims: part 4 of a tutorial series, “LLM Training and Generation:
//! Bringing Mini-GPT to Life”.

/// Prompts that it continues, 100 tokens each.
pub(super) const PROMPTS: [&str; 2] =
    ["Once upon a time, in a land far away,", "The future of artificial intelligence depends on"];

/// Its applications, as commands of `minigpt`, and what they are about.
pub(super) const APPLICATIONS: [(&str, &str); 3] = [
    ("complete", "The key to success is "),
    ("story", "a magical forest"),
    ("ask", "What is machine learning?"),
];

/// What the model reads while its attention is drawn.
pub(super) const ATTENTION_PROMPT: &str = "The scientist discovered";

/// Its figures of one pass over the training text: the average training loss, and the loss of the
/// validation after it. None are given for the third.
pub(super) const PASSES: [(f64, f64); 2] = [(3.9821, 3.7624), (3.2145, 3.1872)];

/// Its perplexity at the end, and the batches of 16 windows of 128 that it was computed on.
pub(super) const PERPLEXITY: f64 = 37.21;
pub(super) const PERPLEXITY_BATCHES: usize = 78;

/// Batches in a pass, as its progress bar shows them, and how many it does in a second.
pub(super) const STEPS_PER_PASS: usize = 1250;
pub(super) const STEPS_PER_SECOND: f64 = 3.59;

/// Tokens per second of its generation.
pub(super) const GENERATED_PER_SECOND: f64 = 22.7;

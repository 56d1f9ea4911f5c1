//! What was measured beside what the tutorial says, in Markdown.

use std::fmt::Write;

use super::article;
use super::{Findings, Row, Text};

/// The page, whose pictures stand beside it.
pub(super) fn markdown(findings: &Findings) -> String {
    let parts = [
        introduction(findings),
        beside_the_article(findings),
        passes(findings),
        findings.comparison.trim().to_owned(),
        "![Perplexities of the model measured here and of those quoted](comparison.png)".to_owned(),
        texts(&findings.texts),
    ];
    let headings = [
        "# The tutorial's experiment, run by minigpt",
        "## Beside the tutorial's figures",
        "## Pass by pass",
        "## Beside other models",
        "",
        "## Texts",
    ];
    let sections = headings.iter().zip(parts).map(|(heading, part)| match *heading {
        "" => part,
        heading => format!("{heading}\n\n{part}"),
    });
    sections.collect::<Vec<_>>().join("\n\n") + "\n"
}

fn introduction(findings: &Findings) -> String {
    let summary = &findings.summary;
    let passes = findings.rows.iter().map(|row| row.passes).fold(0.0, f64::max);
    let (wanted, short) = (findings.config.training.epochs as f64, passes + 0.01);
    let warning = if short < wanted {
        format!(
            "\n\n**This run stopped after {passes:.2} of {wanted} passes: its figures are those of \
             a try, not of the experiment.**"
        )
    } else {
        String::new()
    };
    format!(
        "WikiText-2 with `<unk>`, GPT-2's tokenizer, preset `wikitext2`: {} steps, {:.2} passes, in \
         {}. Every figure below was computed by this run, unless it says that it is the tutorial's or \
         quoted. [The report of the run](report/report.md) has its recipe, its curves, perplexities by protocol, what \
         its heads attend to, the machine and the versions.{warning}",
        summary.steps,
        passes,
        duration(summary.seconds),
    )
}

/// The tutorial's figures, one by one.
fn beside_the_article(findings: &Findings) -> String {
    let (model, training) = (&findings.config.model, &findings.config.training);
    let (summary, rows) = (&findings.summary, &findings.rows);
    let last = rows.iter().rfind(|row| row.split == "train");
    let steps_per_pass = last.map_or(0.0, |row| row.step as f64 / row.passes);
    let speed = last.map_or(0.0, |row| row.tokens as f64) / summary.seconds;
    let window_tokens = (training.batch_size * model.block_size) as f64;
    let disjoint = &findings.disjoint;
    let validation = disjoint.evaluation.tokens as f64 / window_tokens;
    let generated = findings.texts.iter().filter_map(|text| text.tokens_per_second);
    let generated: Vec<f64> = generated.collect();
    let slowest = generated.iter().copied().fold(f64::INFINITY, f64::min);
    let fastest = generated.iter().copied().fold(0.0, f64::max);
    let batches = article::PERPLEXITY_BATCHES;
    let loss = article::PASSES[1].1;
    let rows = [
        [
            "parameters".to_owned(),
            "about 22M".to_owned(),
            format!("{:.1}M", disjoint.parameters as f64 / 1e6),
            format!(
                "{} layers, {} wide, {} heads, context {}, vocabulary {}; with an output head of its \
                 own instead of the embedding's it would be {:.1}M",
                model.n_layer,
                model.n_embd,
                model.n_head,
                model.block_size,
                model.vocab_size,
                (disjoint.parameters + model.vocab_size * model.n_embd) as f64 / 1e6,
            ),
        ],
        [
            "steps in a pass".to_owned(),
            article::STEPS_PER_PASS.to_string(),
            format!("{steps_per_pass:.0}"),
            format!("{window_tokens:.0} tokens each"),
        ],
        [
            "steps per second".to_owned(),
            format!("{} (“a consumer GPU”)", article::STEPS_PER_SECOND),
            format!("{:.2}", summary.steps as f64 / summary.seconds),
            format!("{speed:.0} tokens per second, validations included"),
        ],
        [
            "validation perplexity at the end".to_owned(),
            format!("{} (“35 to 45 is good”)", article::PERPLEXITY),
            summary
                .last
                .as_ref()
                .map_or("–".to_owned(), |last| format!("{:.2}", last.token_perplexity)),
            format!(
                "per token. The tutorial's own validation loss after pass 2, {loss}, would be {:.2}",
                loss.exp()
            ),
        ],
        [
            "batches of that validation".to_owned(),
            batches.to_string(),
            format!("{validation:.0}"),
            format!(
                "{} tokens here, {:.0} there: the tutorial does not say which text it leaves out",
                disjoint.evaluation.tokens,
                batches as f64 * window_tokens
            ),
        ],
        [
            "tokens generated per second".to_owned(),
            article::GENERATED_PER_SECOND.to_string(),
            format!("{slowest:.1} to {fastest:.1}"),
            "one text at a time, with a key-value cache".to_owned(),
        ],
        [
            "training time".to_owned(),
            "2–4 hours".to_owned(),
            duration(summary.seconds),
            findings.environment.device.clone(),
        ],
    ];
    table(["", "the tutorial's", "measured", "remarks"], &rows)
}

/// Average training loss of each pass, and the validation at its end.
fn passes(findings: &Findings) -> String {
    let of_split = |split: &'static str| findings.rows.iter().filter(move |row| row.split == split);
    let most = findings.config.training.epochs;
    let mut rows = Vec::new();
    for pass in 0..most {
        let is_in = |row: &&Row| row.passes > pass as f64 && row.passes <= pass as f64 + 1.0 + 1e-9;
        let losses: Vec<f64> = of_split("train").filter(is_in).map(|row| row.loss).collect();
        let Some(valid) = of_split("valid").rfind(is_in) else { continue };
        let (train, said) = article::PASSES
            .get(pass)
            .map_or(("not given".to_owned(), "not given".to_owned()), |(train, valid)| {
                (train.to_string(), format!("{valid} ({:.2})", valid.exp()))
            });
        rows.push([
            format!("{:.2}", valid.passes),
            train,
            format!("{:.4}", losses.iter().sum::<f64>() / losses.len() as f64),
            said,
            format!("{:.4} ({:.2})", valid.loss, valid.loss.exp()),
            duration(valid.seconds),
        ]);
    }
    let head = [
        "passes",
        "training loss, the tutorial's",
        "measured",
        "validation loss (perplexity), the tutorial's",
        "measured",
        "after",
    ];
    format!(
        "{}\nTraining losses are means over the steps of the pass, with dropout; validation is per \
         token of GPT-2's tokenizer, disjoint windows, without.",
        table(head, &rows)
    )
}

fn texts(texts: &[Text]) -> String {
    let mut written = "As the model wrote them, with seed 42, chosen by nobody.".to_owned();
    for text in texts {
        let quoted: Vec<String> = text.text.lines().map(|line| format!("> {line}")).collect();
        let speed = text.tokens_per_second.map(|speed| format!(", {speed:.1} per second"));
        // Writing into a string cannot fail.
        let _ = write!(
            written,
            "\n\n**{}**, “{}”: {} tokens{}\n\n{}",
            text.title,
            text.prompt.replace('\n', " "),
            text.tokens,
            speed.unwrap_or_default(),
            quoted.join("\n"),
        );
    }
    written
}

fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let mut table = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(N));
    for row in rows {
        table += &format!("| {} |\n", row.join(" | "));
    }
    table
}

/// Seconds as `3 s`, `4 min 05 s` or `2 h 07 min`.
fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests;

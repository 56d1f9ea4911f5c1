//! `minigpt report`: every number is from the run's folder, everybody can read it, and nothing is invented.

use std::path::Path;

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::support::{Sandbox, prose};

/// A sandbox with a run in `runs/NAME`, measured, its attention drawn.
fn measured() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    train(&sandbox, "first", "--set optimizer.weight_decay=0.2");
    let run = "runs/first";
    sandbox.succeeds(&["eval", run, "--device", "cpu"]);
    sandbox.succeeds(&["eval", run, "--device", "cpu", "--stride", "8", "--split", "all"]);
    let attention = ["attention", run, "In the morning", "--tokens", "2", "--windows", "2"];
    sandbox.succeeds(&[&attention[..], &["--device", "cpu"]].concat());
    sandbox
}

fn train(sandbox: &Sandbox, name: &str, more: &str) {
    let common = "train --preset tiny --data prose.txt --tokenizer bpe:300 --device cpu --max-steps 30 --eval-every 10 \
        --set training.ema_decay=0.9";
    let words = common.split_whitespace().chain(["--name", name]).chain(more.split_whitespace());
    sandbox.succeeds(&words.collect::<Vec<_>>());
}

/// The report of a run in Markdown and HTML.
fn reported(sandbox: &Sandbox, run: &str) -> [String; 2] {
    sandbox.succeeds(&["report", run]);
    ["report.md", "report.html"]
        .map(|file| fs_err::read_to_string(sandbox.path(run).join("report").join(file)).unwrap())
}

/// A number of a text, with how many decimals it has and what it counts: seconds or bytes.
#[derive(Debug)]
struct Number {
    written: String,
    decimals: usize,
    /// What a file's value is divided by.
    unit: f64,
    /// How far a file's value may be from it where it is no decimal: durations.
    seconds: Option<(f64, f64)>,
}

/// All numbers of a text but those in words, as of GPT-2 and bf16.
fn numbers(text: &str) -> Vec<Number> {
    let chars: Vec<char> = text.chars().collect();
    let is_of_word = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    let (mut found, mut at) = (Vec::new(), 0);
    while at < chars.len() {
        let begins = chars[at].is_ascii_digit() && (at == 0 || !is_of_word(chars[at - 1]));
        if !begins {
            at += 1;
            continue;
        }
        let start = at;
        let digit = |at: usize| chars.get(at).is_some_and(char::is_ascii_digit);
        while digit(at) || (matches!(chars.get(at), Some('.' | ',')) && digit(at + 1)) {
            at += 1;
        }
        if chars.get(at) == Some(&'e') && (digit(at + 1) || digit(at + 2)) {
            at += 2;
            while digit(at) {
                at += 1;
            }
        }
        if chars.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_') {
            // A word, as a checksum.
            while chars.get(at).is_some_and(|c| is_of_word(*c)) {
                at += 1;
            }
            continue;
        }
        let written: String = chars[start..at].iter().filter(|c| **c != ',').collect();
        // A version has more than one point.
        if written.matches('.').count() > 1 {
            continue;
        }
        let decimals = written.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        let rest: String = chars[at..chars.len().min(at + 12)].iter().collect();
        let unit = |name: &str| rest.strip_prefix(name);
        let amount: f64 = written.parse().unwrap();
        let smaller = |rest: &str| rest.get(..2).and_then(|digits| digits.parse::<f64>().ok());
        let (mut divisor, mut seconds) = (1.0, None);
        if unit(" %").or(unit("\u{a0}%")).is_some() {
            divisor = 0.01;
        } else if unit(" GiB").is_some() {
            divisor = f64::from(1 << 30);
        } else if unit(" MiB").is_some() {
            divisor = f64::from(1 << 20);
        } else if let Some(minutes) = unit(" h ").and_then(smaller) {
            (seconds, at) = (Some((3600.0 * amount + 60.0 * minutes, 30.0)), at + 9);
        } else if let Some(more) = unit(" min ").and_then(smaller) {
            (seconds, at) = (Some((60.0 * amount + more, 0.5)), at + 9);
        } else if unit(" s").is_some_and(|rest| !rest.starts_with(char::is_alphanumeric)) {
            seconds = Some((amount, 0.5));
        }
        found.push(Number { written, decimals, unit: divisor, seconds });
    }
    found
}

impl Number {
    /// Whether it is one of a file's numbers, rounded as it is written.
    fn is_one_of(&self, values: &[f64]) -> bool {
        let exact: f64 = self.written.parse().unwrap();
        values.iter().any(|value| {
            if let Some((seconds, most)) = self.seconds {
                return (value - seconds).abs() <= most;
            }
            *value == exact || format!("{:.*}", self.decimals, value / self.unit) == self.written
        })
    }
}

/// The numbers in all text files of a run, but its report.
fn values(run: &Path) -> Vec<f64> {
    let mut values = Vec::new();
    for entry in fs_err::read_dir(run).unwrap() {
        let path = entry.unwrap().path();
        let ending = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !path.ends_with("report") && !path.ends_with("checkpoints") {
            values.extend(self::values(&path));
        } else if ["json", "csv", "md"].contains(&ending.as_str())
            && !path.ends_with("tokenizer.json")
        {
            let text = fs_err::read_to_string(&path).unwrap();
            let is_of_number = |c: char| c.is_ascii_digit() || ".-+e".contains(c);
            let words = text.split(|c| !is_of_number(c));
            values
                .extend(words.filter_map(|word| word.trim_matches(['.', '-']).parse::<f64>().ok()));
        }
    }
    values
}

/// Those numbers of a report that no file of the run has.
fn invented(text: &str, values: &[f64]) -> Vec<String> {
    // What an interval is, which is said in words everywhere.
    let text = ["95 % bootstrap interval"]
        .iter()
        .fold(text.to_owned(), |text, words| text.replace(words, ""));
    let unknown = numbers(&text).into_iter().filter(|number| !number.is_one_of(values));
    unknown.map(|number| number.written).collect()
}

/// What a reader of a page sees of its text.
fn text_of(html: &str) -> String {
    let body = html.split_once("<main>").unwrap().1;
    let mut text = String::new();
    for part in body.split('<') {
        let (tag, rest) = part.split_once('>').unwrap_or(("", part));
        if let Some(alt) = tag.strip_prefix("img alt=\"") {
            text += alt.split('"').next().unwrap();
        }
        text += " ";
        text += rest;
    }
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    entities.iter().fold(text, |text, (entity, character)| text.replace(entity, character))
}

/// Headings without jumps, a text for each picture, a caption and named rows and columns for each table, a language.
fn assert_accessible(html: &str) {
    assert!(html.contains("<html lang=\"en\">") && html.contains("<title>Report of "));
    let mut last = 0;
    for heading in html.split("<h").skip(1) {
        let Some(level) = heading.chars().next().and_then(|c| c.to_digit(10)) else { continue };
        assert!(level <= last + 1, "h{level} after h{last}: {}", &heading[..40]);
        last = level;
    }
    assert_eq!(html.matches("<h1>").count(), 1);
    let pictures: Vec<&str> = html.split("<img ").skip(1).collect();
    assert!(pictures.len() >= 4);
    for picture in pictures {
        let alt = picture.strip_prefix("alt=\"").unwrap().split('"').next().unwrap();
        assert!(alt.len() > 20, "{alt}");
    }
    for table in html.split("<table").skip(1) {
        let table = table.split("</table>").next().unwrap();
        assert!(table.contains("<caption>") && table.contains("<th scope=\"col\">"), "{table}");
        assert!(!table.contains("<th scope=\"col\"></th>"), "{table}");
        let rows = table.split("<tbody>").nth(1).unwrap().matches("<tr>").count();
        assert_eq!(table.matches("<th scope=\"row\">").count(), rows, "{table}");
    }
    assert!(!html.contains("<script"), "a report needs no script");
}

#[test]
fn every_number_of_a_report_is_in_the_runs_folder_and_everybody_can_read_it() {
    let sandbox = measured();
    let [markdown, html] = reported(&sandbox, "runs/first");
    let values = values(&sandbox.path("runs/first"));
    for text in [&markdown, &text_of(&html)] {
        assert!(numbers(text).len() > 150, "{}", numbers(text).len());
        assert_eq!(invented(text, &values), [""; 0], "{text}");
    }
    // The walk finds what is not there. A duration is compared with half a minute's tolerance, so it is one that no
    // count of the run is near.
    let invention = "a loss of 1.23456789, 987,654,321 words in 9000 h 07 min";
    assert_eq!(invented(invention, &values), ["1.23456789", "987654321", "9000"]);
    for part in [
        "## Question and verdict",
        "frequencies of the training tokens alone",
        "start from the preset `tiny`",
        "| `optimizer.weight_decay` | 0.2 | 0.1 |",
        "moving average of the weights",
        "windows of 32 tokens, stride 8",
        "**After step 10:**",
        "| layer 0, head 0 |",
        "| head | habit | previous | itself | first | induction | spread |",
        "These settings were changed.",
        "**At the end, sample ",
        "\u{a0}% (",
        "peak main memory of the last process",
        "git revision",
        "minigpt eval runs/first --device cpu --stride 8 --split all",
    ] {
        assert!(markdown.contains(part), "{part} is not in\n{markdown}");
    }
    assert!(!markdown.contains("Not in the folder"), "{markdown}");
    assert!(!markdown.contains("`model.vocab_size`"), "it is the tokenizer's: {markdown}");
    assert_accessible(&html);
    for picture in markdown.split("](pictures/").skip(1) {
        let file = picture.split(')').next().unwrap();
        assert!(sandbox.path("runs/first/report/pictures").join(file).is_file(), "{file}");
    }
    let Some(browser) = Browser::find("the report in print") else { return };
    browser.open("report.py", &sandbox.path("runs/first/report/report.html"));
}

#[test]
fn what_a_run_lacks_is_named_with_the_command_that_makes_it() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    train(&sandbox, "old", "");
    let run = sandbox.path("runs/old");
    // As an earlier version left it, and as if its process had been killed.
    fs_err::remove_file(run.join("start.json")).unwrap();
    fs_err::remove_file(run.join("summary.json")).unwrap();
    let environment = fs_err::read(run.join("environment.json")).unwrap();
    let mut environment: Value = serde_json::from_slice(&environment).unwrap();
    environment.as_object_mut().unwrap().retain(|key, _| key != "machine" && key != "preset");
    sandbox.write("runs/old/environment.json", environment.to_string());
    let [markdown, html] = reported(&sandbox, "runs/old");
    for part in [
        "`minigpt train --resume runs/old` resumes it",
        "`minigpt eval runs/old`",
        "`minigpt attention runs/old",
        "not recorded in runs of earlier versions",
        "values are those of today's minigpt",
        "| `training.max_steps` | 30 | 200 |",
        "So far the best validation loss is",
    ] {
        assert!(markdown.contains(part), "{part} is not in\n{markdown}");
    }
    assert_accessible(&html);
    // While a process trains in the folder, it holds the lock.
    let lock = fs_err::OpenOptions::new().append(true).open(run.join("train.lock")).unwrap();
    lock.file().lock().unwrap();
    let [markdown, _] = reported(&sandbox, "runs/old");
    assert!(markdown.contains("The run is still training"), "{markdown}");
}

#[test]
fn runs_are_compared() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    train(&sandbox, "slow", "--learning-rate 1e-5");
    train(&sandbox, "fast", "");
    let runs = ["report", "runs/slow", "runs/fast", "--out", "both", "--latex", "--json"];
    let written: Value = serde_json::from_str(&sandbox.succeeds(&runs)).unwrap();
    assert_eq!(written["latex"], "both/tables.tex");
    let read = |file: &str| fs_err::read_to_string(sandbox.path(file)).unwrap();
    let markdown = read("both/report.md");
    assert!(markdown.contains("from the best: fast ("), "{markdown}");
    assert!(markdown.contains("| setting | slow | fast |"), "{markdown}");
    assert!(
        markdown.contains("| `schedule.learning_rate` | 0.00001 | 0.003 |")
            || markdown.contains("| `schedule.learning_rate` | 1e-5 | 0.003 |"),
        "{markdown}"
    );
    assert!(!markdown.contains("`training.seed` | 42 | 42"), "{markdown}");
    let both: Vec<f64> =
        ["slow", "fast"].iter().flat_map(|run| values(&sandbox.path("runs").join(run))).collect();
    assert_eq!(invented(&markdown, &both), [""; 0], "{markdown}");
    assert_accessible(&read("both/report.html"));
    let latex = read("both/tables.tex");
    assert_eq!(latex.matches("\\begin{tabular}").count(), latex.matches("\\end{tabular}").count());
    assert!(latex.contains("setting & slow & fast"), "{latex}");
    let error = sandbox.fails(&["report", "runs/slow", "prose.txt"]);
    assert!(error.contains("prose.txt is not a run folder"), "{error}");
}

/// What a report says of a base that no run made.
const UNKNOWN: &str = "What the base has read is not known here.";

#[test]
fn tuned_models_are_reported_with_their_before_and_after() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    train(&sandbox, "base", "--set model.block_size=64");
    let lines = |records: Vec<Value>| -> String {
        records.into_iter().map(|record| format!("{record}\n")).collect()
    };
    let question = |number| json!({"instruction": format!("Where is number {}?", number % 4), "output": "At sea."});
    sandbox.write("instructions.jsonl", lines((0..40).map(question).collect()));
    let label = |number: usize| ["yes", "<b>no</b>"][number % 2];
    let opinion =
        |number| json!({"text": format!("The sea is {}.", label(number)), "label": label(number)});
    sandbox.write("opinions.jsonl", lines((0..60).map(opinion).collect()));
    for (task, data) in [("instruct", "instructions.jsonl"), ("classify", "opinions.jsonl")] {
        let tune = ["finetune", "runs/base", "--task", task, "--data", data, "--epochs", "2"];
        let said = sandbox.succeeds(&[&tune[..], &["--device", "cpu", "--name", task]].concat());
        let few = ", on 4 examples: too few to say how it is on others";
        assert_eq!(said.contains(few), task == "instruct", "{said}");
        let run = format!("runs/{task}");
        let [markdown, html] = reported(&sandbox, &run);
        let values = values(&sandbox.path(&run));
        // Labels of the examples are not in the folder by number.
        assert_eq!(invented(&markdown, &values), [""; 0], "{markdown}");
        assert_accessible(&html);
        assert!(markdown.contains("Before tuning its"), "{markdown}");
        assert!(
            markdown.contains("The settings start from the recipe of `minigpt finetune`"),
            "{markdown}"
        );
        assert!(!markdown.contains(UNKNOWN), "a run's text is known: {markdown}");
        if task == "classify" {
            assert!(
                markdown.contains("macro-F1") && !markdown.contains("## Samples"),
                "{markdown}"
            );
            assert!(html.contains("predicted &lt;b&gt;no&lt;/b&gt;"), "{html}");
        } else {
            assert!(markdown.contains("expected: At sea."), "{markdown}");
            assert!(markdown.contains("the answers of 4 held-out examples is"), "{markdown}");
        }
    }
    // Of a model that no run made, also where a run was tuned from it and another from that.
    sandbox.succeeds(&["export", "runs/base", "--out", "published"]);
    for (base, name) in [("published", "once"), ("runs/once", "twice")] {
        let tune = ["finetune", base, "--task", "instruct", "--data", "instructions.jsonl"];
        let more = ["--max-steps", "2", "--device", "cpu", "--name", name];
        sandbox.succeeds(&[&tune[..], &more].concat());
        let [markdown, _] = reported(&sandbox, &format!("runs/{name}"));
        assert!(markdown.contains(UNKNOWN), "{markdown}");
        assert!(markdown.contains("minigpt eval published --data TEXT"), "{markdown}");
    }
}

#[cfg(unix)]
#[test]
fn no_name_or_prompt_becomes_markup() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    let name = "<script>alert(1)<";
    train(&sandbox, name, "--prompt In<img/src=x>");
    let [markdown, html] = reported(&sandbox, &format!("runs/{name}"));
    assert!(!html.contains("<script") && !html.contains("<img/"), "{html}");
    assert!(html.contains("Report of the run &lt;script&gt;alert(1)&lt;"), "{html}");
    assert!(markdown.starts_with("# Report of the run \\<script\\>alert(1)\\<\n"), "{markdown}");
    assert_accessible(&html);
    let svg =
        fs_err::read_to_string(sandbox.path(&format!("runs/{name}/report/pictures/loss.svg")));
    assert!(!svg.unwrap().contains("<script"));
}

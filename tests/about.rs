//! What the program says of itself: help, topics, completions, the manual.

use crate::support::Sandbox;

/// The commands that `--help` lists, with those below them.
fn commands(sandbox: &Sandbox) -> Vec<Vec<String>> {
    let mut found = vec![Vec::new()];
    let mut next = 0;
    while let Some(command) = found.get(next).cloned() {
        let help = help(sandbox, &command);
        let names = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        let names = names.take_while(|line| !line.is_empty()).filter_map(|line| {
            let name = line.strip_prefix("  ")?.split(' ').next()?;
            (!name.is_empty() && name != "help").then(|| name.to_owned())
        });
        found.extend(names.map(|name| [&command[..], &[name]].concat()));
        next += 1;
    }
    found.remove(0);
    found
}

fn help(sandbox: &Sandbox, command: &[String]) -> String {
    let args: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
    let output = sandbox.command(&args).env("COLUMNS", "500").output().unwrap();
    assert!(output.status.success(), "{command:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Words of a line, double and single quotes respected.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split(['"', '\'']).enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

#[test]
fn every_example_of_the_help_is_understood_and_fits_a_terminal() {
    let sandbox = Sandbox::new();
    let commands = commands(&sandbox);
    assert!(commands.len() > 28, "{commands:?}");
    let mut tried = 0;
    for command in &commands {
        let help = help(&sandbox, command);
        let examples = help.lines().skip_while(|line| !line.starts_with("Examples:"));
        let mut count = 0;
        for line in examples {
            assert!(line.chars().count() <= 100, "{command:?}: {line}");
            // Two blanks stand before what an example does, `>` before where its output goes.
            let Some((_, rest)) = line.split_once("minigpt ").filter(|_| line.starts_with("  "))
            else {
                continue;
            };
            let rest = rest.split("  ").next().unwrap().split(" > ").next().unwrap();
            let words = words(rest);
            let args: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
            let output = sandbox.minigpt(&args);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{command:?}: {line}\n{errors}");
            count += 1;
        }
        let has_commands = help.contains("\nCommands:\n");
        assert!(count > 0 || has_commands || command.len() > 1, "{command:?} has no example");
        tried += count;
    }
    assert!(tried > 80, "{tried} examples");
}

#[test]
fn alone_it_proposes_what_to_do_next() {
    let sandbox = Sandbox::new();
    let said = sandbox.succeeds(&[]);
    assert_eq!(said.matches("\n  minigpt ").count(), 3, "{said}");
    assert!(said.contains("minigpt train ") && said.contains("--help"), "{said}");
}

#[test]
fn topics_are_listed_and_explained() {
    let sandbox = Sandbox::new();
    let list = sandbox.succeeds(&["topics"]);
    assert_eq!(list.lines().count(), 5, "{list}");
    for line in list.lines() {
        let name = line.split_whitespace().nth(2).unwrap();
        assert!(sandbox.succeeds(&["topics", name]).lines().count() > 10, "{name}");
    }
    assert_eq!(sandbox.minigpt(&["topics", "weather"]).status.code(), Some(2));
}

#[test]
fn completions_and_manual_know_every_command() {
    let sandbox = Sandbox::new();
    let commands = commands(&sandbox);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = sandbox.succeeds(&["completions", shell]);
        for command in &commands {
            assert!(script.contains(command.last().unwrap()), "{shell}: {command:?}");
        }
        assert!(script.contains("max-tokens"), "{shell}");
    }
    sandbox.succeeds(&["manual", "man"]);
    for command in &commands {
        let page = sandbox.path("man").join(format!("minigpt-{}.1", command.join("-")));
        let text = fs_err::read_to_string(page).unwrap();
        assert!(text.starts_with(".ie") || text.contains(".TH"), "{command:?}: {text}");
    }
}

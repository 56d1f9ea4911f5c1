//! What a run would be and cost, before it starts, and what it came to.

use std::io::Write;

use minigpt_train::{
    End, FinetuneTask, Plan, Quantity, RunConfig, RunFolder, Summary, TeacherCost,
    ValidationFigures, shell_word,
};

use crate::terminal::format::{bytes, duration, grouped, operations, word_perplexity};
use crate::terminal::output::say;

/// Says what the run is and what it will cost, before it starts.
pub(crate) fn describe(config: &RunConfig, plan: &Plan) {
    let model = &config.model;
    let counts = &plan.parameters;
    say(format_args!(
        "tokens: {} training, {} validation, vocabulary {}",
        grouped(plan.train_tokens as u64),
        grouped(plan.valid_tokens as u64),
        grouped(model.vocab_size as u64),
    ));
    say(format_args!(
        "model: {} layers, {} wide, {} heads, context {}: {} parameters ({} embeddings, {} attention, {} MLPs, {} norms)",
        model.n_layer,
        model.n_embd,
        model.n_head,
        model.block_size,
        grouped(counts.total() as u64),
        grouped((counts.wte + counts.wpe) as u64),
        grouped(counts.attention as u64),
        grouped(counts.mlp as u64),
        grouped(counts.layer_norms as u64),
    ));
    if plan.trained < counts.total() {
        say(format_args!(
            "adapter: {} parameters trained, {:.2} % of the model's",
            grouped(plan.trained as u64),
            100.0 * plan.trained as f64 / counts.total() as f64,
        ));
    }
    say(format_args!(
        "length: {} steps of {} windows, {} steps a pass, validation every {}",
        grouped(plan.length.total_steps as u64),
        config.training.batch_size,
        grouped(plan.length.steps_per_pass as u64),
        grouped(plan.length.eval_every as u64),
    ));
    say(format_args!(
        "cost: about {} of memory ({} for weights and optimiser), {} of work",
        bytes(plan.memory.total()),
        bytes(plan.memory.state),
        operations(plan.operations),
    ));
    if let Some(teachers) = &plan.teachers {
        let TeacherCost { models, parameters, memory, operations: work } = *teachers;
        say(format_args!(
            "of that, teachers: {models} with {} parameters, {} of memory and {} of work ({:.0} %)",
            grouped(parameters as u64),
            bytes(memory),
            operations(work),
            100.0 * work / plan.operations,
        ));
    }
    let (warmup, steps) = (config.schedule.warmup_steps, plan.length.total_steps);
    if config.schedule.restart.is_none() && warmup > steps {
        let may_choose = config.finetune.is_none() && config.training.max_minutes.is_none();
        let all_chosen = match may_choose {
            true => ", and --minutes 5 chooses everything for a text of any length",
            false => "",
        };
        say(format_args!(
            "warning: the learning rate rises over {} steps, and the run has {}: it never reaches its peak; \
             --set schedule.warmup_steps={} shortens that{all_chosen}",
            grouped(warmup as u64),
            grouped(steps as u64),
            (steps / 10).max(1),
        ));
    }
    if plan.steps_taken > 0 {
        let left = plan.length.total_steps.saturating_sub(plan.steps_taken);
        let taken = grouped(plan.steps_taken as u64);
        say(format_args!("left: {} steps, after {taken} that were taken", grouped(left as u64)));
    } else if config.finetune.is_none() {
        say(format_args!("expected first loss: {:.3}, ln of the vocabulary", plan.first_loss));
    }
}

/// Says how a run ended, its figures and samples, and what may come next.
pub(crate) fn report(
    folder: &RunFolder,
    summary: &Summary,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let end = match summary.end {
        End::Complete => "done",
        End::OutOfTime => "out of time",
        End::Patience => "no better validation for a while: ended",
        End::Interrupted => "interrupted",
    };
    let (steps, took) = (grouped(summary.steps as u64), duration(summary.seconds));
    writeln!(out, "\n{end} after {steps} steps in {took}")?;
    let task = folder.config().ok().and_then(|config| config.finetune).map(|tuned| tuned.task);
    let best = summary.best.filter(|_| summary.best != summary.last);
    for (name, figures) in [
        ("base's", summary.base),
        ("last", summary.last),
        ("best", best),
        ("averaged weights' last", summary.average),
    ] {
        match (figures, task) {
            (None, _) => {}
            // Of pairs, a perplexity says nothing.
            (Some(figures), Some(FinetuneTask::Prefer)) => {
                let ValidationFigures { step, loss, .. } = figures;
                writeln!(out, "{name} validation (step {step}): loss {loss:.4} per pair")?;
            }
            (Some(figures), _) => write_figures(name, figures, out)?,
        }
    }
    for (index, sample) in summary.samples.iter().enumerate() {
        writeln!(out, "\nsample {}:\n  {}", index + 1, sample.replace('\n', "\n  "))?;
    }
    let path = shell_word(&folder.path().display().to_string());
    writeln!(out, "\nloss curves: {}", folder.plot_path(Quantity::Loss).display())?;
    if matches!(summary.end, End::Interrupted | End::OutOfTime) {
        writeln!(out, "resume: minigpt train --resume {path}")?;
    } else {
        let in_steps = folder.config().is_ok_and(|config| config.training.max_steps.is_some());
        let more =
            if in_steps { format!("steps {}", summary.steps) } else { "epochs 1".to_owned() };
        writeln!(out, "train longer: minigpt train --continue {path} --more-{more}")?;
    }
    if folder.is_classifier().is_ok_and(|is_classifier| is_classifier) {
        return writeln!(out, "next: minigpt classify {path} \"...\"");
    }
    writeln!(out, "next: minigpt generate {path} --prompt \"...\"")
}

fn write_figures(
    name: &str,
    figures: ValidationFigures,
    out: &mut impl Write,
) -> std::io::Result<()> {
    writeln!(
        out,
        "{name} validation (step {}): loss {:.4}, token perplexity {:.2}, {}{:.3} bits per byte",
        figures.step,
        figures.loss,
        figures.token_perplexity,
        word_perplexity(figures.word_perplexity),
        figures.bits_per_byte,
    )
}

//! Where and with what the runs were made.

use minigpt_train::{Environment, Machine};

use super::table_by_run;
use crate::document::{Document, Text};
use crate::format::{bytes, grouped};
use crate::record::RunRecord;

pub(super) fn add(document: &mut Document, runs: &[RunRecord]) {
    document.heading("Machine and versions");
    let of = |value: fn(&Environment) -> &str| {
        move |run: &RunRecord| Some(Text::from(value(run.environment.as_ref()?)))
    };
    let machine =
        |run: &RunRecord| -> Option<Machine> { run.environment.as_ref()?.machine.clone() };
    table_by_run(
        document,
        "Where the run began",
        runs,
        &[
            ("device", &of(|environment| &environment.device)),
            ("processor", &|run| Some(machine(run)?.processor?.into())),
            ("cores", &|run| Some(grouped(machine(run)?.cores as u64).into())),
            ("memory", &|run| Some(bytes(machine(run)?.memory?).into())),
            ("system", &of(|environment| &environment.platform)),
            ("minigpt", &of(|environment| &environment.minigpt)),
            ("git revision", &|run| {
                Some(Text::default().code(run.environment.as_ref()?.git_revision.as_ref()?))
            }),
            ("burn", &of(|environment| &environment.burn)),
        ],
    );
    if runs.iter().any(|run| run.environment.is_none()) {
        document.note(Text::from("A run has no readable ").code("environment.json").plain(
            ", which a run writes before its first step: its machine and versions are unknown.",
        ));
    } else if runs.iter().any(|run| machine(run).is_none()) {
        document.note(
            "Processor, cores and memory are not recorded in runs of earlier versions of minigpt.",
        );
    }
}

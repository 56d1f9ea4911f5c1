//! Which matrices an adapter stands beside: by their names here, and by those that PEFT has for them.

use std::collections::BTreeMap;
use std::ops::Range;

use minigpt_files::excerpt;

use super::error::AdapterError;
use super::{EMBEDDING, LoraConfig};
use crate::files::family::Family;
use crate::files::layout::{GPT2, Layout, Slice};
use crate::model::config::GptConfig;
use crate::model::parameters::Role;

/// PEFT's word for all matrices of the blocks.
pub(crate) const ALL_LINEAR: &str = "all-linear";

/// A matrix of the model with an adapter beside it.
#[derive(Debug)]
pub(crate) struct Adapted {
    /// Its layer, as `h.0.attn.c_attn`.
    pub(crate) layer: String,
    /// Its rows.
    pub(crate) from: usize,
    /// What of it is adapted, in the order of the columns.
    pub(crate) parts: Vec<AdaptedPart>,
}

/// Some columns of it, which transformers has as a layer of its own.
#[derive(Debug)]
pub(crate) struct AdaptedPart {
    /// transformers' name of the layer, as `model.layers.0.self_attn.q_proj`.
    pub(crate) name: String,
    pub(crate) columns: Range<usize>,
}

impl Adapted {
    /// The number of columns that are adapted.
    pub(crate) fn to(&self) -> usize {
        self.parts.iter().map(|part| part.columns.len()).sum()
    }

    /// The number of elements of the factors.
    pub(crate) fn parameters(&self, rank: usize) -> usize {
        rank * (self.parts.len() * self.from + self.to())
    }
}

/// How transformers names the layers of a model; those of no family are called as GPT-2's.
pub(crate) fn layout(model: &GptConfig) -> &'static Layout {
    Family::exact(model).map_or(&GPT2, Family::layout)
}

impl LoraConfig {
    /// The adapted matrices, in the model's order.
    pub(crate) fn matrices(&self, model: &GptConfig) -> impl Iterator<Item = Adapted> {
        let layout = layout(model);
        let matrices = model.parameters().filter(|parameter| {
            parameter.role.is_projection() || parameter.role == Role::TokenEmbedding
        });
        matrices.filter_map(move |parameter| {
            let layer = parameter.name.strip_suffix(".weight")?;
            let is_whole = self.names(layer);
            let part = |slice: Slice| {
                let name = slice.name.strip_suffix(".weight")?.to_owned();
                (is_whole || self.names(&name))
                    .then_some(AdaptedPart { name, columns: slice.columns })
            };
            let parts: Vec<_> =
                layout.slices(model, &parameter).into_iter().filter_map(part).collect();
            let (layer, from) = (layer.to_owned(), parameter.shape[0]);
            (!parts.is_empty()).then_some(Adapted { layer, from, parts })
        })
    }

    /// The same by the names of their layers.
    pub(crate) fn by_layer(&self, model: &GptConfig) -> BTreeMap<String, Adapted> {
        self.matrices(model).map(|matrix| (matrix.layer.clone(), matrix)).collect()
    }

    /// True where the vectors of the tokens are adapted.
    pub(crate) fn adapts_embedding(&self, model: &GptConfig) -> bool {
        let theirs = layout(model).parts(EMBEDDING);
        self.names(EMBEDDING) || theirs.into_iter().any(|name| self.names(name))
    }

    /// True where a target, or what is trained whole, is called as the vectors of the tokens are, in any family.
    #[must_use]
    pub fn names_embedding(&self) -> bool {
        self.targets.iter().chain(&self.whole).any(|target| is_embedding(target))
    }

    /// What is trained whole is the vectors of the tokens, of a model whose head they are.
    pub(crate) fn check_whole(&self, model: &GptConfig) -> Result<(), AdapterError> {
        let refused = |expected: String| Err(AdapterError::Setting { field: "whole", expected });
        let known = layout(model).parts(EMBEDDING);
        let is_known =
            |name: &String| name == EMBEDDING || known.iter().any(|known| is_named(known, name));
        if let Some(name) = self.whole.iter().find(|name| !is_known(name)) {
            let name = excerpt(name);
            return refused(format!("wte, the vectors of the tokens, and not `{name}`"));
        }
        if self.whole.is_empty() {
            return Ok(());
        }
        if !model.tied {
            return refused(
                "nothing where the output head is not tied to the token embedding".to_owned(),
            );
        }
        match self.adapts_embedding(model) {
            true => refused("nothing that is among the targets too".to_owned()),
            false => Ok(()),
        }
    }

    fn names(&self, layer: &str) -> bool {
        self.targets.iter().any(|target| is_named(layer, target))
            || (self.is_all_linear() && !is_embedding(layer))
    }

    /// True where all matrices of the blocks are meant, by the word that PEFT has for them.
    fn is_all_linear(&self) -> bool {
        self.targets.iter().any(|target| target == ALL_LINEAR)
    }

    /// Each target is a matrix of the model.
    pub(crate) fn check_targets(&self, model: &GptConfig) -> Result<(), AdapterError> {
        if !model.tied && self.adapts_embedding(model) {
            return Err(AdapterError::UntiedEmbedding);
        }
        let layers = layers(model);
        let names = || layers.iter().flat_map(|(layer, parts)| std::iter::once(layer).chain(parts));
        // With the number of its block, as PEFT writes what it made of `all-linear`.
        let is_numbered = |target: &str| {
            let of = |parameter| layout(model).slices(model, &parameter);
            let slices = model.parameters().flat_map(of);
            slices
                .map(|slice| slice.name)
                .any(|name| name.strip_suffix(".weight").is_some_and(|name| is_named(name, target)))
        };
        let is_known =
            |target: &&String| names().any(|name| is_named(name, target)) || is_numbered(target);
        match self.targets.iter().find(|target| *target != ALL_LINEAR && !is_known(target)) {
            Some(name) => {
                Err(AdapterError::Target { name: excerpt(name), known: known(model).join(", ") })
            }
            None => Ok(()),
        }
    }

    /// The targets by transformers' names: ours stand for all that they are made of.
    pub(crate) fn peft_targets(&self, model: &GptConfig) -> Vec<String> {
        let layers = layers(model);
        let mut found: Vec<String> = Vec::new();
        let all: Vec<String> = model.block_matrices().map(str::to_owned).collect();
        let targets = self.targets.iter().flat_map(|target| match target == ALL_LINEAR {
            true => all.iter(),
            false => std::slice::from_ref(target).iter(),
        });
        for target in targets {
            let is_theirs =
                layers.iter().flat_map(|(_, parts)| parts).any(|part| is_named(part, target));
            let ours = layers.iter().filter(|(layer, _)| !is_theirs && is_named(layer, target));
            let parts: Vec<&str> =
                ours.flat_map(|(_, parts)| parts).map(|part| last(part)).collect();
            // Theirs, or of one block.
            let whole = parts.is_empty().then_some(target.as_str());
            for name in parts.into_iter().chain(whole) {
                if !found.iter().any(|found| found == name) {
                    found.push(name.to_owned());
                }
            }
        }
        found
    }
}

/// The layers that can be adapted, with what they are made of in transformers.
fn layers(model: &GptConfig) -> Vec<(&'static str, Vec<&'static str>)> {
    let layers = model.block_matrices().chain([EMBEDDING]);
    layers.map(|layer| (layer, layout(model).parts(layer))).collect()
}

/// True for the vectors of the tokens, and the head, by our names and by transformers'.
fn is_embedding(layer: &str) -> bool {
    [EMBEDDING, "embed_tokens", "lm_head"].contains(&last(layer))
}

/// True where `target` is the end of a layer's path, as PEFT matches it.
fn is_named(layer: &str, target: &str) -> bool {
    layer.strip_suffix(target).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// The shortest names of a model's matrices; of those that are called the same, the longer ones too.
fn known(model: &GptConfig) -> Vec<&'static str> {
    let parts: Vec<&str> = layers(model).into_iter().flat_map(|(_, parts)| parts).collect();
    let mut names = Vec::new();
    for part in &parts {
        let is_like = |other: &&&str| last(other) == last(part);
        if parts.iter().filter(is_like).count() > 1 {
            names.push(*part);
        }
        if !names.contains(&last(part)) {
            names.push(last(part));
        }
    }
    names
}

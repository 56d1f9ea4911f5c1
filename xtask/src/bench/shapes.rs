//! The shapes of model and batch that are measured.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

/// A model and the batches that train it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Shape {
    pub(crate) vocab: usize,
    pub(crate) context: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) width: usize,
    pub(crate) batch: usize,
    /// The published model that has this shape, where it is not GPT-2's kind.
    pub(crate) published: Option<&'static str>,
}

/// The tutorial's model with GPT-2's vocabulary.
const ARTICLE: Shape = Shape {
    vocab: 50257,
    context: 128,
    layers: 4,
    heads: 8,
    width: 256,
    batch: 16,
    published: None,
};

/// The same with a vocabulary that suits a small text; the sweeps start from here.
pub(crate) const SMALL: Shape = Shape { vocab: 4096, ..ARTICLE };

/// Shapes that are measured together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Group {
    /// The tutorial's model with 50,257 and with 4,096 ids
    Article,
    /// 0.8 million parameters, on characters
    Small,
    /// The tutorial's model with a context of 1,024
    Long,
    /// GPT-2's 124 million parameters, with a context of 512
    Large,
    /// SmolLM2's 135 million parameters, in the Llama family's shape, with a context of 512
    Llama,
    /// The tutorial's model with 4,096 ids, one size at a time
    Sweep,
    /// Fine-tuning SmolLM2-135M, the GGUF file that MINIGPT_SMOLLM2 names; the peer is Hugging Face's PEFT
    Tuning,
}

impl Group {
    pub(crate) fn shapes(self) -> Vec<Shape> {
        match self {
            Self::Article => vec![ARTICLE, SMALL],
            Self::Small => {
                vec![Shape { vocab: 66, context: 64, heads: 4, width: 128, batch: 12, ..ARTICLE }]
            }
            Self::Long => vec![LONG],
            Self::Large => {
                vec![Shape { context: 512, layers: 12, heads: 12, width: 768, batch: 4, ..ARTICLE }]
            }
            Self::Llama => vec![SMOLLM2],
            Self::Sweep => sweep(),
            Self::Tuning => Vec::new(),
        }
    }
}

const LONG: Shape = Shape { context: 1024, batch: 2, ..SMALL };

const SMOLLM2: Shape = Shape {
    vocab: 49_152,
    context: 512,
    layers: 30,
    heads: 9,
    width: 576,
    batch: 4,
    published: Some("smollm2-135m"),
};

/// One quantity at a time, from the small vocabulary.
fn sweep() -> Vec<Shape> {
    let mut shapes = Vec::new();
    shapes.extend([1024, 16_384].map(|vocab| Shape { vocab, ..SMALL }));
    shapes.extend([64, 256, 512, 1024].map(|context| Shape { context, ..SMALL }));
    shapes.extend([128, 512, 768].map(|width| Shape { width, ..SMALL }));
    shapes.extend([1, 4, 32].map(|batch| Shape { batch, ..SMALL }));
    shapes.extend([2, 8].map(|layers| Shape { layers, ..SMALL }));
    shapes
}

impl Shape {
    /// True of models of 100 million parameters or more.
    pub(crate) fn is_large(&self) -> bool {
        self.layers >= 12
    }

    /// A short name: the model's, or its vocabulary.
    pub(crate) fn name(&self) -> String {
        let Self { vocab, layers, width, published, .. } = self;
        match published {
            Some(name) => (*name).to_owned(),
            None => format!("{vocab} ids, {layers}x{width}"),
        }
    }

    /// As `minigpt bench` and the peers take it. The Llama family trains without dropout.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let Self { vocab, context, layers, heads, width, batch, published } = self;
        let of_model = match published {
            Some(name) => vec![("model", (*name).to_owned()), ("dropout", "0".to_owned())],
            None => [("vocab", vocab), ("layers", layers), ("heads", heads), ("width", width)]
                .map(|(name, size)| (name, size.to_string()))
                .into(),
        };
        let of_batch = [("context", context), ("batch", batch)];
        let of_batch = of_batch.map(|(name, size)| (name, size.to_string()));
        of_model
            .into_iter()
            .chain(of_batch)
            .flat_map(|(name, value)| [format!("--{name}"), value])
            .collect()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { context, heads, batch, published, .. } = self;
        let heads = published.map_or_else(|| format!(", {heads} heads"), |_| String::new());
        f.pad(&format!("{}{heads}, {context} long, batch {batch}", self.name()))
    }
}

#[cfg(test)]
mod tests;

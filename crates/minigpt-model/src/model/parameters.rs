//! The one table of parameters: what a model of a configuration is made of, and what follows from it.
//!
//! Assembly, counts, first values, which weights decay, and what an adapter can stand beside are all read from
//! here; nothing else lists parameters. What other programs call them is in `files/layout.rs`.

#[cfg(test)]
mod tests;

use serde::Serialize;

use super::config::{GptConfig, MlpKind, Position};

/// What a parameter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Vectors of token ids, and the head where the two are tied.
    TokenEmbedding,
    /// Vectors of positions.
    PositionEmbedding,
    /// The head of its own of a model that is not tied.
    Head,
    /// A matrix inside a block that adds nothing to the residual stream itself.
    Projection,
    /// A matrix inside a block whose product is added to the residual stream.
    ResidualProjection,
    /// The vector that a matrix's product is shifted by.
    Bias,
    /// What normalised vectors are multiplied by.
    NormScale,
    /// What they are shifted by.
    NormBias,
}

impl Role {
    /// True for what weight decay pulls towards zero: the matrices. A decayed bias or scale costs capacity
    /// and regularises nothing.
    #[must_use]
    pub fn decays(self) -> bool {
        match self {
            Self::TokenEmbedding | Self::PositionEmbedding | Self::Head => true,
            Self::Projection | Self::ResidualProjection => true,
            Self::Bias | Self::NormScale | Self::NormBias => false,
        }
    }

    /// True for what is multiplied, or looked up in by a token.
    pub(crate) fn is_matrix(self) -> bool {
        !matches!(self, Self::Bias | Self::NormScale | Self::NormBias | Self::PositionEmbedding)
    }

    /// True for the matrices inside the blocks, `[in, out]`.
    #[must_use]
    pub fn is_projection(self) -> bool {
        matches!(self, Self::Projection | Self::ResidualProjection)
    }
}

/// A parameter of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its path in the model, which is GPT-2's name for it, as `h.0.attn.c_attn.weight`.
    pub name: String,
    /// Its sizes; projections are stored `[in, out]`.
    pub shape: Vec<usize>,
    /// What it is for.
    pub role: Role,
    /// What its last dimension is made of: the widths of queries, keys and values, or of gate and rest; else one.
    pub(crate) columns: Vec<usize>,
    /// The block that it is in, if it is in one.
    pub(crate) block: Option<usize>,
    /// Its layer within the block, or the model.
    pub(crate) layer: &'static str,
    /// `weight` or `bias`.
    pub(crate) tensor: &'static str,
}

/// A component of a model, whose parameters are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Component {
    TokenEmbedding,
    PositionEmbedding,
    Attention,
    Mlp,
    Norms,
    Head,
}

/// A line of the table.
struct Row {
    component: Component,
    role: Role,
    /// The layer's name, within its block where it is in one.
    layer: &'static str,
    /// `weight` or `bias`.
    tensor: &'static str,
    shape: Vec<usize>,
    columns: Vec<usize>,
}

impl Row {
    fn weight(component: Component, role: Role, layer: &'static str, shape: [usize; 2]) -> Self {
        let columns = vec![shape[1]];
        Self { component, role, layer, tensor: "weight", shape: shape.to_vec(), columns }
    }

    /// `[from, columns side by side]`, and a bias where there is one.
    fn linear(
        component: Component,
        role: Role,
        layer: &'static str,
        from: usize,
        columns: &[usize],
        has_bias: bool,
    ) -> impl Iterator<Item = Self> {
        // Sizes that are not valid yet may be too many for a machine's word.
        let to = columns.iter().fold(0, |sum: usize, width| sum.saturating_add(*width));
        let row = |role, tensor, shape| {
            let columns = columns.to_vec();
            Self { component, role, layer, tensor, shape, columns }
        };
        let bias = has_bias.then(|| row(Role::Bias, "bias", vec![to]));
        std::iter::once(row(role, "weight", vec![from, to])).chain(bias)
    }

    /// The scale of a normalisation of vectors of that width, and a bias where there is one.
    fn norm(layer: &'static str, width: usize, has_bias: bool) -> impl Iterator<Item = Self> {
        let row = move |role, tensor| {
            let (shape, columns) = (vec![width], vec![width]);
            Self { component: Component::Norms, role, layer, tensor, shape, columns }
        };
        let bias = has_bias.then(|| row(Role::NormBias, "bias"));
        std::iter::once(row(Role::NormScale, "weight")).chain(bias)
    }

    fn elements(&self) -> u128 {
        self.shape.iter().map(|size| *size as u128).product()
    }

    /// The parameter of this row in a block, or outside the blocks.
    fn parameter(self, block: Option<usize>) -> Parameter {
        let Self { component: _, role, layer, tensor, shape, columns } = self;
        let name = match block {
            Some(index) => format!("h.{index}.{layer}.{tensor}"),
            None => format!("{layer}.{tensor}"),
        };
        Parameter { name, shape, role, columns, block, layer, tensor }
    }
}

impl GptConfig {
    /// Each parameter of a model of this shape, in the model's order.
    ///
    /// ```
    /// use minigpt_model::GptConfig;
    ///
    /// let config = GptConfig::tiny(256);
    /// let first = config.parameters().next().unwrap();
    /// assert_eq!((first.name.as_str(), first.shape), ("wte.weight", vec![256, 64]));
    /// assert_eq!(config.parameters().filter(|parameter| parameter.role.decays()).count(), 2 + 2 * 4);
    /// ```
    pub fn parameters(&self) -> impl Iterator<Item = Parameter> {
        let blocks = (0..self.n_layer).flat_map(|index| {
            self.block_rows().into_iter().map(move |row| row.parameter(Some(index)))
        });
        let outer = |rows: Vec<Row>| rows.into_iter().map(|row| row.parameter(None));
        outer(self.first_rows()).chain(blocks).chain(outer(self.last_rows()))
    }

    /// Before the blocks.
    fn first_rows(&self) -> Vec<Row> {
        let c = self.n_embd;
        let shape = [self.vocab_size, c];
        let mut rows =
            vec![Row::weight(Component::TokenEmbedding, Role::TokenEmbedding, "wte", shape)];
        if self.position == Position::Learned {
            let (component, role) = (Component::PositionEmbedding, Role::PositionEmbedding);
            rows.push(Row::weight(component, role, "wpe", [self.block_size, c]));
        }
        rows
    }

    /// Of each block.
    fn block_rows(&self) -> Vec<Row> {
        use Component::{Attention, Mlp};
        use Role::{Projection, ResidualProjection};

        let (c, inner, bias) = (self.n_embd, self.n_inner, self.bias);
        let head_size = self.head_size();
        // Sizes that are not valid yet may be too many for a machine's word.
        let width = |heads: usize| heads.saturating_mul(head_size);
        let (queries, keys) = (width(self.n_head), width(self.n_kv_head()));
        let hidden: &[usize] = match self.mlp {
            MlpKind::Swiglu => &[inner, inner],
            MlpKind::GeluTanh | MlpKind::GeluExact | MlpKind::ReluSquared => &[inner],
        };

        let qkv = [queries, keys, keys];
        let mut rows = Vec::with_capacity(14);
        rows.extend(Row::norm("ln_1", c, bias.norm));
        rows.extend(Row::linear(Attention, Projection, "attn.c_attn", c, &qkv, bias.attention));
        rows.extend(Row::linear(
            Attention,
            ResidualProjection,
            "attn.c_proj",
            queries,
            &[c],
            bias.attention_output,
        ));
        if self.qk_norm {
            rows.extend(Row::norm("attn.q_norm", head_size, bias.norm));
            rows.extend(Row::norm("attn.k_norm", head_size, bias.norm));
        }
        rows.extend(Row::norm("ln_2", c, bias.norm));
        rows.extend(Row::linear(Mlp, Projection, "mlp.c_fc", c, hidden, bias.mlp));
        rows.extend(Row::linear(Mlp, ResidualProjection, "mlp.c_proj", inner, &[c], bias.mlp));
        rows
    }

    /// After the blocks.
    fn last_rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Row::norm("ln_f", self.n_embd, self.bias.norm).collect();
        if !self.tied {
            let shape = [self.vocab_size, self.n_embd];
            rows.push(Row::weight(Component::Head, Role::Head, "lm_head", shape));
        }
        rows
    }

    /// The names of the matrices in a block, as `attn.c_attn`.
    pub(crate) fn block_matrices(&self) -> impl Iterator<Item = &'static str> {
        let matrices = self.block_rows().into_iter().filter(|row| row.role.is_projection());
        matrices.map(|row| row.layer)
    }

    /// The number of elements in each part, of sizes within their own limits but not yet within the common
    /// one: their sum fits no `usize`.
    fn wide_counts(&self) -> impl Iterator<Item = (Component, u128)> {
        let outer = self.first_rows().into_iter().chain(self.last_rows());
        let blocks = self.block_rows().into_iter();
        let n_layer = self.n_layer as u128;
        outer
            .map(|row| (row.component, row.elements()))
            .chain(blocks.map(move |row| (row.component, n_layer.saturating_mul(row.elements()))))
    }

    /// The sum of [`wide_counts`](Self::wide_counts).
    pub(super) fn wide_parameter_count(&self) -> u128 {
        self.wide_counts().fold(0, |sum, (_, count)| sum.saturating_add(count))
    }

    /// Number of parameters, part by part, without building the model.
    ///
    /// The sizes must be [valid](Self::validate).
    #[must_use]
    pub fn parameter_counts(&self) -> ParameterCounts {
        let mut counts = ParameterCounts::default();
        for (component, count) in self.wide_counts() {
            let sum = match component {
                Component::TokenEmbedding => &mut counts.wte,
                Component::PositionEmbedding => &mut counts.wpe,
                Component::Attention => &mut counts.attention,
                Component::Mlp => &mut counts.mlp,
                Component::Norms => &mut counts.layer_norms,
                Component::Head => &mut counts.lm_head,
            };
            *sum += count as usize;
        }
        counts
    }
}

/// Number of parameters in each part of a model. A head that is tied to `wte` counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ParameterCounts {
    /// Token embedding, and output head where it is tied.
    pub wte: usize,
    /// Position embedding.
    pub wpe: usize,
    /// `c_attn` and `c_proj` of all blocks.
    pub attention: usize,
    /// `c_fc` and `c_proj` of all blocks.
    pub mlp: usize,
    /// `ln_1` and `ln_2` of all blocks, those of queries and keys, and `ln_f`.
    pub layer_norms: usize,
    /// A head of its own.
    #[serde(skip_serializing_if = "is_zero")]
    pub lm_head: usize,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl ParameterCounts {
    /// All parameters.
    #[must_use]
    pub fn total(&self) -> usize {
        self.wte + self.wpe + self.attention + self.mlp + self.layer_norms + self.lm_head
    }
}

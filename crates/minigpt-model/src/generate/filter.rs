//! What may follow as a text grows, where single tokens do not tell.

use std::fmt::Debug;

/// Follows one text while it is written, and says which tokens may come next: a grammar, such as the one that a JSON
/// schema describes. A [policy](crate::Policy) has it as it is before the first token; each text has a
/// [fork](Self::fork) of its own, which reads no prompt.
///
/// ```
/// use std::sync::Arc;
///
/// use burn::tensor::Device;
/// use minigpt_model::{Generator, Gpt, GptConfig, Policy, Sampling, TokenFilter};
///
/// /// Odd tokens after even ones, and the other way round.
/// #[derive(Clone, Debug)]
/// struct Alternating(u32);
///
/// impl TokenFilter for Alternating {
///     fn restrict(&mut self, logits: &mut [f32]) -> Result<(), String> {
///         let same = logits.iter_mut().skip(self.0 as usize % 2).step_by(2);
///         same.for_each(|logit| *logit = f32::NEG_INFINITY);
///         Ok(())
///     }
///     fn push(&mut self, token: u32) -> Result<(), String> {
///         self.0 = token;
///         Ok(())
///     }
///     fn fork(&self) -> Box<dyn TokenFilter> {
///         Box::new(self.clone())
///     }
/// }
///
/// let model = Gpt::init(&GptConfig::tiny(256), 0, &Device::flex())?;
/// let policy = Policy { filter: Some(Arc::new(Alternating(7))), ..Sampling::article().into() };
/// let tokens: Vec<u32> = Generator::new(&model, &[7], policy, 42)?.take(3).collect::<Result<_, _>>()?;
/// assert_eq!([0, 1, 2].map(|place| tokens[place] % 2), [0, 1, 0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait TokenFilter: Debug + Send + Sync {
    /// Makes the logits of tokens that may not follow minus infinity; one is left at least.
    ///
    /// # Errors
    /// Why it cannot be said what may follow, in one line.
    fn restrict(&mut self, logits: &mut [f32]) -> Result<(), String>;

    /// Hears which of the tokens that may follow came.
    ///
    /// # Errors
    /// Why nothing can come after it, in one line.
    fn push(&mut self, token: u32) -> Result<(), String>;

    /// The same at the same place of the text, for another text that goes on from there.
    fn fork(&self) -> Box<dyn TokenFilter>;
}

impl Clone for Box<dyn TokenFilter> {
    fn clone(&self) -> Self {
        self.as_ref().fork()
    }
}

//! A limit on the norm of all gradients together.

use burn::backend::Flex;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use minigpt_model::add_squares;

use crate::optim::in_memory::{is_in_memory, memory, work_on};

/// Divides all gradients by `scale` and then by one factor more, so that their common norm is at most
/// `limit`, and returns them with the norm between the two, `[1]`
/// ([Pascanu et al., 2013](https://arxiv.org/abs/1211.5063)).
///
/// burn's own clipping limits each tensor by itself. The norm stays on the device, so that the
/// step need not wait for it.
pub(crate) fn clip_global_norm<M: Module + Sync>(
    module: &M,
    gradients: GradientsParams,
    limit: f32,
    scale: f64,
) -> (GradientsParams, Tensor<1>) {
    let device = module.devices()[0].clone();
    work_on(device, || clipped(module, gradients, limit, scale))
}

fn clipped<M: Module + Sync>(
    module: &M,
    gradients: GradientsParams,
    limit: f32,
    scale: f64,
) -> (GradientsParams, Tensor<1>) {
    let mut squares = SumOfSquares { gradients: &gradients, sum: None };
    module.visit(&mut squares);
    let Some(sum) = squares.sum.map(Tensor::sum) else {
        return (gradients, Tensor::zeros([1], &module.devices()[0].clone().inner()));
    };
    let norm = sum.sqrt() / scale;
    // torch.nn.utils.clip_grad_norm_ guards the division with the same 1e-6.
    let factor = (norm.clone() + 1e-6).recip().mul_scalar(limit).clamp_max(1.0) / scale;
    if is_in_memory(&factor) {
        let factor = factor.into_scalar::<f32>();
        // Most gradients of a training are within the limit.
        if factor == 1.0 {
            return (gradients, norm);
        }
        let mut scale = ScaleInMemory { gradients, factor };
        module.visit(&mut scale);
        return (scale.gradients, norm);
    }
    let mut scale = Scale { gradients, factor };
    module.visit(&mut scale);
    (scale.gradients, norm)
}

struct SumOfSquares<'a> {
    gradients: &'a GradientsParams,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for SumOfSquares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.get::<D>(param.id) else { return };
        self.sum = Some(add_squares(self.sum.take(), gradient));
    }
}

struct Scale {
    gradients: GradientsParams,
    factor: Tensor<1>,
}

impl ModuleVisitor for Scale {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients.register(param.id, gradient * self.factor.clone().unsqueeze());
        }
    }
}

/// As [`Scale`] on the CPU, where a number costs nothing to read: gradients stay where they lie.
struct ScaleInMemory {
    gradients: GradientsParams,
    factor: f32,
}

impl ModuleVisitor for ScaleInMemory {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            let mut gradient = memory(gradient);
            minigpt_ops::scale(gradient.storage_mut(), self.factor);
            self.gradients.register(param.id, Tensor::<D>::from_primitive::<Flex>(gradient));
        }
    }
}

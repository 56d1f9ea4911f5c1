//! Distillation by a kernel.

use burn::backend::{Dispatch, Flex};
use burn::tensor::{Int, Tensor};
use minigpt_ops::{CrossEntropy, Precision, Teacher, distillation};

use super::{FlexTensor, Fused, Ids, contiguous, values};
use crate::ops::{Lesson, SmoothedLoss};

/// What is learnt from, and how the loss is computed.
#[derive(Clone, Debug)]
pub(in crate::ops) struct Lessons {
    /// Hidden states and head of each teacher.
    teachers: Vec<[FlexTensor; 2]>,
    weight: f32,
    temperature: f32,
    precision: Precision,
}

impl Lessons {
    /// Of a student's hidden states `[tokens, n_embd]`; with their gradient and the head's, where they are wanted.
    pub(super) fn loss(
        &self,
        hidden: &FlexTensor,
        head: &FlexTensor,
        targets: &Ids,
        gradients: Option<[&mut [f32]; 2]>,
    ) -> CrossEntropy {
        let teachers: Vec<Teacher> = self
            .teachers
            .iter()
            .map(|[hidden, head]| Teacher { hidden: values(hidden), head: values(head) })
            .collect();
        let lesson = minigpt_ops::Lesson {
            teachers: &teachers,
            weight: self.weight,
            temperature: self.temperature,
        };
        let (hidden, head) = (values(hidden), values(head));
        distillation(self.precision, hidden, head, targets.values(), lesson, gradients)
    }
}

pub(in crate::ops) fn of_tensors(
    hidden: Tensor<2>,
    head: Tensor<2>,
    targets: Tensor<1, Int>,
    lesson: &Lesson,
    precision: Precision,
) -> SmoothedLoss {
    let memory = |tensor: &Tensor<2>| {
        let memory = tensor.clone().try_into_primitive::<Flex>();
        contiguous(memory.expect("a teacher on the CPU backend"))
    };
    let teachers = lesson.teachers.iter();
    let lessons = Lessons {
        teachers: teachers.map(|of_teacher| of_teacher.each_ref().map(memory)).collect(),
        weight: lesson.weight as f32,
        temperature: lesson.temperature as f32,
        precision,
    };
    let (hidden, head) = (hidden.into_dispatch(), head.into_dispatch());
    let (objective, nats) = Dispatch::distillation(hidden, head, targets.into_dispatch(), lessons);
    let [objective, nats] = [objective, nats].map(Tensor::from_dispatch);
    SmoothedLoss { objective, nats }
}

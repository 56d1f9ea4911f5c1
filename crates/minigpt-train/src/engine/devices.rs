//! Several devices that share each batch.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use burn::module::Module;
use burn::optim::GradientsAccumulator;
use burn::tensor::Device;
use burn::train::{TrainOutput, TrainStep};

use crate::data::batches::TokenBatch;
use crate::error::TrainError;
use crate::optim::step::StepLoss;
use crate::optim::trainee::Trainee;

/// Name of the threads on which other devices than the first take their parts: a panic there is reported as
/// [`TrainError::Device`].
pub const DEVICE_THREAD: &str = "minigpt-device";

/// The devices of a run. The first keeps weights and optimiser, and validates; each of them takes a part
/// of every batch.
#[derive(Clone, Debug)]
pub struct Devices {
    pub(crate) main: Device,
    pub(crate) others: Vec<Device>,
}

impl Devices {
    /// `main`, with `others` to share its batches.
    #[must_use]
    pub fn new(main: Device, others: Vec<Device>) -> Self {
        Self { main, others }
    }

    /// Number of devices, at least 1.
    #[must_use]
    pub fn count(&self) -> usize {
        1 + self.others.len()
    }

    /// The same ones, differentiating.
    pub(crate) fn autodiff(self) -> Self {
        let others = self.others.into_iter().map(Device::autodiff).collect();
        Self { main: self.main.autodiff(), others }
    }

    /// Starts the generators of a step; no two devices of different kinds draw the same masks.
    pub(crate) fn seed(&self, seed: u64) {
        for (index, device) in self.others.iter().enumerate() {
            device.seed(seed.wrapping_add(1 + index as u64));
        }
        self.main.seed(seed);
    }
}

impl From<&Device> for Devices {
    fn from(device: &Device) -> Self {
        Self::new(device.clone(), Vec::new())
    }
}

impl From<&Devices> for Devices {
    fn from(devices: &Devices) -> Self {
        devices.clone()
    }
}

/// Steps over all devices of a run, each but the first with a thread of its own: what a device keeps by
/// thread would grow with threads that come and go.
pub(crate) struct Team {
    members: Vec<Member>,
}

impl Team {
    /// Of devices that differentiate.
    pub(crate) fn new(devices: &Devices) -> Self {
        let main = devices.main.clone().inner();
        let others = devices.others.iter().cloned();
        Self { members: others.map(|device| Member::start(device, main.clone())).collect() }
    }

    /// Forward and backward pass of a batch. Each device has a part of it, all of them divide by the
    /// targets of the whole: their gradients add up to those that one device would find.
    ///
    /// # Errors
    /// [`TrainError::Device`] where a device failed.
    pub(crate) fn step(
        &self,
        model: &Trainee,
        batch: TokenBatch,
    ) -> Result<TrainOutput<StepLoss>, TrainError> {
        if self.members.is_empty() {
            return Ok(TrainStep::step(model, batch));
        }
        let mut parts = batch.parts(1 + self.members.len());
        let own = parts.next().expect("a batch has at least one window");
        // A batch may have fewer windows than there are devices.
        let busy: Vec<&Member> = self
            .members
            .iter()
            .zip(parts)
            .map(|(member, part)| member.begin(model.clone(), part))
            .collect();
        let TrainOutput { grads, mut item } = TrainStep::step(model, own);
        let mut sum = GradientsAccumulator::new();
        sum.accumulate(model, grads);
        // In the order of the devices, so that the sum is the same each time.
        let count = 1 + self.members.len();
        for (index, member) in busy.into_iter().enumerate() {
            let TrainOutput { grads, item: part } =
                member.finish().map_err(|error| error.of_device(index + 2, count))?;
            sum.accumulate(model, grads);
            item = item.and(part);
        }
        Ok(TrainOutput { grads: sum.grads(), item })
    }
}

/// A device beside the first, on its thread.
struct Member {
    work: Sender<(Trainee, TokenBatch)>,
    outputs: Receiver<Result<TrainOutput<StepLoss>, TrainError>>,
}

impl Member {
    /// On `device`; what comes of a step goes to `main`.
    fn start(device: Device, main: Device) -> Self {
        let (work, received) = channel::<(Trainee, TokenBatch)>();
        let (sender, outputs) = channel();
        let run = move || {
            for (model, part) in received {
                let step = || {
                    let TrainOutput { grads, item } =
                        TrainStep::step(&model.clone().fork(&device), part.moved_to(&device));
                    let item = item.on_device(&main);
                    TrainOutput { grads: grads.to_device(&main, &model), item }
                };
                if sender.send(guarded(step)).is_err() {
                    return;
                }
            }
        };
        // Without a thread, the first step finds that nobody answers.
        let _ = thread::Builder::new().name(DEVICE_THREAD.to_owned()).spawn(run);
        Self { work, outputs }
    }

    /// Gives it its part of a step, whose output [`finish`](Self::finish) waits for.
    fn begin(&self, model: Trainee, part: TokenBatch) -> &Self {
        // A thread that is gone shows when its output is asked for.
        let _ = self.work.send((model, part));
        self
    }

    fn finish(&self) -> Result<TrainOutput<StepLoss>, TrainError> {
        let gone = || Err(TrainError::Device { reason: "its thread ended".to_owned() });
        self.outputs.recv().unwrap_or_else(|_| gone())
    }
}

/// What `work` gives; burn's devices panic where they are lost or have no memory left.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, TrainError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        let reason = text.unwrap_or("no reason given");
        TrainError::device(reason)
    })
}

#[cfg(test)]
mod tests;

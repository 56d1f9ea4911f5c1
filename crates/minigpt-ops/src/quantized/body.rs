//! Which instructions multiply a matrix of blocks. All give the same bits.

use std::cell::Cell;

use super::activations::{Activations, TILE};
#[cfg(target_arch = "aarch64")]
use super::dotprod;
use super::format::{Format, QuantizedMatrix, VALUES};
use super::{Task, activations, panel, portable, small_floats};
#[cfg(target_arch = "x86_64")]
use super::{avx2, vnni};
use crate::simd::vectorized;

thread_local! {
    /// Memory that the next panel is unpacked to.
    static PANEL: Cell<Vec<panel::Block>> = const { Cell::new(Vec::new()) };
}

/// Instructions that a product is computed with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Body {
    /// What the compiler makes of the formula.
    Portable,
    /// AVX2: pairs of products of 8 bits, added.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 VNNI: four of them.
    #[cfg(target_arch = "x86_64")]
    Vnni,
    /// NEON with its dot products: four of them.
    #[cfg(target_arch = "aarch64")]
    Dotprod,
}

impl Body {
    /// Those that this processor has, the fastest last.
    pub(super) fn all() -> impl DoubleEndedIterator<Item = Self> {
        let all = [
            (true, Self::Portable),
            #[cfg(target_arch = "x86_64")]
            (avx2::is_available(), Self::Avx2),
            #[cfg(target_arch = "x86_64")]
            (vnni::is_available(), Self::Vnni),
            #[cfg(target_arch = "aarch64")]
            (dotprod::is_available(), Self::Dotprod),
        ];
        all.into_iter().filter_map(|(is_available, body)| is_available.then_some(body))
    }

    pub(super) fn best() -> Self {
        Self::all().next_back().unwrap_or(Self::Portable)
    }

    /// What goes with it where the weights are floats.
    ///
    /// The portable one is compiled for several processors and runs in the form for this one: on a processor with
    /// AVX-512, no test runs its form for AVX2.
    pub(super) fn of_floats(self) -> small_floats::Body {
        if self == Self::best() { small_floats::Body::best() } else { small_floats::Body::Portable }
    }

    /// Fills the task's part of the output.
    pub(super) fn multiply(self, x: &Activations, mut task: Task) {
        let width = task.y.column_count();
        let has_minimums = task.weight.format() == Format::Q4_1;
        let mut panel = PANEL.take();
        panel.resize(task.weight.columns() / VALUES, panel::Block::ZERO);
        let mut sums = [[0.0; panel::ROWS]; TILE];
        for at in (0..width).step_by(panel::ROWS) {
            self.unpack(task.weight, task.first + at, &mut panel);
            let lanes = at..(at + panel::ROWS).min(width);
            let bias = task.bias.map(|bias| &bias[task.first..][lanes.clone()]);
            let mut row = 0;
            for (rows, tile) in x.chunk(task.chunk) {
                self.tile(has_minimums, &panel, tile, &mut sums[..rows]);
                for sums in &sums[..rows] {
                    let y = &mut task.y.row_mut(row)[lanes.clone()];
                    y.copy_from_slice(&sums[..y.len()]);
                    if let Some(bias) = bias {
                        y.iter_mut().zip(bias).for_each(|(y, bias)| *y += bias);
                    }
                    row += 1;
                }
            }
        }
        PANEL.set(panel);
    }

    /// Rows `first..` of a matrix. Where it has no more rows, its last one again.
    fn unpack(self, weight: QuantizedMatrix, first: usize, panel: &mut [panel::Block]) {
        #[cfg(target_arch = "x86_64")]
        if self == Self::Vnni && panel::avx512::can_unpack(weight, first) {
            // SAFETY: the processor has the instructions, or there would be no such body.
            unsafe { panel::avx512::unpack(weight, first, panel) };
            return;
        }
        vectorized!(panel::unpack(weight, first, panel));
    }

    /// `sums = x · panelᵀ` of a tile's rows.
    fn tile(
        self,
        has_minimums: bool,
        panel: &[panel::Block],
        tile: &[activations::Block],
        sums: &mut [[f32; panel::ROWS]],
    ) {
        match self {
            Self::Portable => vectorized!(portable::multiply(has_minimums, panel, tile, sums)),
            // SAFETY: the processor has the instructions, or there would be no such body.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { avx2::multiply(has_minimums, panel, tile, sums) },
            #[cfg(target_arch = "x86_64")]
            Self::Vnni => unsafe { vnni::multiply(has_minimums, panel, tile, sums) },
            // SAFETY: the same.
            #[cfg(target_arch = "aarch64")]
            Self::Dotprod => unsafe { dotprod::multiply(has_minimums, panel, tile, sums) },
        }
    }
}

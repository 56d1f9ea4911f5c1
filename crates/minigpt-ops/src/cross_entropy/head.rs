//! The head: numbers, or a frozen weight whose rows become numbers tile by tile.

use std::ops::Range;

use crate::blocks::sum_rows;
use crate::frozen::FrozenWeight;
use crate::matrix::Matrix;
use crate::scratch::Scratch;
use crate::simd::{add, vectorized};

/// `[v, d]`.
#[derive(Clone, Copy)]
pub(super) enum Head<'a> {
    F32(&'a [f32]),
    Frozen(FrozenWeight<'a>),
}

impl<'a> Head<'a> {
    pub(super) fn vocab_size(self, d: usize) -> usize {
        let vocab_size = match self {
            Self::F32(head) => {
                assert_eq!(head.len() % d, 0, "cross-entropy: head is not [v, d]");
                head.len() / d
            }
            Self::Frozen(head) => {
                assert_eq!(head.from(), d, "cross-entropy: head is not [v, d]");
                head.to()
            }
        };
        assert!(vocab_size > 0, "cross-entropy: an empty vocabulary");
        vocab_size
    }

    /// Some rows, for which `room` may be taken.
    pub(super) fn rows<'r>(
        self,
        rows: Range<usize>,
        d: usize,
        room: &'r mut Option<Scratch>,
    ) -> &'r [f32]
    where
        'a: 'r,
    {
        match self {
            Self::F32(head) => &head[rows.start * d..rows.end * d],
            Self::Frozen(head) => {
                let len = rows.len() * d;
                let room = room.get_or_insert_with(|| Scratch::new(len));
                head.rows(rows, &mut room[..len]);
                &room[..len]
            }
        }
    }

    /// Some rows, where they lie in memory.
    pub(super) fn in_memory(self, rows: Range<usize>, d: usize) -> Matrix<'a> {
        match self {
            Self::F32(head) => Matrix::new(&head[rows.start * d..rows.end * d], rows.len(), d),
            Self::Frozen(_) => Matrix::empty(),
        }
    }

    /// One row, for which `room` may be taken.
    pub(super) fn row<'r>(self, row: usize, room: &'r mut [f32]) -> &'r [f32]
    where
        'a: 'r,
    {
        match self {
            Self::F32(head) => &head[row * room.len()..][..room.len()],
            Self::Frozen(head) => {
                head.rows(row..row + 1, room);
                room
            }
        }
    }

    /// The sum of all rows.
    pub(super) fn sum(self, sum: &mut [f32]) {
        match self {
            Self::F32(head) => sum_rows(head, sum),
            Self::Frozen(head) => {
                let mut row = vec![0.0; sum.len()];
                sum.fill(0.0);
                for index in 0..head.to() {
                    head.rows(index..index + 1, &mut row);
                    vectorized!(add(sum, &row));
                }
            }
        }
    }
}

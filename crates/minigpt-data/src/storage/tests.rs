#![allow(clippy::unwrap_used)]

use super::{Shard, TokenWidth, Tokens};
use proptest::prelude::*;

proptest! {
    #[test]
    fn shards_read_as_one_stream(
        lens in prop::collection::vec(1_usize..9, 1..6),
        wide in any::<bool>(),
        (from, to) in (0_usize..50, 0_usize..50),
    ) {
        let (width, base) =
            if wide { (TokenWidth::U32, 70_000) } else { (TokenWidth::U16, 65_000) };
        let folder = tempfile::tempdir().unwrap();
        let (mut all, mut shards) = (Vec::new(), Vec::new());
        for (number, len) in lens.into_iter().enumerate() {
            let start = all.len();
            all.extend((start..start + len).map(|id| base + id as u32));
            let path = folder.path().join(number.to_string());
            let mut bytes = Vec::new();
            width.append(&all[start..], &mut bytes);
            fs_err::write(&path, bytes).unwrap();
            shards.push(Shard::open(&path, start, len, width).unwrap());
        }
        let largest = shards.iter().filter_map(Shard::largest_id).max();
        prop_assert_eq!(largest, all.last().copied());
        let mapped = Tokens::Mapped(shards.into());
        prop_assert_eq!(mapped.len(), all.len());
        let to = to.min(all.len());
        let range = from.min(to)..to;
        let mut ids = Vec::new();
        mapped.copy(range.clone(), &mut ids);
        prop_assert_eq!(&ids, &all[range]);
    }
}

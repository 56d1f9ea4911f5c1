use super::*;
use rand::SeedableRng;

#[test]
fn at_least_half_of_the_mutants_keep_their_header() {
    let parquet: &[u8] = include_bytes!("../../../../fuzz/corpus/parquet/valid_pyarrow_dictionary");
    let lines = b"{\"text\": \"one\"}\n{\"text\": \"two\"}\n";
    let pickles = [MAGIC, b"\x80\x02M\xe9\x03.\x80\x02}."].concat();
    let kinds: [(Kind, &[u8]); 6] = [
        (Kind::Text, b"It was a text of two lines.\nIt was a text of two lines.\n"),
        (Kind::Json, b"{\"a\": [1, 2], \"b\": \"text\"}"),
        (Kind::JsonLines, lines),
        (Kind::Pickles, &pickles),
        (Kind::Parquet, parquet),
        (Kind::Binary, &[7; 100]),
    ];
    for (kind, seed) in kinds {
        assert!(kind.has_header(&kind.whole(seed), seed), "{kind:?}");
        let mutants =
            (0..200).map(|number| kind.mutated(seed, &mut ChaCha8Rng::seed_from_u64(number)));
        let with_header = mutants.filter(|mutant| kind.has_header(mutant, seed)).count();
        assert!(with_header >= 110, "{kind:?}: {with_header} of 200");
    }
}

use super::*;
use rand::SeedableRng;
use std::io::Read;

const ALL: [Packing; 3] = [Packing::Gzip, Packing::Xz, Packing::Zstd];

#[test]
fn gzip_packs_what_it_was_given() {
    let mut text = String::new();
    flate2::read::GzDecoder::new(&gzip(b"a text")[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, "a text");
}

#[test]
fn most_mutants_keep_their_header() {
    for packing in ALL {
        assert!(packing.has_header(&packing.pack(b"It was a long text, and a good one.")));
        let text = b"It was a long text, and a good one.\n".repeat(10);
        let mutants =
            (0..80).map(|seed| packing.mutated(&text, &mut ChaCha8Rng::seed_from_u64(seed)));
        let with_header = mutants.filter(|mutant| packing.has_header(mutant)).count();
        assert!(with_header > 48, "{packing:?}: {with_header}");
    }
}

#[test]
fn a_small_file_has_a_long_text() {
    let packed = Packing::Zstd.full_of(b"a", &mut ChaCha8Rng::seed_from_u64(0));
    assert!(packed.len() < 1000 && Packing::Zstd.has_header(&packed));
}

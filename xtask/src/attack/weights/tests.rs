use super::*;
use rand::SeedableRng;

fn files() -> Vec<(String, Vec<u8>)> {
    let pickle = b"\x80\x02}(X\x01\x00\x00\x00aK\x07ctorch\nX\nu.".to_vec();
    vec![("archive/data.pkl".to_owned(), pickle), ("archive/data/0".to_owned(), vec![0; 64])]
}

#[test]
fn an_archive_has_what_went_into_it() {
    assert_eq!(unzip(&zip(&files())), Some(files()));
    assert_eq!(unzip(b"no archive"), None);
}

#[test]
fn opcodes_are_whole() {
    let pickle = &files()[0].1;
    let opcodes = opcodes(pickle);
    assert_eq!(&opcodes.concat(), pickle);
    assert_eq!(opcodes[3], b"X\x01\x00\x00\x00a");
    assert_eq!(opcodes[5], b"ctorch\nX\n");
}

#[test]
fn most_mutants_keep_their_header() {
    let archive = zip(&files());
    let tensors = with_header(br#"{"a": {"shape": [1]}}"#, &[0; 64]);
    let count = |mutant: &dyn Fn(u64) -> bool| (0..200).filter(|seed| mutant(*seed)).count();
    let random = ChaCha8Rng::seed_from_u64;
    let zips = count(&|seed| unzip(&mutated_archive(&archive, &mut random(seed))).is_some());
    let headers = count(&|seed| {
        let mutant = mutated_safetensors(&tensors, &mut random(seed));
        let header = safetensors(&mutant).map(|(header, _)| header.to_vec());
        header.is_some_and(|header| serde_json::from_slice::<serde_json::Value>(&header).is_ok())
    });
    assert!(zips > 120 && headers > 120, "{zips} {headers}");
}

#![no_main]

#[path = "../readers/index.rs"]
mod index;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    index::index(bytes);
});

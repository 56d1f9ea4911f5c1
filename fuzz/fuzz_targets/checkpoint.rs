#![no_main]

#[path = "../readers/checkpoint.rs"]
mod checkpoint;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    checkpoint::checkpoint(bytes);
});

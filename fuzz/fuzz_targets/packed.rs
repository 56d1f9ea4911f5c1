#![no_main]

#[path = "../readers/packed.rs"]
mod packed;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    packed::packed(bytes);
});

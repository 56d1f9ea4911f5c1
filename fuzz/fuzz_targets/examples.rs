#![no_main]

#[path = "../readers/examples.rs"]
mod examples;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    examples::examples(bytes);
});

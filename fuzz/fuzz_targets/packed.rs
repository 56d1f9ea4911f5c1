#![no_main]

#[path = "../readers/packed.rs"]
mod packed;

libfuzzer_sys::fuzz_target!(init: minigpt_fuzz::let_caught_panics_pass(), |bytes: &[u8]| {
    packed::packed(bytes);
});

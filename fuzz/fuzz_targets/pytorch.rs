#![no_main]

#[path = "../readers/pytorch.rs"]
mod pytorch;

libfuzzer_sys::fuzz_target!(init: minigpt_fuzz::let_caught_panics_pass(), |bytes: &[u8]| {
    pytorch::pytorch(bytes);
});

#![no_main]

#[path = "../readers/pytorch.rs"]
mod pytorch;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pytorch::pytorch(bytes);
});

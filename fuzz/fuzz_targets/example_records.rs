#![no_main]

#[path = "../readers/example_records.rs"]
mod example_records;

libfuzzer_sys::fuzz_target!(init: minigpt_fuzz::let_caught_panics_pass(), |bytes: &[u8]| {
    example_records::example_records(bytes);
});

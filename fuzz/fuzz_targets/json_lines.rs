#![no_main]

#[path = "../readers/json_lines.rs"]
mod json_lines;

libfuzzer_sys::fuzz_target!(init: minigpt_fuzz::let_caught_panics_pass(), |bytes: &[u8]| {
    json_lines::json_lines(bytes);
});

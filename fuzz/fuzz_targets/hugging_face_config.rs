#![no_main]

#[path = "../readers/hugging_face_config.rs"]
mod hugging_face_config;

libfuzzer_sys::fuzz_target!(init: minigpt_fuzz::let_caught_panics_pass(), |bytes: &[u8]| {
    hugging_face_config::hugging_face_config(bytes);
});

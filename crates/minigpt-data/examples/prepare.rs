//! Tokenizes a source once into memory-mapped shards and says what is in them:
//!
//! ```sh
//! cargo run --release -p minigpt-data --example prepare -- books/ gpt2 /tmp/tokens
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::Path;
use std::time::Instant;

use minigpt_data::{DataError, ReadOptions, Source, TokenStore, TokenizerSpec};

fn main() -> Result<(), DataError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, tokenizer, root] = arguments.as_slice() else {
        eprintln!("usage: prepare <source> <tokenizer> <folder for the tokens>");
        return Ok(());
    };
    let start = Instant::now();
    let documents = source.parse::<Source>()?.open(&ReadOptions::default())?;
    let tokenizer: TokenizerSpec = tokenizer.parse()?;
    let store = TokenStore::prepare(Path::new(root), &documents, &tokenizer, &mut |progress| {
        eprint!("\r{progress:?} ");
    })?;
    println!("{} in {:.2} s", store.folder().display(), start.elapsed().as_secs_f64());
    for split in &store.manifest().splits {
        println!(
            "{}: {} documents, {} bytes, {} words, {} tokens in {} shards",
            split.split,
            split.documents,
            split.bytes,
            split.words,
            split.tokens,
            split.shards.len()
        );
    }
    Ok(())
}

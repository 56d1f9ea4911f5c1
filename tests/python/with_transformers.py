"""What transformers makes of a model folder, as JSON on standard output.

    with_transformers.py read FOLDER PROMPT TOKENS   reads FOLDER
    with_transformers.py write FOLDER OUT PROMPT TOKENS
        writes a random GPT-2 with FOLDER's tokenizer to OUT, in several files, and reads that
"""

import sys

import torch
from description import describe
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel


def write(folder, out):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(1)
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=64,
        n_layer=3,
        n_head=4,
        n_embd=48,
        n_inner=100,
        initializer_range=0.2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    model = GPT2LMHeadModel(config)
    # Biases and norms are zeros and ones at first: that would hide their exchange.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(out, max_shard_size="100KB")
    tokenizer.save_pretrained(out)


def read(folder, prompt, tokens):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    describe(model, tokenizer, prompt, tokens)


command, *arguments = sys.argv[1:]
if command == "write":
    folder, out, *arguments = arguments
    write(folder, out)
    arguments = [out, *arguments]
folder, prompt, tokens = arguments
read(folder, prompt, int(tokens))

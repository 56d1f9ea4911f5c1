"""What transformers makes of a model folder without a tokenizer, as JSON on standard output: with_ids.py FOLDER IDS

IDS is a JSON list of token ids.
"""

import json
import sys

import torch
from transformers import AutoModelForCausalLM

folder, ids = sys.argv[1:]
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
with torch.no_grad():
    logits = model(torch.tensor([json.loads(ids)])).logits[0]
json.dump(logits.flatten().tolist(), sys.stdout)

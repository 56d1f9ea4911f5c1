"""What transformers makes of model folders without tokenizers: with_ids.py IDS FOLDER...

IDS is a JSON list of token ids. Prints a JSON list with the logits that each folder's model has for them.
"""

import json
import sys

import torch
from transformers import AutoModelForCausalLM

ids, *folders = sys.argv[1:]
tokens = torch.tensor([json.loads(ids)])
logits = []
for folder in folders:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        logits.append(model(tokens).logits.flatten().tolist())
json.dump(logits, sys.stdout)

"""Held-out answers' perplexity of a model of a GGUF file before and after LoRA by Hugging Face's PEFT, with the recipe of
`minigpt finetune FILE.gguf --task instruct --data DATA --lora 16 --learning-rate 5e-4 --batch-size 8 --epochs 1
--dropout 0 --precision auto`.

    peft_instructions.py FILE.gguf instructions.json [--epochs 1] [--seed 1] [--precision bf16|f32]

The last tenth is held out. Instructions and answers stand in the model's own chat template; the loss counts answers and
their end. Prints JSON.
"""

import argparse
import json
import math
import os
import random
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
BATCH, POOL, RANK, RATE, WARM_UP = 8, 16, 16, 5e-4, 20
IGNORED = -100

parser = argparse.ArgumentParser()
parser.add_argument("file")
parser.add_argument("data")
parser.add_argument("--epochs", type=int, default=1)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--precision", choices=["f32", "bf16"], default="bf16")
args = parser.parse_args()

torch.manual_seed(args.seed)
torch.set_num_threads(os.cpu_count())
order = random.Random(args.seed)
folder, name = os.path.split(os.path.realpath(args.file))
tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
config = LoraConfig(task_type="CAUSAL_LM", r=RANK, lora_alpha=2 * RANK, target_modules=PROJECTIONS)
model = get_peft_model(model, config)


def example(record):
    asked = "\n\n".join(part for part in [record.get("input", ""), record["instruction"]] if part)
    messages = [{"role": "user", "content": asked}]
    prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    given = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    answer = tokenizer(record["output"], add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    return given + answer, [IGNORED] * len(given) + answer


def batch(examples):
    longest = max(len(ids) for ids, _ in examples)
    padded = lambda rows, fill: torch.tensor([row + [fill] * (longest - len(row)) for row in rows])
    return padded([ids for ids, _ in examples], 0), padded([labels for _, labels in examples], IGNORED)


def nats(examples):
    ids, labels = batch(examples)
    # What stands after a shorter row is read by none of its tokens.
    with torch.autocast("cpu", torch.bfloat16, enabled=args.precision == "bf16"):
        logits = model(input_ids=ids[:, :-1]).logits
    labels = labels[:, 1:].flatten()
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), labels, ignore_index=IGNORED, reduction="sum")
    return loss, (labels != IGNORED).sum().item()


def perplexity(examples):
    model.eval()
    with torch.no_grad():
        parts = [nats(examples[at : at + BATCH]) for at in range(0, len(examples), BATCH)]
    return math.exp(sum(loss.item() for loss, _ in parts) / sum(count for _, count in parts))


records = json.load(open(args.data))
examples = [example(record) for record in records]
held_out = math.ceil(len(examples) / 10)
train, valid = examples[:-held_out], sorted(examples[-held_out:], key=lambda row: len(row[0]))
trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=RATE, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.01)
steps = args.epochs * math.ceil(len(train) / BATCH)
factor = lambda step: (step + 1) / WARM_UP if step < WARM_UP else (steps - 1 - step) / (steps - 1 - WARM_UP)
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)

report = {"held_out": len(valid), "steps": steps, "before": perplexity(valid), "after": []}
began = time.time()
for _ in range(args.epochs):
    model.train()
    shuffled = order.sample(train, len(train))
    # Batches of about one length, in an order of their own, as minigpt makes them.
    for first in range(0, len(shuffled), POOL * BATCH):
        pool = sorted(shuffled[first : first + POOL * BATCH], key=lambda row: len(row[0]))
        batches = [pool[at : at + BATCH] for at in range(0, len(pool), BATCH)]
        for part in order.sample(batches, len(batches)):
            loss, count = nats(part)
            optimizer.zero_grad(set_to_none=True)
            (loss / count).backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            schedule.step()
    report["after"].append(perplexity(valid))
report["seconds"] = time.time() - began
print(json.dumps(report))

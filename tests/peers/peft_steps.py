"""Seconds of a step of fine-tuning a Llama of a GGUF file with Hugging Face's transformers and PEFT, on the CPU.

    peft_steps.py FILE.gguf [--lora RANK] [--batch 4] [--context 256] [--precision f32|bf16] [--steps 6]

Prints what `minigpt bench --tune --json` prints. Memory is the process's peak: one run measures one thing.
"""

import argparse
import json
import os
import resource
import statistics
import time

import torch
from transformers import AutoModelForCausalLM

PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
WARM_UP = 2

parser = argparse.ArgumentParser()
parser.add_argument("file")
parser.add_argument("--lora", type=int)
parser.add_argument("--batch", type=int, default=4)
parser.add_argument("--context", type=int, default=256)
parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
parser.add_argument("--steps", type=int, default=6)
args = parser.parse_args()

torch.manual_seed(0)
torch.set_num_threads(os.cpu_count())
folder, name = os.path.split(os.path.realpath(args.file))
model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
if args.lora:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=args.lora, lora_alpha=2 * args.lora, target_modules=PROJECTIONS)
    model = get_peft_model(model, config)
model.train()
trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=1e-4)
ids = torch.randint(0, model.config.vocab_size, (args.batch, args.context))

seconds, faults = [], []
for _ in range(args.steps + WARM_UP):
    began = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=args.precision == "bf16"):
        loss = model(input_ids=ids, labels=ids).loss
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    seconds.append(time.perf_counter() - began)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)

median = statistics.median(seconds[WARM_UP:])
print(json.dumps({
    "parameters": sum(parameter.numel() for parameter in trained),
    "seconds_per_step": median,
    "tokens_per_second": args.batch * args.context / median,
    "peak_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "page_faults_per_step": (faults[-1] - faults[WARM_UP - 1]) / args.steps,
}))

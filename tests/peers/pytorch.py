"""The training step that `cargo xtask bench --peer PYTHON` compares minigpt's with, in PyTorch on the CPU.

A GPT-2 of the given shape as PyTorch's users would write it (fused attention, tanh GELU, tied head, fused AdamW
with decay on matrices, global-norm limit), on random tokens. Prints one JSON object: median seconds of a step,
tokens a second, the process's highest memory in MiB, and page faults a step.

    python3 -m venv peers && peers/bin/pip install torch numpy
    peers/bin/python tests/peers/pytorch.py --vocab 4096 --compile
"""

import argparse
import json
import resource
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F


def arguments():
    parser = argparse.ArgumentParser()
    for name, default in dict(vocab=50257, context=128, layers=4, heads=8, width=256, batch=16, steps=6).items():
        parser.add_argument("--" + name, type=int, default=default)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    return parser.parse_args()


class Attention(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.heads, self.dropout = heads, dropout

    def forward(self, x):
        batch, time, width = x.shape
        qkv = self.c_attn(x).view(batch, time, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # [batch, heads, time, head_size] each
        mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout, is_causal=True)
        return self.c_proj(mixed.transpose(1, 2).reshape(batch, time, width))


class Block(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width, heads, dropout)
        self.c_fc, self.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x):
        x = x + self.drop(self.attn(self.ln_1(x)))
        return x + self.drop(self.c_proj(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh")))


class Gpt(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(a.vocab, a.width), nn.Embedding(a.context, a.width)
        self.h = nn.ModuleList(Block(a.width, a.heads, a.dropout) for _ in range(a.layers))
        self.ln_f, self.drop = nn.LayerNorm(a.width), nn.Dropout(a.dropout)
        # At N(0, 1) the logits are huge, and every framework slows down in denormals.
        for weight in self.parameters():
            if weight.dim() == 2:
                nn.init.normal_(weight, std=0.02)

    def forward(self, tokens, targets):
        positions = torch.arange(tokens.shape[1])
        x = self.drop(self.wte(tokens) + self.wpe(positions))
        for block in self.h:
            x = block(x)
        logits = F.linear(self.ln_f(x), self.wte.weight)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def main():
    a = arguments()
    torch.manual_seed(0)
    torch.set_num_threads(a.threads)
    model = Gpt(a)
    groups = [[p for p in model.parameters() if (p.dim() == 2) == decays] for decays in (True, False)]
    optimizer = torch.optim.AdamW(
        [{"params": group, "weight_decay": decay} for group, decay in zip(groups, (0.1, 0.0))], lr=3e-4, fused=True
    )
    loss_of = torch.compile(model) if a.compile else model

    def step():
        tokens, targets = torch.randint(a.vocab, (2, a.batch, a.context))
        began = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=a.precision == "bf16"):
            loss = loss_of(tokens, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss.item()
        return time.perf_counter() - began

    step(), step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    seconds = statistics.median([step() for _ in range(a.steps)])
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds_per_step": seconds,
        "tokens_per_second": a.batch * a.context / seconds,
        "peak_memory": usage.ru_maxrss / 1024,
        "page_faults_per_step": (usage.ru_minflt - before) / a.steps,
    }))


main()

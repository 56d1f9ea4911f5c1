"""The training step that `cargo xtask bench --peer PYTHON` compares minigpt's with, in PyTorch on the CPU;
`cargo xtask gpu --peer PYTHON` runs it with --device cuda on a card.

A GPT-2 of the given shape, or with --model a Llama, as PyTorch's users would write it (fused attention, tanh GELU
or SwiGLU, tied head, fused AdamW with decay on matrices, global-norm limit), on random tokens. Prints one JSON object: median seconds of a step,
tokens a second, the process's highest memory in MiB, page faults a step, and of a card its name and what tensors took of
its memory.

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


# Of the Llama family: their own sizes, inner the width inside a block.
PUBLISHED = {
    "smollm2-135m": dict(vocab=49152, layers=30, heads=9, kv_heads=3, width=576, inner=1536, rotary_base=100000.0),
}


def arguments():
    parser = argparse.ArgumentParser()
    for name, default in dict(vocab=50257, context=128, layers=4, heads=8, width=256, batch=16, steps=6).items():
        parser.add_argument("--" + name, type=int, default=default)
    parser.add_argument("--model", choices=PUBLISHED)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.exit(1, f"error: PyTorch {torch.__version__} finds no CUDA device\n")
    for name, size in PUBLISHED.get(arguments.model, {}).items():
        setattr(arguments, name, size)
    return arguments


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
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.drop(self.wte(tokens) + self.wpe(positions))
        for block in self.h:
            x = block(x)
        logits = F.linear(self.ln_f(x), self.wte.weight)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


class LlamaAttention(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.heads, self.kv_heads, self.size = a.heads, a.kv_heads, a.width // a.heads
        self.q_proj = nn.Linear(a.width, a.width, bias=False)
        self.k_proj = nn.Linear(a.width, self.kv_heads * self.size, bias=False)
        self.v_proj = nn.Linear(a.width, self.kv_heads * self.size, bias=False)
        self.o_proj = nn.Linear(a.width, a.width, bias=False)
        self.dropout = a.dropout

    def forward(self, x, cos, sin):
        batch, time, width = x.shape
        of_heads = lambda t, heads: t.view(batch, time, heads, self.size).transpose(1, 2)
        q = of_heads(self.q_proj(x), self.heads)
        k, v = (of_heads(proj(x), self.kv_heads) for proj in (self.k_proj, self.v_proj))
        q, k = (t * cos + torch.cat((-t[..., self.size // 2 :], t[..., : self.size // 2]), -1) * sin for t in (q, k))
        # As transformers repeats them; enable_gqa falls back to a slower body on a CPU.
        k, v = (t.repeat_interleave(self.heads // self.kv_heads, 1) for t in (k, v))
        mixed = F.scaled_dot_product_attention(q.to(v.dtype), k.to(v.dtype), v, dropout_p=self.dropout, is_causal=True)
        return self.o_proj(mixed.transpose(1, 2).reshape(batch, time, width))


class LlamaBlock(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = nn.RMSNorm(a.width, 1e-5), nn.RMSNorm(a.width, 1e-5)
        self.self_attn = LlamaAttention(a)
        self.gate_proj, self.up_proj = (nn.Linear(a.width, a.inner, bias=False) for _ in range(2))
        self.down_proj = nn.Linear(a.inner, a.width, bias=False)

    def forward(self, x, cos, sin):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        x_norm = self.post_attention_layernorm(x)
        return x + self.down_proj(F.silu(self.gate_proj(x_norm)) * self.up_proj(x_norm))


class Llama(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.embed_tokens = nn.Embedding(a.vocab, a.width)
        self.layers = nn.ModuleList(LlamaBlock(a) for _ in range(a.layers))
        self.norm = nn.RMSNorm(a.width, 1e-5)
        size = a.width // a.heads
        rates = a.rotary_base ** (-torch.arange(0, size, 2) / size)
        angles = torch.arange(a.context)[:, None] * torch.cat((rates, rates))
        self.register_buffer("cos", angles.cos()), self.register_buffer("sin", angles.sin())
        for weight in self.parameters():
            if weight.dim() == 2:
                nn.init.normal_(weight, std=0.02)

    def forward(self, tokens, targets):
        x = self.embed_tokens(tokens)
        for layer in self.layers:
            x = layer(x, self.cos, self.sin)
        logits = F.linear(self.norm(x), self.embed_tokens.weight)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def main():
    a = arguments()
    torch.manual_seed(0)
    torch.set_num_threads(a.threads)
    model = (Llama(a) if a.model else Gpt(a)).to(a.device)
    # A card works on while Python goes on: the clock stops when it is done.
    synchronize = torch.cuda.synchronize if a.device == "cuda" else lambda: None
    groups = [[p for p in model.parameters() if (p.dim() == 2) == decays] for decays in (True, False)]
    optimizer = torch.optim.AdamW(
        [{"params": group, "weight_decay": decay} for group, decay in zip(groups, (0.1, 0.0))], lr=3e-4, fused=True
    )
    loss_of = torch.compile(model) if a.compile else model

    def step():
        tokens, targets = torch.randint(a.vocab, (2, a.batch, a.context), device=a.device)
        synchronize()
        began = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(a.device, torch.bfloat16, enabled=a.precision == "bf16"):
            loss = loss_of(tokens, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss.item()
        synchronize()
        return time.perf_counter() - began

    step(), step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    seconds = statistics.median([step() for _ in range(a.steps)])
    usage = resource.getrusage(resource.RUSAGE_SELF)
    of_card = {} if a.device == "cpu" else {
        "device": torch.cuda.get_device_name(),
        "device_memory": torch.cuda.max_memory_reserved() / 2**20,
    }
    print(json.dumps({
        "torch": torch.__version__,
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds_per_step": seconds,
        "tokens_per_second": a.batch * a.context / seconds,
        "peak_memory": usage.ru_maxrss / 1024,
        "page_faults_per_step": (usage.ru_minflt - before) / a.steps,
        **of_card,
    }))


main()

"""What peft makes of a LoRA adapter of a model folder, as JSON on standard output.

    with_peft.py read BASE ADAPTER PROMPT TOKENS    reads ADAPTER onto BASE
    with_peft.py write BASE ADAPTER PROMPT TOKENS   writes a random adapter first
"""

import sys

import torch
from description import describe
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer


def write(base, adapter):
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=3,
        lora_alpha=7,
        lora_dropout=0.1,
        target_modules=["c_attn", "mlp.c_proj"],
        fan_in_fan_out=True,
    )
    torch.manual_seed(1)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    # One factor is zero at first: that would hide the exchange.
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    model.save_pretrained(adapter)


def read(base, adapter, prompt, tokens):
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter).eval()
    describe(model, tokenizer, prompt, tokens)


command, base, adapter, prompt, tokens = sys.argv[1:]
if command == "write":
    write(base, adapter)
read(base, adapter, prompt, int(tokens))

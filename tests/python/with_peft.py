"""What peft makes of a LoRA adapter of a model folder, as JSON on standard output.

    with_peft.py read BASE ADAPTER PROMPT TOKENS    reads ADAPTER onto BASE
    with_peft.py write BASE ADAPTER PROMPT TOKENS   makes a random adapter and writes it to ADAPTER
    with_peft.py dora …                             the same, with the lengths of columns

What is written is not read again here: peft 0.21.2 leaves lm_head out of the targets that it writes, and then
does not adapt it when it reads them, though it did before.
"""

import sys

import torch
from description import describe
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer


KINDS = {
    # The head is a second use of wte, and adapted as such.
    "write": {"target_modules": ["c_attn", "mlp.c_proj", "wte", "lm_head"], "ensure_weight_tying": True},
    "dora": {"target_modules": ["c_attn", "mlp.c_proj"], "use_dora": True},
}


def write(base, adapter):
    config = LoraConfig(
        task_type="CAUSAL_LM", r=3, lora_alpha=7, lora_dropout=0.1, fan_in_fan_out=True, **KINDS[command]
    )
    torch.manual_seed(1)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    # One factor is zero at first: that would hide the exchange.
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    model.save_pretrained(adapter)
    return model


def read(base, adapter):
    return PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter)


command, base, adapter, prompt, tokens = sys.argv[1:]
model = (read if command == "read" else write)(base, adapter)
describe(model.eval(), AutoTokenizer.from_pretrained(base), prompt, int(tokens))

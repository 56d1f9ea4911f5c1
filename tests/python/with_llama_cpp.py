"""What llama.cpp writes greedily with a GGUF file, as JSON: with_llama_cpp.py FILE PROMPT TOKENS [QUESTION]

A question is put by the file's chat template.
"""

import json
import sys

import xllamacpp

file, prompt, tokens, *questions = sys.argv[1:]
parameters = xllamacpp.CommonParams()
parameters.model.path = file
# Keys and values in 32 bits, as the weights: 16 could tip a close decision.
parameters.cache_type_k = parameters.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
server = xllamacpp.Server(parameters)
limits = {"max_tokens": int(tokens), "temperature": 0.0}
completion = server.handle_completions({"prompt": prompt, **limits})
described = {"text": prompt + completion["choices"][0]["text"]}
for question in questions:
    request = {"messages": [{"role": "user", "content": question}], **limits}
    answer = server.handle_chat_completions(request)
    described["answer"] = answer["choices"][0]["message"]["content"]
json.dump(described, sys.stdout)

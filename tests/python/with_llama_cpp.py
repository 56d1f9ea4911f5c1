"""What llama.cpp writes greedily with a GGUF file: with_llama_cpp.py FILE PROMPT TOKENS"""

import json
import sys

import xllamacpp

file, prompt, tokens = sys.argv[1:]
parameters = xllamacpp.CommonParams()
parameters.model.path = file
# Keys and values in 32 bits, as the weights: 16 could tip a close decision.
parameters.cache_type_k = parameters.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
server = xllamacpp.Server(parameters)
request = {"prompt": prompt, "max_tokens": int(tokens), "temperature": 0.0}
answer = server.handle_completions(request)
json.dump({"text": prompt + answer["choices"][0]["text"]}, sys.stdout)

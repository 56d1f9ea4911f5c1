"""llama.cpp's server on a GGUF file, until its input ends; the first line is its address:

llama_server.py FILE THREADS TEXTS CONTEXT

TEXTS is how many it writes at once, CONTEXT the tokens of each.
"""

import sys

import xllamacpp

file, *numbers = sys.argv[1:]
threads, texts, context = map(int, numbers)
parameters = xllamacpp.CommonParams()
parameters.model.path = file
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
parameters.n_parallel = texts
parameters.n_ctx = texts * context
parameters.port = 0
server = xllamacpp.Server(parameters)
print(server.listening_address, flush=True)
sys.stdin.read()

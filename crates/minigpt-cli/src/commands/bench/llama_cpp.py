"""How fast llama.cpp reads and writes with a GGUF file, as JSON: llama_cpp.py FILE THREADS PROMPT TOKENS TEXTS

PROMPT and TOKENS are numbers of tokens, TEXTS how many texts are written at once.
"""

import json
import sys
import threading
import time

began = time.perf_counter()
import xllamacpp

file, *numbers = sys.argv[1:]
threads, prompt, tokens, texts = map(int, numbers)
parameters = xllamacpp.CommonParams()
parameters.model.path = file
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
parameters.n_parallel = texts
parameters.n_ctx = texts * (prompt + tokens + 8)
parameters.warmup = True
server = xllamacpp.Server(parameters)
loaded = time.perf_counter()


def write(ids, count):
    return server.handle_completions(
        {
            "prompt": ids,
            "max_tokens": count,
            "n_predict": count,
            "temperature": 0.0,
            "ignore_eos": True,
            "cache_prompt": False,
        }
    )


def ids(first, count):
    return [1000 + (first + 7919 * i) % 20000 for i in range(count)]


# The first token of a short prompt, with all that was done before.
write(ids(0, 20), 1)
first = time.perf_counter()


def most(name, count, n, repeats=3):
    found = []
    for repeat in range(repeats):
        found.append(write(ids(repeat, count), n)["timings"][name])
    return sorted(found)[len(found) // 2]


report = {
    "system": xllamacpp.get_system_info(),
    "first_token_seconds": first - began,
    "load_seconds": loaded - began,
    "prompt_tokens_per_second": most("prompt_per_second", prompt, 1),
    "tokens_per_second": most("predicted_per_second", 8, tokens),
}
speeds = []
for repeat in range(2):
    began = time.perf_counter()
    writers = [threading.Thread(target=write, args=(ids(i, 8), tokens)) for i in range(texts)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    speeds.append(texts * tokens / (time.perf_counter() - began))
report["texts_tokens_per_second"] = max(speeds)
with open("/proc/self/status") as status:
    peak = next(line for line in status if line.startswith("VmHWM:"))
report["peak_memory"] = int(peak.split()[1]) / 1024
json.dump(report, sys.stdout)

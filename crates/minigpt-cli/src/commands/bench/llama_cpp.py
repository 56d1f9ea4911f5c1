"""How fast llama.cpp reads and writes with a GGUF file, as JSON:

llama_cpp.py writing FILE THREADS VOCABULARY PROMPT TOKENS TEXTS
llama_cpp.py contexts FILE THREADS VOCABULARY TOKENS LENGTH...

PROMPT, TOKENS and LENGTH are numbers of tokens, TEXTS how many texts are written at once. The second one times the
last TOKENS tokens of one text of each length.
"""

import json
import sys
import threading
import time

import xllamacpp

what, file, *numbers = sys.argv[1:]
threads, vocabulary, *numbers = map(int, numbers)


def serve(warm, texts, context):
    parameters = xllamacpp.CommonParams()
    parameters.model.path = file
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    parameters.n_parallel = texts
    parameters.n_ctx = texts * context
    parameters.warmup = warm
    return xllamacpp.Server(parameters)


def write(server, ids, count, cache_prompt=False):
    limits = {"max_tokens": count, "n_predict": count, "temperature": 0.0}
    return server.handle_completions(
        {"prompt": ids, "ignore_eos": True, "cache_prompt": cache_prompt, **limits}
    )


def ids(first, count):
    return [(first + 7919 * i) % vocabulary for i in range(count)]


def median(measure):
    return sorted(measure(i) for i in range(3))[1]


def writing(prompt, tokens, texts):
    def first_token(_):
        began = time.perf_counter()
        server = serve(False, 1, 64)
        write(server, ids(0, 20), 1)
        return time.perf_counter() - began

    first = median(first_token)
    server = serve(True, texts, max(prompt, tokens + 8) + 8)

    def together(_):
        began = time.perf_counter()
        writers = [
            threading.Thread(target=write, args=(server, ids(i, 8), tokens)) for i in range(texts)
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        return texts * tokens / (time.perf_counter() - began)

    def timed(name, count, n):
        return median(lambda i: write(server, ids(i, count), n)["timings"][name])

    report = {
        "first_token_seconds": first,
        "prompt_tokens_per_second": timed("prompt_per_second", prompt, 1),
        "tokens_per_second": timed("predicted_per_second", 8, tokens),
        "texts_tokens_per_second": median(together),
        "peak_memory": None,
    }
    try:
        with open("/proc/self/status") as status:
            peak = next(line for line in status if line.startswith("VmHWM:"))
        report["peak_memory"] = int(peak.split()[1]) / 1024
    except OSError:
        pass
    return report


def contexts(tokens, *lengths):
    server = serve(True, 1, max(lengths) + 8)

    def timed(length):
        before = ids(0, length - tokens)
        speed = lambda _: write(server, before, tokens, True)["timings"]["predicted_per_second"]
        return median(speed)

    return {"tokens_per_second": [timed(length) for length in lengths]}


report = {"writing": writing, "contexts": contexts}[what](*numbers)
json.dump({"system": xllamacpp.get_system_info(), **report}, sys.stdout)

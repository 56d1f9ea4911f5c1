"""How a server of OpenAI's API holds out under load, as JSON:

serve_load.py URL CLIENTS SECONDS [TOKENS]

Each client asks for one streamed completion after the other, with prompts that differ from their first word, until the
seconds are over. Tokens are the server's own count; a refusal (429) is waited for as it asks.
"""

import asyncio
import json
import sys
import time
import urllib.request
from urllib.parse import urlsplit

url, clients, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
tokens = int(sys.argv[4]) if len(sys.argv) > 4 else 64
address = urlsplit(url)
with urllib.request.urlopen(url + "/v1/models") as models:
    model = json.load(models)["data"][0]["id"]

TOPICS = ["rivers", "bread", "the moon", "old maps", "bees", "trains", "chess", "the sea"]
# About 60 tokens.
PROMPT = (
    "{topic} ({number}). The following is a short and careful account of the matter, written for readers who know "
    "nothing of it yet. It begins with what everybody can see, goes on to what was found out later, and ends with a "
    "question that is still open:"
)


async def ask(number):
    """One completion: status, tokens, seconds to the first text, seconds in all."""
    body = json.dumps(
        {
            "model": model,
            "prompt": PROMPT.format(topic=TOPICS[number % len(TOPICS)], number=number),
            "max_tokens": tokens,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ).encode()
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        head = f"POST /v1/completions HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        status = int((await reader.readline()).split()[1])
        wait = 1.0
        while (line := await reader.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"retry-after:"):
                wait = float(line.split(b":")[1])
        first, written = None, 0
        while line := await reader.readline():
            if not line.startswith(b"data: {"):
                continue
            chunk = json.loads(line[6:])
            if first is None and any(choice.get("text") for choice in chunk.get("choices", [])):
                first = time.perf_counter() - began
            if chunk.get("usage"):
                written = chunk["usage"]["completion_tokens"]
        return status, written, first, time.perf_counter() - began, wait
    finally:
        writer.close()


async def client(place, until, results):
    number = place
    while time.perf_counter() < until:
        try:
            answer = await ask(number)
        except (OSError, ValueError, IndexError, asyncio.IncompleteReadError) as error:
            answer = (repr(error), 0, None, 0.0, 1.0)
        results.append((place, *answer))
        if answer[0] != 200:
            await asyncio.sleep(answer[4])
        number += clients


async def load():
    results = []
    await ask(10**6)  # warm
    began = time.perf_counter()
    until = began + seconds
    await asyncio.gather(*(client(place, until, results) for place in range(clients)))
    took = time.perf_counter() - began
    good = [result for result in results if result[1] == 200]
    firsts = sorted(result[3] for result in good if result[3] is not None)
    each = [sum(1 for result in good if result[0] == place) for place in range(clients)]
    pick = lambda part: firsts[min(len(firsts) - 1, int(part * len(firsts)))] if firsts else None
    return {
        "clients": clients,
        "seconds": took,
        "requests": len(good),
        "refused": sum(1 for result in results if result[1] == 429),
        "errors": sorted({str(result[1]) for result in results if result[1] not in (200, 429)}),
        "tokens_per_second": sum(result[2] for result in good) / took,
        "first_token_seconds": pick(0.5),
        "first_token_seconds_95": pick(0.95),
        "fewest_of_a_client": min(each),
    }


print(json.dumps(asyncio.run(load())))

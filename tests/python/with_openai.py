"""The Python package openai as a client of `minigpt serve`: exits with an error where something is not as it expects.

    with_openai.py ADDRESS CHAT_MODEL PLAIN_MODEL PROMPT GREEDY_TEXT

PLAIN_MODEL continues PROMPT greedily by GREEDY_TEXT, in 12 tokens.
"""

import math
import sys
import threading
import time
import urllib.request

import openai

address, chat_model, plain_model, prompt, greedy_text = sys.argv[1:]
client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
question = [{"role": "user", "content": "Who walked to the sea?"}]


def models():
    assert [model.id for model in client.models.list()] == [chat_model, plain_model]
    assert client.models.retrieve(chat_model).owned_by == "minigpt"


def completions():
    whole = client.completions.create(model=plain_model, prompt=prompt, max_tokens=12, temperature=0)
    assert whole.choices[0].text == greedy_text, whole
    assert whole.choices[0].finish_reason == "length"
    assert whole.usage.completion_tokens == 12
    chunks = client.completions.create(
        model=plain_model, prompt=prompt, max_tokens=12, temperature=0, stream=True
    )
    assert "".join(chunk.choices[0].text for chunk in chunks) == greedy_text
    several = client.completions.create(model=plain_model, prompt=[prompt, "Emma"], n=3, max_tokens=5, seed=1)
    assert [choice.index for choice in several.choices] == list(range(6))
    again = client.completions.create(model=plain_model, prompt="Emma", max_tokens=5, seed=4)
    assert again.choices[0].text == several.choices[3].text


def completion_log_probabilities():
    answer = client.completions.create(model=plain_model, prompt=prompt, max_tokens=12, temperature=0, logprobs=5)
    told = answer.choices[0].logprobs
    assert "".join(told.tokens) == greedy_text
    for token, own, top in zip(told.tokens, told.token_logprobs, told.top_logprobs, strict=True):
        assert len(top) == 5 and math.isclose(top[token], own)
        assert own == max(top.values()) and sum(map(math.exp, top.values())) < 1.001
    assert told.text_offset[:2] == [len(prompt), len(prompt) + len(told.tokens[0])]


def chats():
    arguments = dict(model=chat_model, messages=question, max_completion_tokens=10, seed=5, temperature=0.8)
    whole = client.chat.completions.create(**arguments)
    assert whole.choices[0].message.role == "assistant"
    chunks = list(client.chat.completions.create(**arguments, stream=True, stream_options={"include_usage": True}))
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(texts) == whole.choices[0].message.content
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    told = client.chat.completions.create(**arguments, logprobs=True, top_logprobs=2).choices[0].logprobs
    # A model that learnt little breaks its characters, here and there alike.
    bytes_told = b"".join(bytes(token.bytes) for token in told.content)
    assert bytes_told.decode(errors="replace") == whole.choices[0].message.content
    assert all(len(token.top_logprobs) == 2 for token in told.content)


def embeddings():
    texts = ["Anne walked to the sea.", "Emma bought a hat."]
    in_base64 = client.embeddings.create(model=plain_model, input=texts).data
    in_floats = client.embeddings.create(model=plain_model, input=texts, encoding_format="float").data
    for ours, theirs in zip(in_base64, in_floats, strict=True):
        assert all(math.isclose(a, b, abs_tol=1e-6) for a, b in zip(ours.embedding, theirs.embedding, strict=True))
        assert math.isclose(math.hypot(*ours.embedding), 1, abs_tol=1e-5)


def refused(kind, **arguments):
    arguments = {"model": chat_model, "messages": question, **arguments}
    try:
        client.chat.completions.create(**arguments)
    except kind as error:
        return error
    raise AssertionError(f"{arguments} was not refused")


def errors():
    assert refused(openai.NotFoundError, model="gpt-5").code == "model_not_found"
    assert refused(openai.BadRequestError, temperature=3).param == "temperature"
    assert refused(openai.BadRequestError, model=plain_model).param == "model"
    assert refused(openai.BadRequestError, reasoning_effort="low").code == "unsupported_parameter"
    long = [{"role": "user", "content": "the sea " * 1000}]
    assert refused(openai.BadRequestError, messages=long).code == "context_length_exceeded"
    too_large = [{"role": "user", "content": "a" * 2_000_000}]
    assert refused(openai.APIStatusError, messages=too_large).status_code == 413


def running():
    metrics = urllib.request.urlopen(f"{address}/metrics").read().decode().splitlines()
    (line,) = [line for line in metrics if line.startswith("minigpt_texts_running ")]
    return int(line.split()[1])


def cancelling():
    stream = client.completions.create(model=plain_model, prompt=prompt, max_tokens=4000, n=4, stream=True)
    next(iter(stream))
    assert running() == 4
    stream.close()
    for _ in range(200):
        if running() == 0:
            return
        time.sleep(0.01)
    raise AssertionError("it still writes")


def among_others():
    """The same greedy text while 16 others are written."""
    others = [
        threading.Thread(
            target=client.completions.create,
            kwargs=dict(model=plain_model, prompt=f"{prompt}{'!' * n}", max_tokens=200, seed=n),
        )
        for n in range(16)
    ]
    for other in others:
        other.start()
    for _ in range(5):
        answer = client.completions.create(model=plain_model, prompt=prompt, max_tokens=12, temperature=0)
        assert answer.choices[0].text == greedy_text, answer
    for other in others:
        other.join()


for check in [
    models,
    completions,
    completion_log_probabilities,
    chats,
    embeddings,
    errors,
    cancelling,
    among_others,
]:
    check()
    print(check.__name__)

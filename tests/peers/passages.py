"""What passages are worth to a model, with a paired 95 % interval, and how many of its answers have the reference answer.

    minigpt ask --index INDEX --questions FILE --run MODEL --json > measured.json
    passages.py measured.json
    passages.py --answers MINIGPT MODEL INDEX FILE [PASSAGES]

The interval is the bootstrap's over questions, 10,000 draws. Answers are the most probable ones, of 60 tokens at most; they
count where they have the reference answer word for word, but for capitals.
"""

import json
import random
import subprocess
import sys


def interval(path):
    answers = json.load(open(path))["answers"]["answers"]
    random.seed(0)
    saved = lambda rows: sum(row["without"] - row["with"] for row in rows) / sum(row["tokens"] for row in rows)
    draws = sorted(saved(random.choices(answers, k=len(answers))) for _ in range(10_000))
    per_token = lambda name: sum(row[name] for row in answers) / sum(row["tokens"] for row in answers)
    print(json.dumps({
        "questions": len(answers), "without": per_token("without"), "with": per_token("with"),
        "with_others": per_token("with_others"), "saved": saved(answers), "interval": [draws[249], draws[9749]],
        "likelier": sum(row["with"] < row["without"] for row in answers),
    }))


def written(minigpt, model, index, questions, passages="3"):
    common = ["--run", model, "--greedy", "--max-tokens", "60", "--json"]
    ways = {"without": [], "with": ["--index", index, "--passages", passages]}
    counts = dict.fromkeys(ways, 0)
    for line in open(questions):
        record = json.loads(line)
        for way, more in ways.items():
            command = [minigpt, "ask", record["question"], *common, *more]
            shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            report = json.loads(shown)
            # A prompt with passages has the answer: what the model wrote after it counts.
            answer = report.get("answer") or report["text"].removeprefix(report["prompt"])
            counts[way] += record["answer"].lower() in answer.lower()
            print(json.dumps({"question": record["question"], "way": way, "answer": answer}), file=sys.stderr)
    print(json.dumps(counts))


if sys.argv[1] == "--answers":
    written(*sys.argv[2:])
else:
    interval(sys.argv[1])

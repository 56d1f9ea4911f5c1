"""What `minigpt finetune --task classify` is measured beside: TF-IDF and logistic regression by scikit-learn.

Reads Pang and Lee's sentence polarity data (sentence_polarity.zip), writes it as the JSON lines that minigpt reads,
a positive and a negative sentence in turns, and trains the baseline on all but the last tenth of the lines, which is
what minigpt holds out. Prints the held-out accuracy and loss of scikit-learn's defaults, and of the best of some
settings by five-fold cross-validation on the training part; and before them the same for the last fifth of the training
part, on which settings of minigpt are chosen, by training on the rest.

    python3 -m venv peers && peers/bin/pip install scikit-learn
    peers/bin/python tests/peers/sentiment.py sentence_polarity.zip sentiment.jsonl
"""

import json
import sys
import zipfile

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline


def sentences(archive, ending):
    (name,) = [name for name in archive.namelist() if name.endswith(ending)]
    lines = archive.read(name).decode("utf-8").split("\n")
    return [line.strip() for line in lines if line.strip()]


def main():
    source, target = sys.argv[1:]
    with zipfile.ZipFile(source) as archive:
        positive, negative = sentences(archive, ".pos"), sentences(archive, ".neg")
    pairs = [pair for two in zip(positive, negative) for pair in zip(two, ("positive", "negative"))]
    with open(target, "w", encoding="utf-8") as file:
        for text, label in pairs:
            file.write(json.dumps({"text": text, "label": label}, ensure_ascii=False) + "\n")

    held_out = len(pairs) // 10
    learnt = pairs[:-held_out]
    fifth = len(learnt) // 5
    measure(learnt[:-fifth], learnt[-fifth:])
    measure(learnt, pairs[-held_out:])


def measure(train, test):
    texts, labels = zip(*train)
    test_texts, test_labels = zip(*test)
    print(f"{len(train)} training sentences")

    def report(name, model):
        found = model.predict(test_texts)
        accuracy = accuracy_score(test_labels, found)
        f1 = f1_score(test_labels, found, average="macro")
        loss = log_loss(test_labels, model.predict_proba(test_texts))
        print(
            f"{name}: accuracy {accuracy:.4f}, macro-F1 {f1:.4f}, loss {loss:.4f} on {len(test)} held-out sentences"
        )

    report("defaults", make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000)).fit(texts, labels))
    grid = {
        "tfidfvectorizer__ngram_range": [(1, 1), (1, 2)],
        "tfidfvectorizer__sublinear_tf": [False, True],
        "logisticregression__C": [1, 3, 10],
    }
    search = GridSearchCV(make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000)), grid, cv=5)
    search.fit(texts, labels)
    report(f"best of cross-validation {search.best_params_}", search)


if __name__ == "__main__":
    main()

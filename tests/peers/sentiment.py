"""What `minigpt finetune --task classify` is measured beside: TF-IDF and logistic regression by scikit-learn.

Reads Pang and Lee's sentence polarity data (sentence_polarity.zip), writes it as the JSON lines that minigpt reads,
a positive and a negative sentence in turns, and trains the baseline on all but the last tenth of the lines, which is
what minigpt holds out. Prints the held-out accuracy of scikit-learn's defaults, and of the best of some settings by
five-fold cross-validation on the training part.

    python3 -m venv peers && peers/bin/pip install scikit-learn
    peers/bin/python tests/peers/sentiment.py sentence_polarity.zip sentiment.jsonl
"""

import json
import sys
import zipfile

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
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
    texts, labels = zip(*pairs)
    train, test = (texts[:-held_out], labels[:-held_out]), (texts[-held_out:], labels[-held_out:])

    def report(name, model):
        found = model.predict(test[0])
        accuracy, f1 = accuracy_score(test[1], found), f1_score(test[1], found, average="macro")
        print(f"{name}: accuracy {accuracy:.4f}, macro-F1 {f1:.4f} on {held_out} held-out sentences")

    print(f"{len(train[0])} training sentences")
    report("defaults", make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000)).fit(*train))
    grid = {
        "tfidfvectorizer__ngram_range": [(1, 1), (1, 2)],
        "tfidfvectorizer__sublinear_tf": [False, True],
        "logisticregression__C": [1, 3, 10],
    }
    search = GridSearchCV(make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000)), grid, cv=5)
    search.fit(*train)
    report(f"best of cross-validation {search.best_params_}", search)


if __name__ == "__main__":
    main()

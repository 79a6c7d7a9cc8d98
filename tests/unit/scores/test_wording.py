"""What a person reads is there for every rule, band and score."""

from __future__ import annotations

from pathlib import Path

from pipeline.scores import wording
from pipeline.scores.advice import RULES

DOC = (Path(__file__).parents[3] / "docs" / "scores.md").read_text(encoding="utf-8")


def test_it_is_said_that_strapline_is_no_medical_device() -> None:
    assert wording.NOT_MEDICAL.startswith("Strapline is for wellness and training; it is no medical device.")
    assert "it is no medical device" in DOC


def test_every_rule_and_every_advice_has_its_text() -> None:
    assert [rule.name for rule in RULES] == list(wording.RULES)
    assert {rule.advice for rule in RULES} == wording.ADVICE.keys()


def test_every_rule_stands_in_the_docs_with_its_advice() -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in DOC.splitlines() if line.startswith("| ")]
    first = next(i for i, row in enumerate(rows) if row[0] == "rule")
    documented = rows[first + 2 : first + 2 + len(RULES)]
    assert [(row[0], row[2], row[3]) for row in documented] == [(rule.name, rule.advice, rule.flag) for rule in RULES]


def test_no_text_claims_to_know_what_is_the_matter() -> None:
    texts = [*wording.ADVICE.values(), *wording.RULES.values(), *wording.LIKE.values()]
    assert not [text for text in texts for word in ("diagnos", "disease", "you are ill", "patient") if word in text]


def test_what_resembles_a_known_figure_says_which() -> None:
    assert wording.LIKE.keys() == {"stress", "readiness", "sqrt_si", "coherence"}
    assert all("-like" in text for name, text in wording.LIKE.items() if name != "readiness")

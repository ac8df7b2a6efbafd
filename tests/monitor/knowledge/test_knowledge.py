"""What is known of findings and status codes: complete, readable, and ordered by the evidence."""

import subprocess
import sys

import pytest

from collectors.wire.trouble import FATAL
from monitor import knowledge
from monitor.cli import main
from monitor.core.diagnosis import RULES
from monitor.core.diagnosis.refusal import refusal
from monitor.core.diagnosis.rule import Rule
from monitor.core.undelivered import variant_of
from monitor.knowledge import Article, Cause, Status
from monitor.knowledge.explain import explain


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rule_has_its_article(rule: Rule) -> None:
    article = knowledge.finding(rule.code)
    assert article is not None, "monitor/knowledge/findings/*.toml"
    assert article.causes


@pytest.mark.parametrize("code", knowledge.findings())
def test_an_article_is_whole_sentences_about_products_that_are_known(code: str) -> None:
    article = knowledge.findings()[code]
    texts = [article.means, article.users, *article.products.values()]
    texts += [text for cause in article.causes for text in (cause.why, cause.confirm, cause.fix)]
    assert all(text and text[-1] in ".?`)" for text in texts)
    assert all(text.count("`") % 2 == 0 for text in texts)
    assert article.products.keys() <= knowledge.PRODUCTS.keys()
    assert not article.title.endswith(".")


def test_every_class_of_refusals_has_its_cause() -> None:
    classes = {refusal(status, "").name for status in range(400, 700)} - {"authentication", "declined"}
    article = knowledge.findings()["rejected"]
    assert classes <= {variant for cause in article.causes for variant in cause.variants}


@pytest.mark.parametrize("code", ["invite-unanswered", "registration-unanswered"])
def test_each_report_of_the_network_is_the_form_of_a_cause(code: str) -> None:
    article = knowledge.findings()[code]
    assert {variant_of(trouble) for trouble in FATAL} <= {form for cause in article.causes for form in cause.variants}


@pytest.mark.parametrize(("code", "known"), knowledge.statuses().items())
def test_a_status_code_says_where_it_is_defined_and_what_it_means(code: int, known: Status) -> None:
    assert 100 <= code < 700
    assert known.source.startswith("RFC ")
    assert known.means.endswith(".")


def test_causes_that_fit_the_evidence_come_first_and_those_of_other_forms_not_at_all() -> None:
    causes = [
        Cause(why=why, confirm="", fix="", variants=variants)
        for why, variants in (("any", ()), ("one", ("a",)), ("other", ("b",)), ("both", ("a", "b")))
    ]
    article = Article(title="", means="", users="", causes=tuple(causes))
    assert [cause.why for cause in knowledge.ordered(article, "a")] == ["one", "both", "any"]
    assert knowledge.ordered(article, "") == knowledge.ordered(article, "unheard of") == article.causes


def test_what_does_not_exist_is_not_known() -> None:
    assert knowledge.finding("no-such-code") is None
    assert knowledge.status(499) is None
    assert explain("499") is explain("no-such-code") is None


def test_a_finding_is_explained_with_causes_and_products(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "Missing-ACK "]) == 0
    told = capsys.readouterr().out
    for words in ("The ACK never came", "fires when", "RFC 3261 §13.3.1.4", "confirm:", "fix:", "FreeSWITCH:"):
        assert words in told
    assert max(map(len, told.splitlines())) <= 92
    assert "Where to look" not in (explain("no-media") or "")


def test_a_status_is_explained_with_its_class(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "503"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("503 Service Unavailable\n")
    assert "class       capacity" in told
    ringing = explain("180") or ""
    assert "class" not in ringing
    assert "look at" not in ringing


def test_the_list_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    told = capsys.readouterr().out
    assert all(code in told for code in knowledge.findings())
    assert "  486  Busy Here" in told


def test_a_wrong_topic_is_told_with_what_may_be_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "missing-akc"]) == 2
    assert "did you mean missing-ack" in capsys.readouterr().err
    assert main(["explain", "~~~~"]) == 2
    assert "did you mean" not in capsys.readouterr().err


def test_a_reader_who_has_seen_enough_is_no_error() -> None:
    command = f"{sys.executable} -m monitor.cli explain | true"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

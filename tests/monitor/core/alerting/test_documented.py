"""The page about alerts and the rules are the same."""

from pathlib import Path

from monitor.core.alerting.rules import DEFAULT_RULES

PAGE = Path(__file__).resolve().parents[4] / "docs" / "alerts.md"


def test_every_rule_has_its_heading_and_names_its_codes() -> None:
    text = PAGE.read_text()
    for rule in DEFAULT_RULES:
        _, found, section = text.partition(f"### {rule.name}\n")
        assert found, rule.name
        section = section.partition("\n#")[0]
        assert section.lower().startswith(rule.severity)
        assert all(f"`{code}`" in section for code in rule.codes - {rule.name})


def test_no_rule_is_documented_that_is_not_there() -> None:
    headings = {line[4:] for line in PAGE.read_text().splitlines() if line.startswith("### ")}
    assert headings == {rule.name for rule in DEFAULT_RULES}

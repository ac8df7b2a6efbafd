"""The pages that are made from the code say what the code says."""

import importlib
import pkgutil

import pytest

from docs.generate import PAGES, ROOT
from monitor.core import diagnosis
from monitor.core.diagnosis.rule import Rule


@pytest.mark.parametrize("page", PAGES)
def test_a_generated_page_is_up_to_date(page: str) -> None:
    made = PAGES[page]()
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == made, "run: python docs/generate.py"


def test_the_catalogue_names_every_rule_once() -> None:
    modules = [
        importlib.import_module(f"{diagnosis.__name__}.{module.name}")
        for module in pkgutil.iter_modules(diagnosis.__path__)
    ]
    rules = [value for module in modules for name, value in vars(module).items() if isinstance(value, Rule)]
    assert {rule.code for rule in rules} == {rule.code for rule in diagnosis.RULES}
    assert len({rule.code for rule in diagnosis.RULES}) == len(diagnosis.RULES)


def test_every_rule_says_when_where_and_what_to_do() -> None:
    for rule in diagnosis.RULES:
        assert rule.when.endswith(".")
        assert rule.source.startswith("RFC ")
        assert rule.remedy

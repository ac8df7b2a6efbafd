"""What is compiled for `make wheel`, as far as that can be told without compiling."""

import re
import tomllib
from pathlib import Path

import pytest

from bench import compiled
from bench.compiled import BuildError
from tests.support.environment import ROOT

WHEEL = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
HOOK = WHEEL["hooks"]["mypyc"]


def test_modules_that_define_structs_are_known_and_left_out(tmp_path: Path) -> None:
    found = compiled.structs(ROOT)
    assert {"/collectors/wire/events.py", "/monitor/core/updates.py", "/monitor/core/settings.py"} <= set(found)
    assert not {"/collectors/sip/message.py", "/collectors/decode/pcapng.py", "/monitor/core/call.py"} & set(found)
    project = tmp_path / "pyproject.toml"
    project.write_text((ROOT / "pyproject.toml").read_text())
    compiled._leave_out(project, found)
    hook = tomllib.loads(project.read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["mypyc"]
    assert set(hook["exclude"]) == {*HOOK["exclude"], *found}


def test_rules_say_their_type_without_which_it_compiles_only_in_some_orders_of_the_files() -> None:
    sources = [path.read_text() for path in (ROOT / "monitor" / "core" / "diagnosis").glob("*.py")]
    inferred = [name for source in sources for name in re.findall(r"^(\w+)(?:: Final)? = Rule\(", source, re.MULTILINE)]
    assert not inferred


def test_nothing_is_compiled_unless_asked_for() -> None:
    assert HOOK["enable-by-default"] is False


def test_what_cannot_be_built_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_FILES", ("pyproject.toml",))  # which names a README.md
    with pytest.raises(BuildError, match="pip wheel failed"):
        compiled.installed(tmp_path)
    assert not list(tmp_path.iterdir())

"""What is compiled for `make wheel`, as far as that can be told without compiling."""

import ast
import tomllib
from pathlib import Path

import pytest

from bench import compiled
from bench.compiled import BuildError
from tests.support.environment import ROOT

WHEEL = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
HOOK = WHEEL["hooks"]["mypyc"]
EXCLUDED = {pattern.lstrip("/") for pattern in HOOK["exclude"]}
MODULES = sorted(
    path
    for pattern in HOOK["include"]
    for path in ROOT.glob(pattern.lstrip("/"))
    if path.name not in EXCLUDED and str(path.relative_to(ROOT)) not in EXCLUDED
)


def test_no_compiled_module_defines_a_struct_which_would_lose_its_options() -> None:
    assert len(MODULES) > 40
    wrong = [str(path.relative_to(ROOT)) for path in MODULES if _structs(path)]
    assert not wrong, "to be excluded in pyproject.toml (tool.hatch.build.targets.wheel.hooks.mypyc)"


def _structs(module: Path) -> list[str]:
    classes = [node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.ClassDef)]
    return [each.name for each in classes if any("Struct" in ast.unparse(base) for base in each.bases)]


def test_nothing_is_compiled_unless_asked_for() -> None:
    assert HOOK["enable-by-default"] is False


def test_what_cannot_be_built_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_FILES", ())  # no pyproject.toml among them
    with pytest.raises(BuildError, match="pip wheel failed"):
        compiled.installed(tmp_path)
    assert not list(tmp_path.iterdir())

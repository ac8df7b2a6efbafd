"""What must hold for the repository as a whole."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.support.environment import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_locked_package_has_hashes_and_no_address(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"://|--(extra-)?index|--find-links", text)
    packages = re.findall(r"^(\S+==\S+)(.*\\)?$", text, re.MULTILINE)
    assert packages
    assert all(rest.endswith("\\") for _, rest in packages)


def test_the_lock_of_scripts_names_no_address() -> None:
    text = (ROOT / "package-lock.json").read_text()
    assert '"resolved"' not in text
    assert all("integrity" in package for name, package in json.loads(text)["packages"].items() if name)


def test_the_edge_is_installed_without_the_server() -> None:
    base = (ROOT / "requirements" / "base.txt").read_text()
    assert not re.search(r"^(django|channels|celery)\b", base, re.MULTILINE)


def test_each_lock_has_the_versions_of_the_larger_one() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^(\S+==\S+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE))

    assert pins("base.txt") <= pins("server.txt") <= pins("dev.txt")


def test_what_is_asked_for_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = {
        "base.txt": project["project"]["dependencies"],
        "server.txt": project["project"]["optional-dependencies"]["server"],
        "dev.txt": project["dependency-groups"]["dev"],
    }
    for name, wanted in groups.items():
        locked = (ROOT / "requirements" / name).read_text()
        for requirement in wanted:
            package = re.match(r"[\w.-]+", requirement)
            assert package
            assert re.search(rf"^{re.escape(package[0])}\b.*==", locked, re.MULTILINE | re.IGNORECASE), requirement

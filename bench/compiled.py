"""The hot path compiled by mypyc, from the same source: as a wheel, and as a program beside the pure one.

`python -m bench.compiled FOLDER` (`make wheel`) builds it; what is compiled is said in pyproject.toml. It is built
from a copy: a compiled module that lies beside its source hides every later change of that.
"""

import ast
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from hashlib import blake2b
from pathlib import Path
from typing import Final
from zlib import crc32

from bench.capture import ROOT
from bench.programs import ANALYZE, ANALYZE_TWICE, Program

_PACKAGES: Final = ("collectors", "monitor", "dashboard")
_FILES: Final = ("pyproject.toml", "README.md", "LICENSE")
# Compiled functions are called from within their library, or through Python. None has to be found by name, or to be
# replaced as the library is loaded, so that all are called directly, and may be inlined: 3 to 4 % of a run.
_FLAGS: Final = "-fvisibility=hidden -fno-semantic-interposition -fno-plt"
# Fails where what it would run is not compiled.
_PROGRAM: Final = """
import sys
from collectors.sip import message
from monitor.core import call
from monitor.cli import main
if any(module.__file__.endswith(".py") for module in (message, call)):
    sys.exit("this is the pure source")
sys.exit(main())
"""


class BuildError(Exception):
    """It can't be compiled here; the text says why."""


def build(folder: Path) -> Path:
    """The wheel for this Python and this machine, made in `folder`. Raises `BuildError`."""
    with tempfile.TemporaryDirectory(prefix="offhook-wheel-") as scratch:
        copy = Path(scratch) / "source"
        for name in _PACKAGES:
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        for name in _FILES:
            shutil.copy(ROOT / name, copy)
        _leave_out(copy / "pyproject.toml", structs(copy))
        made = Path(scratch) / "wheel"
        _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(made), str(copy))
        wheel = next(made.glob("*.whl"))
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(wheel, folder))


def structs(root: Path) -> list[str]:
    """The modules that define msgspec Structs: compiled, these would lose their options without a word."""
    return [
        f"/{path.relative_to(root)}"
        for name in _PACKAGES
        for path in sorted((root / name).rglob("*.py"))
        if _defines_struct(path)
    ]


def _defines_struct(module: Path) -> bool:
    source = module.read_text()
    return "Struct" in source and any(
        "Struct" in ast.unparse(base)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef)
        for base in node.bases
    )


def _leave_out(project: Path, modules: list[str]) -> None:
    """Add the modules to those that are not compiled."""
    before, begin, after = project.read_text().partition("[tool.hatch.build.targets.wheel.hooks.mypyc]")
    names = "".join(f'  "{name}",\n' for name in modules)
    project.write_text(before + begin + after.replace("exclude = [\n", f"exclude = [\n{names}", 1))


def installed(out: Path) -> Path:
    """The folder under `out` where it is installed; built when the sources have changed. Raises `BuildError`."""
    folder = out.resolve() / f"compiled-{_version():08x}"
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=_made(out), prefix="building-") as scratch:
            half = Path(scratch) / "installed"
            _pip("install", "--no-deps", "--target", str(half), str(build(Path(scratch))))
            if not list((half / "monitor" / "core").glob("call.*.so")):
                raise BuildError("the wheel was made, and nothing in it is compiled")
            for stale in out.glob("compiled-*"):
                shutil.rmtree(stale)
            half.rename(folder)
    return folder


def programs(folder: Path, file: Path) -> list[Program]:
    """`offhook analyze --json` from there, which must say of `file` what the pure source says, to the octet."""
    pure = subprocess.run(ANALYZE.command(file), check=True, cwd=ANALYZE.folder, stdout=subprocess.PIPE).stdout
    expected = blake2b(pure).digest()
    return [_program(ANALYZE, folder, expected), _program(ANALYZE_TWICE, folder, expected)]


def _program(pure: Program, folder: Path, expected: bytes) -> Program:
    return pure._replace(
        name=f"{pure.name} (compiled)",
        command=lambda file: [sys.executable, "-c", _PROGRAM, *pure.command(file)[3:]],
        proof=lambda output, _messages: blake2b(output).digest() == expected,
        folder=folder,
    )


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    flags = f"{_FLAGS} {os.environ.get('CFLAGS', '')}"
    environment = os.environ | {"HATCH_BUILD_HOOK_ENABLE_MYPYC": "1", "CFLAGS": flags}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise BuildError(f"pip {arguments[0]} failed:\n{(ended.stdout + ended.stderr).strip()[-2000:]}")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _version() -> int:
    """A number that changes with the sources, with the Python that they are compiled for, and with how they are."""
    sources = sorted(path for name in _PACKAGES for path in (ROOT / name).rglob("*.py"))
    tag = f"{sysconfig.get_config_var('EXT_SUFFIX')} {_FLAGS}".encode()
    return crc32(b"".join(path.read_bytes() for path in (*sources, ROOT / "pyproject.toml")) + tag)


if __name__ == "__main__":
    try:
        print(build(Path(sys.argv[1])))
    except BuildError as error:
        sys.exit(str(error))

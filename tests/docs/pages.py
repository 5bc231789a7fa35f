"""The examples of README.md and docs/*.md: found, run, or checked where they are not run.

- A block marked `python` is run. The blocks of a page share their names.
- A block that is not marked is of the shell. Its `dispr` commands are run, in this process and in a
  folder of the page's own. What takes long is shortened as `SHORTER` says.
- Commands of other programs are checked instead: targets of `make`, extras of `pip`, options of
  the scripts of this repository, and of `dispr` behind `torchrun`.
- Where a line of Python has a comment such as `# (5, 64, 64, 64) bool`, it gives an array of that
  shape and type; letters stand for any length.
- A block behind a comment `<!-- not run: why -->` is not run. Its commands of `dispr` are checked
  too: they must exist, and take the options and values that they are given.
- A block marked otherwise (`text`, say) is not an example.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from dispr.cli.main import cli

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

SHORTER: dict[str, dict[str, int | str]] = {
    "simulate": {"-n": 6, "--fields": 1},
    "train": {
        "--steps": 1,
        "--batch-size": 1,
        "--validation-fraction": "0.4",
        "--validation-interval": 0,
        "--precision": "fp32",
    },
    "predict": {"--ensemble": 2, "--sampling-steps": 2, "--precision": "fp32", "--no-report": ""},
    "plot": {"--scale": 1},
    "classify": {"--trees": 20, "--repeats": 1, "--folds": 2},
}
"""Options that make a command short enough to test; a number is the most that is taken."""

_UNET = {"--network-channel-mult": "1,1", "--network-patch": 8, "--network-pooling": "isotropic"}
SMALLER: dict[str, dict[str, int | str]] = {
    "fast": {
        "--network-coarse": 8,
        "--network-channels": 32,
        "--network-channel-mult": "1,1",
        "--network-features": 8,
        "--network-fine-channels": 8,
        "--network-encoder-channels": 8,
    },
    "regression": {**_UNET, "--network-attention-levels": ""},
}
"""Options that make the network of a preset small, where a command says nothing of networks."""

_FENCE = re.compile(r"^( *)```([^\n`]*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_REASON = re.compile(r"<!-- not run: (.+?) -->\s*$", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """An example.

    Attributes
    ----------
    page : Path
        Where it stands.
    line : int
        Line of the page on which its code begins.
    language : str
        "python", "shell", or what else it is marked as.
    code : str
        The example.
    reason : str
        Why it is not run; empty if it is.
    """

    page: Path
    line: int
    language: str
    code: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def find_blocks(page: Path) -> list[Block]:
    """Find the examples of a page in order."""
    text = page.read_text(encoding="utf-8")
    blocks = []
    for match in _FENCE.finditer(text):
        indent, language, code = match.groups()
        reason = _REASON.search(text[: match.start()])
        blocks.append(
            Block(
                page,
                text[: match.start(3)].count("\n") + 1,
                language.strip() or "shell",
                re.sub(f"^{indent}", "", code, flags=re.MULTILINE),
                reason[1] if reason else "",
            )
        )
    return blocks


def commands(code: str) -> Iterator[list[str]]:
    """Split a shell example into the words of its commands; variables are put in."""
    variables: dict[str, str] = {}
    for line in code.replace("\\\n", " ").splitlines():
        for name, value in variables.items():
            line = line.replace(f"${name}", value)
        words = shlex.split(line, comments=True)
        if len(words) == 1 and (assigned := re.fullmatch(r"([A-Z_]+)=(.*)", words[0])):
            variables[assigned[1]] = assigned[2]
        elif words:
            yield words


def run_command(words: list[str], written: set[str]) -> None:
    """Run a command of `dispr` in this process; check one of another program.

    Examples of one page show several ways to the same folder, so what an earlier command wrote
    (`written`) is removed where a later one writes it anew.
    """
    if words[0] != "dispr":
        check_command(words)
        return
    context = parse(cli, "dispr", words[1:])
    out = context.params.get("out") or context.params.get("output")
    if out is not None and str(out) in written:
        shutil.rmtree(out) if Path(out).is_dir() else Path(out).unlink()
    code = cli.main([*words[1:], *shorter(words)], prog_name="dispr", standalone_mode=False)
    assert not code, f"exit code {code}"
    if out is not None:
        written.add(str(out))


def shorter(words: list[str]) -> list[str]:
    """Give the options of `SHORTER` for a command; the last of an option is the one that counts."""
    options = []
    if "--apply" in words:  # of a classifier that a shortened command made
        return []
    for option, value in SHORTER.get(words[1], {}).items():
        if option in words and isinstance(value, int):
            options += [option, str(min(value, int(words[words.index(option) + 1])))]
        elif option != "--fields":
            options += [option, str(value)] if value != "" else [option]
    if words[1] == "train" and not any(word.startswith("--network") for word in words):
        preset = words[words.index("--preset") + 1] if "--preset" in words else "fast"
        for option, value in SMALLER.get(preset, {}).items():
            options += [option, str(value)]
    return options


_SHAPE = re.compile(r"\(([^()]*)\)(?: (bool|uint8|float32)\b)?")


def check_shapes(code: str, names: dict[str, Any]) -> int:
    """Compare the arrays of an example that was run with what its comments say; count them."""
    lines = code.splitlines()
    checked = 0
    for node in ast.parse(code).body:
        comment = lines[(node.end_lineno or 1) - 1][node.end_col_offset :].partition("#")[2]
        stated = _SHAPE.findall(comment)
        if not isinstance(node, ast.Expr) or not stated:
            continue
        parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
        for part, (shape, dtype) in zip(parts, stated * len(parts), strict=False):
            value = eval(ast.unparse(part), names)
            if hasattr(value, "shape"):
                edges = [edge.strip() for edge in shape.split(",") if edge.strip()]
                said = tuple(
                    int(e) if e.isdigit() else n for e, n in zip(edges, value.shape, strict=False)
                )
                text = ast.unparse(part)
                assert len(edges) == value.ndim, f"{text} has the shape {value.shape}"
                assert said == tuple(value.shape), f"{text} has the shape {value.shape}"
                assert dtype in ("", str(value.dtype)), f"{text} has the type {value.dtype}"
                checked += 1
    return checked


def check_command(words: list[str]) -> None:
    """Check that a command exists, and takes the options and values that it is given."""
    if words[0] == "srun":
        words = words[1:]
    program, *rest = words
    if program == "dispr":
        parse(cli, "dispr", rest)
    elif program == "torchrun" or words[:2] == ["accelerate", "launch"]:
        assert rest[rest.index("-m") + 1] == "dispr", words
        parse(cli, "dispr", rest[rest.index("-m") + 2 :])
    elif program == "make":
        makefile = (ROOT / "Makefile").read_text()
        known_targets = re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)
        for word in rest:
            name, equals, _ = word.partition("=")
            there = f"$({name})" in makefile if equals else name in known_targets
            assert there, f"no such target or variable: {word}"
    elif program == "pip":
        extras = (ROOT / "pyproject.toml").read_text().split("[project.optional-dependencies]")[1]
        for extra in (extra for word in rest for extra in re.findall(r"\[(.+)\]", word)):
            assert f"\n{extra} = [" in extras, f"no such extra: {extra}"
    elif program in ("python", "python3") and rest[0].endswith(".py"):
        check_script(ROOT / rest[0], rest[1:])
    else:
        known = (program, *rest[:1])
        assert known in OTHERS, f"what is {' '.join(words)}? If it is right, add it to OTHERS"


OTHERS = {("python", "-m"), (".", ".venv/bin/activate"), ("tensorboard", "--logdir")}
OTHERS |= {("sudo", "apt")}
"""Commands of other programs that the pages name, by their first two words."""


def check_script(path: Path, arguments: list[str]) -> None:
    """Check the options of a script of this repository."""
    source = path.read_text(encoding="utf-8")
    if "@click.command" not in source:
        for option in (word for word in arguments if re.match(r"--?[a-z]", word)):
            assert f'"{option}"' in source, f"{path.name} has no option {option}"
        return
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))  # as Python does for a script
    sys.modules[path.stem] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
        del sys.modules[path.stem]
    main = next(item for item in vars(module).values() if isinstance(item, click.Command))
    parse(main, path.name, arguments)


def parse(command: click.Command, name: str, arguments: list[str]) -> click.Context:
    """Read a command line as click does, without running anything."""
    rest = list(arguments)
    while isinstance(command, click.Group):
        name, *rest = rest
        found = command.get_command(click.Context(command), name)
        assert found is not None, f"no such command: {name}"
        command = found
    return command.make_context(name, rest)

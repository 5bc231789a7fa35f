"""Change the source in small ways, and see whether the tests notice (see docs/development.md).

Every mutant is tried in a copy of the tree, with the tests that run the changed lines. The score is
the share of mutants that some test fails on. Survivors are shown; one that changes nothing that a
user could see (an equivalent mutant) needs no test, any other does.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import hashlib
import json
import multiprocessing
import os
import py_compile
import queue
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from mutants_by_hand import BY_HAND
from mutations import Mutant, mutants_of

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "build" / "mutants"
ROOMS = [
    *("diffusion", "network", "model", "prediction", "cells", "labelled", "morphology"),
    *("measurements", "scores", "study", "training", "simulate", "images", "surface"),
]
COPIED = ["src", "tests", "docs", "scripts", "benchmarks", "README.md", "CHANGELOG.md"]
COPIED += ["Makefile", "pyproject.toml"]
LIBRARIES = ["numpy", "pytest", "scipy.ndimage", "scipy.stats", "skimage.measure", "tifffile"]
LIBRARIES += ["torch", "trimesh", "accelerate", "torch.utils.tensorboard", "_pytest.fixtures"]


def main() -> int:
    """Try the mutants of some rooms; give 1 if more than 5 % survive."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rooms", nargs="*", help=f"folders of src/dispr, of {', '.join(ROOMS)}")
    parser.add_argument("--sample", type=int, default=100, help="mutants to try")
    parser.add_argument("--seed", type=int, default=0, help="another seed draws other mutants")
    parser.add_argument("--by-hand", action="store_true", help="try those of mutants_by_hand.py")
    parser.add_argument("--only", default="", help="those whose file or text contains this")
    parser.add_argument("--tests", nargs="+", default=["tests"], help="tests to choose from")
    parser.add_argument("--budget", type=float, default=60, help="seconds of tests a mutant")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="tried at once")
    options = parser.parse_args()

    os.environ.update(OMP_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1")
    with tempfile.TemporaryDirectory(prefix="mutants") as folder:
        trees = [copy_tree(Path(folder) / str(k)) for k in range(options.jobs)]
        lines = recorded(trees[0], options.tests)
        mutants = by_hand() if options.by_hand else listed(options.rooms or ROOMS)
        mutants = [m for m in mutants if options.only in f"{m.path} {m.text}"]
        if not options.by_hand:
            random.Random(options.seed).shuffle(mutants)
            mutants = mutants[: options.sample]
        return 1 if run_all(mutants, trees, lines, options.budget) < 0.95 else 0


def copy_tree(tree: Path) -> Path:
    """Copy what the tests need, with its byte code; link the shared folder beside it."""
    tree = tree / "dispr"
    ignore = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=ignore)
        elif (ROOT / name).is_file():
            shutil.copy(ROOT / name, tree / name)
    if (ROOT.parent / "shared").is_dir():
        (tree.parent / "shared").symlink_to((ROOT.parent / "shared").resolve())
    # Byte code that is told by its source's checksum, not by its time: mutants follow fast.
    mode = py_compile.PycInvalidationMode.CHECKED_HASH
    compileall.compile_dir(tree / "src", quiet=2, invalidation_mode=mode)
    return tree


def recorded(tree: Path, tests: list[str]) -> dict[str, Any]:
    """Run the tests to know which lines each of them runs, unless that is known already.

    Tests in files that did not change since are not run again where the source did not either.
    """
    source = checksum(tree / "src")
    kept = KEPT / "lines.json"
    known: dict[str, Any] = json.loads(kept.read_text()) if kept.is_file() else {}
    if known.get("source") != source:
        known = {"source": source, "files": {}, "tests": {}, "fixtures": {}}
    paths = [tree / name.split("::")[0] for name in tests]
    files = [f for p in paths for f in (sorted(p.rglob("test_*.py")) if p.is_dir() else [p])]
    sums = {file.relative_to(tree).as_posix(): checksum(file) for file in files}
    todo = [name for name, value in sums.items() if known["files"].get(name) != value]
    KEPT.mkdir(parents=True, exist_ok=True)
    for folder in sorted({str(Path(name).parent) for name in todo}):
        names = [name for name in todo if str(Path(name).parent) == folder]
        print(f"{folder}: looking which lines its tests run", flush=True)
        found = record(tree, names)
        kept_tests = {k: v for k, v in known["tests"].items() if k.split("::")[0] not in names}
        known["tests"] = kept_tests | found["tests"]
        lines = known["fixtures"].setdefault(folder, {})
        for path, numbers in found["fixtures"].get(folder, {}).items():
            lines[path] = sorted({*lines.get(path, []), *numbers})
        known["files"] |= {name: sums[name] for name in names}
        kept.write_text(json.dumps(known))
    chosen = {k: v for k, v in known["tests"].items() if v["passed"] and k.split("::")[0] in sums}
    return {"tests": chosen, "fixtures": known["fixtures"]}


def record(tree: Path, files: list[str]) -> dict[str, Any]:
    """Run files of tests with the plugin `record_lines`; give what it wrote."""
    out = tree.parent / "lines.json"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tree / "src"), str(Path(__file__).parent)]),
        "RECORD_LINES": str(out),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "record_lines", *files]
    subprocess.run(
        [*command, "-p", "no:cacheprovider"],
        cwd=tree,
        env=environment,
        check=False,
        stdout=subprocess.DEVNULL,
    )
    found: dict[str, Any] = json.loads(out.read_text())
    for name, test in found["tests"].items():
        if not test["passed"]:
            print(f"{name} fails without any mutant, and is left out")
    return found


def checksum(path: Path) -> str:
    """Give a checksum of a file, or of the Python files of a folder."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
        digest.update(file.as_posix().removeprefix(path.as_posix()).encode() + file.read_bytes())
    return digest.hexdigest()


def listed(rooms: list[str]) -> list[Mutant]:
    """List all mutants of some rooms."""
    found = []
    for room in rooms:
        for file in sorted((ROOT / "src" / "dispr" / room).rglob("*.py")):
            found += mutants_of(file.relative_to(ROOT).as_posix(), file.read_bytes())
    return found


def by_hand() -> list[Mutant]:
    """Give the mutants that are written down; those whose text is not there any more are named."""
    found = []
    for path, old, new in BY_HAND:
        file = ROOT / "src" / "dispr" / path
        source = file.read_bytes() if file.is_file() else b""
        if source.count(old.encode()) != 1:
            print(f"{path} does not contain once: {old}")
            continue
        begin = source.index(old.encode())
        first = source[:begin].count(b"\n") + 1
        last = first + old.count("\n")
        name = file.relative_to(ROOT).as_posix()
        inside = any(
            node.body[0].lineno <= first <= (node.end_lineno or 0)
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.FunctionDef)
        )
        end = begin + len(old.encode())
        found.append(Mutant(name, first, last, begin, end, new, imported=not inside))
    return found


def run_all(
    mutants: list[Mutant], trees: list[Path], lines: dict[str, Any], budget: float
) -> float:
    """Try mutants in several trees at once; print survivors and the score, and give it."""
    waiting: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    for mutant in mutants:
        waiting.put(mutant)
    context = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
    if os.name == "posix":
        context.set_forkserver_preload(LIBRARIES)
    alive: list[Mutant] = []
    done = [0]
    lock = threading.Lock()

    def work(tree: Path) -> None:
        while True:
            try:
                mutant = waiting.get_nowait()
            except queue.Empty:
                return
            chosen = choose_tests(mutant, lines, budget)
            seconds, killed = attempt(mutant, tree, chosen, context)
            with lock:
                if not killed:
                    alive.append(mutant)
                    source = (ROOT / mutant.path).read_bytes()
                    print(f"\nSURVIVES {len(chosen)} tests, {seconds:.0f} s\n{mutant.diff(source)}")
                done[0] += 1
                if done[0] % 10 == 0:
                    print(f"{done[0]} of {len(mutants)} tried, {len(alive)} alive")
                sys.stdout.flush()

    threads = [threading.Thread(target=work, args=(tree,)) for tree in trees]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    score = 1 - len(alive) / max(len(mutants), 1)
    print(f"\n{len(mutants)} mutants, {len(alive)} alive: {score:.1%} are noticed")
    return score


def choose_tests(mutant: Mutant, lines: dict[str, Any], budget: float) -> list[str]:
    """Choose the tests that run the changed lines: quick ones and those nearest to them first.

    Where no test does (in another process, perhaps), or all do (by importing the file), they are
    those that run any line of the file, and those of its room.
    """
    room = Path(mutant.path).parent.name
    own = f"tests/{room}/test_{Path(mutant.path).stem}.py"
    changed = set(range(mutant.line, mutant.last + 1))
    tests = lines["tests"]

    def runs(numbers: list[int]) -> bool:
        return bool(changed & set(numbers))

    of_file = {name: test["lines"].get(mutant.path, []) for name, test in tests.items()}
    shared = {f for f, runs_of in lines["fixtures"].items() if runs(runs_of.get(mutant.path, []))}
    found = [
        name
        for name, numbers in of_file.items()
        if runs(numbers) or Path(name.split("::")[0]).parent.as_posix() in shared
    ]
    if mutant.imported or not found:
        nearest = (own, f"tests/{room}/")
        found = [name for name, numbers in of_file.items() if numbers or name.startswith(nearest)]
    # Quick ones first, and those far from the change as if they took longer.
    found.sort(
        key=lambda name: (
            (tests[name]["seconds"] + 0.05)
            * (1 if name.startswith(own) else 2 if name.startswith(f"tests/{room}/") else 6)
        )
    )
    total, chosen = 0.0, []
    for name in found:
        total += tests[name]["seconds"]
        if total <= budget or not chosen:
            chosen.append(name)
    files = list(dict.fromkeys(name.split("::")[0] for name in chosen))
    return sorted(chosen, key=lambda name: files.index(name.split("::")[0]))


def attempt(mutant: Mutant, tree: Path, tests: list[str], context: Any) -> tuple[float, bool]:
    """Run tests with a mutant in place; give the seconds taken, and whether one failed."""
    path = tree / mutant.path
    source = path.read_bytes()
    began = time.monotonic()
    try:
        path.write_bytes(mutant.apply(source))
        process = context.Process(target=run_tests, args=(str(tree), tests))
        process.start()
        process.join(300)
        if process.exitcode is None:  # it hangs, which is noticed as well
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.join()
        return time.monotonic() - began, process.exitcode != 0
    finally:
        path.write_bytes(source)


def run_tests(tree: str, tests: list[str]) -> None:
    """Run tests in a tree, in a process of their own; exit as pytest does."""
    if os.name == "posix":
        os.setsid()
    output = os.open(str(Path(tree).parent / "output.txt"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(tree)
    sys.dont_write_bytecode = True
    os.environ.update(PYTHONPATH=str(Path(tree) / "src"), PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    sys.path[:] = [str(Path(tree) / "src"), *(p for p in sys.path if not p.endswith("src"))]
    import pytest

    os._exit(pytest.main(["-x", "-q", "--no-header", "-p", "no:cacheprovider", *tests]))


if __name__ == "__main__":
    sys.exit(main())

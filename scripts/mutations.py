"""Small changes of a Python source, each of which a test should notice.

A mutant is one edit of the text. Left alone are what no test can see or should pin down: type
hints, docstrings, decorators, and the wording of errors (but not whether they are raised).
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One edit of a source file.

    Attributes
    ----------
    path : str
        The file, from the root of the tree.
    line, last : int
        First and last line of the statement that it stands in, or of its head.
    begin, end : int
        The bytes of the file that are replaced.
    text : str
        What stands there instead.
    imported : bool
        Whether the line is run by the import of the file alone.
    """

    path: str
    line: int
    last: int
    begin: int
    end: int
    text: str
    imported: bool = False

    def apply(self, source: bytes) -> bytes:
        """Give the changed source."""
        return source[: self.begin] + self.text.encode() + source[self.end :]

    def diff(self, source: bytes) -> str:
        """Show the change as a unified diff without context."""
        before, after = (text.decode().splitlines() for text in (source, self.apply(source)))
        lines = difflib.unified_diff(before, after, self.path, self.path, lineterm="", n=0)
        return "\n".join(lines)


COMPARISONS = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Is: "is not",
    ast.IsNot: "is",
}
ARITHMETIC = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "/",
    ast.Div: "*",
    ast.FloorDiv: "/",
    ast.Mod: "//",
    ast.Pow: "*",
    ast.BitAnd: "|",
    ast.BitOr: "&",
}
NAMES = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "floor": "ceil",
    "ceil": "floor",
    "argmin": "argmax",
    "argmax": "argmin",
    "minimum": "maximum",
    "maximum": "minimum",
    "mean": "sum",
    "median": "mean",
    "cos": "sin",
    "sin": "cos",
    "sqrt": "abs",
    "ones": "zeros",
    "zeros": "ones",
    "zeros_like": "ones_like",
    "ones_like": "zeros_like",
    "sorted": "list",
    "int": "round",
    "round": "int",
    "hypot": "max",
}
COMMUTATIVE = {"min", "max", "minimum", "maximum", "hypot", "isclose"}
ATTRIBUTES = {"y": "x", "x": "y", "start": "stop", "stop": "start"}


def mutants_of(path: str, source: bytes) -> list[Mutant]:
    """List the mutants of a source file, in the order of the text."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return sorted(_Finder(path, source, starts).run(), key=lambda m: (m.begin, m.end, m.text))


class _Finder:
    def __init__(self, path: str, source: bytes, starts: list[int]) -> None:
        self.path, self.source, self.starts = path, source, starts
        self.lines = (1, 1)
        self.imported = True

    def run(self) -> list[Mutant]:
        return list(self.block(ast.parse(self.source).body))

    def span(self, node: ast.AST) -> tuple[int, int]:
        begin = self.starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
        end = self.starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]
        return begin, end

    def text(self, node: ast.AST) -> str:
        begin, end = self.span(node)
        return self.source[begin:end].decode()

    def edit(self, begin: int, end: int, text: str) -> Mutant:
        return Mutant(self.path, *self.lines, begin, end, text, self.imported)

    def replace(self, node: ast.AST, text: str) -> Mutant:
        return self.edit(*self.span(node), text)

    def block(self, body: list[ast.stmt]) -> Iterator[Mutant]:
        for statement in body:
            yield from self.statement(statement)

    def statement(self, node: ast.stmt) -> Iterator[Mutant]:
        last = node.end_lineno or node.lineno
        bodies = [getattr(node, name, []) for name in ("body", "orelse", "finalbody")]
        if bodies[0]:
            last = max(node.lineno, bodies[0][0].lineno - 1)
        self.lines = node.lineno, last
        head: list[ast.AST] = []
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            head = [*node.args.defaults, *(d for d in node.args.kw_defaults if d)]
        elif isinstance(node, (ast.If, ast.While)):
            if "TYPE_CHECKING" in ast.dump(node.test):
                return
            head = [node.test]
            if isinstance(node, ast.If):
                yield self.replace(node.test, "True")
                yield self.replace(node.test, "False")
        elif isinstance(node, ast.For):
            head = [node.iter]
        elif isinstance(node, ast.With):
            head = [item.context_expr for item in node.items]
        elif isinstance(node, (ast.Expr, ast.AugAssign, ast.Delete)):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                return  # a docstring
            yield self.replace(node, "pass")
            head = [node.value] if not isinstance(node, ast.Delete) else []
            if isinstance(node, ast.AugAssign):
                yield from self.operator(node.target, node.op, node.value, suffix="=")
        elif isinstance(node, (ast.Raise, ast.Continue, ast.Break)):
            yield self.replace(node, "pass")
            return
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.Return)) and node.value:
            head = [node.value]
        elif isinstance(node, (ast.Import, ast.ImportFrom, ast.Assert)):
            return
        for part in head:
            yield from self.expression(part)
        before = self.imported
        self.imported &= not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for body in bodies:
            yield from self.block(body)
        for handler in getattr(node, "handlers", []):
            yield from self.block(handler.body)
        self.imported = before

    def operator(
        self, left: ast.expr, kind: ast.operator, right: ast.expr, suffix: str = ""
    ) -> Iterator[Mutant]:
        if type(kind) not in ARITHMETIC:
            return
        begin, end = self.span(left)[1], self.span(right)[0]
        between = self.source[begin:end].decode()
        sign = between.strip("() \n\\").removesuffix(suffix)
        if sign:
            yield self.edit(begin, end, between.replace(sign, ARITHMETIC[type(kind)], 1))

    def expression(self, node: ast.AST) -> Iterator[Mutant]:
        if isinstance(node, ast.JoinedStr):
            return
        if isinstance(node, ast.Constant):
            yield from self.constant(node)
        elif isinstance(node, ast.Compare) and len(node.ops) == 1:
            begin, end = self.span(node.left)[1], self.span(node.comparators[0])[0]
            other = COMPARISONS[type(node.ops[0])]
            between = self.source[begin:end].decode()
            old = between.strip("() \n\\")
            yield self.edit(begin, end, between.replace(old, other, 1))
        elif isinstance(node, ast.BoolOp):
            begin, end = self.span(node.values[0])[1], self.span(node.values[1])[0]
            old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
            yield self.edit(begin, end, self.source[begin:end].decode().replace(old, new, 1))
        elif isinstance(node, ast.BinOp):
            if not isinstance(node.left, (ast.Constant, ast.JoinedStr)) or not isinstance(
                getattr(node.left, "value", 0), str
            ):
                yield from self.operator(node.left, node.op, node.right)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub, ast.Invert)):
            yield self.replace(node, f"({self.text(node.operand)})")
        elif isinstance(node, ast.IfExp):
            yield self.replace(node.test, "True")
            yield self.replace(node.test, "False")
        elif isinstance(node, ast.Call):
            yield from self.call(node)
        elif isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES:
            end = self.span(node)[1]
            yield self.edit(end - len(node.attr), end, ATTRIBUTES[node.attr])
        elif isinstance(node, ast.Tuple) and len(node.elts) in (2, 3):
            yield from self.swap(node.elts[-2], node.elts[-1])
        elif isinstance(node, ast.comprehension):
            for test in node.ifs:
                yield self.replace(test, "True")
        elif isinstance(node, ast.Lambda):
            yield from self.expression(node.body)
            return
        for child in ast.iter_child_nodes(node):
            yield from self.expression(child)

    def constant(self, node: ast.Constant) -> Iterator[Mutant]:
        value = node.value
        if isinstance(value, bool):
            yield self.replace(node, str(not value))
        elif isinstance(value, int):
            yield self.replace(node, str(value + 1))
            if value > 0:
                yield self.replace(node, str(value - 1))
        elif isinstance(value, float):
            yield self.replace(node, repr(value * 1.25 if value else 1.0))

    def call(self, node: ast.Call) -> Iterator[Mutant]:
        name = node.func
        if isinstance(name, ast.Name) and name.id in NAMES:
            yield self.replace(name, NAMES[name.id])
        elif isinstance(name, ast.Attribute) and name.attr in NAMES:
            end = self.span(name)[1]
            yield self.edit(end - len(name.attr), end, NAMES[name.attr])
        plain = [a for a in node.args if not isinstance(a, ast.Starred)]
        called = self.text(name).rpartition(".")[2]
        if len(plain) >= 2 and called not in COMMUTATIVE:
            yield from self.swap(plain[0], plain[1])
        for i, keyword in enumerate(node.keywords):
            if keyword.arg is None:
                continue
            # Without the option, whatever is the default is used.
            begin, end = self.span(keyword)
            after = self.source[end:].split(b")", 1)[0]
            if after.lstrip().startswith(b","):
                end += after.index(b",") + 1
            elif i or node.args:
                begin = self.source.rindex(b",", 0, begin)
            yield self.edit(begin, end, "")

    def swap(self, one: ast.expr, other: ast.expr) -> Iterator[Mutant]:
        a, b = self.text(one), self.text(other)
        if a != b:
            (begin, stop), (resume, end) = self.span(one), self.span(other)
            yield self.edit(begin, end, b + self.source[stop:resume].decode() + a)

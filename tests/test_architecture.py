"""The house rules, checked on the source itself. Each test returns the list of places that break one rule."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("ops_core", "ui", "pages", "app.py")
SQL_ROOMS = ("ops_core/store/", "ops_core/intake/", "ops_core/engine/")
SQL_TEXT = re.compile(r"\s*(SELECT|INSERT INTO|CREATE|UPDATE|DELETE FROM|WITH|COPY|ATTACH|PRAGMA)\s[\s\S]*\S")
RUNS_SQL = {"execute", "executemany", "sql", "query", "from_query"}
MAX_LINES, MAX_PAGE_LINES = 400, 60
REFUSED_NAMES = re.compile(r"(utils?|helpers?|manager|misc|common)\.py")
MACHINE_PATHS = re.compile(r"(?<![\w.])(/work/|/root/|/home/\w|/Users/\w|[A-Z]:\\\\?Users)")


@functools.cache
def sources(*tops: str) -> tuple[Path, ...]:
    found: list[Path] = []
    for top in tops:
        path = ROOT / top
        found += [path] if path.is_file() else sorted(path.rglob("*.py"))
    return tuple(found)


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def place(path: Path, node: ast.AST) -> str:
    return f"{name(path)}:{node.lineno}"


def imported(path: Path) -> Iterator[tuple[str, ast.AST]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or "", node


def project_text_files() -> list[Path]:
    endings = {".py", ".md", ".toml", ".po", ".css", ".txt", ".csv", ".yml", ""}
    skipped = {".git", ".venv", "__pycache__", ".pytest_cache", ".ruff_cache", ".hypothesis", ".data", "build"}
    return [
        path
        for path in ROOT.rglob("*")
        if path.suffix in endings
        and path.is_file()
        and not skipped & set(path.relative_to(ROOT).parts)
        and not any(part.endswith(".egg-info") for part in path.parts)
    ]


def test_import_contracts():
    # The layers themselves are declared once, in pyproject.toml. A process of its own: the linter switches off every
    # logger that is there when it starts.
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_screen_code_imports_downward_only():
    allowed = {"ui": {"ui", "ops_core"}, "pages": {"ui", "ops_core", "pages"}}
    broken = []
    for top, may in allowed.items():
        for path in sources(top):
            starts = {node for block in tree(path).body if _is_main_block(block) for node in ast.walk(block)}
            broken += [
                f"{place(path, node)} imports {module}"
                for module, node in imported(path)
                if module.split(".")[0] in {"ui", "pages", "app", "asgi"} - may and node not in starts
            ]
            broken += [f"{place(path, node)} imports duckdb" for module, node in imported(path) if module == "duckdb"]
    assert broken == []


def _is_main_block(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__main__" in ast.dump(node.test)


def test_pages_only_arrange():
    broken = []
    for path in sources("pages"):
        if path.name == "__init__.py":
            continue
        if len(path.read_text(encoding="utf-8").splitlines()) > MAX_PAGE_LINES:
            broken.append(f"{name(path)} has more than {MAX_PAGE_LINES} lines")
        if not any(isinstance(node, ast.FunctionDef) and node.name == "render" for node in tree(path).body):
            broken.append(f"{name(path)} defines no render()")
        arithmetic = {"pandas", "numpy", "scipy"}
        broken += [f"{place(path, node)} computes" for module, node in imported(path) if module in arithmetic]
    assert broken == []


def test_sql_is_constant_text():
    broken = [
        place(path, call)
        for path in sources(*PRODUCT)
        for call in ast.walk(tree(path))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in RUNS_SQL
        and call.args
        and _is_pasted(call.args[0])
    ]
    assert broken == []


def _is_pasted(text: ast.expr) -> bool:
    """An f-string, a % or a .format(): values pasted into the statement instead of bound."""
    if isinstance(text, ast.BinOp):
        return isinstance(text.op, ast.Mod) or _is_pasted(text.left) or _is_pasted(text.right)
    if isinstance(text, ast.Call) and isinstance(text.func, ast.Attribute):
        return text.func.attr == "format" or _is_pasted(text.func.value)
    return isinstance(text, ast.JoinedStr)


def test_sql_lives_in_store_intake_and_engine():
    broken = [
        place(path, node)
        for path in sources(*PRODUCT)
        if not name(path).startswith(SQL_ROOMS)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL_TEXT.fullmatch(node.value)
    ]
    assert broken == []


def test_one_boundary_catches_everything():
    broad = [
        place(path, handler)
        for path in sources(*PRODUCT)
        for handler in ast.walk(tree(path))
        if isinstance(handler, ast.ExceptHandler) and _is_broad(handler.type) and not _raises_again(handler)
    ]
    assert len(broad) <= 1, broad
    assert all(where.startswith(("ui/", "app.py")) for where in broad)


def _is_broad(caught: ast.expr | None) -> bool:
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(one is None or (isinstance(one, ast.Name) and one.id in {"Exception", "BaseException"}) for one in names)


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_files_stay_small_and_well_named():
    everything = sources(*PRODUCT, "tests", "benchmarks")
    too_long = [name(path) for path in everything if len(path.read_text(encoding="utf-8").splitlines()) > MAX_LINES]
    ill_named = [name(path) for path in everything if REFUSED_NAMES.fullmatch(path.name)]
    assert (too_long, ill_named) == ([], [])


def test_nothing_is_left_undone():
    marks = re.compile(r"\b(TODO|FIXME|XXX)\b|raise NotImplemented|# type: ignore|# pragma: no cover")
    broken = [
        f"{name(path)}:{number}"
        for path in sources(*PRODUCT)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if marks.search(line)
    ]
    assert broken == []


def test_no_path_of_one_machine():
    broken = [
        f"{name(path)}:{number}"
        for path in project_text_files()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if MACHINE_PATHS.search(line)
    ]
    assert broken == []


@pytest.mark.parametrize("lock", ["run", "dev", "bench"])
def test_locks_are_hashed_and_name_no_index(lock: str):
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    requirements = [block for block in re.split(r"\n(?=\S)", text) if block and not block.startswith("#")]
    assert len(requirements) > 20
    assert [block.split()[0] for block in requirements if "==" not in block or "--hash=sha256:" not in block] == []
    assert re.findall(r"https?://\S+|--(?:extra-)?index-url\S*|--find-links\S*", text) == []

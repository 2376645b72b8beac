"""The shape of the tree: imports go along the arrows of the architecture, and never in a circle."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# What a package may import besides itself.
ARROWS = {
    "datasets": set(),
    "protocols": {"datasets"},
    "models": {"datasets", "protocols"},
    "results": set(),
    "reports": {"results", "datasets", "models"},
    "benchmark": {"datasets", "protocols", "models", "results", "reports"},
}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    module_name(path): ast.parse(path.read_text(encoding="utf-8"), str(path))
    for package in ARROWS
    for path in sorted((ROOT / package).rglob("*.py"))
}


def imports(tree: ast.AST) -> set[str]:
    """Names of the project's modules that a module imports, also inside functions."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are not used here"
            full = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in full}
    return {name for name in found if name in MODULES}


GRAPH = {name: imports(tree) - {name} for name, tree in MODULES.items()}


@pytest.mark.parametrize("package", ARROWS)
def test_imports_follow_the_arrows(package):
    allowed = ARROWS[package] | {package}
    strays = {
        f"{name} imports {target}"
        for name, targets in GRAPH.items()
        for target in targets
        if name.split(".")[0] == package and target.split(".")[0] not in allowed
    }
    assert not strays


def test_no_import_circles():
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_only_the_tool_reads_environment_and_command_line():
    readers = {
        name
        for name, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in {("os", "environ"), ("os", "getenv"), ("sys", "argv")}
    }
    # A program of its own, as nnU-Net takes its settings from the environment.
    assert {name for name in readers if not name.startswith("benchmark")} == {"segbench.models.nnunet.child"}

"""The structure of the project: imports follow the arrows of the architecture, without circles."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# By package: the packages that it may import besides itself and the ground floor (the modules of segbench).
ARROWS = {
    "datasets": set(),
    "protocols": {"datasets"},
    "models": {"datasets", "protocols"},
    "results": set(),
    "reports": {"datasets", "protocols", "models", "results"},
    "benchmark": {"datasets", "protocols", "models", "results", "reports"},
}
GROUND_FLOOR = "segbench"
MAX_LINES = 350


def module_name(path: Path) -> str:
    """Return the full name of a module, such as ``segbench.models.registry``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == GROUND_FLOOR else (GROUND_FLOOR, *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(name: str) -> str:
    """Return the package of a module: one of `ARROWS`, or the ground floor."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ARROWS else GROUND_FLOOR


# In a clone, segbench/ contains links to the packages; each file is read once, from its package.
PATHS = [*(ROOT / GROUND_FLOOR).glob("*.py"), *(p for name in ARROWS for p in (ROOT / name).rglob("*.py"))]
MODULES = {module_name(path): ast.parse(path.read_text("utf-8"), str(path)) for path in sorted(PATHS)}


def imports(tree: ast.AST) -> set[str]:
    """Return the modules of this project that a module imports, also inside functions."""
    targets = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "this project has no relative imports"
            full = {f"{node.module}.{alias.name}" for alias in node.names}
            targets |= {name if name in MODULES else str(node.module) for name in full}
    return {name for name in targets if name in MODULES}


GRAPH = {name: imports(tree) - {name} for name, tree in MODULES.items()}


@pytest.mark.parametrize("package", [GROUND_FLOOR, *ARROWS])
def test_imports_follow_the_arrows(package):
    allowed = {GROUND_FLOOR, package} | ARROWS.get(package, set())
    strays = {
        f"{name} imports {target}"
        for name, targets in GRAPH.items()
        for target in targets
        if package_of(name) == package and package_of(target) not in allowed
    }
    assert not strays


def test_no_module_imports_the_packages_by_their_short_names():
    strays = {
        f"{name} imports {target}"
        for name, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for target in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        )
        if target.split(".")[0] in ARROWS
    }
    assert not strays


def test_there_are_no_import_circles():
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_only_the_entry_point_imports_the_command_line():
    command_line = "segbench.benchmark.cli"
    importers = {
        name
        for name, targets in GRAPH.items()
        for target in targets
        if f"{target}.".startswith(f"{command_line}.") and not f"{name}.".startswith(f"{command_line}.")
    }
    assert importers == {"segbench.benchmark.__main__"}


def test_only_the_tool_reads_environment_and_command_line():
    readers = {
        name
        for name, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in {("os", "environ"), ("os", "getenv"), ("sys", "argv")}
    }
    # Programs of their own: nnU-Net takes its settings from the environment, a worker from its command line.
    programs = {"segbench.models.nnunet.child", "segbench.models.remote.segbench_worker"}
    assert {name for name in readers if package_of(name) != "benchmark"} == programs


def test_no_file_is_too_long():
    lengths = {str(path.relative_to(ROOT)): path.read_text("utf-8").count("\n") for path in PATHS}
    assert not {name: length for name, length in lengths.items() if length > MAX_LINES}

"""The house: rooms, and imports between them that only go down."""

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "metagen"
ROOMS = (
    "base",
    "device",
    "propagation",
    "rcwa",
    "data",
    "forward",
    "fab",
    "fdtd",
    "surrogate",
    "design",
    "verify",
    "provenance",
    "report",
    "study",
    "demo",
    "cli",
)
"""From the ground up."""


def imported(path):
    """Yield what a file imports from the package, as paths of names below it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").startswith("metagen"):
            for alias in node.names:
                yield (*node.module.split(".")[1:], alias.name)
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[1:] for a in node.names if a.name.startswith("metagen."))


def file_of(names):
    """The file that an import reads."""
    place = PACKAGE.joinpath(*names)
    while not (place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()):
        place = place.parent
    return place.with_suffix(".py") if place.with_suffix(".py").is_file() else place / "__init__.py"


def test_every_file_is_in_a_room():
    flat = {path.name for path in PACKAGE.iterdir() if path.is_file()}
    assert flat == {"__init__.py", "__init__.pyi", "__main__.py", "py.typed"}
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(ROOMS)


def test_the_map_shows_the_rooms_in_their_order():
    page = (PACKAGE.parent / "docs" / "contributing.md").read_text(encoding="utf-8")
    table = page.partition("| room |")[2].partition("\n\n")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)) == ROOMS


def test_no_import_runs_up_between_rooms():
    floors = {room: floor for floor, room in enumerate(ROOMS)}
    upwards = [
        f"{path.relative_to(PACKAGE)}: {'.'.join(names)}"
        for room in ROOMS
        for path in (PACKAGE / room).rglob("*.py")
        for names in imported(path)
        if floors[names[0]] > floors[room]
    ]
    assert not upwards


def test_no_files_import_each_other_in_a_circle():
    files = [path for room in ROOMS for path in (PACKAGE / room).rglob("*.py") if path.stem != "__init__"]
    arrows = {path: {file_of(names) for names in imported(path)} - {path} for path in files}
    while arrows:
        leaves = [path for path, targets in arrows.items() if not targets & set(arrows)]
        assert leaves, f"a circle among {sorted(str(path.relative_to(PACKAGE)) for path in arrows)}"
        for path in leaves:
            del arrows[path]

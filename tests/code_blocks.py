"""The code blocks of Markdown pages, as something to run or to check.

Python blocks run, those of one page one after the other in one namespace. TOML blocks must be valid; one that
begins with a comment ``# name.toml`` is also written to that file, for what follows. Shell blocks after the
comment ``<!-- run -->`` (or ``<!-- run: meep -->``, where Meep is there) run. Of others, which simulate for
minutes or need a cluster, every line is checked: the program is known, metagen's command line takes the
arguments, scripts and recipes are there.
"""

import importlib.util
import re
import shlex
import tomllib
from pathlib import Path

import typer
import typer.core
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

from metagen.cli.app import app

ROOT = Path(__file__).parents[1]
SHOWN = {"text"}
"""Languages of blocks that are output, or otherwise nothing to run."""
LAUNCHERS = re.compile(
    r"((/usr/bin/time -v|taskset -c \S+|nice|mpirun( --?[\w-]+( \d\S*)?)*|srun( --?\S+)*|sudo( -\w)?) )+"
)
FOLDERS = ("simulations/", "training/", "design/", "benchmarks/", "containers/", "docs/", "tests/")
"""What begins with one of these is in the repository."""
PROGRAMS = {
    *("cd", "cp", "echo", "export", "git", "mkdir", "set", "source", "ssh"),
    *("apptainer", "conda", "pip", "sacct", "sbatch", "scancel", "squeue", "module", "debootstrap"),
}
"""Programs of others, whose arguments are their own business."""


def run_all(page, folder):
    """Run or check every block of a page, in a folder of its own."""
    sybil = Sybil(
        [
            PythonCodeBlockParser(),
            CodeBlockParser("toml", evaluator=lambda example: _toml(example, folder)),
            CodeBlockParser("sh", evaluator=_shell),
        ]
    )
    for example in sybil.parse(page).examples():
        example.evaluate()


def languages(page):
    """The languages of all fences but directives; an indented block counts as a fence without one."""
    text = page.read_text(encoding="utf-8")
    fences = re.findall(r"^ *```+([^\n`]*)\n.*?^ *```+$", text, flags=re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^ *```.*?^ *```+$", "", text, flags=re.MULTILINE | re.DOTALL)
    indented = [""] if re.search(r"\n\n {4,}[^-*\d\s]", prose) else []
    return {fence.strip() for fence in fences if not fence.startswith("{")} | set(indented)


def _toml(example, folder):
    tomllib.loads(example.parsed)
    named = re.match(r"# ([\w./-]+\.toml)\b", example.parsed)
    if named:
        (folder / named[1]).write_text(example.parsed, encoding="utf-8")


def _shell(example):
    before = example.document.text[: example.start].rstrip().rpartition("\n")[2]
    if before == "<!-- run: meep -->" and importlib.util.find_spec("meep") is None:
        before = ""
    for command in commands(example.parsed):
        if before.startswith("<!-- run"):
            program, *arguments = shlex.split(command)
            assert program == "metagen", f"{command}: only metagen's own commands can be run"
            typer.main.get_command(app)(arguments, standalone_mode=False)
        else:
            check_command(command)


def commands(block):
    """The commands of a shell block."""
    for line in block.replace("\\\n", " ").splitlines():
        for command in re.split(r"&&|\|\||;|(?<!\|)\|(?!\|)", line.partition("#")[0]):
            if command.strip():
                yield command.strip()


def check_command(command):
    """Check one command without running it."""
    words = shlex.split(LAUNCHERS.sub("", re.sub(r"^(\w+=\S*\s+)+", "", f"{command} "), count=1))
    missing = [word for word in words if word.startswith(FOLDERS) and not (ROOT / word).exists()]
    assert not missing, f"{command}: {missing} not in the repository"
    match words:
        case ["metagen", *arguments]:
            check_arguments(arguments)
        case ["python" | "python3", "-m", "venv", _]:
            pass
        case ["python" | "python3", script, *arguments]:
            text = (ROOT / script).read_text(encoding="utf-8")
            options = [word.partition("=")[0] for word in arguments if word.startswith("--")]
            unknown = [option for option in options if not _has_option(text, option)]
            assert not unknown, f"{script} has no {unknown}"
        case ["make", target, *_]:
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE), command
        case [program, *_]:
            known = program in PROGRAMS or (ROOT / program).is_file() or Path(program).name in PROGRAMS
            assert known, f"{command}: which program is {program}?"


def _has_option(script, option):
    """A script names an option, or a parameter that typer makes an option of."""
    return option in script or re.search(rf"\b{option.lstrip('-').replace('-', '_')}\s*:", script)


def check_arguments(arguments):
    """Let metagen's command line read arguments; it raises what a user would see."""
    command = typer.main.get_command(app)
    name = "metagen"
    while isinstance(command, typer.core.TyperGroup) and not arguments[0].startswith("-"):
        name, *arguments = arguments
        command = command.commands[name]
    if "--help" not in arguments:
        command.make_context(name, list(arguments))

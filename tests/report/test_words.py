"""Names are shown as they are: they are no markup of tables, no mathematics of pictures, no HTML of pages."""

import numpy as np
import pytest
from matplotlib.text import Text

import metagen as mg
from metagen.base.tables import Table
from metagen.fab.picture import plot_violations
from metagen.report import plot
from metagen.report.page import Section, write_report

ODD = ["x[red]y", "[bold", "$x^$", "$\\alpha$"[:1] + "frac$", "</b><script>alert(1)", ":smile:", "$$x$$"]


@pytest.mark.parametrize("name", [*ODD, "x[/red]y", "$\\frac$", "\x1b[31m"])
def test_a_table_shows_names_as_they_are(name, capsys):
    shown = name.replace("\x1b", "\\x1b")
    Table(name, ("device", name if name.isprintable() else "b"), ((name, "1"),), name).print()
    assert capsys.readouterr().out.count(shown) == (4 if name.isprintable() else 3)


@pytest.mark.parametrize("text", ["a|b", "<b>", "*a*", "[a](b)", "`a`", "$a$", "\\"])
def test_a_table_in_markdown_has_names_as_they_are(text):
    *_, row = Table("", ("a",), ((text,),)).markdown().splitlines()
    assert (
        row == f"| {''.join(f'{chr(92)}{each}' if each in '|<*[`$' + chr(92) else each for each in text)} |"
    )


@pytest.mark.parametrize("name", ODD)
def test_a_picture_shows_names_as_they_are(name, tmp_path):
    layout = mg.Layout(mg.Platform(), np.linspace(0.06, 0.16, 9).reshape(3, 3), name=name.replace("/", "-"))
    figures = [
        plot.layout(layout),
        plot.layout_map(layout),
        plot_violations(layout, ()),
        plot.histories({name: [1.0, 2.0]}, "step", "figure"),
    ]
    for number, figure in enumerate(figures):
        plot.save(figure, tmp_path / f"{number}.svg")  # drawn, which is where mathematics would fail
        words = [each for each in figure.findobj(Text) if name.replace("/", "-") in each.get_text()]
        words += [each for each in figure.findobj(Text) if name in each.get_text()]
        assert words
        assert not any(each.get_parse_math() for each in words)


@pytest.mark.parametrize("name", ODD)
def test_a_page_shows_names_as_they_are(name, tmp_path):
    figure = plot.histories({name: [1.0, 2.0]}, "step", "figure")
    figure.axes[0].set_title(name, parse_math=False)
    table = Table(name, (name,), ((name,),), name)
    write_report(
        tmp_path / "a.html", name, name, [Section(name, name, (figure,), (table,))], {name: name}, about=name
    )
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page


def test_a_picture_and_a_page_keep_what_they_are_about(tmp_path):
    figure = plot.histories({"a": [1.0, 2.0]}, "step", "figure")
    for kind in ("png", "pdf", "svg"):
        plot.save(figure, tmp_path / f"a.{kind}", about="0123456789abcdef")
        assert b"0123456789abcdef" in (tmp_path / f"a.{kind}").read_bytes()
    write_report(tmp_path / "a.html", "", "", [], {}, about="0123456789abcdef")
    assert b"0123456789abcdef" in (tmp_path / "a.html").read_bytes()

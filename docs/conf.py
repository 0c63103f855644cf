"""How the documentation is built (Sphinx): `make docs`."""

from importlib.metadata import version as installed_version

project = "metagen"
version = release = installed_version("metagen")
html_title = f"metagen {version}"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "**.ipynb_checkpoints"]

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_copyright = html_show_sphinx = html_copy_source = False

myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # a page may begin a level lower than its neighbours

# Notebooks are stored without outputs and run when the site is built.
nb_execution_mode = "cache"
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_raise_on_error = True

autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_type_aliases = {"Mask": "Mask"}  # written out, it would hold a word that looks like a link
napoleon_numpy_docstring = False
napoleon_use_ivar = True


def _escape_bars(app, what, name, obj, options, lines):
    """|E|² is an amplitude, not one of reStructuredText's substitutions."""
    lines[:] = [line.replace("|", r"\|") for line in lines]


def _rejoin(app, what, name, obj, options, lines):
    """Undo Napoleon's reading of "What it is: more" on a property, as a type and a description."""
    types = [line for line in lines if line.startswith(":type: ")]
    if what == "property" and types:
        lines.remove(types[0])
        lines[0] = f"{types[0].removeprefix(':type: ')}: {lines[0]}"


def setup(app):
    app.connect("autodoc-process-docstring", _escape_bars)
    app.connect("autodoc-process-docstring", _rejoin, priority=600)

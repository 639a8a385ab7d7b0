"""Sphinx's configuration of the documentation site: see tools/build_docs.py."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from docutils.nodes import SkipNode, literal, math_block, table
from docutils.utils.math.latex2mathml import tex2mathml

import featscape

if TYPE_CHECKING:
    from docutils.nodes import document, math
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

project = "featscape"
author = "the authors of featscape"
project_copyright = "the authors of featscape. Apache License 2.0"
version = release = featscape.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
templates_path = ["_templates"]
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]  # types in docstrings are words, not links

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
smartquotes = False  # would replace the hyphens of --option by a dash
autosummary_generate = True
autodoc_typehints = "none"  # the docstrings name the types
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # the templates list the members

html_theme = "pydata_sphinx_theme"
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system
html_title = "featscape"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["maps.js"]
html_sidebars = {"index": [], "tutorial": [], "gallery/index": []}
html_show_sourcelink = False
html_copy_source = False
html_math_renderer = "mathml"
html_theme_options = {
    "logo": {"text": "featscape"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "pygments_light_style": "tango",
    "pygments_dark_style": "github-dark",
}

# Matplotlib and the networks use all processors by default; a build in CI shares the machine.
os.environ.setdefault("OMP_NUM_THREADS", "2")


def _visit_math(self: HTML5Translator, node: math | math_block) -> None:
    """Write a formula as MathML, which browsers show without a script and without a download."""
    is_block = isinstance(node, math_block)
    formula = tex2mathml(node.astext(), as_block=is_block)
    self.body.append(f'<div class="math">{formula}</div>' if is_block else formula)
    raise SkipNode


def _mark_short_code(_app: Sphinx, page: document) -> None:
    """Give short code in a sentence the class `short`: site.css keeps this code on one line."""
    in_tables = {code for each in page.findall(table) for code in each.findall(literal)}
    for code in page.findall(literal):
        if len(code.astext()) <= 28 and code not in in_tables:  # 28 characters fit on a phone
            code["classes"].append("short")


def setup(app: Sphinx) -> None:
    """Register the renderer of formulas, and mark short code."""
    app.add_html_math_renderer("mathml", (_visit_math, None), (_visit_math, None))
    app.connect("doctree-read", _mark_short_code)

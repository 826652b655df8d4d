"""How Sphinx makes a site of the repository's pages, with the repository as its source: links stay as they are.

``tools/docs_site.py`` runs it. Sphinx with MyST reads Markdown as GitHub does (CommonMark), so a page is the same in
both places.
"""

from __future__ import annotations

from typing import Any

project = "cbbot"
author = "The cbbot authors"
html_title = "cbbot"
root_doc = "docs/index"
include_patterns = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "charts/README.md",
    "benchmarks/README.md",
    "docs/*.md",
    "docs/*/*.md",
]
exclude_patterns = [".*", "build", "dist", "bot", "bridge", "operator", "tests", "tools"]

extensions = ["myst_parser"]
myst_enable_extensions = ["tasklist"]
myst_heading_anchors = 4
# What Pygments cannot colour is shown without colours.
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_copy_source = False
html_show_sphinx = False

CONTENTS = {
    "docs/index": {
        "Begin": ["docs/tutorial", "docs/concepts", "docs/faq", "docs/comparison", "docs/glossary"],
        "Trade": ["docs/trading", "docs/backtest", "docs/data", "docs/page", "docs/going-live", "docs/migration"],
        "Run": [
            "docs/operations",
            "docs/backup",
            "docs/state",
            "docs/monitoring",
            "docs/runbooks/README",
            "docs/operator",
            "docs/capabilities",
            "docs/gitops",
            "docs/bridge",
            "docs/simulator",
            "docs/soak",
            "SECURITY",
        ],
        "Reference": [
            "docs/tradingbot",
            "docs/settings",
            "docs/bridge-settings",
            "docs/operator-settings",
            "docs/conditions",
            "docs/command-line",
            "docs/http-bot",
            "docs/http-bridge",
            "docs/metrics",
            "charts/README",
        ],
        "Project": [
            "docs/versions",
            "CHANGELOG",
            "docs/release",
            "README",
            "docs/architecture",
            "docs/decisions/README",
            "CONTRIBUTING",
            "benchmarks/README",
        ],
    },
    "docs/decisions/README": {"": ["docs/decisions/0*"]},
    "docs/runbooks/README": {"": ["docs/runbooks/*-alerts"]},
}
"""Captions and pages by the page that holds them; a page that is in none of them is an error of the build."""


def setup(app: Any) -> None:
    app.connect("source-read", _add_contents)


def _add_contents(_: Any, page: str, source: list[str]) -> None:
    """The contents stand here and not in the pages, which GitHub shows too."""
    for caption, pages in CONTENTS.get(page, {}).items():
        listed = "\n".join(f"/{each}" for each in pages)
        options = ":hidden:\n:glob:\n" + (f":caption: {caption}\n" if caption else "")
        source[0] += f"\n\n```{{toctree}}\n{options}\n{listed}\n```\n"

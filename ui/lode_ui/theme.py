"""How the look gets to the browser: style sheets and the script of the theme, served from here."""

import hashlib
from pathlib import Path

from nicegui import app, ui

FOLDER = Path(__file__).parent / "static"
SHEETS = (
    "tokens.css",
    "frame.css",
    "widgets.css",
    "lists.css",
    "fleet.css",
    "commands.css",
    "telling.css",
    "alerts.css",
    "energy.css",
)
SCRIPTS = ("lode.js", "chart.js")
MONTH_S = 30 * 86_400

FAVICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<rect width="32" height="32" rx="8" fill="#0f5fb3"/>'
    '<path d="M9 7v18h14" fill="none" stroke="#fff" stroke-width="3.4" stroke-linecap="round"/>'
    '<path d="m14 18 4-5 3 3 4-6" fill="none" stroke="#f0b429" stroke-width="2.6" '
    'stroke-linecap="round" stroke-linejoin="round"/></svg>'
)


def install() -> None:
    """Serve the style, and name it in the head of every page."""
    app.add_static_files("/_lode/static", FOLDER, max_cache_age=MONTH_S)
    version = _version()
    sheets = "".join(
        f'<link rel="stylesheet" href="/_lode/static/{name}?{version}">' for name in SHEETS
    )
    # Our own constant words only: what is added to the head is not escaped.
    scripts = "".join(f'<script src="/_lode/static/{name}?{version}"></script>' for name in SCRIPTS)
    head = scripts + sheets
    ui.add_head_html(head, shared=True)


def _version() -> str:
    digest = hashlib.sha256()
    for path in sorted(FOLDER.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]

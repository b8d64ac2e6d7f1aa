"""The workspace in the browser: channels, messages, forms and App Home, as any of its people.

`attach` is all that others need. What is drawn is HTML made here, piece by piece (`markup.py`); NiceGUI serves the page
and carries the changes (`window.py`, `board.js`).
"""

from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from nicegui import Client, ui
from starlette.requests import Request
from starlette.responses import JSONResponse

from sandbox.page.window import Window
from sandbox.page.words import say

if TYPE_CHECKING:
    from sandbox.app import Sandbox

HERE = Path(__file__).parent
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#2f5d62"/>'
    '<path d="M9 11h14M9 16h14M9 21h8" stroke="#fff" stroke-width="3" stroke-linecap="round"/></svg>'
)
LARGEST_FILE = 20_000_000


def attach(app: FastAPI, sandbox: "Sandbox") -> None:
    """Puts the page at the address / of `app`; call it once, after the other routes are there."""

    async def take_file(request: Request) -> JSONResponse:
        """A file chosen in a form: its bytes are the body."""
        if request.headers.get("x-sandbox") != "page":
            return JSONResponse({"error": "not_allowed"}, 403)
        content = b""
        async for chunk in request.stream():
            content += chunk
            if len(content) > LARGEST_FILE:
                return JSONResponse({"error": "too_large"}, 413)
        query = request.query_params
        user = sandbox.workspace.people.get(query.get("as", ""))
        if user is None or not content:
            return JSONResponse({"error": "empty"}, 400)
        name = Path(query.get("name", "file")).name or "file"
        kind = request.headers.get("content-type") or "application/octet-stream"
        file = sandbox.workspace.add_file(user.id, name, content, kind)
        return JSONResponse({"id": file.id, "name": file.name})

    app.add_route("/page/files", take_file, methods=["POST"])

    @ui.page("/", title=say("en", "page_title"), favicon=ICON)
    def show(client: Client) -> None:
        ui.add_css(HERE / "board.css")
        window = Window(sandbox)
        client.on_delete(window.close)

    ui.run_with(
        app,
        tailwind=False,
        show_welcome_message=False,
        reconnect_timeout=10,
        cache_control_directives="no-cache",
    )

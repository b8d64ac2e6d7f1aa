"""Puts the sandbox together: one workspace, its Web API, its deliveries, its control API, and (if wanted) its page."""

import asyncio
import importlib
import importlib.util
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox import control
from sandbox.acting import Acting
from sandbox.delivery import HOLDER, Delivery
from sandbox.faults import Faults
from sandbox.manifest import Manifest
from sandbox.store import Store
from sandbox.webapi.server import WebApi
from sandbox.workspace import Workspace


@dataclass
class Program:
    """The program started with `-- CMD`: how it ended, in a sentence (empty while it runs); and who wants it again."""

    ended: str = ""
    again: asyncio.Event = field(default_factory=asyncio.Event)


class Sandbox:
    """What the page and the control API work with. `child` is there when a program was started with `-- CMD`."""

    def __init__(
        self, manifest: Manifest, folder: Path | None = None, request_url: str | None = None, transport: str = "auto"
    ) -> None:
        self.store = Store(folder)
        self.workspace = Workspace(manifest, self.store)
        self.delivery = Delivery(self.workspace, request_url, transport)
        self.acting = Acting(self.workspace, self.delivery)
        self.faults = Faults()
        self.webapi = WebApi(self.workspace, self.faults, self.delivery.new_ticket)
        self.child: Program | None = None

    @property
    def may_write_to_bot(self) -> bool:
        manifest = self.workspace.manifest
        return manifest.messages_tab and not manifest.messages_tab_read_only

    def reset(self, manifest: Manifest | None = None) -> None:
        self.delivery.forget()
        self.delivery.refusing_sockets = False
        self.faults.remove()
        self.acting.reset()
        self.webapi.reset()
        self.workspace.reset(manifest)

    async def close(self) -> None:
        self.faults.remove()
        await self.delivery.close()
        self.store.close()


def build(sandbox: Sandbox, page: bool = True) -> ASGIApp:
    """The web application. The page, if there is one, is `sandbox.page.attach(app, sandbox)`."""
    app = FastAPI(openapi_url=None)
    app.router.routes.extend(control.routes(sandbox))
    app.router.routes.append(WebSocketRoute("/link/", sandbox.delivery.serve))

    async def file(request: Request) -> Response:
        workspace = sandbox.workspace
        found = workspace.files.get(request.path_params["id"])
        looks = request.query_params.get("as", "")
        if found is None or found.id not in workspace.contents or not workspace.may_see_file(looks, found):
            return Response("There is no such file, or it was shared nowhere where you can see it.", 404)
        headers = {"Content-Disposition": "inline", "X-Content-Type-Options": "nosniff"}
        if not found.mimetype.startswith("image/") or "svg" in found.mimetype:
            headers["Content-Disposition"] = "attachment"
        return Response(workspace.contents[found.id], media_type=found.mimetype, headers=headers)

    app.router.routes.append(Route("/files/{id}/{name:path}", file))
    if page and importlib.util.find_spec("sandbox.page") is not None:
        importlib.import_module("sandbox.page").attach(app, sandbox)

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(("/api/", "/response/", "/upload/", "/files-pri/")):
            await sandbox.webapi(scope, receive, send)
            return
        if scope["type"] == "websocket":
            scope[HOLDER] = getattr(send, "__self__", None)
        await app(scope, receive, send)

    return door

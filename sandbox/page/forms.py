"""A form that the app opened, with what was typed and what was wrong with it; and App Home."""

from markupsafe import Markup

from sandbox.page.blocks import draw_blocks
from sandbox.page.fields import Place, text_of
from sandbox.page.markup import tag
from sandbox.page.viewer import Viewer
from sandbox.workspace import View


def form(view: View, viewer: Viewer) -> Markup:
    definition = view.definition
    title = text_of(definition.get("title"), viewer)
    place = Place(view.id, viewer, view.values, view.errors)
    cancel = text_of(definition.get("close"), viewer) or viewer.say("cancel" if definition.get("submit") else "close")
    submit = text_of(definition.get("submit"), viewer)
    below = view.previous_view_id is not None
    back = tag("button", "‹", type="button", class_="x back", data_do="cancel", aria_label=viewer.say("back"))
    return tag(
        "dialog",
        tag(
            "form",
            tag("div", back if below else None, tag("h2", title),
                tag("small", viewer.say("form_of", name=viewer.workspace.manifest.bot_name)),
                tag("button", "✕", type="button", class_="x", data_do="cancel", data_all="1",
                    aria_label=viewer.say("close")), class_="top"),
            tag("div", draw_blocks(definition.get("blocks", []), place), class_="inside"),
            tag("div",
                tag("span", viewer.say("wait"), class_="spinner", role="status"),
                tag("button", cancel, type="button", class_="btn", data_do="cancel"),
                tag("button", submit, type="submit", class_="btn primary") if submit else None, class_="bottom"),
            novalidate=True,
        ),
        class_="form", data_key=view.id, data_view=view.id, data_callback_id=definition.get("callback_id"),
        data_hash=view.hash, aria_label=title,
    )  # fmt: skip


def home(view: View | None, viewer: Viewer) -> Markup:
    if view is None:
        text = viewer.say("home_empty", name=viewer.workspace.manifest.bot_name)
        return tag("p", text, class_="empty")
    place = Place(view.id, viewer, view.values, view.errors)
    return tag("div", draw_blocks(view.definition.get("blocks", []), place), class_="blocks home", data_view=view.id,
               data_home=True)  # fmt: skip

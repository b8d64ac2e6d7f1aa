"""Files in two steps: an address to send the bytes to, then the word that they are complete and where they belong."""

import mimetypes

from sandbox.errors import SlackError
from sandbox.webapi.call import TIER_4, Call, Method, invalid_arguments
from sandbox.workspace import File, Json, new_id


def get_upload_url(call: Call) -> Json:
    name, length = call.required("filename"), call.number("length", 0)
    if length <= 0:
        raise SlackError("missing_argument")
    if call.given("snippet_type") and length > 1_000_000:
        raise SlackError("snippet_too_large")
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    created = int(call.workspace.now())
    file = File(new_id("F"), name, name, kind, length, call.bot, created, complete=False)
    call.workspace.save_file(file)
    return {"upload_url": f"{call.workspace.address}/upload/{file.id}", "file_id": file.id}


def _uploaded(call: Call) -> list[tuple[File, str]]:
    """The files that are to be completed, and their titles."""
    wanted, found = call.structure("files", list), []
    if not wanted:
        raise invalid_arguments("missing required field: files")
    for entry in wanted:
        if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
            raise invalid_arguments("must be a list of {id, title} [json-pointer:/files]")
        file = call.workspace.files.get(entry["id"])
        if file is None or file.id not in call.workspace.contents:
            raise SlackError("file_not_found")
        found.append((file, str(entry.get("title") or file.name)))
    return found


def complete_upload(call: Call) -> Json:
    workspace, done = call.workspace, _uploaded(call)
    addresses = [call.text("channel_id")] if call.given("channel_id") else call.names("channels")
    if len(addresses) > 100:
        raise SlackError("channels_limit_exceeded")
    channels = []
    for address in addresses:
        channel = workspace.channels.get(address)
        if channel is None or (channel.type != "channel" and not call.is_member(channel)):
            raise SlackError("channel_not_found")
        channels.append(call.joined(channel))
        if channel.is_archived:
            raise SlackError("is_archived")
    for file, title in done:
        file.complete, file.title = True, title
        workspace.save_file(file)
    for channel in channels:
        thread_ts = call.text("thread_ts") or None
        ids = [file.id for file, _ in done]
        workspace.post(channel, call.bot, call.text("initial_comment"), files=ids, thread_ts=thread_ts)
    return {"files": [workspace.file_json(file) for file, _ in done]}


def info(call: Call) -> Json:
    file = call.workspace.files.get(call.required("file"))
    if file is None or not file.complete:
        raise SlackError("file_not_found")
    return {"file": call.workspace.file_json(file), "comments": [], "response_metadata": {"next_cursor": ""}}


def take_upload(call: Call, file_id: str, content: bytes) -> Json:
    """The bytes arrive at the address of the first step."""
    file = call.workspace.files.get(file_id)
    if file is None or file.complete:
        raise SlackError("file_not_found")
    file.size = len(content)
    call.workspace.set_content(file, content)
    return {}


def private(call: Call, file_id: str) -> File:
    """The file behind `url_private`."""
    file = call.workspace.files.get(file_id)
    if file is None or not file.complete or file.id not in call.workspace.contents:
        raise SlackError("file_not_found")
    return file


METHODS = {
    "files.getUploadURLExternal": Method(get_upload_url, TIER_4, ("files:write",)),
    "files.completeUploadExternal": Method(complete_upload, TIER_4, ("files:write",)),
    "files.info": Method(info, TIER_4, ("files:read",)),
}

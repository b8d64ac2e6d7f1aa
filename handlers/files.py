"""Files: what people upload is fetched from Slack, what they ask for is sent to them in a direct message."""

import urllib.request
from datetime import timedelta
from email.message import Message
from typing import IO
from urllib.error import HTTPError
from urllib.parse import urlsplit

from slack_sdk.errors import SlackApiError
from sqlalchemy import Connection

from bot.incident import Evidence
from bot.lists import Unreadable
from handlers.courier import direct_channel
from handlers.desk import Desk
from storage import confirmations, incidents, outbox
from storage.outbox import Errand, Saying

NO_FILE = {"file_not_found", "file_deleted", "file_not_visible"}
NOT_THERE = {403, 404, 410}


def fetch(desk: Desk, file_id: str, most: int) -> bytes:
    """What is in a file of Slack's; one byte more than `most` when it is longer.

    Raises Unreadable when it is not there any more, or Slack asks us to sign in; OSError and SlackApiError when trying
    again may help.
    """
    try:
        file = desk.client.files_info(file=file_id)["file"]
    except SlackApiError as error:
        if error.response["error"] in NO_FILE:
            raise Unreadable("lists.wrong_gone") from None
        raise
    address = str(file.get("url_private_download") or file["url_private"])
    asked = urllib.request.Request(address, headers={"Authorization": f"Bearer {desk.client.token}"})  # noqa: S310 - Slack's
    opener = urllib.request.build_opener(_Redirect, urllib.request.HTTPSHandler(context=desk.client.ssl))
    try:
        with opener.open(asked, timeout=desk.client.timeout) as answer:
            content = bytes(answer.read(most + 1))
            kind = answer.headers.get_content_type()
    except HTTPError as error:
        if error.code in NOT_THERE:
            raise Unreadable("lists.wrong_gone") from None
        raise
    # Whoever may not read it is shown the page on which people sign in, as if that were the file.
    if kind == "text/html" and str(file.get("mimetype")) != "text/html":
        raise Unreadable("lists.wrong_sign_in")
    return content


def attached(tx: Connection, incident_id: int) -> list[Evidence]:
    """The files that were given to a form about an incident, which only their owners see in Slack: those of its report,
    then the proofs that customers have confirmed."""
    given = [each for each in incidents.evidence_of(tx, incident_id) if each.kind == "file"]
    return given + [Evidence("file", ref) for ref in confirmations.proof_files(tx, incident_id)]


def send(desk: Desk, errand: Errand, user_id: str, name: str, content: bytes, comment: str) -> None:
    """A file as a direct message. Its name is never given twice: by it, it is found when no answer came."""
    upload(desk, errand, direct_channel(desk, user_id), name, name, content, comment)


def tell(desk: Desk, errand: Errand, drawing: str, user_id: str, why: str) -> None:
    """Whoever waits for a file that can't be sent is told so, in person: `why` is Slack's word, if it has one."""
    detail = {"errand": errand.id, "why": why}
    with desk.db.begin() as tx:
        outbox.say(tx, [Saying(int(errand.incident_id or 0), drawing, "person", user_id, detail=detail)], desk.now())
    desk.wake()


def upload(desk: Desk, errand: Errand, channel_id: str, name: str, title: str, content: bytes, comment: str) -> None:
    """A file in a channel. Its title is never given twice: by it, it is found when no answer came."""
    if errand.unsure and _is_there(desk, channel_id, title, errand):
        return
    desk.client.files_upload_v2(
        channel=channel_id, filename=name, title=title, content=content, initial_comment=comment
    )


def _is_there(desk: Desk, channel_id: str, title: str, errand: Errand) -> bool:
    oldest = (errand.created_at - timedelta(hours=1)).timestamp()  # clocks differ
    for page in desk.client.conversations_history(channel=channel_id, oldest=str(oldest), limit=200):
        if any(file.get("title") == title for said in page["messages"] for file in said.get("files", ())):
            return True
    return False


class _Redirect(urllib.request.HTTPRedirectHandler):
    """The token goes to Slack's own hosts alone, wherever a file may lie."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> urllib.request.Request | None:
        """As the library does, without the key for another host."""
        following = super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]
        if following is not None and urlsplit(newurl).netloc != urlsplit(req.full_url).netloc:
            following.remove_header("Authorization")
        return following

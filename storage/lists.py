"""Lists of customers that people give: sealed from the form to the last row, erased when they are imported."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from bot.lists import ERASED, Bad, Columns, CustomerList, ListState, Meaning, Unreadable
from bot.lists import Row as Line
from storage.encryption import Cipher, cipher_of
from storage.tables import lists


def typed(tx: Connection, form_key: str) -> dict[str, str]:
    """What somebody has typed into a form so far, in fields that it does not show now. Confidential."""
    question = select(lists.c.content).where(lists.c.form_key == form_key, lists.c.state == ListState.DRAFT)
    sealed = tx.execute(question).scalar_one_or_none()
    return dict(json.loads(cipher_of(tx).open(sealed) or "{}")) if sealed else {}


def keep_typed(
    tx: Connection, incident_id: int, form_key: str, by: str, now: datetime, said: Mapping[str, str]
) -> None:
    """What somebody has typed into a form that is not sent yet. The caller holds the incident's lock."""
    content = cipher_of(tx).seal(json.dumps(dict(said)))
    if of_form(tx, form_key) is None:
        begin(tx, incident_id, form_key, by, now, ListState.DRAFT)
    tx.execute(
        update(lists).where(lists.c.form_key == form_key, lists.c.state == ListState.DRAFT).values(content=content)
    )


def of_form(tx: Connection, form_key: str) -> CustomerList | None:
    """The list that a form has given, if it was sent before; or what was typed into it."""
    row = tx.execute(select(lists).where(lists.c.form_key == form_key)).one_or_none()
    return _list(row, cipher_of(tx)) if row else None


def begin(
    tx: Connection,
    incident_id: int,
    form_key: str,
    by: str,
    now: datetime,
    state: ListState,
    view_id: str = "",
    name: str = "",
) -> int:
    """Somebody gives a list: what they typed meanwhile makes room for it. Returns its id.

    The caller holds the incident's lock and has looked that the form was not sent before.
    """
    cipher = cipher_of(tx)
    values = {"by": by, "at": now, "state": state, "view_id": view_id, "name": cipher.seal(name), "content": ""}
    draft = tx.execute(select(lists.c.id).where(lists.c.form_key == form_key)).scalar_one_or_none()
    if draft is not None:
        tx.execute(update(lists).where(lists.c.id == draft).values(**values))
        return int(draft)
    statement = insert(lists).values(incident_id=incident_id, form_key=form_key, **values)
    return int(tx.execute(statement.returning(lists.c.id)).scalar_one())


def get(tx: Connection, list_id: int) -> CustomerList | None:
    """One list; None when it was erased with the customers of its incident."""
    row = tx.execute(select(lists).where(lists.c.id == list_id)).one_or_none()
    return _list(row, cipher_of(tx)) if row else None


def rows(tx: Connection, list_id: int) -> list[Line]:
    """What stands in a list, until it is imported. Confidential."""
    sealed = tx.execute(select(lists.c.content).where(lists.c.id == list_id)).scalar_one_or_none() or ""
    return [Line(line, tuple(cells)) for line, cells in json.loads(cipher_of(tx).open(sealed) or "[]")]


def bad_rows(tx: Connection, list_id: int) -> tuple[Line | None, list[Bad]]:
    """The headings of a list, if it has any, and the rows that were left out. Confidential."""
    sealed = tx.execute(select(lists.c.bad_rows).where(lists.c.id == list_id)).scalar_one_or_none() or ""
    kept = json.loads(cipher_of(tx).open(sealed) or "{}")
    heading = Line(1, tuple(kept["heading"])) if kept.get("heading") else None
    found = [Bad(Line(line, tuple(cells)), phrase, values) for line, cells, phrase, values in kept.get("rows", ())]
    return heading, found


def set_read(tx: Connection, list_id: int, found: Sequence[Line], columns: Columns) -> None:
    """It was read; `columns` are guessed. Nothing when somebody else was faster."""
    content = json.dumps([[row.line, row.cells] for row in found], ensure_ascii=False)
    _change(
        tx,
        list_id,
        [ListState.READING],
        state=ListState.READ,
        content=cipher_of(tx).seal(content),
        columns=_as_json(columns),
    )


def set_failed(tx: Connection, list_id: int, why: Unreadable) -> None:
    """It can't be used."""
    said = {"why": why.phrase, "values": why.values}
    _change(tx, list_id, [ListState.READING], state=ListState.FAILED, content="", columns=said)


def set_importing(tx: Connection, list_id: int, columns: Columns) -> None:
    """Its columns are confirmed."""
    _change(tx, list_id, [ListState.READ], state=ListState.IMPORTING, columns=_as_json(columns))


def set_imported(
    tx: Connection, list_id: int, added: int, merged: int, bad: Sequence[Bad], heading: Line | None = None
) -> None:
    """Its customers are in the incident's list. What was in it is erased, except the rows that were left out."""
    kept = {
        "heading": heading.cells if heading else None,
        "rows": [[each.row.line, each.row.cells, each.phrase, dict(each.values)] for each in bad],
    }
    tx.execute(
        update(lists)
        .where(lists.c.id == list_id)
        .values(
            state=ListState.IMPORTED,
            content="",
            added=added,
            merged=merged,
            bad=len(bad),
            bad_rows=cipher_of(tx).seal(json.dumps(kept, ensure_ascii=False)) if bad else "",
        )
    )


def set_view(tx: Connection, list_id: int, view_id: str) -> None:
    """Another form shows it."""
    tx.execute(update(lists).where(lists.c.id == list_id).values(view_id=view_id))


def _change(tx: Connection, list_id: int, only_in: Sequence[ListState], **values: Any) -> None:
    tx.execute(update(lists).where(lists.c.id == list_id, lists.c.state.in_(only_in)).values(**values))


def _as_json(columns: Columns) -> dict[str, Any]:
    return {"heading": columns.heading, "of": {str(meaning): column for meaning, column in columns.of.items()}}


def _list(row: Row[Any], cipher: Cipher) -> CustomerList:
    said, columns, state = row.columns or {}, None, ListState(row.state)
    if state in (ListState.READ, ListState.IMPORTING) and not row.content:  # a customer wanted to be erased
        said, state = {"why": ERASED}, ListState.FAILED
    if "of" in said:
        columns = Columns(said["heading"], {Meaning(meaning): column for meaning, column in said["of"].items()})
    return CustomerList(
        row.id,
        row.incident_id,
        row.form_key,
        row.by,
        row.at,
        state,
        row.view_id,
        cipher.open(row.name),
        columns,
        said.get("why", ""),
        said.get("values", {}),
        row.added,
        row.merged,
        row.bad,
    )

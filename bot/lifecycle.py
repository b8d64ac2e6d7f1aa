"""What may follow what, and who may do it. Checked when a form opens and again when it is saved."""

from collections.abc import Collection

from bot.incident import Incident, NotAllowed, Status


def check_can_verify(incident: Incident) -> None:
    """Raises NotAllowed when the report was verified already, or the incident is over."""
    _check_open(incident)
    if incident.verified_at is not None:
        raise NotAllowed("allowed.already_verified", by=incident.verified_by, at=incident.verified_at)


def check_can_contact(incident: Incident) -> None:
    """Raises NotAllowed when the incident is over."""
    _check_open(incident)


def check_can_dismiss(incident: Incident, user_id: str, deciders: Collection[str]) -> None:
    """Raises NotAllowed unless the reporter, or somebody on call or on the ladder (`deciders`), ends it while open."""
    _check_open(incident)
    if user_id != incident.reporter_id and user_id not in deciders:
        raise NotAllowed("allowed.only_reporter_or_ladder", reporter=incident.reporter_id)


def check_handles_case(user_id: str, incident: Incident, participants: Collection[str]) -> None:
    """Raises NotAllowed unless somebody is one of its people: a customer's data are theirs alone (decision 7)."""
    if user_id != incident.reporter_id and user_id not in participants:
        raise NotAllowed("allowed.only_its_people", reporter=incident.reporter_id)


def may_see(incident: Incident, user_id: str, participants: Collection[str]) -> bool:
    """Whether somebody may know of an incident: all may of a public one, its people of a private one (decision 7)."""
    return not incident.is_private or user_id == incident.reporter_id or user_id in participants


def _check_open(incident: Incident) -> None:
    if incident.status is Status.DISMISSED:
        raise NotAllowed("allowed.already_dismissed", by=incident.dismissed_by, at=incident.dismissed_at)

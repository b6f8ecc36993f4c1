"""Where an opportunity belongs: pipeline and stage, looked up by name and remembered a while."""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.conf import settings

from integrations.errors import ConnectorError
from integrations.ghl import client

_REMEMBERED_SECONDS = 600


@dataclass(frozen=True)
class Pipeline:
    """The pipeline's id, and its stages' ids by their names in lower case."""

    id: str
    name: str
    stages: dict[str, str]


_known: dict[str, tuple[float, Pipeline]] = {}


def forget() -> None:
    """Look the pipeline up anew the next time."""
    _known.clear()


def pipeline() -> Pipeline:
    """Give the pipeline that bookings go through.

    Raises `ConnectorError`, which pauses the destination, when the CRM has none of this name.
    """
    name = settings.GHL_PIPELINE_NAME
    key = f"{settings.GHL_API_BASE} {settings.GHL_LOCATION_ID} {name}"
    until, found = _known.get(key, (0.0, None))
    if found is not None and until > time.monotonic():
        return found
    there = client.pipelines()
    for each in there:
        if str(each.get("name", "")).strip().lower() == name.strip().lower():
            stages = {str(s["name"]).strip().lower(): str(s["id"]) for s in each["stages"]}
            found = Pipeline(id=str(each["id"]), name=name, stages=stages)
            _known[key] = (time.monotonic() + _REMEMBERED_SECONDS, found)
            return found
    names = ", ".join(sorted(str(each.get("name")) for each in there)) or "none"
    raise ConnectorError(
        f"has no pipeline called “{name}” (GHL_PIPELINE_NAME); it has: {names}",
        are_credentials_refused=True,
    )


def stage(*, name: str) -> tuple[str, str]:
    """Give the ids of the pipeline and of its stage of this name.

    Raises `ConnectorError`, which pauses the destination, when there is no such stage.
    """
    found = pipeline()
    stage_id = found.stages.get(name.strip().lower())
    if stage_id is None:
        forget()
        raise ConnectorError(
            f"has no stage called “{name}” in the pipeline “{found.name}” (GHL_STAGES);"
            f" it has: {', '.join(found.stages)}",
            are_credentials_refused=True,
        )
    return found.id, stage_id

"""What staff try where no calendar fits: other wishes, or a change that somebody else would have to make."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, timedelta
from typing import Any

from django.http import QueryDict

from clinic.models import Site
from scheduling.desk.new_course_form import read_span
from scheduling.engine import FormatError, Relaxation
from scheduling.explaining import read_relaxation

LONGEST = 500


def with_trial(posted: QueryDict) -> QueryDict:
    """The posted fields, changed as the way out that staff want to try says; nonsense changes nothing.

    A time at which the patient would come after all is that one time: the weekly hours stay as they were agreed. It
    counts until the wishes are changed.
    """
    data = posted.copy()
    if data.get("step") == "edit":
        data.pop("also_free", None)
    kind, *values = data.get("try", "").split(":")
    with suppress(ValueError, OverflowError):
        if kind == "later" and len(values) == 1:
            data["latest_start"] = str(
                date.fromisoformat(str(data.get("latest_start", ""))) + timedelta(days=int(values[0]))
            )
        if kind == "free":
            read_span(":".join(values), UTC)
            data["also_free"] = ":".join(values)
    return data


def read_supposed(data: Mapping[str, Any], site: Site) -> Relaxation | None:
    """The change whose plan staff want to see, though it is not theirs to make; nonsense is none."""
    text = str(data.get("suppose", ""))[:LONGEST]
    with suppress(FormatError, ValueError, OverflowError):
        return read_relaxation(json.loads(text), site)
    return None

"""Where Django's autodiscovery looks: each of these modules registers its admin classes."""

from scheduling.desk import (  # noqa: F401
    courses,
    inbound,
    notices,
    patients,
    protocol_drafts,
    protocols,
    resources,
    sessions,
    sites,
    staff,
    waiting_entries,
)

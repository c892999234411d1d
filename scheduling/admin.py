"""Where Django's autodiscovery looks: each of these modules registers its admin classes."""

from scheduling.desk import courses, notices, patients, protocol_drafts, protocols, resources, sessions, sites, staff  # noqa: F401

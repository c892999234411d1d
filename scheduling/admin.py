"""Where Django's autodiscovery looks: each of these modules registers its admin classes."""

from scheduling.desk import base, patients, resources, sites, staff  # noqa: F401

"""A process that plans the visits of TMS 1 again, which is out in two weeks, on the database given."""

import os
import sys
from datetime import timedelta

import django
from django.conf import settings

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "clinic.settings"
    settings.DATABASES["default"]["NAME"] = sys.argv[1]
    django.setup()
    from clinic.models import Resource
    from scheduling.disruptions.answer import propose_replanning
    from scheduling.disruptions.applying import agree, apply_replanning
    from scheduling.disruptions.question import Disruption, Span
    from tests.factories import NOW
    from tests.scheduling.calendar import at

    device = Resource.objects.select_related("site").get(name="TMS 1")
    site, now = device.site, NOW + timedelta(hours=1)
    disruption = Disruption(site, (Span(device, at(site, 14, 0), at(site, 16, 0)),))
    found = propose_replanning(disruption, now=now)
    apply_replanning(disruption, [agree(answer) for answer in found.placed], now=now)

"""A worker process that delivers what is due at the instant given, on the database given."""

import os
import sys
from datetime import datetime

import django
from django.conf import settings

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "clinic.settings"
    settings.DATABASES["default"]["NAME"] = sys.argv[1]
    django.setup()
    from scheduling.messages import delivery

    delivery.deliver_due(now=datetime.fromisoformat(sys.argv[2]))

"""A process that undoes one change at the instant given, on the database given."""

import os
import sys
from datetime import datetime

import django
from django.conf import settings

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "clinic.settings"
    settings.DATABASES["default"]["NAME"] = sys.argv[1]
    django.setup()
    from scheduling.changes import undo_change
    from scheduling.models import Change

    undo_change(Change.objects.get(pk=int(sys.argv[2])), now=datetime.fromisoformat(sys.argv[3]), by=None)

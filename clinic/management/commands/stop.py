import os
import signal
import time

from django.core.management.base import BaseCommand

from clinic import localservices
from clinic.localservices import ServiceError
from clinic.single_copy import find_running

PATIENCE_SECONDS = 60


class Command(BaseCommand):
    help = "Stop the copy that runs from this folder, and its embedded servers."
    requires_system_checks = ()

    def handle(self, **options: object) -> None:
        place = localservices.find_place()
        pid = find_running(place)
        if pid:
            stop_process(pid)
            deadline = time.monotonic() + PATIENCE_SECONDS
            while find_running(place):
                if time.monotonic() > deadline:
                    raise ServiceError(f"Process {pid} did not stop within {PATIENCE_SECONDS} seconds.")
                time.sleep(0.1)
        servers = localservices.stop(place)
        self.stdout.write("Stopped." if pid or servers else "Nothing runs from this folder.")


def stop_process(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except PermissionError:
        raise ServiceError(f"Process {pid} belongs to another account: stop it as that account.") from None
    except ProcessLookupError:
        return

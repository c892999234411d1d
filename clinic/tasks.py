from celery import shared_task
from celery.signals import worker_ready

from clinic import health


@shared_task
def beat_heart() -> None:
    """Beat asks, the worker answers: a fresh heartbeat shows that both of them, and the broker, work."""
    health.write_heartbeat()


@worker_ready.connect
def beat_heart_at_start(**kwargs: object) -> None:
    health.write_heartbeat()

"""Who takes the patient home from a sedating session, and the event that stands in their own calendar."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from django.db import models
from django.db.models import F, Q

from clinic.audit import audited
from scheduling.models.session import Session


class DriverStatus(models.TextChoices):
    NEEDED = "needed", "Needed"
    NAMED = "named", "Named"
    CONFIRMED = "confirmed", "Confirmed"
    SEEN = "seen", "Seen at discharge"


class DriverKind(models.TextChoices):
    PERSON = "person", "Somebody they know"
    RIDE_SERVICE = "ride_service", "Taxi or ride service"


SETTLED = (DriverStatus.CONFIRMED, DriverStatus.SEEN)


@audited()
class Driver(models.Model):
    """Who takes the patient home. Only `scheduling.drivers` writes it, and the outbox when the session moves."""

    session = models.OneToOneField(Session, on_delete=models.CASCADE, related_name="driver")
    status = models.CharField(max_length=10, choices=DriverStatus, default=DriverStatus.NEEDED)
    kind = models.CharField(max_length=12, choices=DriverKind, default=DriverKind.PERSON)
    name = models.CharField(max_length=120, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    email = models.EmailField(blank=True, help_text="Where the driver agreed to get an invite of their own.")
    agreed_start = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Start of the session they agreed to; another one is not."
    )
    lost_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When a driver fell through; calls made before do not count."
    )
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="named_driver_has_a_name", condition=Q(status="needed") | ~Q(name="") | Q(kind="ride_service")
            ),
            models.CheckConstraint(
                name="confirmed_driver_agreed_to_a_start",
                condition=~Q(status__in=["confirmed", "seen"]) | Q(agreed_start__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.get_status_display() if self.status == DriverStatus.NEEDED else self.title

    @property
    def title(self) -> str:
        """Who it is, for staff; empty where nobody is named."""
        if self.status == DriverStatus.NEEDED:
            return ""
        return self.name or self.get_kind_display()

    @property
    def is_settled(self) -> bool:
        """Whether the clinic knows who takes the patient home, at the time the session has now."""
        return self.status in SETTLED and self.agreed_start == self.session.start

    @property
    def wants_invite(self) -> bool:
        return self.status != DriverStatus.NEEDED and self.kind == DriverKind.PERSON and bool(self.email)


class PickUp(models.Model):
    """The event of one driver's address for one session: `start` and `end` as it should be, `told_...` as it is known.

    Another address is another event with a UID of its own; one that ended never comes back (RFC 5546 3.2.5).
    """

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="pick_ups")
    uid = models.UUIDField(default=uuid4, unique=True, editable=False, help_text="UID of its calendar event.")
    email = models.EmailField()
    sequence = models.PositiveIntegerField(default=0, help_text="SEQUENCE of its calendar event (RFC 5546 2.1.4).")
    start = models.DateTimeField()
    end = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When it was called off, or given to another.")
    told_sequence = models.PositiveIntegerField(
        null=True, blank=True, help_text="SEQUENCE that stands in the driver's calendar; empty where none does."
    )
    told_start = models.DateTimeField(null=True, blank=True)
    told_end = models.DateTimeField(null=True, blank=True)
    told_cancelled = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["created_at", "pk"]
        constraints = [
            models.CheckConstraint(name="pick_up_ends_after_it_starts", condition=Q(end__gt=F("start"))),
            models.UniqueConstraint(
                fields=["session"], condition=Q(ended_at=None), name="a_session_has_one_pick_up_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"Pick-up of {self.session}"

    @property
    def is_told(self) -> bool:
        """Whether the driver was told of it at all, by mail or by phone."""
        return self.told_start is not None

    def is_as_told(self) -> bool:
        """Whether the last the driver heard is still true."""
        if self.ended_at is not None:
            return self.told_cancelled or not self.is_told
        return (self.told_start, self.told_end) == (self.start, self.end) and not self.told_cancelled

    def is_over(self, *, now: datetime) -> bool:
        """Whether both the time it has and the one the driver knows are past."""
        return max(self.end, self.told_end or self.end) <= now

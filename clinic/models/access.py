"""Who may do what: staff accounts with roles and sites, and the keys of other systems."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models

from clinic.audit import audited, audited_link
from clinic.models.site import Site


class Role(models.TextChoices):
    FRONT_DESK = "front_desk", "Front desk"
    CLINICIAN = "clinician", "Clinician"
    SITE_ADMIN = "site_admin", "Site administrator"
    INTEGRATION = "integration", "Integration"


@audited(exclude=("password", "last_login"))
class User(AbstractUser):
    """A staff account. A superuser is the organisation's administrator and sees every site."""

    role = models.CharField(max_length=20, choices=Role, default=Role.FRONT_DESK)
    sites = models.ManyToManyField(Site, blank=True, related_name="staff")

    class Meta:
        verbose_name = "staff account"

    def __str__(self) -> str:
        return self.get_full_name() or self.username

    def visible_sites(self) -> models.QuerySet[Site]:
        """The sites whose patients, resources and courses this account may see."""
        return Site.objects.all() if self.is_superuser else self.sites.all()


@audited_link
class StaffSite(User.sites.through):  # type: ignore[name-defined]  # made by Django at run time
    """A site an account may work at."""

    class Meta:
        proxy = True
        verbose_name = "site of the account"

    def __str__(self) -> str:
        return f"{self.user} at {self.site}"


class Scope(models.TextChoices):
    READ = "read", "Read"
    PATIENTS = "patients", "Write patients"
    COURSES = "courses", "Plan, book and stop courses"
    SESSIONS = "sessions", "Move and cancel sessions"


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self, *, now: datetime) -> ApiKeyQuerySet:
        return self.filter(revoked_at=None).filter(models.Q(expires_at=None) | models.Q(expires_at__gt=now))


@audited(exclude=("last_used_at",))
class ApiKey(models.Model):
    """A Bearer key of another system: shown once, kept as a hash."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    name = models.CharField(max_length=80)
    sites = models.ManyToManyField(Site, related_name="api_keys")
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope), default=list)
    prefix = models.CharField(max_length=12, unique=True, editable=False)
    key_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        ordering = ["name"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    def visible_sites(self) -> models.QuerySet[Site]:
        return self.sites.all()


@audited_link
class ApiKeySite(ApiKey.sites.through):  # type: ignore[name-defined]  # made by Django at run time
    """A site a key may reach."""

    class Meta:
        proxy = True
        verbose_name = "site of the key"

    def __str__(self) -> str:
        return f"{self.apikey} at {self.site}"

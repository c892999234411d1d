"""Staff accounts and the keys of other systems. Nobody gives, or takes over, more than their own reach."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import BaseUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from clinic.api_keys import revoke_key
from clinic.models import ApiKey, ApiKeySite, Role, Site, StaffSite, User
from scheduling.desk.base import SiteScopedAdmin, staff_of


def is_within_reach(sites: QuerySet[Site], user: User) -> bool:
    """Whether the user may see every one of the sites."""
    return user.is_superuser or not sites.exclude(pk__in=user.visible_sites()).exists()


class SitesRequired(forms.BaseForm):
    """An account that is not the organisation administrator's works at some site."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "sites" in self.fields and not cleaned.get("is_superuser") and not cleaned.get("sites"):
            self.add_error("sites", "Choose the sites where this person works.")
        return cleaned


class StaffCreationForm(SitesRequired, BaseUserCreationForm):
    class Meta(BaseUserCreationForm.Meta):
        model = User
        fields = ("username", "first_name", "last_name", "email", "role", "sites")


class StaffChangeForm(SitesRequired, UserChangeForm):
    pass


@admin.register(User)
class StaffAdmin(SiteScopedAdmin, UserAdmin):
    """Accounts are made inactive, never deleted: the record of who did what names them."""

    site_path = "sites"
    history_links = ((StaffSite, "user"),)
    form = StaffChangeForm
    add_form = StaffCreationForm
    add_form_template = None
    list_display = ("full_name", "username", "role", "sites_shown", "is_active")
    list_display_links = ("full_name", "username")
    list_filter = ("role", "is_active")
    search_fields = ("username", "first_name", "last_name", "email")
    search_help_text = "Name, user name or e-mail"
    ordering = ("last_name", "first_name", "username")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password", "is_active")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Reach", {"fields": ("role", "sites")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "password1", "password2")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Reach", {"fields": ("role", "sites")}),
    )

    @admin.display(description="name", ordering="last_name")
    def full_name(self, user: User) -> str:
        return user.get_full_name() or user.username

    @admin.display(description="sites")
    def sites_shown(self, user: User) -> str:
        return "All sites" if user.is_superuser else ", ".join(site.name for site in user.sites.all())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("sites")

    def limit_to_sites(self, rows: QuerySet[Any], sites: QuerySet[Site]) -> QuerySet[Any]:
        here = User.sites.through.objects.filter(site__in=sites).values("user")
        return rows.filter(pk__in=here, is_superuser=False)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if not staff_of(request).is_superuser or obj is None:
            return fieldsets
        return (*fieldsets, ("Organization", {"fields": ("is_superuser",)}))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Nobody changes their own reach."""
        return ("role", "sites", "is_active", "is_superuser") if obj == request.user else ()

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "sites" and field is not None:
            field.widget = forms.CheckboxSelectMultiple(choices=field.widget.choices)
            field.help_text = ""
        if db_field.name == "is_superuser" and field is not None:
            field.label, field.help_text = (
                "Organisation administrator",
                "Sees and may change everything, at every site.",
            )
        return field

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An account that also works elsewhere is shown, but left to someone who manages all of its sites."""
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or is_within_reach(obj.sites.all(), staff_of(request)))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.is_staff = obj.is_superuser or obj.role != Role.INTEGRATION
        super().save_model(request, obj, form, change)


@admin.register(ApiKey)
class ApiKeyAdmin(SiteScopedAdmin):
    """Keys are made by `manage.py create_api_key`, which shows them once; here they are seen and revoked."""

    site_path = "sites"
    history_links = ((ApiKeySite, "apikey"),)
    list_display = (
        "name",
        "prefix",
        "sites_shown",
        "scopes_shown",
        "created_at",
        "expires_at",
        "last_used_at",
        "state",
    )
    actions = ("revoke",)
    fields = (
        "name",
        "prefix",
        "sites",
        "scopes",
        "created_at",
        "created_by",
        "expires_at",
        "revoked_at",
        "last_used_at",
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("sites")

    def limit_to_sites(self, rows: QuerySet[Any], sites: QuerySet[Site]) -> QuerySet[Any]:
        return rows.filter(pk__in=ApiKey.sites.through.objects.filter(site__in=sites).values("apikey"))

    @admin.display(description="sites")
    def sites_shown(self, key: ApiKey) -> str:
        return ", ".join(site.name for site in key.sites.all())

    @admin.display(description="may")
    def scopes_shown(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @admin.display(description="state")
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return "Revoked"
        return "Expired" if key.expires_at and key.expires_at <= timezone.now() else "Active"

    @admin.action(description="Revoke the chosen keys", permissions=["change"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        now, user = timezone.now(), staff_of(request)
        for key in keys:
            if not is_within_reach(key.sites.all(), user):
                messages.error(request, f"{key} reaches sites that you do not manage; it was left as it is.")
            elif revoke_key(key, now=now):
                messages.success(request, f"{key} is revoked.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


admin.site.unregister(Group)  # a role is the whole of an account's rights

"""Replaces `django.contrib.admin` in INSTALLED_APPS, so that the admin site is ours."""

from django.contrib.admin.apps import AdminConfig


class DeskConfig(AdminConfig):
    default_site = "scheduling.desk.admin_site.DeskSite"

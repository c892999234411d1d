"""Bearer keys of other systems. A key has no user: `request.auth` is the key, and its sites bound what it sees."""

from __future__ import annotations

import pghistory
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from clinic.api_keys import find_key, note_use
from clinic.models import ApiKey, Scope


class BearerKeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        words = get_authorization_header(request).decode("latin-1").split()
        if not words:
            return None
        if len(words) != 2 or words[0].lower() != "bearer":
            raise AuthenticationFailed("The Authorization header must read: Bearer <key>.")
        now = timezone.now()
        key = find_key(words[1], now=now)
        if key is None:
            raise AuthenticationFailed("The key is not known, has expired or was revoked.")
        note_use(key, now=now)
        pghistory.context(api_key=str(key.uuid))
        return AnonymousUser(), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class HasScope(BasePermission):
    """Reading needs the read scope; a view names in `write_scope` what its writing needs."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.auth, ApiKey):
            return False
        needed = Scope.READ if request.method in SAFE_METHODS else getattr(view, "write_scope", None)
        self.message = f"The key lacks the scope '{needed}'."
        # Without a write scope there is nothing to write here: let the view answer 405.
        return needed is None or needed in request.auth.scopes


class BearerKeyScheme(OpenApiAuthenticationExtension):
    target_class = BearerKeyAuthentication
    name = "bearerKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A key made by `manage.py create_api_key`."}

"""Messages with an Undo button, for the frame of all pages."""

from __future__ import annotations

from django import template
from django.contrib.messages.storage.base import Message

from scheduling.desk.undo import read_button

register = template.Library()


@register.simple_tag
def undo_of(message: Message) -> dict[str, object] | None:
    return read_button(message.extra_tags or "")

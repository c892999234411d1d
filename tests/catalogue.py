"""The catalogue of patients' words: what the code and the templates ask gettext for, and the files that answer.

`python -m tests.catalogue` writes the Spanish files anew: new strings come in without a translation, strings that
nobody asks for any more go, and the .mo is compiled. It needs no system gettext. Translate in the .po, run it again.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[1]
FILES = ROOT / "scheduling/locale/es/LC_MESSAGES"
APPS = ("clinic", "protocols", "scheduling")
# What an argument of each function is.
CALLS = {
    "_": ("id",),
    "gettext": ("id",),
    "gettext_lazy": ("id",),
    "gettext_noop": ("id",),
    "ngettext": ("id", "plural"),
    "ngettext_lazy": ("id", "plural"),
    "pgettext": ("context", "id"),
    "pgettext_lazy": ("context", "id"),
    "npgettext": ("context", "id", "plural"),
    "npgettext_lazy": ("context", "id", "plural"),
}
Asked = tuple[str, str, str, str]  # id, plural, context, file


def strings_asked_for() -> list[Asked]:
    """Every string of the code and of the templates, by file."""
    found: list[Asked] = []
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            found += strings_of_module(path)
    for path in sorted((ROOT / "scheduling").rglob("templates/*/*")):
        if "desk" not in path.parts:
            found += strings_of_template(path)
    return found


def strings_of_module(path: Path) -> Iterator[Asked]:
    source = path.read_text()
    if "gettext" not in source:
        return
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")  # gettext(...), translation.gettext(...)
        if name not in CALLS:
            continue
        given = dict(zip(CALLS[name], node.args, strict=False))
        words = {key: str(value.value) for key, value in given.items() if isinstance(value, ast.Constant)}
        if len(words) == len(CALLS[name]):
            yield words["id"], words.get("plural", ""), words.get("context", ""), name_of(path)


def strings_of_template(path: Path) -> Iterator[Asked]:
    """From the compiled nodes: exactly what the template asks for when it is rendered."""
    from django.template import engines  # the settings are there by now
    from django.templatetags.i18n import BlockTranslateNode, TranslateNode

    engine: Any = engines["django"].engine  # type: ignore[attr-defined]  # typed as any backend
    template = engine.from_string(path.read_text())
    for node in every_node(template.nodelist):
        if isinstance(node, TranslateNode):
            context = node.message_context.var if node.message_context else ""
            yield str(node.filter_expression.var.literal), "", str(context or ""), name_of(path)
        if isinstance(node, BlockTranslateNode):
            singular, _names = node.render_token_list(node.singular)
            plural, _names = node.render_token_list(node.plural) if node.plural else ("", [])
            yield trim(node, singular), trim(node, plural), "", name_of(path)


def every_node(nodelist: Any) -> Iterator[Any]:
    for node in nodelist:
        yield node
        for child in (getattr(node, name, None) for name in getattr(node, "child_nodelists", ())):
            yield from every_node(child or ())
        for _condition, branch in getattr(node, "conditions_nodelists", ()):
            yield from every_node(branch)


def trim(node: Any, text: str) -> str:
    from django.utils.translation import trim_whitespace

    return str(trim_whitespace(text)) if node.trimmed else text


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def read_catalogue() -> Catalog:
    with (FILES / "django.po").open("rb") as file:
        return read_po(file, locale="es", domain="django")


def write_catalogue() -> None:
    """Merge what is asked for into the file, and compile it."""
    old = read_catalogue() if (FILES / "django.po").exists() else Catalog(locale="es")
    new = Catalog(
        locale="es",
        domain="django",
        header_comment="# What patients read, in Spanish: formal, plain, understood in the United States and in Spain.",
        project="Cadence",
        version="1",
        msgid_bugs_address="see CONTRIBUTING.md",
        last_translator="Cadence",
        language_team="Spanish",
        fuzzy=False,
    )
    new.creation_date = new.revision_date = old.creation_date
    for text, plural, context, file in strings_asked_for():
        known = old.get(text, context or None)
        said = known.string if known is not None else ("", "") if plural else ""
        flags = ["python-format"] if re.search(r"%\(\w+\)[sd]", text) else []
        new.add((text, plural) if plural else text, said, locations=[(file, 0)], flags=flags, context=context or None)
    with (FILES / "django.po").open("wb") as readable:
        write_po(readable, new, width=100, sort_output=True, include_lineno=False)
    with (FILES / "django.mo").open("wb") as compiled:
        write_mo(compiled, new)


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic.settings")
    django.setup()
    write_catalogue()

"""What a patient's text means. Pure.

Whoever may want no more texts is taken at their word, typos included (47 CFR 64.1200(a)(10): "any reasonable means"):
a reminder too few is the lesser harm, as it comes by another way. A bare CANCEL is an opt-out for carriers and law and
may be meant for the visit, so it is both. Whatever is not understood is for a person to read.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum


class Meaning(StrEnum):
    STOP = "stop"
    CANCEL = "cancel"
    CONFIRM = "confirm"
    CALL = "call"
    START = "start"
    HELP = "help"
    OTHER = "other"


def listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


POLITE = listed(
    "please pls plz thanks thank you thx hi hello hey now asap already immediately sir just "
    "por favor gracias hola ahora"
)
STOP_WORDS = listed(
    "stop stopall stopp end quit revoke optout unsubscribe unsub unsubscribed remove stopping stops "
    "discontinue discontinued cease desist silence enough arret "
    "alto parar pare para paren parad baja basta detener detengan fin salir terminar desuscribir anular eliminar"
)
CANCEL_WORDS = listed("cancel canceled cancelled cancell canceling cancelar cancela cancele cancelen")
CONFIRM_WORDS = listed(
    "c ok okay yes y yep yeah yup confirm confirmed confirming si s confirmo confirmar confirmado confirmada"
)
CALL_WORDS = listed("r reschedule call")
# What a bare CANCEL may point at and still name nothing.
POINTING = listed("all of it this that these those them everything todo todos todas esto estos")
# With stop words and politeness, all that a wish for silence needs to say; whoever says more is to be read.
OF_SILENCE = listed(
    "i id im ive me my us we you your it this that these those them they all any everything anything and or the a an "
    "to of from off out on in for no not dont do does never nomore more further longer anymore again ever else "
    "want wanted wish like would need receive receiving get getting send sending sent be being interested opt opting "
    "opted leave alone take delete block turn pause halt consent withdraw list lists number phone text texts texting "
    "texted txt txts sms message messages messaging msg msgs reminder reminders notification notifications alert "
    "alerts contact contacting write writing bother bothering c "
    "yo ya no mas me mi mis de del la las el los lo le les un una que y a en nada esto estos estas esos eso quiero "
    "deseo recibir deje dejen deja dejar darme dar den deme denme manden mande mandar mandarme mandes envien envie "
    "enviar enviarme escriban escriba escribir escribirme molesten moleste molestar molestarme contacten contacte "
    "borren borre borrenme borreme eliminen eliminenme quiten quitenme quitar quitarme lista numero telefono texto "
    "textos mensaje mensajes aviso avisos recordatorio recordatorios cancelar cancelen cancele cancel todo todos "
    "interesa interesado interesada nunca tampoco"
)
START_WORDS = listed("start unstop subscribe resume empezar iniciar reanudar")
HELP_WORDS = listed("help info ayuda")
# Words long enough that one slip of a finger leads to them and from nothing else that is likely.
TYPED_OFTEN = ("stop", "quit", "revoke", "optout", "unsubscribe", "stopall", "parar", "basta", "detener")
CANCEL_TYPED = ("cancel", "cancelar")

TEXTS = (
    r"(?:texts?|texting|txts?|sms|messages?|messaging|msgs?|reminders?|notifications?|alerts?"
    r"|mensajes?|avisos?|recordatorios?)"
)
SAID = [
    rf"(?:stop|end|quit|cancel|cease|halt|discontinue|block|delete|turn off|pause)(?: \w+){{0,3}} {TEXTS}",
    r"stop (?:it|this|that|them|all|sending|contacting|bothering|writing|messaging|texting|everything|receiving)",
    r"(?:quit|end|cease|discontinue|silence) (?:it|this|that|these|those|them|all|everything)$",
    r"turn (?:it|this|that|these|them) off|cease and desist|want out$",
    r"no longer (?:wish|want|care|like) (?:to (?:receive|get|hear)|these|those|them|this|any)",
    r"(?:do not|dont|don t) (?:want|wish|like|care) to (?:receive|get|hear)|(?:do not|dont|don t) consent",
    r"(?:do not|dont|don t) want (?:it|this|that|these|those|them|any)(?: of (?:it|this|that|these|those|them))?"
    r"(?: any ?more)?$",
    r"not interested(?: any ?more| in (?:it|this|that|these|those|them))?$|no longer interested$",
    rf"(?:no|not|nomore) ?(?:more|further|longer)?(?: \w+){{0,2}} {TEXTS}",
    rf"any (?:more|further)(?: \w+){{0,2}} {TEXTS}",
    rf"(?:do not|dont|don t|never|quit|stop|cease)(?: \w+){{0,3}} (?:{TEXTS}|text|contact|message|write|send)",
    r"no more$|no mas$|ya no(?: mas)?$|ya no (?:quiero|deseo|me)",
    r"opt(?:ing|ed)? ?(?:me |us )?out|unsubscribe|unsuscribe|revoke(?: my)? consent|withdraw(?: my)? consent",
    r"(?:take|get|remove|delete) me (?:off|from|out)|(?:remove|delete) me$",
    r"remove my (?:number|phone)|leave me alone|lose my number",
    r"(?:wrong|not (?:my|the right)) (?:number|person)|numero equivocado",
    r"no mas (?:sms|textos?|mensajes?|avisos?|recordatorios?)|no quiero (?:mas|recibir|estos|los|sus)|no deseo",
    r"no quiero (?:esto|eso|estas|esos|nada)$|no (?:me interesan?|estoy interesad[oa])$",
    r"no me (?:mande[ns]?|envi?en?|escriba[ns]?|manden|moleste[ns]?|contacte[ns]?|llegue[ns]? mas)",
    r"(?:deje|dejen|deja|dejar|paren?|alto|cancel[aeo]n?|cancelar|detengan?|quite[n]?|basta)(?: \w+){0,3} "
    r"(?:sms|textos?|mensajes?|avisos?|recordatorios?|mandar(?:me)?|enviar(?:me)?|escribir(?:me)?|molestar(?:me)?)",
    r"dar(?:me)? de baja|dem?e?n?me? de baja|quiero (?:salir|darme de baja)|quitar?(?:en)?me de",
    r"(?:borr(?:en?|a)|elimin(?:en?|a)|quit(?:en?|a)|saqu(?:en?|a))me$|borr(?:en|e|ar) mi numero",
]
OPTING_OUT = re.compile(rf"\b(?:{'|'.join(SAID)})\b")
# A sentence that speaks of coming by is not one that asks for silence.
ABOUT_THE_WAY = re.compile(r"\bstop(?:ping|ped)? (?:by|in|over|at)\b|\b(?:bus|train|metro) stop\b|\bnon ?stop\b")
# Nor one that says what does not end, or that a message is missed.
DOES_NOT_STOP = re.compile(r"\b(?:doesnt|dont|didnt|wont|cannot|cant|not|never) (?:ever )?stop\b")
NOT_ARRIVED = re.compile(
    r"\b(?:did not|didnt|do not|dont|have not|havent|has not|hasnt|never) (?:get|got|gotten|received?|seen?|arrived?)"
    rf"(?: \w+){{0,2}}? {TEXTS}"
)
SHORT = 4  # words: in so few, STOP is what it is about


def read_text(text: str) -> Meaning:
    """The meaning of a whole message."""
    said = simplify(text)
    words = [word for word in said.split() if word not in POLITE]
    if is_opt_out(" ".join(said.split()), words):
        return Meaning.STOP
    if is_cancel(words):
        return Meaning.CANCEL
    if not words:
        return Meaning.OTHER
    for meaning, known in (
        (Meaning.CONFIRM, CONFIRM_WORDS),
        (Meaning.START, START_WORDS),
        (Meaning.HELP, HELP_WORDS),
        (Meaning.CALL, CALL_WORDS | {"me"}),
    ):
        if all(word in known for word in words):
            return meaning
    return Meaning.OTHER


def says_more(text: str) -> bool:
    """Whether a wish for silence holds a word that is for a person to read."""
    words = simplify(text).split()
    return not all(word in OF_SILENCE | POLITE or is_like(word, STOP_WORDS, TYPED_OFTEN) for word in words)


def is_cancel(words: list[str]) -> bool:
    named = [word for word in words if word not in POINTING]
    return bool(named) and all(is_like(word, CANCEL_WORDS, CANCEL_TYPED) for word in named)


def simplify(text: str) -> str:
    """Small letters without accents, apostrophes and marks."""
    bare = unicodedata.normalize("NFKD", text.casefold().replace("ı", "i"))
    bare = "".join(mark for mark in bare if not unicodedata.combining(mark) and mark not in "'’`´")
    words = "".join(mark if mark.isalnum() else " " for mark in bare)
    return re.sub(r"\b(?:\w ){2,}\w\b", lambda spelled: spelled[0].replace(" ", ""), f"{words}")


def is_opt_out(said: str, words: list[str]) -> bool:
    if ABOUT_THE_WAY.search(said):
        return False
    said = NOT_ARRIVED.sub(" ", said)
    if OPTING_OUT.search(said) or OPTING_OUT.search(NOT_ARRIVED.sub(" ", " ".join(words))):
        return True
    if not words or len(words) > SHORT or DOES_NOT_STOP.search(said):
        return False
    if all(is_like(word, STOP_WORDS, TYPED_OFTEN) for word in words if word != "ya") and words != ["ya"]:
        return True
    return any(word in {"stop", "stopall", "unsubscribe", "optout"} for word in words)


def is_like(word: str, known: frozenset[str], typed_often: tuple[str, ...]) -> bool:
    """Known, or one slip away; two in a long word."""
    if word in known:
        return True
    return any(
        word[:1] == meant[:1] and distance(word, meant) <= (2 if len(meant) > 8 else 1)
        for meant in typed_often
    )  # fmt: skip


def distance(one: str, other: str) -> int:
    """Letters left out, added, changed, or two swapped (optimal string alignment)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, mark in enumerate(one, start=1):
        current = [row]
        for column, wanted in enumerate(other, start=1):
            best = min(last[column] + 1, current[-1] + 1, last[column - 1] + (mark != wanted))
            if row > 1 and column > 1 and (mark, one[row - 2]) == (other[column - 2], wanted):
                best = min(best, before[column - 2] + 1)
            current.append(best)
        before, last = last, current
    return last[-1]

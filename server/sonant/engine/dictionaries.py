"""Pronunciation dictionaries as the engine keeps them, and what it takes. Source: contract §8."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sonant.engine.answers import refuse
from sonant.engine.pronounce import has_sound, unheard
from sonant.engine.records import Body, Records
from sonant.engine.voices import timestamp
from sonant.wire.ipa import WRITTEN
from sonant.wire.pronunciation import PRONUNCIATION_MAX, Dictionary, DictionaryItem

KIND = "pronunciation_dict"
"""Of records."""
OWNER = "local"

_ITEMS_MAX = 5000
_TEXT_MAX = 100
_NAME_MAX = 200
_DESCRIPTION_MAX = 2000
"""Source: ours; no limit but that of a pronunciation is documented."""
_FLAT_ACCESS_SINCE = "2026-08-14"


def dictionary_of(records: Records, dictionary_id: str) -> Dictionary:
    """
    Raises:
        APIError: 404, there is none of that id.
    """
    body = records.get(KIND, dictionary_id)
    if body is None:
        raise unknown(dictionary_id)
    return Dictionary.model_validate(body)


def unknown(dictionary_id: str) -> Exception:
    return refuse(
        404, f"There is no pronunciation dictionary {dictionary_id[:64]!r} here.", "pronunciation_dict_not_found"
    )


def new_body(name: str, description: str | None, items: list[DictionaryItem]) -> Body:
    return Dictionary(
        id=f"pdict_{uuid4().hex}", name=name, description=description, items=items,
        created_at=timestamp(datetime.now(UTC)),
    ).to_wire()  # fmt: skip


def shown(body: Body, version: str) -> dict[str, Any]:
    """A dictionary in the shape of a version date; `owner_id` stays, as the newest SDK reads it."""
    items = [{**item, "alias": item["pronunciation"]} for item in body["items"]]
    whose: dict[str, Any] = {"owner_id": OWNER}
    if version >= _FLAT_ACCESS_SINCE:
        whose |= {"is_owner": True, "access": "private", "visibility": "owner"}
    else:
        items = [{name: item[name] for name in ("text", "pronunciation", "alias")} for item in items]
    return {**body, "description": body.get("description"), **whose, "items": items}


def check_name(name: str | None) -> str:
    name = (name or "").strip()
    if not 0 < len(name) <= _NAME_MAX:
        raise refuse(400, f"name: a dictionary needs one, of at most {_NAME_MAX} characters.")
    return name


def check_description(description: str | None) -> str | None:
    if description and len(description) > _DESCRIPTION_MAX:
        raise refuse(400, f"description: at most {_DESCRIPTION_MAX} characters.")
    return description


def check_items(items: list[DictionaryItem]) -> tuple[list[DictionaryItem], list[str]]:
    """The items as they are kept, and what is to be said of their sounds.

    Raises:
        APIError: 400, one cannot be matched or said.
    """
    if len(items) > _ITEMS_MAX:
        raise refuse(400, f"items: a dictionary holds at most {_ITEMS_MAX} words.")
    kept: dict[str, DictionaryItem] = {}
    odd: dict[str, None] = {}
    for index, item in enumerate(items):
        text, said = " ".join(item.text.split()), item.pronunciation.strip()
        if not 0 < len(text) <= _TEXT_MAX:
            raise refuse(400, f"items.{index}.text: a word or phrase of at most {_TEXT_MAX} characters.")
        if text in kept:
            raise refuse(400, f"items.{index}.text: {text!r} is in the list already; a text may be there once.")
        odd |= dict.fromkeys(_check_pronunciation(said, index))
        kept[text] = DictionaryItem(text=text, pronunciation=said, case_sensitive=item.case_sensitive)
    notices = [f"The engine has no sound for {', '.join(odd)[:60]} and will leave it out."] if odd else []
    return list(kept.values()), notices


def _check_pronunciation(said: str, index: int) -> list[str]:
    """The symbols in it that the engine will leave out."""
    where = f"items.{index}.pronunciation"
    if len(said) > PRONUNCIATION_MAX:
        raise refuse(400, f"{where}: at most {PRONUNCIATION_MAX} characters.")
    sounds = WRITTEN.findall(said)
    rest = WRITTEN.sub("", said)
    if "<<" in rest or ">>" in rest:
        raise refuse(400, f"{where}: write the sounds of each word as <<k|ɑ|ɹ>>.")
    if any(not has_sound(ipa) for ipa in sounds):
        raise refuse(400, f"{where}: there is no sound the engine knows between << and >>; write IPA, as <<k|ɑ|ɹ>>.")
    if not sounds and not any(map(str.isalnum, rest)):
        raise refuse(400, f"{where}: there is nothing in it to be said.")
    return [symbol for ipa in sounds for symbol in unheard(ipa)]

"""Pronunciation dictionaries as a person means them: found by name, added to word by word."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from sonant.errors import InputError, NotFoundError
from sonant.library.names import shown
from sonant.wire import ipa
from sonant.wire.pronunciation import PRONUNCIATION_MAX, Dictionary, DictionaryItem, DictionaryPage, DictionaryWrite
from sonant.workflows.state import State

DEFAULT_NAME = "Pronunciations"
"""Of the dictionary that is made when none is named."""
_FIND = "Find one with list_pronunciations."
_EXAMPLE = "Write lines such as: Nguyen = <<w|ɪ|n>>, or: Nguyen = win."
_ID_PREFIX = "pdict_"
_NAME_CHARS = 200
_PAGE, _MOST_PAGES = 100, 20
_ROWS = 50
_SEPARATOR = re.compile(r"\s*(?:=>|->|→|=|:(?=\s)|\t)\s*")


@dataclass(frozen=True)
class SavedWords:
    dictionary: Dictionary
    is_new: bool
    added: int
    replaced: int
    notices: tuple[str, ...]


async def all_of(state: State) -> AsyncIterator[Dictionary]:
    api = await state.api()
    cursor = None
    for _ in range(_MOST_PAGES):
        page = await api.list_dictionaries(limit=_PAGE, starting_after=cursor)
        for dictionary in page.data:
            yield dictionary
        if not page.data or not page.has_more:
            return
        cursor = page.data[-1].id


async def page(state: State, cursor: str | None) -> DictionaryPage:
    return await (await state.api()).list_dictionaries(limit=_ROWS, starting_after=cursor)


async def find(state: State, given: str) -> Dictionary:
    """The one dictionary meant by an id or a name.

    Raises:
        InputError: none or several answer to it.
    """
    wanted = given.strip()
    if wanted.startswith(_ID_PREFIX):
        return await _by_id(state, wanted)
    known = [dictionary async for dictionary in all_of(state)]
    found = _called(known, wanted)
    if found is None:
        raise InputError(
            f"There is no pronunciation dictionary {shown(wanted, 60)!r}.", hint=_suggestion(known, wanted)
        )
    return found


async def id_of(state: State, given: str | None) -> str | None:
    """What to put into a request for speech; an id goes as it is, and is checked before anything is spoken."""
    if not given or not given.strip():
        return None
    return given.strip() if given.strip().startswith(_ID_PREFIX) else (await find(state, given)).id


async def save(state: State, words: str, given: str | None, case_sensitive: bool | None) -> SavedWords:
    """Add words to the dictionary meant, replacing those it has; a new one where no dictionary has the name.

    Raises:
        InputError: a line is not understood, or a pronunciation is not IPA; nothing was saved.
    """
    items, notices = read_words(words, case_sensitive)
    async with state.saving_words:  # two calls at once must not undo each other, nor make two of one name
        dictionary = await _target(state, given)
        api = await state.api()
        if dictionary is None:
            name = shown(given or "", _NAME_CHARS) or DEFAULT_NAME
            made = await api.create_dictionary(DictionaryWrite(name=name, items=items))
            return SavedWords(made, True, len(items), 0, (*notices, *(made.notices or ())))
        merged = list(dictionary.items)
        replaced = 0
        for item in items:
            place = _place_of(item, merged)
            if place is None:
                merged.append(item)
                continue
            replaced += 1
            sensitive = merged[place].case_sensitive if case_sensitive is None else case_sensitive
            merged[place] = item.model_copy(update={"case_sensitive": sensitive})
        changed = await api.update_dictionary(dictionary.id, DictionaryWrite(items=merged))
    told = (*notices, *(changed.notices or ()))
    return SavedWords(changed, False, len(items) - replaced, replaced, told)


def _place_of(item: DictionaryItem, known: list[DictionaryItem]) -> int | None:
    """Where the same word is; in other capitals it is the same as long as neither minds them."""
    exact = (place for place, other in enumerate(known) if other.text == item.text)
    loose = (
        place
        for place, other in enumerate(known)
        if not (item.case_sensitive or other.case_sensitive) and other.text.casefold() == item.text.casefold()
    )
    return next(exact, next(loose, None))


async def remove_words(state: State, dictionary_id: str, words: str) -> Dictionary:
    """
    Raises:
        InputError: it has none of them.
    """
    async with state.saving_words:
        dictionary = await _by_id(state, dictionary_id)
        doomed = {item.text for item in words_in(dictionary, words)}
        left = [item for item in dictionary.items if item.text not in doomed]
        return await (await state.api()).update_dictionary(dictionary.id, DictionaryWrite(items=left))


def words_in(dictionary: Dictionary, words: str) -> list[DictionaryItem]:
    """The items of these words, one a line, written as they are or in other capitals.

    Raises:
        InputError: one is not in the dictionary.
    """
    exact = {item.text: item for item in dictionary.items}
    loose = {item.text.casefold(): item for item in dictionary.items}
    found = []
    for line in filter(str.strip, words.splitlines()):
        word = " ".join(_SEPARATOR.split(line.strip(), maxsplit=1)[0].split())
        item = exact.get(word) or loose.get(word.casefold())
        if item is None:
            raise InputError(
                f"The dictionary {shown(dictionary.name, 60)} has no word {shown(word, 60)!r}.",
                hint="See its words with list_pronunciations.",
            )
        found.append(item)
    return found


def read_words(words: str, case_sensitive: bool | None) -> tuple[list[DictionaryItem], tuple[str, ...]]:
    """`word = pronunciation` lines as items, and what was made of IPA that was written another way.

    Raises:
        InputError: which line is wrong, and how to write it.
    """
    items: dict[str, DictionaryItem] = {}
    notices = []
    for word, given in _pairs(words):
        text = " ".join(word.split())
        said = _checked(text, given)
        if said != given:
            notices.append(f"{shown(text, 40)} is saved as {said}.")
        items[text] = DictionaryItem(text=text, pronunciation=said, case_sensitive=bool(case_sensitive))
    if not items:
        raise InputError("There is no word to save.", hint=_EXAMPLE)
    return list(items.values()), tuple(notices)


def _pairs(words: str) -> list[tuple[str, str]]:
    try:
        table = json.loads(words)
    except ValueError:
        table = None
    if isinstance(table, dict):
        if not all(isinstance(said, str) for said in table.values()):
            raise InputError("A pronunciation must be text.", hint=_EXAMPLE)
        return [(word, said.strip()) for word, said in table.items()]
    pairs = []
    for line in filter(str.strip, words.splitlines()):
        parts = _SEPARATOR.split(line.strip().rstrip(",;"), maxsplit=1)
        if len(parts) < 2 or not all(map(str.strip, parts)) or "=" in parts[1]:
            raise InputError(f"The line {shown(line, 60)!r} does not give one word its pronunciation.", hint=_EXAMPLE)
        pairs.append((parts[0].strip("\"' "), parts[1].strip("\"' ")))
    return pairs


def _checked(text: str, given: str) -> str:
    """The pronunciation as the wire takes it."""
    if "<<" not in given and ">>" not in given:
        said = ipa.as_written(given) if ipa.looks_like_ipa(given) else given
    else:
        outside = ipa.WRITTEN.sub("", given)
        if "<" in outside or ">" in outside:
            raise InputError(f"The pronunciation of {shown(text, 60)!r} has an open bracket.", hint=_EXAMPLE)
        said = ipa.WRITTEN.sub(lambda written: _checked_ipa(text, written[1]), given)
    if len(said) > PRONUNCIATION_MAX:
        raise InputError(
            f"The pronunciation of {shown(text, 60)!r} is longer than {PRONUNCIATION_MAX} characters.",
            hint="Divide the phrase into several words.",
        )
    if not text or not any(map(str.isalnum, said)):
        raise InputError(f"The pronunciation of {shown(text, 60)!r} holds nothing to say.", hint=_EXAMPLE)
    return said


def _checked_ipa(text: str, sounds: str) -> str:
    if odd := ipa.unknown(sounds.replace(" ", "")):
        raise InputError(
            f"The pronunciation of {shown(text, 60)!r} holds {', '.join(odd[:5])!r}, which is no IPA sound.",
            hint="Use IPA such as <<k|ɑ|ɹ|ˈ|t|i|ʒ|ə>>, or text that sounds like it, without << and >>.",
        )
    if " " in sounds.strip() or not ipa.is_divided(sounds):
        return ipa.as_written(sounds)
    return f"<<{ipa.standard(sounds.strip())}>>"


async def _target(state: State, given: str | None) -> Dictionary | None:
    """Where words go; None for a dictionary that is yet to be made."""
    if given and given.strip().startswith(_ID_PREFIX):
        return await _by_id(state, given.strip())
    known = [dictionary async for dictionary in all_of(state)]
    if given and given.strip():
        return _called(known, given)
    if len(known) > 1:
        found = _called(known, DEFAULT_NAME)
        if found is None:
            raise InputError(
                "There are several dictionaries; say which one in `dictionary`.", hint=_suggestion(known, "")
            )
        return found
    return known[0] if known else None


async def _by_id(state: State, dictionary_id: str) -> Dictionary:
    try:
        return await (await state.api()).get_dictionary(dictionary_id)
    except NotFoundError:
        raise InputError(
            f"There is no pronunciation dictionary with the id {shown(dictionary_id, 60)}.", hint=_FIND
        ) from None


def _called(known: list[Dictionary], name: str) -> Dictionary | None:
    """The one that answers to a name: the same letters and digits, else the only one that begins with it or has it."""
    key = _key(name)
    names = [(_key(dictionary.name), dictionary) for dictionary in known]
    for fits in (str.__eq__, str.startswith, str.__contains__):
        found = [dictionary for its, dictionary in names if key and fits(its, key)]
        if len(found) > 1:
            told = "; ".join(f"{shown(dictionary.name, 60)}: {dictionary.id}" for dictionary in found[:8])
            raise InputError(f"Several dictionaries answer to {shown(name, 60)!r}: {told}.", hint="Name one by its id.")
        if found:
            return found[0]
    return None


def _key(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


def _suggestion(known: list[Dictionary], name: str) -> str:
    if not known:
        return "There is none yet; make one with save_pronunciations."
    from rapidfuzz import fuzz, process

    names = [shown(dictionary.name, 60) for dictionary in known]
    close = process.extract(name, names, scorer=fuzz.WRatio, limit=3, score_cutoff=60) if name else []
    if close:
        return f"Did you mean {' or '.join(dict.fromkeys(match[0] for match in close))}?"
    return f"There are: {', '.join(names[:8])}."

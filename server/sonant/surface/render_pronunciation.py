"""Pronunciation dictionaries, as answers."""

from mcp_types import CallToolResult

from sonant.errors import InputError
from sonant.library.names import shown
from sonant.surface.results import DictionaryRow, Pronunciations, SavedPronunciations, answer, counted, sentences
from sonant.wire.pronunciation import Dictionary, DictionaryItem, DictionaryPage
from sonant.workflows.pronunciation import SavedWords
from sonant.workflows.state import State

_WORDS_AT_ONCE = 100


def dictionaries(state: State, page: DictionaryPage) -> CallToolResult:
    rows = [_row(dictionary) for dictionary in page.data]
    head = _plural(len(rows)) if rows else "There is no pronunciation dictionary yet; save_pronunciations makes one."
    lines = [f"- {row.name} ({counted(row.words, 'word')}): {row.id}" for row in rows]
    cursor = page.data[-1].id if page.has_more and page.data else None
    more = [f"More with cursor={cursor}"] if cursor else []
    data = Pronunciations(dictionaries=rows, next_cursor=cursor)
    return answer("\n".join([head, *lines, *more]), data, state=state)


def words(state: State, dictionary: Dictionary, cursor: str | None) -> CallToolResult:
    start = _place(cursor)
    end = start + _WORDS_AT_ONCE
    lines = [_line(item) for item in dictionary.items[start:end]]
    row = _row(dictionary)
    following = str(end) if end < len(dictionary.items) else None
    head = f"{row.name} ({row.id}) has {counted(row.words, 'word')}" + (":" if lines else ".")
    more = [f"More with cursor={following}"] if following else []
    data = Pronunciations(dictionaries=[row], words=lines, next_cursor=following)
    return answer("\n".join([head, *lines, *more]), data, state=state)


def saved(state: State, made: SavedWords) -> CallToolResult:
    row = _row(made.dictionary)
    changed = [
        f"{number} {verb}" for number, verb in ((made.added, "added"), (made.replaced, "replaced")) if number
    ]  # fmt: skip
    where = f"the new dictionary {row.name}" if made.is_new else row.name
    text = sentences(
        f"Saved in {where} ({row.id}), which has {counted(row.words, 'word')}: {', '.join(changed)}.",
        f"Use it with text_to_speech, pronunciation_dict_id={row.id}.",
        *made.notices,
    )
    data = SavedPronunciations(id=row.id, name=row.name, words=row.words, notices=list(made.notices))
    return answer(text, data, state=state)


def _row(dictionary: Dictionary) -> DictionaryRow:
    return DictionaryRow(
        id=dictionary.id, name=shown(dictionary.name, 80) or dictionary.id, words=len(dictionary.items)
    )


def _line(item: DictionaryItem) -> str:
    exact = " (case-sensitive)" if item.case_sensitive else ""
    return f"{shown(item.text, 100)} = {shown(item.pronunciation, 100)}{exact}"


def _plural(number: int) -> str:
    return "1 dictionary:" if number == 1 else f"{number} dictionaries:"


def _place(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 9:
        raise InputError("That cursor is not one of this list.", hint="Leave it out to start at the beginning.")
    return int(cursor)

"""IPA → the names espeak-ng gives its sounds, worked out at run time from the library's own tables."""

import re
import struct
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio
from anyio import to_thread

from sonant.engine.espeak import EspeakPool, worker_command
from sonant.engine.languages import Language
from sonant.errors import InputError
from sonant.wire.ipa import standard

_LONGEST_GROUP = 200
"""Characters between [[ and ]]; espeak-ng smashes its stack beyond about 300."""

_STRESS = {"ˈ": "'", "'": "'", "ˌ": ",", "`": ","}
_SILENT = frozenset(
    ".‿ |-\u0361\u035c\u02d1\u032f\u0329\u030d\u02de\u02b2\u02b7\u02b0\u0320\u031f\u0325\u032a\u033a\u031e\u031d\u0303ː"
)
"""Marks that may be left out when no name has them: ties, syllable dots, length, fine articulation."""

_NEAREST = {
    "ɨ": "ᵻɪi", "ʉ": "uʊ", "y": "iu", "ø": "eɜ", "œ": "ɛɜ", "ɑ": "ɑa", "a": "aæɑ", "ɒ": "ɔɑ", "ɔ": "ɔo", "e": "eɛ",
    "o": "oɔ", "ɤ": "oʌ", "ɯ": "uɪ", "ɜ": "əɛ", "ɝ": "ɚ", "ɐ": "əʌ", "ɪ": "ɪi", "ʊ": "ʊu", "ʌ": "ʌə", "ɵ": "oʊ",
    "ɘ": "ə", "ə": "əʌɐ", "æ": "æaɛ", "ɛ": "ɛe", "i": "iɪ", "u": "uʊ", "ɚ": "əɜ", "ᵻ": "ɪi",
    "r": "rɹɾʁ", "ɹ": "ɹrɾ", "ɾ": "ɾrɹd", "ʁ": "ʁrɣɹ", "ʀ": "ʁr", "ɻ": "ɹr", "x": "xχhk", "χ": "xh", "ħ": "h",
    "ɦ": "h", "ʜ": "h", "ʍ": "wh", "ɓ": "b", "ɗ": "d", "ᶑ": "d", "ʄ": "ɟj", "ɠ": "ɡ", "ʛ": "ɡ", "ʙ": "b",
    "ɽ": "ɾrɹ", "ɺ": "lɾ", "ɮ": "lʒ", "ʝ": "jʒ", "ʟ": "l", "ɴ": "nŋ", "ɧ": "ʃx", "ʡ": "ʔ", "ʢ": "ʕʔ", "ⱱ": "vʋ",
    "ʏ": "yʊɪ", "ɶ": "œɛ", "ɞ": "ɜə", "ʔ": "ʔ", "ç": "çʃx", "ʂ": "ʃs", "ɕ": "ʃs", "ʐ": "ʒz", "ʑ": "ʒz", "θ": "θts", "ð": "ðdz", "ɲ": "ɲn", "ŋ": "ŋn",
    "ɳ": "n", "ɭ": "l", "ʎ": "ʎlj", "ɫ": "ɫl", "ɬ": "lʃ", "ʈ": "t", "ɖ": "d", "c": "ck", "ɟ": "ɟɡ", "q": "qk", "ɢ": "ɡ",
    "β": "βbv", "ɸ": "f", "ʋ": "ʋv", "v": "vʋw", "w": "wʋv", "ɥ": "jw", "ɰ": "ɣw", "ɣ": "ɣɡ", "ʒ": "ʒʃz", "z": "zs",
    "ʕ": "ʔ", "h": "hx", "j": "ji", "ʃ": "ʃs", "b": "bp", "d": "dt", "ɡ": "ɡk", "ɱ": "m",
}  # fmt: skip
"""What to say where the language lacks a sound, the nearest first."""

_PLAIN = frozenset("fklmnpst")
"""Sounds of every language, which need no neighbour."""

_VOWEL = 2
_PAUSE, _STRESS_MARK = 0, 1
_PROBE = "a:"


class Pronouncer:
    """Turns IPA into names; a language's table takes about 20 ms once."""

    def __init__(self, pool: EspeakPool) -> None:
        self._pool = pool
        self._names: dict[str, Mapping[str, str]] = {}
        self._lock = anyio.Lock()

    async def in_brackets(self, ipa: str, language: Language) -> str:
        """`[[names]]` for IPA such as `k|ɑ|ɹ|ˈ|t|i|ʒ|ə`; sounds the language lacks become their nearest.

        Raises:
            InputError: not one of its symbols is a sound.
        """
        async with self._lock:
            if language.espeak not in self._names:
                self._names[language.espeak] = await self._read_names(language)
        groups = _join(to_names(ipa, self._names[language.espeak]))
        if not groups:
            raise InputError(
                f"The pronunciation <<{ipa[:40]}>> holds no sound the engine knows.",
                hint="Write IPA symbols with | between them, as in <<k|ɑ|ɹ|ˈ|t|i|ʒ|ə>>.",
            )
        return "".join(f"[[{group}]]" for group in groups)

    async def _read_names(self, language: Language) -> Mapping[str, str]:
        data_folder = Path(worker_command()[-1])
        sounds = await to_thread.run_sync(_sounds_of, data_folder, language.espeak)
        # Consonants are heard between vowels: at the end of a word German would devoice them.
        probes = [f"[[{name}]]" if kind == _VOWEL else f"[[{_PROBE}|{name}|{_PROBE}]]" for name, kind in sounds]
        vowel, *heard = (_plain(ipa) for ipa in await self._pool.phonemes(language.espeak, [f"[[{_PROBE}]]", *probes]))
        names: dict[str, str] = {}
        for (name, kind), ipa in zip(sounds, heard, strict=True):
            if kind != _VOWEL:
                if not (ipa.startswith(vowel) and ipa.endswith(vowel) and len(ipa) > 2 * len(vowel)):
                    continue
                ipa = ipa[len(vowel) : len(ipa) - len(vowel)]
            if ipa and "(" not in ipa:
                names.setdefault(ipa, name)
        return names


def unheard(ipa: str) -> list[str]:
    """What of it is left out in every language: neither a sound, nor near one, nor a mark. Each once."""
    return [
        symbol
        for symbol in dict.fromkeys(_symbols(ipa))
        if not (_is_sound(symbol) or symbol in _STRESS or symbol in _SILENT or unicodedata.category(symbol)[0] == "M")
    ]


def has_sound(ipa: str) -> bool:
    return any(map(_is_sound, _symbols(ipa)))


def _is_sound(symbol: str) -> bool:
    return symbol in _NEAREST or symbol in _PLAIN


def _symbols(ipa: str) -> str:
    """Decomposed, since marks may be left out, without ties and bars."""
    return re.sub("[\u0361\u035c|]", "", _decomposed(standard(ipa)))


def _decomposed(ipa: str) -> str:
    return unicodedata.normalize("NFD", ipa).replace("c\u0327", "ç")  # whose tail is no mark but another letter


def to_names(ipa: str, names: Mapping[str, str]) -> list[str]:
    """Names and stress marks, in order: the longest match first, then the nearest sound, else left out."""
    symbols = _symbols(ipa).replace("ɝ", "ɜː" if "ɜː" in names else "ɚ")
    longest = max(map(len, names), default=1)
    found: list[str] = []
    at = 0
    while at < len(symbols):
        symbol = symbols[at]
        if symbol in _STRESS:
            found.append(_STRESS[symbol])
            at += 1
            continue
        match = next((n for n in range(min(longest, len(symbols) - at), 0, -1) if symbols[at : at + n] in names), 0)
        if match:
            found.append(names[symbols[at : at + match]])
        elif symbol not in _SILENT:
            nearest = (form for sound in _NEAREST.get(symbol, symbol) for form in (sound, sound + "ː"))
            found += [names[form] for form in nearest if form in names][:1]
        at += match or 1
    return found


def _join(names: Sequence[str]) -> list[str]:
    """Groups short enough for the library. `|` keeps two names from fusing into a third."""
    groups: list[str] = []
    group = ""
    for name in names:
        if len(group) + len(name) >= _LONGEST_GROUP:
            groups.append(group)
            group = ""
        is_apart = group and group[-1] not in "'," and name not in "',"
        group += ("|" if is_apart else "") + name
    return [group for group in [*groups, group] if group.strip("',|")]


def _plain(ipa: str) -> str:
    return _decomposed(ipa).strip().replace("ˈ", "").replace("ˌ", "")


def _sounds_of(data_folder: Path, espeak_language: str) -> list[tuple[str, int]]:
    """(name, kind) of all sounds of a language, its own before inherited ones, plain names before variants."""
    rules = (data_folder / "lang" / espeak_language).read_text("utf-8", errors="replace")
    table = re.search(r"^phonemes\s+(\S+)", rules, re.MULTILINE)
    code = re.search(r"^language\s+([^\s-]+)", rules, re.MULTILINE)
    tables = _read_phontab((data_folder / "phontab").read_bytes())
    index = next(i for i, (name, _, _) in enumerate(tables) if name in {m[1] for m in (table or code,) if m})
    sounds: dict[str, tuple[int, int]] = {}
    for depth in range(10):
        _, base, own = tables[index]
        for name, kind in own:
            sounds.setdefault(name, (depth, kind))
        if not base:
            break
        index = base - 1
    usable = {
        name: place
        for name, place in sounds.items()
        if place[1] not in (_PAUSE, _STRESS_MARK) and name[0] != "_" and not set(name) & set("|%=$")
    }
    # English `z/2`, for one, is an s after a pause: a variant for where words meet.
    order = sorted(usable, key=lambda name: ("#" in name or "/2" in name, usable[name][0], len(name), name))
    return [(name, usable[name][1]) for name in order]


def _read_phontab(table: bytes) -> list[tuple[str, int, list[tuple[str, int]]]]:
    """(table name, base table from 1 or 0, sounds) of espeak-ng 1.52's compiled `phontab`."""
    tables = []
    offset = 4
    for _ in range(table[0]):
        count, base = table[offset], table[offset + 1]
        name = table[offset + 4 : offset + 36].split(b"\0")[0].decode("ascii", "replace")
        offset += 36
        sounds = []
        for _ in range(count):
            mnemonic, _flags, _program, _code, kind = struct.unpack_from("<IIHBB", table, offset)
            letters = struct.pack("<I", mnemonic).replace(b"\0", b"").decode("latin-1")
            if letters:
                sounds.append((letters, kind))
            offset += 16
        tables.append((name, base, sounds))
    return tables

"""The embedded engine says what it was asked to, on time, and leaves no process behind."""

import time
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress

import anyio
import numpy as np
import psutil
import pytest

from sonant.engine.lexicon import Lexicon
from sonant.engine.synthesis import SAMPLE_RATE, Piece, Synthesiser, Utterance, notices
from sonant.engine.timbre import Timbre
from sonant.errors import EngineError, EngineUnavailableError, InputError, UnsupportedOfflineError
from sonant.wire.pronunciation import DictionaryItem

CLEAR = Timbre()


@pytest.fixture
async def synthesiser() -> AsyncIterator[Synthesiser]:
    async with Synthesiser() as synthesiser:
        yield synthesiser


async def say(synthesiser: Synthesiser, transcript: str, language: str = "en", **how) -> Piece:
    """The whole utterance as one piece."""
    how.setdefault("timbre", CLEAR)
    pieces = [piece async for piece in synthesiser.speak(Utterance(transcript, language=language, **how))]
    return Piece(
        np.concatenate([piece.samples for piece in pieces]),
        tuple(word for piece in pieces for word in piece.words),
        tuple(phoneme for piece in pieces for phoneme in piece.phonemes),
    )


def duration_s(piece: Piece) -> float:
    return len(piece.samples) / SAMPLE_RATE


def level_dbfs(samples: np.ndarray) -> float:
    return float(10 * np.log10((samples**2).mean()))


def workers() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            if any("espeak_worker" in argument for argument in process.cmdline()):
                found.append(process)
    return found


async def test_every_word_has_a_time_in_order(synthesiser):
    """Words the synthesiser merges ("of the") are not dropped."""
    text = "It is one of the best days of the year, and I was at the end of it. So were you in a way."
    spoken = await say(synthesiser, text)
    assert [word.word for word in spoken.words] == text.split()
    starts = [word.start_s for word in spoken.words]
    assert starts == sorted(starts)
    assert all(word.start_s < word.end_s for word in spoken.words)
    assert 0 < duration_s(spoken) - spoken.words[-1].end_s < 0.1 or spoken.words[-1].end_s <= duration_s(spoken)
    assert "".join(phoneme.phoneme for phoneme in spoken.phonemes).startswith("ɪɾɪz")


@pytest.mark.parametrize("speed", [0.6, 1.5])
async def test_speed_changes_the_duration(synthesiser, speed):
    """Speed 1.5 takes two thirds of the time."""
    text = "We find joy in the simplest things, and the source of the huge river is the clear spring."
    ratio = duration_s(await say(synthesiser, text)) / duration_s(await say(synthesiser, text, speed=speed))
    assert ratio == pytest.approx(speed, rel=0.05)


async def test_volume_changes_the_level_and_never_clips(synthesiser):
    """Volume is our own gain, with a limiter above it."""
    text = "We find joy in the simplest things."
    quiet, loud = await say(synthesiser, text, volume=0.5), await say(synthesiser, text, volume=2.0)
    assert level_dbfs(loud.samples) - level_dbfs(quiet.samples) == pytest.approx(12, abs=1.0)
    assert np.abs(loud.samples).max() < 1.0


@pytest.mark.parametrize("timbre", [CLEAR, Timbre(base_hz=190, span_hz=80, f2=115, f3=118, klatt=5), Timbre(klatt=0)])
async def test_all_voices_are_equally_loud(synthesiser, timbre):
    """The level does not depend on the voice."""
    spoken = await say(synthesiser, "We find joy in the simplest things.", timbre=timbre)
    assert level_dbfs(spoken.samples) == pytest.approx(-22, abs=2)


@pytest.mark.parametrize(("time_", "asked_s"), [("300ms", 0.3), ("1s", 1.0), ("0.25s", 0.25)])
async def test_a_break_is_as_long_as_asked(synthesiser, time_, asked_s):
    """From the end of one sound to the start of the next, within 15 ms."""
    spoken = await say(synthesiser, f'bad<break time="{time_}"/>dad')
    quiet = np.flatnonzero(np.abs(spoken.samples) > 0.003)
    longest_gap_s = np.diff(quiet).max() / SAMPLE_RATE
    assert longest_gap_s == pytest.approx(asked_s, abs=0.03)


async def test_spelling_reads_each_character(synthesiser):
    """<spell> reads letters and digits one by one."""
    spoken = await say(synthesiser, "Code <spell>AB12</spell>, please.")
    assert [word.word for word in spoken.words] == ["Code", "AB12,", "please."]
    assert "b ˌiː w ˌʌ n t ˈuː" in " ".join(phoneme.phoneme for phoneme in spoken.phonemes)


@pytest.mark.parametrize("language", ["en", "de", "fr", "pl", "hi"])
async def test_inline_ipa_is_said(synthesiser, language):
    """<<p|h|o|n|e>> replaces a word by sounds."""
    spoken = await say(synthesiser, "<<t|o|m|ˈ|a|t|a>>.", language)
    letters = "".join(phoneme.phoneme for phoneme in spoken.phonemes).replace("ˈ", "").replace("ː", "")
    assert letters[0] in "tʈ"
    assert "m" in letters
    assert len(letters) >= 6


async def test_pronunciations_replace_whole_words_only(synthesiser):
    """A dictionary's word sounds as it says; a word that merely contains it does not."""
    words = {"sql": "sequel", "gif": "<<dʒ|ɪ|f>>"}
    items = [DictionaryItem(text=text, pronunciation=said) for text, said in words.items()]
    how = {"pronunciations": Lexicon(items, any_case=True)}
    spoken = await say(synthesiser, "SQL gif gifts", **how)
    assert [word.word for word in spoken.words] == ["SQL", "gif", "gifts"]
    phonemes = "".join(phoneme.phoneme for phoneme in spoken.phonemes)
    assert phonemes.startswith("sˈiːkwəl")
    assert "dʒɪf" in phonemes
    assert "ɡˈɪfts" in phonemes


async def test_emotions_move_the_pace(synthesiser):
    """Sad is slower than neutral, excited faster; inline or for the whole."""
    text = "The train arrived at platform nine ten minutes late."
    neutral, sad = await say(synthesiser, text), await say(synthesiser, text, emotion="sad")
    inline = await say(synthesiser, f'<emotion value="sad"/>{text}')
    assert duration_s(sad) > 1.1 * duration_s(neutral)
    assert duration_s(inline) == pytest.approx(duration_s(sad), rel=0.02)
    assert duration_s(await say(synthesiser, text, emotion="excited")) < 0.95 * duration_s(neutral)


async def test_a_filtered_voice_has_no_clicks_and_the_same_length(synthesiser):
    """The filter runs through piece edges and silences."""
    taps = np.zeros(513)
    taps[256] = 1.0
    text = 'One sentence. Two sentences. <break time="0.5s"/> Three.'
    plain = await say(synthesiser, text)
    filtered = await say(synthesiser, text, timbre=Timbre(fir=tuple(taps)))
    assert len(filtered.samples) == pytest.approx(len(plain.samples), abs=200)
    assert np.abs(np.diff(filtered.samples)).max() <= 1.2 * np.abs(np.diff(plain.samples)).max()


async def test_the_first_piece_comes_before_the_rest_is_made(synthesiser):
    """A long text streams: taking one piece does not cost the whole."""
    long = "This is a sentence of a long story. " * 400
    await say(synthesiser, "Warm.")
    start = time.perf_counter()
    async with aclosing(synthesiser.speak(Utterance(long, CLEAR, "en"))) as pieces:
        assert len((await anext(pieces)).samples)
    assert time.perf_counter() - start < 0.25


HOSTILE = {
    "dots": "a.b.c." * 200,
    "brackets": "[[[[" * 300 + " a:]] [[" + "a:" * 300 + "]]",
    "newlines": "\n" * 10_000 + "end",
    "one word": "x" * 3000,
    "right to left": "\u202eمرحبا بالعالم hello שלום",
    "combining marks": "\u0301" * 50 + "a" + "\u0301\u0316" * 500,
    "nul": "a\0b\x07c\ud800d",
    "emoji": "I ❤️ you 👩‍👩‍👧‍👦 😀",
    "markup": "<break time='1' <spell>x <emotion value=> </spell> << <<>> <b>a & b</b> <speed ratio='9'/> ok",
    "ssml": '<voice name="x"><prosody rate="5%"><say-as interpret-as="characters">hello',
    "support": "24/7 support at 100% & 3 < 4",
    "ipa": "<<" + "ɑː" * 90 + ">> and <<ˈ|ˌ|a>>",
}


@pytest.mark.parametrize("transcript", HOSTILE.values(), ids=HOSTILE.keys())
async def test_hostile_text_is_spoken(synthesiser, transcript):
    """Nothing a caller writes crashes the synthesiser for good, and the next request works."""
    assert duration_s(await say(synthesiser, transcript)) > 0.1
    assert duration_s(await say(synthesiser, "Next.")) == pytest.approx(0.7, abs=0.3)


async def test_a_hundred_kilobytes_of_one_word_stream(synthesiser):
    """The first piece comes soon, and stopping there leaves nothing running."""
    with anyio.fail_after(3):
        async with aclosing(synthesiser.speak(Utterance("a" * 100_000, CLEAR, "en"))) as pieces:
            assert len((await anext(pieces)).samples)


async def test_nothing_leaks_into_the_next_request(synthesiser):
    """Voice, pace and language of one request do not colour the next."""
    before = await say(synthesiser, "The same sentence.")
    await say(synthesiser, "Ein Satz, <spell>AB", "de", timbre=Timbre(base_hz=200, span_hz=90, klatt=0), speed=1.5)
    after = await say(synthesiser, "The same sentence.")
    assert [p.phoneme for p in before.phonemes] == [p.phoneme for p in after.phonemes]
    assert len(after.samples) == pytest.approx(len(before.samples), abs=100)


@pytest.mark.parametrize(
    "transcript", ["", " \n\t ", "...", '<break time="1s"/>', "[laughter]", "\0", "<spell> </spell>"]
)
async def test_nothing_to_say_is_refused(synthesiser, transcript):
    """Blank text and text of only tags are the caller's mistake."""
    with pytest.raises(InputError, match="nothing to say"):
        await say(synthesiser, transcript)


async def test_what_it_cannot_do_is_refused_by_name(synthesiser):
    """Unknown languages and emotions, and kanji, say what to do instead."""
    with pytest.raises(InputError, match="It speaks: en, fr"):
        await say(synthesiser, "hello", "xx")
    with pytest.raises(InputError, match="Use one of: neutral"):
        await say(synthesiser, "hello", emotion="peckish")
    with pytest.raises(UnsupportedOfflineError, match=r"kanji such as 東.*kana"):
        await say(synthesiser, "東京です", "ja")
    with pytest.raises(InputError, match="no sound the engine knows"):
        await say(synthesiser, "<<7|7>>")


def test_notices_confess():
    """What is left out or approximate is said in a sentence."""
    said = notices(Utterance('Ha [laughter] ha <speed ratio="3"/> <emotion value="peckish"/>', CLEAR, "en-AU"))
    assert [any(part in notice for notice in said) for part in ("Australian", "laugh", "speed tag", "emotion")] == [
        True
    ] * 4
    assert notices(Utterance("Hello.", CLEAR, "en")) == ()
    (said,) = notices(Utterance("שלום עולם", CLEAR, "en"))
    assert "Hebrew" in said
    assert "language=he" in said


async def test_a_killed_worker_is_replaced(synthesiser):
    """Killing every worker between and during requests costs at most an EngineError, and the next one works."""
    await say(synthesiser, "Hello.")
    for worker in workers():
        worker.kill()
    assert duration_s(await say(synthesiser, "Hello again.")) > 0.3

    async with anyio.create_task_group() as group:

        async def long_request() -> None:
            with suppress(EngineError):
                assert duration_s(await say(synthesiser, "A long sentence with many words in it. " * 50)) > 60

        group.start_soon(long_request)
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
            for worker in workers():
                worker.kill()
    assert duration_s(await say(synthesiser, "Hello again.")) > 0.3


async def test_two_requests_use_two_workers_and_closing_ends_them():
    """Parallel requests do not wait for each other; after close nothing runs."""
    async with Synthesiser(workers=2) as synthesiser, anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(say, synthesiser, "Some words to say. " * 5)
        await say(synthesiser, "More words. " * 5)
        assert len(workers()) == 2
    assert workers() == []
    with pytest.raises(EngineUnavailableError):
        await say(synthesiser, "Too late.")


async def test_cancelling_stops_the_work(synthesiser):
    """A cancelled request ends promptly and the synthesiser goes on."""
    with anyio.move_on_after(0.05) as scope:
        await say(synthesiser, "Words without end. " * 3000)
    assert scope.cancelled_caught
    assert duration_s(await say(synthesiser, "Still here.")) > 0.3
    assert len(workers()) <= 2


SAMPLES = {
    "en": "The weather is nice today.", "fr": "Il fait beau aujourd'hui.", "de": "Das Wetter ist heute schön.",
    "es": "Hoy hace buen tiempo.", "pt": "O tempo está bom hoje.", "zh": "今天天气很好。", "ja": "きょうは てんきが いいですね。",
    "hi": "आज मौसम अच्छा है।", "it": "Oggi il tempo è bello.", "ko": "오늘 날씨가 좋아요.", "nl": "Het weer is vandaag mooi.",
    "pl": "Dzisiaj jest ładna pogoda.", "ru": "Сегодня хорошая погода.", "sv": "Vädret är fint idag.",
    "tr": "Bugün hava güzel.", "tl": "Maganda ang panahon ngayon.", "bg": "Времето днес е хубаво.",
    "ro": "Vremea este frumoasă astăzi.", "ar": "الطقس جميل اليوم.", "cs": "Dnes je hezké počasí.",
    "el": "Ο καιρός είναι καλός σήμερα.", "fi": "Sää on tänään kaunis.", "hr": "Danas je lijepo vrijeme.",
    "ms": "Cuaca baik hari ini.", "sk": "Dnes je pekné počasie.", "da": "Vejret er dejligt i dag.",
    "ta": "இன்று வானிலை நன்றாக உள்ளது.", "uk": "Сьогодні гарна погода.", "hu": "Ma szép idő van.",
    "no": "Været er fint i dag.", "vi": "Hôm nay thời tiết đẹp.", "bn": "আজ আবহাওয়া সুন্দর।", "th": "วันนี้อากาศดี",
    "he": "מזג האוויר יפה היום", "ka": "დღეს კარგი ამინდია.", "id": "Cuaca hari ini bagus.", "te": "ఈరోజు వాతావరణం బాగుంది.",
    "gu": "આજે હવામાન સારું છે.", "kn": "ಇಂದು ಹವಾಮಾನ ಚೆನ್ನಾಗಿದೆ.", "ml": "ഇന്ന് കാലാവസ്ഥ നല്ലതാണ്.",
    "mr": "आज हवामान छान आहे.", "pa": "ਅੱਜ ਮੌਸਮ ਵਧੀਆ ਹੈ।", "or": "ଆଜି ପାଗ ଭଲ ଅଛି।", "ur": "آج موسم اچھا ہے۔",
}  # fmt: skip


async def test_every_language_speaks(synthesiser):
    """A sentence in each takes one to five seconds, and all its words have times."""
    for language, text in SAMPLES.items():
        spoken = await say(synthesiser, text, language)
        assert 0.6 < duration_s(spoken) < 6, language
        said = "".join(word.word for word in spoken.words)
        assert said == "".join(text.split()), language
        assert all(word.end_s > word.start_s for word in spoken.words), language

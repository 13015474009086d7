"""The voices of the engine: the catalogue, its cursors, the stand-ins, and what is made and kept."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from engine_fixture import KATIE, Engine, speech
from sonant.engine.accents import accents
from sonant.engine.catalogue import catalogue, default_voice
from sonant.engine.languages import LANGUAGES
from sonant.engine.voice_store import VoiceStore
from sonant.engine.voices import TAGLINE_MAX
from sonant.errors import EngineUnavailableError
from sonant.wire.languages import NAMES
from sonant.wire.voices import DOCUMENTATION_VOICES, PUBLIC_VOICES

MINE = replace(default_voice(), id="mine", name="Mine", is_owner=True, created_at=datetime(2026, 11, 23, tzinfo=UTC))


def test_the_catalogue_has_distinct_english_voices_and_every_language() -> None:
    """Eight English voices or more, no two alike; one or more in each of the wire's languages."""
    voices = list(catalogue().values())
    english = [voice for voice in voices if voice.speaks("en") and voice.tagline != "Stand-in, synthetic"]
    assert len(english) >= 8
    assert len({(voice.timbre, voice.language) for voice in english}) == len(english)
    assert {voice.gender for voice in english} == {"masculine", "feminine", "gender_neutral"}
    assert len({voice.language for voice in english}) >= 5
    assert {voice.to_wire().language for voice in voices} == set(NAMES)


def test_every_catalogue_voice_is_well_formed_and_honest() -> None:
    """Ids are UUIDs, names unique, taglines short, descriptions say synthetic, languages speakable."""
    voices = catalogue()
    assert all(str(UUID(voice_id)) == voice_id for voice_id in voices)
    assert len({voice.name for voice in voices.values()}) == len(voices)
    for voice in voices.values():
        assert 0 < len(voice.tagline) <= TAGLINE_MAX
        assert "synthetic" in voice.description
        assert voice.language in LANGUAGES


def test_catalogue_ids_never_change() -> None:
    """Programs keep them."""
    names = {voice.name: voice_id for voice_id, voice in catalogue().items()}
    assert names["Ash"] == "899ded1b-6752-5221-b6a2-989d69f252e1"
    assert names["Élise"] == "961fd694-878a-5f6a-945a-dd4ff426053d"


@pytest.mark.parametrize(
    ("name", "gender", "locale"),
    [("Katie", "feminine", "en-US"), ("Skylar", "feminine", "en-US"), ("Jameson", "masculine", "en-US"),
     ("Gemma", "feminine", "en-GB"), ("Archie", "masculine", "en-GB")],
)  # fmt: skip
def test_cartesias_public_ids_have_stand_ins(engine: Engine, name: str, gender: str, locale: str) -> None:
    """Under the very id and name, of that gender and accent, and not pretending (contract §6.6)."""
    with engine.http() as http:
        voice = http.get(f"/voices/{PUBLIC_VOICES[name]}").json()
    assert (voice["name"], voice["gender"], voice["accents"][0]["locale"]) == (name, gender, locale)
    assert "not the same voice" in voice["description"]


@pytest.mark.parametrize("voice_id", DOCUMENTATION_VOICES)
def test_the_documentations_ids_speak(engine: Engine, voice_id: str) -> None:
    """What is pasted from the docs runs."""
    with engine.http() as http:
        assert http.post("/tts/bytes", json=speech(voice={"mode": "id", "id": voice_id})).status_code == 200


def test_english_voices_sound_different(engine: Engine) -> None:
    """Different bodies of different length for the same words."""
    with engine.http() as http:
        listed = http.get("/voices", params={"language": "en", "limit": 100}).json()["data"]
        bodies = [http.post("/tts/bytes", json=speech("Good day.", voice=voice["id"])).content for voice in listed]
    assert len(set(bodies)) == len(listed)


def names(engine: Engine, **query: Any) -> list[str]:
    with engine.http() as http:
        answer = http.get("/voices", params={"limit": 100, **query})
    assert answer.status_code == 200, answer.text
    return [voice["name"] for voice in answer.json()["data"]]


def test_voices_are_found_by_name_gender_language_and_locale(engine: Engine) -> None:
    """Each filter of contract §6.2; they combine."""
    assert names(engine, q="katie", is_owner="false") == ["Katie"]
    assert names(engine, q=KATIE) == ["Katie"]
    assert set(names(engine, language="fr", is_owner="false")) == {"Élise", "Luc", "Manon", "Bastien"}
    assert set(names(engine, language="fr-FR", is_owner="false")) == {"Élise", "Luc"}
    assert names(engine, language="FR_fr", gender="masculine", is_owner="false") == ["Luc"]
    assert "Gemma" in names(engine, language="en-GB")
    assert "Katie" not in names(engine, language="en-GB")
    assert "Katie" not in names(engine, is_owner="true")
    assert names(engine, q="no such voice") == []


def test_cursors_walk_both_ways(engine: Engine) -> None:
    """After and before a voice, `has_more` and the empty page at the end (contract §1.3)."""
    query = {"is_owner": False, "limit": 100}
    with engine.http() as http:
        ids = [voice["id"] for voice in http.get("/voices", params=query).json()["data"]]
        after = http.get("/voices", params={**query, "limit": 3, "starting_after": ids[4]}).json()
        before = http.get("/voices", params={**query, "limit": 3, "ending_before": ids[4]}).json()
        first = http.get("/voices", params={**query, "ending_before": ids[0]}).json()
        last = list(catalogue())[-1]
        end = http.get("/voices", params={**query, "starting_after": last}).json()
    assert [voice["id"] for voice in after["data"]] == ids[5:8]
    assert (after["has_more"], after["next_page"]) == (True, ids[7])
    assert [voice["id"] for voice in before["data"]] == ids[1:4]
    assert before["has_more"]
    assert (first["data"], first["has_more"]) == ([], False)
    assert end == {"data": [], "has_more": False, "next_page": None}


def test_deleting_while_paging_loses_nothing(engine: Engine) -> None:
    """A cursor on a voice that was deleted a moment ago keeps its place."""
    client = engine.sdk()
    made = {client.voices.localize(voice_id=KATIE, name=f"Copy {n}", accent="parisian").id for n in range(4)}
    seen = set()
    for voice in client.voices.list(q="Copy ", is_owner=True, limit=1):
        client.voices.delete(voice.id)
        seen.add(voice.id)
    assert seen == made


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "limit=²", "gender=male", "language=xx", "is_owner=maybe",
              "starting_after=nobody", f"starting_after={KATIE}&ending_before={KATIE}"]
)  # fmt: skip
def test_a_listing_that_cannot_be_had_is_400(engine: Engine, query: str) -> None:
    """Rather than a list of something else."""
    with engine.http() as http:
        assert http.get(f"/voices?{query}").status_code == 400


def test_the_engines_own_voices_cannot_be_deleted_or_changed(engine: Engine) -> None:
    """403; an unknown one is 404."""
    with engine.http() as http:
        assert http.delete(f"/voices/{KATIE}").status_code == 403
        assert http.patch(f"/voices/{KATIE}", json={"name": "Kate"}).status_code == 403
        assert http.delete("/voices/nobody").status_code == 404


@pytest.mark.parametrize(
    ("changes", "status_code"),
    [({"accent": "martian"}, 400), ({"accent": "Parisian French"}, 400), ({"accent": "bagheli"}, 400),
     ({"voice_id": "nobody"}, 404), ({"name": " "}, 400), ({"name": None}, 400), ({"tagline": "x" * 33}, 400),
     ({"access": "secret"}, 400)],
)  # fmt: skip
def test_a_voice_that_cannot_be_localized_is_refused(
    engine: Engine, changes: dict[str, object], status_code: int
) -> None:
    """Catalogue ids only, and only accents the engine can speak."""
    body = {"voice_id": KATIE, "name": "Copy", "accent": "parisian", **changes}
    with engine.http() as http:
        answer: httpx.Response = http.post("/voices/localize", json=body)
    assert answer.status_code == status_code, answer.text


def test_every_localizable_accent_is_speakable_and_covers_every_language() -> None:
    """One accent a locale stands for it; older names of the catalogue are still known."""
    found = [accent for accent in accents().values() if accent.is_localizable]
    assert {accent.language for accent in found} == set(NAMES)
    assert all(accent.speech_language in LANGUAGES for accent in found)
    defaults = [accent.locale for accent in accents().values() if accent.is_locale_default]
    assert len(set(defaults)) == len(defaults)


def test_accents_are_filtered(engine: Engine) -> None:
    """By language, locale, and whether a voice can be moved there."""
    with engine.http() as http:
        gb = http.get("/accents", params={"locale": "en-GB"}).json()["accents"]
        movable = http.get("/accents", params={"language": "es", "is_localizable": "true"}).json()["accents"]
    assert [accent["id"] for accent in gb] == ["british"]
    assert {accent["id"] for accent in movable} == {"castilian", "mexican"}


def test_made_voices_survive_and_are_shared(tmp_path: Path) -> None:
    """Two stores on one file see each other's voices, newest first, to the last number; nobody else does."""
    path = tmp_path / "data" / "deep" / "voices.sqlite3"
    one, two = VoiceStore(path), VoiceStore(path)
    assert one.entries() == []
    assert not path.exists()
    one.put(MINE)
    two.put(replace(MINE, id="other"))
    assert [voice_id for voice_id, _ in one.entries()] == ["other", "mine"]
    assert two.get("mine") == MINE
    assert two.delete("mine")
    assert not two.delete("mine")
    assert one.get("mine") is None
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o777 == 0o600
        assert {folder.stat().st_mode & 0o777 for folder in (path.parent, path.parent.parent)} == {0o700}


def test_stores_of_many_servers_do_not_lose_voices(tmp_path: Path) -> None:
    """Writers wait for each other."""
    path = tmp_path / "voices.sqlite3"

    def add(number: int) -> None:
        VoiceStore(path).put(replace(MINE, id=str(number)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    assert {voice_id for voice_id, _ in VoiceStore(path).entries()} == {str(number) for number in range(40)}


def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    """Naming the file, and what to do."""
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(EngineUnavailableError, match=r"voices\.sqlite3.*SONANT_DATA_DIR"):
        VoiceStore(blocked / "voices.sqlite3").put(MINE)

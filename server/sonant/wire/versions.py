"""Version dates of the API. Source: contract §1.2."""

VERSIONS = ("2024-06-10", "2024-11-13", "2025-04-16", "2025-11-04", "2026-03-01", "2026-08-14")
"""Every version there is, oldest first: dates compare as text. 2025-11-04 is another name of 2025-04-16."""

VERSION = VERSIONS[-1]
"""The newest, and what Sonant speaks unless told otherwise."""

JSON_ERRORS_SINCE = "2026-03-01"
"""Before it, and under a version nobody knows, an error is a line of text. Source: contract §1.4."""
EMBEDDINGS_UNTIL = "2024-11-13"
"""The last version with voice embeddings, `/voices/mix` and voices made from embeddings. Source: contract §6.5."""

REGIONS_SINCE = "2026-08-14"
"""Speech takes `locale`, `accent` and `normalization` since; and a wav format may leave out what has a default."""

VERSION_HEADER = "Cartesia-Version"
VERSION_QUERY = "cartesia_version"
"""On a socket's handshake; wins over the header."""
FILE_ID_HEADER = "Cartesia-File-ID"
REQUEST_ID_HEADER = "X-Request-ID"

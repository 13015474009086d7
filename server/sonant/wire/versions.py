"""Version dates of the API. Source: contract §1.2."""

VERSION = "2026-08-14"
"""The newest, and what Sonant speaks unless told otherwise."""

SUPPORTED = (VERSION,)

VERSION_HEADER = "Cartesia-Version"
FILE_ID_HEADER = "Cartesia-File-ID"
REQUEST_ID_HEADER = "X-Request-ID"

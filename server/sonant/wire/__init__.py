"""Cartesia's protocol as data, blind to which end it is. No I/O. Source: contract, API 2026-08-14."""

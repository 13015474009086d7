"""What the tests of the wire share."""

from engine_fixture import engine

__all__ = ["engine"]

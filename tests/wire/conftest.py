"""What the tests of the wire share."""

from engine_fixture import contract_kept, engine

__all__ = ["contract_kept", "engine"]

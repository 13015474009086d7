"""Sonant: speech for assistants, over the Cartesia speech API, in the cloud or on this machine."""

__version__ = "0.2.0"

"""Calls about stored files."""

from sonant.api_client.calls import Calls


class FileCalls(Calls):
    pass

"""Calls that change a voice in a recording."""

from sonant.api_client.calls import Calls


class ChangingCalls(Calls):
    pass

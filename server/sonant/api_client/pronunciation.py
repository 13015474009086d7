"""Calls about pronunciation dictionaries."""

from sonant.api_client.calls import Calls


class DictionaryCalls(Calls):
    pass

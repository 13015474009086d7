"""Calls about tokens, keys and usage."""

from sonant.api_client.calls import Calls


class AccountCalls(Calls):
    pass

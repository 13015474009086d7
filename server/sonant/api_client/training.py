"""Calls about datasets and fine-tunes."""

from sonant.api_client.calls import Calls


class TrainingCalls(Calls):
    pass
